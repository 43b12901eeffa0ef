"""Reads messages whose parts are elsewhere: pairs, OpenTelemetry's parts, outputs of agent SDKs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.dialects.checked import (
    json_at,
    list_at,
    malformed,
    mapping_at,
    text_at,
)
from langsmith_finetune.dialects.content import content_from, kind_of
from langsmith_finetune.dialects.notes import Notes, Unreadable


def from_tuple(where: str, pair: Sequence[Any]) -> dict[str, Any]:
    """A role and its content, as a message."""
    if len(pair) != 2 or not isinstance(pair[0], str):
        raise malformed(where, "a message, or a role and its content", pair)
    return {"role": pair[0], "content": pair[1]}


def parts_of(where: str, parts: Any) -> list[Any]:
    """OpenTelemetry's parts, with text and files where every other dialect has them."""
    return [from_otel(f"{where}[{i}]", part) for i, part in enumerate(list_at(where, parts))]


def from_otel(where: str, part: Any) -> Any:
    """One of OpenTelemetry's parts, as other dialects write it."""
    part = mapping_at(where, part)
    modality = part.get("modality")
    match kind_of(part):
        case "text":
            return {"type": "text", "text": part.get("content", part.get("text"))}
        case "blob" if modality in ("image", "audio"):
            return {"type": modality, "base64": part.get("content"), "mime_type": part.get("mime_type")}
        case "uri" if modality == "image":
            return {"type": "image", "url": part.get("uri")}
        case "file":
            return {"type": "file", "file_id": part.get("file_id")}
        case "blob" | "uri":
            raise Unreadable(
                "not_expressible", f"{where} is media of a kind that a chat message has no part for"
            )
    return part


def answer_content(where: str, block: Mapping[str, Any], notes: Notes) -> Any:
    """What a tool answered: text and parts as they are, any other value as JSON text."""
    for key in ("output", "response", "result", "content"):
        if block.get(key) is None:
            continue
        value, at = block[key], f"{where}.{key}"
        if key == "output" and isinstance(value, Mapping) and "type" in value:
            return sdk_output(at, value, notes)
        if key == "response" and isinstance(value, Mapping) and value.keys() == {"output"}:
            value = value["output"]  # Gemini's key for "this is what the function returned"
        if isinstance(value, str) or key == "content":
            return content_from(at, value, notes) or ""
        return compact_json(json_at(at, value, notes))
    return ""


def sdk_output(where: str, output: Mapping[str, Any], notes: Notes) -> str:
    """The output of a tool in Vercel's AI SDK, as its OpenAI provider sends it."""
    match output.get("type"):
        case "text" | "error-text":
            return text_at(f"{where}.value", output.get("value"))
        case "json" | "error-json" | "content":
            return compact_json(json_at(f"{where}.value", output.get("value"), notes))
        case "execution-denied":
            reason = output.get("reason")
            return "Tool execution denied." if reason is None else text_at(f"{where}.reason", reason)
    raise malformed(f"{where}.type", "a kind of tool output", output.get("type"))
