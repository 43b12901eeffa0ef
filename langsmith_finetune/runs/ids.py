"""Replaces run ids by their runs.

LangSmith's client is imported with the first id, so that a loader over runs at hand does without it.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import groupby
from typing import Any

from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.runs.fields import is_id

_AT_ONCE = 100


def ids_replaced(runs: Iterable[Any], client: Any) -> Iterator[Any]:
    """The runs, with each id replaced by its run, or by the error that there is none."""
    for are_ids, group in groupby(runs, key=is_id):
        if are_ids:
            from langsmith_finetune.runs.langsmith.by_id import fetch_runs, not_found  # noqa: PLC0415

            for run_id, run in fetch_runs(group, client):
                yield not_found(run_id) if run is None else run
        else:
            yield from group


async def aids_replaced(runs: AsyncIterable[Any], client: Any) -> AsyncIterator[Any]:
    """`ids_replaced` without blocking the event loop."""
    ids: list[Any] = []
    async for run in runs:
        if is_id(run):
            ids.append(run)
            if len(ids) < _AT_ONCE:
                continue
        async for found in _fetched(ids, client):
            yield found
        ids = []
        if not is_id(run):
            yield run
    async for found in _fetched(ids, client):
        yield found


def runs_found(ids: Iterable[str], client: Any) -> list[Any]:
    """The runs with these ids that there are, and that can be read."""
    from langsmith_finetune.runs.langsmith.by_id import fetch_runs  # noqa: PLC0415

    return [run for _, run in fetch_runs(ids, client) if _is_run(run)]


async def aruns_found(ids: Iterable[str], client: Any) -> list[Any]:
    """`runs_found` without blocking the event loop."""
    from langsmith_finetune.runs.langsmith.by_id import afetch_runs  # noqa: PLC0415

    return [run async for _, run in afetch_runs(ids, client) if _is_run(run)]


def _is_run(run: Any) -> bool:
    return bool(run) and not isinstance(run, RunNotUsableError)


async def _fetched(ids: list[Any], client: Any) -> AsyncIterator[Any]:
    if not ids:
        return
    from langsmith_finetune.runs.langsmith.by_id import afetch_runs, not_found  # noqa: PLC0415

    async for run_id, run in afetch_runs(ids, client):
        yield not_found(run_id) if run is None else run
