"""Checks that an example is one, and that its line has the form that every step relies on."""

from __future__ import annotations

from typing import Any, TypeGuard, TypeVar
from uuid import UUID

from langsmith_finetune._foundation.json_line import json_line
from langsmith_finetune.chat_format import ANSWERS, LineKind, kind_of_line
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import (
    AnyExample,
    LabelExample,
    PreferenceExample,
    TrainingExample,
    replace,
)
from langsmith_finetune.examples.source import Note, RunSource

Example = TypeVar("Example", bound=AnyExample)
_KINDS: dict[type, LineKind] = {
    TrainingExample: "training",
    PreferenceExample: "preference",
    LabelExample: "label",
}
_FIX = "Fix the line or leave it out; check(lines, target) says more"
_TEXTS = {"name", "tool_call_id", "refusal", "reasoning_content"}


def is_example(given: Any) -> TypeGuard[AnyExample]:
    """True if this is an example. `isinstance` asks the object itself, which may raise anything."""
    return issubclass(type(given), tuple(_KINDS))


def name_of(given: Any, index: int) -> str:
    """What a report or an error calls an example: its run, or else its place."""
    source = given.source if is_example(given) else None
    run_id = source.run_id if type(source) is RunSource else None
    return str(run_id) if type(run_id) in (str, UUID) and run_id else f"example {index}"


def line_of(where: str, given: Any) -> dict[str, Any]:
    """The line of an example, or a bare one, as JSON has it.

    Args:
        where: What to call it in errors.
        given: An example or a line; or anything else.

    Raises:
        InvalidExampleError: It has no form in JSON, or what is beside the line is of another type.
    """
    if not is_example(given):
        return json_line(where, given)
    _check_sources(where, given)
    return json_line(where, given.line)


def refuse_other_things(name: str, given: Any) -> None:
    """Refuse a run or a chat session where a line is meant, and say what makes an example of it.

    Args:
        name: What an error calls it: `"example 3"`.
        given: Anything.

    Raises:
        TypeError: It is one of these.
    """
    if type(given) is not dict:  # asking anything else may raise anything
        return
    if "run_type" in given:
        raise TypeError(f"{name} is a run: examples_from_runs(runs) makes examples of runs")
    messages = given.get("messages")
    if type(messages) is list and any(
        base.__module__.startswith("langchain_core.messages")
        for base in type(next(iter(messages), 0)).__mro__
    ):
        raise TypeError(f"{name} is a chat session: training_examples(sessions) makes examples of sessions")


