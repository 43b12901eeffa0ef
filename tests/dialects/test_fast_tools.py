"""The quick way to read a run with tools says what the readers say, also of runs that are a little odd."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langsmith.schemas import Run

from langsmith_finetune import RunNotUsableError, examples_from_runs
from langsmith_finetune.dialects.fast_path import read_fast
from langsmith_finetune.dialects.read import conversation_from_run, read_full
from tests.support import wire
from tests.support.corpus import agent_scenarios, agents, everything
from tests.support.payloads import langchain_run, wrap_openai_run
from tests.support.strategies import scaled

COLUMNS = ("inputs", "outputs", "extra", "events", "tags", "feedback_stats", "parent_run_ids", "metadata")
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks it up.",
        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]},
    },
}
CALL = {
    "id": "call_AbCdEfGh1234",
    "type": "function",
    "function": {"name": "look_up", "arguments": '{"q":"a, b"}'},
}
OTHER = {
    "id": "call_ZyXwVuTs9876",
    "type": "function",
    "function": {"name": "look_up", "arguments": '{"q":"c"}'},
}
LINES: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
        ]
    },
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL, OTHER]},
            {"role": "tool", "content": "found", "tool_call_id": "call_AbCdEfGh1234"},
            {"role": "tool", "content": "", "tool_call_id": "call_ZyXwVuTs9876"},
            {"role": "assistant", "content": "It is a."},
        ]
    },
]


def read_with_tools(run: Any) -> Any:
    """What the quick way makes of a run that offers tools; None where it does not take it."""
    reading = read_fast(run)
    return None if reading is None or reading.tools is None else (reading.conversation(), reading.source)


def told(run: Any) -> Any:
    """What the readers make of a run."""
    try:
        return read_full(run)
    except RunNotUsableError as error:
        return error.reason, error.detail


def as_row(run: dict[str, Any]) -> dict[str, Any]:
    return {key: json.dumps(value) if key in COLUMNS else value for key, value in run.items()}


@cache
def plain_runs() -> list[str]:
    """The runs that are read the quick way: captured ones, and those of each form with each of the lines."""
    agents_runs = [run for scenario in agent_scenarios() for run, _ in agents(scenario)]
    made = [
        of(line | {"tools": [TOOL]})
        for line in LINES
        for of in (langchain_run, wrap_openai_run, lambda line: langchain_run(line, nested=False))
    ]
    runs = [*everything(), *agents_runs, *made]
    return [json.dumps(run) for run in runs if read_with_tools(run) is not None]


def test_runs_with_tools_are_taken_and_read_as_the_readers_do():
    taken = [json.loads(run) for run in plain_runs()]
    assert len(taken) > 20
    for run in taken:
        assert read_with_tools(run) == read_full(run)
        assert read_with_tools(run)[1].notes == ()
        assert read_with_tools(json.dumps(run).encode()) == read_full(run)
        assert read_with_tools(as_row(run)) in (None, read_full(run))


def test_common_forms_with_tools_are_taken():
    names = {name for name, run, _ in wire.cases("") if read_with_tools(run) is not None}
    assert {"lc_tools[0]", "wo_tools[0]"} & names or len(names) >= 4
    for line in LINES:
        for make in (langchain_run, wrap_openai_run):
            conversation, _ = read_with_tools(make(line | {"tools": [TOOL]}))
            assert conversation.messages == line["messages"]
            assert conversation.tools == [TOOL]


def test_tools_of_two_runs_are_lists_of_their_own():
    run = langchain_run(LINES[0] | {"tools": [TOOL]})
    one, other = (conversation_from_run(run)[0].tools for _ in range(2))
    one[0]["function"]["name"] = "changed"
    assert other == [TOOL]
    assert conversation_from_run(run)[0].tools == [TOOL]


@pytest.mark.parametrize("value", [1, 1.0, True])
def test_tools_that_differ_in_a_numbers_type_are_told_apart(value):
    def run(default):
        tool = copy.deepcopy(TOOL)
        tool["function"]["parameters"]["properties"]["q"]["default"] = default
        return langchain_run(LINES[0] | {"tools": [tool]})

    conversation_from_run(run(1))
    assert repr(conversation_from_run(run(value))[0].tools) == repr(read_full(run(value))[0].tools)


def test_ready_objects_are_read_the_same():
    for text in plain_runs():
        run = json.loads(text)
        known = {"name": "x", "start_time": "2026-11-01T00:00:00", "dotted_order": "x", "id": "0" * 32} | run
        try:
            ready = Run(**known)
        except ValueError:
            continue
        assert read_with_tools(ready) in (None, read_full(ready))


ODD = [
    None, [], {}, "", 0, 1, True, 1.5, "x", ["x"], {"x": 1}, "[redacted]", "<email>", "NOT_GIVEN", "length", "tool_calls",
    "stop", "langsmith-js", "anthropic", "google_genai", "resp_1", "assistant", "tool", "custom", '{"a": 1}{"b": 2}', "{}",
    '{"n": 12345678901234567890}', "look_uplook_up", "call_AbCdEfGh1234", "langchain_core", "auto", "required",
    {"type": "auto"}, {"type": "function", "function": {"name": "look_up"}}, [{"type": "text", "text": "Hi"}],
    [{"type": "function"}], [{"type": "web_search"}], "response", "openai-agents-sdk", {"__lc_escaped__": {"a": 1}},
]  # fmt: skip
KEYS = [
    "name", "refusal", "tool_calls", "tool_call_id", "function_call", "tool_choice", "parallel_tool_calls", "tools",
    "functions", "response_format", "status", "error", "runtime", "ls_provider", "ls_integration", "openai_span_id",
    "reasoning", "reasoning_content", "content_blocks", "invalid_tool_calls", "tool_call_chunks", "object", "id", "type",
    "finish_reason", "index", "documents", "instructions", "model_kwargs", "extra_body", "annotations", "audio", "stream",
    "conversation", "previous_response_id", "strict", "cache_control", "lc_kwargs", "artifact", "usage", "first_token_time",
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a run, but for the run itself."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for key, inner in value.items() for place in places(inner, (*path, key))]
    elif isinstance(value, list):
        found += [place for index, inner in enumerate(value) for place in places(inner, (*path, index))]
    return found


def changed(run: Any, draw: Any) -> None:
    """Change, remove, repeat or add something somewhere."""
    every = places(run)
    if not every:
        return
    path = every[draw(st.integers(0, len(every) - 1))]
    holder = run
    for step in path[:-1]:
        holder = holder[step]
    match draw(st.sampled_from(["change", "remove", "add", "copy"])):
        case "change":
            holder[path[-1]] = copy.deepcopy(draw(st.sampled_from(ODD)))
        case "remove":
            del holder[path[-1]]
        case "add" if isinstance(holder[path[-1]], dict):
            holder[path[-1]][draw(st.sampled_from(KEYS))] = copy.deepcopy(draw(st.sampled_from(ODD)))
        case "add":
            run[draw(st.sampled_from(KEYS))] = copy.deepcopy(draw(st.sampled_from(ODD)))
        case _:
            if isinstance(holder, list):
                holder.append(copy.deepcopy(holder[path[-1]]))
            else:
                other = every[draw(st.integers(0, len(every) - 1))]
                value = run
                for step in other:
                    value = value[step] if not isinstance(value, (str, int, float, type(None))) else value
                holder[path[-1]] = copy.deepcopy(value)


@pytest.mark.slow
@settings(max_examples=scaled(1500))
@given(st.data())
def test_run_that_is_a_little_odd_reads_the_same_both_ways(data):
    runs = plain_runs()
    run = json.loads(runs[data.draw(st.integers(0, len(runs) - 1))])
    for _ in range(data.draw(st.integers(1, 3))):
        changed(run, data.draw)
    for form in (run, json.dumps(run).encode()):
        if (found := read_fast(form)) is not None:
            assert (found.conversation(), found.source) == told(run)
            assert found.source.notes == ()


def test_examples_of_both_ways_are_one():
    runs = [json.loads(text) for text in plain_runs()]
    lines = [example.line for example in examples_from_runs(runs)]
    assert len(lines) == len(runs)
    for run, line in zip(runs, lines, strict=True):
        conversation, _ = read_full(run)
        assert line["messages"] == conversation.messages
        assert line["tools"] == conversation.tools
        assert list(line) == [
            "messages",
            "tools",
            *(["parallel_tool_calls"] if "parallel_tool_calls" in line else []),
        ]
