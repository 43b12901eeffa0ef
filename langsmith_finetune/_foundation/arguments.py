"""Checks what a caller gave: that a function has the argument, and that the value is of the form that it says.

A public function says its forms in its annotations, and nowhere else:

    @checked(limit=AT_LEAST_ONE)
    def select_runs(*, project_name: str | None = None, limit: int | None = None) -> Selection: ...

    select_runs(project_name=5)        project_name must be text, such as "support-bot", not 5
    select_runs(limt=5)                select_runs() takes no limt=: did you mean limit=?
"""

from __future__ import annotations

import functools
import inspect
import os
import uuid
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

from langsmith_finetune._foundation.form_kinds import is_a
from langsmith_finetune._foundation.forms import Form, form_of, likeliest, resolved, shown
from langsmith_finetune._foundation.frames import FrameRows, is_frame
from langsmith_finetune._foundation.passes import is_spent, spent
from langsmith_finetune._printable import printable_line

P = ParamSpec("P")
R = TypeVar("R")

Rule = Callable[[Any], str | None]
"""What a value must be beyond its form, if it is not."""


def at_least(least: float) -> Rule:
    """The rule that a number is not below this one."""
    return lambda value: None if value >= least else f"at least {least}"


def an_id(value: Any) -> str | None:
    """The rule that a text is a UUID, as all ids of LangSmith are."""
    try:
        uuid.UUID(str(value))
    except ValueError:
        return "a UUID, such as 1f0f2f3e-5a63-4b0d-8f5c-0d7f0f0d2a3b; a name goes into the argument for names"
    return None


def one_of(*names: str) -> Rule:
    """The rule that a text is one of these, in letters of either case."""

    def rule(value: Any) -> str | None:
        if str(value).lower() in names:
            return None
        close = likeliest(str(value).lower(), names)
        return f"one of {', '.join(names)}" + (f" (did you mean {close!r}?)" if close else "")

    return rule


def an_address(value: Any) -> str | None:
    """The rule that a text is the address of a server."""
    return None if str(value).startswith(("http://", "https://")) else "an address that begins with https://"


def a_share(value: Any) -> str | None:
    """The rule that a number is a share of something."""
    return None if 0 <= value <= 1 else "a share between 0 and 1"


def between(least: float, most: float) -> Rule:
    """The rule that a number is neither below the one nor above the other."""
    return lambda value: None if least <= value <= most else f"from {least} to {most}"


def a_word(value: Any) -> str | None:
    """The rule that a text can be one word of a command, and no flag."""
    plain = value.isascii() and value.isprintable() and " " not in value and not value.startswith("-")
    return None if plain else "a word"


AT_LEAST_ONE = at_least(1)
NOT_NEGATIVE = at_least(0)


def more_than(bound: float) -> Rule:
    """The rule that a number is above this one."""
    return lambda value: None if value > bound else f"more than {bound}"


