"""Read a selection of runs window after window, several at once, and remember how far it came."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import warnings
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

from langsmith_finetune.runs.api import Conditions, Page, Selected, find_selection, place_of
from langsmith_finetune.runs.roles import Roles
from langsmith_finetune.runs.talk import aconnected, arun, connected, run
from langsmith_finetune.runs.versions import utc
from langsmith_finetune.runs.windows import SHORTEST, Window, WindowPlan

if TYPE_CHECKING:
    from langsmith.types import Run

AHEAD = 4
"""Windows under way at once: at two seconds an answer, more would only wait for the rate limit. The memory
that a selection takes is at most that of so many pages, and of the one that is being handed out."""

_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionState:
    """How far a selection has come: enough to go on after the last run that was taken.

    Args:
        conditions: What the selection asks for: a fingerprint of each condition, by its name.
        last_start_time: When the last run that was taken started, ISO 8601.
        last_id: Its id.
        count: How many runs were taken.

    Example:
        >>> import json
        >>> kept = json.dumps(SelectionState(count=2, last_id="b").to_dict())
        >>> SelectionState.from_dict(json.loads(kept)).count
        2
    """

    conditions: Mapping[str, str] = field(default_factory=dict)
    last_start_time: str | None = None
    last_id: str | None = None
    count: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "conditions": dict(self.conditions),
            "last_start_time": self.last_start_time,
            "last_id": self.last_id,
            "count": self.count,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` gave.

        Raises:
            ValueError: If it is something else.
        """
        if set(data) != {"conditions", "last_start_time", "last_id", "count"}:
            raise ValueError(
                "resume must be the state of a selection, or its to_dict(): conditions, last_start_time, "
                f"last_id and count, not {', '.join(sorted(map(str, data))) or 'nothing'}"
            )
        return cls(**data)

    def after(self, run: Run) -> SelectionState:
        """The state when this run has been taken too."""
        start, run_id = place_of(run)
        return SelectionState(
            conditions=self.conditions,
            last_start_time=start.isoformat(),
            last_id=run_id,
            count=self.count + 1,
        )

    @property
    def place(self) -> tuple[datetime, str] | None:
        """Where the last run stands in the order."""
        if self.last_start_time is None:
            return None
        return utc(datetime.fromisoformat(self.last_start_time)), self.last_id or ""


def start_of(
    conditions: Mapping[str, Any], resume: SelectionState | Mapping[str, Any] | None
) -> SelectionState:
    """The state to begin in.

    Args:
        conditions: By name, all that decides which runs are selected.
        resume: The state of an earlier selection with the same conditions, if any.

    Raises:
        ValueError: If the conditions are not the same.
    """
    prints = {name: _fingerprint(value) for name, value in conditions.items() if value is not None}
    if resume is None:
        return SelectionState(conditions=prints)
    state = resume if isinstance(resume, SelectionState) else SelectionState.from_dict(resume)
    other = sorted(
        name for name in {*prints, *state.conditions} if prints.get(name) != state.conditions.get(name)
    )
    if other:
        raise ValueError(
            f"resume is the state of another selection, with a different {', '.join(other)}: give the "
            "conditions that it was made with, or leave resume out to begin anew"
        )
    return state


