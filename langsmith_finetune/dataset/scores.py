"""The examples that people or judges scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from langsmith_finetune.dataset.steps import StepPass
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.sound import name_of


def scored(
    examples: Iterable[TrainingExample], score: str, this: StepPass
) -> Iterator[tuple[float, TrainingExample]]:
    """The examples that have a score and an answer, each with the score; the others are reported.

    Args:
        examples: Training examples.
        score: The key of the feedback score.
        this: The step that asks; takes what is left out.
    """
    keys: Counter[str] = Counter()
    for index, example in enumerate(this.reading_examples(examples)):
        keys.update([*example.source.all_scores] if example.source else ())
        value = example.source.score(score) if example.source else None
        if value is None or example.line["messages"][-1]["role"] != "assistant":
            what = "without the score" if value is None else "without an answer"
            this.add(what, name_of(example, index))
        else:
            yield value, example
    if score not in keys:
        this.remedy = f"No example has the score {score!r}: {scores_named(keys)}"


def scores_named(keys: Mapping[str, int]) -> str:
    """Which scores examples have, for whoever asked for another one."""
    if not keys:
        return "none has any score. Feedback of LangSmith's is in example.source.scores where the run has it"
    most = sorted(keys, key=lambda key: (-keys[key], key))[:_MOST]
    more = f" and {len(keys) - _MOST} others" if len(keys) > _MOST else ""
    return "they have " + ", ".join(f"{key!r} ({keys[key]:,})" for key in most) + more


_MOST = 10
