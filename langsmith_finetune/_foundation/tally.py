"""Keeps the first thousand items of a stream, and counts all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import (
    Callable,
    Sequence,
)
from typing import Generic, TypeVar, overload

from langsmith_finetune._foundation.html import card, table_of_counts

T = TypeVar("T")


class Tally(Sequence[T], Generic[T]):
    """The first 1,000 things of a stream, and how many there were of each kind.

    Args:
        kind_of: Names the kind of a thing, for `counts`.
    """

    def __init__(self, kind_of: Callable[[T], str]) -> None:
        self._kept: list[T] = []
        self._kind_of = kind_of
        self.counts: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """How many there were, kept or not."""
        return self.counts.total()

    def add(self, thing: T) -> None:
        """Count it, and keep it if it is among the first."""
        self.counts[self._kind_of(thing)] += 1
        if len(self._kept) < 1000:
            self._kept.append(thing)

    def remove(self, other: Tally[T]) -> None:
        """Take out what another one holds too."""
        gone = set(map(id, other))
        self._kept = [thing for thing in self._kept if id(thing) not in gone]
        self.counts = self.counts - other.counts

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        return self._kept[index]

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"<{self.total} in all: {dict(self.counts)}>"

    def _repr_html_(self) -> str:
        return card(f"{self.total:,} in all", table_of_counts(self.counts))
