"""Drops or trims examples that are longer than a model reads."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Literal, cast

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, checked, returned
from langsmith_finetune.chat_format import TrainingLine, TrainingMessage
from langsmith_finetune.dataset.given import Examples, ExampleSource
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.steps import StepPass, in_passes
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import TrainingExample, replace
from langsmith_finetune.examples.sound import name_of


@checked(max_tokens=AT_LEAST_ONE)
def fit_length(
    examples: Examples,
    max_tokens: int,
    count: Callable[[TrainingLine], int],
    *,
    over_length: Literal["raise", "drop", "trim_oldest_turns"] = "raise",
    report: DatasetReport | None = None,
) -> Iterator[TrainingExample]:
    """See that no example is longer than the target takes; targets cut the end off, which is the answer.

    Args:
        examples: Any.
        max_tokens: The most that an example may be long, in tokens.
        count: How long a line is, in tokens.
        over_length: `"raise"` stops at the first that is too long; `"drop"` leaves it out.
            `"trim_oldest_turns"` takes the oldest turns out of it, each from what the user said up to before
            the user speaks again, and no more than needed. If the last turn alone is too long, its oldest
            steps go: an assistant message with all answers to its calls. System messages, what the user said
            last and the answer always stay; where they are too long by themselves, the example is dropped.
        report: Filled with what was dropped and trimmed, and how many trained answers went with it.

    Raises:
        InvalidExampleError: An example is too long, and `over_length` is `"raise"`.
        ValueError: `over_length` is none of the three, or `max_tokens` is below 1.

    Example:
        >>> turn = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
        >>> def count(line):
        ...     return sum(len(message["content"].split()) for message in line["messages"])
        >>> long = TrainingExample(line={"messages": [*turn, *turn, *turn]})
        >>> [example] = fit_length([long], 5, count, over_length="trim_oldest_turns")
        >>> len(example.line["messages"]), example.changes
        (4, ('trimmed 1 turn or step with 1 trained answer',))
    """
    source = ExampleSource(examples, "training examples")

    def fitting(this: StepPass) -> Iterator[TrainingExample]:
        shortest = math.inf
        for index, example in enumerate(this.reading_examples(source)):
            tokens = returned("count", count(example.line), int)
            if tokens <= max_tokens:
                yield example
                continue
            name = name_of(example, index)
            if over_length == "raise":
                raise InvalidExampleError(
                    name,
                    "messages",
                    f"the example is {tokens:,} tokens long, and may be {max_tokens:,}",
                    'Leave it out with over_length="drop", or shorten it with over_length="trim_oldest_turns"',
                )
            trimmed = _trimmed(example, max_tokens, count) if over_length == "trim_oldest_turns" else None
            if trimmed is None:
                this.add("dropped", name, detail=f"{tokens:,} tokens")
                shortest = min(shortest, tokens)
                this.remedy = f"The shortest has {shortest:,} tokens, and max_tokens is {max_tokens:,}"
                if over_length == "drop":
                    this.remedy += '; over_length="trim_oldest_turns" shortens those that have turns to spare'
                continue
            this.add("trimmed", name, detail=trimmed.changes[-1])
            yield trimmed

    return in_passes("fit_length", source, report, fitting)


def _trimmed(
    example: TrainingExample, max_tokens: int, count: Callable[[TrainingLine], int]
) -> TrainingExample | None:
    """The example without as few of its oldest units as will do; None where none will."""
    messages = example.line["messages"]
    units = _units(messages)

    def without(number: int) -> TrainingLine:
        gone = {index for unit in units[:number] for index in unit}
        kept = [message for index, message in enumerate(messages) if index not in gone]
        return cast("TrainingLine", {**example.line, "messages": kept})

    # Each unit less makes it shorter, so that few counts find the place.
    number = bisect_left(range(len(units) + 1), x=True, key=lambda n: count(without(n)) <= max_tokens)
    if number > len(units):
        return None
    lost = [messages[index] for unit in units[:number] for index in unit]
    trained = sum(message["role"] == "assistant" and message.get("weight") != 0 for message in lost)
    change = f"trimmed {_counted(number, 'turn or step', 'turns or steps')}"
    change += f" with {_counted(trained, 'trained answer', 'trained answers')}" if trained else ""
    return replace(example, line=without(number), changes=(*example.changes, change))


def _units(messages: list[TrainingMessage]) -> list[list[int]]:
    """The places of what can go, oldest first: whole turns, and then the steps of the last one."""
    turns: list[list[int]] = [[]]
    for index, message in enumerate(messages):
        role = message["role"]
        if role == "system":
            continue
        # Two messages of the user's in a row are one turn.
        if role == "user" and turns[-1] and messages[turns[-1][-1]]["role"] != "user":
            turns.append([])
        turns[-1].append(index)
    *past, last = turns
    steps: list[list[int]] = []
    for index in last:
        role = messages[index]["role"]
        if role == "tool" and steps:
            steps[-1].append(index)
        elif role != "user":
            steps.append([index])
    return past + steps[:-1]


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
