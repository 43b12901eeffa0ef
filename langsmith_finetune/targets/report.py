"""The report of a check: counts, problems, and what was fixed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from langsmith_finetune._foundation.html import card, concat, element, link, table
from langsmith_finetune._foundation.tables import data_frame, some
from langsmith_finetune._printable import printable
from langsmith_finetune.targets.registry import Problem, RuleName
from langsmith_finetune.targets.rules import WHY

if TYPE_CHECKING:
    import pandas as pd

Severity: TypeAlias = Literal["error", "warning"]

_KINDS_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CheckReport:
    """What a target would say to a file. Prints as text, and as a table in a notebook, both by rule.

    Args:
        target: The target's name.
        name: The file's name, or `"examples"`.
        lines: Lines that hold something.
        bad_lines: Lines with an error.
        errors: How many errors there are of each rule; exact, however many.
        warnings: How many warnings there are of each rule.
        problems: The problems, in order, up to the number to be kept.
        fixed_lines: Lines that were fixed.
        changes: How many lines each change was made to.
        fixed: The number of each fixed line and what was changed in it, up to the number to be kept.
        fixed_path: The file that the fixed lines were written to.
    """

    target: str
    name: str
    lines: int
    bad_lines: int
    errors: Mapping[RuleName, int]
    warnings: Mapping[RuleName, int]
    problems: tuple[Problem, ...]
    fixed_lines: int = 0
    changes: Mapping[str, int]
    fixed: tuple[tuple[int, tuple[str, ...]], ...] = ()
    fixed_path: Path | None = None

    @property
    def ok(self) -> bool:
        """True if there is no error; there may be warnings."""
        return not self.errors

    def to_json(self) -> str:
        """The report as JSON text."""
        found = asdict(self) | {"ok": self.ok, "fixed_path": self.fixed_path and str(self.fixed_path)}
        return json.dumps(found, ensure_ascii=False, indent=1)

    def to_pandas(self) -> pd.DataFrame:
        """A table with one row per problem that is kept: `line`, `field`, `rule`, `severity`, `found`, `how_to_fix`.

        Raises:
            ImportError: pandas is not installed.
        """
        names = ("line", "field", "rule", "severity", "found", "how_to_fix")
        return data_frame([[getattr(problem, name) for name in names] for problem in self.problems], names)

    def __str__(self) -> str:
        lines = [self._summary()]
        for rule in self._of_rules():
            lines += map(str, rule.shown)
            if left := rule.count - len(rule.shown):
                lines.append(f"... and {left:,} more {rule.severity}s of the rule {rule.name}{rule.others}")
        return printable("\n".join(lines))

    __repr__ = __str__

    def _summary(self) -> str:
        says = [f"{self.name} for {self.target}: {self.lines:,} lines, {self.bad_lines:,} with errors"]
        for title, counts in (
            ("errors", self.errors),
            ("warnings", self.warnings),
            ("fixed", self.changes),
        ):
            if counts:
                says.append(f"{title}: " + ", ".join(f"{what} {n:,}" for what, n in counts.items()))
        return "\n".join(says)

    def _of_rules(self) -> list[_OfRule]:
        """The problems by rule, errors first."""
        counted: tuple[tuple[Severity, Mapping[RuleName, int]], ...] = (
            ("error", self.errors),
            ("warning", self.warnings),
        )
        return [
            _OfRule(
                name=name,
                severity=severity,
                count=count,
                kept=[kept for kept in self.problems if (kept.rule, kept.severity) == (name, severity)],
            )
            for severity, counts in counted
            for name, count in counts.items()
        ]

    def _repr_html_(self) -> str:
        rows = [
            (
                f"{rule.count:,}",
                concat(
                    [
                        f"{rule.severity}: ",
                        link(rule.source, rule.name),
                        element("div", WHY[rule.name], _QUIET),
                    ]
                ),
                some(rule.lines) or "the file",
                concat(element("div", f"{problem.field} {problem.found}".strip()) for problem in rule.shown),
                concat(element("div", fix) for fix in dict.fromkeys(one.how_to_fix for one in rule.shown)),
            )
            for rule in self._of_rules()
        ]
        head = ("count", "rule", "lines", "found", "how to fix it")
        fixed = ", ".join(f"{what} {count:,}" for what, count in self.changes.items())
        return card(
            self._summary().partition("\n")[0],
            table(rows, head=head) if rows else "no problem was found",
            f"fixed: {fixed}" if fixed else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfRule:
    """The problems of one rule and severity: how many there are, and those that are kept."""

    name: RuleName
    severity: Severity
    count: int
    kept: list[Problem]

    @property
    def lines(self) -> list[int]:
        """The lines of those that are kept, each once."""
        return list(dict.fromkeys(problem.line for problem in self.kept if problem.line is not None))

    @property
    def shown(self) -> list[Problem]:
        """The first of each kind: the others say the same of another line."""
        kinds: dict[tuple[str, str], Problem] = {}
        for problem in self.kept:
            kinds.setdefault((problem.found, problem.how_to_fix), problem)
        return list(kinds.values())[:_KINDS_SHOWN]

    @property
    def others(self) -> str:
        """Where those are that are not shown, so far as it is kept."""
        shown = {problem.line for problem in self.shown}
        lines = [line for line in self.lines if line not in shown]
        more = " and others" if lines and len(self.kept) < self.count else ""
        return f", in lines {some(lines)}{more}" if lines else ""

    @property
    def source(self) -> str:
        """Where the rule is written."""
        return self.kept[0].source if self.kept else ""


_QUIET = "opacity:.75"
