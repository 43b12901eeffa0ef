"""Records what each step did, while the examples pass through it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from langsmith_finetune._foundation.tally import Tally
from langsmith_finetune._printable import printable_line
from langsmith_finetune.examples.sound import Example, sound_example

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
    1,000 are kept.

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
        self.read: Counter[str] = Counter()
        self.written: Counter[str] = Counter()

    def add(self, change: DatasetChange) -> None:
        """Count a change, and keep it if it is among its step's first."""
        step = self.changes.setdefault(change.step, Tally(lambda change: change.what))
        step.add(change)

    def reading_examples(
        self, step: str, examples: Iterable[Example], *, preferences: bool = False
    ) -> Iterator[Example]:
        """The same examples, counted as read, each once it is seen that it is one.

        Args:
            step: The function that reads.
            examples: What it was given.
            preferences: Whether it takes preferences too.

        Raises:
            TypeError: One is no example.
            InvalidExampleError: The line of one has another form than lines have.
        """
        sound = (
            sound_example(step, index, example, preferences=preferences)
            for index, example in enumerate(examples)
        )
        return self.reading(step, sound)

    def reading(self, step: str, things: Iterable[T]) -> Iterator[T]:
        """The same things, or anything else, counted as read."""
        self.read[step] += 0  # list the steps in the order they were added
        return _counted(self.read, step, things)

    def writing(self, step: str, things: Iterable[T]) -> Iterator[T]:
        """The same things, counted as written."""
        self.read[step] += 0
        return _counted(self.written, step, things)

    def __str__(self) -> str:
        return "\n".join(printable_line(self._line(step)) for step in self.read)

    def _line(self, step: str) -> str:
        counts = self.changes[step].counts if step in self.changes else Counter[str]()
        said = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        return f"{step}: {self.read[step]:,} in, {self.written[step]:,} out" + (f"; {said}" if said else "")


def _counted(counter: Counter[str], step: str, things: Iterable[T]) -> Iterator[T]:
    for thing in things:
        counter[step] += 1
        yield thing
