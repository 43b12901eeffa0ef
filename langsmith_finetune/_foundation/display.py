"""Where progress is shown: a card in a notebook, a line in a terminal, a few plain lines in a log.

A cell of a notebook has one card, which all that it does shares. Nothing of it goes to stderr, which notebooks show
in red. `TQDM_DISABLE=1` switches all progress off, as it does for tqdm's own bars.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.extras import without_tqdm_warning
from langsmith_finetune._foundation.html import NOTHING, Html, bar, card, concat, element
from langsmith_finetune._printable import printable, printable_line

if TYPE_CHECKING:
    from tqdm.std import tqdm

Place: TypeAlias = Literal["notebook", "terminal", "log"]

_SECONDS_BETWEEN = 0.4
_SECONDS_BETWEEN_LINES = 60.0
_USUAL_COLUMNS = 120
_BAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What there is to show of something at one moment.

    Args:
        title: What it is of: a job, a file.
        count: How many there are, beside the title.
        status: Where it stands, in a word or two.
        done: How much is done; None where that is not known.
        total: Of how much.
        facts: Names and values, such as `{"train loss": "0.41"}`.
        drawing: Something to draw below, in a notebook.
        note: A sentence that stays.
        ended: Nothing more happens to it.
    """

    title: str
    count: str = ""
    status: str = ""
    done: float | None = None
    total: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    drawing: Html = NOTHING
    note: str = ""
    ended: bool = False

    @property
    def fraction(self) -> float | None:
        """How much of it is done, from 0 to 1."""
        if self.done is None or not self.total:
            return None
        return min(max(self.done / self.total, 0.0), 1.0)

    def __str__(self) -> str:
        heading = ": ".join(filter(None, (self.title, " ".join(filter(None, (self.count, self.status))))))
        facts = [f"{name} {value}" for name, value in self.facts.items()]
        return printable_line(", ".join(filter(None, (heading, *facts, self.note))))

    def html(self) -> Html:
        """The same as markup."""
        words = [element("span", self.title, f"{_WORDS};font-weight:600")] if self.title else []
        words += [element("span", text, _WORDS) for text in (self.count, self.status) if text]
        for name, value in self.facts.items():
            words.append(element("span", concat([element("span", f"{name} ", "opacity:.75"), value]), _WORDS))
        fraction = self.fraction
        rows = [
            element("div", concat(words)) if words else "",
            bar(fraction) if fraction is not None else "",
            self.drawing,
            element("div", self.note, "margin-top:.3em") if self.note else "",
        ]
        return element("div", concat(rows), "padding:.15em 0")


_WORDS = "display:inline-block;margin-right:1.2em"


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
    if _is_worker():
        return "log"
    if shell() is not None:
        prepare_notebook()
        return "notebook"
    is_terminal = getattr(sys.stderr, "isatty", None)
    return "terminal" if is_terminal is not None and is_terminal() else "log"


def _is_worker() -> bool:
    """True in a process of a pool's, which shares the terminal, or a copy of the kernel, with others."""
    pool = sys.modules.get("multiprocessing.process")
    return pool is not None and pool.parent_process() is not None


def shell() -> Any:
    """IPython's shell where a notebook's kernel runs it; None elsewhere, as in a terminal."""
    ipython = sys.modules.get("IPython")
    found = getattr(ipython, "get_ipython", lambda: None)()
    return found if getattr(found, "kernel", None) is not None else None


def prepare_notebook() -> None:
    """In a notebook, show warnings of this library in the cell's card, unless the program has set up logging."""
    ours = logging.getLogger(__name__.partition(".")[0])
    if shell() is not None and not any(isinstance(handler, _WarningsInCard) for handler in ours.handlers):
        without_tqdm_warning()
        ours.addHandler(_WarningsInCard(logging.WARNING))


class Display:
    """Shows nothing; what inherits from it shows something."""

    draws = False
    """There is room for a drawing."""

    def __init__(self) -> None:
        self._last: tuple[str, float] | None = None

    def show(self, shown: Shown, *, now: bool = False) -> None:
        """Show it, unless the last one was shown just before.

        Args:
            shown: What there is to show.
            now: Show it in any case.
        """
        seconds, last = time.monotonic(), self._last
        if (
            now
            or shown.ended
            or last is None
            or last[0] != shown.status
            or seconds - last[1] > _SECONDS_BETWEEN
        ):
            self._last = (shown.status, seconds)
            self._draw(shown)

    def say(self, text: str) -> None:
        """Say something that stays."""

    def close(self) -> None:
        """Leave what is shown as it is."""

    def _draw(self, shown: Shown) -> None:
        pass


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

    def _draw(self, shown: Shown) -> None:
        self._card.put(self, shown, above=self._above)

    def say(self, text: str) -> None:
        """Say it below the other things."""
        self._card.put(object(), Shown(title="", note=printable(text), ended=True))


class _Card:
    """The card of a cell."""

    def __init__(self) -> None:
        self._parts: dict[object, Shown] = {}
        self._handle: Any = None
        self._lock = RLock()

    def put(self, part: object, shown: Shown, *, above: bool = False) -> None:
        """Show a part in its place. One of the same title that has ended, as in a loop, gives its place to it."""
        with self._lock, suppress(Exception):  # what is only a display must not end what it shows
            if part not in self._parts:
                self._make_room(part, shown, above=above)
            self._parts[part] = shown
            self._send()

    def _make_room(self, part: object, shown: Shown, *, above: bool) -> None:
        same = {key for key, old in self._parts.items() if old.ended and old.title == shown.title != ""}
        kept = {key: old for key, old in self._parts.items() if key not in same}
        lasting = {key: old for key, old in kept.items() if above and not old.ended}
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


class _WarningsInCard(logging.Handler):
    """Shows warnings where Python would write them to stderr: it does so as long as nobody has set up logging."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a warning, unless another handler takes it."""
        ours = logging.getLogger(record.name.partition(".")[0])
        others = [*logging.getLogger().handlers, *(other for other in ours.handlers if other is not self)]
        if others:
            return
        if shell() is None or _is_worker():  # a copy of the kernel, in which nothing can be shown
            print(record.getMessage(), file=sys.stderr)  # noqa: T201
        else:
            CardPart().say(f"{record.levelname.lower()}: {record.getMessage()}")


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
