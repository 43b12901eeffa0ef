"""Reads and writes training files: JSON lines, written completely or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

from langsmith_finetune._foundation.arguments import checked, many
from langsmith_finetune._foundation.counted import counted
from langsmith_finetune._foundation.fields import ShowsFields
from langsmith_finetune._foundation.files import atomic_pair
from langsmith_finetune._foundation.line_bytes import line_json
from langsmith_finetune._foundation.passes import Passes, Source
from langsmith_finetune._foundation.watched import length_of, watched
from langsmith_finetune._printable import logger_of, printable_line
from langsmith_finetune.chat_format import (
    ANSWERS,
    LabelLine,
    LineKind,
    PreferenceLine,
    TrainingLine,
    kind_of_line,
)
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import AnyExample, unseen_line
from langsmith_finetune.examples.sound import is_example, line_of, refuse_other_things
from langsmith_finetune.ledger.rows import closing_row, ledger_path, ledger_row
from langsmith_finetune.targets.for_target import SplitReport, report_or_raise, told
from langsmith_finetune.targets.read_lines import sound_lines
from langsmith_finetune.targets.registry import TARGETS, Target, TargetRules, line_from, rules_of
from langsmith_finetune.targets.splitting import SplitLine, Splitter

logger = logger_of(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WrittenFile(ShowsFields):
    """What `write_jsonl` wrote.

    Args:
        path: The file.
        count: Lines in it.
        bytes: Its size, in bytes.
        sha256: The SHA-256 of its bytes, in hexadecimal.
        ledger: The ledger beside it, if one was written.
        split: How often the target needed another form of a line, where one was given.
    """

    path: Path
    count: int
    bytes: int
    sha256: str
    ledger: Path | None = None
    split: SplitReport | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"<WrittenFile {self}>"

    def __str__(self) -> str:
        ledger = f", with its ledger {self.ledger.name}" if self.ledger else ""
        return printable_line(f"{self.path}: {counted(self.count, 'line')}, {self.bytes:,} bytes{ledger}")

    def __fspath__(self) -> str:
        """So that it can be given wherever a path is asked for."""
        return str(self.path)


@checked()
def write_jsonl(
    examples: Iterable[AnyExample | Mapping[str, Any]],
    path: str | Path,
    *,
    target: Target | TargetRules | None = None,
    ledger: bool | None = None,
    on_skip: Callable[[InvalidExampleError], None] | None = None,
) -> WrittenFile:
    """Write a file of training lines, of preferences or of labels, one line at a time, in constant memory.

    The file appears under its name only when it is whole; an interruption leaves an older file as it was. A file
    without lines is logged as a warning.
    It is readable by its owner alone, since it holds what people said. Text is UTF-8, not escaped. The same
    examples give the same bytes.

    Beside it goes its ledger, `train.ledger.jsonl` for `train.jsonl`: one row per line, which says which runs the
    line is from. It holds no content; `Ledger` reads it. None of it is ever in the line.

    Args:
        examples: Examples or bare lines, all of one kind: to train on, preferences, or labels.
        path: Where to write; an existing file is replaced.
        target: Write the rows that this target reads, such as `"together"`, all of which pass `check`; see
            `to_target`. A line that it takes only as several is split, as by `split_line`; rows that are in its own
            shape already are written as they are. By default lines are written as they stand, in the form of OpenAI
            that most hosts read.
        ledger: Whether to write the ledger. By default where any example says where it came from. Without
            one, the ledger of the file that is replaced is removed, since it tells of other lines.
        on_skip: Called with the reason for each example that is left out, or of which the target has no form for some
            answers; what it takes is written. Errors tell the place among the examples. Without it, the first is raised.

    Returns:
        The path, the number of lines and bytes, the SHA-256, and the ledger's path; for a target, how often a line was
        split, and context trained for want of weights, of which a warning is logged, too.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidExampleError: A line is not JSON, or holds neither messages nor a preference nor a label, or not what the
            lines before it hold; or the target would refuse it.
        TypeError: A single example was given, or runs or chat sessions.
        ValueError: There is no such target; `on_skip` is given without one.

    Example:
        >>> import tempfile
        >>> line = {"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "Hi"}]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = write_jsonl([line], folder + "/train.jsonl")
        >>> written.count, written.bytes, written.ledger
        (1, 86, None)
    """
    examples = many("examples", examples, "examples or lines")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to write {path.name} into")
    rules = None if target is None else rules_of(target)
    if rules is None and on_skip is not None:
        raise ValueError("on_skip= needs target=")
    prefix = b"" if rules is None else rules.file_prefix
    report = None if rules is None else SplitReport(rules.name)
    digest, count, size = hashlib.sha256(prefix), 0, len(prefix)
    keep_ledger = bool(ledger)
    if rules is None or report is None:
        lines = _as_they_stand(examples, path.name)
    else:
        rows_of_target = _for_target(examples, path.name, rules, on_skip, report)
        lines = ((example, line_json(row)) for example, row in rows_of_target)
    with atomic_pair(path, ledger_path(path), keep_second=lambda: keep_ledger) as (file, rows):
        file.write(prefix)
        for example, written in watched(
            f"lines of {path.name}", lines, total=length_of(examples), goes_through=True
        ):
            data = written + b"\n"
            file.write(data)
            digest.update(data)
            count, size = count + 1, size + len(data)
            if ledger is not False:
                row, has_source = ledger_row(data, example if is_example(example) else None)
                rows.write(row)
                keep_ledger = keep_ledger or has_source
        sha256 = digest.hexdigest()
        rows.write(closing_row(path.name, count, sha256))
    if not count:
        source = Source("examples", examples)
        why = "nothing came of the steps before" if source.explains_itself else source.emptiness
        logger.warning("write_jsonl wrote 0 lines into %s: %s", path.name, why)
    if report is not None and (report.trained_context or report.left_out or report.lost):
        logger.warning("%s: %s", path.name, report.says())
    return WrittenFile(
        path=path,
        count=count,
        bytes=size,
        sha256=sha256,
        ledger=ledger_path(path) if keep_ledger else None,
        split=report,
    )


@checked()
def read_jsonl(
    path: str | Path, *, target: Target | TargetRules | None = None
) -> Iterator[TrainingLine | PreferenceLine | LabelLine]:
    """Read a file of training lines, of preferences or of labels, one line at a time.

    A byte order mark, Windows line ends and empty lines at the end are accepted. Numbers keep their value;
    integers may be of any size. `targets/read_lines.py` says what a line may not be; `check`, every upload and
    the local trainer read files in the same way.

    Args:
        path: A file of JSON lines.
        target: The target whose rows the file holds, as `write_jsonl(..., target=)` writes them; each comes back as a
            line, by `from_target`. By default the file holds lines in the form of OpenAI, and rows of another are refused.

    Raises:
        InvalidExampleError: A line is not a JSON object with messages, a preference or a label, or not a row of the
            target; names file and line.
        ValueError: There is no such target.

    Example:
        >>> import tempfile
        >>> hi, hello = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = write_jsonl([{"messages": [hi, hello]}], folder + "/rows.jsonl", target="trl")
        ...     print(written.path.read_text(), end="")
        ...     print(*read_jsonl(written, target="trl"))
        {"prompt":[{"role":"user","content":"Hi"}],"completion":[{"role":"assistant","content":"Hello!"}]}
        {'messages': [{'role': 'user', 'content': 'Hi'}, {'role': 'assistant', 'content': 'Hello!'}]}
    """
    path = Path(path)
    rules = None if target is None else rules_of(target)
    return Passes(lambda: _read(path, rules))


def _read(
    path: Path, rules: TargetRules | None
) -> Generator[TrainingLine | PreferenceLine | LabelLine, None, None]:
    kind: LineKind | None = None
    for number, _, found in sound_lines(path):
        where = f"{path.name}:{number}"
        line = line_from(found, rules, where) if rules is not None and rules.is_row(found) else found
        kind = _check(where, line, kind)
        yield cast("TrainingLine | PreferenceLine | LabelLine", line)
    if kind is None:
        logger.warning("read_jsonl gives nothing: %s holds no lines", path.name)


_Given: TypeAlias = AnyExample | Mapping[str, Any]


def _as_they_stand(examples: Iterable[_Given], name: str) -> Iterator[tuple[_Given, bytes]]:
    """Each example with the text of its line."""
    kind: LineKind | None = None
    for number, example in enumerate(examples, start=1):
        unseen = unseen_line(example) if kind in (None, "training") else None
        if unseen is not None:
            kind = "training"
            yield example, unseen.json()
            continue
        where = f"{name}:{number}"
        refuse_other_things(f"example {number - 1}", example)
        line = line_of(where, example)
        kind = _check(where, line, kind)
        yield example, line_json(line)


def _for_target(
    examples: Iterable[_Given],
    name: str,
    rules: TargetRules,
    on_skip: Callable[[InvalidExampleError], None] | None,
    report: SplitReport,
) -> Iterator[tuple[_Given, Mapping[str, Any]]]:
    """Each example with the rows that come of it, one at a time."""
    splitter = Splitter(rules)
    kind: LineKind | None = None
    for number, example in enumerate(examples, start=1):
        where = f"{name}:{number}"
        line: Mapping[str, Any] = {}
        is_row = False
        refuse_other_things(f"example {number - 1}", example)
        try:
            line = line_of(where, example)
            is_row = rules.is_row(line)
            canonical = line_from(line, rules, where) if is_row else line
            kind = _check(where, canonical, kind)
            split = splitter.mended(canonical)
            error = split.error(where)
        except InvalidExampleError as found:
            split, error = SplitLine(lines=()), found
        report_or_raise(report, where, split, error, on_skip)
        if is_row and error is None:
            yield example, line
        elif is_example(example):
            for part, taken in zip(told(example, split, rules.name), split.lines, strict=True):
                yield part, rules.to_row(taken)
        else:
            for taken in split.lines:
                yield example, rules.to_row(taken)


_KINDS: Mapping[LineKind, tuple[str, str]] = {
    "training": ("a line to train on", 'Write {"messages": [...]} on each line'),
    "preference": (
        "a preference",
        'Write {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}',
    ),
    "label": ("a line with a label", 'Write {"prompt": [...], "completion": [...], "label": true}'),
}
"""What a line of each kind is called, and how it is written."""


_ROW_KEYS = frozenset().union(*(rules.row_keys for rules in TARGETS.values()))
"""A line without any of these is no target's row: most lines need no further look."""


def _check(where: str, line: Mapping[str, Any], before: LineKind | None) -> LineKind:
    """See that a line is one to train on, a preference or a label, as those before it are, and say which."""
    if not _ROW_KEYS.isdisjoint(line) and (target := _target_of(line)) is not None:
        fix = f'Read it with from_target(row, "{target}"), or a file with read_jsonl(path, target="{target}")'
        raise InvalidExampleError(where, "", f"is a row of {target}, not a line", fix)
    kind = kind_of_line(line)
    name, fix = _KINDS[kind]
    if kind == "preference":
        given = line.get("input")
        _check_messages(
            where, "input.messages", given.get("messages") if isinstance(given, Mapping) else None, fix
        )
    else:
        field = "messages" if kind == "training" else "prompt"
        _check_messages(where, field, line.get(field), fix)
    for field in ANSWERS[kind]:
        _check_messages(where, field, line.get(field), fix)
    if kind == "label" and not isinstance(line.get("label"), bool):
        raise InvalidExampleError(where, "label", "is neither true nor false", fix)
    if before is not None and kind != before:
        raise InvalidExampleError(
            where,
            "",
            f"the line is {name}, but the first is {_KINDS[before][0]}",
            "Write each kind into a file of its own",
        )
    return kind


def _target_of(line: Mapping[str, Any]) -> str | None:
    """The target whose row this is; None for a line, also for one with keys that nobody knows."""
    for name, rules in TARGETS.items():
        if rules.is_row(line):
            with suppress(InvalidExampleError):
                rules.from_row(line)
                return name
    return None


def _check_messages(where: str, field: str, messages: Any, fix: str) -> None:
    if not isinstance(messages, list) or not messages or not all(isinstance(m, Mapping) for m in messages):
        raise InvalidExampleError(where, field, "is not a list of message objects", fix)
