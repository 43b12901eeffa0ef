"""Reads values from a host's JSON: objects, ids, texts, numbers, times. An odd value reads as nothing.

A host may answer a list for an object, text for a number, a time before all times, or a thousand brackets. What
cannot be read is left out, or refused by whoever needs it; it never ends in a `TypeError` somewhere else.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_DEEPEST = 100
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""Within these, a time can be shown in every zone and be reckoned with."""

_ID = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,500}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def json_value(content: bytes) -> Any:
    """JSON as it came. NaN and infinities are null; halves of characters become U+FFFD.

    Args:
        content: In any of JSON's encodings.

    Raises:
        ValueError: It is no JSON, or nested deeper than any real answer; the text completes "the answer ...".

    Example:
        >>> json_value(b'{"train_loss": NaN}')
        {'train_loss': None}
    """
    problem = None
    try:
        text = content.decode(json.detect_encoding(content))
        value = json.loads(text, parse_constant=lambda _: None)
    except ValueError:
        problem = "is not JSON"
    except RecursionError:
        problem = "is nested too deeply"
    if problem is not None:  # here, since json's own error holds the whole answer
        raise ValueError(problem)
    _refuse_depth(value)
    return _whole_characters(value) if r"\u" in text else value


def json_object(content: bytes) -> dict[str, Any]:
    """The same, where only an object will do.

    Raises:
        ValueError: It is something else; the text completes "the answer ...".
    """
    value = json_value(content)
    if not isinstance(value, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - it is about the text
    return value


def object_from(value: Any) -> Mapping[str, Any]:
    """An object; an empty one where it is none."""
    return value if isinstance(value, Mapping) else {}


def objects_from(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def id_from(value: Any) -> str | None:
    """An id or name: text without spaces and without what steers a terminal, and not too long; else None."""
    return value if isinstance(value, str) and _ID.fullmatch(value) and value.isprintable() else None


def text_from(value: Any) -> str | None:
    """Text that says something; None where it is none."""
    return value if isinstance(value, str) and value else None


def word_from(value: Any) -> str:
    """A word such as a status, as it came; numbers and null in JSON's spelling, and objects not at all.

    Example:
        >>> word_from("running"), word_from(None), word_from({"a": 1})
        ('running', 'None', 'odd')
    """
    if value is None or isinstance(value, str | bool):
        return str(value)
    return "odd" if number_from(value) is None else str(value)


def number_from(value: Any) -> float | None:
    """A number as JSON has it: finite, and neither a truth value nor beyond all floats."""
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:  # JSON has integers of any size
        return None
    return number if number is not None and math.isfinite(number) else None


def count_from(value: Any) -> int | None:
    """A number of things: whole, and not below zero."""
    number = number_from(value)
    return int(number) if number is not None and number >= 0 else None


def numbers_from(value: Any) -> dict[str, float]:
    """The finite numbers among the values of an object, by name.

    Example:
        >>> numbers_from({"train_loss": 0.5, "lr": float("nan"), "note": "x"})
        {'train_loss': 0.5}
    """
    return {
        str(name): number
        for name, item in object_from(value).items()
        if (number := number_from(item)) is not None
    }


def time_from(value: Any) -> datetime | None:
    """A time as JSON has it, ISO 8601 or seconds since 1970, in UTC. None where no clock can show it.

    Example:
        >>> time_from("2026-11-23T08:00:00+01:00").hour
        7
    """
    try:
        if isinstance(value, str):
            when = datetime.fromisoformat(value)
        elif isinstance(value, datetime):
            when = value
        elif (seconds := number_from(value)) is not None:
            when = datetime.fromtimestamp(seconds, UTC)
        else:
            return None
        when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return when if _FIRST <= when <= _LAST else None


def _refuse_depth(value: Any) -> None:
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for outer in level
            if isinstance(outer, dict | list)
            for item in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise ValueError("is nested too deeply")


def _whole_characters(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole_characters(item) for item in value]
    if isinstance(value, dict):
        return {_whole_characters(name): _whole_characters(item) for name, item in value.items()}
    return value
