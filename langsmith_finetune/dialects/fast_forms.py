"""The forms of a run that the fast path reads; msgspec checks them in C.

Tools are left as they stand: an object where the run is objects, its text where the run is JSON text. So every form
that holds tools, or settings, has a parameter for theirs.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, defstruct, field

from langsmith_finetune.dialects.endings import Meant
from langsmith_finetune.dialects.losses.unseen_context import HOSTED, KEPT, NESTED
from langsmith_finetune.dialects.sent.langchain_python import SYSTEM_AS_USER
from langsmith_finetune.dialects.tools import SETTINGS

_Empty: TypeAlias = Annotated[list[Any], Meta(max_length=0)] | None


_NoKeys: TypeAlias = Annotated[dict[str, Any], Meta(max_length=0)] | None


_Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


ROLE_OF_CLASS: dict[str, _Role] = {
    "SystemMessage": "system",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "ToolMessage": "tool",
}

CALLED = "tool_calls"
"""The word for an answer that ended in calls."""

_Ending: TypeAlias = Meant | Literal["tool_calls"]


class _Skipped(Struct, gc=False):
    """An object of which nothing is looked at, nor made."""


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


class PlainFacts(Struct, gc=False):
    """What producers say beside an answer: how it ended as it was meant to, and that the provider found nothing for it.

    What LangChain always says comes first, in its order: msgspec looks a key up from where it found the last.
    """

    token_usage: _Skipped | None = None
    model_provider: Any = None
    model_name: Any = None
    system_fingerprint: Any = None
    id: Any = None
    object: None = None
    service_tier: Any = None
    finish_reason: _Ending | None = None
    logprobs: _Skipped | None = None
    finishReason: Meant | None = None  # noqa: N815 - as LangChain.js writes it
    finish_reasons: None = None
    stop_reason: Meant | None = None
    stopReason: Meant | None = None  # noqa: N815
    done_reason: Meant | None = None
    doneReason: Meant | None = None  # noqa: N815
    completion_reason: Meant | None = None
    completionReason: Meant | None = None  # noqa: N815
    completion_status: Meant | None = None
    incomplete_details: None = None
    incompleteDetails: None = None  # noqa: N815
    status: Meant | None = None
    messageStop: None = None  # noqa: N815
    annotations: _Empty = None
    citations: _Empty = None
    executed_tools: _Empty = None
    grounding_metadata: _NoKeys = None
    groundingMetadata: _NoKeys = None  # noqa: N815
    search_results: _Empty = None
    searchResults: _Empty = None  # noqa: N815


class PlainKwargs(Struct, forbid_unknown_fields=True, gc=False):
    """`additional_kwargs`: nothing that went over the wire, but for calls as they were there."""

    refusal: None = None
    tool_calls: list[RawCall] | None = None
    function_call: None = None
    name: None = None
    reasoning: None = None
    reasoning_content: None = None
    tool_outputs: None = None
    audio: None = None
    documents: None = None
    openai_role: None = field(name="__openai_role__", default=None)
    annotations: _Empty = None
    citations: _Empty = None
    # What LangChain.js keeps of the answer's envelope.
    model: Any = None
    id: Any = None
    type: Any = None
    role: Any = None
    index: Any = None
    stop_reason: Meant | None = None
    stop_sequence: Any = None
    usage: _Skipped | None = None


class PlainFields(Struct, forbid_unknown_fields=True, gc=False):
    """The `kwargs` of a LangChain message."""

    content: str
    additional_kwargs: PlainKwargs | None = None
    response_metadata: PlainFacts | None = None
    type: Any = None
    id: Any = None
    tool_calls: list[ParsedCall] | None = None
    usage_metadata: _Skipped | None = None
    invalid_tool_calls: _Empty = None
    tool_call_chunks: _Empty = None
    name: Any = None
    tool_call_id: str | None = None
    status: Any = None
    artifact: Any = None
    example: Any = None
    chunk_position: Any = None
    lc_kwargs: _Skipped | None = None


class PlainMessage(Struct, forbid_unknown_fields=True, gc=False):
    """LangChain's, with `kwargs`, or OpenAI's, with `role`."""

    lc: Any = None
    type: Literal["constructor"] | None = None
    id: Any = None
    kwargs: PlainFields | None = None
    role: _Role | None = None
    content: str | None = None
    name: None = None
    refusal: None = None
    tool_calls: list[RawCall] | None = None
    tool_call_id: str | None = None
    function_call: None = None
    annotations: _Empty = None
    audio: None = None


Tools = TypeVar("Tools")
Params = TypeVar("Params")


class PlainInputs(Struct, Generic[Tools], kw_only=True, forbid_unknown_fields=True, gc=False):
    """Messages and tools, and arguments that hold nothing to read."""

    messages: list[PlainMessage | list[PlainMessage]]
    tools: Tools = None  # type: ignore[assignment]
    parallel_tool_calls: bool | None = None
    tool_choice: Any = None
    extra_body: None = None
    extra_headers: Any = None
    extra_query: Any = None
    frequency_penalty: Any = None
    logit_bias: Any = None
    logprobs: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    max_tokens: Any = None
    metadata: Any = None
    modalities: Any = None
    model: Any = None
    n: Any = None
    prediction: Any = None
    presence_penalty: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    reasoning_effort: Any = None
    safety_identifier: Any = None
    seed: Any = None
    service_tier: Any = None
    stop: Any = None
    stop_sequences: Any = None
    store: Any = None
    stream: Any = None
    stream_options: Any = None
    temperature: Any = None
    timeout: Any = None
    top_k: Any = None
    top_logprobs: Any = None
    top_p: Any = None
    user: Any = None
    verbosity: Any = None


class PlainCandidate(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """A generation of LangChain's, or a choice of OpenAI's."""

    text: Any = None
    generation_info: PlainFacts | None = None
    generation_info_js: PlainFacts | None = field(name="generationInfo", default=None)
    type: Any = None
    finish_reason: _Ending | None = None
    index: Any = None
    logprobs: _Skipped | None = None
    message: PlainMessage
    stop_reason: Meant | None = None


class PlainOutputs(Struct, forbid_unknown_fields=True, kw_only=True, gc=False):
    """LangChain's, or OpenAI's."""

    generations: list[PlainCandidate | list[PlainCandidate]] | UnsetType = UNSET
    llm_output: PlainFacts | None = None
    llm_output_js: PlainFacts | None = field(name="llmOutput", default=None)
    run: Any = None
    type: Any = None
    id: Any = None
    choices: list[PlainCandidate] | UnsetType = UNSET
    created: Any = None
    model: Any = None
    object: Any = None
    metadata: _Skipped | None = None
    moderation: _Skipped | None = None
    service_tier: Any = None
    system_fingerprint: Any = None
    usage: _Skipped | None = None
    usage_metadata: _Skipped | None = None
    obfuscation: Any = None
    prompt_filter_results: Any = None
    provider: Any = None
    citations: _Empty = None
    search_results: _Empty = None


class PlainMetadata(Struct, gc=False):
    """What a run says of its thread, user and model."""

    thread_id: Any = None
    session_id: Any = None
    user_id: Any = None
    ls_model_name: Any = None
    ls_integration: Any = None


class PlainRuntime(Struct, gc=False):
    """What LangSmith's package says of itself."""

    sdk: Any = None


