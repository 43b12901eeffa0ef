"""The figures by which answers are compared with what was recorded.

A metric gives a case's answer a score, or None where it does not apply to the case. Whether it applies depends on the
case alone, so that all models are measured on the same cases. An answer that is an error fails: its score is 0.
"""

from __future__ import annotations

import inspect
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune.evaluation.answers import Answer, calls_of, text_of
from langsmith_finetune.evaluation.calls import holds_calls, is_valid, same_calls, same_names
from langsmith_finetune.evaluation.cases import Case

Scorer: TypeAlias = Callable[[Case, Answer], float | bool | None]
"""A function of the user's: a score of 0 to 1, True or False, or None where it does not apply."""

Unit: TypeAlias = Literal["share", "log_ratio", "number"]
"""How a metric's differences are told: in points, as a ratio, or as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure, and how it is found.

    Args:
        name: What it is called in reports.
        score: Scores an answer that is no error. Called only where the metric applies.
        applies: Whether a case can be scored.
        lower_is_better: A smaller figure is the better one.
        unit: `"share"` for scores from 0 to 1, told in points; `"number"` for others.
        failure: The score of an error.
    """

    name: str
    score: Scorer
    applies: Callable[[Case], bool] = lambda _: True
    lower_is_better: bool = False
    unit: Unit = "share"
    failure: float = 0.0

    def of(self, case: Case, answer: Answer) -> float | None:
        """The score of an answer, `failure` for an error; None where the metric does not apply.

        Raises:
            ValueError: The scorer returned what is no number.
        """
        if not self.applies(case):
            return None
        if answer.error is not None:
            return self.failure
        value = self.score(case, answer)
        if value is None:
            return None
        number = float(value) if isinstance(value, int | float) else math.nan
        if not math.isfinite(number) or (self.unit == "share" and not 0 <= number <= 1):
            wanted = "a score from 0 to 1" if self.unit == "share" else "a number"
            raise ValueError(
                f"the metric {self.name} must return {wanted}, True, False or None. For other numbers give "
                "Metric(name=..., score=..., unit='number')"
            )
        return number


def _offers_or_calls(case: Case) -> bool:
    return bool(case.tools) or case.expects_calls


def _expects_calls(case: Case) -> bool:
    return case.expects_calls


def _expects_several(case: Case) -> bool:
    return len(calls_of(case.expected)) > 1


def _expects_text(case: Case) -> bool:
    return not case.expects_calls and bool(text_of(case.expected))


def _calls_match(case: Case, answer: Answer) -> bool:
    return same_calls(calls_of(case.expected), answer.calls)


def _tool_decision_match(case: Case, answer: Answer) -> bool:
    return case.expects_calls == bool(answer.calls)


def _tool_name_match(case: Case, answer: Answer) -> bool:
    return same_names(calls_of(case.expected), answer.calls)


def _arguments_json_valid(_: Case, answer: Answer) -> bool:
    return bool(answer.calls) and all(call.arguments is not None for call in answer.calls)


def _arguments_schema_valid(case: Case, answer: Answer) -> bool | None:
    found = [is_valid(call, case.tools) for call in answer.calls]
    return None if None in found else bool(found) and all(found)


def _arguments_match(case: Case, answer: Answer) -> bool:
    return holds_calls(calls_of(case.expected), answer.calls)


def _exact_match(case: Case, answer: Answer) -> bool:
    return not answer.calls and answer.text == text_of(case.expected)


def _normalized_match(case: Case, answer: Answer) -> bool:
    return not answer.calls and normalized(answer.text) == normalized(text_of(case.expected))


def normalized(text: str) -> str:
    r"""A text without what rarely matters: letter case, spaces, punctuation that is not part of a number.

    Args:
        text: Any text.

    Example:
        >>> normalized(" It is  -3.50 €, \n I THINK! ") == normalized("it is -3.50 € i think")
        True
    """
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\N{MINUS SIGN}", "-")
    kept = [
        character if not unicodedata.category(character).startswith("P") or _is_in_number(plain, at) else " "
        for at, character in enumerate(plain)
    ]
    return " ".join("".join(kept).split())


def _is_in_number(text: str, at: int) -> bool:
    """True for a mark between two digits, or a minus or point before one."""
    after = text[at + 1 : at + 2].isdigit()
    before = text[at - 1 : at] if at else ""
    return after and (before.isdigit() or (text[at] in "-." and not before.isalnum()))


