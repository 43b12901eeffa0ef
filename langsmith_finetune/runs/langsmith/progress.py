"""How far a selection has come: how many pages a window gets, which runs are handed out, what is left."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from langsmith_finetune._printable import logger_of
from langsmith_finetune.runs.fields import role_of
from langsmith_finetune.runs.langsmith.newest_first import Order
from langsmith_finetune.runs.langsmith.read_apis import LATEST, V2
from langsmith_finetune.runs.langsmith.selection_state import SelectionState
from langsmith_finetune.runs.langsmith.window_reader import (
    Page,
    Reading,
    Selected,
    place_of,
)
from langsmith_finetune.runs.langsmith.windows import SHORTEST, Window, WindowPlan
from langsmith_finetune.runs.role_filter import Roles

if TYPE_CHECKING:
    from langsmith.types import Run

logger = logger_of(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of what is found is handed out: a sample of it, of some roles, no more than so many runs."""

    limit: int | None = None
    sample: float | None = None
    seed: int | str | None = None
    roles: Roles | None = None

    @property
    def useful(self) -> float:
        """How much of what is read it may be, so that pages are as large as a limit needs."""
        types = self.roles.agent_types if self.roles else ()
        return (self.sample or 1.0) * (0.1 if types and "root" not in types else 1.0)

    def has(self, run: Run) -> bool:
        """True if the run is among them. In the sample it always is for a seed, whatever else is selected."""
        return self.has_role_of(run) and self._samples(run)

    def has_role_of(self, run: Run) -> bool:
        """True if the run's call is of a role that is wanted."""
        return self.roles is None or self.roles.take(run)

    def _samples(self, run: Run) -> bool:
        if self.sample is None:
            return True
        digest = hashlib.blake2b(f"{self.seed}:{run.id or ''}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.sample * 2**64


class Progress:
    """What to read next, and what of it to hand out; knows nothing of how it is read."""

    def __init__(
        self,
        selected: Selected,
        state: SelectionState,
        share: Share,
        now: datetime,
        newest: datetime | None = None,
    ) -> None:
        until = min(selected.until or now + _CLOCKS_DIFFER, LATEST)
        if newest:
            until = min(until, newest + SHORTEST)
        if state.place:
            until = min(until, state.place[0] + SHORTEST)
        self._last, self._share = state.place, share
        self._left = math.inf if share.limit is None else share.limit - state.count
        self._useful = share.useful  # of what is read, as is to be expected
        self._read = self._given = 0
        self._unreadable = 0
        self._other_types = Counter[str]()  # of what was left out, as long as nothing was handed out
        self._settled = now - _SETTLED
        self._selected = selected
        self._order = Order()
        self._most = _FIRST_PAGE  # runs to ask for at once, for now
        self._weight = 0.0  # of a run, in bytes
        self._expired = 0
        self._plan = WindowPlan(selected.since, until, target=self._wanted())

    def windows(self) -> list[Window]:
        """Those that should be under way by now, the next one first; none at the end."""
        if self._left <= 0:
            return []
        self._plan.target = self._wanted()
        ahead = math.ceil(min(self._enough() / self._plan.target, AHEAD))
        return self._plan.ready(ahead)

    def reading(self, window: Window) -> Reading:
        """How to read one of them."""
        size = self._page_size(all_of_it=not window.divisible)
        if window.until > self._settled or self._expired > _MOST_EXPIRED:
            most = 1
        elif self._order.kept:
            most = math.ceil(min(PAGES + 1, self._enough() / size))
        else:
            most = 2 * PAGES if self._plan.knows_traffic else 2
        return Reading(page_size=size, most_pages=max(most, 1))

    def take(self, page: Page) -> Iterator[Run]:
        """The runs of the first window that are to be handed out."""
        window = self._plan.next[0]
        self._unreadable += len(page.unreadable)
        for error in page.unreadable:
            logger.warning("left out of the selection: %s", error)
        if page.trouble == "too_large":
            self._most = max(1, self._page_size() // 4)
            self._plan.again()
            return
        if page.trouble == "too_slow":
            self._most = max(1, self._page_size() // 2)
            self._plan.was_too_much([])
            return
        self._expired += page.trouble == "expired"
        self._weigh(page)
        self._order.look(page, window, is_ordered=self._selected.api.ordered)
        self._plan.random = self._order.broken
        starts = [place_of(run)[0] for run in page.runs]
        runs = page.runs
        if page.whole:
            self._plan.was_whole(starts)
        elif since := self._order.newest_since(page, window):
            runs = sorted((run for run in runs if place_of(run)[0] >= since), key=place_of, reverse=True)
            self._plan.was_whole([place_of(run)[0] for run in runs], since)
        else:
            target = min(_FULL * self._page_size(), self._enough())
            cut = self._order.checked_by(page, window, target)
            self._plan.was_too_much(starts, cut=cut)
            return
        left = deque(runs)
        self._read += len(runs)
        del runs, page
        while left and self._left > 0:
            found = left.popleft()  # so that one page is not kept for the sake of its last run
            if self._last is not None and place_of(found) >= self._last:
                continue
            if self._share.has(found):
                self._left -= 1
                self._given += 1
                yield found
            elif not self._given and not self._share.has_role_of(found):
                self._other_types[role_of(found).agent_type or "root"] += 1

    @property
    def is_empty(self) -> bool:
        """True if nothing was handed out, here or before."""
        return not self._given and self._last is None

    @property
    def left_out(self) -> str:
        """Why nothing that was read was handed out; empty if nothing was read."""
        roles, of_the_roles = self._share.roles, self._read - self._other_types.total()
        if of_the_roles:
            return (
                f"sample={self._share.sample} keeps none of {of_the_roles:,} runs that meet the conditions: give a larger "
                "sample, or another seed"
            )
        if roles is not None and self._read:
            asked = {"agents": roles.agents, "nodes": roles.nodes, "agent_types": roles.agent_types}
            wanted = ", ".join(f"{name}={[*values]}" for name, values in asked.items() if values)
            types = ", ".join(f"{name} ({count:,})" for name, count in self._other_types.most_common(5))
            return f"{wanted} leaves none of {self._read:,} runs that meet the other conditions: they are {types}"
        if self._unreadable:
            return f"none of {self._unreadable:,} runs that meet the conditions can be read; a warning of each says why"
        return ""

    def _enough(self) -> float:
        """A quarter more than is wanted, so that the first window is to hold it."""
        useful = max(self._given, 0.5) / self._read if self._read >= _TELLING else self._useful
        return max(20.0, self._left / useful * 1.25)

    def _wanted(self) -> float:
        """How many runs the next window should hold."""
        return min(PAGES * _FULL * self._page_size(), self._enough())

    def _page_size(self, *, all_of_it: bool = False) -> int:
        permitted = PAGE_BYTES / self._weight if self._weight else math.inf
        # Where they come in no order, the more there are the more they tell of where the newest are.
        enough = math.inf if self._order.broken or all_of_it else self._enough()
        return max(1, math.floor(min(permitted, self._most, enough, self._selected.api.page_size)))

    def _weigh(self, page: Page) -> None:
        count = len(page.runs) + len(page.unreadable)
        if count:
            weight = page.size / count
            self._weight = max(weight, (self._weight + weight) / 2)
        self._most = min(4 * self._most, V2.page_size)


PAGES = 4
"""Pages that a window is to hold: what is lost at its end is then a small part of it."""


AHEAD = 2
"""Windows under way at once, each a page at a time: with two seconds an answer, more would wait for the rate
limit. The memory that a selection takes is that of their pages, and of the window that is being handed out."""


PAGE_BYTES = 8_000_000
"""What a page is to hold at most, by what runs have weighed so far."""


_TELLING = 50  # runs read tell how many of them are wanted


_FIRST_PAGE = 250  # when nothing is known yet of their weight


_FULL = 0.95  # of the pages of a window; traffic varies, and one more page may hold but a few runs


_SETTLED = timedelta(minutes=5)  # what began before has arrived; until then, no cursor is safe


_CLOCKS_DIFFER = timedelta(hours=1)


_MOST_EXPIRED = 3
