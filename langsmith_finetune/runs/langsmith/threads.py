"""Reads the llm runs of threads: of the traces whose roots name a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import langsmith

from langsmith_finetune._foundation.passes import Source
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.runs.langsmith.all_pages import all_pages
from langsmith_finetune.runs.langsmith.filters import any_of, names_thread
from langsmith_finetune.runs.langsmith.projects import Project, find_project, without_first
from langsmith_finetune.runs.langsmith.read_apis import RunApi, RunQuery
from langsmith_finetune.runs.langsmith.transport import RequestPlan
from langsmith_finetune.runs.langsmith.window_reader import just_before, place_of

if TYPE_CHECKING:
    from langsmith.types import Run

logger = logger_of(__name__)

_AT_ONCE = 20
"""Threads of one request."""


class ThreadRuns:
    """The llm runs of threads, some threads at a time."""

    def __init__(self, ids: Source[Any], name: str | None, project_id: str | None, limit: int | None) -> None:
        self._source, self._ids = ids, self._all(ids)
        self._asked_for = 0
        self._name, self._project_id = name, project_id
        self._left = limit
        self._project: Project | None = None
        self._apis: list[RunApi] = []
        self._empty: list[str] = []

    def _all(self, given: Iterable[Any]) -> Iterator[str]:
        seen: set[str] = set()
        for index, each in enumerate(given):
            found = str(each)
            if isinstance(each, (bytes, type(None))) or not found.strip():
                raise ValueError(f"ids[{index}] must be the id of a thread, which is text, not {each!r}")
            if found not in seen:
                seen.add(found)
                yield found

    def more(self) -> RequestPlan[list[Run] | None]:
        """The next runs; None at the end."""
        wanted = list(islice(self._ids, _AT_ONCE)) if self._left != 0 else []
        if not wanted:
            return None
        self._asked_for += len(wanted)
        if self._project is None:
            self._project, self._apis = yield from find_project(self._name, self._project_id)
        query = RunQuery(
            project_ids=(self._project.id,),
            llm=True,
            error=False,
            since=just_before(self._project.started_at),
            trace_filter=any_of(names_thread(each) for each in wanted),
        )
        runs = self._readable((yield from self._asked(query)).values())
        places = {each: index for index, each in enumerate(wanted)}
        runs.sort(key=lambda run: (places.get(str(run.thread_id), len(places)), place_of(run)))
        threads = {str(run.thread_id) for run in runs}
        if threads <= places.keys():  # what names another, or none, belongs to one of them nevertheless
            self._empty += [each for each in wanted if each not in threads]
        runs = runs[: self._left]
        if self._left is not None:
            self._left -= len(runs)
        return runs

    def _asked(self, query: RunQuery) -> RequestPlan[dict[str, Run | RunNotUsableError]]:
        """The runs, by the API that the server has."""
        while True:
            found: dict[str, Run | RunNotUsableError] = {}
            try:
                yield from all_pages(self._apis[0], query, found)
            except langsmith.APIStatusError as error:
                self._apis = yield from without_first(self._apis, error)
            else:
                return found

    def _readable(self, runs: Iterable[Run | RunNotUsableError]) -> list[Run]:
        readable = []
        for run_or_why in runs:
            if isinstance(run_or_why, RunNotUsableError):
                logger.warning("left out of the threads: %s", run_or_why)
            else:
                readable.append(run_or_why)
        return readable

    def tell_what_is_missing(self) -> None:
        """Warn of threads that have no runs, and of no threads."""
        if not self._asked_for:
            logger.warning("runs_of_threads gives nothing: %s", self._source.emptiness)
        if self._empty:
            first = ", ".join(map(repr, self._empty[:3])) + (", ..." if len(self._empty) > 3 else "")
            logger.warning(
                "%d threads have no llm run that did not fail in this project: %s. The id of a thread is what the "
                "application calls it; runs_of_traces takes ids of traces",
                len(self._empty),
                first,
            )
