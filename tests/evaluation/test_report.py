"""What is shown: the table, the cases, groups, data frames, JSON, Markdown and a plot; never markup of a model's."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import evaluate
from langsmith_finetune.evaluation.report import _as_code, _in_markdown
from tests.support.evaluations import adds, adds_half, asks, doubles, says, shrugs, sum_lines, text_lines

QUIET = {"progress": False}
EVIL = "<script>alert(1)</script> | `x` [a](http://evil.example) @someone \x1b[2J"


@pytest.fixture
def result():
    return evaluate({"before": adds_half, "after": adds}, sum_lines(20), **QUIET)


def test_worst_differences_come_first():
    def worse(messages, tools):
        return adds(messages, tools) if int(messages[-1].content.split()[0]) != 3 else "no"

    result = evaluate({"before": adds, "after": worse}, sum_lines(6), **QUIET)
    [worst] = result.show_cases(1).rows
    assert worst.case.where == "example 4 messages[1]"
    assert str(result.show_cases(1)) == (
        "example 4 messages[1]\n"
        "  asked: 3 + 4?\n"
        '  recorded: add({"a": 3, "b": 4})\n'
        '  before: [calls_match 1] add({"a":3,"b":4})\n'
        "  after: [calls_match 0] no"
    )


def test_groups_are_compared_each_and_the_largest_first(result):
    mixed = evaluate(
        {"before": lambda m: "x", "after": doubles}, [*text_lines(12), {"messages": [asks("Привет"), says("Да")]}],
        groups=lambda case: {"tag": "odd" if len(case.where) % 2 else "even"}, **QUIET,
    )  # fmt: skip
    groups = mixed.by_group("language", metric="exact_match")
    assert list(groups) == ["Latin", "Cyrillic"]
    assert (groups["Latin"].n, groups["Latin"].difference) == (12, 1)
    assert groups["Cyrillic"].difference == 0
    assert (
        str(groups)
        .splitlines()[1]
        .startswith("Cyrillic: no difference can be shown between before and after with 1 answer")
    )
    assert set(mixed.by_group("tag")) == {"odd", "even"}
    assert list(result.by_group("tool")) == ["add"]
    with pytest.raises(ValueError) as caught:
        result.by_group("node")
    assert str(caught.value) == "no case has a group of kind 'node'; known are language, tool"


def test_unknown_names_are_refused_with_the_known_ones(result):
    with pytest.raises(ValueError) as metric:
        result.compare(metric="f1")
    assert str(metric.value).startswith("there is no figure 'f1' in this evaluation; there are calls_match, ")
    with pytest.raises(ValueError) as model:
        result.compare("old", "after")
    assert str(model.value) == "there is no model 'old' in this evaluation; there are before, after"
    with pytest.raises(ValueError) as none:
        result.compare(where=lambda case: False)
    assert str(none.value) == "calls_match applies to none of the cases of before and after"


def test_markdown_has_verdicts_a_table_and_no_text_of_cases_unless_asked(result):
    text = result.to_markdown()
    assert "- calls_match: after is better than before by 50 points" in text
    assert "| metric | before | after | difference | 95 % interval | p (McNemar) | n |" in text
    assert "| calls_match | 50.0 % | 100.0 % | 50 | " in text
    assert "0 + 1?" not in text
    assert "` 1 + 2? `" in result.to_markdown(cases=20)


def test_json_holds_figures_and_no_content(result):
    text = json.dumps(result.to_dict(), allow_nan=False)
    data = json.loads(text)
    assert data["metrics"]["calls_match"] == {"before": 0.5, "after": 1.0}
    found = next(one for one in data["comparisons"] if one["metric"] == "calls_match")
    assert (found["n"], found["only_after"], found["only_before"], found["better"]) == (20, 10, 0, "after")
    assert "0 + 1?" not in text


def test_one_conversation_is_told_in_json_too():
    lines = [
        {"messages": [turn for n in range(5) for turn in (asks(f"Double {n}."), says(f"It is {2 * n}."))]}
    ]
    result = evaluate({"before": shrugs, "after": doubles}, lines, **QUIET)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["conversations"] == 1
    assert "no difference can be shown between before and after with 5 answers in 1 conversation" in str(
        result
    )


def test_a_data_frame_has_a_row_for_each_case_and_model(result):
    frame = result.to_pandas()
    assert len(frame) == 40
    assert frame.groupby("model")["calls_match"].mean().to_dict() == {"before": 0.5, "after": 1.0}
    assert set(frame.columns) >= {
        "case",
        "conversation",
        "tool",
        "language",
        "error",
        "text",
        "calls",
        "seconds",
    }


def test_a_plot_has_a_line_for_each_comparison(result):
    figure = result.plot().figure
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[::-1] == [one.metric for one in result.comparisons]
    assert figure.axes[0].get_xlabel() == "points by which after does better than before"
    with pytest.raises(ValueError) as caught:
        evaluate({"a": adds}, sum_lines(2), **QUIET).plot()
    assert str(caught.value) == "there are no two models to show the differences of"


def test_one_model_alone_has_figures():
    result = evaluate({"mine": adds_half}, sum_lines(10), metrics=["calls_match"], **QUIET)
    assert str(result) == "calls_match: 50.0 % (n = 10 answers in 10 conversations)"
    assert "| calls_match | 50.0 % |" in result.to_markdown()
    assert "50.0 %" in result._repr_html_()


def test_what_models_say_is_never_markup():
    lines = [{"messages": [asks(EVIL), says("x")]}]
    result = evaluate({"<b>before": lambda m: EVIL, "after|": lambda m: "x"}, lines, **QUIET)
    for page in (result._repr_html_(), result.show_cases()._repr_html_()):
        assert "<script" not in page
        assert "<b>before" not in page
        assert "\x1b" not in page
    markdown = result.to_markdown(cases=1)
    assert "<b>" not in markdown
    assert "after\\|" in markdown
    assert "\x1b" not in markdown + str(result) + str(result.show_cases())
    assert f"`` [exact_match 0] {EVIL} ``".replace("\x1b", "\\x1b") in markdown


@given(st.text())
def test_markdown_keeps_text_on_one_line_and_code_closed(text):
    assert "\n" not in _in_markdown(text)
    code = _as_code(text)
    fence = code.partition(" ")[0]
    assert set(fence) == {"`"}
    assert code.count(fence) >= 2
    assert fence not in code[len(fence) : -len(fence)]


def test_repr_says_what_it_is(result):
    assert repr(result) == "<Evaluation of before, after on 20 answers>"


def test_perplexity_is_told_as_itself_and_not_as_its_logarithm():
    from langsmith_finetune.evaluation import Evaluation
    from langsmith_finetune.evaluation.cases import cases_of
    from langsmith_finetune.evaluation.metrics import PERPLEXITY

    cases = tuple(cases_of(text_lines(30)))
    result = Evaluation(
        models=("before", "after"),
        cases=cases,
        answers={},
        scores={"perplexity": {"before": [2.0 + n / 100 for n in range(30)], "after": [1.0] * 30}},
        metrics=(PERPLEXITY,),
    )
    assert result.mean("after") == pytest.approx(2.718, abs=0.001)
    found = result.compare()
    assert found.better == "after"
    assert found.verdict.startswith(
        "after is better than before by a factor of 3.14 (95 % interval 3.04 to 3.25, n = 30 "
    )
    assert result.best().model == "after"
    result.assert_better()
    with pytest.raises(AssertionError):
        result.assert_better("after", "before")


def test_cases_of_one_model_show_its_answer_once():
    shown = evaluate({"mine": lambda messages: "Hm."}, sum_lines(1), progress=False).show_cases()
    assert str(shown).count("  mine: ") == 1
    assert shown._repr_html_().count("<th") == 4
