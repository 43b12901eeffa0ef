"""What a command prints: its product on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from langsmith_finetune._printable import printable, printable_line

_WIDEST = 60


class Output:
    """Where a command prints to. Escape sequences in what it prints are escaped.

    Args:
        as_json: Print one JSON document in place of text.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    @property
    def shows_progress(self) -> bool:
        """True if somebody watches stderr."""
        return sys.stderr.isatty()

    def product(self, text: str, document: Any) -> None:
        """Print what the command is for.

        Args:
            text: For people, and for pipes that take lines.
            document: For `--json`: JSON values; anything else in it is printed as its text.
        """
        if self.as_json:
            _print(json.dumps(document, ensure_ascii=True, indent=1, default=str))
        else:
            _print(printable(text))

    def rows(self, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Print rows: a table on a terminal, tab-separated lines to a pipe, a list of objects with `--json`."""
        cells = [
            ["" if row.get(name) is None else printable_line(str(row[name])) for name in columns]
            for row in rows
        ]
        if self.as_json:
            self.product("", [dict(row) for row in rows])
        elif not sys.stdout.isatty():
            for each in cells:
                _print("\t".join(cell.replace("\t", " ") for cell in each))
        elif cells:
            shown = [list(columns), *([cell[:_WIDEST] for cell in each] for each in cells)]
            widths = [max(len(row[place]) for row in shown) for place in range(len(columns))]
            for row in shown:
                _print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def note(self, text: str) -> None:
        """Say something on stderr."""
        sys.stderr.write(printable(text) + "\n")
        sys.stderr.flush()


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
