"""What a dataset step must be able to rely on: that an example is one, and its line of the form that all have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples import PreferenceExample, TrainingExample
from langsmith_finetune.shapes.run import RunSource

Example = TypeVar("Example", bound=TrainingExample | PreferenceExample)
_FIX = "Mend the line, or leave it out; check(lines, target) tells more"
_TEXTS = {"name", "tool_call_id", "refusal", "reasoning_content"}
_ANSWERS = {"preferred_output", "non_preferred_output"}


def sound_example(step: str, index: int, example: Example, *, preferences: bool) -> Example:
    """The example, once it is seen that a step can work on it.

    Args:
        step: The function that asks: `"redact"`.
        index: The place of the example.
        example: What was given for it.
        preferences: Whether the step also takes preferences.

    Raises:
        TypeError: It is no example; names the step, the place and what was found.
        InvalidExampleError: Its line has another form.
    """
    kinds = (TrainingExample, PreferenceExample) if preferences else (TrainingExample,)
    if not isinstance(example, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        made = ": TrainingExample(line=line) makes one of a line" if isinstance(example, Mapping) else ""
        raise TypeError(f"{step} takes {wanted}, but example {index} is a {type(example).__name__}{made}")
    source = example.source
    if not isinstance(source, RunSource | None):
        raise TypeError(
            f"{step}: the source of example {index} must be a RunSource, not {type(source).__name__}"
        )
    check_line(source.run_id if source else f"example {index}", example.line)
    return example


def check_line(where: str, line: Any) -> None:
    """See that a line has the form of a training line or of a preference, and is JSON.

    Args:
        where: What to call it: a run, or `"example 3"`.
        line: The line.

    Raises:
        InvalidExampleError: It has not; names the field and what was found, never content.
    """
    if type(line) is dict and len(line) == 1 and _is_plain(line.get("messages")):
        return
    see = _Sight(where)
    see.that(type(line) is dict, "line", line, "an object with messages")
    if "input" in line or not _ANSWERS.isdisjoint(line):
        prompt = line.get("input")
        see.that(type(prompt) is dict, "input", prompt, "an object with messages")
        see.messages("input.messages", prompt.get("messages"))
        for key in sorted(_ANSWERS):
            see.messages(key, line.get(key), at_least=0)
    else:
        prompt = line
        see.messages("messages", line.get("messages"))
    tools = prompt.get("tools")
    if tools is not None:
        see.calls("tools", tools, "name")
    try:
        _ENCODER.encode(line)
    except Exception as error:  # noqa: BLE001 - objects that are no JSON can raise anything
        raise InvalidExampleError(where, "", f"the line is not JSON ({type(error).__name__})", _FIX) from None


_ENCODER = json.JSONEncoder(sort_keys=True, allow_nan=False)


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
            what = "null" if found is None else f"a {type(found).__name__}"
            raise InvalidExampleError(self._where, field, f"is {what}, not {wanted}", _FIX)

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