_LOOKED_AT = (
    SETTINGS | KEPT | HOSTED | NESTED | {"documents", "instructions", "prompt", "think", SYSTEM_AS_USER}
)
_UNMADE: list[Any] = [(name, _NoKeys if name in NESTED else None, None) for name in sorted(_LOOKED_AT)]
Unmade: Any = defstruct("Unmade", _UNMADE, gc=False)
"""Settings of a call, none of which a reader looks at: all of these are null or absent."""


def _params(tools: Any) -> Any:
    """The same, but for those that go with tools; and LangChain's word for its chat model."""
    made = [
        ("tools", tools, None),
        ("parallel_tool_calls", bool | None, None),
        ("tool_choice", Any, None),
        ("model_type", Any, field(name="_type", default=None)),
    ]
    return defstruct("PlainParams", made, bases=(Unmade,), gc=False)


class PlainMadeWith(Struct, gc=False):
    """What LangChain's model was made with: no such setting."""

    repr: None = None
    kwargs: Unmade | None = None


class PlainExtra(Struct, Generic[Params], gc=False):
    """A run's settings."""

    invocation_params: Params | None = None
    options: Unmade | None = None
    metadata: Any = None
    runtime: PlainRuntime | None = None


class PlainRun(Struct, Generic[Tools, Params], gc=False):
    """A run."""

    run_type: Literal["llm", "LLM"]
    inputs: PlainInputs[Tools]
    outputs: PlainOutputs
    extra: PlainExtra[Params] | None = None
    metadata: Any = None
    id: Any = None
    name: Any = None
    status: Any = None
    error: Any = None
    attachments: Any = None
    trace_id: Any = None
    thread_id: Any = None
    project_id: Any = None
    session_id: Any = None
    start_time: Any = None
    reference_example_id: Any = None
    prompt_tokens: Any = None
    completion_tokens: Any = None
    feedback_stats: Any = None
    trace_feedback_stats: Any = None
    serialized: PlainMadeWith | None = None
    manifest: PlainMadeWith | None = None


_RUN: Any = PlainRun  # msgspec takes types that are made as it goes, mypy does not
_EXTRA: Any = PlainExtra
_OF_TEXT = _params(Raw)
RunOfObjects: Any = _RUN[Any, _params(Any)]
RunOfText: Any = _RUN[Raw, _OF_TEXT]
InputsOfText: Any = PlainInputs[Raw]
ExtraOfText: Any = _EXTRA[_OF_TEXT]
