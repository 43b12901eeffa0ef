"""Collects what a reader reports about a run: notes on what changed, or why it cannot be read."""

from __future__ import annotations

import re
from typing import Any

from langsmith_finetune._foundation.json_text import (
    LARGEST,
    OBJECT,
)
from langsmith_finetune.chat_format import Message
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
