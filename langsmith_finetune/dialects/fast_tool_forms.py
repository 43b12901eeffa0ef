"""The forms of a run with tools that the fast path reads: those of texts, and calls beside them.

They widen the fields of the forms of texts, which msgspec takes; hence the words to the type checker.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from langsmith_finetune.dialects.endings import Meant
from langsmith_finetune.dialects.fast_forms import (
    PlainCandidate,
    PlainExtra,
    PlainFacts,
    PlainFields,
    PlainInputs,
    PlainKwargs,
    PlainMessage,
    PlainOutputs,
    PlainRun,
)

CALLED = "tool_calls"
"""The word for an answer that ended in calls."""


class RawFunction(Struct, forbid_unknown_fields=True, gc=False):
    """What a call calls, as it was on the wire."""

    name: str
    arguments: str


class RawCall(Struct, gc=False):
    """A call as it was on the wire; what stands in it besides is no part of it."""

    function: RawFunction
    id: str
    type: Literal["function"] | None = None


class ParsedCall(Struct, gc=False):
    """A call as LangChain parsed it."""

    name: str
    args: dict[str, Any]
    id: str


class ToolFacts(PlainFacts, gc=False):
    """What producers say beside an answer that may have ended in calls."""

    finish_reason: Meant | Literal["tool_calls"] | None = None  # type: ignore[assignment]
    object: None = None


class ToolExtra(PlainKwargs, forbid_unknown_fields=True, gc=False):
    """`additional_kwargs`, with the calls as they were on the wire."""

    tool_calls: list[RawCall] | None = None  # type: ignore[assignment]


class ToolFields(PlainFields, forbid_unknown_fields=True, gc=False):
    """The `kwargs` of a LangChain message."""

    additional_kwargs: ToolExtra | None = None
    response_metadata: ToolFacts | None = None
    tool_calls: list[ParsedCall] | None = None
    tool_call_id: str | None = None
    name: Any = None
    status: Any = None
    artifact: Any = None


class ToolMessage(PlainMessage, forbid_unknown_fields=True, gc=False):
    """LangChain's, with `kwargs`, or OpenAI's, with `role`."""

    kwargs: ToolFields | None = None
    role: Literal["system", "user", "assistant", "tool"] | None = None  # type: ignore[assignment]
    tool_calls: list[RawCall] | None = None
    tool_call_id: str | None = None


class ToolInputs(PlainInputs, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Messages and tools, and arguments that hold nothing to read."""

    messages: list[ToolMessage | list[ToolMessage]]  # type: ignore[assignment]
    tools: Any = None
    parallel_tool_calls: bool | None = None
    tool_choice: Any = None


class ToolCandidate(PlainCandidate, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A generation of LangChain's, or a choice of OpenAI's."""

    generation_info: ToolFacts | None = None
    generation_info_js: ToolFacts | None = field(name="generationInfo", default=None)
    finish_reason: Meant | Literal["tool_calls"] | None = None  # type: ignore[assignment]
    message: ToolMessage


class ToolOutputs(PlainOutputs, forbid_unknown_fields=True, kw_only=True, gc=False):
    """LangChain's, or OpenAI's."""

    generations: list[ToolCandidate | list[ToolCandidate]] | UnsetType = UNSET  # type: ignore[assignment]
    llm_output: ToolFacts | None = None
    choices: list[ToolCandidate] | UnsetType = UNSET  # type: ignore[assignment]


class ToolSettings(PlainExtra, gc=False):
    """A run's settings, and which of LangChain's languages made them."""

    runtime: Any = None


class ToolRun(PlainRun, kw_only=True, gc=False):
    """A run."""

    inputs: ToolInputs
    outputs: ToolOutputs
    extra: ToolSettings | None = None
