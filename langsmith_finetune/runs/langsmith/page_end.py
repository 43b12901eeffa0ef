"""Stops following pages where a server would page without end."""

from __future__ import annotations

from collections.abc import Collection, Hashable

import langsmith

MOST_AT_ONCE = 50_000
"""Runs that started in the same millisecond, or things of a list, that are held at once."""

_SPARE_PAGES = 20
_FEW = 10


class Pages:
    """Counts the pages of one reading, and ends it with LangSmith's name where they lead nowhere.

    A cursor that comes again, and pages that hold next to nothing new, have no end. Ten new things a page are
    enough, or half of what was asked for, and twenty pages may hold less.

    Args:
        what: What is read, for the error: "runs of one millisecond".
        page_size: How many things a page was asked to hold.
        most: How many things it may come to.

    Example:
        >>> pages = Pages("projects")
        >>> pages.turned(["a", "b"], cursor="1")
        >>> pages.turned(["b"], cursor="1")
        Traceback (most recent call last):
            ...
        langsmith.LangsmithError: LangSmith returns the same cursor again and again for projects
    """

    def __init__(self, what: str, page_size: int = 100, *, most: int | None = None) -> None:
        self._what, self._most = what, most
        self._few = min(_FEW, page_size / 2)
        self._pages = 0
        self._cursors: set[str] = set()
        self._seen: set[Hashable] = set()

    def turned(self, things: Collection[Hashable], *, cursor: str | None) -> None:
        """A page came with these things, told apart by their ids, and with what to send for the next.

        Raises:
            langsmith.LangsmithError: If the pages lead nowhere.
        """
        if cursor is None:
            return
        self._pages += 1
        self._seen.update(things)
        if cursor in self._cursors:
            raise _endless(f"returns the same cursor again and again for {self._what}")
        self._cursors.add(cursor)
        if self._pages > _SPARE_PAGES + len(self._seen) / self._few:
            raise _endless(
                f"returns page after page of {self._what} with next to nothing new in them: {len(self._seen)} in "
                f"{self._pages} pages, and there is said to be more"
            )
        if self._most is not None and len(self._seen) > self._most:
            raise _endless(f"has more than {self._most} {self._what}, more than can be read at once")


def _endless(text: str) -> langsmith.LangsmithError:
    return langsmith.LangsmithError(f"LangSmith {text}")
