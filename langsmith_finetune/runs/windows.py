"""Cut the time that a selection spans into windows that a page holds whole.

Neither read API promises an order, and a cursor can expire, or point to another place once runs have come or
gone. A window that one page holds needs no cursor and is read at one moment; windows do not overlap and a
run's start never changes, so every run is in exactly one of them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

SHORTEST = timedelta(milliseconds=1)
"""No window is cut finer: some servers keep times in milliseconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of start times, with its first moment and without its last."""

    since: datetime
    until: datetime

    @property
    def divisible(self) -> bool:
        """Whether it can be cut finer."""
        return self.until - self.since > SHORTEST


class WindowPlan:
    """Which windows to read, the newest first.

    The first spans everything. If a page does not hold it, windows are cut from its new end on, as wide as
    the runs seen so far suggest.

    Args:
        since: The first moment.
        until: The end, which is not part of it.
        page_size: How many runs a page holds.
    """

    def __init__(self, since: datetime, until: datetime, *, page_size: int) -> None:
        since, until = _floor(since), _floor(until + SHORTEST)
        self.next = deque([Window(since, until)] if since < until else [])
        self.target = max(
            1, page_size * 4 // 5
        )  # runs a window; traffic varies, and an overfull page is lost
        self._open: set[Window] = set()  # those not asked for yet, which may be narrowed
        self._width = until - since
        # Of the windows read lately: what the traffic is like.
        self._runs, self._seconds = 0.0, 0.0

    def narrow(self, count: int) -> None:
        """Make the first windows, so many of them, as wide as the traffic suggests. They may be read now."""
        for at in range(count):
            if at == len(self.next):
                return
            window = self.next[at]
            if window in self._open:
                self._open.remove(window)
                cut = _floor(window.until - self._width)
                if cut > window.since:
                    self.next[at] = Window(cut, window.until)
                    self._insert_open(at + 1, Window(window.since, cut))

    def was_whole(self, runs: int, since: datetime | None = None) -> None:
        """The first window is done, or its newer part is, from a moment on; so many runs were in it."""
        window = self.next.popleft()
        if since is not None:
            self._insert_open(0, Window(window.since, since))
            self._runs = self._seconds = 0.0  # denser than thought
        self._learn(runs, window.until - (since or window.since))

    def was_too_much(self, starts: list[datetime]) -> None:
        """Divide the first window, of which a page held only the runs that started at these times."""
        window = self.next.popleft()
        in_order = all(newer >= older for newer, older in pairwise(starts))
        middle = window.since + (window.until - window.since) / 2
        # After as many runs as fit, if they came newest first.
        cut = _floor(starts[min(self.target, len(starts)) - 1] if starts and in_order else middle)
        cut = min(max(cut, window.since + SHORTEST), window.until - SHORTEST)
        self.next.appendleft(Window(cut, window.until))
        self._insert_open(1, Window(window.since, cut))
        self._width = window.until - cut
        if starts and in_order:
            self._runs = self._seconds = 0.0  # denser than thought
            self._learn(self.target, max(max(starts) - cut, SHORTEST))
        elif starts:
            self._learn(2 * len(starts), window.until - window.since)  # at the least

    def _insert_open(self, at: int, window: Window) -> None:
        self.next.insert(at, window)
        self._open.add(window)

    def _learn(self, runs: int, width: timedelta) -> None:
        self._runs = self._runs / 2 + runs
        self._seconds = self._seconds / 2 + width.total_seconds()
        likely = self._seconds * self.target / max(self._runs, self.target / 8)  # a gap may end at any time
        expected = timedelta(seconds=min(likely, 1e9))
        self._width = max(expected, SHORTEST if runs else self._width)


def _floor(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
