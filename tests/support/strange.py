"""Values that a trace, a file or a caller can hand over and that nobody expects: each as a fresh one, by name."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

SECRET = "said in private"
DEEP = 200_000


def nested_dict() -> dict[str, Any]:
    top: dict[str, Any] = {}
    inner = top
    for _ in range(DEEP):
        inner["a"] = inner = {}
    return top


def nested_list() -> list[Any]:
    top: list[Any] = []
    inner = top
    for _ in range(DEEP):
        inner.append(inner := [])
    return top


def knotted_dict() -> dict[str, Any]:
    knot: dict[str, Any] = {}
    knot["a"] = knot
    return knot


def knotted_list() -> list[Any]:
    knot: list[Any] = []
    knot.append(knot)
    return knot


def many_times() -> list[Any]:
    """One list in 2**60 places."""
    inner: list[Any] = []
    for _ in range(60):
        inner = [inner, inner]
    return inner


class RaisesAll:
    """Whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise OSError(SECRET)


class RaisesAttributes:
    def __getattr__(self, name: str) -> Any:
        raise OSError(SECRET)


class RaisesItems(Mapping[Any, Any]):
    def __getitem__(self, key: Any) -> Any:
        raise OSError(SECRET)

    def __iter__(self) -> Iterator[Any]:
        raise OSError(SECRET)

    def __len__(self) -> int:
        return 3


class RaisesText(str):
    __slots__ = ()

    def __len__(self) -> int:
        raise OSError(SECRET)

    def lower(self) -> str:
        raise OSError(SECRET)


class RaisesAsText(str):
    """Text that no set and no comparison takes."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise OSError(SECRET)

    def __hash__(self) -> int:
        raise OSError(SECRET)

    def __str__(self) -> str:
        raise OSError(SECRET)


class RaisesAsDict(dict[str, Any]):
    """A dict whose own methods all raise."""

    def __getitem__(self, key: str) -> Any:
        raise OSError(SECRET)

    def __contains__(self, key: object) -> bool:
        raise OSError(SECRET)

    def __iter__(self) -> Iterator[str]:
        raise OSError(SECRET)

    def items(self) -> Any:
        raise OSError(SECRET)

    def get(self, key: str, default: Any = None) -> Any:
        raise OSError(SECRET)


class RaisesAsList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        raise OSError(SECRET)

    def __len__(self) -> int:
        raise OSError(SECRET)

    def __getitem__(self, index: Any) -> Any:
        raise OSError(SECRET)


class Endless(Mapping[str, Any]):
    """An object without a last key."""

    def __getitem__(self, key: str) -> Any:
        return None

    def __iter__(self) -> Iterator[str]:
        yield from map(str, itertools.count())

    def __len__(self) -> int:
        return 1


class RaisesTruth:
    def __bool__(self) -> bool:
        raise OSError(SECRET)


class RaisesZone(tzinfo):
    def utcoffset(self, moment: datetime | None) -> timedelta:
        raise OSError(SECRET)


Odd = enum.Enum("Odd", {"one": object()})

STRANGE: dict[str, Callable[[], Any]] = {
    "half a surrogate pair": lambda: "\ud800",
    "half a pair as a key": lambda: {"\ud800": "x"},
    "NUL": lambda: "\x00",
    "bytes": lambda: b"\xff\xfe",
    "NaN": lambda: float("nan"),
    "infinity": lambda: float("inf"),
    "65 bits": lambda: 2**65,
    "5000 digits": lambda: 10**5000,
    "a boolean": lambda: True,
    "null": lambda: None,
    "empty text": lambda: "",
    "an empty object": dict,
    "a list of null": lambda: [None],
    "a deep object": nested_dict,
    "a deep list": nested_list,
    "an object in itself": knotted_dict,
    "a list in itself": knotted_list,
    "a number as a key": lambda: {1: 2},
    "a set": lambda: {1},
    "an object of Python": object,
    "a complex number": lambda: 1j,
    "a class": lambda: int,
    "a generator": lambda: (x for x in [1]),
    "an enum of an object": lambda: Odd.one,
    "a UUID": lambda: UUID(int=1),
    "the first day": lambda: datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
    "the last day": lambda: datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-12))),
    "a time without a zone": lambda: datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None),
    "a zone that raises": lambda: datetime(2026, 11, 1, tzinfo=RaisesZone()),
    "raises all": RaisesAll,
    "raises attributes": RaisesAttributes,
    "raises items": RaisesItems,
    "raises its length": lambda: RaisesText("x"),
    "raises its truth": RaisesTruth,
    "JSON text of depth": lambda: "[" * (DEEP // 20),
    "JSON text of deep objects": lambda: '{"a":' * (DEEP // 20),
    "JSON text of 5000 digits": lambda: "9" * 5000,
    "JSON text with half a pair": lambda: '{"a":"\\ud800"}',
    "JSON bytes that are no UTF-8": lambda: b'{"a":"\xff"}',
    "JSON text with NaN": lambda: '{"a":NaN}',
}
"""What to make, by what it is."""

STRANGE_IN_LINES: dict[str, Callable[[], Any]] = {
    **STRANGE,
    "raises as text": lambda: RaisesAsText("x"),
    "raises as a dict": lambda: RaisesAsDict(a=1),
    "raises as a list": lambda: RaisesAsList([1]),
    "a decimal number": lambda: Decimal("0.1"),
    "many times the same": many_times,
    "a huge text": lambda: "x" * 100_000,
}
"""And what else somebody may put into a line by hand."""


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value inside of one, itself first."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*at, index))


def replaced(value: Any, at: tuple[Any, ...], by: Any) -> Any:
    """The value with another one in this place. What was not on the way there is shared."""
    if not at:
        return by
    changed = value.copy()
    changed[at[0]] = replaced(value[at[0]], at[1:], by)
    return changed
