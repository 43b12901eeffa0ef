"""Makes lines with a label of scored answers: each is good or bad by itself, without another to compare it with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._printable import logger_of
from langsmith_finetune.chat_format import LabelLine
from langsmith_finetune.dataset.given import Examples, ExampleSource
from langsmith_finetune.dataset.pairs import input_of, without_weight
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.scores import scored
from langsmith_finetune.dataset.steps import StepPass, in_passes
from langsmith_finetune.examples.example import LabelExample, TrainingExample

logger = logger_of(__name__)


@checked()
def labels_from_scores(
    examples: Examples,
    score: str,
    *,
    above: float = 0.5,
    report: DatasetReport | None = None,
) -> Iterator[LabelExample]:
    """Of answers that people or judges scored: good above a number, bad at or below it. For `method="kto"`.

    A thumb up is 1 and a thumb down 0, so the default tells them apart. KTO learns of both; the rarer of both counts
    more with `trainer_args={"desirable_weight": ...}`.

    Args:
        examples: Training examples, read one at a time.
        score: The key of the feedback score: the run's own, or else its trace's. Examples without it are left out, and reported.
        above: The answer is good if its score is higher.
        report: Filled with what got no label, and why.

    Example:
        >>> from langsmith_finetune.runs import RunSource
        >>> messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
        >>> source = RunSource(run_id="a", scores={"user_score": 1.0})
        >>> [label] = labels_from_scores([TrainingExample(line={"messages": messages}, source=source)], "user_score")
        >>> label.line["completion"], label.line["label"]
        ([{'role': 'assistant', 'content': 'Hello'}], True)
    """
    source = ExampleSource(examples, "training examples")

    def labelled(this: StepPass) -> Iterator[LabelExample]:
        lowest, highest = math.inf, -math.inf
        for value, example in scored(source, score, this):
            lowest, highest = min(lowest, value), max(highest, value)
            yield _labelled(example, value > above)
        if lowest <= highest and (lowest > above) is (highest > above):
            logger.warning(
                "labels_from_scores: all %d labels are %s, and KTO learns from both: %s ranges from %g to %g, and "
                "above= is %g",
                this.written, "true" if lowest > above else "false", score, lowest, highest, above,
            )  # fmt: skip

    return in_passes("labels_from_scores", source, report, labelled)


def _labelled(example: TrainingExample, is_good: bool) -> LabelExample:  # noqa: FBT001 - the label itself
    asked = dict(input_of(example))
    answer = without_weight(example.line["messages"][-1])
    line = {"prompt": asked.pop("messages"), "completion": [answer], "label": is_good, **asked}
    return LabelExample(line=cast("LabelLine", line), source=example.source, changes=example.changes)
