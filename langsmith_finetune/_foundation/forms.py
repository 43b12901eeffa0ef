"""The forms that arguments have, read from annotations: a value is taken, or refused in words that mend it."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from langsmith_finetune._foundation.form_kinds import NO, Fit, is_a, kind_of, members_of
from langsmith_finetune._foundation.form_names import FEW, said_of
from langsmith_finetune._printable import printable_line


@dataclass(frozen=True, slots=True)
class Form:
    """What an argument may be.

    Args:
        fit: Takes a value in.
        said: What it is called: `"a whole number, such as 100"`.
        choices: The texts that there are, where only some are.
        optional: None may be given, as when it is left out.
        texts: Some text may be given.
        many: Several may be given.
        one: One text may be given, too.
        time: A time or a day may be given.
    """

    fit: Fit
    said: str
    choices: tuple[Any, ...] = ()
    optional: bool = False
    texts: bool = False
    many: bool = False
    one: bool = False
    time: bool = False

    def taken(self, name: str, value: Any) -> Any:
        """The value as the function takes it.

        Raises:
            TypeError: It is of another form.
            ValueError: It is of the form, and yet none that there is.
        """
        found = self.fit(value)
        if found is not NO:
            if type(found) is float and math.isnan(found):
                raise ValueError(f"{name} must be {self.said}, not nan")
            if self.texts and isinstance(found, str) and not found.strip():
                leave = ", or leave it out" if self.optional else ""
                raise ValueError(f"{name} is empty: it must be {self.said}{leave}")
            return found
        if self.many and not self.one and is_a(value, str):
            raise TypeError(f"{name} must be {self.said}, not one text: put it into a list")
        if (text := self._wrong_choice(value)) is not None:
            raise ValueError(printable_line(self._no_choice(name, text)))
        if self.time and is_a(value, str):
            raise ValueError(printable_line(f"{name} must be {self.said}, not {_short(value)}"))
        if self.many and is_a(value, (list, tuple, set, frozenset)):
            odd = next((each for each in value if self.fit([each]) is NO), value)
            raise TypeError(f"{name} must be {self.said}, not one with {shown(odd)} in it")
        if is_a(value, Mapping) and any(not is_a(key, str) for key in value):
            raise TypeError(f"{name} must be {self.said}, not one whose names are no text")
        raise TypeError(f"{name} must be {self.said}, not {shown(value)}")

    def _no_choice(self, name: str, text: str) -> str:
        close = likeliest(text, [choice for choice in self.choices if isinstance(choice, str)])
        if len(self.choices) <= FEW:
            return f"{name} must be {self.said}, not {_short(text)}" + (
                f": did you mean {close!r}?" if close else ""
            )
        hint = f"did you mean {close!r}?" if close else f"there are {', '.join(map(repr, self.choices))}"
        return f"{name} must be {self.said}, not {_short(text)}: {hint}"

    def _wrong_choice(self, value: Any) -> str | None:
        """The text that was meant for a choice, and is none."""
        if not self.choices:
            return None
        if is_a(value, str):
            return cast("str", value)
        if is_a(value, (list, tuple, set, frozenset)):
            return next((each for each in value if is_a(each, str) and each not in self.choices), None)
        return None


def likeliest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was most likely meant."""
    import difflib  # noqa: PLC0415 - only for errors

    known = list(known)
    begun = [each for each in known if len(name) > 2 and each.startswith(name)]
    return next(iter([*begun, *difflib.get_close_matches(name, known, n=1, cutoff=0.7)]), None)


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "...")


def shown(value: Any) -> str:
    """What an error calls a value: a number as it is, and of anything else its type, which holds nothing secret."""
    if value is None or is_a(value, (bool, int, float)):
        return repr(value) if type(value) is not int or abs(value) < 1e30 else "a number of many digits"
    if is_a(value, type):
        return f"the class {value.__name__}"
    if is_a(value, datetime):
        with suppress(Exception):  # a zone of somebody's own may raise anything
            return cast("datetime", value).isoformat()
    return type(value).__name__


def resolved(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function; a name that only type checkers import stands for some class."""
    names = _Names(getattr(function, "__globals__", {}))
    found = {}
    for name, annotation in function.__annotations__.items():
        try:
            found[name] = eval(annotation, {}, names) if isinstance(annotation, str) else annotation  # noqa: S307
        except Exception:  # noqa: BLE001 - such as Any[...]: the annotation is our own, so nothing else is lost
            found[name] = Any
    return found


class _Names(dict[str, Any]):
    def __getitem__(self, name: str) -> Any:
        found = self.get(name, getattr(builtins, name, None))
        if isinstance(found, str):  # the alias of a union, whose members are looked up when it is needed
            return eval(found, {}, self)  # noqa: S307 - our own
        return _Elsewhere(name, (), {"__module__": "elsewhere"}) if found is None else found


class _Elsewhere(type):
    """The class of classes that only type checkers import: `httpx2.Client` is one of them, and `Dataset[Row]`."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Elsewhere(name, (), {"__module__": "elsewhere"})

    def __getitem__(cls, _: Any) -> Any:
        return cls


def form_of(name: str, annotation: Any, default: Any = None) -> Form:
    """The form that an annotation says, for the argument of this name.

    Args:
        name: The argument, which an example is chosen for.
        annotation: What it is annotated with.
        default: Its default, which is an example too.
    """
    kinds = [kind for each in members_of(annotation) if (kind := kind_of(each)) is not None]
    optional = type(None) in members_of(annotation)
    known = {kind.what for kind in kinds}
    texts = bool(known & {"text", "path"})
    if "open" in known:
        said = said_of([kind for kind in kinds if kind.what != "open"], name, default)
        return Form(lambda value: value, said, optional=optional, texts=texts)
    if known & {"time", "day"}:  # which texts say, and a time a day
        apart = {"text", "day"} if "time" in known else {"text"}
        kinds = [kind for kind in kinds if kind.what not in apart]
        known -= apart
    if "path" in known:  # as is a text by a path
        kinds = [kind for kind in kinds if kind.what != "text"]
    if "number" in known:
        kinds = [kind for kind in kinds if kind.what != "whole"]
    fits = [kind.fit for kind in kinds]

    def fit(value: Any) -> Any:
        if value is None:
            return None if optional else NO
        with suppress(Exception):  # objects can raise anything when they are looked at
            for each in fits:
                if (found := each(value)) is not NO:
                    return found
        return NO

    return Form(
        fit,
        said_of(kinds, name, default),
        choices=tuple(dict.fromkeys(choice for kind in kinds for choice in kind.choices)),
        optional=optional,
        texts=texts,
        many="many" in known,
        one=bool(known & {"text", "choice"}),
        time=bool(known & {"time", "day"}),
    )
