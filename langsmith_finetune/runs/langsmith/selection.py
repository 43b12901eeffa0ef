"""Reads a selection of runs window by window, several at once, and remembers how far it came."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.counted import counted
from langsmith_finetune._foundation.html import card, facts
from langsmith_finetune._foundation.watched import Step
from langsmith_finetune._printable import logger_of, printable_line
from langsmith_finetune.runs.langsmith.progress import AHEAD, Progress, Share
from langsmith_finetune.runs.langsmith.selection_state import SelectionState
from langsmith_finetune.runs.langsmith.transport import aconnected, aexecute, connected, execute
from langsmith_finetune.runs.langsmith.why_empty import why_empty
from langsmith_finetune.runs.langsmith.window_reader import (
    Conditions,
    Page,
    Selected,
    find_selection,
    place_of,
)
from langsmith_finetune.runs.langsmith.windows import Window

if TYPE_CHECKING:
    from langsmith.types import Run

logger = logger_of(__name__)


class Selection:
    """The runs of `select_runs`, the newest first: by start time, and by id where that is the same.

    Iterate with `for` or with `async for`; `iter(selection)` gives an iterator for `next`. No request is made before
    the first run is asked for, and none after a loop is left.

    Iterating again starts again, with the same requests. No run that began after the first pass is in a later one.
    A warning says so if the pass before was left early: `resume` goes on where it stopped.

    A selection that turns out empty logs which condition leaves nothing, and which feedback keys, tags, models and
    names the project has, for which it makes about ten more requests.

    Example:
        >>> import os
        >>> from langsmith_finetune import select_runs
        >>> runs = select_runs(project_name="support-bot")
        >>> runs.state.count  # no run was read yet
        0
    """

    def __init__(self, client: Any, conditions: Conditions, state: SelectionState, share: Share) -> None:
        self._client, self._conditions, self._share = client, conditions, share
        self._start = self._state = state
        self._passes = 0
        self._left_early = False
        self._newest: datetime | None = None  # no later pass returns a run that began after this

    explains_itself = True
    """It logs why it is empty."""

    @property
    def state(self) -> SelectionState:
        """How far the latest pass has come: up to the last run that it returned.

        Give it to `select_runs(..., resume=state)`, in this or in another process, to go on with the next run.
        """
        return self._state

    def __iter__(self) -> Generator[Run]:
        this, newest = self._begin_pass()
        with (
            self._step() as step,
            closing(_stream(self._client, self._conditions, self._start, self._share, newest)) as runs,
        ):
            for found in runs:
                step.add()
                self._take(this, found)
                yield found
        self._left_early = False

    async def __aiter__(self) -> AsyncGenerator[Run]:
        this, newest = self._begin_pass()
        stream = _astream(self._client, self._conditions, self._start, self._share, newest)
        with self._step() as step:
            async with aclosing(stream) as runs:
                async for found in runs:
                    step.add()
                    self._take(this, found)
                    yield found
        self._left_early = False

    def _step(self) -> Step:
        return Step(f"runs of {self._project()}", total=None)

    def __repr__(self) -> str:
        return printable_line(f"<Selection of {self._project()}: {self._said()}>")

    def _repr_html_(self) -> str:
        asked, share = self._conditions, self._share
        conditions = {
            "project": self._project(),
            "from": asked.start_time,
            "until": asked.end_time,
            "failed themselves": {True: "yes", False: "no", None: ""}[asked.error],
            "condition on the run": asked.filter,
            "condition on the root": asked.trace_filter,
            "condition on the trace": asked.tree_filter,
            "sample": share.sample,
            "at most": share.limit,
            "read so far": self._said(),
        }
        return card("Selection", facts(conditions))

    def _project(self) -> str:
        return f"project {self._conditions.project_name or self._conditions.project_id}"

    def _said(self) -> str:
        count = self._state.count
        if not self._passes:
            return "nothing is requested before the first run is asked for"
        return counted(count, "run")

    def _begin_pass(self) -> tuple[int, datetime | None]:
        if self._left_early:
            logger.warning(
                "the selection was left after %d runs, and starts again from its first run, with the same requests. To "
                "go on instead, call select_runs(..., resume=selection.state)",
                self._state.count,
            )
        newest = self._newest
        self._newest = newest or datetime.now(UTC)
        self._passes += 1
        self._state, self._left_early = self._start, False
        return self._passes, newest

    def _take(self, this: int, found: Run) -> None:
        if this == self._passes:
            if self._passes == 1 and self._state is self._start and self._newest is not None:
                self._newest = max(self._newest, place_of(found)[0])  # its clock may be ahead of ours
            self._state, self._left_early = self._state.after(found), True


def _stream(
    client: Any, conditions: Conditions, state: SelectionState, share: Share, newest: datetime | None
) -> Generator[Run]:
    with connected(client) as api:
        selected = execute(api, find_selection(conditions))
        progress = _begin(selected, state, share, newest)
        pool = ThreadPoolExecutor(AHEAD, thread_name_prefix="select_runs")
        reading: dict[Window, Future[Page]] = {}
        try:
            while windows := progress.windows():
                for window in windows:
                    if window not in reading:
                        talk = selected.read(window, progress.reading(window))
                        reading[window] = pool.submit(execute, api, talk)
                runs = deque(progress.take(reading.pop(windows[0]).result()))
                execute(api, selected.add_from_roots(runs))
                while runs:
                    yield runs.popleft()
            if progress.is_empty:
                logger.warning("%s", execute(api, why_empty(selected, progress.left_out)))
        finally:
            api.closing = True
            pool.shutdown(cancel_futures=True)


async def _astream(
    client: Any, conditions: Conditions, state: SelectionState, share: Share, newest: datetime | None
) -> AsyncGenerator[Run]:
    async with aconnected(client) as api:
        selected = await aexecute(api, find_selection(conditions))
        progress = _begin(selected, state, share, newest)
        reading: dict[Window, asyncio.Task[Page]] = {}
        try:
            while windows := progress.windows():
                for window in windows:
                    if window not in reading:
                        talk = selected.read(window, progress.reading(window))
                        reading[window] = asyncio.create_task(aexecute(api, talk))
                runs = deque(progress.take(await reading.pop(windows[0])))
                await aexecute(api, selected.add_from_roots(runs))
                while runs:
                    yield runs.popleft()
            if progress.is_empty:
                logger.warning("%s", await aexecute(api, why_empty(selected, progress.left_out)))
        finally:
            for task in reading.values():
                task.cancel()
            await asyncio.gather(*reading.values(), return_exceptions=True)


def _begin(selected: Selected, state: SelectionState, share: Share, newest: datetime | None) -> Progress:
    now = datetime.now(UTC)
    kept = selected.project.kept_days
    if kept is not None and (cut := now - timedelta(days=kept)) > max(
        selected.since, selected.project.started_at
    ):
        logger.warning(
            "LangSmith keeps the traces of this project for %d days, those with feedback and those that were upgraded "
            "for longer: most of what started before %s is gone. Pass a later start_time= to silence this warning",
            kept,
            f"{cut:%Y-%m-%d}",
        )
    return Progress(selected, state, share, now, newest)
