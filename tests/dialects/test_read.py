"""Payloads in, canonical conversations out."""

from __future__ import annotations

import copy
import json
import os
from collections import Counter
from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from langsmith.schemas import Run as V1Run
from langsmith.types import Run as V2Run

from langsmith_finetune import (
    LangSmithRunChatLoader,
    RunNotUsableError,
    TrainingExample,
    training_examples,
)
from langsmith_finetune.dialects.read import conversation_from_run
from langsmith_finetune.errors import RunReason
from tests.support.corpus import captured, producers
from tests.support.messages import CALL, HELLO, WEATHER
from tests.support.payloads import (
    langchain_run,
    legacy_functions_run,
    wrap_openai_run,
    wrap_openai_streamed_run,
)
from tests.support.strategies import conversations


def example(run) -> TrainingExample:
    loader = LangSmithRunChatLoader([run])
    found = list(training_examples(loader.lazy_load()))
    assert found, list(loader.skipped)
    return found[0]


def refusal(run) -> RunNotUsableError:
    loader = LangSmithRunChatLoader([run])
    assert list(loader.lazy_load()) == []
    (error,) = loader.skipped
    return error


@given(conversations())
def test_conversation_gives_same_line_for_every_producer(line):
    assert example(wrap_openai_run(line)).line == line
    assert example(wrap_openai_streamed_run(line)).line == line
    assert example(langchain_run(line)).line == line
    assert example(langchain_run(line, nested=False)).line == line


# What each captured run has lost or never was. All others are read, without a note but those below.
REFUSED = {
    "langchain_openai": {"lc_error": "failed"},
    "langchain_openai_completion": {"lc_completion_llm": "completion_model"},
    "legacy_langchain_0_0": {"legacy_generate": "pending"},
    "special": {"hide_env": "hidden"},
    "traceable": {"fmt_prompt": "completion_model", "fmt_positional": "unknown_shape"},
    "wrap_gemini": {"wg_multimodal": "lost_at_source", "wg_history": "lost_at_source"},
    "wrap_openai_chat": {"wo_error": "failed"},
    "wrap_openai_completions": {"wo_completions": "completion_model"},
}
NOTED = {
    "claude_agent": {"history_missing", "reasoning_dropped", "system_missing", "tools_missing"},
    "agents_chat": {"tools_missing"},
    "agents_responses": {"reasoning_dropped"},
    "jslc_structured": {"response_format"},
    "jsai_object": {"response_format"},
    "jswo_responses": {"reasoning_dropped"},
    "lc_n2": {"other_candidates"},
    "lc_structured": {"response_format"},
    "lc_structured_fc": {"tool_choice"},
    "lc_responses": {"reasoning_dropped"},
    "lc_responses_v1": {"reasoning_dropped"},
    "lc_responses_lcv1": {"reasoning_dropped"},
    "lc_responses_stream": {"reasoning_dropped"},
    "anonymizer": {"redacted"},
    "attachment": {"attachments"},
    "fmt_lc": {"tools_missing"},
    "wa_thinking": {"reasoning_dropped"},
    "wo_json_schema": {"response_format"},
    "wo_parse": {"response_format"},
    "wo_n2": {"other_candidates"},
    "wo_responses": {"reasoning_dropped"},
    "wo_responses_tools": {"reasoning_dropped"},
    "wo_responses_parse": {"response_format"},
}
INJECTED = ["malformed", "malformed", "read"]  # special.json: user data in the place of content is no message
SECOND_TURNS = {("otel_traceloop", 1): {"tools_missing"}}


def outcome(run):
    """What becomes of a run: the reason it is refused for, or "read"; and the kinds of its notes."""
    loader = LangSmithRunChatLoader([run])
    found = list(training_examples(loader.lazy_load()))
    return (loader.skipped[0].reason if loader.skipped else "read"), set(loader.notes.counts), found


@pytest.mark.parametrize("producer", producers())
def test_captured_run_is_read_or_refused_as_known(producer):
    turns = Counter()
    for case, run in captured(producer):
        what, notes, _ = outcome(run)
        turn = turns[case]
        turns[case] += 1
        if case == "inject":
            assert what == INJECTED[turn]
            continue
        assert what == REFUSED.get(producer, {}).get(case, "read"), case
        if what == "read":
            assert notes == SECOND_TURNS.get((case, turn), NOTED.get(case, set())), case


def test_the_corpus_of_runs_is_whole():
    assert len(producers()) == 22
    assert sum(len(captured(producer)) for producer in producers()) == 111 + 3  # runs, spans


