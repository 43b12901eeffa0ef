"""Pairs the answers to one prompt: the better with the worse."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from langsmith_finetune.chat_format import PreferenceInput, TrainingMessage
from langsmith_finetune.dataset.dedupe import as_compared, digest_of
from langsmith_finetune.dataset.steps import StepPass
from langsmith_finetune.examples.example import PreferenceExample, TrainingExample


class BestAndWorst:
    """Of the answers to one prompt, the one with the highest score and the one with the lowest."""

    def __init__(self) -> None:
        self._best: tuple[float, TrainingExample] | None = None
        self._worst: tuple[float, TrainingExample] | None = None
        self._count = 0

    def add(self, value: float, example: TrainingExample) -> None:
        """Take in an answer with its score."""
        self._count += 1
        if self._best is None or value > self._best[0]:
            self._best = (value, example)
        if self._worst is None or value < self._worst[0]:
            self._worst = (value, example)

    def pairs(self, margin: float, this: StepPass) -> Iterator[PreferenceExample]:
        """One pair; or none, for a reason that the step is told."""
        if self._best is None or self._worst is None:
            return
        if self._count == 1:
            this.leave_out("prompts with one answer")
        elif self._best[0] - self._worst[0] <= margin:
            this.leave_out("prompts whose answers have scores too close")
        elif (pair := pair_of(self._best[1], self._worst[1])) is None:
            this.leave_out("prompts with the same answer again")
        else:
            yield pair


def pair_of(better: TrainingExample, worse: TrainingExample) -> PreferenceExample | None:
    """The preference for one answer over another; None where both are the same."""
    preferred, other = (without_weight(example.line["messages"][-1]) for example in (better, worse))
    if as_compared([preferred]) == as_compared([other]):
        return None
    return PreferenceExample(
        line={"input": input_of(better), "preferred_output": [preferred], "non_preferred_output": [other]},
        source=better.source,
        rejected_source=worse.source,
        changes=better.changes,
    )


def prompt_of(example: TrainingExample) -> bytes:
    """The prompt, as a digest: equal for equal prompts."""
    asked = input_of(example)
    return digest_of({**asked, "messages": as_compared(asked["messages"])})


def input_of(example: TrainingExample) -> PreferenceInput:
    """The prompt, as a preference has it."""
    line = {
        **example.line,
        "messages": [without_weight(message) for message in example.line["messages"][:-1]],
    }
    return cast("PreferenceInput", line)


def without_weight(message: TrainingMessage) -> TrainingMessage:
    """The message without a weight, which means nothing here."""
    return cast("TrainingMessage", {key: value for key, value in message.items() if key != "weight"})
