"""What LangSmith is asked: for projects, for runs by condition and by id, and for lists of runs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune.runs.filters import is_one_of
from langsmith_finetune.runs.talk import NOT_OFFERED, Call, Talk, took_too_long
from langsmith_finetune.runs.versions import PAGE_SIZE, RUN_FIELDS, V1, V2, RunApi, RunQuery, timestamp, utc
from langsmith_finetune.runs.windows import SHORTEST, Window

if TYPE_CHECKING:
    from langsmith.types import Run
    from langsmith.utils import LangSmithError

# A project that its first trace created starts after that trace's runs did.
_EARLY = timedelta(days=1)

# https://docs.langchain.com/langsmith/administration-overview#data-retention
_KEPT_DAYS = {"shortlived": 14, "longlived": 400}

# A server that was too slow for a shorter span than this would be so for half of it.
_SHORT = timedelta(days=1)

# What a server may answer to a cursor that it has forgotten.
_EXPIRED = (400, 404, 410, 422)
_MOST_PASSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A tracing project, which v1 calls a session. An experiment is one too."""

    id: str
    started_at: datetime
    kept_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Which llm runs of a project are wanted; `None` is no condition."""

    project_name: str | None = None
    project_id: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    error: bool | None = None
    filter: str | None = None
    trace_filter: str | None = None
    tree_filter: str | None = None
    fields: tuple[str, ...] = RUN_FIELDS
    example_of_root: bool = False  # give each run the dataset example that its root was made for


@dataclass(frozen=True, slots=True)
class Page:
    """The runs of a window, the newest first; or, if they are too many, some of them as they came.

    Args:
        runs: The runs.
        whole: They are all that the window holds.
        since: If not None, they are all from this moment on.
    """

    runs: list[Run]
    whole: bool
    since: datetime | None = None


def find_selection(conditions: Conditions) -> Talk[Selected]:
    """Find the project, and which read APIs to ask.

    Raises:
        LangSmithNotFoundError: If there is no such project.
        LangSmithError: If the server has no endpoint for projects.
    """
    info = yield from _if_offered(Call(lambda client: client.info.list()))
    project = yield from _project(conditions)
    flags = (info and info.instance_flags) or {}
    if not flags.get("ch_query_enabled", True):
        apis = [V2]  # v1 would answer 501
    elif info is None or _speaks_v2(info.version or "", flags):
        apis = [V2, V1]
    else:
        apis = [V1, V2]
    return Selected(conditions, project, apis)


def _speaks_v2(version: str, flags: dict[str, object]) -> bool:
    if flags.get("sdb_query_enabled"):
        return True
    number = re.match(r"v?(\d+)\.(\d+)", version)
    return number is None or (int(number[1]), int(number[2])) >= (0, 16)


class Selected:
    """The runs of a project that meet the conditions, to be read a window of time after another."""

    def __init__(self, conditions: Conditions, project: Project, apis: list[RunApi]) -> None:
        self.project = project
        self.since = utc(conditions.start_time) if conditions.start_time else project.started_at - _EARLY
        self.until = utc(conditions.end_time) if conditions.end_time else None
        self._conditions = conditions
        self._apis = apis  # the first is asked; once one has answered, there is no other
        self._answered = False

    @property
    def page_size(self) -> int:
        """How many runs may come at once, by the API that is asked first."""
        return self._apis[0].page_size

    def read(self, window: Window, page_size: int) -> Talk[Page]:
        """The runs that started in a window.

        Raises:
            LangSmithError: If the server offers neither API.
        """
        while True:
            api = self._apis[0]
            try:
                page = yield from self._read(api, window, min(page_size, api.page_size))
            except langsmith.APIStatusError as error:
                if error.status_code not in NOT_OFFERED or self._answered:
                    raise
                if not self._apis[1:]:
                    raise (yield from _no_such_api("run query")) from None
                self._apis = self._apis[1:]
                continue
            self._answered = True
            if page.whole and self._conditions.example_of_root:
                yield from self._take_examples_from_roots(api, page.runs)
            return page

    def _read(self, api: RunApi, window: Window, page_size: int) -> Talk[Page]:
        """One page, as a rule; where that cannot be, all that the cursors lead to, until it is sure."""
        query = self._query(window, page_size)
        found: dict[str, Run] = {}
        for attempt in range(_MOST_PASSES):
            before, cursor, seen, settled = len(found), None, set[str](), True
            while True:
                try:
                    answer = yield from api.ask(query, cursor)
                except langsmith.LangsmithError as error:
                    if query.divisible and took_too_long(error):
                        return Page([], whole=False)
                    if cursor is None or not _expired(error) or attempt == _MOST_PASSES - 1:
                        raise
                    settled, before = False, -1
                    break
                for run in answer.runs:
                    settled &= run.id not in seen
                    seen.add(run.id or "")
                    found[run.id or ""] = run
                cursor = answer.cursor
                if cursor is None:
                    break
                if window.divisible and len(found) >= page_size:
                    return (
                        _newest(list(found.values()), window)
                        if api.ordered and _in_order(answer.runs)
                        else Page([*found.values()], whole=False)
                    )
            # A run that came twice tells that the pages moved, and another may have slipped between them.
            if settled or (attempt and len(found) == before):
                break
        return Page(sorted(found.values(), key=place_of, reverse=True), whole=True)

    def _query(self, window: Window, page_size: int) -> RunQuery:
        wanted = self._conditions
        return RunQuery(
            project_ids=(self.project.id,),
            llm=True,
            error=wanted.error,
            since=max(window.since, self.since),
            until=min(window.until, self.until or window.until),
            filter=wanted.filter,
            trace_filter=wanted.trace_filter,
            tree_filter=wanted.tree_filter,
            fields=wanted.fields,
            page_size=page_size,
            divisible=window.until - window.since > _SHORT,
        )

    def _take_examples_from_roots(self, api: RunApi, runs: list[Run]) -> Talk[None]:
        traces = dict.fromkeys(run.trace_id for run in runs if run.trace_id and not run.reference_example_id)
        examples: dict[str | None, str | None] = {}
        for ids in _pages(filter(None, traces)):
            query = RunQuery(
                project_ids=(self.project.id,),
                ids=ids,
                since=self.project.started_at - _EARLY,
                fields=("ID", "REFERENCE_EXAMPLE_ID"),
            )
            answer = yield from api.ask(query)
            examples |= {root.id: root.reference_example_id for root in answer.runs}
        for run in runs:
            run.reference_example_id = run.reference_example_id or examples.get(run.trace_id)


def _in_order(runs: list[Run]) -> bool:
    """Newest first, as v1 promises; a server that does not keep it must not cost runs."""
    return all(place_of(newer)[0] >= place_of(older)[0] for newer, older in pairwise(runs))


def _newest(runs: list[Run], window: Window) -> Page:
    """The newer part of a window, of which these are the newest runs; it is whole but for the last moment."""
    oldest = min(place_of(run)[0] for run in runs)
    since = oldest.replace(microsecond=oldest.microsecond // 1000 * 1000) + SHORTEST
    newer = [run for run in runs if place_of(run)[0] >= since]
    if not newer or since >= window.until:
        return Page(runs, whole=False)
    return Page(sorted(newer, key=place_of, reverse=True), whole=True, since=since)


def place_of(run: Run) -> tuple[datetime, str]:
    """Where a run stands in the order of a selection."""
    start = run.start_time
    return (utc(start) if isinstance(start, datetime) else _NEVER, run.id or "")


_NEVER = datetime(1970, 1, 2, tzinfo=UTC)


def _expired(error: Exception) -> bool:
    return isinstance(error, langsmith.APIStatusError) and error.status_code in _EXPIRED


def _pages(ids: Iterable[str]) -> list[tuple[str, ...]]:
    given = list(ids)
    return [tuple(given[at : at + PAGE_SIZE]) for at in range(0, len(given), PAGE_SIZE)]


def _if_offered(call: Call) -> Talk[Any]:
    """The answer, or None where the server has no such endpoint."""
    try:
        return (yield call)
    except langsmith.APIStatusError as error:
        if error.status_code not in NOT_OFFERED:
            raise
        return None


def _get(path: str, params: dict[str, Any]) -> Call:
    return Call(lambda client: client.get(path, cast_to=object, options={"params": params}))


def _no_such_api(what: str) -> Talk[LangSmithError]:
    from langsmith.utils import LangSmithError  # noqa: PLC0415 - loads an HTTP client

    url = yield from _base_url()
    return LangSmithError(
        f"{url} offers no {what} endpoint, neither v1 nor v2: LANGSMITH_ENDPOINT must be the address of the "
        "API (https://api.smith.langchain.com), not of the website"
    )


def _not_found(what: str, name: str | None, given_id: str | None) -> Talk[Exception]:
    from langsmith.utils import LangSmithNotFoundError  # noqa: PLC0415 - loads an HTTP client

    url = yield from _base_url()
    return LangSmithNotFoundError(
        f"LangSmith has no {what} {f'with the id {given_id}' if given_id else f'named {name!r}'} at {url} "
        "in this workspace: check the spelling, LANGSMITH_ENDPOINT (US, EU or self-hosted), and, if your key "
        "sees several workspaces, LANGSMITH_WORKSPACE_ID"
    )


def _base_url() -> Talk[str]:
    url: str = yield Call(lambda client: str(client.base_url).rstrip("/"))
    return url


# --- projects --------------------------------------------------------------------------------------------


def _project(conditions: Conditions) -> Talk[Project]:
    name, project_id = conditions.project_name, conditions.project_id
    which: dict[str, Any] = {"id": [project_id]} if project_id else {"name": name}
    projects = yield from _projects(which)
    if not projects:  # v2 may leave experiments out unless they are asked for
        projects = yield from _projects(which | {"type": ["EXPERIMENT"]})
    if not projects:
        raise (yield from _not_found("project", name, project_id))
    return projects[0]


def _projects(which: dict[str, Any]) -> Talk[list[Project]]:
    projects: list[Project] = []
    cursor: dict[str, str] = {}
    while True:
        page = yield from _if_offered(_list_projects(which | cursor))
        if page is None:
            return (yield from _projects_v1(which))
        projects += [_as_project(item.to_dict()) for item in page.items or []]
        if not page.next_cursor:
            return projects
        cursor = {"cursor": page.next_cursor}


def _list_projects(params: dict[str, Any]) -> Call:
    return Call(lambda client: client.sessions.list_v2(**params, page_size=PAGE_SIZE))


def _projects_v1(which: dict[str, Any]) -> Talk[list[Project]]:
    which = {name: value for name, value in which.items() if name != "type"}
    rows = yield from _listed("/api/v1/sessions", which)
    if rows is None:
        raise (yield from _no_such_api("project"))
    return [_as_project(row) for row in rows]


def _listed(path: str, which: dict[str, Any]) -> Talk[list[dict[str, Any]] | None]:
    """All of a v1 listing, page by page; None where the server has no such endpoint."""
    listed: list[dict[str, Any]] = []
    while True:
        rows = yield from _if_offered(_get(path, {**which, "limit": PAGE_SIZE, "offset": len(listed)}))
        if rows is None:
            return None
        listed += rows
        if len(rows) < PAGE_SIZE:
            return listed


def _as_project(row: dict[str, Any]) -> Project:
    started = row.get("start_time") or _NEVER
    tier = row.get("trace_tier")
    kept = (row.get("longlived_ttl_days") if tier == "longlived" else None) or _KEPT_DAYS.get(tier or "")
    return Project(
        id=row["id"],
        started_at=utc(datetime.fromisoformat(started) if isinstance(started, str) else started),
        kept_days=kept,
    )


# --- by id -----------------------------------------------------------------------------------------------


class IdLookup:
    """Finds runs by their ids, wherever they are.

    v1 needs nothing but the ids. v2 wants projects too; where v1 is gone, all of the workspace's are
    searched, a hundred at a time.
    """

    def __init__(self) -> None:
        self._projects: list[Project] | None = None

    def find(self, ids: Iterable[str]) -> Talk[list[Run]]:
        """The runs with these ids (at most `PAGE_SIZE`) that exist, in no order."""
        query = RunQuery(ids=tuple(ids))
        if self._projects is None:
            try:
                answer = yield from V1.ask(query)
            except langsmith.APIStatusError as error:
                if error.status_code not in NOT_OFFERED:
                    raise
            else:
                return answer.runs
            self._projects = yield from _projects({})
        found: list[Run] = []
        for at in range(0, len(self._projects), PAGE_SIZE):
            projects = self._projects[at : at + PAGE_SIZE]
            searched = replace(
                query,
                project_ids=tuple(project.id for project in projects),
                since=min(project.started_at for project in projects) - _EARLY,
            )
            found += yield from _all_pages(V2, searched)
            if len(found) >= len(query.ids):
                break
        return found

    def llm_runs_of(self, traces: Iterable[Run]) -> Talk[list[Run]]:
        """The llm runs that did not fail, of the traces of some runs that `find` gave, in no order."""
        api = V1 if self._projects is None else V2
        by_project: dict[str, list[Run]] = {}
        for run in traces:
            by_project.setdefault(run.project_id or "", []).append(run)
        found: list[Run] = []
        for project_id, runs in by_project.items():
            for at in range(0, len(runs), _TRACES):
                some = runs[at : at + _TRACES]
                query = RunQuery(
                    project_ids=(project_id,),
                    llm=True,
                    error=False,
                    since=min(place_of(run)[0] for run in some) - _EARLY,
                    trace_filter=is_one_of("id", dict.fromkeys(run.trace_id or "" for run in some)),
                )
                found += yield from _all_pages(api, query)
        return found


_TRACES = 25
"""Traces to ask for at once; one can have thousands of runs."""


def _all_pages(api: RunApi, query: RunQuery) -> Talk[list[Run]]:
    """What the cursors lead to, each run once."""
    answer = yield from api.ask(query)
    found = {run.id: run for run in answer.runs}
    while answer.cursor:
        answer = yield from api.ask(query, answer.cursor)
        found |= {run.id: run for run in answer.runs}
    return list(found.values())


# --- lists of runs ---------------------------------------------------------------------------------------


class QueueItems:
    """The ids of the runs in an annotation queue, a page at a time."""

    def __init__(self, name: str | None, queue_id: str | None, statuses: Iterable[str]) -> None:
        self._name, self._id = name, queue_id
        self._statuses = list(statuses)
        self._found: str | None = None
        self._cursor: str | None = None

    def more(self) -> Talk[list[str] | None]:
        """The next ids; None at the end."""
        if self._found is None:
            self._found = yield from self._find()
        if not self._statuses:
            return None
        page = yield from _if_offered(self._list(self._found, self._statuses[0], self._cursor))
        if page is None:  # before LangSmith 0.16.14
            ids = yield from self._all_v1(self._found)
            self._statuses = []
            return ids
        self._cursor = page.next_cursor or None
        if self._cursor is None:
            self._statuses.pop(0)
        return [item.run_id for item in page.items or [] if item.run_id]

    def _find(self) -> Talk[str]:
        which: dict[str, Any] = {"ids": [self._id]} if self._id else {"name": self._name}
        queues = yield from _listed("/api/v1/annotation-queues", which)
        if not queues:
            raise (yield from _not_found("annotation queue", self._name, self._id))
        found: str = queues[0]["id"]
        return found

    def _list(self, queue_id: str, status: str, cursor: str | None) -> Call:
        more = {"cursor": cursor} if cursor else {}
        return Call(
            lambda client: client.annotation_queues.items.list(
                queue_id, status=status, item_type="RUN", page_size=PAGE_SIZE, **more
            )
        )

    def _all_v1(self, queue_id: str) -> Talk[list[str]]:
        ids: list[str] = []
        for status in self._statuses:
            which = {"status": "completed" if status == "archived" else status}
            rows = yield from _listed(f"/api/v1/annotation-queues/{queue_id}/runs", which)
            ids += [row["id"] for row in rows or []]
        return ids


class ExampleSources:
    """The ids of the runs that a dataset's examples were made from, a page at a time."""

    def __init__(self, name: str | None, dataset_id: str | None, splits: Iterable[str] | None) -> None:
        self._name, self._id = name, dataset_id
        # As it is now: what is added or removed meanwhile does not move the pages.
        self._which: dict[str, Any] = {"as_of": timestamp(datetime.now(UTC)), "order": "id"}
        if splits is not None:
            self._which["splits"] = list(splits)
        self._offset: int | None = 0

    def more(self) -> Talk[list[str] | None]:
        """The next ids; None at the end."""
        if self._offset is None:
            return None
        if "dataset" not in self._which:
            self._which["dataset"] = yield from self._find()
        page = {"select": ["id", "source_run_id"], "limit": PAGE_SIZE, "offset": self._offset}
        examples = yield _get("/api/v1/examples", self._which | page)
        self._offset = self._offset + PAGE_SIZE if len(examples) == PAGE_SIZE else None
        return [row["source_run_id"] for row in examples if row.get("source_run_id")]

    def _find(self) -> Talk[str]:
        datasets = yield from _listed(
            "/api/v1/datasets", {"id": [self._id]} if self._id else {"name": self._name}
        )
        if not datasets:
            raise (yield from _not_found("dataset", self._name, self._id))
        found: str = datasets[0]["id"]
        return found
