"""Reads LangChain's tracer, in Python and JavaScript, from 0.0.x to today.

    inputs.messages      [[message, ...]]      one batch per run; flat in what LangSmith's server returned in 2023
    outputs.generations  [[{message}, ...]]    likewise; more than one generation when n > 1
    message              {"lc": 1, "type": "constructor", "id": [..., "AIMessage"], "kwargs": {...}}

The class names are looked up in a list; nothing is ever revived with LangChain's `load`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.blocks import typed_blocks
from langsmith_finetune.dialects.checked import list_at, malformed, mapping_at, text_at
from langsmith_finetune.dialects.content import PIECES, content_from, kind_of, told_calls
from langsmith_finetune.dialects.endings import ENDINGS, note_ending
from langsmith_finetune.dialects.langchain_calls import add_calls
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.openai_chat import (
    ROLES,
    id_at,
    message_from,
    note_unknown,
    role_at,
    tidy_content,
)
from langsmith_finetune.runs.fields import RunPayload

_KINDS = ("Human", "System", "AI", "Tool", "Function", "Chat")
_KIND_OF_CLASS = {f"{kind}Message{chunk}": kind.lower() for kind in _KINDS for chunk in ("", "Chunk")}
KIND_OF_TYPE = {kind.lower(): kind.lower() for kind in _KINDS} | _KIND_OF_CLASS
_FIELDS = frozenset({
    "content", "additional_kwargs", "response_metadata", "tool_calls", "invalid_tool_calls", "tool_call_chunks",
    # Names, counts and the like.
    "type", "id", "name", "role", "example", "usage_metadata", "chunk_position", "status", "data",
    "lc_kwargs", "lc_namespace", "lc_serializable", "lc_aliases", "lc_attributes",
    # What standard content says once more.
    "content_blocks", "contentBlocks",
})  # fmt: skip
_EXTRAS = frozenset({
    "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning", "tool_outputs", "audio", "name",
    # The answer's envelope, and the answer once more, as it came or as it was parsed.
    "id", "type", "role", "model", "model_id", "index", "usage", "stop_sequence", "stop_details", "container",
    "logprobs", "created", "created_at", "service_tier", "system_fingerprint", "context_management", "parsed",
    "token_count", "generation_id", "model_name", "originalTextContentBlock", "thought_signature", "thoughtSignature", "signature", "signatures",
    *ENDINGS,
})  # fmt: skip
_ROLE = {"human": "user", "system": "system", "ai": "assistant", "tool": "tool", "function": "function"}


def answer_from(run: RunPayload, notes: Notes) -> list[Message]:
    """The answer under `generations`: the first, where there are several."""
    where, found, several = "outputs.generations", run.outputs["generations"], False
    if isinstance(found, list):
        if found and isinstance(found[0], list):
            where, found = f"{where}[0]", found[0]
        if not found:
            raise Unreadable("empty_output", f"{where} is an empty list")
        several = len(found) > 1
        if several:
            notes.add("other_candidates", f"{where} holds {len(found)}")
        where, found = f"{where}[0]", found[0]
    generation = mapping_at(where, found)
    if generation.get("message") is None:
        if isinstance(generation.get("text"), str):
            raise Unreadable("completion_model", f"{where} holds text, not a message")
        raise malformed(f"{where}.message", "a message", None)
    for key in ("generation_info", "generationInfo"):
        note_ending(f"{where}.{key}", generation.get(key), notes)
    for key in ("llm_output", "llmOutput"):  # where older versions say it, of whichever came last
        note_ending(f"outputs.{key}", None if several else run.outputs.get(key), notes)
    return [answer_message(f"{where}.message", generation["message"], notes)]


def answer_message(where: str, message: Any, notes: Notes) -> Message:
    """One message that a model answered, serialized or dumped."""
    message = mapping_at(where, message)
    if "role" in message and "type" not in message:
        read = message_from(where, message, notes)
    else:
        kind, fields = kind_and_fields(where, message)
        read = message_from_fields(where, kind, fields, notes, is_answer=True)
        note_unknown(where, fields, _FIELDS, notes)
        extra = fields.get("additional_kwargs")
        extra = extra if isinstance(extra, OBJECT) else {}
        read_elsewhere = {
            key for key in ("content", "tool_plan") if extra.get(key) == fields.get("content")
        }  # Cohere's, again
        note_unknown(
            f"{where}.additional_kwargs",
            extra,
            _EXTRAS | read_elsewhere if read_elsewhere else _EXTRAS,
            notes,
        )
        for key in ("response_metadata", "additional_kwargs"):
            note_ending(f"{where}.{key}", fields.get(key), notes)
        _note_unfinished(where, fields.get("response_metadata"), notes)
    if read["role"] != "assistant":
        raise malformed(where, "an AI message", read["role"], ROLES)
    return read


def _note_unfinished(where: str, response: Any, notes: Notes) -> None:
    """A stream of the Responses API that ended before the response was complete, which langchain-openai 0.3 drops."""
    if isinstance(response, OBJECT) and "status" not in response:
        response_id = response.get("id")
        if isinstance(response_id, str) and response_id.startswith("resp_"):
            notes.add("answer_cut_off", f"{where}.response_metadata tells of no end")


def kind_and_fields(where: str, message: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A message as it is serialized (`lc`, `id`, `kwargs`) or dumped (`type` beside the fields, or `data`)."""
    if message.get("type") == "constructor":
        path = list_at(f"{where}.id", message.get("id"))
        class_name = path[-1] if path else None
        kind = _KIND_OF_CLASS.get(class_name) if isinstance(class_name, str) else None
        fields = _as_made(mapping_at(f"{where}.kwargs", message.get("kwargs")))
        # Python's chat models leave the name of a tool's answer out of the request; JavaScript's send it.
        sends_tool_name = bool(path) and path[0] == "langchain_core"
    else:
        kind = KIND_OF_TYPE.get(message["type"]) if isinstance(message.get("type"), str) else None
        data = message.get("data")
        fields = data if isinstance(data, OBJECT) else message
        sends_tool_name = False
    if kind is None:
        raise malformed(where, "a human, system, AI, tool, function or chat message", message.get("type"))
    if kind != "ai" and "content" not in fields:
        raise malformed(f"{where}.content", "text or blocks", None)
    if kind == "tool" and not sends_tool_name:
        fields = {key: value for key, value in fields.items() if key != "name"}
    return kind, fields


