"""The filters we write, as the stand-in's own parser reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune.runs.langsmith.filters import (
    all_of,
    any_of,
    equals,
    has_feedback,
    has_metadata,
    has_tag,
    is_one_of,
)
from tests.support.standins.langsmith_filters import Function, Malformed, Name, compiled, parse

TEXT = st.text() | st.sampled_from(
    ['"', "\\", '\\"', "')", '"), eq(name, "x', "\n", "\u2028", "ü", "💡", "\x7f"]
)
KEYS = st.dictionaries(TEXT, st.integers(-9, 9) | st.floats(-1e6, 1e6), max_size=3)


@given(TEXT)
def test_any_text_arrives_as_it_was(text):
    assert parse(equals("name", text)) == Function("eq", [Name("name"), text])


@given(st.lists(TEXT, min_size=1), TEXT, TEXT)
def test_values_cannot_change_what_is_asked(tags, key, value):
    run = {"name": "x", "tags": tags, "extra": {"metadata": {key: value}}}
    wanted = all_of(
        *map(has_tag, tags), has_metadata(key, value), any_of(equals("name", n) for n in ("x", "y"))
    )
    assert compiled(wanted)(run)
    assert not compiled(wanted)(run | {"tags": tags[1:] if tags[0] not in tags[1:] else []})
    assert not compiled(wanted)(run | {"extra": {"metadata": {key: f"{value}."}}})
    assert not compiled(wanted)(run | {"name": "z"})


@given(KEYS)
def test_feedback_must_fit_for_every_key(feedback):
    rows = [{"key": key, "score": score} for key, score in feedback.items()]
    accepts = compiled(has_feedback(feedback))
    assert accepts({"feedback": rows})
    for missing in range(len(rows)):
        assert not accepts({"feedback": rows[:missing] + rows[missing + 1 :]})
        changed = rows[missing] | {"score": rows[missing]["score"] + 1}
        assert not accepts({"feedback": [*rows[:missing], changed, *rows[missing + 1 :]]})


@pytest.mark.parametrize(
    ("wanted", "fits", "does_not"),
    [
        (1, 1, 0),
        (True, 1, 0),
        (False, 0, 1),
        (0.5, 0.5, 1),
        (">= 0.5", 0.5, 0.4),
        ("> 0.5", 0.6, 0.5),
        ("<=-1", -1, 0),
        ("<2", 1.9, 2),
        ("== 4", 4, 5),
        (" != 4 ", 5, 4),
    ],
)
def test_scores_are_compared(wanted, fits, does_not):
    accepts = compiled(has_feedback({"user_score": wanted}))
    assert accepts({"feedback": [{"key": "user_score", "score": fits}]})
    assert not accepts({"feedback": [{"key": "user_score", "score": does_not}]})
    assert not accepts({"feedback": [{"key": "other", "score": fits}]})


def test_key_and_score_must_be_of_one_feedback():
    rows = [{"key": "user_score", "score": 0}, {"key": "other", "score": 1}]
    assert not compiled(has_feedback({"user_score": 1}))({"feedback": rows})


@pytest.mark.parametrize("wanted", ["good", "", ">= high", "1", None, [1], float("nan"), float("inf")])
def test_what_is_no_score_is_refused(wanted):
    with pytest.raises(ValueError) as error:
        has_feedback({"user_score": wanted})
    assert str(error.value) == (
        "feedback['user_score'] must be a score, such as 1, or a comparison with one, such as '>= 0.5', "
        f"not {wanted!r}"
    )


def test_nothing_wanted_is_no_filter():
    assert (all_of(), all_of(None, None), any_of([]), has_feedback({})) == (None,) * 4
    assert all_of(None, "eq(a, 1)") == "eq(a, 1)"


def test_one_of_several_values():
    accepts = compiled(is_one_of("id", ['a"', "b"]))
    assert [accepts({"id": found}) for found in ('a"', "b", "c")] == [True, True, False]


@pytest.mark.parametrize(
    "text", ["eq(name", 'eq(name, "a', "eq(name, 'a') x", "name", "and()", 'eq("name", 1)']
)
def test_the_judge_refuses_what_is_malformed(text):
    with pytest.raises(Malformed):
        compiled(text)
