"""The quick way to read a run says what the readers say; and JSON text is read as what it holds."""

from __future__ import annotations

import json
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langsmith.schemas import Run
from langsmith.types import Run as RunV2

from langsmith_finetune import LangSmithRunChatLoader, RunNotUsableError, examples_from_runs
from langsmith_finetune.dialects import fast_forms as plain
from langsmith_finetune.dialects.endings import ENDINGS
from langsmith_finetune.dialects.fast_path import read_fast
from langsmith_finetune.dialects.losses import unseen_context as context
from langsmith_finetune.dialects.read import conversation_from_run, read_full
from langsmith_finetune.dialects.tools import SETTINGS
from langsmith_finetune.runs.unparsed import opened
from tests.support import wire
from tests.support.corpus import captured, everything, producers
from tests.support.payloads import langchain_run, wrap_openai_run
from tests.support.strategies import scaled

COLUMNS = (
    *("inputs", "outputs", "extra", "events", "tags", "feedback_stats", "parent_run_ids", "metadata"),
    *("trace_feedback_stats", "corrections"),
)
HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}


def told(run: Any) -> Any:
    """What became of a run, read by the readers or the quick way."""
    try:
        return conversation_from_run(run)
    except RunNotUsableError as error:
        return error.reason, error.detail


def as_row(run: dict[str, Any]) -> dict[str, Any]:
    """As LangSmith's bulk export writes it."""
    return {key: json.dumps(value) if key in COLUMNS else value for key, value in run.items()}


def test_what_is_read_the_quick_way_is_what_the_readers_read():
    quick = [run for run in everything() if read_fast(run) is not None]
    for run in quick:
        assert conversation_from_run(run) == read_full(run)
    assert len(quick) > 20


def test_fast_path_takes_common_langchain_and_openai_runs():
    taken = {name: read_fast(run) for name, run, _ in wire.cases("")}
    names = {name for name, reading in taken.items() if reading is not None and reading.tools is None}
    assert names == {
        "jslc_plain[0]", "jslc_stream[0]", "jswo_plain[0]", "lc2024_others[2]", "lc2025_others[2]", "lc_async[0]", "lc_plain[0]", "lc_stream[0]",
        "wo_plain[0]", "wo_raw[0]", "wo_stream[0]",
    }  # fmt: skip


@pytest.mark.parametrize("producer", producers())
def test_run_reads_the_same_from_object_text_and_row(producer):
    for _, run in captured(producer):
        assert told(json.dumps(run).encode()) == told(run)
        assert told(as_row(run)) == told(run)
        encoded = {key: value.encode() if key in COLUMNS else value for key, value in as_row(run).items()}
        assert told(encoded) == told(run)


def test_fast_path_takes_langsmith_objects():
    run = langchain_run(HELLO) | {"id": str(uuid.UUID(int=1)), "trace_id": str(uuid.UUID(int=2))}
    v1 = Run(**{"name": "x", "start_time": "2026-11-01T00:00:00", "dotted_order": "x"} | run)
    v2 = RunV2.model_validate(run | {"run_type": "LLM", "status": "SUCCESS"})
    for known in (v1, v2):
        assert read_fast(known) is not None
        assert conversation_from_run(known) == read_full(known)
    v2.trace_feedback_stats = {"user_score": {"n": 1, "avg": 1.0}}  # as select_runs gives it
    assert read_fast(v2).source.trace_scores == read_full(v2)[1].trace_scores == {"user_score": 1.0}
    other = SimpleNamespace(**run)
    assert read_fast(other) is None
    assert conversation_from_run(other)[0].messages == HELLO["messages"]


texts = st.sampled_from(
    ["", "Hi", "[redacted]", "<email>", "<b>", "[x]", "redacted-by-litellm", "\ud800", "你好 "]
)
oddities = st.sampled_from([None, [], {}, "", 0, "x", ["x"], {"x": 1}, True])
PATHS: dict[str, tuple[Any, ...]] = {
    "feedback_stats": (), "trace_feedback_stats": (),
    "run_type": (), "status": (), "error": (), "attachments": (), "metadata": (), "thread_id": (),
    "system": ("inputs",), "tools": ("inputs",), "tool_choice": ("inputs",), "model_parameters": ("inputs",),
    "messages": ("inputs",), "content": ("outputs",), "generations": ("outputs",), "choices": ("outputs",),
    "invocation_params": ("extra",), "options": ("extra",), "instructions": ("extra", "invocation_params"),
    "ls_integration": ("extra", "metadata"), "session_id": ("extra", "metadata"),
    "name": ("inputs", "messages", 0), "role": ("inputs", "messages", 0), "type": ("inputs", "messages", 0),
    "id": ("inputs", "messages", 0), "kwargs": ("inputs", "messages", 0), "parts": ("inputs", "messages", 0),
    "finish_reason": ("outputs", "choices", 0), "message": ("outputs", "choices", 0),
    "refusal": ("outputs", "choices", 0, "message"), "audio": ("outputs", "choices", 0, "message"),
    "context": ("inputs",), "web_search_options": ("inputs",), "extra_body": ("inputs",), "citations": ("outputs",),
    "cached_content": ("extra", "metadata"), "serialized": (), "documents": ("extra", "invocation_params"),
    "executed_tools": ("outputs", "generations", 0, 0, "generation_info"),
    "tool_calls": ("outputs", "choices", 0, "message"), "annotations": ("outputs", "choices", 0, "message"),
}  # fmt: skip


