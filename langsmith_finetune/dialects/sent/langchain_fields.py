"""The fields of LangChain's messages as each Python chat model sends them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.sent.langchain import answered_fields, is_javascript, model_type
from langsmith_finetune.runs.fields import RunPayload

_Fields: TypeAlias = Mapping[str, Any]


def fields_as_sent(run: RunPayload, notes: Notes) -> RunPayload:
    """The run with the fields of its messages as the chat model reads them, before anything else is read.

    Args:
        run: A run of LangChain's.
        notes: Counts what is looked at.
    """
    change = _FIELDS.get(model_type(run) or "")
    response = answered_fields(run).get("response_metadata")
    if isinstance(response, OBJECT) and response.get("object") == "response" and not is_javascript(run):
        # langchain-openai says who answered since 1.0
        change = _in_responses if "model_provider" in response else _in_responses_before
    if change is None:
        return run
    changed = _each(run.inputs.get("messages"), change, notes)
    return run if changed is None else replace(run, inputs={**run.inputs, "messages": changed})


def _each(
    messages: Any, change: Callable[[str, _Fields], _Fields | None], notes: Notes, depth: int = 0
) -> list[Any] | None:
    """The messages with what was changed in them; None where nothing was."""
    if not isinstance(messages, (list, tuple)) or depth > 1:
        return None
    found = list(messages)
    for index, message in enumerate(found):
        notes.spend(1)
        if not isinstance(message, OBJECT):
            found[index] = _each(message, change, notes, depth + 1) or message
            continue
        path, fields = message.get("id"), message.get("kwargs")
        if isinstance(fields, OBJECT) and isinstance(path, (list, tuple)) and path:
            fields = change(str(path[-1]).removesuffix("Chunk"), fields)
            if fields is not None:
                found[index] = {**message, "kwargs": fields}
    same = all(one is other for one, other in zip(found, messages, strict=True))
    return None if same else found


def _of_ollama(kind: str, fields: _Fields) -> _Fields | None:  # noqa: ARG001
    content = fields.get("content")
    if not isinstance(content, (list, tuple)):
        return None
    text, others = "", []
    for block in content:
        if isinstance(block, str):
            text += f"\n{block}"
        elif isinstance(block, OBJECT) and block.get("type") == "text" and isinstance(block.get("text"), str):
            text += f"\n{block['text']}"
        else:
            others.append(block)
    texts = [{"type": "text", "text": text}] if text else []
    return {**fields, "content": [*texts, *others]}


def _of_deepseek(kind: str, fields: _Fields) -> _Fields | None:
    content = fields.get("content")
    if kind == "ToolMessage" and isinstance(content, (list, tuple)):
        return {**fields, "content": _json(content, ensure_ascii=True)}
    return None


def _of_mistral(kind: str, fields: _Fields) -> _Fields | None:
    name = fields.get("name")
    if kind == "ToolMessage" and isinstance(name, str):
        extra = fields.get("additional_kwargs")
        extra = extra if isinstance(extra, OBJECT) else {}
        return {**fields, "additional_kwargs": {**extra, "name": name}}  # which is sent, as nowhere else
    if (
        kind == "AIMessage"
        and fields.get("content")
        and (fields.get("tool_calls") or fields.get("invalid_tool_calls"))
    ):
        return {**fields, "content": ""}
    return None


def _in_responses(kind: str, fields: _Fields) -> _Fields | None:
    content = fields.get("content")
    if (
        kind != "ToolMessage"
        or not isinstance(content, (list, tuple))
        or all(isinstance(block, OBJECT) and block.get("type") in _BLOCKS_OF_RESPONSES for block in content)
    ):
        return None
    return {**fields, "content": _json(content, ensure_ascii=False)}


def _in_responses_before(kind: str, fields: _Fields) -> _Fields | None:
    content = fields.get("content")
    if kind != "ToolMessage" or not isinstance(content, (list, tuple)):
        return None
    return {**fields, "content": _json(content, ensure_ascii=False)}


def _json(content: Sequence[Any], *, ensure_ascii: bool) -> str:
    try:
        return json.dumps(content, ensure_ascii=ensure_ascii)
    except (TypeError, ValueError):
        raise Unreadable("malformed", "the content of a tool's answer is no JSON") from None


def _of_anthropic(kind: str, fields: _Fields) -> _Fields | None:
    """Calls among the blocks are sent, whether or not they are told in `tool_calls` too."""
    content = fields.get("content")
    if kind != "AIMessage" or not isinstance(content, (list, tuple)):
        return None
    listed = fields.get("tool_calls")
    calls = list(listed) if isinstance(listed, (list, tuple)) else []
    known = [call.get("id") for call in calls if isinstance(call, OBJECT)]
    blocks = [block for block in content if isinstance(block, OBJECT) and block.get("type") == "tool_use"]
    block_calls = [
        {"id": block.get("id"), "name": block.get("name"), "args": block.get("input")}
        for block in blocks
        if block.get("id") not in known
    ]
    return {**fields, "tool_calls": [*calls, *block_calls]} if block_calls else None


_FIELDS: dict[str, Callable[[str, _Fields], _Fields | None]] = {
    "amazon_bedrock_chat": _of_anthropic,
    "amazon_bedrock_converse_chat": _of_anthropic,
    "anthropic-chat": _of_anthropic,
    "chat-anthropic-vertexai": _of_anthropic,
    "chat-ollama": _of_ollama,
    "ollama-chat": _of_ollama,
    "chat-deepseek": _of_deepseek,
    "mistralai-chat": _of_mistral,
}


_BLOCKS_OF_RESPONSES = ("input_text", "input_image", "input_file", "text", "image_url", "file")
