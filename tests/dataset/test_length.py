"""Length: nothing too long, no answer cut, no call without its answers."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import InvalidExampleError, TrainingExample
from langsmith_finetune.dataset.length import fit_length
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.runs import RunSource
from tests.support.strategies import conversations


def count(line):
    """A token a message, and ten for the tools."""
    return len(line["messages"]) + 10 * ("tools" in line)


def user(text):
    return {"role": "user", "content": text}


def said(text, **more):
    return {"role": "assistant", "content": text, **more}


def step(call_id, answers=1):
    calls = [
        {"id": f"{call_id}{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for n in range(answers)
    ]
    results = [{"role": "tool", "content": "1", "tool_call_id": call["id"]} for call in calls]
    return [said(None, tool_calls=calls), *results]


SYSTEM = {"role": "system", "content": "S"}
CHAT = [SYSTEM, user("1"), said("one"), user("2"), *step("a", 2), said("two"), user("3"), said("three")]
AGENT = [SYSTEM, user("1"), said("one"), user("Go"), user("on"), *step("a"), *step("b", 2), said("done")]

TRIMMED = {
    "short enough": (CHAT, 10, CHAT, ()),
    "one turn": (CHAT, 9, [SYSTEM, *CHAT[3:]], ("trimmed 1 turn or step with 1 trained answer",)),
    "two turns": (CHAT, 7, [SYSTEM, *CHAT[8:]], ("trimmed 2 turns or steps with 3 trained answers",)),
    "all but the last": (CHAT, 3, [SYSTEM, *CHAT[8:]], ("trimmed 2 turns or steps with 3 trained answers",)),
    "not even then": (CHAT, 2, None, ()),
    "steps of the last turn": (AGENT, 7, [SYSTEM, *AGENT[3:5], *AGENT[7:]], ("trimmed 2 turns or steps with 2 trained answers",)),
    "all steps": (AGENT, 4, [SYSTEM, *AGENT[3:5], said("done")], ("trimmed 3 turns or steps with 3 trained answers",)),
    "never what the user said last": (AGENT, 3, None, ()),
    "nor a call that is the answer": ([user("1"), said("one"), user("2"), *step("a", 2)], 4, [user("2"), *step("a", 2)], ("trimmed 1 turn or step with 1 trained answer",)),
    "what was not trained": ([user("1"), said("one", weight=0), user("2"), said("two")], 2, [user("2"), said("two")], ("trimmed 1 turn or step",)),
    "system messages between": ([user("1"), said("one"), SYSTEM, user("2"), said("two")], 3, [SYSTEM, user("2"), said("two")], ("trimmed 1 turn or step with 1 trained answer",)),
    "a history that begins with an answer": ([said("one"), user("2"), said("two")], 2, [user("2"), said("two")], ("trimmed 1 turn or step with 1 trained answer",)),
}  # fmt: skip


@pytest.mark.parametrize(("messages", "most", "expected", "changes"), TRIMMED.values(), ids=TRIMMED)
def test_the_oldest_turns_go_first_and_no_more_than_needed(messages, most, expected, changes):
    given_example = TrainingExample(line={"messages": messages})
    before = copy.deepcopy(given_example)
    report = DatasetReport()
    found = list(fit_length([given_example], most, count, over_length="trim_oldest_turns", report=report))
    assert [(e.line["messages"], e.changes) for e in found] == ([(expected, changes)] if expected else [])
    assert given_example == before
    if expected is None:
        [change] = report.changes["fit_length"]
        assert (change.what, change.detail) == ("dropped", f"{len(messages)} tokens")


@given(conversations(), st.integers(1, 30))
def test_what_is_left_fits_and_holds_together(line, most):
    for example in fit_length([TrainingExample(line=line)], most, count, over_length="trim_oldest_turns"):
        messages = example.line["messages"]
        assert count(example.line) <= most
        assert messages[-1] == line["messages"][-1]
        assert [m for m in messages if m["role"] == "system"] == [
            m for m in line["messages"] if m["role"] == "system"
        ]
        calls = [call["id"] for m in messages for call in m.get("tool_calls", ())]
        answers = [m["tool_call_id"] for m in messages if m["role"] == "tool"]
        assert set(answers) <= set(calls)
        for message in line["messages"]:  # a call that stays keeps the answers it had
            if message["role"] == "tool" and message["tool_call_id"] in calls:
                assert message["tool_call_id"] in answers
        if count(line) <= most:
            assert example.line == line


def test_a_long_conversation_is_counted_a_few_times_only():
    counted = []

    def slowly(line):
        counted.append(len(line["messages"]))
        return count(line)

    messages = [turn for n in range(500) for turn in (user(f"{n}"), said(f"{n}"))]
    [example] = fit_length(
        [TrainingExample(line={"messages": messages})], 100, slowly, over_length="trim_oldest_turns"
    )
    assert len(example.line["messages"]) == 100
    assert len(counted) < 15


def test_what_is_too_long_is_dropped_and_told():
    report = DatasetReport()
    examples = [
        TrainingExample(line={"messages": CHAT}, source=RunSource(run_id="long")),
        TrainingExample(line={"messages": [said("secret")]}),
    ]
    assert list(fit_length(examples, 3, count, over_length="drop", report=report)) == examples[1:]
    assert str(report) == "fit_length: 2 in, 1 out; 1 dropped"
    assert [(c.example, c.detail) for c in report.changes["fit_length"]] == [("long", "10 tokens")]


def test_by_default_what_is_too_long_is_refused():
    source = RunSource(run_id="r")
    with pytest.raises(InvalidExampleError) as caught:
        list(fit_length([TrainingExample(line={"messages": CHAT * 200}, source=source)], 1000, count))
    assert str(caught.value) == (
        "r: messages: the example is 2,000 tokens long, and may be 1,000. Leave it out with "
        'over_length="drop", or shorten it with over_length="trim_oldest_turns"'
    )


BAD = {
    "over_length": (
        (10, "truncate"),
        "over_length must be 'raise', 'drop' or 'trim_oldest_turns', not 'truncate'",
    ),
    "most": ((0, "drop"), "max_tokens must be at least 1, not 0"),
}


@pytest.mark.parametrize(("settings", "words"), BAD.values(), ids=BAD)
def test_settings_that_cannot_be_are_named(settings, words):
    with pytest.raises(ValueError) as caught:
        fit_length([], settings[0], count, over_length=settings[1])
    assert str(caught.value) == words
