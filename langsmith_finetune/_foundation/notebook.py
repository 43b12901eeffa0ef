"""Progress in a notebook: one card for each cell, which all that the cell does shares.

Nothing of it goes to stderr, which notebooks show in red.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from itertools import count
from threading import RLock
from typing import Any

from langsmith_finetune._foundation.extras import without_tqdm_warning
from langsmith_finetune._foundation.html import card, concat
from langsmith_finetune._foundation.shown import Display, Shown
from langsmith_finetune._printable import printable


def shell() -> Any:
    """IPython's shell where a notebook's kernel runs it; None elsewhere, as in a terminal."""
    ipython = sys.modules.get("IPython")
    found = getattr(ipython, "get_ipython", lambda: None)()
    return found if getattr(found, "kernel", None) is not None else None


def is_worker() -> bool:
    """True in a process of a pool's, which shares the terminal, or a copy of the kernel, with others."""
    pool = sys.modules.get("multiprocessing.process")
    return pool is not None and pool.parent_process() is not None


def prepare_notebook() -> None:
    """In a notebook, show warnings of this library in the cell's card, unless the program has set up logging."""
    ours = logging.getLogger(__name__.partition(".")[0])
    if shell() is not None and not any(isinstance(handler, _WarningsInCard) for handler in ours.handlers):
        without_tqdm_warning()
        ours.addHandler(_WarningsInCard(logging.WARNING))


class _WarningsInCard(logging.Handler):
    """Shows warnings where Python would write them to stderr: it does so as long as nobody has set up logging."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a warning, unless another handler takes it."""
        ours = logging.getLogger(record.name.partition(".")[0])
        others = [*logging.getLogger().handlers, *(other for other in ours.handlers if other is not self)]
        if others:
            return
        if shell() is None or is_worker():  # a copy of the kernel, in which nothing can be shown
            print(record.getMessage(), file=sys.stderr)  # noqa: T201
        else:
            CardPart().say(f"{record.levelname.lower()}: {record.getMessage()}")


class CardPart(Display):
    """A part of the card of the cell in which it was begun.

    Args:
        above: What is begun later is shown above it while it lasts, since it is done before it.
    """

    draws = True

    def __init__(self, *, above: bool = False) -> None:
        super().__init__()
        self._above = above
        self._card = _card_of_this_cell()
        self.number = next(_numbers)

    def _draw(self, shown: Shown) -> None:
        self._card.put(self, shown, above=self._above)

    def say(self, text: str) -> None:
        """Say it below the other things."""
        self._card.put(CardPart(), Shown(title="", note=printable(text), ended=True))


_numbers = count()


class _Card:
    """The card of a cell."""

    def __init__(self) -> None:
        self._parts: dict[CardPart, Shown] = {}
        self._handle: Any = None
        self._lock = RLock()

    def put(self, part: CardPart, shown: Shown, *, above: bool = False) -> None:
        """Show a part in its place. One of the same title that has ended, as in a loop, gives its place to it."""
        with self._lock, suppress(Exception):  # what is only a display must not end what it shows
            if part not in self._parts:
                self._make_room(part, shown, above=above)
            self._parts[part] = shown
            self._send()

    def _make_room(self, part: CardPart, shown: Shown, *, above: bool) -> None:
        same = {key for key, old in self._parts.items() if old.ended and old.title == shown.title != ""}
        kept = {key: old for key, old in self._parts.items() if key not in same}
        before = {key: old for key, old in kept.items() if key.number < part.number}
        lasting = {key: old for key, old in before.items() if above and not old.ended}
        self._parts = {key: old for key, old in kept.items() if key not in lasting} | {part: shown} | lasting

    def _send(self) -> None:
        from IPython.display import display  # noqa: PLC0415 - there is one, since a kernel runs this

        parts = self._parts.values()
        data = {
            "text/plain": "\n".join(map(str, parts)),
            "text/html": card("", concat(part.html() for part in parts)),
        }
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)


_newest: tuple[Any, _Card] | None = None


def _card_of_this_cell() -> _Card:
    global _newest  # noqa: PLW0603 - there is one notebook
    cell = (id(shell()), getattr(shell(), "execution_count", None))
    if _newest is None or _newest[0] != cell:
        _newest = (cell, _Card())
    return _newest[1]
