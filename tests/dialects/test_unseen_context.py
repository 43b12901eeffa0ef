"""A call whose model read more than the run holds, or than a line can say, is refused or noted."""

from __future__ import annotations

import copy
import json
import uuid
from typing import Any

import pytest
from langsmith.schemas import Run
from langsmith.types import Run as RunV2

from langsmith_finetune import (
    LangSmithRunChatLoader,
    RunNotUsableError,
    examples_from_runs,
    training_examples,
)
from langsmith_finetune.dialects.read import conversation_from_run, read_full
from langsmith_finetune.runs import RUN_FIELDS
from tests.support import wire
from tests.support.corpus import captured
from tests.support.payloads import langchain_run, responses_run, vercel_run, wrap_gemini_run, wrap_openai_run

HELLO = {
    "messages": [{"role": "user", "content": "What does it say?"}, {"role": "assistant", "content": "42"}]
}
DOCUMENTS = [{"data": {"text": "The manual says 42."}}]
CACHE = "cachedContents/abc"


def outcome(run: dict[str, Any]) -> Any:
    """The reason of a refusal, or the kinds of the notes; by every door the same."""
    found = []
    for door in (run, json.dumps(run).encode()):
        loader = LangSmithRunChatLoader([copy.deepcopy(door)])
        lines = [example.line for example in training_examples(loader.lazy_load())]
        skipped: list[RunNotUsableError] = []
        notes: list[Any] = []
        bulk = [
            e.line
            for e in examples_from_runs([copy.deepcopy(door)], on_skip=skipped.append, on_note=notes.append)
        ]
        assert bulk == lines
        assert [one.reason for one in skipped] == [one.reason for one in loader.skipped]
        found.append(skipped[0].reason if skipped else {note.kind for note in notes} - {"reasoning_dropped"})
        assert skipped or {note.kind for note in notes} == {note.kind for note in loader.notes}
    assert found[0] == found[1]
    return found[0]


def with_setting(place: str, name: str, value: Any) -> dict[str, Any]:
    """A run that has a setting at one of the places where settings stand."""
    run = wrap_openai_run(HELLO) if place.startswith("inputs") else langchain_run(HELLO)
    run["extra"].setdefault("metadata", {})
    holder: Any = run
    for step in place.split("."):
        holder = holder.setdefault(step, {})
    holder[name] = value
    return run


PLACES = [
    "inputs", "inputs.model_parameters", "inputs.extra_body", "inputs.extra_body.google", "inputs.config",
    "extra.invocation_params", "extra.options", "extra.invocation_params.model_kwargs", "serialized.kwargs",
    "serialized.kwargs.model_kwargs.extra_body", "manifest.kwargs",
]  # fmt: skip


@pytest.mark.parametrize("place", [*PLACES, "extra.metadata"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("cached_content", CACHE), ("cachedContent", CACHE), ("previous_response_id", "resp_1")],
)
def test_context_kept_by_provider_is_refused_everywhere(place, name, value):
    if (place, name) == ("extra.metadata", "cachedContent"):
        name = "cached_content"
    assert outcome(with_setting(place, name, value)) == "kept_elsewhere"
    for absent in (None, ""):
        assert outcome(with_setting(place, name, absent)) == set()


@pytest.mark.parametrize("place", PLACES)
def test_stored_prompt_is_refused_wherever_it_is_named(place):
    assert outcome(with_setting(place, "prompt", {"id": "pmpt_1", "version": "2"})) == "kept_elsewhere"
    assert outcome(with_setting(place, "conversation", "conv_1")) == "kept_elsewhere"
    assert outcome(with_setting(place, "conversation", {"id": "conv_1"})) == "kept_elsewhere"


