"""Shows what would be trained: the sequences of a line, and what a file comes to."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langsmith_finetune._printable import printable
from langsmith_finetune.chat_template import load_tokenizer
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.local.extra import require_local_extra
from langsmith_finetune.providers.local.model_folder import context_of
from langsmith_finetune.providers.local.rows import has_reasoning, rows_of_line
from langsmith_finetune.providers.local.sequences import (
    SAID,
    Sequencer,
    TrainedSequence,
    adapt,
)
from langsmith_finetune.targets.read_lines import sound_lines

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_MOST_REFUSED = 1000
_STYLES = {"plain": ("\u27e6", "\u27e7"), "terminal": ("\x1b[1;32m", "\x1b[0m")}


class Preview:
    """The sequences that would be trained of a line; iterate over them, print it, or show it in a notebook.

    Args:
        sequences: One for each answer that is trained.
    """

    def __init__(self, sequences: tuple[TrainedSequence, ...]) -> None:
        self.sequences = sequences

    def __iter__(self) -> Iterator[TrainedSequence]:
        return iter(self.sequences)

    def __len__(self) -> int:
        return len(self.sequences)

    def text(self, style: Literal["plain", "terminal"] = "plain") -> str:
        """The text of each sequence, with what is learned marked.

        Args:
            style: `"plain"` puts it between \u27e6 and \u27e7; `"terminal"` makes it bold and green.
        """
        begin, end = _STYLES[style]
        return "\n\n".join(
            f"{_heading(one)}\n{printable(one.prompt)}{begin}{printable(one.answer)}{end}" for one in self
        )

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        pieces = []
        for one in self:
            prompt, answer = html.escape(printable(one.prompt)), html.escape(printable(one.answer))
            learned = f'<mark style="background:#c8e6c9;color:#000">{answer}</mark>'
            pieces.append(
                f'<p>{html.escape(_heading(one))}</p><pre style="white-space:pre-wrap">{prompt}{learned}</pre>'
            )
        return "".join(pieces)


def _heading(one: TrainedSequence) -> str:
    notes = f"; {', '.join(one.notes)}" if one.notes else ""
    return f"{one.where} {one.field}: {one.trained_tokens} of {len(one.input_ids)} tokens are learned{notes}"


def preview(
    line: Mapping[str, Any],
    *,
    model: str | Path | PreTrainedTokenizerBase,
    chat_template_kwargs: Mapping[str, Any] | None = None,
) -> Preview:
    """What a local training would learn of a line, token by token, by the function that the training uses.

    Args:
        line: A training line. The template is adapted to this line alone; a training adapts it to its whole files, so
            thinking is switched off only where none of their answers holds reasoning.
        model: The model to start from, a folder or a name on the Hugging Face Hub, or its tokenizer.
        chat_template_kwargs: As in `parameters=`.

    Raises:
        ImportError: The extra `local` is not installed.
        InvalidExampleError: The line cannot be trained on with this model; says why.

    Example:
        >>> for sequence in preview(line, model="tiny"):  # doctest: +SKIP
        ...     print(sequence.input_ids, sequence.labels, sequence.notes)
    """
    require_local_extra()
    tokenizer, context = _opened(model)
    rows = list(rows_of_line(line, "line"))
    adaptation = adapt(
        tokenizer,
        has_reasoning=any(row.completion.get("reasoning_content") for row in rows),
        chat_template_kwargs=chat_template_kwargs,
    )
    sequencer = Sequencer(tokenizer, adaptation, context=context)
    return Preview(tuple(map(sequencer.sequence, rows)))


@dataclass(slots=True, kw_only=True)
class Audit:
    """What a training on a file would come to.

    Args:
        answers: How many answers are trained.
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
    tokens: int = 0
    trained_tokens: int = 0
    longest: int = 0
    longest_line: str = ""
    notes: Counter[str] = field(default_factory=Counter)
    refused: list[InvalidExampleError] = field(default_factory=list)
    refused_count: int = 0
    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [
            f"{self.answers:,} answers: {self.tokens:,} tokens, {self.trained_tokens:,} of them learned",
            f"the longest has {self.longest:,} tokens ({self.longest_line or 'none'})",
            *(f"{count:,} answers: {SAID[note]}" for note, count in sorted(self.notes.items())),
            f"{self.refused_count:,} lines cannot be trained on",
            *(printable(str(error)) for error in self.refused[:5]),
        ]
        return "\n".join(lines)


def audit(
    file: str | Path,
    *,
    model: str | Path | PreTrainedTokenizerBase,
    chat_template_kwargs: Mapping[str, Any] | None = None,
) -> Audit:
    """What a local training on a file would come to. Loads the tokenizer alone, and keeps no line.

    Args:
        file: A JSONL file of training lines.
        model: The model to start from, a folder or a name on the Hugging Face Hub, or its tokenizer.
        chat_template_kwargs: As in `parameters=`.

    Raises:
        ImportError: The extra `local` is not installed.
        InvalidExampleError: The file is empty, or a line of it is not JSON.

    Example:
        >>> print(audit("train.jsonl", model="tiny"))  # doctest: +SKIP
        20 answers: 2,180 tokens, 640 of them learned
    """
    require_local_extra()
    tokenizer, context = _opened(model)
    path = Path(file)
    adaptation = adapt(
        tokenizer, has_reasoning=has_reasoning(path, path.name), chat_template_kwargs=chat_template_kwargs
    )
    sequencer = Sequencer(tokenizer, adaptation, context=context)
    found = Audit(chat_template_kwargs=adaptation.chat_template_kwargs)
    for number, _, line in sound_lines(path, path.name):
        try:
            for row in rows_of_line(line, f"{path.name}:{number}"):
                _add(found, sequencer.sequence(row))
        except InvalidExampleError as error:
            found.refused_count += 1
            if len(found.refused) < _MOST_REFUSED:
                found.refused.append(error)
    return found


def _add(found: Audit, sequence: TrainedSequence) -> None:
    length = len(sequence.input_ids)
    found.answers += 1
    found.tokens += length
    found.trained_tokens += sequence.trained_tokens
    found.notes.update(sequence.notes)
    if length > found.longest:
        found.longest, found.longest_line = length, sequence.where


def _opened(model: str | Path | PreTrainedTokenizerBase) -> tuple[PreTrainedTokenizerBase, int | None]:
    if isinstance(model, (str, Path)):
        return load_tokenizer(str(model)), context_of(str(model))
    return model, None
