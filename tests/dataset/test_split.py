"""The split: related examples together, old ones where they were."""

from __future__ import annotations

import hashlib
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import PreferenceExample, TrainingExample
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.split import split_side, train_validation_split
from langsmith_finetune.runs import RunSource

ids = st.none() | st.sampled_from([f"{letter}" for letter in "abcdefgh"])
sources = st.builds(
    RunSource, run_id=st.uuids().map(str), trace_id=ids, thread_id=ids, user_id=ids, example_id=ids
)
BY = ["thread", "trace", "user", "example"]


def example(said="Hello!", **source):
    line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": said}]}
    return TrainingExample(line=line, source=RunSource(run_id=said, **source) if source else None)


@given(st.lists(sources, max_size=20), st.sampled_from(BY), st.floats(0, 1))
def test_groups_are_never_divided_and_more_data_moves_nothing(found, by, share):
    examples = [TrainingExample(line=example(s.run_id).line, source=s) for s in found]
    train, validation = (
        list(side) for side in train_validation_split(examples, group_by=by, validation_size=share)
    )
    assert sorted(map(id, train + validation)) == sorted(map(id, examples))
    assert [e for e in examples if split_side(e, group_by=by, validation_size=share) == "train"] == train
    field = f"{by}_id"
    assert not {getattr(e.source, field) for e in train if getattr(e.source, field)} & {
        getattr(e.source, field) for e in validation
    }
    fewer, _ = train_validation_split(examples[::2], group_by=by, validation_size=share)
    assert [e for e in train if any(e is one for one in examples[::2])] == list(fewer)


