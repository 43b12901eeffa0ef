"""Converts the content of a message, in any dialect, to OpenAI's parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Content
from langsmith_finetune.dialects.blocks import base64_at, image_type, typed_block
from langsmith_finetune.dialects.checked import json_at, list_at, malformed, mapping_at, text_at
from langsmith_finetune.dialects.notes import Notes, Unreadable

REASONING = frozenset({"thinking", "redacted_thinking", "reasoning", "reasoning_content"})
CALLS = frozenset({"tool_use", "tool_call", "invalid_tool_call", "function_call", "tool-call"})
"""LangChain tells a call twice: in `tool_calls`, and for some providers also as a block of the content."""

NOT_EXPRESSIBLE = frozenset({
    # Tools that ran at the provider: Anthropic, OpenAI Responses, Gemini, LangChain v1.
    "server_tool_use", "web_search_tool_result", "web_fetch_tool_result", "code_execution_tool_result",
    "bash_code_execution_tool_result", "text_editor_code_execution_tool_result", "mcp_tool_use",
    "mcp_tool_result", "container_upload", "server_tool_call", "server_tool_call_chunk", "server_tool_result",
    "web_search_call", "file_search_call", "computer_call", "computer_call_output", "code_interpreter_call",
    "image_generation_call", "local_shell_call", "local_shell_call_output", "shell_call",
    "shell_call_output", "apply_patch_call", "apply_patch_call_output", "mcp_call", "mcp_list_tools",
    "mcp_approval_request", "mcp_approval_response", "tool_search_call", "tool_search_output",
    "executable_code", "code_execution_result", "tool-approval-request", "tool-approval-response",
    # Calls with free text instead of arguments, and content that no chat message has a part for.
    "custom_tool_call", "custom_tool_call_output", "compaction", "video", "search_result",
    "text-plain", "non_standard", "source",
})  # fmt: skip


def content_from(where: str, content: Any, notes: Notes) -> Content:
    """Text, parts, or nothing. A single text part is its text.

    Args:
        where: The field, for error texts.
        content: Text, null, or a list of texts and blocks.
        notes: Takes what is left out.
    """
    if content is None:
        return None
    if isinstance(content, str):
        notes.spend(1 + len(content) // 100)
        return content
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(list_at(where, content)):
        part = part_from(f"{where}[{index}]", block, notes)
        if part is not None:
            parts.append(part)
    if len(parts) == 1 and parts[0]["type"] == "text":
        return str(parts[0]["text"])
    return parts or None


FOUND = frozenset({"citations", "search_results", "searchResults", "grounding_metadata", "groundingMetadata"})
"""What an answer says that a search of the provider's found."""

PIECES = frozenset({"input_json_delta", "tool_call_chunk"})
"""What LangChain leaves of a stream beside the calls that it joined."""


def told_calls(content: Any) -> list[tuple[Any, Any]]:
    """The ids of the calls that a list of blocks tells, and the names of the functions."""
    if not isinstance(content, (list, tuple)):
        return []
    blocks = [block for block in content if isinstance(block, OBJECT) and kind_of(block) in CALLS]
    return [(block.get("call_id") or block.get("id"), block.get("name")) for block in blocks]


def kind_of(block: Mapping[str, Any]) -> str | None:
    """The block's `type`, where it is text."""
    kind = block.get("type")
    return kind if isinstance(kind, str) else None


