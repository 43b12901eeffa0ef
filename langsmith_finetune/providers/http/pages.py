"""Reads a host's list page by page, and stops where a host would page without end.

A list that cannot be read must not be taken for an empty one: a job that is not found is created, and paid for,
again. So whatever is odd about a list is an error, and the only quiet ends are the host's own word, and the window
below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from langsmith_finetune._foundation.json_values import id_from
from langsmith_finetune.errors import ProviderError

WINDOW_ITEMS = 1_000
WINDOW_DAYS = 90
"""A list is read to its end, or until it has shown the newest `WINDOW_ITEMS` and all of the last `WINDOW_DAYS`."""

MOST_ITEMS = 20_000
"""A list that is longer, and still within the window, is refused."""

_MOST_EMPTY = 20
"""Pages in a row may have nothing new: some hosts filter a page after they have cut it."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Args:
        items: What it holds, as it came.
        following: What asks for the next page; None at the end.
        promised: The host said that more follows. Where False, it said nothing, and the end is a page without
            anything new.
    """

    items: Any
    following: str | None
    promised: bool = True


def read_pages(
    provider: str,
    what: str,
    read: Callable[[str | None], Page],
    *,
    key: str = "id",
    created: Callable[[dict[str, Any]], datetime | None] | None = None,
) -> Iterator[dict[str, Any]]:
    """The items of a list, each once.

    Args:
        provider: The provider's name, for errors.
        what: What is listed, for errors: `"jobs"`.
        read: Asks for a page; None asks for the first.
        key: Where an item has its id.
        created: When an item was created. Given, a list that shows the newest first is left once the window is
            covered.

    Raises:
        ProviderError: The list is none, an item is none, it goes round in circles, or it never ends.
    """
    seen: set[str] = set()
    asked: set[str | None] = set()
    window, cursor, empty = _Window(created), None, 0
    for _ in range(MOST_ITEMS):
        page = read(cursor)
        asked.add(cursor)
        if not isinstance(page.items, list):
            raise _unreadable(provider, what, "is no list", temporary=True)
        before = len(seen)
        for item in page.items:
            id_ = id_from(item.get(key)) if isinstance(item, dict) else None
            if id_ is None:
                raise _unreadable(provider, what, f"has an item without {key}", temporary=True)
            if id_ not in seen:
                seen.add(id_)
                yield item
                window.add(item)
        is_new = len(seen) > before
        if page.following is None or window.is_covered or not (is_new or page.promised):
            return
        empty = 0 if is_new else empty + 1
        if page.following in asked:
            raise _unreadable(provider, what, "goes round in circles")
        if empty == _MOST_EMPTY:
            raise _unreadable(provider, what, f"has {_MOST_EMPTY} pages in a row with nothing new")
        if len(seen) >= MOST_ITEMS:
            break
        cursor = page.following
    raise _unreadable(provider, what, f"has no end after {len(seen):,} items")


class _Window:
    """How far a list that shows the newest first has been read."""

    def __init__(self, created: Callable[[dict[str, Any]], datetime | None] | None) -> None:
        self._created = created
        self._last: datetime | None = datetime.max.replace(tzinfo=UTC)
        self._oldest_wanted = datetime.now(UTC) - timedelta(days=WINDOW_DAYS)
        self._items = 0

    def add(self, item: dict[str, Any]) -> None:
        """Note an item; one that is out of order, or has no time, opens the window for good."""
        self._items += 1
        if self._last is not None:
            when = None if self._created is None else self._created(item)
            self._last = when if when is not None and when <= self._last else None

    @property
    def is_covered(self) -> bool:
        """All that is left is old."""
        return self._items >= WINDOW_ITEMS and self._last is not None and self._last < self._oldest_wanted


def _unreadable(provider: str, what: str, how: str, *, temporary: bool = False) -> ProviderError:
    return ProviderError(
        provider,
        f"the list of {what} {how}, so it cannot be read whole. Nothing was created; call again later, and tell the "
        "provider if it stays so",
        temporary=temporary,
    )
