"""OpenAI chat completions as `wrap_openai` posts them: the request's arguments, and the answer as a dict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.shapes.canonical import (
    Conversation,
    FunctionCall,
    Message,
    Notes,
    ToolCall,
    Unreadable,
    arguments_text,
    list_at,
    malformed,
    mapping_at,
    text_at,
)
from langsmith_finetune.shapes.content import content_from
from langsmith_finetune.shapes.run import RunPayload
from langsmith_finetune.shapes.tools import add_request_settings

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_KEYS = frozenset({
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal",
    # What the SDK adds to an answer, or a stream leaves behind: no part of the conversation.
    "annotations", "parsed", "index",
})  # fmt: skip
CUT_OFF = frozenset({"length", "content_filter", "max_tokens"})


def read(run: RunPayload, notes: Notes) -> Conversation:
    """A run of `wrap_openai(...).chat.completions.create`, `.parse` or `.stream`."""
    inputs = mapping_at("inputs", run.inputs)
    messages = [
        message_from(f"inputs.messages[{i}]", message, notes)
        for i, message in enumerate(list_at("inputs.messages", inputs.get("messages")))
    ]
    if not messages:
        raise malformed("inputs.messages", "a list of at least one message", None)
    messages.append(_answer(run.outputs, notes))
    conversation = Conversation(messages=messages)
    add_request_settings(conversation, run, notes)
    return conversation


def _answer(outputs: Mapping[str, Any], notes: Notes) -> Message:
    choices = list_at("outputs.choices", outputs["choices"])
    if not choices:
        raise Unreadable("empty_output", "outputs.choices is an empty list")
    choice = mapping_at("outputs.choices[0]", choices[0])
    if "message" not in choice and "text" in choice:
        raise Unreadable("completion_model", "outputs.choices[0] holds text, not a message")
    message = message_from("outputs.choices[0].message", choice.get("message"), notes)
    if message["role"] != "assistant":
        raise malformed("outputs.choices[0].message.role", '"assistant"', None)
    if choice.get("finish_reason") in CUT_OFF:
        notes.add("answer_cut_off", "outputs.choices[0].finish_reason")
    if len(choices) > 1:
        notes.add("other_candidates", f"outputs.choices holds {len(choices)}")
    return message


def message_from(where: str, message: Any, notes: Notes) -> Message:
    """One message of a request or an answer. Null is absent; keys beyond the form are left out and noted."""
    message = mapping_at(where, message)
    role = message.get("role")
    if role not in ROLES:
        raise malformed(f"{where}.role", f"one of {', '.join(sorted(ROLES))}", role)
    read: Message = {"role": role, "content": content_from(f"{where}.content", message.get("content"), notes)}
    if message.get("name") is not None:
        read["name"] = text_at(f"{where}.name", message["name"])
    if message.get("tool_calls"):
        calls = list_at(f"{where}.tool_calls", message["tool_calls"])
        read["tool_calls"] = [
            tool_call_from(f"{where}.tool_calls[{i}]", call) for i, call in enumerate(calls)
        ]
    if message.get("function_call"):
        read["function_call"] = function_call_from(f"{where}.function_call", message["function_call"])
    if role == "tool":
        read["tool_call_id"] = text_at(f"{where}.tool_call_id", message.get("tool_call_id"))
    if message.get("refusal") is not None:
        read["refusal"] = text_at(f"{where}.refusal", message["refusal"])
    _tidy_content(read)
    for key, value in message.items():
        if key not in _KEYS and value:
            notes.add("reasoning_dropped" if str(key).startswith("reasoning") else "keys_dropped", where)
    return read


def _tidy_content(message: Message) -> None:
    """Beside calls, no text is null: streams say "" there, answers in one piece say null."""
    if not message["content"]:
        called = "tool_calls" in message or "function_call" in message
        message["content"] = None if called or "refusal" in message else ""


def tool_call_from(where: str, call: Any) -> ToolCall:
    """One of a message's `tool_calls`; the `index` that a stream leaves in it goes."""
    call = mapping_at(where, call)
    if call.get("type", "function") not in ("function", None):
        raise malformed(f"{where}.type", '"function"; a training line has no other calls', call.get("type"))
    return {
        "id": text_at(f"{where}.id", call.get("id")),
        "type": "function",
        "function": function_call_from(f"{where}.function", call.get("function")),
    }


def function_call_from(where: str, call: Any) -> FunctionCall:
    """The name and the arguments of a call, tool or legacy function."""
    call = mapping_at(where, call)
    return {
        "name": text_at(f"{where}.name", call.get("name")),
        "arguments": arguments_text(f"{where}.arguments", call.get("arguments")),
    }
