"""Converts blocks that a key names (`{"toolUse": ...}`) to blocks with a `type`.

    {"toolUse": {...}}                               Bedrock's Converse API
    {"functionCall": {...}}, {"function_call": ...}  Gemini, as JavaScript and as Python write it
    {"type": "functionCall", "functionCall": {...}}  LangChain, which puts the key in the type

A part of Gemini's that went through pydantic has every key, all but one of them null.
Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html,
https://ai.google.dev/api/caching#Part
"""

from __future__ import annotations

import ast
import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from langsmith_finetune._foundation.json_text import OBJECT, compact_json
from langsmith_finetune.dialects.checked import json_at, list_at, malformed, mapping_at, text_at
from langsmith_finetune.dialects.notes import Notes, Unreadable

_Block: TypeAlias = dict[str, Any] | None


def typed_blocks(where: str, blocks: Sequence[Any], notes: Notes) -> list[Any]:
    """A list of blocks, each as its type tells it; marks for a cache, which say nothing, are left out."""
    typed = [typed_block(f"{where}[{index}]", block, notes) for index, block in enumerate(blocks)]
    return [block for block in typed if block is not None]


def typed_block(where: str, block: Any, notes: Notes) -> Any:
    """One block, as its type tells it; whatever is told so already, as it is."""
    if not isinstance(block, OBJECT):
        return block
    kind = block.get("type")
    if kind is not None and (not isinstance(kind, str) or kind not in _READERS):
        return block
    for key in (kind,) if kind is not None else _READERS:
        inner = block.get(key)
        if isinstance(inner, OBJECT):
            notes.spend(1)
            return _READERS[key](f"{where}.{key}", inner, notes)
    if kind is None and isinstance(block.get("text"), str):
        return _text(block)
    if kind == "reasoning_content" and isinstance(block.get("reasoningText"), OBJECT):
        return _reasoning(where, block, notes)  # LangChain.js with Bedrock
    return block


def base64_at(where: str, data: Any, notes: Notes) -> str:
    """Base64, from all that bytes become on their way into a run.

    Raises:
        Unreadable: They were cut off, or are nothing of the kind.
    """
    if isinstance(data, OBJECT) and data.get("type") == "not_implemented":
        data = data.get("repr")  # LangChain's tracer, which has no form for bytes
    if isinstance(data, OBJECT):  # Buffer and Uint8Array, as JavaScript writes them in JSON
        data = data["data"] if isinstance(data.get("data"), (list, tuple)) else list(data.values())
    if isinstance(data, (list, tuple)):
        notes.spend(1 + len(data))
        if all(type(byte) is int and 0 <= byte < 256 for byte in data):
            return base64.b64encode(bytes(data)).decode()
        raise malformed(where, "bytes", data)
    text = text_at(where, data)
    notes.spend(1 + len(text) // 100)
    if text.startswith(("b'", 'b"')):
        try:
            found = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError):
            raise Unreadable("lost_at_source", f"{where} was cut off before it was posted") from None
        return base64.b64encode(found).decode()
    text = text.translate(_FROM_URL_SAFE)
    try:
        binascii.a2b_base64(text)
    except ValueError:
        raise malformed(where, "base64", text) from None
    return text


def image_type(encoded: str) -> str | None:
    """The MIME type of an image, by how its base64 begins; None for anything else."""
    try:
        start = binascii.a2b_base64(encoded[:_SOME])
    except ValueError:
        return None
    return next((kind for magic, kind in _IMAGES.items() if start.startswith(magic)), None)


_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
}
_SOME = 64
"""Letters of base64 that hold more than any of these beginnings."""

_FROM_URL_SAFE = str.maketrans("-_", "+/")


def _text(block: Mapping[str, Any]) -> dict[str, Any]:
    if block.get("thought") is True:  # a summary of Gemini's thinking
        return {"type": "thinking", "thinking": block["text"]}
    rest = {key: value for key, value in block.items() if value is not None}
    return {"type": "text", **rest}


def _called_by_bedrock(where: str, call: Mapping[str, Any], notes: Notes) -> _Block:  # noqa: ARG001
    kind = "server_tool_use" if call.get("type") == "server_tool_use" else "tool_use"
    return {
        "type": kind,
        "id": call.get("toolUseId"),
        "name": call.get("name"),
        "input": call.get("input"),
    }


def _answered_to_bedrock(where: str, answer: Mapping[str, Any], notes: Notes) -> _Block:
    content = []
    for index, block in enumerate(list_at(f"{where}.content", answer.get("content") or [])):
        if isinstance(block, OBJECT) and block.get("json") is not None:
            value = json_at(f"{where}.content[{index}].json", block["json"], notes)
            block = {"type": "text", "text": compact_json(value)}  # noqa: PLW2901
        content.append(block)
    return {
        "type": "tool_result",
        "tool_use_id": answer.get("toolUseId"),
        "content": content,
        "is_error": answer.get("status") == "error",
    }


def _image(where: str, image: Mapping[str, Any], notes: Notes) -> _Block:
    data = _source(where, image, notes)
    return {"type": "image", "base64": data, "mime_type": f"image/{image.get('format')}"}


