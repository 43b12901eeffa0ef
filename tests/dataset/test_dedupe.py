"""Duplicates: which are found, which one stays, and what is told of it."""

from __future__ import annotations

import copy
import json
import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import TrainingExample
from langsmith_finetune.dataset.dedupe import DuplicateIndex, drop_duplicates
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.runs import RunSource
from tests.support.strategies import conversations


def example(run_id="r", said="Hello!", asked="Hi", *, time=None, system="S", **scores):
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": asked},
        {"role": "assistant", "content": said},
    ]
    return TrainingExample(
        line={"messages": messages}, source=RunSource(run_id=run_id, start_time=time, scores=scores)
    )


def kept(examples, **settings):
    return [found.source.run_id for found in drop_duplicates(examples, **settings)]


def renamed(line, prefix):
    """The line with other ids of its calls."""
    line = copy.deepcopy(line)
    for message in line["messages"]:
        for call in message.get("tool_calls", ()):
            call["id"] = prefix + call["id"]
        if "tool_call_id" in message:
            message["tool_call_id"] = prefix + message["tool_call_id"]
    return line


@pytest.mark.slow
@given(st.lists(conversations(), max_size=4))
def test_duplicate_ignores_call_ids_and_order_of_keys(lines):
    backwards = [dict(reversed(renamed(line, "x_").items())) for line in lines]
    found = [e.line for e in drop_duplicates(TrainingExample(line=line) for line in lines + backwards)]
    expected = []
    for line in lines:
        if line not in expected:
            expected.append(line)
    assert found == expected


DIFFERENT = {
    "an answer": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]},
    "a weight": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!", "weight": 0}]},
    "a speaker": {"messages": [{"role": "user", "content": "Hi", "name": "ann"}, {"role": "assistant", "content": "Hello!"}]},
    "tools": {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}], "tools": []},
}  # fmt: skip


@pytest.mark.parametrize("line", DIFFERENT.values(), ids=DIFFERENT)
def test_lines_that_differ_in_anything_else_stay(line):
    same = {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello!", "weight": 1},
        ]
    }
    plain = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    found = list(drop_duplicates([TrainingExample(line=one) for one in (plain, line, same)]))
    assert [one.line for one in found] == [plain, line]


def test_answers_to_swapped_calls_are_no_duplicates():
    def line(first, second):
        calls = [
            {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}} for name in "ab"
        ]
        answers = [
            {"role": "tool", "content": c, "tool_call_id": i} for i, c in ((first, "1"), (second, "2"))
        ]
        return {"messages": [{"role": "assistant", "content": None, "tool_calls": calls}, *answers]}

    assert len(list(drop_duplicates(TrainingExample(line=line(*order)) for order in ("ab", "ba")))) == 2


def test_the_newest_stays_in_the_place_it_has():
    examples = [
        example("old", time="2026-11-01T12:00:00"),
        example("other", said="Bye", time="2026-11-01T12:00:00Z"),
        example("new", time="2026-11-01T14:00:00+01:00"),  # 13:00
        example("older", time="2026-11-01T12:30:00+02:00"),
        example("unknown", time="yesterday"),
        example("never"),
    ]
    assert kept(examples) == ["other", "new"]
    assert kept(iter(examples)) == ["other", "new"]
    assert kept(examples, keep="first") == ["old", "other"]


def test_the_best_stays_and_of_equals_the_newest():
    examples = [
        example("good", time="2026-11-01T12:00:00Z", liked=1.0),
        example("newer and good", time="2026-11-02T12:00:00Z", liked=1.0),
        example("newest and bad", time="2026-11-03T12:00:00Z", liked=0.0),
        example("without", time="2026-11-04T12:00:00Z"),
    ]
    assert kept(examples, keep="best", score="liked") == ["newer and good"]
    assert kept(examples[2:], keep="best", score="liked") == ["newest and bad"]


def test_the_first_is_kept_in_one_pass():
    read = []

    def stream():
        for number in range(3):
            read.append(number)
            yield example(f"{number}", said=f"{number}")

    assert next(drop_duplicates(stream(), keep="first")).source.run_id == "0"
    assert read == [0]


def words(number, seed):
    chosen = random.Random(seed)
    return [f"w{chosen.randrange(400)}" for _ in range(number)]


