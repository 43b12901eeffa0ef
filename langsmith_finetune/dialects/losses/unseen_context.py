"""Finds what the model read that the run does not contain, or that a training line cannot say.

    "cached_content": "cachedContents/abc"       kept at the provider: refused, as a stored prompt is
    "documents": [{"data": ...}]                 in the run, but no message: refused
    "web_search_options": {}                     the provider looked for more: noted, as a hosted tool is
    "citations": ["https://..."]                 it did, says the answer
    def call(context, messages)                  whether the model read the context, nobody knows: noted

Sources: https://ai.google.dev/api/caching, https://platform.openai.com/docs/guides/tools-web-search,
https://docs.cohere.com/reference/chat, https://docs.perplexity.ai/api-reference, https://docs.x.ai/docs/guides,
https://console.groq.com/docs/compound, https://openrouter.ai/docs/features/web-search
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects.content import FOUND, kind_of
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.endings import is_call
from langsmith_finetune.dialects.gemini import is_gemini
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.runs.fields import RunPayload

KEPT = frozenset({
    "cached_content", "cachedContent", "previous_response_id", "previousResponseId", "prompt_variables",
    "promptVariables",
})  # fmt: skip
"""Settings that name what the provider keeps."""

HOSTED = frozenset({
    "web_search_options", "webSearchOptions", "search_parameters", "searchParameters", "enable_search",
    "enableSearch", "search_options", "search_settings", "searchSettings", "search_domain_filter",
    "search_recency_filter", "useSearchGrounding", "use_search_grounding", "connectors", "data_sources", "dataSources",
    "mcp_servers", "mcpServers", "plugins", "compound_custom",
})  # fmt: skip
"""Settings by which the provider looks for more than the caller sent."""

_ON_WHEN_EMPTY = frozenset({"web_search_options", "webSearchOptions"})

TOLD_AGAIN = frozenset({"cached_content", "cachedContent", "previous_response_id", "web_search_options"})
"""Settings that mean the same in a run's metadata, where LangChain repeats them; it also holds the user's own."""

NESTED = frozenset({
    "extra_body", "extraBody", "model_kwargs", "modelKwargs", "config", "generation_config", "generationConfig",
    "provider_options", "providerOptions", "additional_model_request_fields", "additionalModelRequestFields",
})  # fmt: skip
"""Settings that hold settings."""

HARMLESS = frozenset({
    "model", "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "stop",
    "stop_sequences", "stream", "stream_options", "seed", "user", "metadata", "store", "logprobs", "top_logprobs",
    "logit_bias", "presence_penalty", "frequency_penalty", "service_tier", "reasoning_effort", "verbosity", "timeout",
    "modalities", "prediction", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "extra_headers",
    "extra_query",
})  # fmt: skip
"""Arguments of a call that hold nothing to read."""

_MADE_WITH = re.compile(
    rf"\b({'|'.join(sorted(KEPT | HOSTED | {'documents'}))})=(?!None\b|False\b|\[\]|''|\{{\}})"
)
"""Settings in the text that LangChain posts of a model which cannot be written down."""

_OTHERS = HARMLESS | frozenset({
    "messages", "input", "system", "tools", "functions", "config", "name", "run_name", "model_name", "title", "tags",
    "response_format", "text_format", "tool_choice", "function_call", "thinking", "reasoning", "text", "response",
})  # fmt: skip
_MATERIAL = frozenset({
    "context", "contexts", "document", "documents", "doc", "docs", "prompt", "prompts", "instruction", "instructions",
    "system", "history", "memory", "memories", "knowledge", "background", "persona", "passage", "passages", "source",
    "sources", "example", "examples", "fact", "facts", "query", "question", "transcript", "article", "chunk", "chunks",
    "preamble", "retrieved", "summary",
})  # fmt: skip
"""Words in the name of an argument that is likely to be read."""

_NO_TEXT = frozenset(
    {"id", "ids", "key", "name", "names", "version", "type", "url", "path", "hash", "format", "role"}
)
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_OBJECT = re.compile(r"<.* (?:object )?at 0x[0-9a-fA-F]+>", re.DOTALL)
_DEEPEST = 5
_NAMED = KEPT | HOSTED | NESTED | {"conversation", "prompt"}
_TOLD = FOUND | {"annotations", "executed_tools"}


def check_context(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Refuse or note a call whose model read more than the conversation says.

    Raises:
        Unreadable: It read what the provider keeps, or what no message holds.
    """
    if not TOLD_AGAIN.isdisjoint(run.metadata):
        for name in TOLD_AGAIN & run.metadata.keys():
            _check_setting(name, run.metadata[name], notes)
    for place in run.settings_everywhere:
        if _NAMED.isdisjoint(place):  # as in most calls
            notes.spend(len(place))
        else:
            for name, value in _settings(place, notes):
                _check_setting(name, value, notes)
        if place is not run.inputs and place.get("documents"):
            raise _documents()
    _check_text_of_model(run, notes)
    _check_places(conversation, run, notes)
    _note_other_inputs(conversation, run, notes)
    if run.metadata.get("ls_integration") == "claude-agent-sdk":
        notes.add(
            "history_missing", "the Claude Agent SDK does not post the turns of its session before this query"
        )
    if run.metadata.get("ls_integration") == "google-adk" and conversation.messages[-1]["content"]:
        _note_thoughts(run, notes)