def test_flat_runs_of_2023_read_as_the_nested_runs_of_today():
    for case, run in captured("langchain_openai"):
        if case in REFUSED["langchain_openai"]:
            continue
        flat = copy.deepcopy(run)
        flat["inputs"]["messages"] = flat["inputs"]["messages"][0]
        flat["outputs"]["generations"] = flat["outputs"]["generations"][0]
        assert example(flat).line == example(run).line
        flat["outputs"]["generations"] = flat["outputs"]["generations"][0]  # one cell of 2023 was bare
        assert example(flat).line == example(run).line


def test_calls_repeated_as_content_blocks_are_kept_once():
    run = dict(captured("langchain_openai"))["lc_chat_lcv1_tools"]
    answer = example(run).line["messages"][-1]
    assert answer["content"] is None
    assert [call["id"] for call in answer["tool_calls"]] == ["call_0"]


def test_call_told_by_a_content_block_alone_is_refused():
    run = langchain_run(HELLO)
    message = run["outputs"]["generations"][0][0]["message"]["kwargs"]
    message["content"] = [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}]
    assert str(refusal(run)) == (
        f"run {run['id']} is not usable (malformed): outputs.generations[0][0].message.content has a call "
        "that tool_calls does not have"
    )


def test_runs_of_both_apis_read_alike():
    run = langchain_run(CALL)
    v1 = V1Run(
        **{**run, "start_time": datetime(2026, 11, 22, 8, 51, 21, tzinfo=UTC)}, session_id=run["trace_id"]
    )
    v2 = V2Run.model_construct(
        **{key: run[key] for key in ("id", "trace_id", "inputs", "outputs")},
        run_type="LLM",
        status="SUCCESS",
        start_time=datetime(2026, 11, 22, 8, 51, 21, tzinfo=UTC),
        extra={"invocation_params": run["extra"]["invocation_params"]},
        metadata=run["extra"]["metadata"],
        project_id=run["trace_id"],
    )
    assert example(v1) == example(v2)
    source = example(v2).source
    assert source.run_id == run["id"]
    assert source.trace_id == source.project_id == run["trace_id"]
    assert (source.model, source.thread_id) == ("gpt-4o-mini", "t-1")
    assert source.start_time == "2026-11-22T08:51:21+00:00"


def test_feedback_comes_along_as_scores():
    run = {**wrap_openai_run(HELLO), "feedback_stats": {"user_score": {"n": 2, "avg": 0.5}, "note": {"n": 1}}}
    assert example(run).source.scores == {"user_score": 0.5}


def test_legacy_functions_become_tools_of_the_session():
    run = legacy_functions_run(CALL)
    (session,) = LangSmithRunChatLoader([run]).lazy_load()
    assert session["functions"] == [WEATHER["function"]]
    assert "tools" not in session
    line = example(run).line
    assert line["tools"] == [WEATHER]
    assert line["messages"][-1]["tool_calls"] == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'},
        }
    ]


def test_integers_of_any_size_come_through():
    arguments = '{"n":12345678901234567890123456789,"m":9007199254740993}'
    line = copy.deepcopy(CALL)
    line["messages"][1]["tool_calls"][0]["function"]["arguments"] = arguments
    for run in (wrap_openai_run(line), langchain_run(line)):
        assert example(run).line["messages"][1]["tool_calls"][0]["function"]["arguments"] == arguments


def test_the_raw_text_of_streamed_calls_beats_their_mended_parse():
    run = langchain_run(CALL)
    message = run["outputs"]["generations"][0][0]["message"]
    message["id"][-1] = "AIMessageChunk"
    message["kwargs"]["tool_call_chunks"] = [
        {
            "name": "get_weather",
            "args": '{"city": "Par',
            "id": "call_1",
            "index": 0,
            "type": "tool_call_chunk",
        }
    ]
    assert example(run).line["messages"][-1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Par'


def test_a_developer_message_is_a_system_message_in_the_line():
    line = {"messages": [{"role": "developer", "content": "Be terse."}, *HELLO["messages"]]}
    (session,) = LangSmithRunChatLoader([wrap_openai_run(line)]).lazy_load()
    assert session["messages"][0].additional_kwargs == {"__openai_role__": "developer"}
    assert example(wrap_openai_run(line)).line["messages"][0] == {"role": "system", "content": "Be terse."}


def test_a_refusal_is_kept_as_a_refusal():
    line = {"messages": [HELLO["messages"][0], {"role": "assistant", "content": None, "refusal": "No."}]}
    assert example(wrap_openai_run(line)).line == line


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": "https://example.com/a.png"},
        {"type": "image", "source_type": "url", "url": "https://example.com/a.png"},
        {"type": "image", "url": "https://example.com/a.png"},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}},
    ],
)
def test_images_of_every_dialect_become_image_urls(block):
    run = langchain_run(HELLO)
    run["inputs"]["messages"][0][0]["kwargs"]["content"] = [{"type": "text", "text": "See"}, block]
    assert example(run).line["messages"][0]["content"] == [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "source_type": "base64", "data": "iVBO", "mime_type": "image/png"},
        {"type": "image", "base64": "iVBO", "mime_type": "image/png"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
    ],
)
def test_image_data_of_every_dialect_becomes_a_data_url(block):
    run = langchain_run(HELLO)
    run["inputs"]["messages"][0][0]["kwargs"]["content"] = [block]
    assert example(run).line["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
    ]


