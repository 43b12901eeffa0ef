"""Two models by one metric: the difference, how sure it is, and the sentence that says so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from langsmith_finetune._foundation.counted import counted
from langsmith_finetune._foundation.html import card
from langsmith_finetune._printable import printable_line
from langsmith_finetune.evaluation.metrics import Metric, Unit
from langsmith_finetune.evaluation.statistics import (
    Difference,
    answers_needed,
    answers_needed_for_mean,
    paired_difference,
)

_POINTS = 10
"""The difference that a verdict says the needed answers for, in points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How two models compare by a metric.

    Args:
        metric: Its name.
        before: The one model's name.
        after: The other's.
        before_mean: The one's mean score; of perplexity, the geometric mean.
        after_mean: The other's.
        difference: How much higher the other's score is; of perplexity, the natural logarithm of their ratio.
        low: The lower end of its interval.
        high: The upper end.
        n: Answers compared.
        conversations: Conversations that they are from.
        only_after: Answers on which the other model does better.
        only_before: Answers on which the one does better.
        p_value: Of the exact McNemar test, for yes and no; it takes answers for independent.
        answers_needed: About how many answers would show a difference of 10 points, at the share of answers on which
            these two differ and with conversations as long as these; None for figures without points.
        confidence: That of the interval.
        lower_is_better: A smaller figure is the better one.
        unit: How the difference is told.
    """

    metric: str
    before: str
    after: str
    before_mean: float
    after_mean: float
    difference: float
    low: float
    high: float
    n: int
    conversations: int
    only_after: int
    only_before: int
    p_value: float | None
    answers_needed: int | None
    confidence: float
    lower_is_better: bool
    unit: Unit

    @property
    def is_shown(self) -> bool:
        """True if the interval excludes no difference."""
        return self.low > 0 or self.high < 0

    @property
    def better(self) -> str | None:
        """The name of the model that is shown to be better; None where neither is."""
        if not self.is_shown:
            return None
        return self.after if (self.difference > 0) != self.lower_is_better else self.before

    @property
    def share_that_differs(self) -> float:
        """The share of answers on which the two differ."""
        return (self.only_after + self.only_before) / self.n

    @property
    def verdict(self) -> str:
        """One sentence: which is better, by how much, and how sure that is."""
        level = f"{100 * self.confidence:.4g} % interval"
        if self.better is None:
            n = f"with {counted(self.n, 'answer')} in {counted(self.conversations, 'conversation')}"
            text = f"no difference can be shown between {self.before} and {self.after} {n} ({level} {self._ends()}"
            needed = self.answers_needed
            if needed is not None and needed > self.n:
                text += f"; {_POINTS} points would need about {needed:,}"
            return printable_line(text + ")")
        other = self.before if self.better == self.after else self.after
        n = f"n = {counted(self.n, 'answer')} in {counted(self.conversations, 'conversation')}"
        return printable_line(
            f"{self.better} is better than {other} by {self._size()} ({level} {self._range()}, {n})"
        )

    def __str__(self) -> str:
        return printable_line(f"{self.metric}: {self.verdict}")

    def _repr_html_(self) -> str:
        return card(self.metric, self.verdict)

    def _as_gain(self) -> tuple[float, float, float]:
        """The difference and its interval as the better model's gain."""
        ahead = (self.difference, self.low, self.high)
        if self.difference >= 0:
            return ahead
        return -self.difference, -self.high, -self.low

    def _size(self) -> str:
        gain = self._as_gain()[0]
        if self.unit == "share":
            number = points(*self._as_gain())[0]
            return f"{number} point{'' if number == '1' else 's'}"
        if self.unit == "log_ratio":
            return f"a factor of {math.exp(gain):.3g}"
        return f"{gain:.3g}"

    def _range(self) -> str:
        _, low, high = self._as_gain()
        if self.unit == "share":
            _, first, last = points(*self._as_gain())
            return f"{first} to {last}"
        if self.unit == "log_ratio":
            return f"{math.exp(low):.3g} to {math.exp(high):.3g}"
        return f"{low:.3g} to {high:.3g}"

    def _ends(self) -> str:
        """The interval of a difference that is not shown, from the one model's view."""
        if self.unit == "share":
            _, low, high = points(self.difference, self.low, self.high)
            return f"{low} to {high} points"
        if self.unit == "log_ratio":
            return f"a factor of {math.exp(self.low):.3g} to {math.exp(self.high):.3g}"
        return f"{self.low:.3g} to {self.high:.3g}"


def compared(
    metric: Metric,
    names: tuple[str, str],
    scores: tuple[Sequence[float], Sequence[float]],
    conversations: Sequence[str],
    *,
    confidence: float,
    seed: int,
) -> Comparison:
    """Compare two models on the same cases.

    Args:
        metric: What the scores are of.
        names: The two models.
        scores: Their scores, case by case.
        conversations: The conversation of each case.
        confidence: That of the interval.
        seed: Of the resampling.
    """
    before, after = scores
    differences = [second - first for first, second in zip(before, after, strict=True)]
    found = paired_difference(
        differences, conversations, confidence=confidence, seed=seed, bounded=metric.unit == "share"
    )
    means = [sum(each) / len(each) for each in scores]
    if metric.unit == "log_ratio":
        means = [math.exp(mean) for mean in means]
    ahead, behind = (found.worse, found.better) if metric.lower_is_better else (found.better, found.worse)
    return Comparison(
        metric=metric.name,
        before=names[0],
        after=names[1],
        before_mean=means[0],
        after_mean=means[1],
        difference=found.mean,
        low=found.low,
        high=found.high,
        n=found.n,
        conversations=found.conversations,
        only_after=ahead,
        only_before=behind,
        p_value=found.p_value,
        answers_needed=_needed(found, metric.unit, confidence),
        confidence=confidence,
        lower_is_better=metric.lower_is_better,
        unit=metric.unit,
    )


def _needed(found: Difference, unit: Unit, confidence: float) -> int | None:
    if unit != "share":
        return None
    if found.p_value is not None:
        alone = answers_needed(_POINTS, share_that_differs=found.share_that_differs, confidence=confidence)
    else:
        alone = answers_needed_for_mean(_POINTS / 100, variance=found.variance, confidence=confidence)
    return math.floor(alone * found.design_effect)


def points(*shares: float) -> list[str]:
    """Shares as percentage points, with one decimal where whole numbers would hide what they say.

    Example:
        >>> points(0.31, 0.22, 0.4), points(0.02, -0.004, 0.05)
        (['31', '22', '40'], ['2', '-0.4', '5'])
    """
    fine = any(0 < abs(100 * share) < 9.95 for share in shares)
    found = []
    for share in shares:
        text = f"{100 * share:.1f}".removesuffix(".0") if fine else f"{100 * share:.0f}"
        found.append("0" if text == "-0" else text)
    return found
