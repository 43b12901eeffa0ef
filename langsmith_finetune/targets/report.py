"""The report of a check: counts, problems, and what was fixed."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from langsmith_finetune._printable import printable
from langsmith_finetune.targets.registry import Problem, RuleName

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a target would say to a file. Prints as text, and as a table in a notebook.

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

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:_SHOWN]]
        left = sum(self.errors.values()) + sum(self.warnings.values()) - len(shown)
        if left:
            shown.append(f"... and {left:,} more")
        return printable("\n".join([self._summary(), *shown]))

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

    def _repr_html_(self) -> str:
        rows = "".join(
            "<tr>"
            + "".join(
                f"<td style='text-align:left'>{cell}</td>"
                for cell in (
                    "file" if problem.line is None else problem.line,
                    html.escape(problem.field),
                    html.escape(problem.found),
                    f"{problem.severity}: <a href='{html.escape(problem.source, quote=True)}'>{problem.rule}</a>, "
                    + html.escape(problem.why),
                    html.escape(problem.how_to_fix),
                )
            )
            + "</tr>"
            for problem in self.problems[: 5 * _SHOWN]
        )
        head = "".join(f"<th>{title}</th>" for title in ("line", "field", "found", "rule", "how to fix it"))
        table = f"<table><tr>{head}</tr>{rows}</table>" if rows else ""
        return f"<pre>{html.escape(self._summary())}</pre>{table}"
