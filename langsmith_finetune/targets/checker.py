"""Takes line after line, applies a target's rules to each, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from langsmith_finetune._foundation.line_bytes import line_json
from langsmith_finetune.chat_format import LineKind, kind_of_line
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import AnyExample
from langsmith_finetune.examples.sound import line_of, refuse_other_things
from langsmith_finetune.targets.fix import fixed
from langsmith_finetune.targets.length import Lengths
from langsmith_finetune.targets.line import line_problems
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.read_lines import NO_EXAMPLES, WRITE_JSONL, Fault, read_lines
from langsmith_finetune.targets.registry import Problem, RuleName, TargetRules
from langsmith_finetune.targets.report import CheckReport

Example: TypeAlias = AnyExample | Mapping[str, Any]


KEPT = 100_000
"""Problems and fixed lines that a report keeps one by one, by default; about 50 MB."""


_FIXED_BY_WRITING = frozenset({"byte_order_mark", "empty_line"})
"""Faults of a file that its fixed copy does not have."""


_Found: TypeAlias = tuple[int, Mapping[str, Any] | None, bytes]
"""A line's number, the line where it could be read, and its bytes where it came from a file."""


_KINDS: Mapping[LineKind, str] = {
    "training": "a supervised line",
    "preference": "a preference line",
    "label": "a line with a label",
}


class Checker:
    """Takes line after line, and keeps count.

    Args:
        rules: The target's.
        is_written_anew: What is checked is written line by line before it is sent, without blank lines and with
            the target's own beginning.
    """

    def __init__(
        self,
        rules: TargetRules,
        *,
        fix: bool = False,
        is_written_anew: bool = False,
        tokens: Callable[[Mapping[str, Any]], int] | None = None,
        keep: int = KEPT,
        show_content: bool = False,
        on_problem: Callable[[Problem], None] | None = None,
    ) -> None:
        self.rules = rules
        self.fix = fix
        self.is_written_anew = fix or is_written_anew
        self.lengths = Lengths(rules, tokens)
        self.keep = keep
        self.show = show_content
        self.on_problem = on_problem
        self.errors: Counter[RuleName] = Counter()
        self.warnings: Counter[RuleName] = Counter()
        self.problems: list[Problem] = []
        self.changes: Counter[str] = Counter()
        self.fixed: list[tuple[int, tuple[str, ...]]] = []
        self.lines = self.bad_lines = self.fixed_lines = 0
        self.last_bad = 0
        self.first_kind: LineKind | None = None

    def report(self, name: str, fixed_path: Path | None = None) -> CheckReport:
        """What was found. Says whether the lines are enough."""
        least, most = self.rules.min_examples, self.rules.max_examples
        if self.lines == 0 and least:
            self.say("too_few", None, NO_EXAMPLES, WRITE_JSONL)
        elif self.lines < least:
            fix = f"Add examples: {self.rules.name} takes no file of fewer than {least}"
            self.say("too_few", None, f"holds {self.lines} examples", fix)
        if most is not None and self.lines > most:
            self.say("too_many", None, f"holds {self.lines:,} examples", f"Keep at most {most:,}")
        return CheckReport(
            target=self.rules.name,
            name=name,
            lines=self.lines,
            bad_lines=self.bad_lines,
            errors=dict(self.errors),
            warnings=dict(self.warnings),
            problems=tuple(self.problems),
            fixed_lines=self.fixed_lines,
            changes=dict(self.changes),
            fixed=tuple(self.fixed),
            fixed_path=fixed_path,
        )

    def take(self, problems: Iterable[Problem]) -> None:
        """Count problems, and keep them as long as there is room."""
        for problem in problems:
            if problem.severity == "warning":
                self.warnings[problem.rule] += 1
            else:
                self.errors[problem.rule] += 1
                if problem.line is not None and problem.line != self.last_bad:
                    self.last_bad = problem.line
                    self.bad_lines += 1
            if len(self.problems) < self.keep:
                self.problems.append(problem)
            if self.on_problem is not None:
                self.on_problem(problem)

    def say(
        self, rule: RuleName, line: int | None, found: str, fix: str, *, field: str = "", warn: bool = False
    ) -> None:
        """Count one problem."""
        problems = Problems(self.rules, number=line, show_content=self.show)
        problems.say(rule, field, found, fix, warn=warn)
        self.take(problems.found)

    def line(self, number: int, line: Mapping[str, Any] | None, data: bytes) -> bytes:
        """Check one line. Returns what a fixed file holds in its place."""
        self.lines += 1
        if line is None:
            return data
        canonical, changes = self._canonical(number, line)
        if canonical is None:
            return data
        self._kind(number, kind_of_line(canonical))
        problems = line_problems(canonical, self.rules, number=number, show_content=self.show)
        said = Problems(self.rules, number=number, show_content=self.show)
        self.lengths.check(canonical, problems, said, data)
        self.take((*problems, *said.found))
        if changes:
            self.fixed_lines += 1
            self.changes.update(change.split(" (")[0] for change in changes)
            if len(self.fixed) < self.keep:
                self.fixed.append((number, changes))
        return line_json(canonical) + b"\n" if changes or not data else data

    def _canonical(
        self, number: int, line: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any] | None, tuple[str, ...]]:
        """The line in the OpenAI format, and what was fixed on the way."""
        if self.rules.is_row(line):
            try:
                return self.rules.from_row(line), ()
            except InvalidExampleError as error:
                self.say("row", number, error.reason, error.how_to_fix, field=error.field)
                return None, ()
        return fixed(line, self.rules) if self.fix else (line, ())

    def _kind(self, number: int, kind: LineKind) -> None:
        if self.first_kind is None:
            self.first_kind = kind
        elif self.first_kind != kind:
            found = f"is {_KINDS[kind]} in a file that begins with {_KINDS[self.first_kind]}"
            self.say("mixed_kinds", number, found, "Write a file of each kind")

    def take_examples(self, examples: Iterable[Example]) -> Iterator[_Found]:
        """The lines of examples, with a problem for each that JSON has no form for."""
        for number, example in enumerate(examples, start=1):
            refuse_other_things(f"example {number - 1}", example)
            try:
                yield number, line_of("", example), b""
            except InvalidExampleError as error:
                self.say("json", number, error.reason, error.how_to_fix, field=error.field)
                yield number, None, b""

    def read_file(self, path: Path) -> Iterator[_Found]:
        """The lines of a file, with a problem for each that cannot be read."""
        self.size(path.stat().st_size)
        with path.open("rb") as file:
            yield from self.read(file)

    def size(self, size: int) -> None:
        """Check a file's size, in bytes."""
        limit = self.rules.max_bytes
        if limit is not None and size > limit:
            self.say("file_size", None, f"has {size:,} bytes", f"Keep at most {limit:,}, or split the file")

    def read(self, lines: Iterable[bytes]) -> Iterator[_Found]:
        """Lines in bytes as objects, with a problem for each that is none."""
        for number, data, line, faults in read_lines(lines, show_content=self.show):
            for fault in faults:
                self._fault(number, fault)
            if number is not None and data:
                yield number, line, data

    def _fault(self, number: int | None, fault: Fault) -> None:
        if self.is_written_anew and fault.rule in _FIXED_BY_WRITING and not (fault.is_fatal and not self.fix):
            return
        # Clients that read line by line fail on a blank line at the end as well.
        warn = fault.rule == "empty_line" and not fault.is_fatal and self.rules.name != "together"
        self.say(fault.rule, number, fault.found, fault.how_to_fix, field=fault.field, warn=warn)
