"""Fetches runs by their ids, and the llm runs of a trace."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import langsmith

from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.runs.langsmith.all_pages import TRACES_AT_ONCE, all_pages, take_by_id
from langsmith_finetune.runs.langsmith.feedback import FeedbackOfProjects
from langsmith_finetune.runs.langsmith.filters import is_one_of
from langsmith_finetune.runs.langsmith.projects import (
    Project,
    as_project,
    projects,
    without_first,
)
from langsmith_finetune.runs.langsmith.read_apis import (
    PAGE_SIZE,
    V1,
    V2,
    RunApi,
    RunQuery,
)
from langsmith_finetune.runs.langsmith.transport import (
    RequestPlan,
    aconnected,
    aexecute,
    connected,
    execute,
)
from langsmith_finetune.runs.langsmith.window_reader import just_before, place_of

if TYPE_CHECKING:
    from langsmith.types import Run


def fetch_runs(run_ids: Iterable[str | uuid.UUID], client: Any = None) -> Iterator[tuple[str, Any]]:
    """Fetch runs by their ids, a hundred per request: reading them singly is limited to 30 a minute.

    Args:
        run_ids: Ids, taken from the iterable page by page.
        client: A `langsmith.Langsmith`, a `langsmith.Client`, None for one from the environment, or any
            object with a method `read_run(run_id)`, such as a test's own.

    Yields:
        Each id with its run, with None where there is no such run, or with the `RunNotUsableError` that says
        why LangSmith's answer for it cannot be read; in the order of the ids.
    """
    if read_run := _own_read_run(client):
        for run_id in run_ids:
            yield str(run_id), read_run(run_id)
        return
    ids = iter(run_ids)
    if not (page := list(islice(ids, PAGE_SIZE))):
        return
    with connected(client) as api:
        lookup = IdLookup()
        while page:
            wanted = _possible(page)
            yield from _matched(page, execute(api, lookup.find_rated(wanted)) if wanted else {})
            page = list(islice(ids, PAGE_SIZE))


async def afetch_runs(
    run_ids: Iterable[str | uuid.UUID], client: Any = None
) -> AsyncIterator[tuple[str, Any]]:
    """Do as `fetch_runs`, without blocking the event loop.

    Args:
        run_ids: Ids, taken from the iterable page by page.
        client: As for `select_runs`, or any object with a method `read_run(run_id)`, which is called in a
            thread.

    Yields:
        Each id with its run, with None where there is no such run, or with the `RunNotUsableError` that says
        why LangSmith's answer for it cannot be read; in the order of the ids.
    """
    if read_run := _own_read_run(client):
        for run_id in run_ids:
            yield str(run_id), await asyncio.to_thread(read_run, run_id)
        return
    ids = iter(run_ids)
    if not (page := list(islice(ids, PAGE_SIZE))):
        return
    async with aconnected(client) as api:
        lookup = IdLookup()
        while page:
            wanted = _possible(page)
            for pair in _matched(page, await aexecute(api, lookup.find_rated(wanted)) if wanted else {}):
                yield pair
            page = list(islice(ids, PAGE_SIZE))


def not_found(run_id: str | uuid.UUID) -> RunNotUsableError:
    """The error for an id that LangSmith has no run for."""
    detail = "LangSmith has no run with this id in this workspace; it keeps runs for 14 days, or for 400"
    if not _possible([run_id]):
        detail = "this is not the id of a run, which is a UUID"
    return RunNotUsableError(str(run_id), "not_found", detail)


def _own_read_run(client: Any) -> Callable[[str | uuid.UUID], Any] | None:
    read_run = getattr(client, "read_run", None)
    # Of the type, not isinstance: a mock of langsmith.Client passes for one and has only its read_run.
    if read_run is None or issubclass(type(client), (langsmith.Client, langsmith.AsyncClient)):
        return None
    from langsmith.utils import LangSmithNotFoundError  # noqa: PLC0415 - loads an HTTP client

    def read(run_id: str | uuid.UUID) -> Any:
        try:
            return read_run(run_id)
        except LangSmithNotFoundError:
            return None

    return read


def _possible(run_ids: list[str | uuid.UUID]) -> list[str]:
    """The ids in canonical form, once each; one that is no UUID would fail the whole request."""
    ids = dict.fromkeys(_canonical(run_id) for run_id in run_ids)
    return [run_id for run_id in ids if run_id]


def _canonical(run_id: str | uuid.UUID) -> str | None:
    try:
        return str(uuid.UUID(str(run_id)))
    except ValueError:
        return None


def _matched(
    run_ids: list[str | uuid.UUID], found: Mapping[str, Run | RunNotUsableError]
) -> Iterator[tuple[str, Run | RunNotUsableError | None]]:
    for run_id in run_ids:
        yield str(run_id), found.get(_canonical(run_id) or "")


_KINDS_OF_PROJECTS: tuple[dict[str, Any], ...] = ({}, {"type": ["EXPERIMENT"]})


class IdLookup:
    """Finds runs by their ids, wherever they are.

    v1 needs nothing but the ids. v2 wants projects too; where v1 is gone, all of the workspace's are
    searched, a hundred at a time, and then its experiments, which v2 may list only if asked for them.
    """

    def __init__(self) -> None:
        self._apis = [V1, V2]
        self._projects: list[list[Project]] = []  # as far as they are listed
        self._feedback = FeedbackOfProjects()

    def find_rated(self, ids: Iterable[str]) -> RequestPlan[dict[str, Run | RunNotUsableError]]:
        """`find`, and what was said of the roots of the llm runs among them."""
        found = yield from self.find(ids)
        yield from self.add_feedback(run for run in found.values() if not isinstance(run, RunNotUsableError))
        return found

    def add_feedback(self, runs: Iterable[Run]) -> RequestPlan[None]:
        """Give llm runs that this has found what was said of the roots of their traces."""
        yield from self._feedback.add_to([run for run in runs if run.run_type == "LLM"], self._api)

    @property
    def _api(self) -> RunApi:
        return self._apis[0]

    def find(self, ids: Iterable[str]) -> RequestPlan[dict[str, Run | RunNotUsableError]]:
        """The runs with these ids (at most `PAGE_SIZE`) that exist, by their ids; or why one cannot be read."""
        query = RunQuery(ids=tuple(ids))
        found: dict[str, Run | RunNotUsableError] = {}
        try:
            if self._api is V1:
                take_by_id(found, (yield from V1.ask(query)))
                return found
            for number in range(len(_KINDS_OF_PROJECTS)):
                if not all(run_id in found for run_id in query.ids):
                    yield from self._search((yield from self._listed(number)), query, found)
        except langsmith.APIStatusError as error:
            self._apis = yield from without_first(self._apis, error)
            return (yield from self.find(query.ids))
        return found

    def _listed(self, number: int) -> RequestPlan[list[Project]]:
        """The projects of a kind; the same ones each time."""
        if number == len(self._projects):
            rows, _ = yield from projects(_KINDS_OF_PROJECTS[number])
            known = {project.id for listed in self._projects for project in listed}
            self._projects.append([
                as_project(row) for row in rows if isinstance(row.get("id"), str) and row["id"] not in known
            ])  # fmt: skip
        return self._projects[number]

    def _search(
        self, among: list[Project], query: RunQuery, found: dict[str, Run | RunNotUsableError]
    ) -> RequestPlan[None]:
        """Add what some projects have of the runs that are not found yet."""
        for at in range(0, len(among), PAGE_SIZE):
            if all(run_id in found for run_id in query.ids):
                return
            some = among[at : at + PAGE_SIZE]
            searched = replace(
                query,
                project_ids=tuple(project.id for project in some),
                since=just_before(min(project.started_at for project in some)),
            )
            yield from all_pages(V2, searched, found)

    def llm_runs_of(self, traces: Iterable[Run]) -> RequestPlan[list[Run | RunNotUsableError]]:
        """The llm runs that did not fail, of the traces of some runs that `find` gave, in no order."""
        by_project: dict[str, list[Run]] = {}
        for trace in traces:
            if isinstance(trace.project_id, str) and isinstance(trace.trace_id, str):
                by_project.setdefault(trace.project_id, []).append(trace)
        found: dict[str, Run | RunNotUsableError] = {}
        for project_id, runs in by_project.items():
            for at in range(0, len(runs), TRACES_AT_ONCE):
                some = runs[at : at + TRACES_AT_ONCE]
                query = RunQuery(
                    project_ids=(project_id,),
                    llm=True,
                    error=False,
                    since=just_before(min(place_of(run)[0] for run in some)),
                    trace_filter=is_one_of("id", dict.fromkeys(run.trace_id or "" for run in some)),
                )
                yield from all_pages(self._api, query, found)
        return list(found.values())