def part_from(where: str, block: Any, notes: Notes) -> dict[str, Any] | None:  # noqa: C901, PLR0911, PLR0912
    """One block, as a part; None for what is no part of the content. A row a kind reads best."""
    notes.spend(1)
    if isinstance(block, str):
        return {"type": "text", "text": _counted(block, notes)}
    block = typed_block(where, mapping_at(where, block), notes)
    if block is None:
        return None
    kind = kind_of(block)
    match kind:
        case "text" | "input_text" | "output_text":
            if block.get("thought") is True:  # Gemini's way to mark a summary of its thinking
                notes.thought(where, block)
                return None
            _note_extra_keys(where, block, _TEXT_KEYS, notes)
            return {"type": "text", "text": _counted(text_at(f"{where}.text", block.get("text")), notes)}
        case "refusal":
            return {"type": "refusal", "refusal": text_at(f"{where}.refusal", block.get("refusal"))}
        case "image_url":
            return {"type": "image_url", "image_url": _image_url(where, block.get("image_url"), notes)}
        case "input_image":
            return {"type": "image_url", "image_url": _input_image(where, block, notes)}
        case "image":
            return {"type": "image_url", "image_url": {"url": _data_url(where, block, notes)}}
        case "input_audio":
            audio = mapping_at(f"{where}.input_audio", block.get("input_audio"))
            return {"type": "input_audio", "input_audio": json_at(where, audio, notes)}
        case "audio":
            return {"type": "input_audio", "input_audio": _audio(where, block, notes)}
        case "file" | "document" | "input_file":
            return {"type": "file", "file": _file(where, block, notes)}
        case "media":
            return _media(where, block, notes)
    if kind in REASONING:
        notes.thought(where, block)
        return None
    if kind in CALLS:
        return None  # told again in tool_calls; the reader of the message checks that it is
    if kind in NOT_EXPRESSIBLE:
        raise Unreadable(
            "not_expressible", f"{where} is a {kind} block, which a training line has no form for"
        )
    raise malformed(f"{where}.type", "a kind of content that a chat message holds", block.get("type"))


