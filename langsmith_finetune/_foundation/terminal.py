"""Progress in a terminal, as a line, and in a log, as a few."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.shown import Display, Shown
from langsmith_finetune._printable import printable

if TYPE_CHECKING:
    from tqdm.std import tqdm

_SECONDS_BETWEEN_LINES = 60.0
_USUAL_COLUMNS = 120
_BAR = 12


class TerminalLine(Display):
    """A line that tqdm keeps up to date. It has no clock of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[Any] | None = None

    def _draw(self, shown: Shown) -> None:
        from tqdm.std import tqdm  # noqa: PLC0415 - not tqdm.auto, which wants ipywidgets

        fraction = shown.fraction
        room = _columns() - (1 if fraction is None else _BAR + 4)
        text = str(shown) if len(str(shown)) <= room else f"{str(shown)[: room - 1]}…"
        text = text.replace("{", "{{").replace("}", "}}")
        form = text if fraction is None else f"|{{bar:{_BAR}}}| {text}"
        if self._bar is None:
            self._bar = tqdm(total=1.0, bar_format=form, leave=True, ncols=_columns(), nrows=20)
        self._bar.ncols = _columns()
        self._bar.bar_format = form
        self._bar.n = fraction or 0.0
        self._bar.refresh()

    def say(self, text: str) -> None:
        """Say it on a line of its own."""
        from tqdm.std import tqdm  # noqa: PLC0415

        tqdm.write(printable(text))

    def close(self) -> None:
        """Leave the line."""
        if self._bar is not None:
            self._bar.close()


def _columns() -> int:
    """The width of the terminal; tqdm shows nothing where one says that it has none, as some do."""
    with suppress(OSError, ValueError, AttributeError):
        return os.get_terminal_size(sys.stderr.fileno()).columns or _USUAL_COLUMNS
    return _USUAL_COLUMNS


class LogLines(Display):
    """A line for each new status, and one a minute in between, so that a log stays short."""

    def __init__(self) -> None:
        super().__init__()
        self._said: tuple[str, str, str] | None = None
        self._said_at = 0.0

    def _draw(self, shown: Shown) -> None:
        heading, now = (shown.title, shown.status, shown.note), clock().now()
        if heading != self._said or now - self._said_at > _SECONDS_BETWEEN_LINES:
            self._said, self._said_at = heading, now
            print(shown, file=sys.stderr)  # noqa: T201

    def say(self, text: str) -> None:
        """Say it on a line of its own."""
        print(printable(text))  # noqa: T201
