"""Reads the tool calls of a LangChain message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Message, ToolCall
from langsmith_finetune.dialects.checked import arguments_text, mapping_at, text_at
from langsmith_finetune.dialects.content import kind_of
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.openai_chat import (
    calls_at,
    function_call_from,
    id_at,
    tool_call_from,
)


def add_calls(
    where: str,
    message: Message,
    fields: Mapping[str, Any],
    extra: Mapping[str, Any],
    notes: Notes,
    *,
    is_answer: bool,
) -> None:
    """The calls, from the places where versions and languages keep them, the most exact first."""
    parsed = _parsed_calls(where, fields, notes)
    raw = _raw_calls(where, extra, parsed, notes)
    streamed = _streamed_calls(where, fields, notes)
    if is_answer:
        calls = streamed or raw or parsed
    else:
        calls = parsed or raw
        if parsed and raw:  # raw calls tell the order where some of the parsed are valid and some are not
            order = {call["id"]: position for position, call in enumerate(raw)}
            calls = sorted(parsed, key=lambda call: order.get(call["id"], len(order)))
    if calls:
        message["tool_calls"] = calls
    elif extra.get("function_call"):
        message["function_call"] = function_call_from(
            f"{where}.additional_kwargs.function_call", extra["function_call"], notes
        )


def _parsed_calls(where: str, fields: Mapping[str, Any], notes: Notes) -> list[ToolCall]:
    calls: list[ToolCall] = []
    for key in ("tool_calls", "invalid_tool_calls"):
        if not fields.get(key):
            continue
        for index, found in enumerate(calls_at(f"{where}.{key}", fields.get(key))):
            at = f"{where}.{key}[{index}]"
            call = mapping_at(at, found)
            arguments = call.get("args")
            calls.append({
                "id": id_at(f"{at}.id", call.get("id")),
                "type": "function",
                "function": {
                    "name": text_at(f"{at}.name", call.get("name")),
                    "arguments": arguments_text(
                        f"{at}.args", "" if arguments is None else arguments, notes
                    ),
                },
            })  # fmt: skip
    return calls


def _raw_calls(where: str, extra: Mapping[str, Any], parsed: list[ToolCall], notes: Notes) -> list[ToolCall]:
    if not extra.get("tool_calls"):
        return []
    where = f"{where}.additional_kwargs.tool_calls"
    calls = calls_at(where, extra.get("tool_calls"))
    if any(isinstance(call, OBJECT) and call.get("type") == "not_implemented" for call in calls):
        if parsed:
            return []  # objects that LangChain could not write down; it parsed them before
        raise Unreadable("lost_at_source", f"{where} holds objects that LangChain could not write down")
    return [tool_call_from(f"{where}[{i}]", call, notes) for i, call in enumerate(calls)]


def _streamed_calls(where: str, fields: Mapping[str, Any], notes: Notes) -> list[ToolCall]:
    """The calls of a chunk: their text as it arrived, where parsing may have repaired it."""
    calls: list[ToolCall] = []
    if not fields.get("tool_call_chunks"):
        return calls
    content = fields.get("content")
    blocks = content if isinstance(content, (list, tuple)) else ()
    as_blocks = [b.get("id") for b in blocks if isinstance(b, OBJECT) and kind_of(b) == "tool_use"]
    for index, found in enumerate(calls_at(f"{where}.tool_call_chunks", fields.get("tool_call_chunks"))):
        chunk = mapping_at(f"{where}.tool_call_chunks[{index}]", found)
        call_id, name, arguments = chunk.get("id"), chunk.get("name"), chunk.get("args")
        if not (isinstance(call_id, str) and isinstance(name, str) and isinstance(arguments, str)):
            return []  # pieces that were never joined: the parsed calls know more
        if not arguments and call_id in as_blocks:
            arguments = "{}"  # Anthropic streams no piece of an empty object
        calls.append({
            "id": call_id,
            "type": "function",
            "function": {"name": name, "arguments": arguments_text(where, arguments, notes)},
        })  # fmt: skip
    return calls