def _document(where: str, document: Mapping[str, Any], notes: Notes) -> _Block:
    source = document.get("source")
    if isinstance(source, OBJECT) and not source.keys() & {"bytes", "s3Location"}:
        raise Unreadable(
            "not_expressible", f"{where} is a document of plain text, which a chat message cannot hold"
        )
    extension = text_at(f"{where}.format", document.get("format"))
    name = text_at(f"{where}.name", document.get("name"))
    return {
        "type": "file",
        "base64": _source(where, document, notes),
        "mime_type": _MIME_TYPES.get(extension, f"text/{extension}"),
        "filename": f"{name}.{extension}",
    }


_MIME_TYPES = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "txt": "text/plain",
    "md": "text/markdown",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def _source(where: str, media: Mapping[str, Any], notes: Notes) -> str:
    source = mapping_at(f"{where}.source", media.get("source"))
    if source.get("s3Location") is not None:
        raise Unreadable("kept_elsewhere", f"{where} is a file that is kept in a bucket, not in the run")
    return base64_at(f"{where}.source.bytes", source.get("bytes"), notes)


def _reasoning(where: str, reasoning: Mapping[str, Any], notes: Notes) -> _Block:  # noqa: ARG001
    text = reasoning.get("reasoningText") or reasoning.get("reasoning_text") or reasoning
    return {"type": "reasoning", "text": text.get("text") if isinstance(text, OBJECT) else text}


def _guarded(where: str, content: Mapping[str, Any], notes: Notes) -> _Block:
    """What a guardrail looks at; the model reads it like any other."""
    if isinstance(content.get("image"), OBJECT):
        return _image(f"{where}.image", content["image"], notes)
    text = mapping_at(f"{where}.text", content.get("text"))
    return {"type": "text", "text": text.get("text")}


def _cited(where: str, content: Mapping[str, Any], notes: Notes) -> _Block:  # noqa: ARG001
    blocks = list_at(f"{where}.content", content.get("content") or [])
    texts = [text_at(where, mapping_at(where, block).get("text")) for block in blocks]
    return {"type": "text", "text": "".join(texts), "citations": content.get("citations")}


def _cache_point(where: str, point: Mapping[str, Any], notes: Notes) -> _Block:  # noqa: ARG001
    return None


def _json_of_bedrock(where: str, value: Mapping[str, Any], notes: Notes) -> _Block:
    """What a tool answered that was no text."""
    return {"type": "text", "text": compact_json(json_at(where, value, notes))}


def _called_by_gemini(where: str, call: Mapping[str, Any], notes: Notes) -> _Block:  # noqa: ARG001
    if call.get("partial_args") or call.get("partialArgs"):
        raise Unreadable("lost_at_source", f"{where} is a piece of a call")
    arguments = call.get("args") if call.get("args") is not None else call.get("arguments")
    return {"type": "tool_call", "id": call.get("id"), "name": call.get("name"), "args": arguments}


def _answered_to_gemini(where: str, answer: Mapping[str, Any], notes: Notes) -> _Block:  # noqa: ARG001
    if answer.get("parts"):
        raise Unreadable("not_expressible", f"{where} answers with parts beside its object")
    return {"type": "function_response", **{key: answer.get(key) for key in ("id", "name", "response")}}


def _inline(where: str, data: Mapping[str, Any], notes: Notes) -> _Block:
    mime_type = text_at(f"{where}.mime_type", data.get("mime_type") or data.get("mimeType"))
    found = base64_at(f"{where}.data", data.get("data"), notes)
    kind = mime_type.partition("/")[0]
    if kind in ("image", "audio", "video"):
        return {"type": kind, "base64": found, "mime_type": mime_type}
    name = data.get("display_name") or data.get("displayName")
    return {"type": "file", "base64": found, "mime_type": mime_type, "filename": name}


def _by_address(where: str, file: Mapping[str, Any], notes: Notes) -> _Block:
    mime_type = file.get("mime_type") or file.get("mimeType")
    notes.add("hosted_file", where)
    return {"type": "media", "mime_type": mime_type, "file_uri": file.get("file_uri") or file.get("fileUri")}


def _at_the_provider(where: str, block: Mapping[str, Any], notes: Notes) -> _Block:  # noqa: ARG001
    raise Unreadable("not_expressible", f"{where} is the work of a tool that ran at the provider")


_READERS: dict[str, Callable[[str, Mapping[str, Any], Notes], _Block]] = {
    "toolUse": _called_by_bedrock,
    "toolResult": _answered_to_bedrock,
    "image": _image,
    "document": _document,
    "reasoningContent": _reasoning,
    "reasoning_content": _reasoning,
    "guardContent": _guarded,
    "guard_content": _guarded,
    "citationsContent": _cited,
    "cachePoint": _cache_point,
    "json": _json_of_bedrock,
    "functionCall": _called_by_gemini,
    "function_call": _called_by_gemini,
    "functionResponse": _answered_to_gemini,
    "function_response": _answered_to_gemini,
    "inlineData": _inline,
    "inline_data": _inline,
    "fileData": _by_address,
    "file_data": _by_address,
    "executableCode": _at_the_provider,
    "executable_code": _at_the_provider,
    "codeExecutionResult": _at_the_provider,
    "code_execution_result": _at_the_provider,
}
