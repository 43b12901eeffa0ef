"""How LangSmith is asked for runs: its two read APIs, by name, by condition and by id.

v2 (`POST /api/v2/runs/query`, LangSmith 0.16 and later) is asked first. v1 (`POST /api/v1/runs/query`,
switched off on 31 January 2027) serves older servers, and finds runs whose project is not known.
Both give `langsmith.types.Run`.

Everything that asks is written once, for the sync and the async client alike: a generator yields each call
it wants made on the client and is sent the answer (a `Talk`); `run` and `arun` make the calls.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, TypeVar

# Its names are resolved on first use, so this import is cheap.
import langsmith

if TYPE_CHECKING:
    from langsmith.types import Run
    from langsmith.types.run_select_field import RunSelectField
    from langsmith.utils import LangSmithError

T = TypeVar("T")
Call: TypeAlias = Callable[[Any], Any]
Talk: TypeAlias = Generator[Call, Any, T]

PAGE_SIZE = 100
"""Runs a request: the most that v1 allows; v2 would give 1,000, which can be hundreds of megabytes."""

MAX_RETRIES = 6
"""Of one request, by the SDK, after 429, 5xx and lost connections: about half a minute. Its own 2 give up
after two seconds, and the place in the selection is lost with them."""

# What a training example and its provenance are made from. v2 returns nothing but ids unless asked.
_SELECTS: list[RunSelectField] = [
    "ID",
    "NAME",
    "RUN_TYPE",
    "STATUS",
    "START_TIME",
    "END_TIME",
    "ERROR",
    "EXTRA",
    "METADATA",
    "INPUTS",
    "OUTPUTS",
    "TAGS",
    "FEEDBACK_STATS",
    "PROJECT_ID",
    "TRACE_ID",
    "THREAD_ID",
    "PARENT_RUN_IDS",
    "DOTTED_ORDER",
]
# v1 knows the project as session_id, keeps metadata in extra, and older servers refuse thread_id.
_V1_SELECT = [name.lower() for name in _SELECTS if name not in ("PROJECT_ID", "METADATA", "THREAD_ID")]
_V1_SELECT.append("session_id")

_NOT_OFFERED = (404, 405, 410, 501)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A tracing project, which v1 calls a session."""

    id: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Which runs of a project are wanted; `None` is no condition."""

    project_name: str | None = None
    project_id: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    filter: str | None = None
    trace_filter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some runs, and how to ask for more."""

    runs: list[Run]
    next: Talk[Page] | None


def run(client: langsmith.Langsmith, talk: Talk[T]) -> T:
    """Make a talk's calls on a client, one after another, and return what it comes to."""
    try:
        call = next(talk)
        while True:
            try:
                answer = call(client)
            except langsmith.LangsmithError as error:
                call = talk.throw(error)
            else:
                call = talk.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


async def arun(client: langsmith.AsyncLangsmith | langsmith.Langsmith, talk: Talk[T]) -> T:
    """`run` without blocking the event loop; a sync client is called in a thread."""
    try:
        call = next(talk)
        while True:
            try:
                if isinstance(client, langsmith.Langsmith):
                    answer = await asyncio.to_thread(call, client)
                else:
                    answer = call(client)
                    answer = await answer if isawaitable(answer) else answer
            except langsmith.LangsmithError as error:
                call = talk.throw(error)
            else:
                call = talk.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result


@contextmanager
def connected(client: langsmith.Client | langsmith.Langsmith | None) -> Iterator[langsmith.Langsmith]:
    """The client that can read both APIs; one that had to be made is closed afterwards."""
    if isinstance(client, langsmith.Langsmith):
        yield client.with_options(max_retries=max(MAX_RETRIES, client.max_retries))
    else:
        with langsmith.Langsmith(**_settings(client, "Langsmith"), max_retries=MAX_RETRIES) as own:
            yield own


