"""Reads OpenAI's Responses API: items instead of messages.

    inputs.instructions   the system prompt
    inputs.input          text, or items: messages, function_call, function_call_output, reasoning
    outputs.output        items

What the model said in one go is one assistant message: its text, and beside it its calls.
Source: https://platform.openai.com/docs/api-reference/responses/create
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT, compact_json
from langsmith_finetune.chat_format import Message, ToolCall
from langsmith_finetune.dialects.checked import (
    arguments_text,
    json_at,
    list_at,
    malformed,
    mapping_at,
    text_at,
)
from langsmith_finetune.dialects.content import NOT_EXPRESSIBLE, content_from, kind_of
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.endings import note_ending
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.openai_chat import tidy_content
from langsmith_finetune.dialects.tools import refuse_kept_elsewhere
from langsmith_finetune.dialects.turns import Turns
from langsmith_finetune.runs.fields import RunPayload

_PLAIN: tuple[Any, ...] = (None, "text")


def add_request(run: RunPayload, turns: Turns) -> None:
    """Read `inputs.instructions` and `inputs.input`, which of OpenAI's agents may also hold chat messages."""
    inputs = run.inputs
    kept = [inputs, run.outputs]
    if run.metadata.get("ls_integration") == "openai-agents-sdk":
        kept.append(run.metadata)  # the rest of the answer is posted there
    for place in kept:
        prompt = place.get("prompt")  # stored ones are objects
        refuse_kept_elsewhere(
            place.get("previous_response_id"),
            place.get("conversation"),
            isinstance(prompt, OBJECT) and prompt,
        )
    instructions = inputs.get("instructions")
    if instructions:
        turns.messages.append({"role": "system", "content": text_at("inputs.instructions", instructions)})
    found = inputs["input"]
    if isinstance(found, str):
        turns.messages.append(
            {"role": "user", "content": content_from("inputs.input", found, turns.notes) or ""}
        )
    else:
        _add_items("inputs.input", found, turns)


def add_answer(run: RunPayload, turns: Turns) -> None:
    """Read `outputs.output`: all that was said, as one message."""
    status = run.outputs.get("status")
    if status == "failed":
        raise Unreadable("failed", "outputs.status says that the call failed")
    for index, item in enumerate(list_at("outputs.output", run.outputs["output"])):
        note_ending(f"outputs.output[{index}]", item, turns.notes)
    said = Turns(turns.notes)
    _add_items("outputs.output", run.outputs["output"], said)
    if not said.messages:
        raise Unreadable("empty_output", "outputs.output holds no message and no call")
    if any(message["role"] != "assistant" for message in said.messages):
        raise Unreadable("malformed", "outputs.output holds more than what the model said")
    turns.messages.append(_joined(said.messages, turns.notes))


def note_settings(run: RunPayload, conversation: Conversation, notes: Notes) -> None:
    """Note what only this API has; and leave out what the answer merely repeats as its default."""
    inputs = run.inputs
    for text in (inputs.get("text"), run.invocation("text")):
        wanted = text.get("format") if isinstance(text, Mapping) else None
        if isinstance(wanted, Mapping) and wanted.get("type") not in _PLAIN:
            notes.add("response_format", "the call named a text format")
    if inputs.get("text_format") is not None:
        notes.add("response_format", "the call named a text_format")
    if inputs.get("parallel_tool_calls") is None and conversation.parallel_tool_calls is True:
        conversation.parallel_tool_calls = None  # OpenAI's agents post the answer's echo of the default


