"""Each built-in figure on answers that are right, wrong in one way each, or errors."""

import pytest

from langsmith_finetune.evaluation import Answer, Metric, cases_of, regex_match, trajectory_match
from langsmith_finetune.evaluation.metrics import BUILT_IN, check_names, metric_of, normalized
from tests.support.evaluations import ADD, asks, call, calls, says

ONE = {"messages": [asks("1 + 2?"), calls(call(a=1, b=2))], "tools": [ADD]}
TWO = {
    "messages": [asks("1 + 2, 3 + 4?"), calls(call(a=1, b=2), call(a=3, b=4, call_id="call_2"))],
    "tools": [ADD],
}
NO_CALL = {"messages": [asks("Hello?"), says("Hello!")], "tools": [ADD]}
TEXT = {"messages": [asks("Capital?"), says("It is Paris.")]}


def scores(line, message, error=None):
    [case] = cases_of([line])
    answer = Answer(message=message, error=error)
    return {metric.name: found for metric in BUILT_IN if (found := metric.of(case, answer)) is not None}


def broken(text):
    return {"id": "x", "type": "function", "function": {"name": "add", "arguments": text}}


ALL_OF_ONE = dict.fromkeys(
    ["calls_match", "tool_decision_match", "tool_name_match", "arguments_json_valid", "arguments_schema_valid", "arguments_match"],
    1.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        (calls(call(b=2.0, a=1)), []),
        (calls(call(a=1, b=3)), ["calls_match", "arguments_match"]),
        (calls(call(a="1", b=2)), ["calls_match", "arguments_match", "arguments_schema_valid"]),
        (calls(call("subtract", a=1, b=2)), ["calls_match", "arguments_match", "arguments_schema_valid", "tool_name_match"]),
        (calls(broken('{"a": 1,')), ["calls_match", "arguments_match", "arguments_schema_valid", "arguments_json_valid"]),
        (calls(call(a=1, b=2), call(a=1, b=2)), ["calls_match", "tool_name_match"]),
        (says("3"), list(ALL_OF_ONE)),
    ],
)  # fmt: skip
def test_an_answer_to_a_recorded_call_is_scored_by_what_is_wrong(message, wrong):
    assert scores(ONE, message) == {**ALL_OF_ONE, **dict.fromkeys(wrong, 0.0)}


def test_parallel_calls_are_a_set_and_count_apart():
    swapped = calls(call(a=3, b=4), call(a=1, b=2))
    assert scores(TWO, swapped) == {**ALL_OF_ONE, "parallel_calls_match": 1.0}
    half = scores(TWO, calls(call(a=1, b=2)))
    assert half["parallel_calls_match"] == half["calls_match"] == half["arguments_match"] == 0.0
    assert "parallel_calls_match" not in scores(ONE, swapped)


def test_where_text_was_recorded_a_call_is_the_wrong_decision():
    right = scores(NO_CALL, says("Hello!"))
    assert right == {"calls_match": 1, "tool_decision_match": 1, "exact_match": 1, "normalized_match": 1}
    assert set(scores(NO_CALL, calls(call(a=1, b=2))).values()) == {0.0}


@pytest.mark.parametrize(
    ("text", "exact", "normal"),
    [("It is Paris.", 1, 1), ("  it IS\nparis", 0, 1), ("It is Rome.", 0, 0), ("", 0, 0)],
)
def test_texts_are_compared_exactly_and_without_what_rarely_matters(text, exact, normal):
    assert scores(TEXT, says(text)) == {"exact_match": exact, "normalized_match": normal}


def test_text_in_parts_is_one_text():
    parts = {
        "role": "assistant",
        "content": [{"type": "text", "text": "It is "}, {"type": "text", "text": "Paris."}],
    }
    assert scores(TEXT, parts)["exact_match"] == 1


@pytest.mark.parametrize("line", [ONE, TWO, NO_CALL, TEXT])
def test_an_error_fails_by_every_figure_that_applies(line):
    [case] = cases_of([line])
    right = {metric.name for metric in BUILT_IN if metric.of(case, Answer(message=case.expected)) == 1}
    assert scores(line, None, error="ValueError: no") == dict.fromkeys(right, 0.0)
    assert right


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("3.5", "35", False),
        ("-5", "5", False),
        ("1,000", "1000", False),
        ("Ｔｅｎ", "ten", True),
        ("a-b", "a b", True),
        ("Straße", "STRASSE", True),
        ("你好。", "你好", True),
        ("", "...", True),
        ("12:30", "1230", False),
    ],
)
def test_normalizing_keeps_numbers(one, other, same):
    assert (normalized(one) == normalized(other)) is same


