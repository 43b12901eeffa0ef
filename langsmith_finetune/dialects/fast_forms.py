"""The forms of a run that the fast path reads; msgspec checks them in C."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

from langsmith_finetune.dialects.endings import Meant

_Empty: TypeAlias = Annotated[list[Any], Meta(max_length=0)] | None


_NoKeys: TypeAlias = Annotated[dict[str, Any], Meta(max_length=0)] | None


_Role: TypeAlias = Literal["system", "user", "assistant"]


ROLE_OF_CLASS: dict[str, _Role] = {
    "SystemMessage": "system",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
}


class _Skipped(Struct, gc=False):
    """An object of which nothing is looked at, nor made."""


class PlainFacts(Struct, gc=False):
    """What producers say beside an answer: how it ended as it was meant to, and that the provider found nothing for it.

    What LangChain always says comes first, in its order: msgspec looks a key up from where it found the last.
    """

    token_usage: _Skipped | None = None
    model_provider: Any = None
    model_name: Any = None
    system_fingerprint: Any = None
    id: Any = None
    service_tier: Any = None
    finish_reason: Meant | None = None
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
    """`additional_kwargs`: nothing that went over the wire."""

    refusal: None = None
    tool_calls: None = None
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
    tool_calls: _Empty = None
    usage_metadata: _Skipped | None = None
    invalid_tool_calls: _Empty = None
    tool_call_chunks: _Empty = None
    name: None = None
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
    tool_calls: _Empty = None
    function_call: None = None
    annotations: _Empty = None
    audio: None = None


class PlainInputs(Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Messages, and arguments that hold nothing to read."""

    messages: list[PlainMessage | list[PlainMessage]]
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
    finish_reason: Meant | None = None
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


class PlainExtra(Struct, gc=False):
    """A run's settings."""

    invocation_params: Any = None
    options: Any = None
    metadata: Any = None


class PlainRun(Struct, gc=False):
    """A run."""

    run_type: Literal["llm", "LLM"]
    inputs: PlainInputs
    outputs: PlainOutputs
    extra: PlainExtra | None = None
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
    serialized: Any = None
    manifest: Any = None
