"""Runs a step over examples: pass by pass, each with its own part of the report, and never empty without a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

from langsmith_finetune._foundation.passes import Passes, Source
from langsmith_finetune._foundation.tally import Tally
from langsmith_finetune._printable import logger_of
from langsmith_finetune.dataset.report import DatasetChange, DatasetReport
from langsmith_finetune.examples.sound import Example, sound_example

logger = logger_of(__name__)

T = TypeVar("T")


class StepPass:
    """One pass of a step: counts what it reads, writes and does, here and in the report.

    Args:
        step: The function: `"redact"`.
        report: Takes the counts, until another pass of the same step begins.
    """

    def __init__(self, step: str, report: DatasetReport) -> None:
        self.step = step
        self.read = self.written = 0
        self.changes: Tally[DatasetChange] = Tally(lambda change: change.what)
        self.reasons: Counter[str] = Counter()
        self.remedy = ""
        self._report = report

    def add(self, what: str, example: str, *, kept: str = "", detail: str = "") -> None:
        """Report something that the step did, as a `DatasetChange` has it."""
        change = DatasetChange(step=self.step, what=what, example=example, kept=kept, detail=detail)
        self.changes.add(change)
        self._report.add(change)

    def leave_out(self, why: str, count: int = 1) -> None:
        """Count what nothing comes of for a reason that is no news of any one run: it has no id in the report."""
        self.reasons[why] += count
        self._report.reasons.setdefault(self.step, Counter())[why] += count

    def reading(self, things: Iterable[T]) -> Iterator[T]:
        """The same things, counted as read."""
        for thing in things:
            self.read += 1
            self._report.read[self.step] += 1
            yield thing

    def reading_examples(
        self, examples: Iterable[Example], *, preferences: bool = False
    ) -> Iterator[Example]:
        """The same examples, counted as read, each once it is seen that it is one.

        Args:
            examples: What the step was given.
            preferences: Whether it takes preferences too.

        Raises:
            TypeError: One is no example.
            InvalidExampleError: The line of one has another form than lines have.
        """
        return self.reading(
            sound_example(self.step, index, example, preferences=preferences)
            for index, example in enumerate(examples)
        )

    def count_written(self) -> None:
        """Count a thing that came out."""
        self.written += 1
        self._report.written[self.step] += 1

    def withdraw(self) -> None:
        """Take this pass out of the report, whatever it still does."""
        report, self._report = self._report, DatasetReport()
        report.read[self.step] -= self.read
        report.written[self.step] -= self.written
        if self.step in report.changes:
            report.changes[self.step].remove(self.changes)
        if self.step in report.reasons:
            report.reasons[self.step] -= self.reasons

    def explain(self, source: Source[Any]) -> None:
        """Log why nothing came out, if nothing did."""
        if self.written or (not self.read and source.explains_itself):
            return
        if not self.read:
            logger.warning("%s gives nothing: %s", self.step, source.emptiness)
            return
        counts = (self.changes.counts + self.reasons).most_common(3)
        reasons = ", ".join(f"{what} ({count:,})" for what, count in counts)
        said = f": {reasons}" if reasons else ""
        logger.warning("%s gives nothing of %d that it read%s. %s", self.step, self.read, said, self.remedy)


def in_passes(
    step: str,
    source: Source[Any],
    report: DatasetReport | None,
    made: Callable[[StepPass], Iterable[T]],
) -> Iterator[T]:
    """What a step returns: goes through its source again with each loop.

    Args:
        step: The function: `"redact"`.
        source: What it was given, from which `made` takes.
        report: What to fill; its part of this step is of the pass that began last.
        made: What comes of a pass.
    """
    given = report if report is not None else DatasetReport()
    given.expect(step)
    before: StepPass | None = None

    def begin() -> Generator[T, None, None]:
        nonlocal before
        if before is not None:
            before.withdraw()
        this = before = StepPass(step, given)
        for thing in made(this):
            this.count_written()
            yield thing
        this.explain(source)

    return Passes(begin)