def sound_example(step: str, index: int, example: Example, *, preferences: bool) -> Example:
    """The example, once it is seen that a step can work on it.

    Args:
        step: The function that asks: `"redact"`.
        index: The place of the example.
        example: What was given for it.
        preferences: Whether the step also takes preferences and labels.

    Raises:
        TypeError: It is no example; names the step, the place and what was found.
        InvalidExampleError: Its line has another form.
    """
    kinds = tuple(_KINDS) if preferences else (TrainingExample,)
    if not issubclass(type(example), kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{step} takes {wanted}, but example {index} is a {type(example).__name__}")
    source: Any = example.source
    if type(source) not in (RunSource, type(None)):
        found = type(source).__name__
        raise TypeError(f"{step}: the source of example {index} must be a RunSource, not {found}")
    where = name_of(example, index)
    kind = next(kind for made, kind in _KINDS.items() if issubclass(type(example), made))
    line: Any = check_form(where, line_of(where, example), kind=kind)
    return example if line is example.line else replace(example, line=line)


def check_form(where: str, line: dict[str, Any], *, kind: LineKind | None = None) -> dict[str, Any]:
    """The line, once it is seen that it has the form of its kind.

    Args:
        where: What to call it: a run, or `"example 3"`.
        line: The line, as JSON has it.
        kind: Which kind it must be; by default what its keys say.

    Raises:
        InvalidExampleError: It has not; names the field and what was found, never content.
    """
    kind = kind or kind_of_line(line)
    if kind == "training" and len(line) == 1 and _is_plain(line.get("messages")):
        return line
    see = _Sight(where)
    prompt: Any = line
    if kind == "preference":
        prompt = line.get("input")
        see.that(type(prompt) is dict, "input", prompt, "an object with messages")
        see.messages("input.messages", prompt.get("messages"))
        for key in sorted(ANSWERS[kind]):
            see.messages(key, line.get(key), at_least=0)
    elif kind == "label":
        see.messages("prompt", line.get("prompt"))
        see.messages("completion", line.get("completion"))
        see.that(type(line.get("label")) is bool, "label", line.get("label"), "true or false")
    else:
        see.messages("messages", line.get("messages"))
    tools = prompt.get("tools")
    if tools is not None:
        see.calls("tools", tools, "name")
    return line


_OF_SOURCE: dict[str, tuple[type, ...]] = {
    field: (str, UUID) if field.endswith("_id") else (int,) if field.endswith("_tokens") else (str,)
    for field in RunSource.__struct_fields__
    if field not in ("scores", "trace_scores", "notes")
}


def _check_sources(where: str, example: AnyExample) -> None:
    """See that what is beside a line is of the types that it says."""
    for name in ("source", "rejected_source"):
        source = getattr(example, name, None)
        if source is not None:
            _check_source(where, name, source)
    for name, check in (("merged", _check_source), ("changes", _check_text)):
        several = getattr(example, name, ())
        if type(several) not in (tuple, list):
            raise _wrong(where, name, several, "a tuple")
        for index, one in enumerate(several):
            check(where, f"{name}[{index}]", one)


def _check_source(where: str, name: str, source: Any) -> None:
    if type(source) is not RunSource:
        raise _wrong(where, name, source, "a RunSource")
    for field, kinds in _OF_SOURCE.items():
        value = getattr(source, field)
        if value is None and field != "run_id":
            continue
        if type(value) not in kinds or (kinds == (int,) and not 0 <= value < 2**63):
            raise _wrong(where, f"{name}.{field}", value, "a number of tokens" if kinds == (int,) else "text")
    for field in ("scores", "trace_scores"):
        scores: Any = getattr(source, field)
        if type(scores) is not dict or not all(
            type(key) is str and (type(score) is float or (type(score) is int and abs(score) < 2**63))
            for key, score in scores.items()
        ):
            raise _wrong(where, f"{name}.{field}", scores, "a dict of numbers")
    notes: Any = source.notes
    if type(notes) is not tuple or any(
        type(note) is not Note or {type(note.kind), type(note.detail)} != {str} for note in notes
    ):
        raise _wrong(where, f"{name}.notes", source.notes, "a tuple of notes")


def _check_text(where: str, name: str, value: Any) -> None:
    if type(value) is not str:
        raise _wrong(where, name, value, "text")


def _wrong(where: str, field: str, found: Any, wanted: str) -> InvalidExampleError:
    return InvalidExampleError(
        where, field, f"is {_a(found)}, not {wanted}", "Make examples with examples_from_runs"
    )


def _a(found: Any) -> str:
    return "null" if found is None else f"a {type(found).__name__}"


def _is_plain(messages: Any) -> bool:
    """Messages of a role and a text alone, as most are."""
    return (
        type(messages) is list
        and len(messages) > 0
        and all(
            type(message) is dict
            and len(message) == 2
            and type(message.get("role")) is str
            and type(message.get("content")) is str
            for message in messages
        )
    )


class _Sight:
    """Looks at the parts of one line."""

    def __init__(self, where: str) -> None:
        self._where = where

    def that(self, is_so: bool, field: str, found: Any, wanted: str) -> None:  # noqa: FBT001 - see check_line
        if not is_so:
            raise InvalidExampleError(self._where, field, f"is {_a(found)}, not {wanted}", _FIX)

    def messages(self, field: str, messages: Any, *, at_least: int = 1) -> None:
        self.that(type(messages) is list and len(messages) >= at_least, field, messages, "a list of messages")
        for index, message in enumerate(messages):
            at = f"{field}[{index}]"
            self.that(type(message) is dict, at, message, "a message")
            self.that(type(message.get("role")) is str, f"{at}.role", message.get("role"), "a role")
            self._content(f"{at}.content", message.get("content"))
            for key in _TEXTS & message.keys():
                self.that(type(message[key]) is str, f"{at}.{key}", message[key], "text")
            if "tool_calls" in message:
                self.calls(f"{at}.tool_calls", message["tool_calls"], "name", "arguments")

    def calls(self, field: str, calls: Any, *keys: str) -> None:
        """Calls, or tools: each an object with a function."""
        self.that(type(calls) is list, field, calls, "a list")
        for index, call in enumerate(calls):
            at = f"{field}[{index}]"
            self.that(type(call) is dict, at, call, "an object with a function")
            self.that(type(call.get("id")) in (str, type(None)), f"{at}.id", call.get("id"), "text")
            function = call.get("function")
            self.that(type(function) is dict, f"{at}.function", function, "an object")
            self.that(
                type(function.get("name")) is str, f"{at}.function.name", function.get("name"), "a name"
            )
            for key in keys:
                self.that(key in function, f"{at}.function.{key}", None, "there")

    def _content(self, field: str, content: Any) -> None:
        if content is None or type(content) is str:
            return
        self.that(type(content) is list, field, content, "text, a list of parts or null")
        for index, part in enumerate(content):
            at = f"{field}[{index}]"
            self.that(type(part) is dict and type(part.get("type")) is str, at, part, "a part with a type")
            is_text = part["type"] != "text" or type(part.get("text")) is str
            self.that(is_text, f"{at}.text", part.get("text"), "text")