def _as_made(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """A serialized message with the content that its application made it of.

    LangChain.js writes the blocks of standard content under a name of their own. Its tracer puts another
    content in place of media blocks, as which files are images, and keeps what it had beneath.
    """
    made: Any = fields
    while (beneath := made.get("lc_kwargs")) is not None and isinstance(beneath, OBJECT):
        made = beneath
    if isinstance(made.get("content"), list) and fields.get("content") != made["content"]:
        return {**fields, "content": made["content"]}
    if "content" in fields:
        return fields
    blocks = next((fields[key] for key in _STANDARD if isinstance(fields.get(key), list)), None)
    return fields if blocks is None else {**fields, "content": blocks}


_STANDARD = ("content_blocks", "contentBlocks")


def message_from_fields(
    where: str, kind: str, fields: Mapping[str, Any], notes: Notes, *, is_answer: bool = False
) -> Message:
    """A message from the fields of a LangChain message object, serialized or alive.

    Args:
        where: The field, for error texts.
        kind: `human`, `system`, `ai`, `tool`, `function` or `chat`.
        fields: `content`, `additional_kwargs`, `tool_calls` and so on.
        notes: Takes what is left out.
        is_answer: The message came from the model in this call. Then the raw text of its calls, where it
            was kept, is what was on the wire; in a history the parsed calls were sent, written anew.
    """
    extra = fields.get("additional_kwargs")
    extra = extra if extra is not None and isinstance(extra, OBJECT) else {}
    role = _role(where, kind, fields, extra)
    content = fields.get("content")
    if isinstance(content, (list, tuple)):
        content = _blocks(f"{where}.content", content, fields, notes, is_answer=is_answer)
    message: Message = {"role": role, "content": content_from(f"{where}.content", content, notes)}
    name = fields.get("name") or extra.get("name")
    if name is not None and not is_answer:
        message["name"] = text_at(f"{where}.name", name)
    if role == "assistant":
        add_calls(where, message, fields, extra, notes, is_answer=is_answer)
        _check_told_twice(where, content, message)
        if isinstance(extra.get("refusal"), str):
            message["refusal"] = extra["refusal"]
        for key in ("reasoning_content", "reasoning"):
            if extra.get(key):
                notes.thought(f"{where}.additional_kwargs", extra[key])
        if extra.get("tool_outputs"):
            where = f"{where}.additional_kwargs.tool_outputs"
            raise Unreadable("not_expressible", f"{where} holds what tools at the provider found")
        if extra.get("audio"):
            notes.add("keys_dropped", f"{where}.additional_kwargs")
    _refuse_documents(where, role, extra)
    if role == "tool":
        message["tool_call_id"] = id_at(f"{where}.tool_call_id", fields.get("tool_call_id"))
    tidy_content(message, notes)
    return message


def _blocks(
    where: str, content: Sequence[Any], fields: Mapping[str, Any], notes: Notes, *, is_answer: bool
) -> list[Any]:
    """The blocks of a message, in one piece each."""
    blocks = [block for block in typed_blocks(where, content, notes) if not _is_piece(block, fields)]
    return _joined(blocks) if is_answer and "tool_call_chunks" in fields else blocks


def _is_piece(block: Any, fields: Mapping[str, Any]) -> bool:
    """True if a block is a piece of a call that stands whole in `tool_calls`."""
    return bool(fields.get("tool_calls")) and isinstance(block, OBJECT) and kind_of(block) in PIECES


def _joined(blocks: list[Any]) -> list[Any]:
    """The blocks of a streamed answer, where LangChain.js has not joined the pieces of a text.

    Pieces have no number, or the same; a text of its own has its own.
    """
    joined: list[Any] = []
    for block in blocks:
        if (
            joined
            and _is_text(block)
            and _is_text(joined[-1])
            and joined[-1].get("index") == block.get("index")
        ):
            joined[-1] = {**joined[-1], "text": joined[-1]["text"] + block["text"]}
        else:
            joined.append(block)
    return joined


def _is_text(block: Any) -> bool:
    return isinstance(block, OBJECT) and block.keys() <= _TEXT and isinstance(block.get("text"), str)


_TEXT = frozenset({"type", "text", "index"})


def _check_told_twice(where: str, content: Any, message: Message) -> None:
    """Every call among the blocks must be among the calls too: by its id, or by its name if it has none."""
    if not (block_calls := told_calls(content)):
        return
    calls = message.get("tool_calls", ())
    ids = {call["id"] for call in calls}
    names = [call["function"]["name"] for call in calls]
    for call_id, name in block_calls:
        if call_id is None and name in names:
            names.remove(name)
        elif not isinstance(call_id, str) or call_id not in ids:
            raise Unreadable("malformed", f"{where}.content has a call that tool_calls does not have")


def _refuse_documents(where: str, role: str, extra: Mapping[str, Any]) -> None:
    """Cohere's models read the documents of a message; an answer has those that it cites."""
    if role != "assistant" and extra.get("documents"):
        raise Unreadable(
            "not_expressible", f"{where}.additional_kwargs.documents are read, but are no message"
        )


def _role(where: str, kind: str, fields: Mapping[str, Any], extra: Mapping[str, Any]) -> str:
    if kind == "chat":
        return role_at(f"{where}.role", fields.get("role"))
    if kind == "system" and extra.get("__openai_role__") == "developer":
        return "developer"
    return _ROLE[kind]
