"""The calculator's training lines, a tiny model for them, and that model trained, each made once."""

from __future__ import annotations

import atexit
import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.scratch import kept_scratch_folder
from langsmith_finetune.jobs.job import FineTunedModel, FineTuneJob
from langsmith_finetune.providers.local import LocalProvider, tiny_model

SYSTEM = "You are an accounting assistant."

TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "Calculator",
        "description": "A calculator function",
        "parameters": {
            "type": "object",
            "properties": {
                "num1": {"type": "number"},
                "num2": {"type": "number"},
                "operation": {"type": "string", "enum": ["+", "-", "*", "/"], "description": "+,-,*,/"},
            },
            "required": ["num1", "num2", "operation"],
        },
    },
}

SUMS = [
    *("45/9", "81/9", "72/8", "56/7", "36/6", "64/8", "12*6", "8*8", "10*10", "11*11", "13*13"),
    *("45+30", "72+28", "56+44", "63+37", "70-35", "60-30", "50-25", "40-20", "30-15"),
]

WORDS = {"/": ("除以", "divided by"), "*": ("乘以", "times"), "+": ("加", "plus"), "-": ("减去", "minus")}


def question(text: str, *, english: bool = False) -> str:
    num1, operation, num2 = re.fullmatch(r"(\d+)(\D)(\d+)", text).groups()
    word = WORDS[operation][english]
    return f"What is {num1} {word} {num2}?" if english else f"{num1} {word} {num2} 等于多少？"


def arguments(text: str) -> dict[str, Any]:
    num1, operation, num2 = re.fullmatch(r"(\d+)(\D)(\d+)", text).groups()
    return {"num1": int(num1), "num2": int(num2), "operation": operation}


def asked() -> list[tuple[str, dict[str, Any]]]:
    """Each sum once, every other one in English, and the arguments of the right call."""
    return [(question(text, english=i % 2 == 1), arguments(text)) for i, text in enumerate(SUMS)]


def call(name: str, args: str, call_id: str = "call_1") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": args}}


def lines() -> list[dict[str, Any]]:
    return [
        {
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": text},
                {"role": "assistant", "content": None, "tool_calls": [call("Calculator", json.dumps(args))]},
            ],
            "tools": [TOOL],
        }
        for text, args in asked()
    ]


def write_lines(path: Path, some: list[dict[str, Any]] | None = None) -> Path:
    chosen = lines() if some is None else some
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in chosen)
    path.write_text(text, encoding="utf-8")
    return path


@cache
def folder() -> Path:
    """A folder for what is made once a session."""
    path = kept_scratch_folder("calculator-")
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def untrained() -> Path:
    return tiny_model(folder() / "tiny", lines())


@cache
def trained() -> tuple[FineTuneJob, FineTunedModel]:
    job = FineTuneJob.create(
        write_lines(folder() / "train.jsonl"),
        model=untrained(),
        provider=LocalProvider(folder() / "runs"),
        parameters={"max_steps": 240, "batch_size": 10, "learning_rate": 3e-3, "warmup_steps": 10},
    )
    return job, job.wait(timeout=300, poll_seconds=0.5, progress=False)


@cache
def talker() -> str:
    """A model that answers anything with a sentence."""
    prompts = ["Hello", "hi", "How are you?", "Tell me a story.", SYSTEM]
    said = [
        {
            "messages": [
                {"role": "user", "content": text},
                {"role": "assistant", "content": "Hello there, dear friend."},
            ]
        }
        for text in prompts
    ]
    job = FineTuneJob.create(
        write_lines(folder() / "talk.jsonl", said),
        model=tiny_model(folder() / "tiny-talker", said),
        provider=LocalProvider(folder() / "runs"),
        parameters={"max_steps": 60, "batch_size": 5, "learning_rate": 3e-3},
    )
    return job.wait(timeout=120, poll_seconds=0.5, progress=False).id
