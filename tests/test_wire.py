"""Captured runs against the HTTP traffic of the same calls."""

from __future__ import annotations

import pytest

from langsmith_finetune import LangSmithRunChatLoader, training_examples
from tests.wire import cases, comparable, sent_and_received

# Every captured call of the chat completions API whose producer has a reader.
READABLE = [
    case for case in cases("lc_", "jslc_", "wo_", "jswo_") if case[2]["api"] == "chat"
]  # fmt: skip


@pytest.mark.parametrize(("run", "wire"), [case[1:] for case in READABLE], ids=[case[0] for case in READABLE])
def test_an_example_says_what_was_on_the_wire(run, wire):
    loader = LangSmithRunChatLoader([run])
    (example,) = training_examples(loader.lazy_load())
    assert not loader.skipped
    assert comparable(example.line["messages"], example.line.get("tools")) == sent_and_received(wire)
    assert example.line.get("parallel_tool_calls") == wire["request"].get("parallel_tool_calls")


def test_the_corpus_is_whole():
    assert len(READABLE) == 35


NOTED = {
    "tool_choice": "lc_structured_fc[0]",
    "response_format": "wo_json_schema[0]",
    "other_candidates": "wo_n2[0]",
}


@pytest.mark.parametrize(("kind", "name"), NOTED.items())
def test_what_training_cannot_see_is_noted(kind, name):
    run = next(run for case, run, _ in READABLE if case == name)
    loader = LangSmithRunChatLoader([run])
    (session,) = loader.lazy_load()
    assert [note.kind for note in loader.notes] == [kind]
    assert session["source"].notes == tuple(loader.notes)
    assert loader.notes[0].run_id == run["id"]


@pytest.mark.parametrize(
    ("run", "wire"),
    [case[1:] for case in cases("agents_", "jsai_", "wa_", "wg_")],
    ids=[case[0] for case in cases("agents_", "jsai_", "wa_", "wg_")],
)
def test_a_producer_without_a_reader_is_refused_and_never_guessed(run, wire):
    loader = LangSmithRunChatLoader([run])
    assert list(loader.lazy_load()) == []
    assert loader.skipped[0].reason in {"unknown_shape", "hidden"}