def _check_places(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Look at every object of the answer in which a producer says what the provider did."""
    places: list[Mapping[str, Any]] = []
    _places_of(run.outputs, places, notes)
    answer = conversation.messages[-1]
    is_silent = conversation.said == 1 and not answer.keys() & {"tool_calls", "function_call"}
    for place in places:
        if not _TOLD.isdisjoint(place) and any(map(place.get, _TOLD)):
            _check_answer(place, notes)
        if is_silent and is_call(place):
            notes.add("calls_missing", "the answer ended in a call of a tool, which the run does not hold")


def _check_text_of_model(run: RunPayload, notes: Notes) -> None:
    if run.serialized is None or not isinstance(run.serialized, OBJECT):
        return
    text = run.serialized.get("repr")
    for name in _MADE_WITH.findall(text) if isinstance(text, str) else ():
        if name == "documents":
            raise _documents()
        _check_setting(name, True, notes)


def _settings(place: Any, notes: Notes, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """The settings of a place that matter, and of those that hold settings themselves, under names of providers too."""
    notes.spend(len(place))
    for key, value in place.items():
        if key in _NAMED:
            yield key, value
        if isinstance(value, OBJECT) and depth < _DEEPEST and (depth or key in NESTED):
            if value.get("documents"):
                raise _documents()
            yield from _settings(value, notes, depth + 1)


def _documents() -> Unreadable:
    return Unreadable("not_expressible", "the call named documents, which no message holds")


def _check_setting(name: str, value: Any, notes: Notes) -> None:
    if not value and not (name in _ON_WHEN_EMPTY and isinstance(value, OBJECT)):
        return
    if name in KEPT or (name in ("prompt", "conversation") and _is_kept(value)):
        raise Unreadable("kept_elsewhere", f"the call named {name}, which the provider keeps")
    if name in HOSTED and not (isinstance(value, OBJECT) and value.get("mode") == "off"):
        notes.add("server_tool_dropped", f"the call named {name}")


def _is_kept(value: Any) -> bool:
    """An object that is named by an id, as OpenAI's stored prompts and conversations are."""
    if isinstance(value, str):
        return value.startswith(("conv_", "pmpt_"))
    return isinstance(value, OBJECT) and isinstance(value.get("id"), str)


def _places_of(outputs: Mapping[str, Any], found: list[Mapping[str, Any]], notes: Notes) -> None:
    """Find every object of an answer in which producers say what the provider found."""
    _add_message(outputs, found, notes)
    for key in [key for key in outputs if key in _HOLDERS]:
        value = outputs[key]
        if key in _OF_ANSWERS:
            while isinstance(value, (list, tuple)) and value:
                value = value[0]
            if isinstance(value, OBJECT):
                _add_candidate(value, found, notes)
        elif value is None:
            continue
        elif key in _OF_TRAJECTORIES:
            if isinstance(value, OBJECT):
                _places_of(value, found, notes)
            elif isinstance(value, (list, tuple)):
                _add_items(value, found, notes)
        elif isinstance(value, OBJECT):
            found += _objects(value, *value) if key == "providerMetadata" else [value]


def _add_candidate(candidate: Mapping[str, Any], found: list[Mapping[str, Any]], notes: Notes) -> None:
    """A generation of LangChain's, a choice of OpenAI's, or a message."""
    _add_message(candidate, found, notes)
    found += _objects(candidate, "generation_info", "generationInfo")
    for message in _objects(candidate, "message"):
        _add_message(message, found, notes)


def _add_items(items: Sequence[Any], found: list[Mapping[str, Any]], notes: Notes) -> None:
    """Messages and items that the model said, and chunks."""
    for item in items:
        if not isinstance(item, OBJECT) or item.get("role", "assistant") != "assistant":
            continue
        _add_message(item, found, notes)
        choices = item.get("choices")
        for choice in choices if isinstance(choices, (list, tuple)) else ():
            if isinstance(choice, OBJECT):
                found += _objects(choice, "delta")


def _add_message(message: Mapping[str, Any], found: list[Mapping[str, Any]], notes: Notes) -> None:
    """A message, dumped or serialized, with what stands beside its content and in it."""
    before = len(found)
    found.append(message)
    for fields in (message, *_objects(message, "kwargs", "data")):
        found += _objects(fields, "additional_kwargs", "response_metadata")
        content = fields.get("content")
        if isinstance(content, (list, tuple)):
            found += [block for block in content if isinstance(block, OBJECT)]
    notes.spend(len(found) - before)


_OF_ANSWERS = frozenset({"message", "choices", "generations"})
_OF_TRAJECTORIES = frozenset({"output", "messages"})
_HOLDERS = _OF_ANSWERS | _OF_TRAJECTORIES | {"llm_output", "llmOutput", "providerMetadata"}


def _objects(place: Mapping[str, Any], *keys: str) -> list[Mapping[str, Any]]:
    found = map(place.get, keys)
    return [value for value in found if value is not None and isinstance(value, OBJECT)]


def _check_answer(place: Mapping[str, Any], notes: Notes) -> None:
    if place.get("executed_tools"):
        raise Unreadable("not_expressible", "the answer shows tools that ran at the provider")
    if any(_is_found(place.get(name)) for name in FOUND) or _is_cited(place.get("annotations")):
        notes.add("server_tool_dropped", "the answer cites what the provider found")


def _is_found(found: Any) -> bool:
    """Addresses, or objects that hold some; others cite the caller's own documents and tools."""
    if isinstance(found, (list, tuple)):
        return any(isinstance(one, str) or (isinstance(one, OBJECT) and "url" in one) for one in found)
    return isinstance(found, OBJECT) and any(found.values())


def _is_cited(annotations: Any) -> bool:
    return isinstance(annotations, (list, tuple)) and any(
        isinstance(one, OBJECT) and (kind_of(one) or "").endswith("_citation") for one in annotations
    )


def _note_other_inputs(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Note arguments that hold something to read, which no message does."""
    if is_gemini(run) or "litellm_call_id" in run.inputs:  # whose inputs are a record of everything
        return
    others = [text for key, value in run.inputs.items() for text in _texts_of(key, value, notes)]
    if not others:
        return
    said = "\n".join(_said(conversation))
    notes.spend(len(others) * (1 + len(said) // 10_000))
    if any(text not in said for text in others):
        notes.add("other_inputs", "the function took more to read than its messages hold")


def _texts_of(key: Any, value: Any, notes: Notes) -> Iterator[str]:
    if not isinstance(key, str) or key in _OTHERS or key in HOSTED or key in KEPT or key in NESTED:
        return
    words = [word.lower() for word in _WORD.findall(key)]
    is_material = not _MATERIAL.isdisjoint(words) and words[-1] not in _NO_TEXT
    if isinstance(value, str):
        text = value.strip()
        notes.spend(1 + len(text) // 100)
        if text and not _OBJECT.fullmatch(text) and (is_material or len(text.split(maxsplit=2)) > 1):
            yield text
    elif is_material and isinstance(value, (list, tuple, Mapping)):
        yield from _leaves(value, notes)


def _leaves(value: Any, notes: Notes, depth: int = 0) -> Iterator[str]:
    """The texts of several words somewhere in a value."""
    notes.spend(1)
    if isinstance(value, str):
        if len(value.split(maxsplit=2)) > 1:
            yield value.strip()
    elif depth < _DEEPEST:
        items = (
            value.values() if isinstance(value, OBJECT) else value if isinstance(value, (list, tuple)) else ()
        )
        for item in items:
            yield from _leaves(item, notes, depth + 1)


def _said(conversation: Conversation) -> Iterator[str]:
    for message in conversation.messages:
        content = message["content"]
        if isinstance(content, str):
            yield content
        else:
            yield from (str(part.get("text", "")) for part in content or ())


def _note_thoughts(run: RunPayload, notes: Notes) -> None:
    """Google's ADK joins the texts of all parts, those of thoughts too, and does not say that it did."""
    usage = run.metadata.get("usage_metadata")
    details = usage.get("output_token_details") if isinstance(usage, OBJECT) else None
    tokens = details.get("reasoning") if isinstance(details, OBJECT) else None
    if isinstance(tokens, int) and tokens > 0:
        notes.add("reasoning_mixed", "the model thought, and Google's ADK joins thoughts to the answer")
