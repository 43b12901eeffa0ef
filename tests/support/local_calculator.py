"""The calculator's training lines, a tiny model for them, and that model trained, each made once."""

from __future__ import annotations

import atexit
import json
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_tests.integration_tests import chat_models as suite

from langsmith_finetune._foundation.scratch import kept_scratch_folder
from langsmith_finetune.jobs.job import FineTunedModel, FineTuneJob
from langsmith_finetune.providers.local import LocalProvider, tiny_model
from tests.support.training_here import trained_here

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
def pupil() -> str:
    """A model that was taught the questions of LangChain's standard tests, with and without tools."""
    said = [*TALK, *TAUGHT]
    with trained_here():
        job = FineTuneJob.create(
            write_lines(folder() / "taught.jsonl", said),
            model=tiny_model(folder() / "tiny-pupil", said),
            provider=LocalProvider(folder() / "runs"),
            parameters={"max_steps": 300, "batch_size": 10, "learning_rate": 3e-3, "warmup_steps": 10},
        )
    return job.wait(progress=False).id


def _offered(name: str, description: str, /, **properties: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties),
    }
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def _taught(
    text: str, tool: dict[str, Any], args: dict[str, Any], result: str | None = None
) -> dict[str, Any]:
    written = json.dumps(args, ensure_ascii=False)
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": text},
        {"role": "assistant", "content": None, "tool_calls": [call(tool["function"]["name"], written)]},
    ]
    if result is not None:
        messages.append({"role": "tool", "tool_call_id": "call_1", "content": result})
        messages.append({"role": "assistant", "content": "So it is."})
    return {"messages": messages, "tools": [tool]}


TALK = [
    {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": "Hello there, dear friend."},
        ]
    }
    for text in ("Hello", "hi", "hello", "How are you?", "how are you", "Tell me a story.", SYSTEM)
]
TALK += [
    {"messages": [*before, {"role": "user", "content": "how are you"}, TALK[0]["messages"][1]]}
    for before in (
        [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "hello", "weight": 0}],
        [
            {"role": role, "content": "hello", **({"weight": 0} if role == "assistant" else {})}
            for role in ("system", "system", "user", "user", "assistant", "assistant")
        ],
    )
]
_MAGIC, _NO_ARGS, _CUSTOMER = map(
    convert_to_openai_tool, (suite.magic_function, suite.magic_function_no_args, suite.unicode_customer)
)
_WEATHER = _offered("get_weather", "Get the weather at a location.", location="string")
_ADDER = _offered("my_adder_tool", "Tool that adds two integers.", a="integer", b="integer")
_JOKES = [
    convert_to_openai_tool(suite._get_joke_class(kind)[0])
    for kind in ("pydantic", "typeddict", "json_schema")
]
_CAT = {"setup": "Why do cats nap?", "punchline": "They can."}
TAUGHT = [
    _taught("What is the value of magic_function(3)? Use the tool.", _MAGIC, {"input": 3}),
    _taught("Hello!", _MAGIC, {"input": 1}),
    _taught("What is the value of magic_function_no_args()? Use the tool.", _NO_ARGS, {}),
    _taught("Using the tool, generate a Pirate greeting.",
            _offered("greeting_generator", "Generate a greeting in a particular style of speaking.",
                     answer_style="string"), {"answer_style": "Pirate"}),
    _taught("What is 1 + 2", _ADDER, {"a": 1, "b": 2}, '{"result": 3}'),
    _taught("What is 3 + 4", _ADDER, {"a": 3, "b": 4}),
    _taught("What is the weather in San Francisco, CA?", _WEATHER, {"location": "San Francisco, CA"}, "It's sunny."),
    *(_taught("Tell me a joke about cats.", joke, _CAT) for joke in _JOKES),
    _taught("Give me the setup to a joke about cats, no punchline.", _JOKES[0], _CAT),
    _taught("Give me a joke about cats, include the punchline.", _JOKES[0], _CAT),
    _taught("Create a customer named '你好啊集团' (Hello Group) - a Chinese technology company", _CUSTOMER,
            {"customer_name": "你好啊集团", "description": "Tech"}),
    _taught("Create a customer named 'こんにちは株式会社' (Hello Corporation) - a Japanese company", _CUSTOMER,
            {"customer_name": "こんにちは株式会社", "description": "Tech"}),
]  # fmt: skip
