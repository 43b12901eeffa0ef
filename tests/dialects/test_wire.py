"""Captured runs against the HTTP traffic of the same calls."""

from __future__ import annotations

import pytest

from langsmith_finetune import LangSmithRunChatLoader, training_examples
from tests.support.wire import MADE_IDS, cases, comparable, sent_and_received

CASES = {name: (run, wire) for name, run, wire in cases("")}

# What the run itself has lost. Any other case must be exact, and without a note that is not below.
REFUSED = {
    "wa_stream[0]": "pending",  # the wrapper's accumulator fails on this SDK: no answer, no end
    "lc2025_cohere[2]": "lost_at_source",  # every piece of a call gives its id a further one
    "wo2024_chat[2]": "lost_at_source",  # a raw response, posted as what Python calls it
    "wo2025_chat[1]": "lost_at_source",
    "wg_history[0]": "lost_at_source",  # the wrapper posts calls and their answers as empty text
}
TOOLS_NOT_POSTED = {
    "agents_chat[0]",
    "agents_chat[1]",
    "jsagents_chat[0]",
    "jsagents_chat[1]",
    "agents2025[1]",
    "agents2025[3]",
}  # noted; all else is exact
NOTED = {
    "adk_tools[1]": {"reasoning_mixed"},
    "agents_chat[0]": {"tools_missing"},
    "agents_chat[1]": {"tools_missing"},
    "agents2025[0]": {"tools_missing"},
    "agents2025[1]": {"tools_missing"},
    "agents2025[3]": {"tools_missing"},
    "agents2025[4]": {"tools_missing"},
    "lc2024_google[2]": {"schema_changed", "unsent"},
    "lc2024_openai[3]": {"other_candidates"},
    "lc2024_others[1]": {"schema_changed"},
    "lc2025_google[2]": {"schema_changed"},
    "lc2025_openai[1]": {"reasoning_dropped"},
    "lc2025_openai[2]": {"response_format"},
    "lc2025_others[1]": {"schema_changed"},
    "lc2026_google[2]": {"schema_changed"},
    "lc2025_ollama[1]": {"schema_changed"},
    "lc2025_responses[1]": {"answer_cut_off"},
    "lc2026_bedrock[4]": {"schema_changed"},
    "lc2026_ollama[2]": {"schema_changed"},
    "wa2025_helper[2]": {"calls_missing"},
    "wg_texts[0]": {"turns_joined"},
    "lc_responses[0]": {"reasoning_dropped"},
    "lc_responses_stream[0]": {"reasoning_dropped"},
    "lc_responses_v1[0]": {"reasoning_dropped"},
    "lc_structured[0]": {"response_format"},
    "lc_structured_fc[0]": {"tool_choice"},
    "jsagents_chat[0]": {"tools_missing"},
    "jsagents_chat[1]": {"tools_missing"},
    "lc_bedrock[2]": {"reasoning_dropped"},
    "lc_ollama[1]": {"reasoning_dropped"},
    "jsai4_tools[0]": {"text_missing"},
    "jsai5_wrap[2]": {"tool_choice"},
    "jslc_no_arguments[0]": {"arguments_missing"},
    "jslc_no_arguments[1]": {"arguments_missing"},
    "jslc_no_arguments[2]": {"arguments_missing"},
    "jslc_ollama[1]": {"reasoning_dropped"},
    "jslc_ollama[3]": {"reasoning_dropped"},
    "jslc_pieces[0]": {"reasoning_dropped"},
    "jslc_pieces[1]": {"reasoning_dropped"},
    "jslc_pieces[2]": {"reasoning_dropped"},
    "jslc_pieces[3]": {"reasoning_dropped"},
    "jswo_cut_off[0]": {"answer_cut_off"},
    "tr_genai[0]": {"ids_made"},
    "tr_genai[1]": {"ids_made"},
    "tr_genai[4]": {"ids_made"},
    "tr_genai[5]": {"ids_made"},
    "tr_ollama[0]": {"ids_made"},
    "tr_ollama[1]": {"ids_made", "reasoning_dropped"},
    "tr_ollama[2]": {"reasoning_dropped"},
    "tr_ollama[3]": {"reasoning_dropped"},
    "tr_ollama[4]": {"reasoning_dropped"},
    "tr_ollama[5]": {"reasoning_dropped"},
    "wo_json_schema[0]": {"response_format"},
    "wo_n2[0]": {"other_candidates"},
    "wo_parse[0]": {"response_format"},
    "wo_responses[0]": {"reasoning_dropped"},
    "wo_responses_tools[0]": {"reasoning_dropped"},
    "wo_responses_tools[1]": {"reasoning_dropped"},
}


# Runs that have lost something in a way that only the wire shows; each is refused or noted.
LOSSY = {
    "jsai4_text_missing[0]",
    "jslc_rounded[0]",
    "jslc_rounded[1]",
    "jslc_old_gemini[0]",
    "jslc_unsent_calls[0]",
    "jslc_unsent_calls[1]",
    "jstr_arguments[1]",
    "jswo_pushed[0]",
    "jswo_stream_parallel[0]",
    "lc2024_bedrock[0]",
    "lc2026_perplexity[1]",
    "wa2025_helper[1]",
    "wg_texts[1]",
    "wo2024_chat[1]",
}


def test_the_corpus_is_whole():
    assert len(CASES) == 279
    assert (REFUSED.keys() | NOTED.keys() | LOSSY) <= CASES.keys()


@pytest.mark.parametrize("name", sorted(CASES.keys() - REFUSED.keys() - LOSSY))
def test_an_example_says_what_was_on_the_wire(name):
    run, wire = CASES[name]
    loader = LangSmithRunChatLoader([run])
    (example,) = training_examples(loader.lazy_load())
    expected = sent_and_received(wire)
    if name in TOOLS_NOT_POSTED:
        assert expected.pop("tools")
        expected["tools"] = []
    found = comparable(example.line["messages"], example.line.get("tools"), made_ids=wire["api"] in MADE_IDS)
    assert found == expected
    assert example.line.get("parallel_tool_calls") == wire["request"].get("parallel_tool_calls")
    assert set(loader.notes.counts) == NOTED.get(name, set())
    assert example.source.notes == tuple(loader.notes)


@pytest.mark.parametrize(("name", "reason"), REFUSED.items())
def test_what_the_run_has_lost_is_refused(name, reason):
    loader = LangSmithRunChatLoader([CASES[name][0]])
    assert list(loader.lazy_load()) == []
    assert [error.reason for error in loader.skipped] == [reason]


@pytest.mark.parametrize("name", sorted(LOSSY))
def test_loss_that_only_the_wire_shows_is_not_hidden(name):
    loader = LangSmithRunChatLoader([CASES[name][0]])
    assert not list(loader.lazy_load()) or loader.notes.total
    assert loader.skipped.total or loader.notes.total
