"""No value, whatever it is and wherever it stands, brings anything but the library's own errors."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from langsmith_finetune import (
    InvalidExampleError,
    LangSmithRunChatLoader,
    examples_from_runs,
    save_runs,
    training_examples,
)
from langsmith_finetune.dataset import (
    DatasetReport,
    describe_runs,
    preferences_from_candidates,
    preferences_from_corrections,
    preferences_from_edits,
)
from tests.support.payloads import langchain_run, wrap_openai_run
from tests.support.strange import SECRET, STRANGE, places, replaced

LINE = {
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "there"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "x", "tool_call_id": "c"},
        {"role": "assistant", "content": "Hello!"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
}
PLAIN = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
FIELDS = {
    "id": "r-1", "trace_id": "t", "run_type": "llm", "status": "success", "error": None, "thread_id": "x",
    "start_time": "2026-11-01T00:00:00", "end_time": "2026-11-01T00:00:01", "project_id": "p", "session_id": "s",
    "prompt_tokens": 3, "completion_tokens": 3, "reference_example_id": "e", "dotted_order": "a.b",
    "feedback_stats": {"k": {"avg": 1.0}}, "parent_run_id": "p", "parent_run_ids": ["p"], "events": [], "tags": [],
    "attachments": None, "metadata": {"user_id": "u"},
}  # fmt: skip
RUNS = {
    "wrap_openai": FIELDS | wrap_openai_run(PLAIN),
    "LangChain": FIELDS | langchain_run(PLAIN),
    "wrap_openai with tools": FIELDS | wrap_openai_run(LINE),
    "LangChain with tools": FIELDS | langchain_run(LINE),
}
GOOD = FIELDS | wrap_openai_run(PLAIN) | {"id": "good"}
COLUMNS = ("inputs", "outputs", "extra", "metadata", "feedback_stats")


def strange_runs(run: dict[str, Any], value: Any) -> list[Any]:
    """The run with the value in each place, as a dict and as rows whose objects are JSON text."""
    made = [replaced(run, at, value) for at in places(run) if at]
    for strange in list(made):
        for ascii_only in (True, False):
            try:
                row = {
                    key: json.dumps(field, ensure_ascii=ascii_only)
                    if key in COLUMNS and isinstance(field, (dict, list))
                    else field
                    for key, field in strange.items()
                }
            except Exception:  # noqa: BLE001 - nobody can write that as JSON
                continue
            made.append(row)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("producer", RUNS)
def test_run_with_strange_value_is_alike_by_both_doors(producer, name):
    runs = strange_runs(RUNS[producer], STRANGE[name]())
    loader = LangSmithRunChatLoader(run for strange in runs for run in (strange, GOOD))
    by_sessions = list(training_examples(loader.lazy_load(), on_skip=pytest.fail))
    skipped = []
    straight = list(
        examples_from_runs((run for strange in runs for run in (strange, GOOD)), on_skip=skipped.append)
    )
    assert repr([example._fields() for example in straight]) == repr(
        [example._fields() for example in by_sessions]
    )
    assert [str(error) for error in loader.skipped] == [str(error) for error in skipped]
    assert len(straight) + len(skipped) == 2 * len(runs)
    assert sum(example.source.run_id == "good" for example in straight) == len(runs)
    assert not any(SECRET in str(error) for error in skipped)


NO_IDS = [name for name, make in STRANGE.items() if not issubclass(type(make()), (str, UUID))]


@pytest.mark.parametrize("name", NO_IDS)
def test_strange_value_for_a_run_is_skipped(name):
    value = STRANGE[name]()
    loader = LangSmithRunChatLoader([value, GOOD], trace_runs=[value], fetch_trace=True)
    assert len(loader.load()) == loader.skipped.total == 1
    assert len(list(examples_from_runs([value, GOOD], trace_runs=[value], on_skip=lambda _: None))) == 1
    assert describe_runs([value, GOOD]).counts["usable"].total() == 2
    assert SECRET not in str(loader.skipped[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", STRANGE)
def test_strange_run_is_handled_or_refused_by_name(name, tmp_path):
    for strange in strange_runs(GOOD, STRANGE[name]()):
        assert describe_runs([strange, GOOD]).count == 2
        given = {"run_id": "good", "correction": {"content": "Better."}}
        for feedback in ([given, strange], [strange, given]):
            report = DatasetReport()
            pairs = preferences_from_corrections([strange, GOOD], feedback, report=report)
            assert len(list(pairs)) >= 1
        assert list(preferences_from_edits([GOOD], [strange])) == []
        assert list(preferences_from_candidates([strange, GOOD], lambda *_: 1.0)) == []
        try:
            save_runs([strange], tmp_path / "runs.jsonl")
        except InvalidExampleError as error:
            assert "is not JSON" in str(error) or "id: is not there" in str(error)  # noqa: PT017
            assert SECRET not in str(error)  # noqa: PT017


def test_runs_are_paired_by_id_whatever_form_they_come_in():
    corrections = [{"run_id": "good", "correction": {"content": "Better."}}]
    row = {key: json.dumps(value) if key in COLUMNS else value for key, value in GOOD.items()}
    for run in (GOOD, json.dumps(GOOD).encode(), row):
        [pair] = preferences_from_corrections([run], corrections)
        assert pair.line["preferred_output"] == [{"role": "assistant", "content": "Better."}]


def test_unreadable_feedback_is_reported_by_place():
    report = DatasetReport()
    list(preferences_from_corrections([GOOD], [STRANGE["raises attributes"]()], report=report))
    [change] = report.changes["preferences_from_corrections"]
    assert (change.what, change.example, change.detail) == (
        "not usable",
        "feedback 0",
        "reading it raised OSError",
    )


def test_trace_runs_skip_bad_ones_and_read_json_text():
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    above = {"id": "up", "trace_id": "t", "run_type": "chain", "inputs": {"tools": tools}}
    run = {
        "id": "r-1", "trace_id": "t", "run_type": "llm", "parent_run_id": "up",
        "extra": {"metadata": {"ls_integration": "claude-agent-sdk"}},
        "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        "outputs": {"role": "assistant", "content": "Hello!"},
    }  # fmt: skip
    for trace in ([above], [json.dumps(above).encode()], [STRANGE["raises all"](), b"\xff", above]):
        [example] = examples_from_runs([run], trace_runs=trace)
        assert example.line["tools"] == tools
        for given in (run, json.dumps(run).encode()):
            loader = LangSmithRunChatLoader([given], trace_runs=trace)
            assert loader.load()[0]["tools"] == tools
