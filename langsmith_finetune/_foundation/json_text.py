"""Reads and writes exact JSON text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

DEEPEST = 64
"""Levels of nesting below which a payload is no longer believed; real tool schemas stay under twenty."""


LARGEST = 1_000_000
"""Values that one run may be made of, a text counting one for each 100 characters: about 100 MB, five times
what LangSmith takes in one run. Counted as they are read, so that a payload that holds itself, or holds one
value in very many places, ends in a refusal and not in a hang."""


LONGEST_INTEGER = 14_000
"""Bits; Python writes integers of up to 4,300 digits (14,284 bits) as text without being told to."""


OBJECT = (dict, Mapping)
"""What counts as a JSON object. The first is nearly always the one, and far quicker to tell."""


def short_text(value: Any) -> str | None:
    """An id or a name as text. Anything else that stands in its place is not worth a word of it."""
    if value is None:
        return None
    if type(value) is str:
        return value if len(value) <= _LONGEST_NAME else value[:_LONGEST_NAME]
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, str):
        return value[:_LONGEST_NAME]
    if isinstance(value, UUID) or (isinstance(value, int) and value.bit_length() <= 64):
        return str(value)
    return None


_LONGEST_NAME = 200


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def compact_json(value: Any) -> str:
    """JSON text without spaces and without escaped Unicode."""
    return _ENCODER.encode(value)


def json_bytes(value: Any) -> bytes:
    """`compact_json` in UTF-8. Half of a surrogate pair, as a token limit leaves it, only an escape can say."""
    try:
        return compact_json(value).encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


_EXPONENT = re.compile(rb"[0-9]e[0-9+-]|0\.0000")


def pure_json(value: Any) -> str:
    """`compact_json` of a value that is of JSON's own types and finite, sooner: the same text.

    Python and msgspec write all of it alike but for numbers that are written with an exponent.
    """
    try:
        written = msgspec.json.encode(value)
    except Exception:  # noqa: BLE001 - halves of surrogate pairs, for one: Python's encoder knows them
        return compact_json(value)
    return compact_json(value) if _EXPONENT.search(written) else written.decode()


def object_of(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or None. NaN and infinities are not JSON, nor is what goes too deep."""
    if _is_too_deep(text):
        return None
    with suppress(Exception):  # what msgspec refuses, json may read
        value = msgspec.json.decode(text)
        return value if isinstance(value, dict) else None
    found = object_and_text(text)
    return None if found is None else found[0]


def object_and_text(text: str) -> tuple[dict[str, Any], str] | None:
    """The JSON object that a text is, and its compact text; None where it is none."""
    if _is_too_deep(text):
        return None
    with suppress(Exception):  # what msgspec refuses, json may read
        value = msgspec.json.decode(text)
        return (value, pure_json(value)) if isinstance(value, dict) else None
    try:
        value = json.loads(text)
        return (value, compact_json(value)) if isinstance(value, dict) else None
    except ValueError:
        return None


def _is_too_deep(text: str) -> bool:
    return text.count("{") + text.count("[") > DEEPEST and depth_of(text) > DEEPEST


def depth_of(text: str) -> int:
    """How deep a JSON text is nested. Brackets inside of strings are not looked at."""
    depth = deepest = 0
    for bracket in _BRACKETS.findall(text):
        if bracket in "{[":
            depth += 1
            deepest = max(deepest, depth)
        elif bracket in "}]":
            depth -= 1
    return deepest


_BRACKETS = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"?', re.DOTALL)