def _counted(text: str, notes: Notes) -> str:
    notes.spend(len(text) // 100)
    return text


_TEXT_KEYS = frozenset({
    "type", "text", "id", "index", "annotations", "cache_control",
    # What SDKs add to an answer, and what carries no word of it: never sent to a model, or a signature.
    "parsed", "parsed_output", "logprobs", "phase", "providerMetadata", "providerData", "thoughtSignature", "thought",
})  # fmt: skip


def _note_extra_keys(where: str, block: Mapping[str, Any], known: frozenset[str], notes: Notes) -> None:
    if any(key not in known and value for key, value in block.items()):
        notes.add("keys_dropped", where)


def _image_url(where: str, image: Any, notes: Notes) -> dict[str, Any]:
    if isinstance(image, str):
        return {"url": _address(image, notes)}
    image = mapping_at(f"{where}.image_url", image)
    url = {"url": _address(text_at(f"{where}.image_url.url", image.get("url")), notes)}
    if image.get("detail") is not None:
        url["detail"] = text_at(f"{where}.image_url.detail", image["detail"])
    return url


def _address(url: str, notes: Notes) -> str:
    """The address of an image; LangSmith's exporter for the AI SDK writes bare base64 there."""
    kind = image_type(url) if ":" not in url[:64] else None
    return _counted(url if kind is None else f"data:{kind};base64,{url}", notes)


def _input_image(where: str, block: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """An image of the Responses API: the address and the detail side by side.

    Source: https://platform.openai.com/docs/guides/images-vision
    """
    image = block.get("image")  # OpenAI's agents in JavaScript
    if isinstance(image, str):
        return _image_url(where, {"url": image, "detail": block.get("detail")}, notes)
    if block.get("image_url") is None and (block.get("file_id") is not None or isinstance(image, Mapping)):
        raise Unreadable(
            "not_expressible", f"{where} is an image by file id, which a chat message cannot name"
        )
    return _image_url(where, {"url": block.get("image_url"), "detail": block.get("detail")}, notes)


def _data_url(where: str, block: Mapping[str, Any], notes: Notes) -> str:
    """The address of an image or file block in LangChain's (old or new) or Anthropic's form.

    LangChain: https://docs.langchain.com/oss/python/langchain/messages#multimodal
    Anthropic: https://docs.claude.com/en/docs/build-with-claude/vision
    """
    source = block.get("source")
    if isinstance(source, Mapping):
        block = source
    if isinstance(block.get("url"), str):
        return _counted(str(block["url"]), notes)
    if block.get("file_id", block.get("fileId")) is not None:
        raise Unreadable(
            "not_expressible", f"{where} is an image by file id, which a chat message cannot name"
        )
    data, mime_type = block.get("base64") or block.get("data"), mime_type_of(block)
    if isinstance(data, OBJECT) and mime_type:  # bytes, as JavaScript writes them
        data = base64_at(f"{where}.data", data, notes)
    if isinstance(data, str) and mime_type:
        return f"data:{mime_type};base64,{_counted(data, notes)}"
    wanted = "an image or file with a url, or with base64 data and a MIME type"
    raise Unreadable("malformed", f"{where} must be {wanted}, found neither")


def mime_type_of(block: Mapping[str, Any]) -> str:
    """The MIME type of media, as Python's and JavaScript's producers name the key; empty if it has none."""
    return next((block[key] for key in _MIME_TYPES if isinstance(block.get(key), str)), "")


_MIME_TYPES = ("mime_type", "media_type", "mimeType", "mediaType")


def _audio(where: str, block: Mapping[str, Any], notes: Notes) -> dict[str, str]:
    data = _counted(text_at(f"{where}.base64", block.get("base64") or block.get("data")), notes)
    mime_type = text_at(f"{where}.mime_type", mime_type_of(block) or None)
    return {"data": data, "format": mime_type.rpartition("/")[2]}


def _media(where: str, block: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Google's block in LangChain: data or an address beside its MIME type."""
    mime_type = text_at(f"{where}.mime_type", mime_type_of(block) or None)
    url = block.get("file_uri", block.get("fileUri"))
    plain = {"url": url} if isinstance(url, str) else {"data": block.get("data"), "mime_type": mime_type}
    if mime_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": _data_url(where, plain, notes)}}
    if mime_type.startswith("audio/") and not isinstance(url, str):
        return {"type": "input_audio", "input_audio": _audio(where, plain, notes)}
    if mime_type == "application/pdf" and not isinstance(url, str):
        return {"type": "file", "file": {"file_data": _data_url(where, plain, notes)}}
    raise Unreadable(
        "not_expressible", f"{where} is a media block that is no image, nor audio or a PDF with its data"
    )


def _file(where: str, block: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    file: dict[str, Any]
    file_id = block.get("file_id") or block.get("fileId") or block.get("id")
    if isinstance(block.get("file"), Mapping):
        file = json_at(where, block["file"], notes)
    elif isinstance(block.get("file"), str) and block["file"].startswith("data:"):
        file = {"file_data": _counted(block["file"], notes)}  # OpenAI's agents in JavaScript
    elif isinstance(block.get("file_data"), str):
        file = {"file_data": _counted(block["file_data"], notes)}
    elif isinstance(file_id, str) and not (block.get("base64") or block.get("source")):
        file = {"file_id": file_id}
    elif kind_of(block) == "input_file" or _is_text_document(block):
        raise Unreadable(
            "not_expressible", f"{where} is a file by address or as text, which a chat message cannot hold"
        )
    else:
        file = {"file_data": _data_url(where, block, notes)}
    if "filename" not in file and "file_data" in file:
        places = (block, block.get("extras"), block.get("metadata"))
        name = next(
            (one["filename"] for one in places if isinstance(one, OBJECT) and one.get("filename")), None
        )
        if isinstance(name, str):
            file = {"filename": name, **file}
    if "file_id" in file:
        notes.add("hosted_file", where)
    return file


def _is_text_document(block: Mapping[str, Any]) -> bool:
    """Anthropic's documents of plain text or of blocks."""
    source = block.get("source")
    return isinstance(source, Mapping) and source.get("type") in ("text", "content")
