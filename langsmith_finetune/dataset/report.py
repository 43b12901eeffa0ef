"""Records what each step did, while the examples pass through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from langsmith_finetune._foundation.html import card, table
from langsmith_finetune._foundation.tables import data_frame
from langsmith_finetune._foundation.tally import Tally
from langsmith_finetune._printable import printable_line

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetChange:
    """One thing that a step did. Holds ids and counts, never content.

    Args:
        step: The function that did it: `"fold_traces"`.
        what: What it did: `"merged"`.
        example: The run that it was done to; `"example 17"` for the eighteenth, where there is no run.
        kept: The run that stands for it now, where there is one.
        detail: How much, or how alike.
    """

    step: str
    what: str
    example: str
    kept: str = ""
    detail: str = ""


class DatasetReport:
    """What each step read, what came out of it, and what it did on the way.

    Give the same report to every step. The counts are of all examples; of the changes, each step's first
    1,000 are kept. A step that is gone through again begins its part of the report again.

    Example:
        >>> from langsmith_finetune import TrainingExample
        >>> from langsmith_finetune.dataset import drop_duplicates
        >>> line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
        >>> report = DatasetReport()
        >>> examples = [TrainingExample(line=line), TrainingExample(line=line)]
        >>> kept = list(drop_duplicates(examples, report=report))
        >>> print(report)
        drop_duplicates: 2 in, 1 out; 1 duplicate
        >>> report.changes["drop_duplicates"][0].kept
        'example 0'
    """

    def __init__(self) -> None:
        self.changes: dict[str, Tally[DatasetChange]] = {}
        self.reasons: dict[str, Counter[str]] = {}
        """Why nothing came of some of what a step read, where that is nothing odd: prompts with one answer make no pair."""
        self.read: Counter[str] = Counter()
        self.written: Counter[str] = Counter()

    def expect(self, step: str) -> None:
        """List a step, so that they stand in the order in which they were added."""
        self.read[step] += 0

    def add(self, change: DatasetChange) -> None:
        """Count a change, and keep it if it is among its step's first."""
        if not isinstance(change, DatasetChange):  # by hand: the steps call this in their loops
            raise TypeError(f"change must be a DatasetChange, not {type(change).__name__}")
        step = self.changes.setdefault(change.step, Tally(lambda change: change.what))
        step.add(change)

    def reading(self, step: str, things: Iterable[T]) -> Iterator[T]:
        """The same things, or anything else, counted as read."""
        self.expect(step)
        return _counted(self.read, step, things)

    def writing(self, step: str, things: Iterable[T]) -> Iterator[T]:
        """The same things, counted as written."""
        self.expect(step)
        return _counted(self.written, step, things)

    def to_pandas(self) -> pd.DataFrame:
        """A table with one row per step: `step`, `in`, `out`, and a column for each thing that was done.

        Raises:
            ImportError: pandas is not installed.
        """
        done = list(dict.fromkeys(what for step in self.read for what in self._done(step)))
        rows = [
            [step, self.read[step], self.written[step], *(self._done(step)[what] for what in done)]
            for step in self.read
        ]
        return data_frame(rows, ["step", "in", "out", *done])

    def __str__(self) -> str:
        return (
            "\n".join(printable_line(self._line(step)) for step in self.read)
            or "no step has read anything yet"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [
            (step, f"{self.read[step]:,}", f"{self.written[step]:,}", self._said(step)) for step in self.read
        ]
        if not rows:
            return card("", str(self))
        return card("", table(rows, head=("step", "in", "out", "what it did")))

    def _done(self, step: str) -> Counter[str]:
        changes = self.changes[step].counts if step in self.changes else Counter[str]()
        return changes + self.reasons.get(step, Counter())

    def _said(self, step: str) -> str:
        return ", ".join(f"{count:,} {what}" for what, count in self._done(step).items())

    def _line(self, step: str) -> str:
        said = self._said(step)
        return f"{step}: {self.read[step]:,} in, {self.written[step]:,} out" + (f"; {said}" if said else "")


def _counted(counter: Counter[str], step: str, things: Iterable[T]) -> Iterator[T]:
    for thing in things:
        counter[step] += 1
        yield thing