@pytest.mark.slow
@settings(max_examples=scaled(400))
@given(
    words=st.lists(texts, min_size=1, max_size=4),
    of_langchain=st.booleans(),
    nested=st.booleans(),
    odd=st.lists(st.tuples(st.sampled_from(sorted(PATHS)), oddities), max_size=3),
)
def test_a_run_that_is_a_little_odd_reads_the_same_both_ways(words, of_langchain, nested, odd):
    roles = ["system", "user", "assistant", "user"]
    messages = [{"role": roles[i % 4], "content": text} for i, text in enumerate(words)]
    line = {"messages": [*messages, {"role": "assistant", "content": words[0]}]}
    run = langchain_run(line, nested=nested) if of_langchain else wrap_openai_run(line)
    for key, value in odd:
        place: Any = run
        for step in PATHS[key]:
            known = (isinstance(place, dict) and step in place) or (isinstance(place, list) and place)
            place = place[step] if known else None
        if isinstance(place, dict):
            place[key] = value
    read = read_fast(run)
    if read is not None:
        assert (read.conversation(), read.source) == read_full(run)
        assert read.source.notes == ()
    assert told(json.dumps(run).encode()) == told(run)
    if run["inputs"] and run["outputs"]:
        assert told(as_row(run)) == told(run)


def test_fast_path_sees_every_setting_of_the_readers():
    with_tools = {"tools", "parallel_tool_calls", "tool_choice"}
    assert {*plain.PlainInputs.__struct_fields__} == context.HARMLESS | {
        "messages",
        "extra_body",
    } | with_tools
    assert {*plain.Unmade.__struct_fields__} >= SETTINGS | context.KEPT | context.HOSTED | context.NESTED
    envelope = {
        "token_usage",
        "model_provider",
        "model_name",
        "system_fingerprint",
        "id",
        "object",
        "service_tier",
        "logprobs",
    }
    looked_at = context.FOUND | {"annotations", "executed_tools"} | {*ENDINGS}
    assert {*plain.PlainFacts.__struct_fields__} == looked_at | envelope


def test_text_without_json_is_refused_by_place_unquoted():
    cases = {
        b'{"id": "secret': "the run is not JSON at column 8",
        b"[1]": "the run is a JSON list, not an object",
        b"[" * 100_000: "the run is nested deeper than Python can follow",
        b"\xff": "the run is not JSON",
    }
    for data, detail in cases.items():
        loader = LangSmithRunChatLoader([data])
        assert loader.load() == []
        assert loader.skipped[0].detail == detail
        assert told(data)[1] == detail
    row = as_row(langchain_run(HELLO)) | {"id": "r-1", "outputs": '{"secret'}
    with pytest.raises(RunNotUsableError, match=r"run r-1 is not usable.*outputs is not JSON at column 2"):
        conversation_from_run(row)


@pytest.mark.parametrize(
    "text",
    ["1e400", "NaN", "-Infinity", "9" * 30, "-9223372036854775809", "-0", "-0.0", "1E5", "0.1e-400", '"\\ud800"',
     '{"a": 1, "a": 2}', '"\\u0000"', '"\\u00e9\\ud83d\\ude00"', "1e16", "0.1"],
)  # fmt: skip
def test_value_in_json_text_is_what_json_reads(text):
    found = opened(b'{"inputs": {"a": ' + text.encode() + b"}}")["inputs"]["a"]
    assert repr(found) == repr(json.loads(text))
    assert repr(opened({"inputs": text})["inputs"]) == repr(json.loads(text))


def test_a_file_of_json_lines_is_read_line_by_line(tmp_path):
    runs = [langchain_run(HELLO) | {"id": f"r-{i}"} for i in range(3)]
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(run) + "\n" for run in runs), encoding="utf-8")
    with path.open("rb") as file:
        assert [example.source.run_id for example in examples_from_runs(file)] == ["r-0", "r-1", "r-2"]
    with path.open("rb") as file:
        assert len(LangSmithRunChatLoader(file, trace_runs=runs).load()) == 3


def test_answer_of_the_responses_api_without_an_end_is_noted():
    run = langchain_run(HELLO)
    answer = run["outputs"]["generations"][0][0]["message"]["kwargs"]
    answer["response_metadata"] = {"id": "resp_1", "model_name": "gpt-4o-mini"}
    assert read_fast(run) is None
    assert [note.kind for note in conversation_from_run(run)[1].notes] == ["answer_cut_off"]
