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
from typing import Any, Literal, TypeAlias

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

MARKS = re.compile(
    r"\[(?:redacted|SECRET_DETECTED|LANGSMITH SECRET)\]"
    r"|<(?:email|email-address|phone|phone-number|ssn|uuid|credit-card|ip-address|api-key)>",
    re.IGNORECASE,
)
"""What LangSmith's own anonymizers write, and what its documentation shows in their place."""


NoteKind: TypeAlias = Literal[
    "answer_cut_off",
    "answer_in_request",
    "answer_repeated",
    "arguments_missing",
    "attachments",
    "calls_missing",
    "compaction_call",
    "found_in_trace",
    "history_missing",
    "hosted_file",
    "ids_made",
    "keys_dropped",
    "middleware_call",
    "numbers_rounded",
    "other_candidates",
    "other_inputs",
    "reasoning_dropped",
    "reasoning_mixed",
    "redacted",
    "response_format",
    "schema_changed",
    "server_tool_dropped",
    "system_missing",
    "text_missing",
    "title_call",
    "tool_choice",
    "tools_missing",
    "turns_joined",
    "unsent",
]
"""What was kept but changed, or what training cannot see:

- `answer_cut_off`: the answer stopped at a token limit or a filter, not where the model meant to.
- `answer_in_request`: the inputs held the answer, as a list does that the application went on with before it was
  written down; they were cut back to what was asked.
- `answer_repeated`: an earlier message of the model's says the same, which may be the answer itself, posted with
  the inputs; nothing was cut.
- `arguments_missing`: a call has no arguments, though its tool requires some: the model may have left them out.
- `attachments`: files are attached to the run; whether the model saw them, the run does not say.
- `calls_missing`: the answer ended in a call that the run does not hold; or tools were offered, and the producer posts
  the text of an answer alone.
- `compaction_call`: the call made a conversation shorter, for an agent to go on with; it answered nobody.
- `found_in_trace`: the run lacks tools or the system prompt; they come from a run above it in the trace.
- `history_missing`: the producer does not post the earlier turns of the session, if there were any.
- `hosted_file`: a part refers to a file kept at the provider; it is gone once the file is.
- `ids_made`: calls without ids got ids made from their place, since a training line needs them.
- `keys_dropped`: keys that a training line has no place for were left out.
- `middleware_call`: the call was made beside the conversation, as to choose its tools; it answered nobody.
- `numbers_rounded`: a call has an integer that JavaScript makes of others, too, which it cannot hold: beyond 2^53 it
  keeps about sixteen digits. The model may have written another.
- `other_candidates`: the call asked for several answers; the first is the example.
- `other_inputs`: a traced function took more to read than its messages hold (`context=`, `system_prompt=`);
  whether the model read it, the run does not say.
- `reasoning_dropped`: the model's thinking was left out: nobody asked for it, or it is no text.
- `reasoning_mixed`: the model thought, and the producer joins thoughts that were asked for to the answer.
- `redacted`: a text holds an anonymizer's mark in place of what the model saw or said.
- `response_format`: the answer was held to a format that a training line cannot name.
- `schema_changed`: the provider's package changes the parameters of a tool before it sends them, each of its versions
  in its own way; the line says what the run holds, or what most versions make of it.
- `server_tool_dropped`: a tool or a search that runs at the provider was offered, or the answer cites what it found;
  a training line takes functions only.
- `system_missing`: the producer does not post the system prompt with the call.
- `text_missing`: the producer posts calls without the text that the model may have said beside them.
- `title_call`: the call gave a conversation its title; it answered nobody.
- `tool_choice`: the call forced or forbade tools; a training line cannot say so.
- `tools_missing`: the producer does not post tool definitions, or calls occur though the run names no tools.
- `turns_joined`: the producer posts texts of the user's in a row alike, whether they went out as one message or as
  several; the line says one. Or it is of those that joined the system prompt to the first, and the line does not.
- `unsent`: earlier turns hold text beside calls, or calls, that versions of LangChain's chat models leave out of
  the request; these were not, or may not have been, read by the model.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something about a run that its training example does not say.

    Args:
        run_id: The run's id.
        kind: One of a closed list, see `NoteKind`.
        detail: Where and what, without any content.
    """

    run_id: str
    kind: NoteKind
    detail: str


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