def test_model_settings_are_seen_in_runs_of_both_apis():
    assert "MANIFEST" in RUN_FIELDS
    made_with = {"lc": 1, "type": "constructor", "id": ["x", "ChatX"], "kwargs": {"cached_content": CACHE}}
    ids = {"id": str(uuid.UUID(int=1)), "trace_id": str(uuid.UUID(int=2))}
    run = langchain_run(HELLO) | ids
    v1 = Run(
        **{"name": "x", "start_time": "2026-11-01T00:00:00", "dotted_order": "x", "serialized": made_with}
        | run
    )
    v2 = RunV2.model_validate(run | {"run_type": "LLM", "status": "SUCCESS", "manifest": made_with})
    for known in (v1, v2):
        with pytest.raises(RunNotUsableError, match=r"kept_elsewhere.*the call named cached_content"):
            conversation_from_run(known)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ChatX(model='m', cached_content='cachedContents/abc', n=1)", "kept_elsewhere"),
        ("ChatX(documents=[{'id': '1'}])", "not_expressible"),
        ("ChatX(search_parameters={'mode': 'auto'})", {"server_tool_dropped"}),
        (
            "ChatX(cached_content=None, documents=[], plugins=[], enable_search=False, my_documents=[1])",
            set(),
        ),
    ],
)
def test_setting_of_a_model_that_langchain_posts_as_text_is_seen(text, expected):
    run = langchain_run(HELLO)
    run["serialized"] = {"lc": 1, "type": "not_implemented", "id": ["x", "ChatX"], "repr": text}
    assert outcome(run) == expected


def test_gemini_s_cache_is_refused_of_every_producer():
    for key in ("cached_content", "cachedContent"):
        run = wrap_gemini_run(HELLO)
        run["inputs"]["config"] = {**(run["inputs"].get("config") or {}), key: CACHE}
        assert outcome(run) == "kept_elsewhere"
    run = vercel_run(HELLO)
    run["inputs"]["providerOptions"] = {"google": {"cachedContent": CACHE}}
    assert outcome(run) == "kept_elsewhere"


@pytest.mark.parametrize("place", [place for place in PLACES if place != "inputs"])
def test_documents_of_a_call_are_refused(place):
    assert outcome(with_setting(place, "documents", DOCUMENTS)) == "not_expressible"
    assert outcome(with_setting(place, "documents", [])) == set()


def test_documents_of_a_message_are_refused():
    run = langchain_run(HELLO)
    run["inputs"]["messages"][0][0]["kwargs"]["additional_kwargs"] = {"documents": DOCUMENTS}
    assert outcome(run) == "not_expressible"


HOSTED = [
    ("web_search_options", {}), ("web_search_options", {"search_context_size": "low"}), ("webSearchOptions", {}),
    ("search_parameters", {"mode": "auto"}), ("enable_search", True), ("plugins", [{"id": "web"}]),
    ("connectors", [{"id": "web-search"}]), ("data_sources", [{"type": "azure_search"}]), ("mcp_servers", [{"url": "x"}]),
]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("name", "value"), HOSTED)
def test_search_at_provider_is_noted_everywhere(place, name, value):
    assert outcome(with_setting(place, name, value)) == {"server_tool_dropped"}


@pytest.mark.parametrize(
    ("name", "value"), [("search_parameters", {"mode": "off"}), ("enable_search", False), ("plugins", [])]
)
def test_search_that_is_off_is_no_search(name, value):
    assert outcome(with_setting("inputs", name, value)) == set()


URLS = ["https://example.org/a"]
RESULTS = [{"title": "A", "url": "https://example.org/a"}]
CITED = [{"type": "url_citation", "url_citation": {"url": "https://example.org/a"}}]
LC = ("generations", 0, 0, "message", "kwargs")