@given(sources, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_validation_set_only_takes_from_train(source, one, other):
    few, many = sorted((one, other))
    found = TrainingExample(line=example().line, source=source)
    if split_side(found, validation_size=few) == "validation":
        assert split_side(found, validation_size=many) == "validation"


def test_the_rule_is_the_hash_of_the_group_alone():
    for name in map(str, range(50)):
        share = int(hashlib.sha256(f"\0{name}".encode()).hexdigest()[:16], 16) / 2**64
        assert split_side(example("anything", thread_id=name), validation_size=0.3) == (
            "validation" if share < 0.3 else "train"
        )


def test_split_shares_hold_and_seed_divides_anew():
    examples = [example(f"{n}", thread_id=f"{n}") for n in range(2000)]
    for seed in (None, 2):
        _, validation = train_validation_split(examples, seed=seed)
        assert 150 < len(list(validation)) < 250
    assert {e.source.run_id for e in train_validation_split(examples)[1]} != {
        e.source.run_id for e in train_validation_split(examples, seed=2)[1]
    }
    assert (
        list(train_validation_split(examples, validation_size=0)[1]),
        list(train_validation_split(examples, validation_size=1)[0]),
    ) == ([], [])


LACKING = {
    "user": [{"user_id": "a", "thread_id": "b"}, {"thread_id": "a"}],
    "thread": [{"thread_id": "a", "trace_id": "b"}, {"trace_id": "a"}],
    "example": [{"example_id": "a", "trace_id": "b"}, {"trace_id": "a"}],
    "trace": [{"trace_id": "a", "thread_id": "b"}, {"trace_id": "a", "user_id": "c"}],
}


@pytest.mark.parametrize("by", BY)
def test_split_without_the_group_uses_the_next_smaller(by):
    for seed in range(10):
        sides = {
            split_side(example(f"{n}", **source), group_by=by, seed=seed, validation_size=0.5)
            for n, source in enumerate(LACKING[by])
        }
        assert len(sides) == 1


def test_without_a_source_equal_lines_belong_together():
    for seed in range(10):
        assert split_side(example(), seed=seed, validation_size=0.5) == split_side(
            example(), seed=seed, validation_size=0.5
        )
    assert {split_side(example(f"{n}"), validation_size=0.5) for n in range(20)} == {"train", "validation"}


def test_a_function_may_name_the_group():
    examples = [example(f"{n}", trace_id=f"{n}", model=f"m{n % 2}") for n in range(20)]
    train, validation = train_validation_split(
        examples, group_by=lambda e: e.source.model, validation_size=0.5, seed=3
    )
    assert not {e.source.model for e in train} & {e.source.model for e in validation}


def test_split_sides_are_read_in_any_order():
    def stream():
        for number in range(100):
            read.append(number)
            yield example(f"{number}", thread_id=f"{number}")

    read = []
    train, validation = train_validation_split(stream())
    first = next(validation)
    at = len(read)
    assert split_side(first) == "validation"
    assert [next(train).source.run_id for _ in range(at - 1)] == [str(n) for n in range(at - 1)]
    assert len(read) == at  # they were waiting
    assert len(list(train)) + len(list(validation)) == 100 - at


def test_preferences_are_split_too():
    line = {
        "input": {"messages": [{"role": "user", "content": "Hi"}]},
        "preferred_output": [],
        "non_preferred_output": [],
    }
    examples = [
        PreferenceExample(line=line, source=RunSource(run_id=f"{n}", trace_id=f"{n // 2}")) for n in range(20)
    ]
    train, validation = (list(side) for side in train_validation_split(examples, validation_size=0.5))
    assert not {e.source.trace_id for e in train} & {e.source.trace_id for e in validation}
    assert (len(train) > 0, len(validation) > 0) == (True, True)


def test_duplicates_across_the_sides_are_told(caplog):
    report = DatasetReport()
    near = " ".join(f"word{n}" for n in range(100))
    sides = {"train": [], "validation": []}
    for number in range(40):
        found = example("Hello!", trace_id=f"{number}")
        sides[split_side(found, validation_size=0.5)].append(f"{number}")
    left, right = sides["train"], sides["validation"]
    examples = [
        example(f"{near} a", trace_id=left[0]),
        example("Only here", trace_id=left[1]),
        example("Only here", trace_id=left[2]),
        example("Same", trace_id=left[3]),
        example("Same", trace_id=right[0]),
        example(f"{near} b", trace_id=right[1]),
    ]
    with caplog.at_level(logging.WARNING):
        train, validation = train_validation_split(
            examples, validation_size=0.5, similarity=0.8, report=report
        )
        assert (len(list(train)), len(list(validation))) == (4, 2)
    assert [(c.what, c.example, c.kept) for c in report.changes["train_validation_split"]] == [
        ("duplicate across", "Same", "Same"),
        ("near duplicate across", f"{near} b", f"{near} a"),
    ]
    assert caplog.messages == [
        "2 examples of one side of the split have a duplicate on the other, so validation will look better than "
        "it is: drop_duplicates(examples) before the split, or split by a larger group"
    ]
    assert str(report) == "train_validation_split: 6 in, 6 out; 1 duplicate across, 1 near duplicate across"


BAD = {
    "percent": ({"validation_size": 10}, "validation_size must be a share between 0 and 1, not 10"),
    "group_by": (
        {"group_by": "project"},
        "group_by must be 'thread', 'trace', 'user', 'example' or a function, not 'project'",
    ),
}


@pytest.mark.parametrize(("settings", "words"), BAD.values(), ids=BAD)
@pytest.mark.parametrize(
    "function",
    [lambda **s: train_validation_split([], **s), lambda **s: split_side(example(), **s)],
    ids=["split", "split_side"],
)
def test_settings_that_cannot_be_are_named(function, settings, words):
    with pytest.raises(ValueError) as caught:
        function(**settings)
    assert str(caught.value) == words


@pytest.mark.parametrize("seed", ["x", 1.0, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(TypeError) as caught:
        train_validation_split([], seed=seed)
    assert (
        str(caught.value) == f"seed must be a whole number, such as 7, not {'str' if seed == 'x' else seed}"
    )
