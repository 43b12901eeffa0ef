"""Conversations of unique marks: what a template does with a mark, it does with any text in that place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Mark:
    """A text that stands for a field.

    Args:
        text: The text; no other mark begins with it.
        what: What it stands for: `"the text"`, `"the reasoning"`, `"the tool call"`, `"the tool"`, as errors name it.
        message: The message's number; -1 for a tool's definition.
    """

    text: str
    what: str
    message: int


@dataclass(slots=True)
class Marked:
    """A conversation whose every field is a mark.

    Args:
        messages: The messages, the answer last.
        tools: The tools.
        marks: The marks, in the order of their fields.
        letters: What every mark begins with.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    letters: str = "qz"

    def put(self, what: str, message: int) -> str:
        """A new mark for a field."""
        text = f"{self.letters}{len(self.marks):04d}x"
        self.marks.append(Mark(text, what, message))
        return text


def shape_of(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> tuple[Any, ...]:
    """What two conversations have in common that a template treats alike: roles, and which fields are filled."""
    return (bool(tools), *map(_shape, messages))


def _shape(message: Mapping[str, Any]) -> tuple[Any, ...]:
    calls = message.get("tool_calls", ())
    filled = tuple(bool(call["function"]["arguments"]) for call in calls)
    same = tuple(call["function"]["name"] == calls[0]["function"]["name"] for call in calls)
    reasoning = bool((message.get("reasoning_content") or "").strip())
    return message["role"], bool(message["content"].strip()), reasoning, filled, same, "name" in message


def marked(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any], *, letters: str = "qz") -> Marked:
    """The conversation with a mark in every field that is filled.

    Args:
        messages: As `messages_for_template` makes them.
        tools: The tools; where there are some, one stands for all.
        letters: What every mark begins with; others for marks beside marks.
    """
    found = Marked(letters=letters)
    names: dict[str, str] = {}
    if tools:
        name, parameter = found.put("the tool", -1), found.put("the tool", -1)
        properties = {parameter: {"type": "string", "description": "Some text."}}
        schema = {"type": "object", "properties": properties, "required": [parameter]}
        function = {"name": name, "description": "Does something.", "parameters": schema}
        found.tools.append({"type": "function", "function": function})
    for index, message in enumerate(messages):
        copy = dict(message)
        if message["content"].strip():
            copy["content"] = found.put(
                "the tool's result" if message["role"] == "tool" else "the text", index
            )
        if (message.get("reasoning_content") or "").strip():
            copy["reasoning_content"] = found.put("the reasoning", index)
        if "tool_calls" in message:
            copy["tool_calls"] = list(_calls(message["tool_calls"], index, names, found))
        if "name" in message:
            copy["name"] = names.get(message["name"], message["name"])
        found.messages.append(copy)
    return found


def _calls(
    calls: Sequence[Mapping[str, Any]], index: int, names: dict[str, str], found: Marked
) -> Iterator[dict[str, Any]]:
    for call in calls:
        function = call["function"]
        # Each call has a name of its own, so that the second of two calls of one tool is missed too.
        name = found.put("the tool call", index)
        names.setdefault(function["name"], name)
        arguments: dict[str, str] = {}
        if function["arguments"]:
            key = found.put("the arguments of the tool call", index)
            arguments[key] = found.put("the arguments of the tool call", index)
        yield {**call, "function": {"name": name, "arguments": arguments}}