@asynccontextmanager
async def aconnected(
    client: langsmith.Client | langsmith.AsyncLangsmith | langsmith.Langsmith | None,
) -> AsyncIterator[langsmith.AsyncLangsmith | langsmith.Langsmith]:
    """`connected` for the async client."""
    if isinstance(client, (langsmith.AsyncLangsmith, langsmith.Langsmith)):
        yield client.with_options(max_retries=max(MAX_RETRIES, client.max_retries))
    else:
        settings = _settings(client, "AsyncLangsmith")
        async with langsmith.AsyncLangsmith(**settings, max_retries=MAX_RETRIES) as own:
            yield own


class _Settings(TypedDict):
    api_key: str
    tenant_id: str | None
    base_url: str | None
    default_headers: dict[str, str] | None


def _settings(client: object, wanted: str) -> _Settings:
    if client is None:
        api_key, workspace, url, headers = _env("API_KEY"), _env("WORKSPACE_ID"), _env("ENDPOINT"), None
        if not api_key:
            raise ValueError(
                "reading runs needs a LangSmith API key: set LANGSMITH_API_KEY, "
                f"or pass client=langsmith.{wanted}(api_key=...)"
            )
    elif isinstance(client, langsmith.Client):
        api_key, workspace, url = client.api_key, client.workspace_id, client.api_url
        headers = dict(client.headers)
        if not api_key:
            raise ValueError(
                "this langsmith.Client has no API key (it may be signed in by a profile, which cannot be "
                f"passed on): pass client=langsmith.{wanted}(api_key=...)"
            )
    else:
        raise TypeError(
            f"client must be a langsmith.Client, a langsmith.{wanted} or None, not {type(client).__name__}"
        )
    # The generated clients add /api/v1 or /api/v2 themselves.
    base_url = re.sub(r"(/api(/v1)?)?/*$", "", url) if url else None
    return {"api_key": api_key, "tenant_id": workspace, "base_url": base_url, "default_headers": headers}


def _env(name: str) -> str | None:
    # langsmith.Langsmith itself reads neither LANGSMITH_ENDPOINT nor LANGSMITH_WORKSPACE_ID.
    value = os.environ.get(f"LANGSMITH_{name}") or os.environ.get(f"LANGCHAIN_{name}") or ""
    return value.strip().strip("\"'") or None


def first_page(conditions: Conditions, page_size: int = PAGE_SIZE) -> Talk[Page]:
    """Ask for llm runs that did not fail themselves and meet the conditions.

    Raises:
        LangSmithNotFoundError: If there is no such project.
        LangSmithError: If the server offers neither API.
    """
    info = yield from _if_offered(lambda client: client.info.list())
    project = yield from _project(conditions)
    page = None
    if info is None or _speaks_v2(info.version or "", info.instance_flags or {}):
        page = yield from _first_page_v2(_question_v2(conditions, project, page_size))
    if page is None:
        page = yield from _first_page_v1(_question_v1(conditions, project, page_size))
    if page is None:
        raise (yield from _no_such_api("run query"))
    return page


def _speaks_v2(version: str, flags: dict[str, object]) -> bool:
    if flags.get("sdb_query_enabled"):
        return True
    number = re.match(r"v?(\d+)\.(\d+)", version)
    return number is None or (int(number[1]), int(number[2])) >= (0, 16)


def _if_offered(call: Call) -> Talk[Any]:
    """The answer, or None where the server has no such endpoint."""
    # A 501 looks like a fault to the SDK, which would repeat it for half a minute: no retries at first.
    try:
        return (yield lambda client: call(client.with_options(max_retries=0)))
    except langsmith.APIStatusError as error:
        if error.status_code in _NOT_OFFERED:
            return None
        if error.status_code < 500 and error.status_code != 429:
            raise
    except langsmith.APIConnectionError:
        pass
    return (yield call)


def _no_such_api(what: str) -> Talk[LangSmithError]:
    from langsmith.utils import LangSmithError  # noqa: PLC0415 - loads an HTTP client

    url = yield from _base_url()
    return LangSmithError(
        f"{url} offers no {what} endpoint, neither v1 nor v2: LANGSMITH_ENDPOINT must be the address of the "
        "API (https://api.smith.langchain.com), not of the website"
    )


