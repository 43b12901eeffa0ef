"""The one form inside: a conversation in OpenAI chat form, as plain dicts.

Every reader in this package turns a payload into a `Conversation`. The dicts hold only the keys below; what
a payload says beyond them is either in a note or was never part of the conversation.

Source of the form: OpenAI's chat completions request and answer,
https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypedDict

from langsmith_finetune.errors import RunReason

DEEPEST = 64
"""Levels of nesting below which a payload is no longer believed; real tool schemas stay under twenty."""


class FunctionCall(TypedDict):
    """A function's name and its arguments as JSON text: compact where it is an object, else untouched."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """One call that the model made."""

    id: str
    type: Literal["function"]
    function: FunctionCall


Content: TypeAlias = str | list[dict[str, Any]] | None
"""Text, or parts of kind text, image_url, input_audio, file and refusal."""


class Message(TypedDict, total=False):
    """One message. `content` is always there; null only beside calls or a refusal."""

    role: str
    content: Content
    name: str
    tool_calls: list[ToolCall]
    tool_call_id: str
    function_call: FunctionCall
    refusal: str


class Function(TypedDict, total=False):
    """What a model is told about a function it may call."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool


class Tool(TypedDict):
    """A function, as a tool."""

    type: Literal["function"]
    function: Function


NoteKind: TypeAlias = Literal[
    "answer_cut_off",
    "hosted_file",
    "keys_dropped",
    "other_candidates",
    "reasoning_dropped",
    "response_format",
    "server_tool_dropped",
    "tool_choice",
]
"""What was kept but changed, or what training cannot see:

- `answer_cut_off`: the answer stopped at a token limit or a filter, not where the model meant to.
- `hosted_file`: a part refers to a file kept at the provider; it is gone once the file is.
- `keys_dropped`: keys that a training line has no place for were left out.
- `other_candidates`: the call asked for several answers; the first is the example.
- `reasoning_dropped`: thinking blocks were left out.
- `response_format`: the answer was held to a format that a training line cannot name.
- `server_tool_dropped`: a tool that runs at the provider was offered; a training line takes functions only.
- `tool_choice`: the call forced or forbade tools; a training line cannot say so.
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
    """What a reader has to say about the run it is reading; each kind once."""

    def __init__(self) -> None:
        self._first: dict[NoteKind, str] = {}

    def add(self, kind: NoteKind, detail: str) -> None:
        """Note this, unless something of its kind was noted already."""
        self._first.setdefault(kind, detail)

    def of(self, run_id: str) -> tuple[Note, ...]:
        """The notes, as they leave the readers."""
        return tuple(Note(run_id=run_id, kind=kind, detail=text) for kind, text in self._first.items())


@dataclass(slots=True, kw_only=True)
class Conversation:
    """What went to the model and what came back: the answer is the last message."""

    messages: list[Message]
    tools: list[Tool] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    parallel_tool_calls: bool | None = None


class Unreadable(Exception):  # noqa: N818 - the readers' word; `shapes` turns it into RunNotUsableError
    """A payload cannot be read whole."""

    def __init__(self, reason: RunReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: RunReason = reason
        self.detail = detail


def malformed(where: str, expected: str, found: Any) -> Unreadable:
    """A field that is not what its producer writes. Says what kind of value was found, never its content."""
    kind = "nothing" if found is None else f"a value of type {type(found).__name__}"
    return Unreadable("malformed", f"{where} must be {expected}, found {kind}")


def text_at(where: str, value: Any) -> str:
    """The value, which must be text."""
    if not isinstance(value, str):
        raise malformed(where, "text", value)
    return value


def mapping_at(where: str, value: Any) -> Mapping[str, Any]:
    """The value, which must be an object."""
    if not isinstance(value, Mapping):
        raise malformed(where, "an object", value)
    return value


def list_at(where: str, value: Any) -> Sequence[Any]:
    """The value, which must be a list."""
    if not isinstance(value, (list, tuple)):
        raise malformed(where, "a list", value)
    return value


def json_at(where: str, value: Any, depth: int = 0) -> Any:
    """A copy of a JSON value, free of what is not JSON.

    `{"__lc_escaped__": {...}}`, by which LangChain's tracer marks user data that looks like one of its own
    serialized objects, is unwrapped. Nothing else with an `lc` key means anything here: it is data.
    """
    if depth > DEEPEST:
        raise Unreadable("too_deep", f"{where} is nested deeper than {DEEPEST} levels")
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple)):
        return [json_at(where, item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        if len(value) == 1 and "__lc_escaped__" in value:
            return json_at(where, value["__lc_escaped__"], depth + 1)
        if all(isinstance(key, str) for key in value):
            return {key: json_at(where, item, depth + 1) for key, item in value.items()}
    raise malformed(where, "JSON", value)


def compact_json(value: Any) -> str:
    """JSON text without spaces and without escaped Unicode."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def object_of(text: str) -> dict[str, Any] | None:
    """The JSON object that a text is, or None. NaN and infinities are not JSON."""
    try:
        value = json.loads(text)
        compact_json(value)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def arguments_text(where: str, arguments: Any) -> str:
    """A call's arguments as text: compact where they are a JSON object, and otherwise untouched.

    Models do write arguments that are no JSON; what they wrote is what was on the wire.
    """
    if isinstance(arguments, str):
        value = object_of(arguments)
        return arguments if value is None else compact_json(value)
    return compact_json(json_at(where, mapping_at(where, arguments)))
