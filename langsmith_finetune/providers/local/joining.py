"""Joins sequences of which one begins another, so that a conversation costs one pass.

The prompt of an answer holds the answers before it, token for token, wherever a chat template keeps its beginning. Then
one sequence with several learned spans trains the same: each answer is learned once, after the same tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from langsmith_finetune.providers.local.sequences import TrainedSequence

_OPEN = 16
"""Sequences that may still begin a later one: enough for the calls of several agents at once."""


def joined(sequences: Iterable[TrainedSequence]) -> Iterator[TrainedSequence]:
    """The sequences in order, those that begin another one within it.

    The calls of one trace may be rows of one line, or lines that stand near each other, in either order. A sequence
    whose answer is learned in the other one too stays by itself: it is there twice because somebody wants it twice.

    Args:
        sequences: One for each answer; 16 of them are held in memory.
    """
    waiting: list[TrainedSequence] = []
    for sequence in sequences:
        for index in range(len(waiting) - 1, -1, -1):
            both = _joined(waiting[index], sequence)
            if both is not None:
                del waiting[index]
                waiting.append(both)
                break
        else:
            waiting.append(sequence)
        if len(waiting) > _OPEN:
            yield waiting.pop(0)
    yield from waiting


def _joined(one: TrainedSequence, other: TrainedSequence) -> TrainedSequence | None:
    """Both as one sequence; None where neither begins the other, or both learn the same tokens."""
    short, long = sorted((one, other), key=lambda sequence: len(sequence.input_ids))
    length = len(short.input_ids)
    # The end first: long conversations begin alike, and differ there.
    if short.input_ids[-1] != long.input_ids[length - 1] or short.input_ids != long.input_ids[:length]:
        return None
    if not long.text.startswith(short.text):
        return None
    pairs = zip(short.labels, long.labels[:length], strict=True)
    if any(learned != -100 and again != -100 for learned, again in pairs):
        return None
    labels = [b if a == -100 else a for a, b in zip(short.labels, long.labels, strict=False)]
    return TrainedSequence(
        input_ids=long.input_ids,
        labels=labels + long.labels[length:],
        where=long.where,
        field=", ".join((short.field, long.field) if short.where == long.where else (long.field,)),
        notes=tuple(sorted({*short.notes, *long.notes})),
        chat_template_kwargs=long.chat_template_kwargs,
        parts=_parts(short, long),
    )


def _parts(short: TrainedSequence, long: TrainedSequence) -> tuple[tuple[str, bool], ...]:
    """The text of the longer, learned where either learns."""
    cuts = sorted({0, *_cuts(short), *_cuts(long)})
    learned = [*_learned(short), *_learned(long)]
    pieces = [
        (long.text[begin:end], any(a <= begin and end <= b for a, b in learned))
        for begin, end in pairwise(cuts)
    ]
    merged: list[tuple[str, bool]] = []
    for text, is_learned in pieces:
        # Two answers in a row stay two; what is given is one piece.
        if merged and not is_learned and not merged[-1][1]:
            text = merged.pop()[0] + text  # noqa: PLW2901 - the piece, made whole
        merged.append((text, is_learned))
    return tuple(merged)


def _cuts(sequence: TrainedSequence) -> Iterator[int]:
    at = 0
    for text, _ in sequence.parts:
        at += len(text)
        yield at


def _learned(sequence: TrainedSequence) -> Iterator[tuple[int, int]]:
    at = 0
    for text, is_learned in sequence.parts:
        if is_learned:
            yield at, at + len(text)
        at += len(text)
