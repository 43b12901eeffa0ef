"""Finds out if a server returns the newest runs first. It is believed once it was seen."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from langsmith_finetune.runs.langsmith.window_reader import Page, place_of
from langsmith_finetune.runs.langsmith.windows import SHORTEST, Window, floor

Place: TypeAlias = tuple[datetime, str]

_TELLING = 4
"""So many different times, in order, are no accident."""

_MOST_WRONG = 2


class Order:
    """What the pages of a selection tell about the order in which they come.

    Pages of one window that go on where the last ended show that the newest come first; so does a page of a wide
    window whose runs are those that its newer part turns out to have. A run out of order disproves it for good.
    """

    def __init__(self) -> None:
        self.kept = False
        self.broken = False
        self._guess: tuple[Window, list[Place]] | None = None
        self._wrong = 0  # guesses; runs that arrive late can make one wrong

    def look(self, page: Page, window: Window, *, is_ordered: bool) -> None:
        """Learn from what a window held.

        Args:
            page: What it held, or some of it.
            window: The window.
            is_ordered: The server was asked to give the newest first.
        """
        guess, self._guess = self._guess, None
        if not page.ordered:
            self.kept, self.broken = False, True
        elif not self.broken:
            self.kept |= is_ordered or (page.pages > 1 and len(_times(page)) >= _TELLING)
            if guess is not None and not self.kept:
                self.kept = guess[0] == window and _agrees(page, guess[1])
                self._wrong += not self.kept
                self.broken = self._wrong == _MOST_WRONG

    def newest_since(self, page: Page, window: Window) -> datetime | None:
        """From which moment on some runs of a window are all that it holds; None if that is not known."""
        return _since(page, window) if self.kept else None

    def checked_by(self, page: Page, window: Window, target: float) -> datetime | None:
        """From where on to read a window again, to see whether these are its newest; None if they are not.

        Args:
            page: The newest runs of the window, if it gives the newest first.
            window: The window, which holds more.
            target: How many runs the newer part is to hold.
        """
        since = None if self.kept or self.broken else _since(page, window)
        if since is None:
            return None
        newer = _places(page, since)
        newest, oldest = newer[0][0], newer[-1][0]
        cut = floor(newest - min((newest - oldest) * max(1.0, target / len(newer)), newest - window.since))
        if cut <= window.since:
            cut = floor(oldest)
        self._guess = (Window(cut, window.until), newer)
        return cut


def _agrees(page: Page, guess: list[Place]) -> bool:
    """True if a page holds what was guessed, but for what has arrived since."""
    found = [place for place in _places(page) if place[0] <= guess[0][0]]
    return found == guess if page.whole else len(found) >= _TELLING and found == guess[: len(found)]


def _since(page: Page, window: Window) -> datetime | None:
    times = _times(page)
    if not page.ordered or len(times) < _TELLING:
        return None
    since = floor(min(times)) + SHORTEST  # of its last moment, there may be more
    return since if since <= max(times) and since < window.until else None


def _places(page: Page, since: datetime | None = None) -> list[Place]:
    places = sorted(map(place_of, page.runs), reverse=True)
    return [place for place in places if since is None or place[0] >= since]


def _times(page: Page) -> set[datetime]:
    return {place_of(run)[0] for run in page.runs}
