"""Which llm run gave the answer of its trace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune.runs.answered import corrects_answer, may_have_answered


def call(name, start, end=None, *, said="x", **fields):
    at = "2026-11-22T08:00:{:02}Z".format
    return {
        "id": name,
        "run_type": "llm",
        "start_time": at(start),
        "end_time": at(end if end is not None else start + 1),
        "outputs": {"choices": [{"message": {"role": "assistant", "content": said}}]},
        **fields,
    }


def at_node(node, agent=None, **more):
    return {"extra": {"metadata": {"langgraph_node": node, "lc_agent_name": agent, **more}}}


AGENT, TOOL = (
    at_node("model", "support"),
    at_node("model", "research", langgraph_checkpoint_ns="tools:1|model:2"),
)
TITLE = at_node("title")
CASES = {
    "one call": ([call("a", 1)], None, "a"),
    "the last of an agent": ([call("b", 3, **AGENT), call("a", 1, **AGENT)], None, "b"),
    "not that of its sub-agent": ([call("a", 1, **AGENT), call("b", 3, **TOOL)], None, "a"),
    "not one that gave it a title": ([call("a", 1, **AGENT), call("b", 3, **TITLE)], None, "a"),
    "not one that failed": ([call("a", 1, **AGENT), call("b", 3, **AGENT, error="timeout")], None, "a"),
    "not one that failed, by its status": ([call("a", 1, **AGENT), call("b", 3, **AGENT, status="ERROR")], None, "a"),
    "two at once": ([call("a", 1, 9, **AGENT), call("b", 3, **AGENT)], None, "a b"),
    "two that began together": ([call("a", 1, **AGENT), call("b", 1, **AGENT)], None, "a b"),
    "one at once before the last": ([call("a", 1, 3, **AGENT), call("b", 2, 3, **AGENT), call("c", 4, **AGENT)], None, "c"),
    "a call beside the agent": ([call("a", 1, **AGENT), call("b", 4)], None, "a b"),
    "a call before the agent": ([call("a", 1), call("b", 4, **AGENT)], None, "b"),
    "two nodes": ([call("a", 1, **at_node("plan")), call("b", 4, **at_node("say"))], None, "a b"),
    "two nodes and what was returned": (
        [call("a", 1, **at_node("say"), said="42"), call("b", 4, **at_node("check"), said="OK")], {"answer": "42"}, "a",
    ),
    "a chain": ([call("a", 1), call("b", 4)], None, "a b"),
    "a chain and what it returned": ([call("a", 1, said="q"), call("b", 4, said="42"), call("c", 6, said="t")], "42", "b"),
    "a loop that returned its messages": (
        [call("a", 1, said="Let me look"), call("b", 4, said="42")],
        {"messages": [{"content": "Let me look"}, {"content": [{"type": "text", "text": "42"}]}]},
        "b",
    ),
    "a tool's own words returned": (
        [call("a", 1, **AGENT, said="Let me look"), call("b", 4, **AGENT, said="")],
        {"messages": [{"content": "Let me look"}, {"type": "tool", "content": "booked"}]},
        "b",
    ),
    "several that said what was returned": ([call("a", 1, said="42"), call("b", 4, said="42")], {"output": "42"}, "b"),
    "none that did, of a chain": ([call("a", 1, said="4"), call("b", 4, said="2")], {"output": "42"}, "a b"),
    "a run of another type": ([call("a", 1), call("b", 4, run_type="chain")], None, "a"),
    "none": ([], None, ""),
}  # fmt: skip


@pytest.mark.parametrize(("calls", "returned", "answered"), CASES.values(), ids=CASES)
def test_the_last_call_of_the_root_agent_answered(calls, returned, answered):
    assert may_have_answered(calls, returned) == tuple(answered.split())
    assert may_have_answered(calls[::-1], returned) in (
        tuple(answered.split()),
        tuple(answered.split()[::-1]),
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["start_time", "end_time", "outputs", "extra", "metadata", "error", "status", "name", "id"]
)


@given(st.lists(st.dictionaries(fields, json_values), max_size=4), json_values)
def test_whatever_runs_hold_nothing_is_raised(changes, returned):
    calls = [call(str(n), n) | change for n, change in enumerate(changes)]
    assert len(may_have_answered([*calls, 7, None, b"{"], returned)) <= len(calls)


@pytest.mark.parametrize(
    ("correction", "is_answer"),
    [
        (None, False),
        ({"score": 1}, False),
        ({"score": 1, "value": "x"}, False),
        ("x", True),
        ({"output": "x"}, True),
    ],
)
def test_better_scores_are_no_better_answers(correction, is_answer):
    assert corrects_answer(correction) is is_answer
