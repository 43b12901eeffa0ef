"""Held-out lines become questions: which, after what, of which conversation, in which groups."""

import pytest

from langsmith_finetune import (
    InvalidExampleError,
    LabelExample,
    PreferenceExample,
    TrainingExample,
    write_jsonl,
)
from langsmith_finetune.evaluation import cases_of
from langsmith_finetune.providers.local.rows import rows_of_line
from langsmith_finetune.runs import RunSource
from tests.support.evaluations import ADD, asks, call, calls, says, sum_line, text_line, written

CHAT = {
    "messages": [
        {"role": "system", "content": "Be brief."},
        asks("One?"),
        {**says("Eins."), "weight": 0},
        asks("Two?"),
        says("Zwei."),
        asks("Three?"),
        {**says("Drei."), "weight": 1},
    ]
}


def test_each_trained_answer_is_a_case_after_exactly_what_came_before_it():
    second, third = cases_of([CHAT])
    assert [case.where for case in (second, third)] == ["example 1 messages[4]", "example 1 messages[6]"]
    assert [message["content"] for message in second.messages] == ["Be brief.", "One?", "Eins.", "Two?"]
    assert second.expected == says("Zwei.")
    assert len(third.messages) == 6
    assert all("weight" not in message for message in third.messages)


def test_cases_are_the_messages_that_training_learns():
    lines = [CHAT, sum_line(1, 2), text_line(3)]
    for line in lines:
        rows = rows_of_line(line, "line")
        assert [case.where.split()[-1] for case in cases_of([line])] == [row.field for row in rows]


@pytest.mark.parametrize(
    ("answers", "kept"),
    [
        ("all", [1, 3, 5, 7, 9]),
        ("last", [9]),
        (1, [9]),
        (2, [1, 9]),
        (3, [1, 5, 9]),
        (5, [1, 3, 5, 7, 9]),
        (9, [1, 3, 5, 7, 9]),
    ],
)
def test_answers_of_a_line_are_all_the_last_or_some_evenly(answers, kept):
    line = {"messages": [turn for n in range(5) for turn in (asks(f"{n}?"), says(f"{n}!"))]}
    assert [int(case.where[:-1].partition("[")[2]) for case in cases_of([line], answers=answers)] == kept


@pytest.mark.parametrize("answers", [0, -1, "first", True, 1.5, None])
def test_other_answers_are_refused(answers):
    with pytest.raises((TypeError, ValueError)) as caught:
        cases_of([CHAT], answers=answers)
    assert str(caught.value).startswith("answers must be 'all', 'last' or a ")
    assert str(caught.value).endswith(f", not {answers!r}")


def test_tools_and_parallel_calls_of_the_line_belong_to_the_case():
    [case] = cases_of([{**sum_line(1, 2), "parallel_tool_calls": False}])
    assert case.tools == (ADD,)
    assert case.parallel_tool_calls is False
    assert case.expects_calls


def test_lines_that_go_on_from_one_another_are_one_conversation():
    begin = {"messages": CHAT["messages"][:5]}
    named = {"messages": [{**m, "name": "bot"} if m["role"] == "assistant" else m for m in CHAT["messages"]]}
    one, *others = cases_of([begin, CHAT, named])
    assert {case.conversation for case in others} == {one.conversation}
    assert len({case.conversation for case in cases_of([text_line(n) for n in range(9)])}) == 9


def test_threads_and_groups_come_from_examples_and_from_the_ledger(tmp_path):
    sources = [
        RunSource(
            run_id="r1", trace_id="t1", thread_id="chat", node="model", agent="bot", scores={"user": 1.0}
        ),
        RunSource(run_id="r2", trace_id="t2", thread_id="chat", node="tools"),
        RunSource(run_id="r3", trace_id="t3"),
        RunSource(run_id="r4", trace_id="t3"),
    ]
    lines = [sum_line(1, 2), text_line(3), text_line(4), {"messages": [asks("Привет"), says("Да")]}]
    examples = [
        TrainingExample(line=line, source=source) for line, source in zip(lines, sources, strict=True)
    ]
    given = cases_of(examples)
    first, second, third, fourth = read = cases_of(write_jsonl(examples, tmp_path / "heldout.jsonl").path)
    assert first.conversation == second.conversation != third.conversation == fourth.conversation
    assert first.groups == {
        "node": ("model",),
        "agent": ("bot",),
        "tool": ("add",),
        "language": ("(no letters)",),
    }
    assert second.groups["node"] == ("tools",)
    assert second.groups["tool"] == ("(no call)",)
    assert fourth.groups["language"] == ("Cyrillic",)
    assert first.scores == {"user": 1.0}
    assert [case.run_id for case in read] == ["r1", "r2", "r3", "r4"]
    for one, other in zip(given, read, strict=True):
        assert (one.key, one.conversation, one.groups, one.scores) == (
            other.key, other.conversation, other.groups, other.scores,
        )  # fmt: skip


