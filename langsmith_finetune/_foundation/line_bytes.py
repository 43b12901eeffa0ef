"""Writes a training line as JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from langsmith_finetune._foundation.json_text import compact_json, json_bytes
from langsmith_finetune._foundation.known_tools import Kept, exact_key


def line_json(line: Mapping[str, Any]) -> bytes:
    """A training line's JSON in UTF-8, as `compact_json` writes it; half of a surrogate pair is escaped.

    Messages of texts and calls are written in C, and the tools of lines before are not written again: the bytes are the
    same.

    Raises:
        TypeError: Something in it has no form in JSON.
        ValueError: A number is not finite, or the line holds itself.
    """
    try:
        return b"{" + b",".join([_field(key, value) for key, value in line.items()]) + b"}"
    except Exception:  # noqa: BLE001 - it is no plain line; what is wrong with it, Python's own encoder says
        return json_bytes(line)


def _field(key: str, value: Any) -> bytes:
    """A field of a plain line.

    Raises:
        Exception: It is of no kind that is written here.
    """
    if key == "messages":
        # msgspec writes what it likes for NaN, dates and sets, so it is seen first that there are none.
        if not _is_plain(value):
            msgspec.convert(value, list[_PlainMessage])
        return b'"messages":' + msgspec.json.encode(value)
    if key == "tools":
        return b'"tools":' + _tools_json(value)
    if key == "parallel_tool_calls" and type(value) is bool:
        return b'"parallel_tool_calls":true' if value else b'"parallel_tool_calls":false'
    raise ValueError(key)


class _PlainFunction(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    arguments: str


class _PlainCall(msgspec.Struct, forbid_unknown_fields=True):
    function: _PlainFunction
    type: str
    id: str | None = None


class _PlainMessage(msgspec.Struct, forbid_unknown_fields=True):
    role: str
    content: str | None = None
    tool_calls: list[_PlainCall] | msgspec.UnsetType = msgspec.UNSET
    tool_call_id: str | None = None
    name: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    weight: int | None = None


_TOOLS: Kept[bytes, bytes] = Kept(256)


def _tools_json(tools: Any) -> bytes:
    """The tools of a line; the lines of one project offer the same few lists."""
    if type(tools) is not list or (key := exact_key(tools)) is None:
        raise TypeError
    written = _TOOLS.get(key)
    return written or _TOOLS.keep(key, compact_json(tools).encode())


def _is_plain(messages: Any) -> bool:
    """True for messages that are a role and a text."""
    if type(messages) is not list:
        return False
    for message in messages:
        if type(message) is not dict or len(message) != 2:
            return False
        if type(message.get("role")) is not str or type(message.get("content")) is not str:
            return False
    return True