# --- projects --------------------------------------------------------------------------------------------


def _project(conditions: Conditions) -> Talk[Project]:
    name, project_id = conditions.project_name, conditions.project_id
    projects = yield from _projects({"id": [project_id]} if project_id else {"name": name})
    if projects:
        return projects[0]
    from langsmith.utils import LangSmithNotFoundError  # noqa: PLC0415 - loads an HTTP client

    url = yield from _base_url()
    raise LangSmithNotFoundError(
        f"LangSmith has no project {f'with the id {project_id}' if project_id else f'named {name!r}'} at {url} "
        "in this workspace: check the spelling, LANGSMITH_ENDPOINT (US, EU or self-hosted), and, if your key "
        "sees several workspaces, LANGSMITH_WORKSPACE_ID"
    )


def _projects(which: dict[str, Any]) -> Talk[list[Project]]:
    page = yield from _if_offered(lambda client: client.sessions.list_v2(**which, page_size=PAGE_SIZE))
    if page is None:
        return (yield from _projects_v1(which))
    projects = []
    while True:
        projects += [_as_project(item.id, item.start_time) for item in page.items or []]
        cursor = page.next_cursor
        if not cursor:
            return projects
        page = yield _sessions_call(which, cursor)


def _sessions_call(which: dict[str, Any], cursor: str) -> Call:
    return lambda client: client.sessions.list_v2(**which, page_size=PAGE_SIZE, cursor=cursor)


def _projects_v1(which: dict[str, Any]) -> Talk[list[Project]]:
    projects: list[Project] = []
    while True:
        params = {**which, "limit": PAGE_SIZE, "offset": len(projects)}
        rows = yield from _if_offered(_get("/api/v1/sessions", params))
        if rows is None:
            raise (yield from _no_such_api("project"))
        projects += [_as_project(row["id"], row.get("start_time")) for row in rows]
        if len(rows) < PAGE_SIZE:
            return projects


def _as_project(project_id: str, start_time: datetime | str | None) -> Project:
    if isinstance(start_time, str):
        start_time = datetime.fromisoformat(start_time)
    return Project(id=project_id, started_at=_utc(start_time or datetime(1970, 1, 2, tzinfo=UTC)))


def _base_url() -> Talk[str]:
    url: str = yield lambda client: str(client.base_url).rstrip("/")
    return url


# --- v2 --------------------------------------------------------------------------------------------------


def _question_v2(conditions: Conditions, project: Project, page_size: int) -> dict[str, Any]:
    question: dict[str, Any] = {
        "project_ids": [project.id],
        "run_type": "LLM",
        "has_error": False,
        # Without it v2 looks at the last 24 hours alone.
        "min_start_time": _since(conditions, project),
        "selects": _SELECTS,
        "page_size": page_size,
    }
    if conditions.end_time:
        question["max_start_time"] = _utc(conditions.end_time)
    return question | _filters(conditions)


def _first_page_v2(question: dict[str, Any]) -> Talk[Page | None]:
    answer = yield from _if_offered(lambda client: client.runs.query(**question))
    return None if answer is None else _page_v2(question, answer)


def _next_page_v2(question: dict[str, Any]) -> Talk[Page]:
    answer = yield lambda client: client.runs.query(**question)
    return _page_v2(question, answer)


def _page_v2(question: dict[str, Any], answer: Any) -> Page:
    cursor = answer.next_cursor
    more = _next_page_v2(question | {"cursor": cursor}) if cursor else None
    return Page(runs=answer.items or [], next=more)


# --- v1 --------------------------------------------------------------------------------------------------


def _question_v1(conditions: Conditions, project: Project, page_size: int) -> dict[str, Any]:
    return {
        "session": [project.id],
        "run_type": "llm",
        "error": False,
        "start_time": _timestamp(_since(conditions, project)),
        "select": _V1_SELECT,
        "limit": page_size,
        **_filters(conditions),
    }


def _first_page_v1(question: dict[str, Any]) -> Talk[Page | None]:
    answer = yield from _if_offered(_post("/api/v1/runs/query", question))
    return None if answer is None else _page_v1(question, answer)


