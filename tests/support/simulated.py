"""Comparisons of two equal models, simulated: what an interval that is right says of them."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from langsmith_finetune.evaluation import paired_difference

CASES: list[tuple[int, int, float]] = [
    # conversations, most answers in each, the share that both models answer rightly
    (20, 3, 0.5),
    (20, 6, 0.7),
    (40, 1, 0.5),
    (40, 3, 0.8),
    (60, 2, 0.8),
    (60, 8, 0.5),
]


def differences(
    draw: np.random.Generator, conversations: int, longest: int, rate: float
) -> tuple[list[float], list[str]]:
    """The difference of each answer, and its conversation.

    Conversations are hard or easy for both models, and suit one or the other.
    """
    sizes = draw.integers(1, longest + 1, conversations)
    place = np.repeat(np.arange(conversations), sizes)
    hard = draw.normal(size=conversations)[place] * math.sqrt(0.3)

    def right() -> np.ndarray:
        taste = draw.normal(size=conversations)[place] * math.sqrt(0.3)
        return hard + taste + draw.normal(size=len(place)) * math.sqrt(0.4) < stats.norm.ppf(rate)

    return list(right().astype(float) - right()), [str(at) for at in place]


def times_covered(conversations: int, longest: int, rate: float, *, comparisons: int) -> int:
    """In how many of so many comparisons the interval held no difference."""
    draw = np.random.default_rng([conversations, longest, int(100 * rate)])
    covered = 0
    for _ in range(comparisons):
        found = paired_difference(*differences(draw, conversations, longest, rate))
        covered += found.low <= 0 <= found.high
    return covered
