"""TRL: rows of prompt and completion, with the arguments of calls as objects and tools as JSON text.

TRL has no weights. It takes the loss on the completion of a row, so the completion begins with the first
message that is to be learned; `assistant_only_loss=True` leaves out the answers of tools and users in it.
Rows of one kind throughout, since TRL looks at the first row to tell the kind of the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from langsmith_finetune._foundation.json_line import json_line
from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.chat_format import request_of_line
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets.rules import Line, TargetRules

_FORMATS = "https://huggingface.co/docs/trl/dataset_formats"


def to_row(line: Line) -> dict[str, Any]:
    """A line that keeps the rules, as a row of prompt and completion, with a label, or of prompt, chosen and rejected.

    Tool messages get the name of the tool they answer, which some chat templates ask for.
    """
    holder = request_of_line(line)
    tools = {"tools": compact_json(holder["tools"])} if "tools" in holder else {}
    called: dict[str, str] = {}
    messages = [_to_message(message, called) for message in holder["messages"]]
    if "input" in line:
        answers = {
            "chosen": [_to_message(message, called) for message in line["preferred_output"]],
            "rejected": [_to_message(message, called) for message in line["non_preferred_output"]],
        }
        return {"prompt": messages, **answers, **tools}
    if "label" in line:
        answer = [_to_message(message, called) for message in line["completion"]]
        return {"prompt": messages, "completion": answer, "label": line["label"], **tools}
    first = next(
        index
        for index, message in enumerate(line["messages"])
        if message["role"] == "assistant" and message.get("weight", 1)
    )
    return {"prompt": messages[:first], "completion": messages[first:], **tools}


def from_row(row: Line) -> dict[str, Any]:
    """A row as a line: the history of a completion gets weight 0.

    Raises:
        InvalidExampleError: The row is not as TRL reads it.
    """
    tools = row.get("tools")
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            raise _bad("tools", "is not JSON text") from None
        json_line("row", {"tools": tools})  # a text may say NaN, or go deep
    offered = {"tools": tools} if tools else {}
    prompt = _from_messages("prompt", row.get("prompt"))
    if row.get("chosen") is not None:
        return {
            "input": {"messages": prompt, **offered},
            "preferred_output": _from_messages("chosen", row["chosen"]),
            "non_preferred_output": _from_messages("rejected", row.get("rejected")),
        }
    if row.get("label") is not None:
        answer = _from_messages("completion", row.get("completion"))
        return {"prompt": prompt, "completion": answer, "label": row["label"], **offered}
    history = [m | {"weight": 0} if m.get("role") == "assistant" else m for m in prompt]
    return {"messages": history + _from_messages("completion", row.get("completion")), **offered}


def _to_message(message: Line, called: dict[str, str]) -> dict[str, Any]:
    row = {key: value for key, value in message.items() if key not in ("weight", "tool_calls", "content")}
    content = message.get("content")
    # Chat templates take text: none of those in use can say null, and few know lists.
    row["content"] = "".join(part["text"] for part in content) if isinstance(content, list) else content or ""
    if "tool_calls" in message:
        row["tool_calls"] = [_to_call(call) for call in message["tool_calls"]]
        called |= {call["id"]: call["function"]["name"] for call in message["tool_calls"]}
    elif message["role"] == "tool":
        row.setdefault("name", called[message["tool_call_id"]])
    return row


def _to_call(call: Line) -> dict[str, Any]:
    arguments = call["function"]["arguments"]
    read = json.loads(arguments) if isinstance(arguments, str) else arguments
    return {**call, "function": {**call["function"], "arguments": read}}


def _from_messages(field: str, messages: Any) -> list[dict[str, Any]]:
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        raise _bad(field, "is not a list of messages")
    return list(_lines(messages))


def _lines(messages: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for message in messages:
        line = {key: value for key, value in message.items() if value is not None or key == "content"}
        if line.get("role") == "tool":
            line.pop("name", None)
        calls = line.get("tool_calls")
        if calls and isinstance(calls, list):
            line["content"] = line.get("content") or None
            line["tool_calls"] = [_from_call(call) for call in calls]
        yield line


def _from_call(call: Any) -> Any:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("arguments"), dict):
        return call
    return {**call, "function": {**function, "arguments": compact_json(function["arguments"])}}


def _bad(field: str, reason: str) -> InvalidExampleError:
    return InvalidExampleError("row", field, reason, 'Write rows with to_target(line, "trl")')


TRL = TargetRules(
    name="trl",
    source=_FORMATS,
    sources={
        "special_token": "https://huggingface.co/docs/transformers/chat_templating",
        "tools": "https://huggingface.co/docs/trl/dataset_formats#tool-calling",
        "too_long": "https://huggingface.co/docs/trl/sft_trainer",
    },
    warns=frozenset(
        {
            "byte_order_mark",
            "call_id",
            "empty_content",
            "function_name",
            "line_key",
            "message_key",
            "name",
            "refusal",
            "undefined_tool",
        }
    ),
    line_keys=frozenset({"messages", "tools"}),
    message_keys=frozenset({"reasoning_content"}),
    weights="history",
    order="user_first",
    argument_objects=True,
    labels=True,
    row_keys=frozenset({"prompt"}),
    to_row=to_row,
    from_row=from_row,
)
