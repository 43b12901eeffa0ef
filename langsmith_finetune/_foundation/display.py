"""Where progress is shown: a card in a notebook, a line in a terminal, a few plain lines in a log.

`TQDM_DISABLE=1` switches all progress off, as it does for tqdm's own bars.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeAlias

from langsmith_finetune._foundation.notebook import CardPart, is_worker, prepare_notebook, shell
from langsmith_finetune._foundation.shown import Display
from langsmith_finetune._foundation.terminal import LogLines, TerminalLine

Place: TypeAlias = Literal["notebook", "terminal", "log"]

_is_off: ContextVar[bool] = ContextVar("progress is off", default=False)


@contextmanager
def progress_shown(shown: bool) -> Iterator[None]:  # noqa: FBT001 - its one argument
    """Show progress within, or show none: what `progress=` of a function says holds for all that it calls."""
    prepare_notebook()
    token = _is_off.set(not shown or _is_off.get())
    try:
        yield
    finally:
        _is_off.reset(token)


def place() -> Place | None:
    """Where the program runs; None where progress is switched off."""
    if _is_off.get() or os.environ.get("TQDM_DISABLE", "").lower() not in ("", "0", "false"):
        return None
    if is_worker():
        return "log"
    if shell() is not None:
        prepare_notebook()
        return "notebook"
    is_terminal = getattr(sys.stderr, "isatty", None)
    return "terminal" if is_terminal is not None and is_terminal() else "log"


def new_display(*, enabled: bool = True) -> Display:
    """What to show progress with, where the program runs.

    Args:
        enabled: Show it at all.
    """
    where = place() if enabled else None
    if where == "notebook":
        return CardPart()
    if where == "terminal":
        return TerminalLine()
    return LogLines() if where == "log" else Display()
