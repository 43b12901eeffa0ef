"""A distribution of numbers in constant memory: minimum, maximum, mean and percentiles.

Numbers below 64 are kept as they are, larger ones in bins of which 32 cover each doubling. Counts, sums, means, minimum
and maximum are exact; a quantile is at most 3 percent too low.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from langsmith_finetune._foundation.arguments import a_share, checked


class Distribution:
    """Many whole numbers, in little memory. See the module for what is exact.

    Example:
        >>> spread = Distribution([1, 2, 3, 1000])
        >>> spread.count, spread.mean, spread.min, spread.max, spread.quantile(0.5)
        (4, 251.5, 1, 1000, 2)
    """

    def __init__(self, values: Iterable[int] = ()) -> None:
        self.count = self.total = 0
        self.min: int | None = None
        self.max: int | None = None
        self.bins: Counter[int] = Counter()
        """How many values fall into the bin that begins at each of these."""
        for value in values:
            self.add(value)

    def __str__(self) -> str:
        if not self.count:
            return "of nothing"
        return (
            f"{self.min:,} to {self.max:,}, mean {self.mean:,.1f}, median {self.quantile(0.5):,}, "
            f"90% up to {self.quantile(0.9):,}, 99% up to {self.quantile(0.99):,}, {self.total:,} in all"
        )

    def __repr__(self) -> str:
        return f"<Distribution {self}>"

    def add(self, value: int) -> None:
        """Take in one more, which is not negative."""
        self.count += 1
        self.total += value
        self.min = value if self.min is None else min(value, self.min)
        self.max = value if self.max is None else max(value, self.max)
        shift = max(value.bit_length() - 6, 0)
        self.bins[value >> shift << shift] += 1

    @property
    def mean(self) -> float | None:
        """The average, or None of nothing."""
        return self.total / self.count if self.count else None

    @checked(fraction=a_share)
    def quantile(self, fraction: float) -> int | None:
        """The number that this fraction of them does not exceed: 0.5 for the median. None of nothing."""
        left = fraction * self.count
        for start in sorted(self.bins):
            left -= self.bins[start]
            if left <= 0:
                return start if self.min is None else max(start, self.min)
        return self.max

    def to_dict(self) -> dict[str, int | float | None]:
        """The numbers that tell of it, as plain JSON values."""
        quantiles = {f"p{round(100 * fraction)}": self.quantile(fraction) for fraction in (0.5, 0.9, 0.99)}
        ends = {"min": self.min, "max": self.max, "mean": self.mean}
        return {"count": self.count, "total": self.total, **ends, **quantiles}