def _fingerprint(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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
        """Whether the run is among them. In the sample it always is for a seed, whatever else is selected."""
        if self.roles is not None and not self.roles.take(run):
            return False
        if self.sample is None:
            return True
        digest = hashlib.blake2b(f"{self.seed}:{run.id or ''}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.sample * 2**64


class Progress:
    """What to read next, and what of it to hand out; knows nothing of how it is read."""

    def __init__(self, selected: Selected, state: SelectionState, share: Share, now: datetime) -> None:
        until = selected.until or now + _CLOCKS_DIFFER
        if state.place:
            until = min(until, state.place[0] + SHORTEST)
        self._last, self._share = state.place, share
        self._left = math.inf if share.limit is None else share.limit - state.count
        self._useful = share.useful
        # A quarter more than is wanted, so that the first window is to hold it.
        enough = max(20.0, self._left / self._useful * 1.25)
        self.page_size = math.ceil(min(enough, selected.page_size))
        self._plan = WindowPlan(selected.since, until, page_size=self.page_size)

    def windows(self) -> list[Window]:
        """Those that should be under way by now, the next one first; none at the end."""
        if self._left <= 0:
            return []
        ahead = math.ceil(min(self._left / self._useful / self._plan.target, AHEAD))
        self._plan.narrow(ahead)
        return list(islice(self._plan.next, ahead))

    def take(self, page: Page) -> Iterator[Run]:
        """The runs of the first window that are to be handed out."""
        if not page.whole:
            self._plan.was_too_much([place_of(run)[0] for run in page.runs])
            return
        self._plan.was_whole(len(page.runs), page.since)
        left = deque(page.runs)
        while left and self._left > 0:
            found = left.popleft()  # so that one page is not kept for the sake of its last run
            if (self._last is None or place_of(found) < self._last) and self._share.has(found):
                self._left -= 1
                yield found


class Selection(Iterator["Run"]):
    """The runs of `select_runs`, the newest first: by start time, and by id where that is the same.

    Nothing is requested before the first run is asked for. `state` can be kept at any time, and given to
    `select_runs(..., resume=state)` in another process: it goes on with the run after the last that was
    taken. A selection that is not read to its end is ended by `close()`, or when nothing refers to it.
    """

    def __init__(self, client: Any, conditions: Conditions, state: SelectionState, share: Share) -> None:
        self._state = state
        self._runs = _stream(client, conditions, state, share)

    def __next__(self) -> Run:
        found = next(self._runs)
        self._state = self._state.after(found)
        return found

    @property
    def state(self) -> SelectionState:
        """How far it has come: up to the last run that was taken."""
        return self._state

    def close(self) -> None:
        """Ask for no more."""
        self._runs.close()


class AsyncSelection(AsyncIterator["Run"]):
    """`Selection`, for async code."""

    def __init__(self, client: Any, conditions: Conditions, state: SelectionState, share: Share) -> None:
        self._state = state
        self._runs = _astream(client, conditions, state, share)

    async def __anext__(self) -> Run:
        found = await anext(self._runs)
        self._state = self._state.after(found)
        return found

    @property
    def state(self) -> SelectionState:
        """How far it has come: up to the last run that was taken."""
        return self._state

    async def aclose(self) -> None:
        """Ask for no more."""
        await self._runs.aclose()


def _stream(client: Any, conditions: Conditions, state: SelectionState, share: Share) -> Generator[Run]:
    with connected(client) as api:
        selected = run(api, find_selection(conditions))
        progress = _begin(selected, state, share)
        pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="select_runs")
        reading: dict[Window, Future[Page]] = {}
        try:
            while windows := progress.windows():
                for window in windows:
                    if window not in reading:
                        talk = selected.read(window, progress.page_size)
                        reading[window] = pool.submit(run, api, talk)
                yield from progress.take(reading.pop(windows[0]).result())
        finally:
            api.closing = True
            pool.shutdown(cancel_futures=True)


async def _astream(
    client: Any, conditions: Conditions, state: SelectionState, share: Share
) -> AsyncGenerator[Run]:
    async with aconnected(client) as api:
        selected = await arun(api, find_selection(conditions))
        progress = _begin(selected, state, share)
        reading: dict[Window, asyncio.Task[Page]] = {}
        try:
            while windows := progress.windows():
                for window in windows:
                    if window not in reading:
                        talk = selected.read(window, progress.page_size)
                        reading[window] = asyncio.create_task(arun(api, talk))
                for found in progress.take(await reading.pop(windows[0])):
                    yield found
        finally:
            for task in reading.values():
                task.cancel()
            await asyncio.gather(*reading.values(), return_exceptions=True)


def _begin(selected: Selected, state: SelectionState, share: Share) -> Progress:
    now = datetime.now(UTC)
    kept = selected.project.kept_days
    if kept is not None and (cut := now - timedelta(days=kept)) > max(
        selected.since, selected.project.started_at
    ):
        warnings.warn(
            f"LangSmith keeps the traces of this project for {kept} days, those with feedback and those that "
            f"were upgraded for longer: most of what started before {cut:%Y-%m-%d} is gone. A later start_time "
            "says that this is known",
            stacklevel=4,
        )
    return Progress(selected, state, share, now)
