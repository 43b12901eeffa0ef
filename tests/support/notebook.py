"""A notebook's display, without a kernel: what is shown in the cell, as it is in the end."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from langsmith_finetune._foundation import display, notebook, shown, watched


class Cell:
    """Stands for IPython's shell and its `display`; a cell more begins with `next()`.

    Args:
        monkeypatch: Of pytest.
    """

    def __init__(self, monkeypatch: Any) -> None:
        pytest.importorskip("IPython")
        self.kernel = object()
        self.execution_count = 1
        self.outputs: list[dict[str, str]] = []
        self.updates = 0
        for module in (display, notebook):
            monkeypatch.setattr(module, "shell", lambda: self)
        monkeypatch.setattr(notebook, "_newest", None)
        monkeypatch.setattr(logging.getLogger("langsmith_finetune"), "handlers", [])
        monkeypatch.setattr("IPython.display.display", self._display)

    def next(self) -> None:
        """Go on to the next cell."""
        self.execution_count += 1

    @property
    def text(self) -> str:
        """What the only card shows, as text."""
        [output] = self.outputs
        return output["text/plain"]

    @property
    def page(self) -> str:
        """What the only card shows, as markup."""
        [output] = self.outputs
        return output["text/html"]

    def _display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> _Handle:
        assert raw
        assert display_id
        self.outputs.append(data)
        return _Handle(self, len(self.outputs) - 1)


def show_at_once(monkeypatch: Any) -> None:
    """Show every step from its beginning, and each count."""

    class Timer:
        def __init__(self, seconds: float, function: Any, args: Any) -> None:
            self.start = lambda: function(*args)
            self.cancel = lambda: None

    monkeypatch.setattr(watched, "Timer", Timer)
    monkeypatch.setattr(shown, "_SECONDS_BETWEEN", -1.0)


class _Handle:
    def __init__(self, cell: Cell, place: int) -> None:
        self._cell, self._place = cell, place

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self._cell.updates += 1
        self._cell.outputs[self._place] = data
