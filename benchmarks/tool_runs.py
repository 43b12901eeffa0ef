"""Runs with tools, as agents post them: captured runs with the messages and tools of another size put in.

Every text is another one; the tools are alike within a project, as in life. A history calls tools and has their
answers, as many as fit.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WIRE = Path(__file__).parents[1] / "tests" / "data" / "wire"
_WORDS = [
    f"{a}{b}{c}" for a in "bdfgklmn" for b in ("a", "ei", "o", "u", "ü") for c in ("ra", "st", "ld", "n, ")
]

CASES: dict[str, tuple[int, int, int]] = {
    # messages with the answer, tools, characters in a text
    "3 messages, 1 tool": (3, 1, 300),
    "5 messages, 1 tool": (5, 1, 300),
    "21 messages, 8 tools": (21, 8, 160),
    "9 messages, 8 tools, 25 KB": (9, 8, 1500),
}


def runs_of(producer: str, case: str, count: int) -> list[dict[str, Any]]:
    """So many runs of one producer, as the API returns them; the first is always the same.

    Args:
        producer: `LangChain`, `wrap_openai` or `wrap_anthropic`.
        case: One of `CASES`.
        count: How many.
    """
    made = [_run(producer, case, number) for number in range(count)]
    return json.loads(json.dumps(made))  # type: ignore[no-any-return]


def _run(producer: str, case: str, number: int) -> dict[str, Any]:
    messages, tools, size = CASES[case]
    words = random.Random(f"{case} {number}")  # noqa: S311 - the same each time
    run = json.loads(_CAPTURED[producer])
    run["id"] = run["trace_id"] = str(uuid.UUID(int=number + 1))
    _PUT[producer](run, _history(messages, size, words), [_tool(place) for place in range(tools)])
    return run  # type: ignore[no-any-return]


def _history(messages: int, size: int, words: random.Random) -> list[tuple[str, str]]:
    """Who speaks and what: a system prompt, questions, calls and their answers, and the last answer."""
    roles = ["system"] + ["user", "call", "tool", "assistant"] * messages
    if messages % 4 == 3:
        roles[1:1] = ["user", "assistant"] * (messages > 3)
    roles = [*roles[: messages - 1], "assistant"] if messages > 3 else ["system", "user", "assistant"]
    return [(role, _text(size, words)) for role in roles]


def _text(size: int, words: random.Random) -> str:
    return " ".join(words.choice(_WORDS) for _ in range(size // 5))[:size]


def _tool(place: int) -> dict[str, Any]:
    properties: dict[str, Any] = {
        name: {"type": "string", "description": f"The {name} that the customer named, in their own words."}
        for name in ("city", "country", "order", "reason")
    }
    properties["unit"] = {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"}
    properties["days"] = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    schema = {"type": "object", "properties": properties, "required": ["city", "order"]}
    description = f"Looks up what is known in register {place}; call it once for each order, never for none."
    return {"name": f"look_up_{place}", "description": description, "parameters": schema}


def _arguments(text: str) -> dict[str, Any]:
    return {"city": text[:20], "order": text[20:30], "days": len(text)}


def _langchain(run: dict[str, Any], history: list[tuple[str, str]], tools: list[dict[str, Any]]) -> None:
    system, human, call, tool = run["inputs"]["messages"][0]
    answer = run["outputs"]["generations"][0][0]["message"]
    kinds = {"system": system, "user": human, "call": call, "tool": tool, "assistant": answer}
    made = []
    for place, (role, text) in enumerate(history):
        fields = {**kinds[role]["kwargs"], "content": text}
        if role == "call":
            fields["content"] = ""
            found = {
                "name": "look_up_0",
                "args": _arguments(text),
                "id": f"call_{place}a9",
                "type": "tool_call",
            }
            fields["tool_calls"] = [found]
        elif role == "tool":
            fields["tool_call_id"] = f"call_{place - 1}a9"
        made.append({**kinds[role], "kwargs": fields})
    run["inputs"]["messages"] = [made[:-1]]
    generation = run["outputs"]["generations"][0][0]
    run["outputs"]["generations"] = [[{**generation, "text": history[-1][1], "message": made[-1]}]]
    run["extra"]["invocation_params"]["tools"] = [{"type": "function", "function": tool} for tool in tools]


def _openai(run: dict[str, Any], history: list[tuple[str, str]], tools: list[dict[str, Any]]) -> None:
    made: list[dict[str, Any]] = []
    for place, (role, text) in enumerate(history[:-1]):
        if role == "call":
            call = {"name": "look_up_0", "arguments": json.dumps(_arguments(text), ensure_ascii=False)}
            calls = [{"id": f"call_{place}a9", "function": call, "type": "function"}]
            made.append({"role": "assistant", "annotations": [], "tool_calls": calls})
        elif role == "tool":
            made.append({"role": "tool", "tool_call_id": f"call_{place - 1}a9", "content": text})
        else:
            made.append({"role": role, "content": text})
    run["inputs"]["messages"] = made
    run["inputs"]["tools"] = [{"type": "function", "function": tool} for tool in tools]
    run["outputs"]["choices"][0]["message"]["content"] = history[-1][1]


def _anthropic(run: dict[str, Any], history: list[tuple[str, str]], tools: list[dict[str, Any]]) -> None:
    made: list[dict[str, Any]] = []
    for place, (role, text) in enumerate(history[:-1]):
        block: dict[str, Any] = {"type": "text", "text": text}
        if role == "call":
            block = {
                "type": "tool_use",
                "id": f"toolu_{place}a9",
                "name": "look_up_0",
                "input": _arguments(text),
            }
        elif role == "tool":
            block = {"type": "tool_result", "tool_use_id": f"toolu_{place - 1}a9", "content": text}
        speaker = {"call": "assistant", "tool": "user"}.get(role, role)
        made.append({"role": speaker, "content": text if role == "system" else [block]})
    run["inputs"]["messages"] = made
    run["inputs"]["tools"] = [
        {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]}
        for tool in tools
    ]
    run["outputs"]["content"][0]["text"] = history[-1][1]


_PUT: dict[str, Callable[[dict[str, Any], list[tuple[str, str]], list[dict[str, Any]]], None]] = {
    "LangChain": _langchain,
    "wrap_openai": _openai,
    "wrap_anthropic": _anthropic,
}
_FILES = {
    "LangChain": "lc_tools_roundtrip",
    "wrap_openai": "wo_tools_roundtrip",
    "wrap_anthropic": "wa_tools",
}
_CAPTURED = {
    producer: json.dumps(json.loads((_WIRE / f"{name}.json").read_text(encoding="utf-8"))["cases"][1]["run"])
    for producer, name in _FILES.items()
}
