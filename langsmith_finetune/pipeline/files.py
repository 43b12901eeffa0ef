"""Runs -> a training file and a validation file: the steps of a dataset, in the usual order."""

from __future__ import annotations

import re
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from langsmith_finetune._foundation.arguments import checked, many
from langsmith_finetune._foundation.passes import Passes
from langsmith_finetune._foundation.tally import Tally
from langsmith_finetune._printable import logger_of, printable
from langsmith_finetune.convert import examples_from_runs
from langsmith_finetune.dataset import dedupe, redaction, split
from langsmith_finetune.dataset import fold as folding
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.errors import InvalidExampleError, RunNotUsableError
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.source import Note, NoteKind
from langsmith_finetune.jsonl import WrittenFile, write_jsonl
from langsmith_finetune.ledger.rows import ledger_path
from langsmith_finetune.targets.for_target import SplitReport, examples_for_target
from langsmith_finetune.targets.registry import Target, TargetRules, rules_of

logger = logger_of(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFiles:
    """What `write_training_files` wrote, and what became of every run.

    Args:
        runs: How many runs were read.
        skipped: The runs that could not be used, with their reasons.
        notes: What the examples do not say about their runs.
        report: What each step read, wrote and did.
        refused: The examples that the target would refuse, wholly or for some answers, with their reasons. The answers
            are in no file.
        training: The file to train on; its `split` tells in how many lines the target takes the others.
        validation: The file to measure on; None where nothing was held out.
    """

    runs: int
    skipped: Tally[RunNotUsableError]
    notes: Tally[Note]
    report: DatasetReport
    refused: Tally[InvalidExampleError]
    training: WrittenFile
    validation: WrittenFile | None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values. Holds counts, ids and paths, never content."""
        return {
            "runs": self.runs,
            "skipped": dict(self.skipped.counts),
            "notes": dict(self.notes.counts),
            "steps": {
                step: {
                    "read": self.report.read[step],
                    "written": self.report.written[step],
                    "changes": dict(self.report.changes[step].counts) if step in self.report.changes else {},
                }
                for step in self.report.read
            },
            "refused": dict(self.refused.counts),
            "training": _file_dict(self.training),
            "validation": None if self.validation is None else _file_dict(self.validation),
        }

    def __str__(self) -> str:
        lines = _lines_of(self)
        for file in (self.training, self.validation):
            if file is not None:
                beside = "" if file.ledger is None else f"; its ledger is {file.ledger.name}"
                lines.append(f"{file.path}: {file.count:,} lines, {file.bytes:,} bytes{beside}")
                if file.split is not None and (said := file.split.says()):
                    lines.append(f"{file.path.name}: {said}")
        return printable("\n".join(lines))


@checked()
def write_training_files(
    runs: Iterable[Any],
    path: str | Path,
    *,
    train_on: Literal["all", "last"] = "all",
    skip_notes: Collection[NoteKind] = (),
    keep_reasoning: bool = False,
    fold: Literal["trace", "thread"] | None = "trace",
    drop_duplicates: bool = True,
    redact: bool = False,
    validation_size: float = 0.0,
    seed: int | None = None,
    target: Target | TargetRules | None = None,
) -> TrainingFiles:
    """Turn runs into a training file, with its ledger beside it: the steps of a dataset in the usual order.

    It is these public functions, one after the other::

        examples = examples_from_runs(runs, on_skip=skipped.add, on_note=notes.add)
        examples = fold_traces(examples, report=report)
        examples = drop_duplicates(examples, report=report)
        examples = redact(examples, report=report)                    # if asked for
        train, validation = train_validation_split(examples, validation_size=0.1, report=report)
        train = examples_for_target(train, target, on_skip=refused.add)  # if there is a target
        validation = examples_for_target(validation, target, on_skip=refused.add)
        write_jsonl(train, "train.jsonl", target=target)
        write_jsonl(validation, "train.validation.jsonl", target=target)

    Args:
        runs: As for `examples_from_runs`.
        path: The training file; an existing one is replaced. The validation file goes beside it, as
            `train.validation.jsonl` for `train.jsonl`.
        train_on: As for `examples_from_runs`.
        skip_notes: As for `examples_from_runs`.
        keep_reasoning: As for `examples_from_runs`.
        fold: Merge the calls of an agent, across its `"trace"` or its `"thread"`, so that each answer is trained
            once; see `fold_traces`. None leaves one line per run.
        drop_duplicates: Leave out examples that say what another one says.
        redact: Take private values out, by the rules that `redact` has by itself.
        validation_size: The share of threads to hold out, from 0 to below 1. Where that comes to no line, there is
            no validation file.
        seed: Another number holds out others.
        target: Fix and convert the lines for this target, split those that it takes only so, and leave out what it would
            refuse. What a target without weights trains beside the answers is counted and warned of; see `split_line`.

    Returns:
        Both files, and what became of every run.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidExampleError: No example is left to train on; says what became of the runs. No file is written then.
        ValueError: A setting makes no sense.

    Example:
        >>> import tempfile
        >>> from langsmith_finetune.pipeline import write_training_files
        >>> run = {
        ...     "id": "d2a3", "run_type": "llm",
        ...     "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        ...     "outputs": {"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]},
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files = write_training_files([run, {"id": "e7c1", "run_type": "chain"}], folder + "/train.jsonl")
        >>> files.training.count, dict(files.skipped.counts)
        (1, {'not_llm': 1})
    """
    if not 0 <= validation_size < 1:
        raise ValueError(
            f"validation_size must be a share from 0 to below 1, such as 0.1, not {validation_size!r}"
        )
    runs = many("runs", runs, "runs")
    path, rules = Path(path), None if target is None else rules_of(target)
    account = _Account()
    examples = examples_from_runs(
        Passes(lambda: account.counting(runs)),  # so that no runs are told once, by the error
        train_on=train_on,
        skip_notes=skip_notes,
        keep_reasoning=keep_reasoning,
        on_skip=account.skipped.add,
        on_note=account.notes.add,
    )
    if fold is not None:
        examples = folding.fold_traces(examples, across=fold, report=account.report)
    if drop_duplicates:
        examples = dedupe.drop_duplicates(examples, report=account.report)
    if redact:
        examples = redaction.redact(examples, report=account.report)
    held_out: Iterable[TrainingExample] = ()
    if validation_size:
        examples, held_out = split.train_validation_split(
            examples, validation_size=validation_size, seed=seed, report=account.report
        )
    training = _written(examples, path, rules, account)
    return TrainingFiles(
        runs=account.runs,
        skipped=account.skipped,
        notes=account.notes,
        report=account.report,
        refused=account.refused,
        training=training,
        validation=_validation(held_out, path, rules, account) if validation_size else None,
    )


def validation_path(path: Path) -> Path:
    """Where the lines that are held out go."""
    return path.with_name(f"{path.stem}.validation{path.suffix}")


@dataclass(kw_only=True)
class _Account:
    """What becomes of the runs on their way."""

    runs: int = 0
    skipped: Tally[RunNotUsableError] = field(default_factory=lambda: Tally(lambda error: error.reason))
    notes: Tally[Note] = field(default_factory=lambda: Tally(lambda note: note.kind))
    report: DatasetReport = field(default_factory=DatasetReport)
    refused: Tally[InvalidExampleError] = field(
        default_factory=lambda: Tally(lambda error: re.sub(r"\d+", "", error.field) or "line")
    )

    def counting(self, runs: Iterable[Any]) -> Generator[Any]:
        """The same runs, counted."""
        self.runs = 0
        for run in runs:
            self.runs += 1
            yield run

    def none_left(self, path: Path) -> InvalidExampleError:
        """The error for a file that would be empty, with the first reason and its remedy."""
        if self.refused.total:
            how = f"The first that the target would refuse: {self.refused[0]}"
        elif self.skipped.total:
            how = f"The first that could not be used: {self.skipped[0]}"
        elif not self.runs:
            how = "Give other runs, or fewer conditions; describe_runs(select_runs(...)) says what a project has"
        else:
            how = "Hold out less: validation_size=0 trains on all"
        became = "; ".join(_lines_of(self))
        return InvalidExampleError(path.name, "", f"no example is left to train on ({became})", how)


def _written(
    examples: Iterable[TrainingExample], path: Path, rules: TargetRules | None, account: _Account
) -> WrittenFile:
    """The training file.

    Raises:
        InvalidExampleError: There is no line for it. No file appears then.
    """
    taken, split = _taken(examples, rules, account)

    def some() -> Iterator[TrainingExample]:
        found = iter(taken)
        first = next(found, None)
        if first is None:
            raise account.none_left(path)
        yield from chain([first], found)

    return _told(write_jsonl(some(), path, target=rules), split)


def _validation(
    examples: Iterable[TrainingExample], path: Path, rules: TargetRules | None, account: _Account
) -> WrittenFile | None:
    """The validation file, if there is a line for it. One of an earlier call, which has other lines, is removed."""
    beside = validation_path(path)
    taken, split = _taken(examples, rules, account)
    found = iter(taken)
    first = next(found, None)
    if first is None:
        beside.unlink(missing_ok=True)
        ledger_path(beside).unlink(missing_ok=True)
        return None
    return _told(write_jsonl(chain([first], found), beside, target=rules), split)


def _taken(
    examples: Iterable[TrainingExample], rules: TargetRules | None, account: _Account
) -> tuple[Iterable[TrainingExample], SplitReport | None]:
    """What the target takes of the examples, and what becomes of them. All that comes of one is for one file."""
    if rules is None:
        return examples, None
    split = SplitReport()
    return examples_for_target(examples, rules, on_skip=account.refused.add, report=split), split


def _told(written: WrittenFile, split: SplitReport | None) -> WrittenFile:
    """The file with what became of its examples; a warning says what the target trains beside them."""
    if split is None:
        return written
    if split.trained_context:
        logger.warning("%s: %s", written.path.name, split.says())
    return replace(written, split=split)


def _lines_of(of: TrainingFiles | _Account) -> list[str]:
    lines = [f"{of.runs:,} runs read"]
    if of.skipped.total:
        lines.append(f"{of.skipped.total:,} could not be used: {_counts(of.skipped)}")
    if of.notes.total:
        lines.append(f"notes: {_counts(of.notes)}")
    lines += str(of.report).splitlines()
    if of.refused.total:
        lines.append(
            f"{of.refused.total:,} left out, wholly or in part, since the target would refuse them: {_counts(of.refused)}"
        )
    return lines


def _counts(of: Tally[Any]) -> str:
    return ", ".join(f"{kind} {n:,}" for kind, n in of.counts.most_common(5))


def _file_dict(file: WrittenFile) -> dict[str, Any]:
    return {
        "path": str(file.path),
        "lines": file.count,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "ledger": None if file.ledger is None else str(file.ledger),
        "split": None if file.split is None else _split_dict(file.split),
    }


def _split_dict(split: SplitReport) -> dict[str, int]:
    return {
        "read": split.read,
        "split": split.split,
        "trained_context": split.trained_context,
        "lost": split.lost,
        "left_out": split.left_out,
    }
