"""The one form inside: a conversation in OpenAI chat form, as plain dicts.

Every reader in this package turns a payload into a `Conversation`. The dicts hold only the keys below; what
a payload says beyond them is either in a note or was never part of the conversation.

Source of the form: OpenAI's chat completions request and answer,
https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langsmith_finetune._foundation.json_text import (
    DEEPEST,
    LARGEST,
    LONGEST_INTEGER,
    OBJECT,
    compact_json,
    object_and_text,
)
from langsmith_finetune.chat_format import Function, Message, Tool
from langsmith_finetune.errors import RunReason
from langsmith_finetune.examples.source import Note, NoteKind

MARKS = re.compile(
    r"\[(?:redacted|SECRET_DETECTED|LANGSMITH SECRET)\]"
    r"|<(?:email|email-address|phone|phone-number|ssn|uuid|credit-card|ip-address|api-key)>",
    re.IGNORECASE,
)
"""What LangSmith's own anonymizers write, and what its documentation shows in their place."""


class Notes:
    """What a reader has to say about the run it is reading, each kind once; and how much it has read.

    Args:
        keep_reasoning: Keep the model's thinking, where it is text, with the message it led to.
    """

    def __init__(self, *, keep_reasoning: bool = False) -> None:
        self._first: dict[NoteKind, str] = {}
        self._left = LARGEST
        self._keep_reasoning = keep_reasoning
        self._thoughts: list[str] = []

    def spend(self, values: int) -> None:
        """Count so many values as read.

        Raises:
            Unreadable: The run is larger than any that LangSmith takes.
        """
        self._left -= values
        if self._left < 0:
            raise Unreadable("too_large", f"it is made of more than {LARGEST:,} values")

    def add(self, kind: NoteKind, detail: str) -> None:
        """Note this, unless something of its kind was noted already."""
        self._first.setdefault(kind, detail)

    def thought(self, where: str, found: Any) -> None:
        """Take a piece of the model's thinking: kept for the message it leads to, or noted as dropped.

        Args:
            where: Its place.
            found: Text, or a block that holds it, in any dialect.
        """
        text = _thinking(found) if self._keep_reasoning else None
        if not text:
            self.add("reasoning_dropped", where)
        elif text not in self._thoughts:  # some producers tell it twice
            self.spend(len(text) // 100)
            self._thoughts.append(text)

    def give_thoughts(self, message: Message | None) -> None:
        """Put the thinking taken so far into the message that it led to; without one, it is dropped."""
        if self._thoughts:
            if message is not None and message["role"] == "assistant":
                before = [message["reasoning_content"]] if "reasoning_content" in message else []
                message["reasoning_content"] = "\n\n".join([*before, *self._thoughts])
            else:
                self.add("reasoning_dropped", "a place without an answer of the model's")
            self._thoughts = []

    @property
    def kinds(self) -> set[NoteKind]:
        """The kinds noted so far."""
        return set(self._first)

    def replace(self, kind: NoteKind, by: NoteKind, detail: str) -> None:
        """Say something else instead."""
        self._first.pop(kind, None)
        self.add(by, detail)

    def tell(self, others: Notes) -> None:
        """Add what was noted and spent here to other notes."""
        others.spend(LARGEST - self._left)
        for kind, detail in self._first.items():
            others.add(kind, detail)

    def of(self, run_id: str) -> tuple[Note, ...]:
        """The notes, as they leave the readers."""
        return tuple(Note(run_id=run_id, kind=kind, detail=text) for kind, text in self._first.items())


@dataclass(slots=True, kw_only=True)
class Conversation:
    """What went to the model and what came back: the answer is the last message.

    Of the messages, the last `said` came of the call: one, or several with the answers of tools between them.
    """

    messages: list[Message]
    said: int = 1
    tools: list[Tool] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    parallel_tool_calls: bool | None = None


class Unreadable(Exception):  # noqa: N818 - the readers' word; `shapes` turns it into RunNotUsableError
    """A payload cannot be read whole."""

    def __init__(self, reason: RunReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: RunReason = reason
        self.detail = detail


def _thinking(found: Any) -> str | None:
    """The text of a block of thinking: Anthropic's, LangChain's, the AI SDK's, OpenTelemetry's, OpenAI's."""
    if not isinstance(found, OBJECT):
        return found if isinstance(found, str) else None
    for key in ("thinking", "reasoning", "text", "content", "summary"):
        value = found.get(key)
        if isinstance(value, (list, tuple)):
            texts = [part.get("text") for part in value if isinstance(part, OBJECT)]
            value = "\n\n".join(text for text in texts if isinstance(text, str))
        if isinstance(value, str) and value:
            return value
    return None


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


def nameless(message: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a message to compare, without the name of an assistant.

    LangChain gives an agent's name to an answer once its run is recorded, so that only copies of it have one.
    """
    is_named = message["role"] == "assistant" and "name" in message
    return {key: value for key, value in message.items() if not (is_named and key == "name")}


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
        if len(value) == 1 and "__lc_escaped__" in value:
            return json_at(where, value["__lc_escaped__"], notes, depth + 1)
        if all(isinstance(key, str) for key in value):
            return {key: json_at(where, item, notes, depth + 1) for key, item in value.items()}
    raise malformed(where, "JSON", value)


def arguments_text(where: str, arguments: Any, notes: Notes) -> str:
    """A call's arguments as text: compact where they are a JSON object, and otherwise untouched.

    Models do write arguments that are no JSON; what they wrote is what was on the wire.
    """
    if isinstance(arguments, str):
        notes.spend(1 + len(arguments) // 100)
        found = object_and_text(arguments)
        return arguments if found is None else found[1]
    return compact_json(json_at(where, mapping_at(where, arguments), notes))
