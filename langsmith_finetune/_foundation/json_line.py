"""Checks that a line given as Python objects is JSON, and copies it where it is not quite.

Every function that takes lines or examples asks `json_line` first, so that what follows meets text, numbers,
lists and dicts alone, however odd the objects that a caller has. A line that is none of them is refused by all
of them, in the same words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from langsmith_finetune._foundation.json_text import LARGEST
from langsmith_finetune._foundation.safe_words import KNOWN, described
from langsmith_finetune.errors import InvalidExampleError

DEEPEST = 100
"""Levels of nesting that a line may have. Conversations with tools stay under thirty, and Python's own limit
depends on how deep the caller stands."""
TOO_DEEP = (f"is nested deeper than {DEEPEST} levels", "Leave the line out")
TOO_LONG = ("holds an integer of more digits than Python reads", "Leave the line out")
NOT_FINITE = ("holds NaN or an infinity, which JSON does not have", "Write null, or leave the value out")

_FIX = "Use text, numbers, lists and dicts only"
_SURELY_READ = 14_000
"""Bits of an integer that Python reads without being told to; 4,300 digits have up to 14,285."""


def json_line(where: str, line: Any) -> dict[str, Any]:
    """The line, where it is JSON; otherwise a copy in which subclasses, tuples and mappings are what JSON has.

    Args:
        where: What to call the line in errors: `"train.jsonl:17"`.
        line: Anything.

    Raises:
        InvalidExampleError: It has no form in JSON; names the field and the type of what was found there.

    Example:
        >>> json_line("line", {"messages": ({"role": "user", "content": b"Hi"},)})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        langsmith_finetune.errors.InvalidExampleError: line: messages[0].content: is of type bytes, which JSON ...
    """
    if _is_json(line):
        return line  # type: ignore[no-any-return]
    reader = _Reader(where)
    found = reader.value("", line, 0)
    if type(found) is not dict:
        reader.refuse("", f"is {described(found)}, not an object", "Write one object per line")
    return found


def _is_json(line: Any) -> bool:
    """True if a line is a dict of nothing but JSON: quick, and nearly always so."""
    if type(line) is not dict:
        return False
    level: list[Any] = [line]
    left = LARGEST
    for _ in range(DEEPEST):
        left -= sum(map(len, level))
        inner = _inside(level) if left >= 0 else None
        if not inner:
            return inner is not None
        level = inner
    return False


_KEY = {str}
_SIMPLE = {str, bool, type(None)}
_NUMBERS = {int, float}
_NESTED = {dict, list}
_ALL = _SIMPLE | _NUMBERS | _NESTED


def _inside(level: list[Any]) -> list[Any] | None:
    """The dicts and lists inside of these; None where anything else inside of them is not JSON."""
    found: list[Any] = []
    for outer in level:
        values = outer
        if type(outer) is dict:
            if not _KEY.issuperset(map(type, outer)):
                return None
            values = outer.values()
        kinds = {*map(type, values)}
        if kinds <= _SIMPLE:
            continue
        if not (kinds <= _ALL and (kinds.isdisjoint(_NUMBERS) or all(map(_is_number, values)))):
            return None
        found += [value for value in values if type(value) in _NESTED]
    return found


def _is_number(value: Any) -> bool:
    """True if it is none that JSON lacks, where it is a number."""
    if type(value) is int:
        return value.bit_length() <= _SURELY_READ
    return type(value) is not float or math.isfinite(value)


class _Reader:
    """Copies one line, by the methods of the built-in types alone: those of subclasses may do anything."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._left = LARGEST
        self._reads: tuple[tuple[type, Callable[[str, Any, int], Any]], ...] = (
            (str, lambda _at, value, _depth: str.__str__(value)),
            (int, lambda at, value, _depth: self._integer(at, int.__int__(value))),
            (float, lambda at, value, _depth: self._number(at, float.__float__(value))),
            (list, lambda at, value, depth: self._list(at, list.__iter__(value), depth)),
            (tuple, lambda at, value, depth: self._list(at, tuple.__iter__(value), depth)),
            (dict, lambda at, value, depth: self._object(at, dict.items(value), depth)),
        )

    def refuse(self, field: str, reason: str, fix: str = _FIX) -> NoReturn:
        raise InvalidExampleError(self._where, field, reason, fix) from None

    def value(self, at: str, value: Any, depth: int) -> Any:
        try:
            return self._value(at, value, depth)
        except InvalidExampleError:
            raise
        except Exception as error:  # noqa: BLE001 - objects that are no JSON can raise anything
            self.refuse(at, f"reading it raised {type(error).__name__}")

    def _value(self, at: str, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            self.refuse("", f"is made of more than {LARGEST:,} values", "Leave the line out")
        if depth > DEEPEST:
            self.refuse("", *TOO_DEEP)
        kind = type(value)
        if value is None or kind is bool:
            return value
        for base, read in self._reads:
            if issubclass(kind, base):
                return read(at, value, depth)
        if isinstance(value, Mapping):
            return self._object(at, ((key, value[key]) for key in value), depth)
        return self.refuse(at, f"is of type {kind.__name__}, which JSON does not have")

    def _list(self, at: str, values: Any, depth: int) -> list[Any]:
        return [self.value(f"{at}[{index}]", inner, depth + 1) for index, inner in enumerate(values)]

    def _object(self, at: str, items: Any, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, inner in items:
            if not issubclass(type(key), str):
                self.refuse(at, f"holds a key of type {type(key).__name__}", "Use text for keys")
            name = str.__str__(key)
            known = name if name in KNOWN else "?"  # another name may be somebody's data
            found[name] = self.value(f"{at}.{known}" if at else known, inner, depth + 1)
        return found

    def _integer(self, at: str, value: int) -> int:
        if value.bit_length() > _SURELY_READ:
            try:
                int.__repr__(value)
            except ValueError:
                self.refuse(at, *TOO_LONG)
        return value

    def _number(self, at: str, value: float) -> float:
        if not math.isfinite(value):
            self.refuse(at, *NOT_FINITE)
        return value
