"""Cuts the time span of a selection into windows of a few pages.

Neither read API promises an order that can be relied upon, and a cursor can expire, or point to another place
once runs have come or gone. Windows do not overlap and a run's start never changes, so every run is in exactly
one of them, however it is read.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

SHORTEST = timedelta(milliseconds=1)
"""No window is cut finer: some servers keep times in milliseconds."""

_SHARE = 16
"""Of runs that came in no order, this part of the newest is read next: there may be many times as many."""

_MOST_COARSE = 3
"""So many of a sample must be in a window to say how wide it should be."""

_MANY = 30


@dataclass(frozen=True, slots=True)
class Window:
    """A span of start times, with its first moment and without its last."""

    since: datetime
    until: datetime

    @property
    def divisible(self) -> bool:
        """True if it can be cut finer."""
        return self.until - self.since > SHORTEST


class WindowPlan:
    """Which windows to read, the newest first.

    The first spans everything. If it cannot be read whole, windows are cut from its new end on, as wide as the
    runs seen so far suggest: by a sample of all of them where they come in no order, else by how many there
    were lately. Where they have become rare, the next window spans all that is left again.

    Args:
        since: The first moment.
        until: The end, which is not part of it.
        target: How many runs a window is to hold.
    """

    def __init__(self, since: datetime, until: datetime, *, target: float) -> None:
        since, until = floor(since), floor(until + SHORTEST)
        self.next = deque([Window(since, until)] if since < until else [])
        self.target = target
        self._open: set[Window] = set()  # those not asked for yet, which may be narrowed
        self._too_much = 0  # in a row
        # Of the windows read lately: what the traffic is like.
        self._runs, self._seconds = 0.0, 0.0
        self._rare = False  # the last held hardly any
        self._samples: list[Sample] = []  # the last is of the newest runs
        self.random = False  # what comes of a window that holds too much is a sample of it

    def ready(self, count: int) -> list[Window]:
        """The first windows, at most so many, made as wide as the traffic suggests. They may be read now."""
        ready: list[Window] = []
        while len(ready) < min(count, len(self.next)):
            at = len(ready)
            window = self.next[at]
            if window in self._open:
                cut = self._cut(window)
                if at and (cut is None or not self._sure):
                    break  # it is not known where the runs are: one window at a time
                self._open.remove(window)
                if cut is not None and cut > window.since:
                    self.next[at] = Window(cut, window.until)
                    self._insert_open(at + 1, Window(window.since, cut))
            ready.append(self.next[at])
        return ready

    @property
    def knows_traffic(self) -> bool:
        """True if windows are cut by what the traffic is like."""
        return bool(self._runs) and not self._rare

    def was_whole(self, starts: list[datetime], since: datetime | None = None) -> None:
        """The first window is done, or its newer part is, from a moment on; its runs started at these times."""
        window = self.next.popleft()
        done = Window(since or window.since, window.until)
        if since is not None:
            self._insert_open(0, Window(window.since, since))
        self._too_much = 0
        for sample in self._samples:
            sample.tell(done, len(starts))
        while self._samples and not self._samples[-1]:
            self._samples.pop()
        self._rare = since is None and len(starts) < self.target / 4 and not self._samples
        # A gap before them says nothing of how many come at once, and too many at once would be a loss.
        newest = max(starts, default=done.until) if self.random else done.until
        self._runs = self._runs / 2 + len(starts)
        self._seconds = self._seconds / 2 + max(newest - done.since, SHORTEST).total_seconds()

    def was_too_much(self, starts: list[datetime], *, cut: datetime | None = None) -> None:
        """Divide the first window, of which only some runs came, which started at these times.

        Args:
            starts: The times; none if it is only known that there are too many.
            cut: Where. Default: what suits runs that came in no order.
        """
        window = self.next.popleft()
        self._too_much += 1
        newest = sorted(starts, reverse=True)
        middle = window.since + (window.until - window.since) / 2
        if cut is None:
            cut = newest[len(newest) // _SHARE] if newest else middle
            if self._too_much % 3 == 0:  # in case that makes little progress
                cut = max(cut, middle)
        cut = min(max(floor(cut), window.since + SHORTEST), window.until - SHORTEST)
        self.next.appendleft(Window(cut, window.until))
        self._insert_open(1, Window(window.since, cut))
        self._runs = self._seconds = 0.0
        self._rare = False
        if self.random and newest:
            self._samples.append(Sample(newest))

    def again(self) -> None:
        """The first window is to be asked for once more, in smaller pages; it may be narrowed."""
        self._open.add(self.next[0])

    def _insert_open(self, at: int, window: Window) -> None:
        if window.since < window.until:
            self.next.insert(at, window)
            self._open.add(window)

    @property
    def _sure(self) -> bool:
        return not self._samples or self._samples[-1].sure

    def _cut(self, window: Window) -> datetime | None:
        """Where a window is to begin; None if nothing is known."""
        for sample in reversed(self._samples):
            if (cut := sample.cut(window, self.target)) is not None:
                return cut
        if not self.knows_traffic:
            return None
        seconds = self._seconds * self.target / max(self._runs, self.target / 8)  # a gap may end at any time
        width = max(timedelta(seconds=min(seconds, 1e9)), SHORTEST)
        return max(window.since, floor(window.until - width))


class Sample:
    """When some of many runs started, drawn at random: a map of where the others are.

    Args:
        starts: The times, the newest first.
    """

    def __init__(self, starts: list[datetime]) -> None:
        self._starts = starts
        self._runs = 0.0
        self._points = 0.0

    def __bool__(self) -> bool:
        return bool(self._starts)

    @property
    def sure(self) -> bool:
        """True if enough of it has been compared with what there was."""
        return self._points >= _MANY

    def tell(self, done: Window, runs: int) -> None:
        """Windows come newest first; this one held so many runs."""
        left = [start for start in self._starts if start < done.since]
        self._points = self._points / 2 + len(self._starts) - len(left)
        self._runs = self._runs / 2 + runs
        self._starts = left

    def cut(self, window: Window, target: float) -> datetime | None:
        """Where a window must begin to hold so many runs; None if the sample does not tell."""
        if not self._points or not self._starts:
            return None
        # What few points tell is not sure, and too much would be a loss.
        points = round(target * self._points / max(self._runs, 1) / (1 + 1 / math.sqrt(self._points)))
        inside = [start for start in self._starts if start < window.until]
        if points < _MOST_COARSE or not inside:
            return None
        return max(floor(inside[points]), window.since) if points < len(inside) else window.since


def in_order(starts: list[datetime]) -> bool:
    """True if the newest come first."""
    return all(newer >= older for newer, older in pairwise(starts))


def floor(time: datetime) -> datetime:
    """The millisecond in which a time is."""
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