def test_a_regular_expression_is_a_metric():
    [case] = cases_of([TEXT])
    metric = regex_match(r"\bParis\b", name="paris")
    assert [metric.of(case, Answer(message=says(text))) for text in ("Paris!", "Parisian")] == [1.0, 0.0]
    assert metric.of(case, Answer(error="x")) == 0.0
    with pytest.raises(ValueError, match="pattern must be a regular expression: missing"):
        regex_match("(")


def test_a_function_is_a_metric_under_its_name():
    def is_short(case, answer):
        return None if case.expects_calls else len(answer.text) < 10

    metric = metric_of(is_short)
    assert metric.name == "is_short"
    [text], [call_case] = cases_of([TEXT]), cases_of([ONE])
    assert metric.of(text, Answer(message=says("short"))) == 1.0
    assert metric.of(call_case, Answer(message=says("short"))) is None


@pytest.mark.parametrize("value", [2, -0.1, float("nan"), float("inf"), "yes"])
def test_a_score_that_is_none_is_refused(value):
    [case] = cases_of([TEXT])
    with pytest.raises(ValueError) as caught:
        Metric(name="mine", score=lambda case, answer: value).of(case, Answer(message=says("x")))
    assert str(caught.value) == (
        "the metric mine must return a score from 0 to 1, True, False or None. For other numbers give "
        "Metric(name=..., score=..., unit='number')"
    )


def test_other_numbers_are_scores_where_the_metric_says_so():
    [case] = cases_of([TEXT])
    words = Metric(
        name="words", score=lambda case, answer: len(answer.text.split()), unit="number", failure=99
    )
    assert words.of(case, Answer(message=says("one two three"))) == 3
    assert words.of(case, Answer(error="x")) == 99


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ValueError) as caught:
        metric_of("f1")
    known = ", ".join([*(metric.name for metric in BUILT_IN), "perplexity"])
    assert str(caught.value) == f"there is no metric 'f1'; known are {known}, and functions of yours"
    with pytest.raises(TypeError) as refused:
        metric_of(3)
    assert str(refused.value) == "a metric must be a name, a Metric or a function of case and answer, not int"


def test_two_metrics_of_one_name_are_refused():
    with pytest.raises(ValueError) as caught:
        check_names([metric_of("exact_match"), metric_of("exact_match")])
    assert (
        str(caught.value)
        == "two metrics are called exact_match; give one of them another name: Metric(name=...)"
    )


def test_the_judges_name_is_taken():
    with pytest.raises(ValueError) as caught:
        check_names([Metric(name="judge", score=lambda case, answer: 1)])
    assert str(caught.value).startswith("two metrics are called judge;")


@pytest.mark.parametrize(
    ("mode", "made", "match"),
    [
        ("unordered", [call(a=3, b=4), call(a=1, b=2)], True),
        ("unordered", [call(a=1, b=2)], False),
        ("subset", [call(a=1, b=2)], True),
        ("superset", [call(a=1, b=2), call(a=3, b=4), call(a=5, b=6)], True),
        ("strict", [call(a=1, b=2), call(a=3, b=4)], True),
    ],
)
def test_trajectories_are_matched_by_agentevals(mode, made, match):
    pytest.importorskip("agentevals")
    [case] = cases_of([TWO])
    metric = trajectory_match(mode)
    assert metric.name == f"trajectory_{mode}_match"
    assert metric.of(case, Answer(message=calls(*made))) == match


def test_trajectories_do_not_apply_to_texts_which_agentevals_takes_for_equal():
    pytest.importorskip("agentevals")
    [case] = cases_of([TEXT])
    assert trajectory_match().of(case, Answer(message=says("It is Rome."))) is None


def test_without_agentevals_and_openevals_the_error_names_what_to_install(monkeypatch):
    for name in ("agentevals.trajectory.match", "openevals.trajectory"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(ImportError) as caught:
        trajectory_match()
    assert str(caught.value) == "trajectory_match needs agentevals or openevals: pip install agentevals"