def text(seed, *, changed=0, number=300):
    found = words(number, seed)
    for at in range(changed):
        found[at * number // max(changed, 1)] = f"changed{at}"
    return " ".join(found)


def test_near_duplicates_are_alike_in_questions_and_in_answers():
    examples = [
        example("a", asked=text(1), said=text(2), time="2026-11-01T12:00:00Z"),
        example("b", asked=text(1, changed=2), said=text(2, changed=3), time="2026-11-02T12:00:00Z"),
        example("another answer", asked=text(1), said=text(3)),
        example("another question", asked=text(4), said=text(2)),
        example("too far", asked=text(1, changed=30), said=text(2)),
    ]
    report = DatasetReport()
    assert kept(examples, similarity=0.9, report=report) == [
        "b",
        "another answer",
        "another question",
        "too far",
    ]
    [change] = report.changes["drop_duplicates"]
    assert (change.what, change.example, change.kept) == ("near duplicate", "a", "b")
    assert 0.9 <= float(change.detail.removesuffix(" alike")) <= 1
    assert str(report) == "drop_duplicates: 5 in, 4 out; 1 near duplicate"
    assert kept(examples) == ["a", "b", "another answer", "another question", "too far"]


def test_a_long_system_prompt_makes_nothing_alike():
    system = text(9, number=2000)
    examples = [example(f"{n}", asked=text(n), said=text(100), system=system) for n in range(5)]
    assert kept(examples, similarity=0.5) == ["0", "1", "2", "3", "4"]


def test_a_system_prompt_with_the_date_keeps_nothing_apart():
    examples = [
        example(f"{n}", asked=text(1), said=text(2), system=f"Today is November {n}.") for n in (1, 2)
    ]
    assert kept(examples, similarity=0.9) == ["1"]


def test_the_most_alike_is_told():
    examples = [
        example("far", said=text(1, changed=9)),
        example("near", said=text(1, changed=1)),
        example("farther", said=text(1, changed=30)),
        example("it", said=text(1)),
    ]
    seen = DuplicateIndex(0.6)
    for one in examples[:3]:
        seen.add(one.source.run_id, seen.features(one.line))
    match = seen.match(seen.features(examples[3].line))
    assert match.name == "near"
    assert 0.9 < match.likeness < 1


SHORT = {
    "one word": (("Hi", "Yes"), ("Hi", "No"), 2),
    "case and punctuation": (("Where is it?", "Over there!"), ("where is it", "Over there"), 1),
    "Chinese": (("今天天气怎么样呢请你告诉我吧", "下雨"), ("今天天气怎么样呢请你告诉我吧。", "下雨"), 1),
    "other Chinese": (("今天天气怎么样呢请你告诉我吧", "下雨"), ("今天天气怎么样呢请你告诉我吧", "晴天"), 2),
    "nothing": (("", ""), ("", ""), 1),
}  # fmt: skip


@pytest.mark.parametrize(("one", "other", "count"), SHORT.values(), ids=SHORT)
def test_short_texts_and_other_scripts(one, other, count):
    examples = [example(f"{n}", asked=asked, said=said) for n, (asked, said) in enumerate((one, other))]
    assert len(kept(examples, similarity=0.8)) == count


def test_images_calls_and_refusals_count():
    def line(url, arguments="{}", refusal="No."):
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}
        part = {"type": "image_url", "image_url": {"url": url}}
        answer = {"role": "assistant", "content": None, "tool_calls": [call], "refusal": refusal}
        return TrainingExample(line={"messages": [{"role": "user", "content": [part]}, answer]})

    lines = [line("a"), line("b"), line("a", arguments='{"x":1}'), line("a", refusal="Never.")]
    assert len(list(drop_duplicates(lines, similarity=0.99))) == 4


@pytest.mark.parametrize("near", [0.6, 0.8, 0.95])
def test_what_is_alike_enough_is_found_as_comparing_all_would(near):
    examples = [
        example(f"{seed}.{changed}", asked=text(seed), said=text(seed + 50, changed=changed))
        for seed in range(6)
        for changed in (0, 2, 8, 20, 60)
    ]
    seen = DuplicateIndex(near)
    features = [seen.features(one.line) for one in examples]
    expected = []
    for number, one in enumerate(features):
        alike = [min(one.asked.jaccard(o.asked), one.said.jaccard(o.said)) for _, o in expected]
        if not any(likeness >= near for likeness in alike):
            expected.append((examples[number].source.run_id, one))
    assert kept(examples, keep="first", similarity=near) == [name for name, _ in expected]
    assert len(expected) < len(examples)


def test_nothing_of_the_content_is_told():
    report = DatasetReport()
    list(drop_duplicates([example(said="secret"), example(said="secret")], report=report))
    assert "secret" not in str(report) + str(report.changes["drop_duplicates"][0])


BAD = {
    "keep": ({"keep": "last"}, "keep must be 'newest', 'best' or 'first', not 'last'"),
    "similarity": ({"similarity": 1.5}, "similarity must be above 0 and at most 1, not 1.5"),
    "best": ({"keep": "best"}, "keep='best' and score='the key of a feedback score' go together"),
    "score": ({"score": "liked"}, "keep='best' and score='the key of a feedback score' go together"),
}


@pytest.mark.parametrize(("settings", "words"), BAD.values(), ids=BAD)
def test_settings_that_cannot_be_are_named(settings, words):
    with pytest.raises(ValueError) as caught:
        drop_duplicates([], **settings)
    assert str(caught.value) == words


def test_without_rensa_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rensa", None)
    with pytest.raises(ImportError) as caught:
        drop_duplicates([], similarity=0.9)
    assert (
        str(caught.value) == 'finding near duplicates needs rensa: pip install "langsmith-finetune[dedupe]"'
    )


def test_half_a_surrogate_pair_is_compared_too():
    line = json.loads('{"messages": [{"role": "assistant", "content": "cut \\ud83c"}]}')
    assert len(list(drop_duplicates([TrainingExample(line=line)] * 2, similarity=0.9))) == 1