def with_outputs(**outputs):
    return {**wrap_openai_run(HELLO), "outputs": outputs}


def with_history(*messages):
    run = wrap_openai_run(HELLO)
    run["inputs"]["messages"] = list(messages)
    return run


UNUSABLE = {
    "a chain": ({**wrap_openai_run(HELLO), "run_type": "chain"}, "not_llm", "it is of the type chain; runs_of_traces(ids) gives the llm runs below it"),
    "an error": ({**wrap_openai_run(HELLO), "error": "boom"}, "failed", "the call ended in an error"),
    "a v2 error": ({**wrap_openai_run(HELLO), "status": "ERROR"}, "failed", "the call ended in an error"),
    "pending": (
        {**wrap_openai_run(HELLO), "outputs": None, "end_time": None},
        "pending",
        "the run has not ended, or its end was never posted",
    ),
    "no outputs": (
        {**wrap_openai_run(HELLO), "outputs": None},
        "empty_output",
        "the run has ended, but has no outputs",
    ),
    "hidden inputs": (
        {**wrap_openai_run(HELLO), "inputs": {}},
        "hidden",
        "inputs or outputs are {}, as LANGSMITH_HIDE_INPUTS and _OUTPUTS leave them",
    ),
    "no choice": (with_outputs(choices=[]), "empty_output", "outputs.choices is an empty list"),
    "no generation": (with_outputs(generations=[[]]), "empty_output", "outputs.generations[0] is an empty list"),
    "nothing said": (
        with_outputs(choices=[{"message": {"role": "assistant", "content": ""}}]),
        "empty_output",
        "the answer has neither text nor calls",
    ),
    "a completion": (
        with_outputs(choices=[{"text": "Hello!"}]),
        "completion_model",
        "outputs.choices[0] holds text, not a message",
    ),
    "an unknown answer": (with_outputs(said="Hello!"), "unknown_shape", "no reader knows outputs of this form"),
    "two answers": (
        with_outputs(output="Hello!", messages=[]),
        "unknown_shape",
        "outputs hold an answer under each of messages, output",
    ),
    "an unknown question": (
        {**wrap_openai_run(HELLO), "inputs": {"x": "Hi"}},
        "unknown_shape",
        "no reader knows inputs of this form",
    ),
    "a lost end": (
        {**wrap_openai_run(HELLO), "outputs": {}, "end_time": None},
        "pending",
        "the run has not ended, or its end was never posted",
    ),
    "an answer that is no object": (
        {**wrap_openai_run(HELLO), "outputs": "Hello!"},
        "unknown_shape",
        "no reader knows outputs of this form",
    ),
    "no messages": (with_history(), "malformed", "inputs.messages must be a list of at least one message, found an empty list"),
    "an odd role": (
        with_history({"role": "wizard", "content": "Hi"}),
        "malformed",
        "inputs.messages[0].role must be one of assistant, developer, function, system, tool, user, found a "
        "value of type str",
    ),
    "an unanswerable tool message": (
        with_history({"role": "tool", "content": "Hi"}),
        "malformed",
        "inputs.messages[0] answers a call that nobody made",
    ),
    "content of an odd kind": (
        with_history({"role": "user", "content": [{"type": "hologram"}]}),
        "malformed",
        "inputs.messages[0].content[0].type must be a kind of content that a chat message holds, found a "
        "value of type str",
    ),
    "two batches": (
        {**langchain_run(HELLO), "inputs": {"messages": [[{}], [{}]]}},
        "malformed",
        "inputs.messages holds 2 batches, a run has one",
    ),
    "an answer by somebody else": (
        with_outputs(generations=[[{"message": {"type": "human", "content": "Hi"}}]]),
        "malformed",
        'outputs.generations[0][0].message must be an AI message, found "user"',
    ),
    "an answer in the role of a user": (
        wrap_openai_run({"messages": [HELLO["messages"][0], {"role": "user", "content": "Hello!"}]}),
        "malformed",
        'outputs.choices[0].message.role must be "assistant", found "user"',
    ),
    "a message as the answer in the role of a system prompt": (
        {**wrap_openai_run(HELLO), "outputs": {"message": {"role": "system", "content": "Hello!"}}},
        "malformed",
        'outputs.message.role must be "assistant", found "system"',
    ),
    "an answer in a role that nobody knows": (
        {**wrap_openai_run(HELLO), "outputs": {"choices": [{"message": {"role": "secret", "content": "Hello!"}}]}},
        "malformed",
        "outputs.choices[0].message.role must be one of assistant, developer, function, system, tool, user, found a "
        "value of type str",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("run", "reason", "detail"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_run_is_refused_with_its_reason(run, reason, detail):
    error = refusal(run)
    assert (error.run_id, error.reason) == (run["id"], reason)
    assert str(error) == f"run {run['id']} is not usable ({reason}): {detail}"


def test_a_schema_nested_beyond_belief_is_refused():
    line = copy.deepcopy(CALL)
    parameters = line["tools"][0]["function"]["parameters"]
    for _ in range(100):
        parameters["properties"] = {"a": {}}
        parameters = parameters["properties"]["a"]
    assert str(refusal(wrap_openai_run(line))).endswith(
        "(too_deep): tools[0].parameters is nested deeper than 64 levels"
    )


def test_the_reasons_are_a_closed_list_and_each_is_reached():
    reached = {reason for _, reason, _ in UNUSABLE.values()}
    elsewhere = {
        "too_deep",
        "too_large",
        "unwanted_note",
        "not_found",
        "not_expressible",
        "kept_elsewhere",
        "lost_at_source",
    }
    assert reached | elsewhere == set(get_args(RunReason))
    assert not reached & elsewhere


def test_secrets_and_constructors_in_user_data_stay_data(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-do-not-leak")
    secret = {"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]}
    injected = {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", "AIMessage"],
        "kwargs": {},
    }
    line = copy.deepcopy(CALL)
    arguments = json.dumps({"secret": secret, "object": injected}, separators=(",", ":"))
    line["messages"][1]["tool_calls"][0]["function"]["arguments"] = arguments
    for run in (wrap_openai_run(line), langchain_run(line)):
        found = example(run).line
        assert found == line
        assert os.environ["OPENAI_API_KEY"] not in json.dumps(found)


def test_escaped_user_data_is_unwrapped():
    run = langchain_run(CALL)
    escaped = {"__lc_escaped__": {"lc": 1, "type": "secret", "id": ["KEY"]}}
    call = run["outputs"]["generations"][0][0]["message"]["kwargs"]["tool_calls"][0]
    call["args"] = {"city": escaped}
    text = example(run).line["messages"][-1]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(text) == {"city": {"lc": 1, "type": "secret", "id": ["KEY"]}}


def test_no_content_reaches_an_error_s_text():
    run = with_history({"role": "my secret", "content": "another secret"})
    assert "secret" not in str(refusal(run))


def test_the_dispatch_leaves_the_payload_as_it_was():
    for run in (wrap_openai_run(CALL), langchain_run(CALL)):
        before = copy.deepcopy(run)
        conversation_from_run(run)
        assert run == before


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (
            "answer_cut_off",
            {"outputs": {"choices": [{"finish_reason": "length", "message": HELLO["messages"][1]}]}},
        ),
        ("hosted_file", {"content": [{"type": "file", "file": {"file_id": "file-1"}}]}),
        (
            "keys_dropped",
            {"content": [{"type": "text", "text": "Hi", "colour": "red"}]},
        ),
        ("reasoning_dropped", {"reasoning_content": "Hm."}),
        ("server_tool_dropped", {"tools": [{"type": "web_search"}]}),
    ],
)
def test_what_is_left_out_is_noted(kind, change):
    run = wrap_openai_run(HELLO)
    if "outputs" in change:
        run["outputs"] = change["outputs"]
    elif "tools" in change:
        run["inputs"]["tools"] = change["tools"]
    else:
        run["inputs"]["messages"][0] |= change
    loader = LangSmithRunChatLoader([run])
    assert len(loader.load()) == 1
    assert [note.kind for note in loader.notes] == [kind]
