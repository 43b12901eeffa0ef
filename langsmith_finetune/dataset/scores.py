"""The examples that people or judges scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from langsmith_finetune._foundation.forms import likeliest
from langsmith_finetune._printable import printable_line
from langsmith_finetune.dataset.steps import StepPass
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.sound import name_of

_MOST = 10


def scored(
    examples: Iterable[TrainingExample], score: str, this: StepPass
) -> Iterator[tuple[float, TrainingExample]]:
    """The examples that have a score and an answer, each with the score; the others are reported.

    Args:
        examples: Training examples.
        score: The key of the feedback score.
        this: The step that asks; takes what is left out.

    Raises:
        ValueError: At the end, if no example has the score, and some have others.
    """
    keys = ScoreKeys(score)
    for index, example in enumerate(this.reading_examples(examples)):
        keys.add(example)
        value = example.source.score(score) if example.source else None
        if value is None or example.line["messages"][-1]["role"] != "assistant":
            what = "without the score" if value is None else "without an answer"
            this.add(what, name_of(example, index))
        else:
            yield value, example
    if keys.see_that_it_is_there(this):
        this.remedy = NO_SCORES


NO_SCORES = (
    "No example has any score. Feedback of LangSmith's is in example.source.scores where the run has it"
)


class ScoreKeys:
    """Which scores the examples have, to see that the one that is asked for is among them."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._counts: Counter[str] = Counter()

    def add(self, example: TrainingExample) -> None:
        """Take in an example."""
        if example.source is not None:
            self._counts.update([*example.source.all_scores])

    def see_that_it_is_there(self, this: StepPass) -> bool:
        """Refuse a score that no example has, where there are others.

        Args:
            this: The step that asks.

        Returns:
            True if no example has any score.

        Raises:
            ValueError: Names the scores that there are.
        """
        if not self._counts or self._counts[self._wanted]:
            return this.read > 0 and not self._counts
        close = likeliest(self._wanted, self._counts)
        meant = f": did you mean {close!r}?" if close else "."
        most = sorted(self._counts.items(), key=lambda found: (-found[1], found[0]))[:_MOST]
        there = ", ".join(f"{key!r} ({count:,})" for key, count in most)
        more = f" and {len(self._counts) - _MOST} others" if len(self._counts) > _MOST else ""
        raise ValueError(
            printable_line(
                f"{this.step}: none of {this.read:,} examples has the score {self._wanted!r}{meant} There are "
                f"{there}{more}"
            )
        )
