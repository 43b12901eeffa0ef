"""Reads OpenAI chat completions as `wrap_openai` posts them.

LiteLLM's callback and a `@traceable` function that returns a completion post the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.chat_format import FunctionCall, Message, ToolCall
from langsmith_finetune.dialects.checked import arguments_text, list_at, malformed, mapping_at, text_at
from langsmith_finetune.dialects.content import FOUND, content_from
from langsmith_finetune.dialects.endings import ENDINGS, note_ending
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.runs.fields import RunPayload

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_ALIASES = {"human": "user", "ai": "assistant", "model": "assistant"}
_KEYS = frozenset({
    "role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal",
    # What the SDK adds to an answer, or a stream leaves behind: no part of the conversation.
    "annotations", "parsed", "index", "tool_name", "usage_metadata",
})  # fmt: skip


def answer_from(run: RunPayload, notes: Notes) -> list[Message]:
    """The answer under `choices`."""
    choices = list_at("outputs.choices", run.outputs["choices"])
    if not choices:
        raise Unreadable("empty_output", "outputs.choices is an empty list")
    choice = mapping_at("outputs.choices[0]", choices[0])
    if "message" not in choice and "text" in choice:
        raise Unreadable("completion_model", "outputs.choices[0] holds text, not a message")
    message = message_from("outputs.choices[0].message", choice.get("message"), notes)
    if message["role"] != "assistant":
        raise malformed("outputs.choices[0].message.role", '"assistant"', message["role"], ROLES)
    note_ending("outputs.choices[0]", choice, notes)
    if run.outputs.get("object") == "chat.completion.chunk" and choice.get("finish_reason", "") is None:
        notes.add("answer_cut_off", "outputs.choices[0] tells of no end of the stream")
    note_unknown("outputs.choices[0]", choice, _CHOICE, notes)
    note_unknown("outputs", run.outputs, _COMPLETION, notes)
    if len(choices) > 1:
        notes.add("other_candidates", f"outputs.choices holds {len(choices)}")
    return [message]


_CHOICE = frozenset({
    "index", "message", "delta", "text", "logprobs", "content_filter_results", "content_filter_offsets",
    "matched_stop", "native_finish_reason", "token_ids", "prompt_token_ids", "routed_experts", "usage",
    *ENDINGS,
})  # fmt: skip
_COMPLETION = frozenset({
    "choices", "id", "object", "created", "model", "system_fingerprint", "service_tier", "usage", "usage_metadata",
    "metadata", "moderation", "obfuscation", "prompt_filter_results", "provider", "x_groq", "time_info", "timings",
    "kv_transfer_params", "prompt_logprobs", "prompt_token_ids", "nvext", "request_id", "response_ms", "cost",
    "type", "run", "warnings", "error", "user", "seed",
})  # fmt: skip


_NOTED = FOUND | {"executed_tools", "annotations"}
"""What `context` notes wherever it stands."""


def note_unknown(where: str, place: Mapping[str, Any], known: frozenset[str], notes: Notes) -> None:
    """Note what an answer holds under keys that are not known to be no part of it.

    Numbers and flags say nothing that a model said, nor do keys that begin with an underscore: the SDKs' own.
    """
    for key, value in place.items():
        if key in known or key in _NOTED or not value or isinstance(value, (bool, int, float)):
            continue
        if not (isinstance(key, str) and key.startswith("_")):
            note_key(where, key, value, notes)


def role_at(where: str, role: Any) -> str:
    """The value, which must be a role of the chat format, or LangChain's or Gemini's word for one."""
    found = _ALIASES.get(role, role) if isinstance(role, str) else None
    if found not in ROLES:
        raise malformed(where, f"one of {', '.join(sorted(ROLES))}", role)
    return found


def message_from(where: str, message: Any, notes: Notes) -> Message:
    """One message of a request or an answer. Null is absent; keys beyond the form are left out and noted."""
    message = mapping_at(where, message)
    role = role_at(f"{where}.role", message.get("role"))
    if "content" not in message and not any(map(message.get, ("tool_calls", "function_call", "refusal"))):
        raise malformed(f"{where}.content", "text or parts", None)
    read: Message = {"role": role, "content": content_from(f"{where}.content", message.get("content"), notes)}
    if message.get("name") not in (None, ""):  # LangChain leaves an empty one out
        read["name"] = text_at(f"{where}.name", message["name"])
    if role == "assistant":
        _add_said(where, read, message, notes)
    elif message.get("tool_calls") or message.get("function_call"):
        raise Unreadable("malformed", f"{where} calls a tool, which only an assistant message does")
    elif message.get("refusal"):
        notes.add("keys_dropped", where)
    if role == "tool":
        read["tool_call_id"] = id_at(f"{where}.tool_call_id", message.get("tool_call_id"))
    for key, value in message.items():
        if key not in _KEYS and value:
            note_key(where, key, value, notes)
    tidy_content(read, notes)
    return read


def _add_said(where: str, read: Message, message: Mapping[str, Any], notes: Notes) -> None:
    """What only an assistant message has."""
    if calls := calls_at(f"{where}.tool_calls", message.get("tool_calls")):
        read["tool_calls"] = [
            tool_call_from(f"{where}.tool_calls[{i}]", call, notes) for i, call in enumerate(calls)
        ]
    if message.get("function_call"):
        read["function_call"] = function_call_from(f"{where}.function_call", message["function_call"], notes)
    if message.get("refusal") is not None:
        read["refusal"] = text_at(f"{where}.refusal", message["refusal"])


def note_key(where: str, key: Any, value: Any, notes: Notes) -> None:
    """Note a key of a message that a training line has no place for."""
    if isinstance(key, str) and key.startswith(("reasoning", "thinking")):
        notes.thought(where, value)
    elif value and not (key == "provider_specific_fields" and _is_hollow(value)):
        notes.add("keys_dropped", where)


def _is_hollow(value: Any) -> bool:
    return isinstance(value, Mapping) and not any(value.values())


def tidy_content(message: Message, notes: Notes) -> None:
    """Finish a message: the thinking goes with it, and beside calls, no text is null (streams say "")."""
    notes.give_thoughts(message)
    if not message["content"]:
        silent = "tool_calls" in message or "function_call" in message or "refusal" in message
        message["content"] = None if silent else ""


def calls_at(where: str, calls: Any) -> list[Any]:
    """The calls in a list, without the nulls that a stream leaves which numbers its calls from 1."""
    return [call for call in list_at(where, calls or []) if call is not None]


def id_at(where: str, call_id: Any) -> str:
    """The id of a call; "" where it has none, until `Turns` makes one from its place."""
    return "" if call_id is None else text_at(where, call_id)


def tool_call_from(where: str, call: Any, notes: Notes) -> ToolCall:
    """One of a message's `tool_calls`; the `index` that a stream leaves in it goes."""
    call = mapping_at(where, call)
    kind = call.get("type", "function")
    if kind == "custom":
        raise Unreadable("not_expressible", f"{where} calls a custom tool, which takes text, not arguments")
    if kind not in ("function", None):
        raise malformed(f"{where}.type", '"function"; a training line has no other calls', kind)
    return {
        "id": id_at(f"{where}.id", call.get("id")),
        "type": "function",
        "function": function_call_from(f"{where}.function", call.get("function"), notes),
    }


def function_call_from(where: str, call: Any, notes: Notes) -> FunctionCall:
    """The name and the arguments of a call, tool or legacy function."""
    call = mapping_at(where, call)
    return {
        "name": text_at(f"{where}.name", call.get("name")),
        "arguments": arguments_text(f"{where}.arguments", call.get("arguments"), notes),
    }
