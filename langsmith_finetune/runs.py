"""Choose the runs worth learning from."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import langsmith

from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.langsmith_api import (
    PAGE_SIZE,
    Conditions,
    IdLookup,
    aconnected,
    all_of,
    arun,
    connected,
    first_page,
    run,
)

if TYPE_CHECKING:
    from langsmith.types import Run


def select_runs(
    client: langsmith.Client | langsmith.Langsmith | None = None,
    *,
    project_name: str | None = None,
    project_id: str | uuid.UUID | None = None,
    root_error: bool | None = False,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    filter: str | None = None,  # noqa: A002 - LangSmith's own name for it
    trace_filter: str | None = None,
    limit: int | None = None,
) -> Iterator[Run]:
    """Yield the llm runs of a project that did not fail, within a time window.

    Nothing is requested before the first run is asked for, and no page before its first run is. The same
    code works in a script, a thread and a notebook, against any LangSmith server that has either read API.

    Args:
        client: A `langsmith.Langsmith` or a `langsmith.Client`. Default: one made from LANGSMITH_API_KEY,
            LANGSMITH_ENDPOINT and LANGSMITH_WORKSPACE_ID, and closed at the end.
        project_name: The project's name; or give `project_id`.
        project_id: The project's id.
        root_error: False keeps runs of traces that ended well as a whole (a good answer inside a failed
            trace is seldom worth learning), True those of failed traces, None those of any trace.
        start_time: The first start time wanted; one without a time zone is UTC. Default: all since the
            project began (LangSmith's own default is the last 24 hours). Runs past the plan's retention,
            14 or 400 days, are gone.
        end_time: The first start time not wanted. Default: none.
        filter: A further condition on the run, in LangSmith's filter language
            (https://docs.langchain.com/langsmith/trace-query-syntax).
        trace_filter: A further condition on the root of the run's trace, in the same language.
        limit: At most so many runs. Default: all.

    Yields:
        Runs in the form of LangSmith's v2 API, whichever API they came from. Newest first, as a rule;
        LangSmith promises no order.

    Raises:
        ValueError: If not exactly one of `project_name` and `project_id` is given, or there is no API key.
        langsmith.utils.LangSmithNotFoundError: If there is no such project.

    Example:
        >>> from langsmith_finetune import select_runs
        >>> runs = select_runs(project_name="support-bot", limit=1000)  # nothing is requested yet
    """
    _check(project_name, project_id, limit)
    conditions = Conditions(
        project_name=project_name,
        project_id=str(project_id) if project_id else None,
        start_time=start_time,
        end_time=end_time,
        filter=filter,
        trace_filter=all_of(_ROOT[root_error], trace_filter),
    )
    return _stream(client, conditions, limit)


def aselect_runs(
    client: langsmith.Client | langsmith.AsyncLangsmith | langsmith.Langsmith | None = None,
    *,
    project_name: str | None = None,
    project_id: str | uuid.UUID | None = None,
    root_error: bool | None = False,
    start_time: datetime | None = None,
    end_time: datetime | None = None,
    filter: str | None = None,  # noqa: A002 - LangSmith's own name for it
    trace_filter: str | None = None,
    limit: int | None = None,
) -> AsyncIterator[Run]:
    """Do as `select_runs`, without blocking the event loop.

    Args:
        client: A `langsmith.AsyncLangsmith` or a `langsmith.Client`; a `langsmith.Langsmith` is called in a
            thread. Default: one from the environment.
        project_name: See `select_runs`, as for all that follow.
        project_id: The project's id.
        root_error: Whether the root of the run's trace failed.
        start_time: The first start time wanted.
        end_time: The first start time not wanted.
        filter: A further condition on the run.
        trace_filter: A further condition on the root.
        limit: At most so many runs.

    Yields:
        Runs in the form of LangSmith's v2 API.

    Raises:
        ValueError: As `select_runs`.
        langsmith.utils.LangSmithNotFoundError: As `select_runs`.

    Example:
        >>> from langsmith_finetune import aselect_runs
        >>> async def count(project: str) -> int:
        ...     return sum([1 async for run in aselect_runs(project_name=project)])
    """
    _check(project_name, project_id, limit)
    conditions = Conditions(
        project_name=project_name,
        project_id=str(project_id) if project_id else None,
        start_time=start_time,
        end_time=end_time,
        filter=filter,
        trace_filter=all_of(_ROOT[root_error], trace_filter),
    )
    return _astream(client, conditions, limit)


# Not eq(error, false): the API refuses it, although `error` is a field of the filter language.
_ROOT = {False: 'eq(status, "success")', True: 'eq(status, "error")', None: None}


def _check(project_name: str | None, project_id: str | uuid.UUID | None, limit: int | None) -> None:
    if (project_name is None) == (project_id is None):
        raise ValueError("say which project: give either project_name or project_id")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}; leave it out for all runs")


def _stream(
    client: langsmith.Client | langsmith.Langsmith | None, conditions: Conditions, limit: int | None
) -> Iterator[Run]:
    with connected(client) as api:
        page = run(api, first_page(conditions, page_size=_page_size(limit)))
        while True:
            yield from page.runs[:limit]
            limit = limit and max(0, limit - len(page.runs))
            if page.next is None or limit == 0:
                return
            page = run(api, page.next)


async def _astream(
    client: langsmith.Client | langsmith.AsyncLangsmith | langsmith.Langsmith | None,
    conditions: Conditions,
    limit: int | None,
) -> AsyncIterator[Run]:
    async with aconnected(client) as api:
        page = await arun(api, first_page(conditions, page_size=_page_size(limit)))
        while True:
            for found in page.runs[:limit]:
                yield found
            limit = limit and max(0, limit - len(page.runs))
            if page.next is None or limit == 0:
                return
            page = await arun(api, page.next)


def _page_size(limit: int | None) -> int:
    return min(limit or PAGE_SIZE, PAGE_SIZE)


def fetch_runs(run_ids: Iterable[str | uuid.UUID], client: Any = None) -> Iterator[tuple[str, Any]]:
    """Fetch runs by their ids, a hundred a request: reading them singly is limited to 30 a minute.

    Args:
        run_ids: Ids, taken from the iterable page by page.
        client: A `langsmith.Langsmith`, a `langsmith.Client`, None for one from the environment, or any
            object with a method `read_run(run_id)`, such as a test's own.

    Yields:
        Each id with its run, or with None where there is no such run; in the order of the ids.
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
            yield from _matched(page, run(api, lookup.find(wanted)) if wanted else [])
            page = list(islice(ids, PAGE_SIZE))


async def afetch_runs(
    run_ids: Iterable[str | uuid.UUID], client: Any = None
) -> AsyncIterator[tuple[str, Any]]:
    """Do as `fetch_runs`, without blocking the event loop.

    Args:
        run_ids: Ids, taken from the iterable page by page.
        client: As for `aselect_runs`, or any object with a method `read_run(run_id)`, which is called in a
            thread.

    Yields:
        Each id with its run, or with None where there is no such run; in the order of the ids.
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
            for pair in _matched(page, await arun(api, lookup.find(wanted)) if wanted else []):
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


def _matched(run_ids: list[str | uuid.UUID], runs: list[Run]) -> Iterator[tuple[str, Run | None]]:
    found = {found.id: found for found in runs}
    for run_id in run_ids:
        yield str(run_id), found.get(_canonical(run_id))
