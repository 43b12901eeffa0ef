"""Folding: each answer trained exactly once, and nothing merged that was not the same."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import TrainingExample, examples_from_runs
from langsmith_finetune.dataset.fold import fold_traces
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.runs import RunSource
from tests.support import corpus

SYSTEM = {"role": "system", "content": "You are an agent."}


def user(text):
    return {"role": "user", "content": text}


def said(text, **more):
    return {"role": "assistant", "content": text, **more}


def called(name, call_id="c1"):
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": "{}"}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def answered(text, call_id="c1"):
    return {"role": "tool", "content": text, "tool_call_id": call_id}


def call(run_id, *messages, trace="t", thread=None, agent=None, **settings):
    source = RunSource(run_id=run_id, trace_id=trace, thread_id=thread, agent=agent)
    return TrainingExample(line={"messages": list(messages), **settings}, source=source)


def trained(example):
    return [
        m["content"] for m in example.line["messages"] if m["role"] == "assistant" and m.get("weight") != 0
    ]


def bare(messages):
    return [{key: value for key, value in message.items() if key != "weight"} for message in messages]


def nameless(messages):
    return [{key: value for key, value in message.items() if key != "name"} for message in bare(messages)]


@st.composite
def agents(draw):
    """Calls of a few traces: each starts afresh, or goes on from what an earlier one ended with.

    What it goes on from may have been given names since.
    """
    calls = []
    texts = st.sampled_from(["a", "b"])
    tools = st.sampled_from([{}, {"tools": [{"type": "function", "function": {"name": "f"}}]}])
    for number in range(draw(st.integers(1, 8))):
        before, trace = [], draw(st.sampled_from(["t1", "t2"]))
        if calls and draw(st.booleans()):
            before = draw(st.sampled_from(calls)).line["messages"]
            name = draw(st.sampled_from([{}, {"name": "agent"}, {"name": "model"}]))
            before = [message | (name if message["role"] == "assistant" else {}) for message in before]
        more = [user(draw(texts)), said(draw(texts))] * draw(st.integers(1, 2))
        answer = said(draw(texts), **draw(st.sampled_from([{}, {}, {"weight": 1}])))
        agent = draw(st.sampled_from([None, None, "main", "research"]))
        calls.append(call(f"{number}", *before, *more[:-1], answer, trace=trace, agent=agent, **draw(tools)))
    return draw(st.permutations(calls))


@given(agents())
def test_fold_trains_every_answer_once(calls):
    def place(example, end):
        tools = str(example.line.get("tools"))
        source = example.source
        return (source.trace_id, source.agent, tools, str(nameless(example.line["messages"][:end])))

    folded = list(fold_traces(calls))
    answers = {place(example, None) for example in calls}
    places = [
        place(example, index + 1)
        for example in folded
        for index, message in enumerate(example.line["messages"])
        if message["role"] == "assistant" and message.get("weight") != 0
    ]
    assert len(places) == len(set(places))
    assert set(places) == answers

    holder = defaultdict(list)
    for example in folded:
        for source in (example.source, *example.merged):
            holder[source.run_id].append(example)
    assert sorted(holder) == sorted(example.source.run_id for example in calls)
    for example in calls:
        [home] = holder[example.source.run_id]
        length = len(example.line["messages"])
        assert nameless(home.line["messages"])[:length] == nameless(example.line["messages"])
        assert home.line.get("tools") == example.line.get("tools")
        assert home.source.agent == example.source.agent
    said = {example.source.run_id: bare(example.line["messages"]) for example in calls}
    for example in folded:  # to the letter, as its own call was sent
        assert bare(example.line["messages"]) == said[example.source.run_id]


@given(agents())
def test_folding_twice_changes_nothing_more(calls):
    once = list(fold_traces(calls))
    again = list(fold_traces(once))
    assert [example.line for example in again] == [example.line for example in once]
    assert [example.merged for example in again] == [example.merged for example in once]
    assert [example.changes for example in again] == [example.changes for example in once]


@given(agents())
def test_what_was_given_is_left_as_it_was(calls):
    before = [str(example) for example in calls]
    list(fold_traces(calls))
    assert [str(example) for example in calls] == before


def test_an_agent_of_three_calls_is_one_example():
    first = [SYSTEM, user("Weather?"), called("weather")]
    second = [*first, answered("Rain"), called("umbrella", "c2")]
    third = [*second, answered("Yes", "c2"), said("Take an umbrella.")]
    calls = [call("1", *first), call("2", *second), call("3", *third)]
    report = DatasetReport()
    for order in (calls, calls[::-1], [calls[1], calls[2], calls[0]]):
        [example] = fold_traces(order, report=report)
        assert example.line == {"messages": third}  # without a weight, all is trained
        assert example.source.run_id == "3"
        assert sorted(run.run_id for run in example.merged) == ["1", "2"]
        assert example.changes == ("folded 3 calls into one",)
    assert str(report) == "fold_traces: 9 in, 3 out; 6 merged"
    assert {(change.example, change.kept) for change in report.changes["fold_traces"]} == {
        ("1", "3"),
        ("2", "3"),
    }


def test_branches_share_what_is_trained_in_the_first():
    start = [user("Hi"), said("Hello!")]
    left, right = [*start, user("Left"), said("L")], [*start, user("Right"), said("R")]
    one, two = fold_traces([call("0", *start), call("1", *left), call("2", *right)])
    assert (trained(one), trained(two)) == (["Hello!", "L"], ["R"])
    assert ([run.run_id for run in one.merged], two.merged) == (["0"], ())
    assert two.changes == ("weight 0 for 1 assistant messages of the history",)


APART = {
    "another system prompt": [{"role": "system", "content": "A sub-agent."}, user("Hi"), said("A"), user("B"), said("C")],
    "a summary": [SYSTEM, user("Summary of what was said"), user("B"), said("C")],
    "a trimmed history": [SYSTEM, said("A"), user("B"), said("C")],
    "another user": [SYSTEM, user("Hi") | {"name": "bob"}, said("A"), user("B"), said("C")],
}  # fmt: skip


@pytest.mark.parametrize("other", APART.values(), ids=APART)
def test_changed_histories_stay_apart(other):
    folded = list(fold_traces([call("1", SYSTEM, user("Hi"), said("A")), call("2", *other)]))
    assert [trained(example) for example in folded] == [["A"], ["C"]]
    assert all(not example.merged for example in folded)


@pytest.mark.parametrize("settings", [{"tools": []}, {"parallel_tool_calls": False}])
def test_calls_with_other_settings_stay_apart(settings):
    first = [user("Hi"), said("A")]
    folded = list(fold_traces([call("1", *first), call("2", *first, user("B"), said("C"), **settings)]))
    assert [trained(example) for example in folded] == [["A"], ["C"]]


def test_a_history_that_no_call_said_is_context():
    shots = [user("2+2?"), said("4"), user("3+3?")]
    [example] = fold_traces([call("1", *shots, said("6"))])
    assert trained(example) == ["6"]


def test_an_answer_that_was_not_to_be_trained_stays_so():
    first = [user("Hi"), said("A", weight=0)]
    [example] = fold_traces([call("1", *first), call("2", user("Hi"), said("A"), user("B"), said("C"))])
    assert trained(example) == ["C"]


def test_the_same_answer_twice_is_one_example_of_two_runs():
    [example] = fold_traces([call("1", user("Hi"), said("A")), call("2", user("Hi"), said("A"))])
    assert (example.source.run_id, [run.run_id for run in example.merged]) == ("1", ["2"])


def test_a_thread_is_folded_across_its_traces():
    first = [user("Hi"), said("A")]
    calls = [
        call("1", *first, trace="t1", thread="h"),
        call("2", *first, user("B"), said("C"), trace="t2", thread="h"),
        call("3", *first, user("D"), said("E"), trace="t3"),
    ]
    assert [trained(example) for example in fold_traces(calls)] == [["A"], ["C"], ["E"]]
    assert [trained(example) for example in fold_traces(calls, across="thread")] == [["A", "C"], ["E"]]


def test_traces_can_be_folded_before_threads_are():
    first = [user("Hi"), called("f"), answered("1"), said("A")]
    calls = [
        call("1", *first[:2], trace="t1", thread="h"),
        call("2", *first, trace="t1", thread="h"),
        call("3", *first, user("B"), said("C"), trace="t2", thread="h"),
    ]
    [direct] = fold_traces(calls, across="thread")
    [twice] = fold_traces(fold_traces(calls), across="thread")
    assert direct.line == twice.line == {"messages": [*first, user("B"), said("C")]}
    assert [run.run_id for run in twice.merged] == ["1", "2"]


def test_what_has_no_trace_or_no_answer_at_its_end_passes():
    without = TrainingExample(line={"messages": [said("A"), user("B"), said("C")]})
    open_end = call("1", said("A"), user("B"))
    report = DatasetReport()
    assert list(fold_traces([without, open_end], report=report)) == [without, open_end]
    assert report.changes["fold_traces"].counts == {"passed unchanged": 2}
    assert [change.example for change in report.changes["fold_traces"]] == ["example 0", "1"]


def test_grouped_examples_are_folded_one_trace_at_a_time():
    read = []

    def stream():
        for trace in "abc":
            for number in (1, 2):
                read.append(trace)
                yield call(f"{trace}{number}", *[user("Hi"), said("A")] * number, trace=trace)

    folded = fold_traces(stream(), grouped=True)
    assert next(folded).source.run_id == "a2"
    assert read == ["a", "a", "b"]
    assert [example.source.run_id for example in folded] == ["b2", "c2"]


def test_a_trace_of_many_branches_and_a_long_one_are_no_trouble():
    branches = [call(f"{n}", SYSTEM, user(f"{n}"), said("A")) for n in range(3000)]
    assert len(list(fold_traces(branches))) == 3000
    turns = [turn for n in range(3000) for turn in (user(f"{n}"), said(f"{n}"))]
    [example] = fold_traces([call("1", *turns), call("2", *turns[:2])])
    assert trained(example) == ["0", "2999"]


def test_across_is_one_of_two():
    with pytest.raises(ValueError) as caught:
        fold_traces([], across="user")
    assert str(caught.value) == "across must be 'trace' or 'thread', not 'user'"


def test_captured_agents_fold_into_one_example_each():
    traces = defaultdict(list)
    for example in examples_from_runs(corpus.everything(), on_skip=lambda _: None):
        if example.source.trace_id:
            traces[example.source.trace_id].append(example)
    agents = [calls for calls in traces.values() if len(calls) > 1]
    assert len(agents) >= 8  # of LangChain, the SDKs of OpenAI, Anthropic and Vercel, Python and JavaScript
    for calls in agents:
        longest = max(calls, key=lambda example: len(example.line["messages"]))
        [folded] = fold_traces(calls)
        assert folded.line == longest.line
        answers = [m for m in folded.line["messages"] if m["role"] == "assistant"]
        assert len(answers) == len(calls)
