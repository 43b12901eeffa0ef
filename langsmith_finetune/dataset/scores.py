"""The examples that people or judges scored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from langsmith_finetune.dataset.report import DatasetChange, DatasetReport
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.sound import name_of


def scored(
    examples: Iterable[TrainingExample], score: str, step: str, report: DatasetReport
) -> Iterator[tuple[float, TrainingExample]]:
    """The examples that have a score and an answer, each with the score; the others are reported.

    Args:
        examples: Training examples.
        score: The key of the feedback score.
        step: The function that asks.
        report: Takes what is left out.
    """
    for index, example in enumerate(examples):
        value = example.source.score(score) if example.source else None
        if value is None or example.line["messages"][-1]["role"] != "assistant":
            what = "without the score" if value is None else "without an answer"
            report.add(DatasetChange(step=step, what=what, example=name_of(example, index)))
        else:
            yield value, example