def checked(**rules: Rule) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the arguments of a function at each call, before anything of it runs.

    An argument is refused that the function does not have; that is not what its annotation says (`True` is no
    number, a number no text, one text no list of texts); that is not a number (NaN), or empty text; or that breaks a
    rule. Numbers of numpy's, and a day or a text where a time is meant, are taken. What an annotation leaves open
    (`Any`, an iterable of anything, a name that only type checkers import) is left to the function.

    Args:
        **rules: By argument, what a value must be besides. None, where it may be given, breaks none.

    Raises:
        TypeError: There is no such argument, or it has another form; names it, the form and an example.
        ValueError: The value is none that the argument may have.

    Example:
        >>> @checked(times=AT_LEAST_ONE)
        ... def repeat(text: str, *, times: int = 2) -> str:
        ...     return text * times
        >>> repeat("a", times="3")
        Traceback (most recent call last):
        TypeError: times must be a whole number, such as 2, not str
        >>> repeat("a", tims=3)
        Traceback (most recent call last):
        TypeError: repeat() takes no tims=: did you mean times=?
    """

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        arguments = _Arguments(function, rules)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                args, kwargs = arguments.see(args, kwargs)
                return await function(*args, **kwargs)

            return awaited  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> R:
            args, kwargs = arguments.see(args, kwargs)
            return function(*args, **kwargs)

        return called

    return mark


def checked_fields(**rules: Rule) -> Callable[[type[R]], type[R]]:
    """Check the fields of a dataclass that callers make, as `checked` does arguments.

    Args:
        **rules: By field, as for `checked`.
    """

    def mark(kind: type[R]) -> type[R]:
        kind.__init__ = checked(**rules)(kind.__init__)  # type: ignore[method-assign]
        return kind

    return mark


class _Arguments:
    """The arguments of one function."""

    def __init__(self, function: Callable[..., Any], rules: Mapping[str, Rule]) -> None:
        self._function, self._rules = function, rules
        *outer, name = function.__qualname__.split(".")
        self._is_init = name == "__init__" and bool(outer)
        self._name = outer[-1] if self._is_init else name
        parameters = inspect.signature(function).parameters
        self._parameters = parameters
        self._places = [
            name
            for name, each in parameters.items()
            if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
        ]
        self._any_name = any(each.kind == each.VAR_KEYWORD for each in parameters.values())
        self._further = next(
            (name for name, each in parameters.items() if each.kind == each.VAR_POSITIONAL), ""
        )
        if unknown := rules.keys() - parameters.keys():
            raise TypeError(f"{function.__qualname__} has no {', '.join(unknown)}")
        self._forms: dict[str, Form] | None = None

    def see(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments, as the function takes them."""
        forms = self._forms
        if forms is None:
            forms = self._forms = self._resolved()
        for name in kwargs:
            if name not in self._parameters and not self._any_name:
                raise unknown_name(self._called(args), name, self._named())
        if len(args) > len(self._places) and not self._further:
            raise self._too_many(args)
        args = (
            *(self._seen(forms, name, value) for name, value in zip(self._places, args, strict=False)),
            *(self._seen(forms, self._further, value) for value in args[len(self._places) :]),
        )
        return args, {name: self._seen(forms, name, value) for name, value in kwargs.items()}

    def _seen(self, forms: Mapping[str, Form], name: str, value: Any) -> Any:
        form = forms.get(name)
        if form is not None:
            value = form.taken(name, value)
        rule = self._rules.get(name)
        if rule is not None and value is not None and (wanted := rule(value)) is not None:
            found = repr(value) if type(value) is str and len(value) <= 100 else shown(value)
            raise ValueError(printable_line(f"{name} must be {wanted}, not {found}"))
        return value

    def _called(self, args: tuple[Any, ...]) -> str:
        """What is called, as errors name it: of a constructor, the class that is made."""
        return f"{type(args[0]).__name__ if self._is_init and args else self._name}()"

    def _resolved(self) -> dict[str, Form]:
        annotations = resolved(self._function)
        return {
            name: form_of(name, annotations[name], each.default)
            for name, each in self._parameters.items()
            if name in annotations and each.kind != each.VAR_KEYWORD
        }

    def _named(self) -> list[str]:
        """The arguments that can be given by name."""
        return [
            name
            for name, each in self._parameters.items()
            if name not in ("self", "cls") and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        ]

    def _too_many(self, args: tuple[Any, ...]) -> TypeError:
        bound = sum(name in ("self", "cls") for name in self._places[:1])
        named = [name for name, each in self._parameters.items() if each.kind == each.KEYWORD_ONLY]
        places = ", ".join(self._places[bound:]) or "nothing"
        text = f"{self._called(args)} takes {places} by place, not {len(args) - bound} arguments"
        return TypeError(
            text + (f"; the others by name: {', '.join(f'{name}=' for name in named)}" if named else "")
        )


_MANY = 30
"""Names that no error lists."""


def unknown_name(whose: str, name: str, known: Iterable[str]) -> TypeError:
    """The error for an argument that there is not.

    Args:
        whose: What was given it: `"select_runs()"`.
        name: Its name.
        known: The names that there are.
    """
    known = list(known)
    close = likeliest(name, known)
    if close:
        hint = f"did you mean {close}=?"
    elif len(known) <= _MANY:
        hint = f"it takes {', '.join(f'{each}=' for each in known) or 'none'}"
    else:
        hint = "help() of it lists what there is"
    return TypeError(printable_line(f"{whose} takes no {name}=: {hint}"))


def returned(name: str, value: Any, kind: type[R]) -> R:
    """What a function of the caller's gave, once it is seen that it is of the kind that it must give.

    Args:
        name: The argument that the function was given for.
        value: What it gave.
        kind: The kind: `int`, `float` or `str`.

    Raises:
        TypeError: It is of another one.
        ValueError: It is not a number, or empty.
    """
    found: R = form_of("", kind).taken(f"what {name} returns", value)
    return found