BUILT_IN = tuple(
    Metric(name=name, score=score, applies=applies)
    for name, score, applies in (
        ("calls_match", _calls_match, _offers_or_calls),
        ("tool_decision_match", _tool_decision_match, _offers_or_calls),
        ("tool_name_match", _tool_name_match, _expects_calls),
        ("arguments_json_valid", _arguments_json_valid, _expects_calls),
        ("arguments_schema_valid", _arguments_schema_valid, _expects_calls),
        ("arguments_match", _arguments_match, _expects_calls),
        ("parallel_calls_match", _calls_match, _expects_several),
        ("exact_match", _exact_match, _expects_text),
        ("normalized_match", _normalized_match, _expects_text),
    )
)
"""The metrics that are measured by default, where they apply to any case."""

PERPLEXITY = Metric(
    name="perplexity", score=lambda _case, _answer: None, lower_is_better=True, unit="log_ratio"
)
"""How surprised a local model is by the recorded answer; measured apart. Its scores are logarithms, nats per token of an
answer, so that their mean is the logarithm of a geometric mean."""

JUDGE = Metric(name="judge", score=lambda _case, _answer: None)
"""Which answer a judge prefers; its scores belong to pairs of models: 1 for the better answer."""


@checked()
def regex_match(pattern: str, *, name: str = "regex_match") -> Metric:
    r"""A metric: whether the answer's text holds what a regular expression describes.

    Args:
        pattern: The expression; it may match anywhere in the text.
        name: What the metric is called.

    Raises:
        ValueError: It is no regular expression.

    Example:
        >>> regex_match(r"order \d+", name="names_the_order").name
        'names_the_order'
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"pattern must be a regular expression: {error}") from None
    return Metric(name=name, score=lambda _, answer: compiled.search(answer.text) is not None)


TrajectoryMode: TypeAlias = Literal["strict", "unordered", "subset", "superset"]


@checked()
def trajectory_match(mode: TrajectoryMode = "unordered", **settings: Any) -> Metric:
    """A metric: whether agentevals or openevals takes the calls of the answer for those recorded.

    It applies where calls were recorded: what answers in words say, these packages do not compare.

    Args:
        mode: Which calls may be missing or more.
        **settings: Further settings of their `create_trajectory_match_evaluator`.

    Raises:
        ImportError: Neither package is installed.
    """
    try:
        from agentevals.trajectory.match import create_trajectory_match_evaluator as create  # noqa: PLC0415
    except ImportError:
        try:
            from openevals.trajectory import create_trajectory_match_evaluator as create  # noqa: PLC0415
        except ImportError as error:
            raise ImportError(
                "trajectory_match needs agentevals or openevals: pip install agentevals"
            ) from error
    evaluator = create(trajectory_match_mode=mode, **settings)

    def score(case: Case, answer: Answer) -> bool:
        result = evaluator(outputs=[answer.message], reference_outputs=[case.expected])
        return bool(result["score"])

    return Metric(name=f"trajectory_{mode}_match", score=score, applies=_expects_calls)


def metric_of(given: str | Metric | Scorer) -> Metric:
    """The metric that a user means: by its name, as it is, or made of a function.

    Raises:
        TypeError: It is none.
        ValueError: There is no metric of this name.
    """
    if isinstance(given, Metric):
        return given
    if isinstance(given, str):
        if given not in _by_name():
            known = ", ".join(_by_name())
            raise ValueError(f"there is no metric {given!r}; known are {known}, and functions of yours")
        return _by_name()[given]
    if callable(given):
        name = given.__name__ if inspect.isfunction(given) else type(given).__name__
        return Metric(name=name, score=given)
    raise TypeError(
        f"a metric must be a name, a Metric or a function of case and answer, not {type(given).__name__}"
    )


@cache
def _by_name() -> dict[str, Metric]:
    return {metric.name: metric for metric in (*BUILT_IN, PERPLEXITY)}


def check_names(metrics: Sequence[Metric]) -> None:
    """See that no two metrics have one name.

    Raises:
        ValueError: Two have.
    """
    names = [JUDGE.name, *(metric.name for metric in metrics)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"two metrics are called {name}; give one of them another name: Metric(name=...)"
            )
