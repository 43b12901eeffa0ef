"""The kinds of things that an annotation says, and which values are of each."""

from __future__ import annotations

import numbers
import os
import types
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

Fit = Callable[[Any], Any]
"""A value as the function takes it, or `NO` where it is not of the form."""

NO = object()


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the things that an annotation says."""

    what: str
    fit: Fit
    choices: tuple[Any, ...] = ()
    of: str = ""


_OPEN = Kind("open", lambda value: value)


def members_of(annotation: Any) -> tuple[Any, ...]:
    """The types that an annotation joins; one that joins none is its own."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(each for member in get_args(annotation) for each in members_of(member))
    return (type(None),) if annotation is None else (annotation,)


def is_a(value: Any, kinds: Any) -> bool:
    """`isinstance`, also of objects that raise when they are asked for their class."""
    if issubclass(type(value), kinds):
        return True
    try:
        return isinstance(value, kinds)
    except Exception:  # noqa: BLE001 - see above
        return False


def kind_of(annotation: Any) -> Kind | None:  # noqa: PLR0911 - one case after another
    """The kind of a type that is no union; None for that of None."""
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is type(None):
        return None
    if origin is Literal:
        return Kind("choice", _choice(args), args)
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if origin in _PATHS or annotation in _PATHS:
        return _PATH
    if annotation is Callable or getattr(origin, "__name__", "") == "Callable":
        return Kind("function", lambda value: value if callable(value) else NO)
    kind = origin or annotation
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return Kind("dict", _mapping(texts=args[:1] == (str,) and args[1:] != (Any,)))
    if getattr(annotation, "__total__", None) is not None:  # a TypedDict
        return Kind("dict", lambda value: value if is_a(value, Mapping) else NO)
    if isinstance(kind, type) and issubclass(kind, Iterable) and args:
        return _several(args[0])
    if isinstance(annotation, type) and annotation is not object:
        return Kind("object", _instance(annotation), of=annotation.__name__)
    return _OPEN


def _mapping(*, texts: bool) -> Fit:
    """A dict; where values of few kinds stand under texts, it is seen that texts they are."""

    def fit(value: Any) -> Any:
        fine = is_a(value, Mapping) and (not texts or all(is_a(key, str) and key for key in value))
        return value if fine else NO

    return fit


def _several(member: Any) -> Kind:
    """Many texts, ids or choices. Of anything else, and of paths, the function itself says what it takes."""
    kinds = [kind_of(each) for each in members_of(member)]
    choices = tuple(choice for kind in kinds if kind is not None for choice in kind.choices)
    if not all(kind is not None and kind.what in ("text", "id", "choice", "whole") for kind in kinds):
        return _OPEN
    fits = [kind.fit for kind in kinds if kind is not None]

    def fit(value: Any) -> Any:
        if is_a(value, (str, bytes, Mapping, os.PathLike)) or not is_a(value, Iterable):
            return NO
        members = value if is_a(value, Collection) else tuple(value)
        fine = all(any(each(one) is not NO for each in fits) for one in members)
        return members if fine else NO

    return Kind("many", fit, choices)


def _choice(choices: tuple[Any, ...]) -> Fit:
    known = {(type(choice), choice) for choice in choices}

    def fit(value: Any) -> Any:
        kind = str if is_a(value, str) else type(value)
        with_type = (kind, value)
        try:
            return value if with_type in known else NO
        except TypeError:  # it has no hash
            return NO

    return fit


def _instance(kind: type) -> Fit:
    """An object of a class. One of another package may be a stand-in of the caller's, but never a plain value."""
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    if ours and not getattr(kind, "_is_protocol", False):
        return lambda value: value if is_a(value, kind) else NO
    return lambda value: NO if is_a(value, (*_PLAIN, type)) and not is_a(value, kind) else value


_PLAIN = (str, bytes, int, float, list, tuple, dict, set, os.PathLike, date, UUID)


def _bool(value: Any) -> Any:
    if is_a(value, bool):
        return value
    return bool(value) if type(value).__name__ in ("bool_", "bool") and hasattr(value, "dtype") else NO


def _whole(value: Any) -> Any:
    if type(value) is int:
        return value
    is_one = is_a(value, numbers.Integral) and not is_a(value, bool)
    return int(value) if is_one else NO


def _number(value: Any) -> Any:
    if type(value) in (int, float):
        return value
    if is_a(value, bool) or not is_a(value, (numbers.Real, Decimal)):
        return NO
    return int(value) if is_a(value, numbers.Integral) else float(value)


def _text(value: Any) -> Any:
    if type(value) is str:
        return value
    if is_a(value, Enum) and is_a(value.value, str):
        return value.value
    return value if is_a(value, str) else NO


def _path(value: Any) -> Any:
    if is_a(value, (str, Path)):
        return value
    if is_a(value, os.PathLike) and isinstance(text := os.fspath(value), str):
        return Path(text)
    return NO


def _time(value: Any) -> Any:
    return NO if time_from(value) is None else value


def _day(value: Any) -> Any:
    if is_a(value, datetime):
        return value.date()
    if is_a(value, date):
        return value
    found = time_from(value) if is_a(value, str) else None
    return NO if found is None else found.date()


def time_from(value: Any) -> datetime | None:
    """The time that was given, in UTC; None where it is none.

    A `datetime`, where one without a zone is UTC; a day, which is its first moment; or either as ISO text.
    """
    if is_a(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if type(value).__name__ == "datetime64":  # numpy's, without importing it
        value = value.astype("datetime64[us]").item()
    if not is_a(value, date) or value != value:  # noqa: PLR0124 - as pandas' NaT
        return None
    if not is_a(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    given: datetime = value
    return given.replace(tzinfo=UTC) if given.tzinfo is None else given.astimezone(UTC)


def _id(value: Any) -> Any:
    return value if is_a(value, UUID) else NO


_PATH = Kind("path", _path)
_PATHS = (Path, os.PathLike)
_SIMPLE: dict[Any, Kind] = {
    bool: Kind("switch", _bool),
    int: Kind("whole", _whole),
    float: Kind("number", _number),
    str: Kind("text", _text),
    UUID: Kind("id", _id),
    datetime: Kind("time", _time),
    date: Kind("day", _day),
    object: _OPEN,
    Any: _OPEN,
}