def unknown_choice(name: str, given: str, known: Iterable[str]) -> ValueError:
    """The error for a name that there is not.

    Args:
        name: The argument.
        given: What was given for it.
        known: What there is.
    """
    known = list(known)
    close = likeliest(given, known)
    hint = f": did you mean {close!r}?" if close else ""
    return ValueError(printable_line(f"{name} must be one of {', '.join(known)}, not {given[:100]!r}{hint}"))


def made(kind: Callable[..., R], whose: str, settings: Mapping[str, Any], given: Mapping[str, Any]) -> R:
    """A model of pydantic's, of settings of ours and of what the caller gave, which counts more.

    Args:
        kind: The class.
        whose: Who was given them, for errors: `"chat_model()"`.
        settings: Ours.
        given: The caller's.

    Raises:
        TypeError: The class has no such setting, or of another form.
        ValueError: A setting has no such value.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - whoever has such a class has loaded it

    check_settings(kind, f"{whose} of {kind.__name__}", given)
    try:
        return kind(**{**settings, **given})
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong[:3])
        is_form = all(each["type"].endswith(("_type", "_parsing")) for each in wrong)
        raise (TypeError if is_form else ValueError)(
            printable_line(f"{whose} of {kind.__name__}: {text}")
        ) from None


def check_settings(kind: Any, whose: str, given: Iterable[str]) -> None:
    """See that a model of pydantic's has each of these settings: it would pass over another one, or keep it.

    Args:
        kind: The class; its `passed_over` are names that it takes and has no use for.
        whose: Who was given them, for errors.
        given: Their names.

    Raises:
        TypeError: There is no such setting.
    """
    fields = kind.model_fields
    known = {*fields, *(field.alias for field in fields.values() if field.alias)}
    known |= getattr(kind, "passed_over", set())
    for name in given:
        if name not in known:
            raise unknown_name(whose, name, sorted(known))


_HINTS = {
    "runs": "run_files(path) reads the runs of files",
    "examples": "read_jsonl(path) reads the lines of a training file",
}


def many(name: str, given: Any, of: str) -> Iterable[Any]:
    """An argument that must be an iterable of things; of a table of pandas, polars or pyarrow, its rows.

    Args:
        name: As for `check_many`, as are all that follow.
        given: What was given.
        of: What it must hold.

    Raises:
        TypeError: It is none.
    """
    if is_frame(given):
        return FrameRows(given)
    check_many(name, given, of)
    found: Iterable[Any] = given
    return found


def check_many(name: str, given: Any, of: str) -> None:
    """See that an argument is an iterable of things, and not one of them.

    A single thing is often iterable too: a dict over its keys, a model over its fields, a path over its letters.

    Args:
        name: The argument: `"runs"`.
        given: What was given for it.
        of: What it must hold: `"runs or ids"`.

    Raises:
        RuntimeError: It is a generator that has ended.
        TypeError: It is none; names the argument, the type found, and what to give.

    Example:
        >>> check_many("runs", {"id": "d2a3"}, "runs")
        Traceback (most recent call last):
        TypeError: runs must be an iterable of runs, not a single dict: runs=[run]
    """
    kind = "None" if given is None else type(given).__name__
    must = f"{name} must be an iterable of {of}, not"
    if is_a(given, (str, bytes, os.PathLike)):
        hint = _HINTS.get(name)
        raise TypeError(f"{must} {kind}" + (f": {hint}" if hint else ""))
    if _is_single(given):
        raise TypeError(f"{must} a single {kind}: {name}=[{name.removesuffix('s')}]")
    if is_spent(given):
        raise spent(name, given)
    if is_a(given, Iterable):
        return
    if is_a(given, AsyncIterable):
        raise TypeError(
            f"{must} an async one: collect it first, or use LangSmithRunChatLoader's alazy_load()"
        )
    loader = ": training_examples(loader) makes examples" if hasattr(type(given), "lazy_load") else ""
    raise TypeError(f"{must} {kind}{loader}")


def _is_single(given: Any) -> bool:
    if is_a(given, Mapping):
        return True
    with suppress(Exception):  # objects can raise anything when they are asked
        # A run of langsmith's, a message of LangChain's, an example, and whatever else has fields of its own.
        fields = ("run_type", "line", "__pydantic_fields__", "__dataclass_fields__", "__struct_fields__")
        return any(hasattr(given, field) for field in fields)
    return False
