"""How sure a difference is: intervals by resampling conversations, an exact test, and how many answers are needed.

Answers of one conversation are not independent of each other, so conversations are drawn, each with all of its
answers. With few conversations the percentiles of such a bootstrap are too narrow, by what Student's t is wider than
the normal distribution and a little more; they are taken further out by exactly that (Hesterberg 2015, "What Teachers
Should Know About the Bootstrap", section 5.3), for as many conversations as equally long ones would be worth.

For scores of 0 and 1 two more things hold, which matter where few answers differ. Where McNemar's test by the mid-p
value does not exclude zero, neither does the interval; and if no answer at all speaks for one side, it then reaches as
far to that side as is possible with so many conversations and no such answer (the "rule of three"). So it does where
all answers differ in the same way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import NOT_NEGATIVE, checked
from langsmith_finetune._foundation.extras import missing

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESAMPLES = 10_000
_MOST_DRAWS = 20_000_000
"""Draws of conversations in one interval; of very many conversations fewer resamples say the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The mean of paired differences, and how sure it is.

    Args:
        mean: Over all answers.
        low: The lower end of the interval.
        high: Its upper end.
        n: The number of answers.
        conversations: The number of conversations that they are from.
        better: Answers on which the difference is above zero.
        worse: Answers on which it is below.
        p_value: Of the exact McNemar test, for scores of 0 and 1; else None. It takes answers for independent.
        design_effect: How many times as many answers are needed as if all were independent; 1 at least.
        variance: Of the differences, answers taken one by one.
    """

    mean: float
    low: float
    high: float
    n: int
    conversations: int
    better: int
    worse: int
    p_value: float | None
    design_effect: float
    variance: float

    @property
    def share_that_differs(self) -> float:
        """The share of answers on which the two differ."""
        return (self.better + self.worse) / self.n


def require_scipy() -> None:
    """See that the figures can be found before anything is asked.

    Raises:
        ImportError: The extra `evaluation` is not installed.
    """
    try:
        import scipy.stats  # noqa: F401, PLC0415
    except ImportError as error:
        raise missing("evaluation", "scipy", "evaluation") from error


@checked(seed=NOT_NEGATIVE)
def paired_difference(
    differences: Sequence[float],
    conversations: Sequence[str],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    bounded: bool = True,
) -> Difference:
    """The mean of differences, with an interval by resampling conversations.

    Args:
        differences: One for each answer: the one model's score less the other's.
        conversations: The conversation that each is from.
        confidence: How often such intervals hold the true difference.
        seed: Of the resampling; the same gives the same interval.
        bounded: The differences are of scores from 0 to 1.

    Raises:
        ImportError: The extra `evaluation` is not installed.
        ValueError: There is no difference.

    Example:
        >>> found = paired_difference([1, 1, 0, 0, 1, 0, 1, 0], list("abcdefgh"))
        >>> found.mean, found.better, found.p_value, found.low <= 0
        (0.5, 4, 0.125, True)
    """
    require_scipy()
    import numpy as np  # noqa: PLC0415 - heavy

    if not differences:
        raise ValueError("there are no differences to take the mean of")
    if len(differences) != len(conversations):
        raise ValueError(
            f"conversations must name one for each of {len(differences)} differences, not {len(conversations)}"
        )
    given = np.asarray(differences, dtype=float)
    _, places = np.unique(np.asarray(conversations), return_inverse=True)
    sums, sizes = np.bincount(places, given), np.bincount(places, np.ones_like(given))
    mean = float(given.mean())
    low, high = _interval(sums, sizes, confidence, seed)
    unseen = _unseen(len(sums), confidence)
    better, worse = int((given > 0).sum()), int((given < 0).sum())
    yes_or_no = bounded and bool(np.isin(given, (-1.0, 0.0, 1.0)).all())
    if yes_or_no:
        is_open = _mid_p(better, worse) > 1 - confidence
        if is_open:
            low, high = min(low, 0.0), max(high, 0.0)
        if is_open or low == high:
            low = low if worse else min(low, mean - unseen)
            high = high if better else max(high, mean + unseen)
    elif bounded and low == high:
        low, high = mean - unseen * (1 + mean), mean + unseen * (1 - mean)
    if len(sums) == 1:  # it says nothing of other conversations
        low, high = -math.inf, math.inf
    return Difference(
        mean=mean,
        low=max(low, -1.0) if bounded else low,
        high=min(high, 1.0) if bounded else high,
        n=len(given),
        conversations=len(sums),
        better=better,
        worse=worse,
        p_value=exact_mcnemar(better, worse) if yes_or_no else None,
        design_effect=_design_effect(given, sums, sizes),
        variance=float(given.var()),
    )


@checked(better=NOT_NEGATIVE, worse=NOT_NEGATIVE)
def exact_mcnemar(better: int, worse: int) -> float:
    """The p value of McNemar's exact test, two-sided: are as many answers better as are worse?

    Args:
        better: Answers that one model alone has right.
        worse: Answers that the other alone has right.

    Example:
        >>> exact_mcnemar(8, 1)
        0.0390625
    """
    require_scipy()
    from scipy.stats import binomtest  # noqa: PLC0415 - heavy

    return 1.0 if better + worse == 0 else float(binomtest(better, better + worse).pvalue)


@checked()
def answers_needed(
    points: float = 10.0, *, share_that_differs: float, confidence: float = 0.95, power: float = 0.8
) -> int:
    """About how many answers show a difference of so many points between two models (Connor 1987).

    Args:
        points: The difference, in percentage points.
        share_that_differs: The share of answers on which the two differ. It cannot be smaller than the difference.
        confidence: That of the interval.
        power: How often a difference of this size is to be shown.

    Raises:
        ImportError: The extra `evaluation` is not installed.
        ValueError: A number is out of its range.

    Example:
        >>> [answers_needed(10, share_that_differs=share) for share in (0.1, 0.2, 0.5)]
        [76, 154, 390]
    """
    if not 0 < points <= 100:
        raise ValueError(f"points must be above 0 and at most 100, not {points!r}")
    if not 0 <= share_that_differs <= 1:
        raise ValueError(f"share_that_differs must be a share between 0 and 1, not {share_that_differs!r}")
    difference = points / 100
    share = max(share_that_differs, difference)
    sure, found = _z(0.5 + confidence / 2), _z(power)
    root = sure * math.sqrt(share) + found * math.sqrt(share - difference**2)
    return max(1, math.floor((root / difference) ** 2))


def answers_needed_for_mean(
    difference: float, *, variance: float, confidence: float = 0.95, power: float = 0.8
) -> int:
    """The same for scores that are not 0 or 1, by the variance of their differences."""
    return max(1, math.floor((_z(0.5 + confidence / 2) + _z(power)) ** 2 * variance / difference**2))


def _z(probability: float) -> float:
    require_scipy()
    from scipy.stats import norm  # noqa: PLC0415 - heavy

    return float(norm.ppf(probability))


def _interval(sums: NDArray[Any], sizes: NDArray[Any], confidence: float, seed: int) -> tuple[float, float]:
    import numpy as np  # noqa: PLC0415

    count = len(sums)
    if count == 1:
        return -math.inf, math.inf
    means = resampled_means(sums, sizes, seed=seed)
    tail = _tail(sizes, confidence)
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def resampled_means(
    sums: NDArray[Any], sizes: NDArray[Any], *, seed: int, resamples: int = RESAMPLES
) -> NDArray[Any]:
    """Means over answers, each of as many conversations as there are, drawn with replacement.

    Args:
        sums: The sum of each conversation.
        sizes: The number of answers of each.
        seed: Of the draws.
        resamples: How many means.
    """
    import numpy as np  # noqa: PLC0415

    draw = np.random.default_rng(seed)
    count = len(sums)
    resamples = max(1000, min(resamples, _MOST_DRAWS // count))
    at_a_time = max(1, 2_000_000 // count)
    found: list[Any] = []
    for start in range(0, resamples, at_a_time):
        drawn = draw.integers(count, size=(min(at_a_time, resamples - start), count))
        found.append(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    return np.concatenate(found)


def _tail(sizes: NDArray[Any], confidence: float) -> float:
    """The share of resampled means to leave out at each end."""
    from scipy.stats import norm, t  # noqa: PLC0415

    worth = max(float(sizes.sum() ** 2 / (sizes**2).sum()), 1.5)  # conversations of one size (Kish)
    return float(norm.sf(t.ppf(0.5 + confidence / 2, worth - 1) * math.sqrt(worth / (worth - 1))))


def _mid_p(better: int, worse: int) -> float:
    """McNemar's mid-p value: half of what is as likely as what was found does not count."""
    from scipy.stats import binom  # noqa: PLC0415

    return exact_mcnemar(better, worse) - (
        0.0 if better == worse else float(binom.pmf(better, better + worse, 0.5))
    )


def _unseen(conversations: int, confidence: float) -> float:
    """How large the share can be of what was seen in none of so many conversations."""
    return float(1 - ((1 - confidence) / 2) ** (1 / conversations))


def _design_effect(given: NDArray[Any], sums: NDArray[Any], sizes: NDArray[Any]) -> float:
    """The variance of the mean with conversations drawn, over that with answers drawn."""
    count = len(sums)
    alone = float(given.var()) * len(given)
    if count < 2 or count == len(given) or alone == 0:
        return 1.0
    residuals = sums - given.mean() * sizes
    return max(1.0, float((residuals**2).sum()) * count / (count - 1) / alone)