@pytest.mark.parametrize(
    ("make", "path", "value"),
    [
        (wrap_openai_run, ("citations",), URLS),
        (wrap_openai_run, ("search_results",), RESULTS),
        (wrap_openai_run, ("choices", 0, "message", "annotations"), CITED),
        (langchain_run, (*LC, "additional_kwargs", "citations"), URLS),
        (langchain_run, (*LC, "additional_kwargs", "search_results"), RESULTS),
        (langchain_run, (*LC, "response_metadata", "citations"), URLS),
        (langchain_run, (*LC, "response_metadata", "grounding_metadata"), {"web_search_queries": ["x"]}),
        (langchain_run, ("generations", 0, 0, "generation_info", "grounding_metadata"), {"web_search_queries": ["x"]}),
        (langchain_run, (*LC, "content"), [{"type": "text", "text": "42", "annotations": CITED}]),
        (responses_run, ("output", -1, "content", 0, "annotations"), CITED),
        (vercel_run, ("providerMetadata",), {"google": {"groundingMetadata": {"webSearchQueries": ["x"]}}}),
    ],
)  # fmt: skip
def test_answer_that_cites_what_the_provider_found_is_noted(make, path, value):
    run = make(HELLO)
    holder: Any = run["outputs"]
    for step in path[:-1]:
        holder = holder[step] if isinstance(step, int) else holder.setdefault(step, {})
    holder[path[-1]] = value
    assert outcome(run) == {"server_tool_dropped"}
    holder[path[-1]] = "42" if path[-1] == "content" else type(value)()
    assert outcome(run) == set()


@pytest.mark.parametrize(("make", "path"), [
    (wrap_openai_run, ("choices", 0, "message")),
    (langchain_run, (*LC, "additional_kwargs")),
])  # fmt: skip
def test_answer_of_tools_that_ran_at_the_provider_is_refused(make, path):
    run = make(HELLO)
    holder: Any = run["outputs"]
    for step in path:
        holder = holder[step] if isinstance(step, int) else holder.setdefault(step, {})
    holder["executed_tools"] = [{"type": "python", "output": "4"}]
    assert outcome(run) == "not_expressible"
    holder["executed_tools"] = []
    assert outcome(run) == set()


MORE = "You are a pirate."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("system_prompt", MORE), ("systemPrompt", MORE), ("instructions", MORE), ("context", "Paris"), ("question", MORE),
        ("anything", MORE), ("documents", [{"page_content": "The manual says 42.", "metadata": {"source": "a.pdf"}}]),
        ("context", {"user": {"notes": "likes red wine"}}), ("chat_history", [{"role": "user", "content": "What is it?"}]),
        ("prompt", MORE),
    ],
)  # fmt: skip
def test_further_text_of_a_traced_function_is_noted(name, value):
    run = wrap_openai_run(HELLO)
    run["inputs"] = {"messages": run["inputs"]["messages"], name: value}
    assert outcome(run) == {"other_inputs"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("question", " What does it say? "), ("documents", ["What does it say?"]), ("user", "John Smith"), ("stop", "\n\n \n"),
        ("client", "<openai.OpenAI object at 0x7f4050e34c50>"), ("context_id", "abc def"[:3]), ("retries", 3),
        ("deployment", "gpt-4o"), ("prompt_cache_key", "a b c"), ("context", ""), ("context", []), ("system_prompt", None),
    ],
)  # fmt: skip
def test_argument_known_from_messages_is_not_noted(name, value):
    run = wrap_openai_run(HELLO)
    run["inputs"][name] = value
    assert outcome(run) == set()


def test_system_prompt_that_is_read_as_one_is_not_noted():
    run = wrap_openai_run(HELLO)
    run["inputs"]["system"] = MORE
    assert outcome(run) == set()
    run = responses_run(HELLO)
    run["inputs"]["instructions"] = MORE
    assert outcome(run) == set()


def test_claude_agent_notes_missing_earlier_turns():
    for _, run in captured("claude_agent_sdk"):
        kinds = {note.kind for note in conversation_from_run(run)[1].notes}
        assert {"history_missing", "system_missing", "tools_missing"} <= kinds


def test_answer_of_google_s_adk_that_may_hold_thoughts_is_noted():
    _, run, _ = wire.cases("adk_tools")[1]
    assert "reasoning_mixed" in outcome(run)
    run["extra"]["metadata"]["usage_metadata"]["output_token_details"] = {"reasoning": 0}
    assert "reasoning_mixed" not in outcome(run)


def test_setting_that_holds_itself_is_read_to_an_end():
    knot: dict[str, Any] = {}
    knot["extra_body"] = knot["other"] = knot
    run = wrap_openai_run(HELLO)
    run["inputs"]["extra_body"] = knot
    assert read_full(run)[0].messages == HELLO["messages"]
