"""The content of a message: blocks of every dialect, as OpenAI's parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.shapes.canonical import (
    Content,
    Notes,
    json_at,
    list_at,
    malformed,
    mapping_at,
    text_at,
)

REASONING = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_content"})
CALLS = frozenset({"tool_use", "tool_call", "invalid_tool_call", "function_call"})
"""LangChain tells a call twice: in `tool_calls`, and for some providers also as a block of the content."""


def content_from(where: str, content: Any, notes: Notes) -> Content:
    """Text, parts, or nothing. A single text part is its text.

    Args:
        where: The field, for error texts.
        content: Text, null, or a list of texts and blocks.
        notes: Takes what is left out.
    """
    if content is None or isinstance(content, str):
        return content
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(list_at(where, content)):
        part = _part(f"{where}[{index}]", block, notes)
        if part is not None:
            parts.append(part)
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts or None


def called_ids(content: Any) -> list[Any]:
    """The ids of the calls that a list of blocks tells."""
    if not isinstance(content, (list, tuple)):
        return []
    blocks = [block for block in content if isinstance(block, Mapping) and _kind(block) in CALLS]
    return [block.get("call_id") or block.get("id") for block in blocks]


def _kind(block: Mapping[str, Any]) -> str | None:
    kind = block.get("type")
    return kind if isinstance(kind, str) else None


def _part(where: str, block: Any, notes: Notes) -> dict[str, Any] | None:  # noqa: C901, PLR0911
    """One block, as a part; None for what is no part of the content. A row a kind reads best."""
    if isinstance(block, str):
        return {"type": "text", "text": block}
    block = mapping_at(where, block)
    kind = _kind(block)
    match kind:
        case "text" | "input_text" | "output_text":
            _note_extra_keys(where, block, _TEXT_KEYS, notes)
            return {"type": "text", "text": text_at(f"{where}.text", block.get("text"))}
        case "refusal":
            return {"type": "refusal", "refusal": text_at(f"{where}.refusal", block.get("refusal"))}
        case "image_url":
            return {"type": "image_url", "image_url": _image_url(where, block.get("image_url"))}
        case "image":
            return {"type": "image_url", "image_url": {"url": _data_url(where, block)}}
        case "input_audio":
            audio = mapping_at(f"{where}.input_audio", block.get("input_audio"))
            return {"type": "input_audio", "input_audio": json_at(where, audio)}
        case "audio":
            return {"type": "input_audio", "input_audio": _audio(where, block)}
        case "file":
            return {"type": "file", "file": _file(where, block, notes)}
    if kind in REASONING:
        notes.add("reasoning_dropped", where)
        return None
    if kind in CALLS:
        return None  # told again in tool_calls; the reader of the message checks that it is
    raise malformed(f"{where}.type", "a kind of content that a chat message holds", block.get("type"))


_TEXT_KEYS = frozenset({"type", "text", "id", "index", "annotations"})


def _note_extra_keys(where: str, block: Mapping[str, Any], known: frozenset[str], notes: Notes) -> None:
    if any(key not in known and value for key, value in block.items()):
        notes.add("keys_dropped", where)


def _image_url(where: str, image: Any) -> dict[str, Any]:
    if isinstance(image, str):
        return {"url": image}
    image = mapping_at(f"{where}.image_url", image)
    url = {"url": text_at(f"{where}.image_url.url", image.get("url"))}
    if image.get("detail") is not None:
        url["detail"] = text_at(f"{where}.image_url.detail", image["detail"])
    return url


def _data_url(where: str, block: Mapping[str, Any]) -> str:
    """The address of an image or file block in LangChain's (old or new) or Anthropic's form.

    LangChain: https://docs.langchain.com/oss/python/langchain/messages#multimodal
    Anthropic: https://docs.claude.com/en/docs/build-with-claude/vision
    """
    source = block.get("source")
    if isinstance(source, Mapping):
        block = source
    if isinstance(block.get("url"), str):
        return str(block["url"])
    data = block.get("base64") or block.get("data")
    mime_type = block.get("mime_type") or block.get("media_type")
    if isinstance(data, str) and isinstance(mime_type, str):
        return f"data:{mime_type};base64,{data}"
    raise malformed(where, "an image or file with a url, or with base64 data and a MIME type", None)


def _audio(where: str, block: Mapping[str, Any]) -> dict[str, str]:
    data = text_at(f"{where}.base64", block.get("base64") or block.get("data"))
    mime_type = text_at(f"{where}.mime_type", block.get("mime_type"))
    return {"data": data, "format": mime_type.rpartition("/")[2]}


def _file(where: str, block: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    file: dict[str, Any]
    if isinstance(block.get("file"), Mapping):
        file = json_at(where, block["file"])
    elif isinstance(block.get("file_id") or block.get("id"), str) and not block.get("base64"):
        file = {"file_id": block.get("file_id") or block.get("id")}
    else:
        file = {"file_data": _data_url(where, block)}
        name = block.get("filename") or (block.get("extras") or {}).get("filename")
        if isinstance(name, str):
            file = {"filename": name, **file}
    if "file_id" in file:
        notes.add("hosted_file", where)
    return file