def _add_items(where: str, items: Any, turns: Turns) -> None:
    for index, found in enumerate(list_at(where, items)):
        at = f"{where}[{index}]"
        turns.notes.spend(1)
        if isinstance(found, str):
            raise malformed(at, "an item", found)
        if isinstance(found, (list, tuple)):
            turns.add(at, found)
            continue
        item = mapping_at(at, found)
        kind = kind_of(item)
        if kind == "message" or (
            kind is None and item.get("role") == "assistant" and "tool_calls" not in item
        ):
            _add_message(at, item, turns)
        elif kind == "function_call":
            _assistant(turns).setdefault("tool_calls", []).append(_call(at, item, turns.notes))
        elif kind == "function_call_output":
            turns.messages.append(_output(at, item, turns.notes))
        elif kind == "reasoning":
            turns.notes.thought(at, item)
        elif kind == "item_reference":
            raise Unreadable("kept_elsewhere", f"{at} refers to an item that the provider keeps")
        elif kind in NOT_EXPRESSIBLE:
            raise Unreadable(
                "not_expressible", f"{at} is a {kind} item, which a training line has no form for"
            )
        else:
            turns.add(at, item)


def _add_message(where: str, item: Mapping[str, Any], turns: Turns) -> None:
    content = item.get("content")
    message = {"role": item.get("role"), "content": content}
    for key in ("refusal", "function_call", "name"):
        if item.get(key) is not None:
            message[key] = item[key]
    turns.add(where, message)
    added = turns.messages[-1]
    parts = added["content"]
    if isinstance(parts, list) and [part["type"] for part in parts] == ["refusal"]:
        added["content"], added["refusal"] = None, parts[0]["refusal"]
    before = turns.messages[-2] if len(turns.messages) > 1 else None
    if (
        before
        and before["role"] == added["role"] == "assistant"
        and "tool_calls" in before
        and not before["content"]
    ):
        turns.messages.pop()  # said after its calls, in the same go
        before["content"] = added["content"]
        _join_thoughts(before, added)


def _assistant(turns: Turns) -> Message:
    """The assistant message that a call belongs to: the one just said, or one of its own."""
    if not turns.messages or turns.messages[-1]["role"] != "assistant":
        turns.messages.append({"role": "assistant", "content": None})
    message = turns.messages[-1]
    message["content"] = message["content"] or None
    turns.notes.give_thoughts(message)
    return message


def _call(where: str, item: Mapping[str, Any], notes: Notes) -> ToolCall:
    return {
        "id": text_at(f"{where}.call_id", item.get("call_id")),
        "type": "function",
        "function": {
            "name": text_at(f"{where}.name", item.get("name")),
            "arguments": arguments_text(f"{where}.arguments", item.get("arguments"), notes),
        },
    }


def _output(where: str, item: Mapping[str, Any], notes: Notes) -> Message:
    output, at = item.get("output"), f"{where}.output"
    if isinstance(output, (list, tuple)) or output is None:
        content = content_from(at, output, notes)
    else:
        content = output if isinstance(output, str) else compact_json(json_at(at, output, notes))
    return {
        "role": "tool",
        "content": content or "",
        "tool_call_id": text_at(f"{where}.call_id", item.get("call_id")),
    }


def _join_thoughts(message: Message, other: Message) -> None:
    thoughts = [found["reasoning_content"] for found in (message, other) if "reasoning_content" in found]
    if thoughts:
        message["reasoning_content"] = "\n\n".join(thoughts)


def _joined(messages: list[Message], notes: Notes) -> Message:
    """One message out of several that were said in one go."""
    if len(messages) == 1:
        tidy_content(messages[0], notes)
        return messages[0]
    parts: list[dict[str, Any]] = []
    joined: Message = {"role": "assistant", "content": None}
    for message in messages:
        content = message["content"]
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content or []
        if "tool_calls" in message:
            joined.setdefault("tool_calls", []).extend(message["tool_calls"])
        if "refusal" in message:
            joined["refusal"] = message["refusal"]
        _join_thoughts(joined, message)
    parts = [part for part in parts if part != {"type": "text", "text": ""}]
    joined["content"] = (
        str(parts[0]["text"]) if len(parts) == 1 and parts[0]["type"] == "text" else parts or None
    )
    tidy_content(joined, notes)
    return joined
