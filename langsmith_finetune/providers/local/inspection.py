"""Shows what would be trained: the sequences of a line, and what a file comes to."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, checked
from langsmith_finetune._foundation.html import card, concat, element
from langsmith_finetune._printable import printable
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import AnyExample
from langsmith_finetune.examples.sound import line_of
from langsmith_finetune.providers.local.extra import require_local_extra
from langsmith_finetune.providers.local.joining import joined
from langsmith_finetune.providers.local.preparing import (
    LineReader,
    OpenedModel,
    lines_of,
    opened_model,
    reader_of,
)
from langsmith_finetune.providers.local.sequences import SAID, TrainedSequence
from langsmith_finetune.providers.values import Method
from langsmith_finetune.targets.read_lines import sound_lines

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MOST_REFUSED = 1000
_STYLES = {"plain": ("\u27e6", "\u27e7"), "terminal": ("\x1b[1;32m", "\x1b[0m")}


class Preview:
    """The sequences that would be trained of a line; iterate over them, print it, or show it in a notebook.

    Args:
        sequences: One for each answer that is trained, or for several of one conversation.
    """

    def __init__(self, sequences: tuple[TrainedSequence, ...]) -> None:
        self.sequences = sequences

    def __iter__(self) -> Iterator[TrainedSequence]:
        return iter(self.sequences)

    def __len__(self) -> int:
        return len(self.sequences)

    @checked()
    def text(self, style: Literal["plain", "terminal"] = "plain") -> str:
        """The text of each sequence, with what is learned marked.

        Args:
            style: `"plain"` puts it between \u27e6 and \u27e7; `"terminal"` makes it bold and green.
        """
        begin, end = _STYLES[style]
        return "\n\n".join(f"{_heading(one)}\n{_marked_text(one, begin, end)}" for one in self)

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return concat(
            card(
                _heading(one),
                element(
                    "div",
                    concat(
                        element("mark", part, "background:#c8e6c9;color:#000") if is_learned else part
                        for part, is_learned in one.parts
                    ),
                    "white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace",
                ),
            )
            for one in self
        )


def _marked_text(one: TrainedSequence, begin: str, end: str) -> str:
    return "".join(
        f"{begin}{printable(part)}{end}" if is_learned else printable(part) for part, is_learned in one.parts
    )


def _heading(one: TrainedSequence) -> str:
    notes = f"; {', '.join(one.notes)}" if one.notes else ""
    return f"{one.where} {one.field}: {one.trained_tokens} of {len(one.input_ids)} tokens are learned{notes}"


@checked()
def preview(
    line: Mapping[str, Any] | AnyExample,
    *,
    model: str | Path | PreTrainedTokenizerBase,
    method: Method = "supervised",
    chat_template_kwargs: Mapping[str, Any] | None = None,
) -> Preview:
    """What a local training would learn of a line, token by token, by the function that the training uses.

    Args:
        line: A training line, a preference or a line with a label; or an example, for its line. The template is adapted to this line alone; a
            training adapts it to its whole files, so thinking is switched off only where none of their answers holds
            reasoning.
        model: The model to start from, a folder or a name on the Hugging Face Hub, or its tokenizer.
        method: How it would be trained. Of a preference, the first sequence is the preferred one.
        chat_template_kwargs: As in `parameters=`.

    Raises:
        ImportError: The extra `local` is not installed.
        InvalidExampleError: The line cannot be trained on with this model; says why.
        ProviderError: The model has no chat template, or its tokenizer cannot be had.

    Example:
        >>> for sequence in preview(line, model="tiny"):  # doctest: +SKIP
        ...     print(sequence.input_ids, sequence.labels, sequence.notes)
    """
    require_local_extra()
    line = line_of("line", line)
    reader = reader_of([line], _opened(model), method=method, chat_template_kwargs=chat_template_kwargs)
    sequences = reader.sequences(line, "line")
    return Preview(tuple(joined(sequences) if method == "supervised" else sequences))


@dataclass(slots=True, kw_only=True, repr=False)
class Audit:
    """What a training on a file would come to.

    Args:
        answers: How many answers are trained.
        sequences: In how many sequences: what begins another one is not repeated.
        tokens: The tokens of all sequences.
        trained_tokens: Those of them that are learned.
        longest: The tokens of the longest sequence.
        longest_line: Where it is from: `"train.jsonl:17"`.
        notes: How often each thing was put right.
        refused: The first 1,000 lines that cannot be trained on, and why.
        refused_count: How many there are.
        chat_template_kwargs: What the template is rendered with.
    """

    answers: int = 0
    sequences: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    longest: int = 0
    longest_line: str = ""
    notes: Counter[str] = field(default_factory=Counter)
    refused: list[InvalidExampleError] = field(default_factory=list)
    refused_count: int = 0
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def add(self, sequence: TrainedSequence) -> None:
        """Count a sequence."""
        length = len(sequence.input_ids)
        self.sequences += 1
        self.tokens += length
        self.trained_tokens += sequence.trained_tokens
        if length > self.longest:
            self.longest, self.longest_line = length, sequence.where

    def __str__(self) -> str:
        lines = [
            f"{self.answers:,} answers in {self.sequences:,} sequences: {self.tokens:,} tokens, {self.trained_tokens:,} of them learned",
            f"the longest has {self.longest:,} tokens ({self.longest_line or 'none'})",
            *(f"{count:,} answers: {SAID[note]}" for note, count in sorted(self.notes.items())),
            f"{self.refused_count:,} lines cannot be trained on",
            *(printable(str(error)) for error in self.refused[:5]),
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        first, *others = str(self).split("\n")
        return card(first, *others)


@checked(max_length=AT_LEAST_ONE)
def audit(
    file: str | Path,
    *,
    model: str | Path | PreTrainedTokenizerBase,
    method: Method = "supervised",
    max_length: int | None = None,
    chat_template_kwargs: Mapping[str, Any] | None = None,
) -> Audit:
    """What a local training on a file would come to. Loads the tokenizer alone, and keeps no line.

    Args:
        file: A JSONL file of lines.
        model: The model to start from, a folder or a name on the Hugging Face Hub, or its tokenizer.
        method: How it would be trained.
        max_length: As in `parameters=`.
        chat_template_kwargs: As in `parameters=`.

    Raises:
        ImportError: The extra `local` is not installed.
        InvalidExampleError: The file is empty, or a line of it is not JSON.
        ProviderError: The model has no chat template, or its tokenizer cannot be had.

    Example:
        >>> print(audit("train.jsonl", model="tiny"))  # doctest: +SKIP
        20 answers in 20 sequences: 2,180 tokens, 640 of them learned
    """
    require_local_extra()
    path = Path(file)
    reader = reader_of(
        lines_of([(path, path.name)]),
        _opened(model, max_length=max_length),
        method=method,
        chat_template_kwargs=chat_template_kwargs,
    )
    found = Audit(chat_template_kwargs=reader.adaptation.chat_template_kwargs)
    kept = _kept(path, reader, found)
    for sequence in joined(kept) if method == "supervised" else kept:
        found.add(sequence)
    return found


def _kept(path: Path, reader: LineReader, found: Audit) -> Iterator[TrainedSequence]:
    """The sequences of the lines that can be trained on; the others are counted."""
    for number, _, line in sound_lines(path, path.name):
        try:
            sequences = reader.sequences(line, f"{path.name}:{number}")
        except InvalidExampleError as error:
            found.refused_count += 1
            if len(found.refused) < _MOST_REFUSED:
                found.refused.append(error)
            continue
        found.answers += len(sequences)
        for sequence in sequences:
            found.notes.update(sequence.notes)
        yield from sequences


def _opened(model: str | Path | PreTrainedTokenizerBase, *, max_length: int | None = None) -> OpenedModel:
    if isinstance(model, (str, os.PathLike)):
        return opened_model(str(model), name=str(model), max_length=max_length)
    return OpenedModel(tokenizer=model, context=max_length)