def test_a_ledger_of_other_lines_is_refused(tmp_path):
    example = TrainingExample(line=text_line(1), source=RunSource(run_id="r1"))
    path = write_jsonl([example], tmp_path / "heldout.jsonl").path
    written(path, [text_line(2)])
    with pytest.raises(InvalidExampleError) as caught:
        cases_of(path)
    assert str(caught.value).startswith("heldout.jsonl:1: is not the line that the ledger tells of")


def test_groups_of_the_users_join_the_others():
    [case] = cases_of([text_line(1)], groups=lambda case: {"tag": ("a", "b"), "half": "first"})
    assert case.groups["tag"] == ("a", "b")
    assert case.groups["half"] == ("first",)
    assert case.groups["tool"] == ("(no call)",)


def test_preferred_and_good_answers_are_asked_for_and_bad_ones_are_not():
    preference = PreferenceExample(
        line={
            "input": {"messages": [asks("Hi")]},
            "preferred_output": [says("Hello!")],
            "non_preferred_output": [says("Go")],
        }
    )
    label = {"prompt": [asks("Ho")], "completion": [says("Hello?")]}
    good, bad = (LabelExample(line={**label, "label": value}) for value in (True, False))
    cases = cases_of([preference, good, bad])
    assert [case.expected["content"] for case in cases] == ["Hello!", "Hello?"]
    assert [case.where for case in cases] == ["example 1 preferred_output", "example 2 completion"]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ({"messages": [says("Hello")]}, "heldout.jsonl:2: messages[0]: is to be learned, but answers nothing. Give it weight 0, or leave the line out"),
        ({"messages": [asks("Hi"), {**says("x"), "weight": 2}]}, "heldout.jsonl:2: messages[1].weight: is neither 0 nor 1. Give 0 to leave the message out"),
        ({"messages": [{"role": "alien", "content": "x"}]}, "heldout.jsonl:2: messages[0].role: is none of system, developer, user, assistant, tool. Make lines with training_examples(sessions)"),
        ({"messages": "Hi"}, "heldout.jsonl:2: messages: is a str, not a list of messages. Fix the line or leave it out; check(lines, target) says more"),
    ],
)  # fmt: skip
def test_an_unsound_line_is_refused_by_file_and_line(tmp_path, line, text):
    path = written(tmp_path / "heldout.jsonl", [text_line(1), line])
    with pytest.raises(InvalidExampleError) as caught:
        cases_of(path)
    assert str(caught.value) == text


def test_a_file_without_answers_is_refused(tmp_path):
    path = written(tmp_path / "heldout.jsonl", [{"messages": [asks("Hi"), {**says("x"), "weight": 0}]}])
    with pytest.raises(InvalidExampleError) as caught:
        cases_of(path)
    assert str(caught.value) == "heldout.jsonl: holds no answer to ask for. Give lines that can be trained on"


def test_a_broken_line_is_refused_as_by_every_reader(tmp_path):
    path = tmp_path / "heldout.jsonl"
    path.write_text("{\n", encoding="utf-8")
    with pytest.raises(InvalidExampleError) as caught:
        cases_of(path)
    assert str(caught.value).startswith("heldout.jsonl:1: is not JSON")


def test_a_single_line_is_refused():
    with pytest.raises(TypeError) as caught:
        cases_of(CHAT)
    assert str(caught.value).startswith("heldout must be an iterable of lines or examples, not a single dict")


def test_cases_that_ask_the_same_share_a_key_and_others_do_not():
    line = sum_line(1, 2)
    other_answer = {**line, "messages": [line["messages"][0], calls(call(a=2, b=1))]}
    other_tools = {**line, "tools": []}
    one, same, tools, parallel = cases_of(
        [line, other_answer, other_tools, {**line, "parallel_tool_calls": True}]
    )
    assert one.key == same.key
    assert len({one.key, tools.key, parallel.key}) == 3
