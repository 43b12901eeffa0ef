"""Shows how far the steps of a pipeline are: `runs read 1,204`, `lines written 1,187`.

A notebook shows each step that takes a while. A terminal shows one line, while a function runs that goes through
everything by itself (`write_jsonl`, `load`), so that what a loop of yours prints stays whole. A log shows nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sized
from contextvars import copy_context
from threading import Timer
from types import TracebackType
from typing import Any, Self, TypeVar

from langsmith_finetune._foundation.display import place
from langsmith_finetune._foundation.notebook import CardPart
from langsmith_finetune._foundation.shown import Display, Shown
from langsmith_finetune._foundation.terminal import TerminalLine

T = TypeVar("T")

_WHILE_SECONDS = 0.7
"""What is done sooner is not shown."""


class Step:
    """One step, from its first thing to its last.

    Args:
        what: What it counts: `"runs read"`.
        total: How many there will be, where that is known.
        goes_through: It goes through everything by itself, not as fast as a caller asks.
        counts: There is something to count; else it is one thing that takes its time.

    Example:
        >>> with Step("runs read") as step:
        ...     for run in ("a", "b"):
        ...         step.add()
        >>> step.count
        2
    """

    def __init__(
        self, what: str, *, total: int | None = None, goes_through: bool = False, counts: bool = True
    ) -> None:
        self.what, self.total = what, total
        self.count = 0
        self._counts_things = counts
        self._goes_through = goes_through
        self._display: Display | None = None
        self._timer: Timer | None = None
        self._is_due = False

    def add(self) -> None:
        """Count one more."""
        self.count += 1
        if self._is_due:
            self._show()

    def __enter__(self) -> Self:
        self._display = self._new_display()
        if self._display is not None:
            # In a context of its own, which knows the cell that its output belongs to.
            self._timer = Timer(_WHILE_SECONDS, copy_context().run, args=(self._begin,))
            self._timer.daemon = True
            self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._display is not None and self._is_due:
            self._is_due = False
            done = "" if self._counts_things else "done"
            self._display.show(self._shown(done if kind is None else "stopped", ended=True))
            self._display.close()

    def _new_display(self) -> Display | None:
        where = place()
        if where == "notebook":
            return CardPart(above=True)
        return TerminalLine() if where == "terminal" and self._goes_through else None

    def _begin(self) -> None:
        self._is_due = True
        self._show()

    def _show(self) -> None:
        if self._display is not None:
            self._display.show(self._shown())

    def _shown(self, status: str = "", *, ended: bool = False) -> Shown:
        return Shown(
            title=self.what,
            count=self._counts(ended=ended),
            status=status,
            done=None if self.total is None else self.count,
            total=None if ended else self.total,
            ended=ended,
        )

    def _counts(self, *, ended: bool) -> str:
        of = f" of {self.total:,}" if self.total is not None and not ended else ""
        number = f"{self.count:,}{of}" if self._counts_things else ""
        return number if ended else f"{number} …".strip()


def watched(
    what: str, things: Iterable[T], *, total: int | None = None, goes_through: bool = False
) -> Iterable[T]:
    """The same things, counted where somebody sees it. Give it to `for` at once, so that the loop's end is its own.

    Args:
        what: What is counted: `"examples made"`.
        things: The things. Where nobody sees it, they are returned as they are, which costs nothing.
        total: How many there will be; by default asked of the things themselves.
        goes_through: As for `Step`.
    """
    if place() not in ({"notebook", "terminal"} if goes_through else {"notebook"}):
        return things
    return _counted(Step(what, total=total or length_of(things), goes_through=goes_through), things)


def length_of(things: Any) -> int | None:
    """How many things there are, where they say so without being gone through."""
    return len(things) if isinstance(things, Sized) else None


def _counted(step: Step, things: Iterable[T]) -> Generator[T]:
    with step:
        for thing in things:
            step.add()
            yield thing
