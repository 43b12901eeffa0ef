"""Checks values of an untrusted payload. A wrong value raises `Unreadable` with its place."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from types import NoneType
from typing import Any

from langsmith_finetune._foundation.json_text import (
    DEEPEST,
    LONGEST_INTEGER,
    OBJECT,
    object_and_text,
    pure_json,
)
from langsmith_finetune.dialects.notes import Notes, Unreadable

ESCAPED = "__lc_escaped__"
"""The key under which LangChain's tracer puts user data that looks like one of its own serialized objects."""


def malformed(where: str, expected: str, found: Any, words: Collection[str] = ()) -> Unreadable:
    """A field that is not what its producer writes. Says what kind of value was found, never its content.

    Args:
        where: The field.
        expected: What it must be.
        found: What it is; None where there is nothing.
        words: A closed list, such as the roles: a word of it is no content, and is said.
    """
    if isinstance(found, str) and found in words:
        kind = f'"{found}"'
    elif isinstance(found, (list, tuple)) and not found:
        kind = "an empty list"
    else:
        kind = "nothing" if found is None else f"a value of type {type(found).__name__}"
    return Unreadable("malformed", f"{where} must be {expected}, found {kind}")


def text_at(where: str, value: Any) -> str:
    """The value, which must be text."""
    if not isinstance(value, str):
        raise malformed(where, "text", value)
    return value


def mapping_at(where: str, value: Any) -> Mapping[str, Any]:
    """The value, which must be an object."""
    if not isinstance(value, OBJECT):
        raise malformed(where, "an object", value)
    return value


def list_at(where: str, value: Any) -> Sequence[Any]:
    """The value, which must be a list."""
    if not isinstance(value, (list, tuple)):
        raise malformed(where, "a list", value)
    return value


def json_at(where: str, value: Any, notes: Notes, depth: int = 0) -> Any:
    """A copy of a JSON value, free of what is not JSON.

    `{"__lc_escaped__": {...}}`, by which LangChain's tracer marks user data that looks like one of its own
    serialized objects, is unwrapped. Nothing else with an `lc` key means anything here: it is data.
    """
    if depth > DEEPEST:
        raise Unreadable("too_deep", f"{where} is nested deeper than {DEEPEST} levels")
    if isinstance(value, str):
        notes.spend(1 + len(value) // 100)
        return value
    notes.spend(1)
    if value is None or isinstance(value, bool) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, int) and value.bit_length() <= LONGEST_INTEGER:
        return value
    if isinstance(value, (list, tuple)):
        return [json_at(where, item, notes, depth + 1) for item in value]
    if isinstance(value, OBJECT):
        if len(value) == 1 and ESCAPED in value:
            return json_at(where, value[ESCAPED], notes, depth + 1)
        if all(isinstance(key, str) for key in value):
            return {key: json_at(where, item, notes, depth + 1) for key, item in value.items()}
    raise malformed(where, "JSON", value)


_FLAT = frozenset({str, int, bool, NoneType})


def _flat_json(arguments: dict[Any, Any]) -> str | None:
    """The text of an object of texts and whole numbers, as most arguments are; None for any other."""
    for key, value in arguments.items():
        if type(key) is not str or type(value) not in _FLAT:
            return None
    if ESCAPED in arguments:
        return None
    try:
        return pure_json(arguments)
    except ValueError:  # a number too long to be written
        return None


def arguments_text(where: str, arguments: Any, notes: Notes) -> str:
    """A call's arguments as text: compact where they are a JSON object, and otherwise untouched.

    Models do write arguments that are no JSON; what they wrote is what was on the wire.
    """
    if isinstance(arguments, str):
        notes.spend(1 + len(arguments) // 100)
        found = object_and_text(arguments)
        return arguments if found is None else found[1]
    if type(arguments) is dict and (text := _flat_json(arguments)) is not None:
        notes.spend(1 + len(arguments) + len(text) // 100)
        return text
    return pure_json(json_at(where, mapping_at(where, arguments), notes))