def _next_page_v1(question: dict[str, Any]) -> Talk[Page]:
    answer = yield _post("/api/v1/runs/query", question)
    return _page_v1(question, answer)


def _page_v1(question: dict[str, Any], answer: Any) -> Page:
    cursor = (answer.get("cursors") or {}).get("next")
    more = _next_page_v1(question | {"cursor": cursor}) if cursor else None
    return Page(runs=[_run_from_v1(row) for row in answer["runs"]], next=more)


def _run_from_v1(row: dict[str, Any]) -> Run:
    """A v1 row in the words of v2, so that whoever reads the runs need not know which API gave them."""
    fields: dict[str, Any] = {name: row.get(name) for name in _V1_SELECT}
    fields["project_id"] = fields.pop("session_id")
    for name in ("run_type", "status"):
        fields[name] = fields[name] and fields[name].upper()
    extra = row.get("extra")
    metadata = extra.get("metadata") if isinstance(extra, dict) else None
    if isinstance(metadata, dict):
        fields["metadata"] = metadata
        # https://docs.langchain.com/langsmith/threads: any of these names a thread.
        names = ("thread_id", "session_id", "conversation_id")
        fields["thread_id"] = next((metadata[name] for name in names if metadata.get(name)), None)
    return langsmith.types.Run.construct(None, **fields)


def _get(path: str, params: dict[str, Any]) -> Call:
    return lambda client: client.get(path, cast_to=object, options={"params": params})


def _post(path: str, body: dict[str, Any]) -> Call:
    return lambda client: client.post(path, cast_to=object, body=body)


# --- by id -----------------------------------------------------------------------------------------------


class IdLookup:
    """Finds runs by their ids, wherever they are.

    v1 needs nothing but the ids. v2 wants projects too; where v1 is gone, all of the workspace's are
    searched, a hundred at a time.
    """

    def __init__(self) -> None:
        self._projects: list[Project] | None = None

    def find(self, ids: list[str]) -> Talk[list[Run]]:
        """The runs with these ids (at most `PAGE_SIZE`) that exist, in no order."""
        if self._projects is None:
            page = yield from _first_page_v1({"id": ids, "select": _V1_SELECT, "limit": PAGE_SIZE})
            if page is not None:
                return page.runs
            self._projects = yield from _projects({})
        found: list[Run] = []
        for at in range(0, len(self._projects), PAGE_SIZE):
            projects = self._projects[at : at + PAGE_SIZE]
            page = yield from _next_page_v2(
                {
                    "project_ids": [project.id for project in projects],
                    "ids": ids,
                    "min_start_time": min(project.started_at for project in projects) - _EARLY,
                    "selects": _SELECTS,
                    "page_size": PAGE_SIZE,
                }
            )
            while True:
                found += page.runs
                if page.next is None:
                    break
                page = yield from page.next
            if len(found) >= len(ids):
                break
        return found


# --- times and filters -----------------------------------------------------------------------------------

# A project that its first trace created starts after that trace's runs did.
_EARLY = timedelta(days=1)


def _since(conditions: Conditions, project: Project) -> datetime:
    return _utc(conditions.start_time) if conditions.start_time else project.started_at - _EARLY


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _timestamp(time: datetime) -> str:
    return _utc(time).isoformat().replace("+00:00", "Z")


def _filters(conditions: Conditions) -> dict[str, str]:
    # v1 has no upper bound on start_time of its own, and v2 does not say whether its bound is included.
    before = f'lt(start_time, "{_timestamp(conditions.end_time)}")' if conditions.end_time else None
    filters = {"filter": all_of(before, conditions.filter), "trace_filter": conditions.trace_filter}
    return {name: value for name, value in filters.items() if value}


def all_of(*filters: str | None) -> str | None:
    """Join conditions of LangSmith's filter language; None where there are none."""
    given = [condition for condition in filters if condition]
    return f"and({', '.join(given)})" if len(given) > 1 else next(iter(given), None)
