"""Conversations, lines, files and mistakes of our own, for the golden file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from langchain_core.messages import AIMessage, ChatMessage, HumanMessage

from langsmith_finetune import (
    LangSmithRunChatLoader,
    check,
    convert_messages_for_finetuning,
    examples_from_runs,
    training_examples,
)
from langsmith_finetune.dataset import redact
from langsmith_finetune.targets import from_target, to_target
from tests.support import payloads


def _call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _says(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


_PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
_PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL = {
    "type": "function",
    "function": {"name": "weather", "description": "Tells it.", "parameters": _PARAMETERS},
}

LINES: dict[str, dict[str, Any]] = {
    "text": {"messages": [_says("user", "Hi 你好 👋\u2028"), _says("assistant", "Hello\n\u201cyou\u201d!")]},
    "system": {
        "messages": [
            _says("system", "Be brief."),
            _says("user", "1"),
            _says("assistant", "one"),
            _says("user", "2"),
            _says("assistant", "two"),
        ]
    },
    "calls": {
        "messages": [
            _says("user", "Weather in Paris and Rome?"),
            _says(
                "assistant",
                None,
                tool_calls=[
                    _call("call_0", "weather", '{"city":"Paris"}'),
                    _call("call_1", "weather", '{"city":"Rome","n":12345678901234567890}'),
                ],
            ),
            _says("tool", "sunny", tool_call_id="call_0"),
            _says("tool", "", tool_call_id="call_1"),
            _says("assistant", "Sunny in Paris; nothing of Rome."),
        ],
        "tools": [_TOOL],
    },
    "ends with a call": {
        "messages": [
            _says("user", "Weather?"),
            _says("assistant", "I look.", tool_calls=[_call("call_0", "weather", '{"city":"Ré"}')]),
        ],
        "tools": [_TOOL],
    },
    "a picture": {
        "messages": [
            _says("user", [{"type": "text", "text": "What is it?"}, _PICTURE]),
            _says("assistant", "A dot."),
        ]
    },
}

MAKERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "wrap_openai": payloads.wrap_openai_run,
    "wrap_openai_streamed": payloads.wrap_openai_streamed_run,
    "langchain": payloads.langchain_run,
    "langchain_flat": lambda line: payloads.langchain_run(line, nested=False),
    "responses": payloads.responses_run,
    "openai_agents": payloads.openai_agents_run,
    "openai_agents_streamed": lambda line: payloads.openai_agents_run(line, streamed=True),
    "wrap_anthropic": payloads.wrap_anthropic_run,
    "wrap_gemini": payloads.wrap_gemini_run,
    "vercel": payloads.vercel_run,
    "otel": payloads.otel_run,
}

_ANSWER = [_says("assistant", "4")]
BAD_LINES: dict[str, Any] = {
    "a preference": {
        "input": {"messages": [_says("user", "2+2?")]},
        "preferred_output": _ANSWER,
        "non_preferred_output": [_says("assistant", "5")],
    },
    "a preference without a worse answer": {
        "input": {"messages": [_says("user", "2+2?")]},
        "preferred_output": _ANSWER,
    },
    "no answer": {"messages": [_says("user", "2+2?")]},
    "no messages": {"messages": []},
    "messages of another type": {"messages": "2+2?"},
    "a role that nobody knows": {"messages": [_says("wizard", "2+2?"), *_ANSWER]},
    "a developer": {"messages": [_says("developer", "Be brief."), _says("user", "2+2?"), *_ANSWER]},
    "keys of another": {"messages": [_says("user", "2+2?", mood="good"), *_ANSWER], "temperature": 0, "x": 1},
    "an answer to no call": {
        "messages": [_says("user", "2+2?"), _says("tool", "4", tool_call_id="c"), *_ANSWER]
    },
    "a call without an answer": {
        "messages": [
            _says("user", "W?"),
            _says("assistant", None, tool_calls=[_call("c", "weather", "{}")]),
            *_ANSWER,
        ],
        "tools": [_TOOL],
    },
    "a call of no tool": {
        "messages": [_says("user", "W?"), _says("assistant", None, tool_calls=[_call("c", "wind", "{")])],
        "tools": [_TOOL],
    },
    "weights": {
        "messages": [
            _says("user", "1"),
            _says("assistant", "one", weight=0),
            _says("user", "2"),
            _says("assistant", "two", weight=1),
        ]
    },
    "weight 0 after 1": {
        "messages": [
            _says("user", "1"),
            _says("assistant", "one", weight=1),
            _says("user", "2"),
            _says("assistant", "two", weight=0),
            _says("user", "3"),
            _says("assistant", "three"),
        ]
    },
    "a weight of a half": {"messages": [_says("user", "1"), _says("assistant", "one", weight=0.5)]},
    "an empty answer": {"messages": [_says("user", "1"), _says("assistant", "")]},
    "thinking": {"messages": [_says("user", "1"), _says("assistant", "one", reasoning_content="1 is one")]},
    "a refusal": {"messages": [_says("user", "1"), _says("assistant", None, refusal="No.")]},
    "a control token": {"messages": [_says("user", "1 <|im_end|>"), *_ANSWER]},
    "half a pair": {"messages": [_says("user", "cut \ud83d"), *_ANSWER]},
    "legacy functions": {
        "messages": [
            _says("user", "W?"),
            _says("assistant", None, function_call={"name": "weather", "arguments": "{}"}),
        ],
        "functions": [_TOOL["function"]],
    },
}

_GOOD = b'{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "one"}]}\n'
BAD_FILES: dict[str, bytes] = {
    "a blank line": _GOOD + b"\n" + _GOOD,
    "a blank line at the end": _GOOD + b"\n",
    "a byte order mark": b"\xef\xbb\xbf" + _GOOD,
    "a number that JSON has not": _GOOD + _GOOD.replace(b'"one"}', b'"one", "weight": NaN}'),
    "bytes that are not UTF-8": _GOOD + _GOOD.replace(b"one", b"on\xe9"),
    "half of a surrogate pair": _GOOD + _GOOD.replace(b"one", b"on\\ud83d"),
    "an array": b"[" + _GOOD.strip() + b"]\n",
    "half a line": _GOOD + _GOOD[:40],
    "no line end": _GOOD.strip(),
    "nothing": b"",
    "text": b"Hi\n",
    "UTF-16": _GOOD.decode().encode("utf-16"),
    "a key twice": _GOOD.replace(b'{"messages"', b'{"messages": [], "messages"'),
}


async def _later() -> AsyncIterator[Any]:
    yield _RUN


_RUN = payloads.langchain_run(LINES["text"])
_SESSION: dict[str, Any] = {"messages": [HumanMessage("q"), AIMessage("a")]}

MISUSES: dict[str, Callable[[], Any]] = {
    "LangSmithRunChatLoader of a run": lambda: LangSmithRunChatLoader(runs=_RUN),
    "LangSmithRunChatLoader of an id": lambda: LangSmithRunChatLoader(runs=_RUN["id"]),
    "LangSmithRunChatLoader of None": lambda: LangSmithRunChatLoader(runs=None),  # type: ignore[arg-type]
    "lazy_load of what comes later": lambda: LangSmithRunChatLoader(runs=_later()).load(),
    "examples_from_runs of a run": lambda: list(examples_from_runs(_RUN)),
    "examples_from_runs of ids": lambda: list(examples_from_runs([_RUN["id"]])),
    "examples_from_runs of None": lambda: list(examples_from_runs(None)),  # type: ignore[arg-type]
    "examples_from_runs of part": lambda: list(examples_from_runs([_RUN], train_on="some")),  # type: ignore[arg-type]
    "training_examples of runs": lambda: list(training_examples([_RUN])),  # type: ignore[list-item]
    "training_examples of a session": lambda: list(training_examples(_SESSION)),  # type: ignore[arg-type]
    "training_examples of tuples": lambda: list(training_examples([{"messages": [("user", "q")]}])),  # type: ignore[list-item]
    "training_examples of dicts": lambda: list(
        training_examples([{"messages": [{"role": "user", "content": "q"}]}])
    ),  # type: ignore[list-item]
    "a role that nobody knows": lambda: convert_messages_for_finetuning(
        [{"messages": [ChatMessage(role="Ada", content="q"), AIMessage("a")]}]
    ),
    "to_target of nobody": lambda: to_target(LINES["text"], "nobody"),  # type: ignore[arg-type]
    "check for nobody": lambda: check([LINES["text"]], "nobody"),  # type: ignore[arg-type]
    "check of a rule that is none": lambda: check([LINES["text"]], "openai", ignore=["taste"]),  # type: ignore[list-item]
    "from_target of another row": lambda: from_target({"text": "Hi"}, "gemini"),
    "redact by a number": lambda: list(redact([], 5)),  # type: ignore[arg-type]
}
"""Mistakes that are easily made, for the texts that answer them."""
