"""Looks up what LangSmith has by name: projects, annotation queues, datasets, and the run ids in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune.runs.langsmith.page_end import MOST_AT_ONCE, Pages
from langsmith_finetune.runs.langsmith.read_apis import (
    EARLIEST,
    LATEST,
    PAGE_SIZE,
    V1,
    V2,
    RunApi,
    time_of,
    timestamp,
    unexpected,
)
from langsmith_finetune.runs.langsmith.request import NOT_THE_API, ApiCall
from langsmith_finetune.runs.langsmith.transport import (
    NOT_OFFERED,
    RequestPlan,
    WhichServer,
    connected,
    execute,
)
from langsmith_finetune.runs.project_names import note_project

if TYPE_CHECKING:
    from langsmith.utils import LangSmithError

# https://docs.langchain.com/langsmith/administration-overview#data-retention
_KEPT_DAYS = {"shortlived": 14, "longlived": 400}


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A tracing project, which v1 calls a session. An experiment is one too."""

    id: str
    started_at: datetime
    kept_days: int | None = None


def if_offered(call: ApiCall) -> RequestPlan[Any]:
    """What was answered, or None where the server has no such endpoint."""
    try:
        return (yield call).data
    except langsmith.APIStatusError as error:
        if error.status_code not in NOT_OFFERED:
            raise
        return None


def rows_of(data: Any, path: str, key: str | None = None) -> list[dict[str, Any]]:
    """The rows of a listing, each of which has an id."""
    rows = data if key is None else data.get(key) or [] if isinstance(data, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unexpected(path, "list")
    return rows


def no_such_api(what: str, remedy: str = NOT_THE_API) -> RequestPlan[LangSmithError]:
    """The error for a server that does not have what every LangSmith has."""
    from langsmith.utils import LangSmithError  # noqa: PLC0415 - loads an HTTP client

    url = yield WhichServer()
    return LangSmithError(f"{url} offers no {what}: {remedy}")


def without_first(apis: list[RunApi], error: langsmith.APIStatusError) -> RequestPlan[list[RunApi]]:
    """The read APIs to go on with, if the first answered that it is not there.

    Raises:
        APIStatusError: It answered something else.
        LangSmithError: No other is left.
    """
    if error.status_code not in NOT_OFFERED:
        raise error
    if not apis[1:]:
        raise (yield from no_such_api("run query endpoint, neither v1 nor v2")) from None
    return apis[1:]


def not_found(what: str, name: str | None, given_id: str | None) -> RequestPlan[Exception]:
    """The error for a name or an id that nothing has."""
    from langsmith.utils import LangSmithNotFoundError  # noqa: PLC0415 - loads an HTTP client

    url = yield WhichServer()
    return LangSmithNotFoundError(
        f"LangSmith has no {what} {f'with the id {given_id}' if given_id else f'named {name!r}'} at {url} "
        "in this workspace: check the spelling, LANGSMITH_ENDPOINT (US, EU or self-hosted), and, if your key "
        "sees several workspaces, LANGSMITH_WORKSPACE_ID"
    )


def asked_for(
    rows: Iterable[dict[str, Any]], name: str | None, given_id: str | None
) -> dict[str, Any] | None:
    """The row that was asked for, whatever else was answered."""
    for row in rows:
        if isinstance(row.get("id"), str) and (
            row["id"].lower() == given_id.lower() if given_id else row.get("name") == name
        ):
            return row
    return None


# --- projects --------------------------------------------------------------------------------------------

_PROJECTS_V2, _PROJECTS_V1 = "/api/v2/sessions", "/api/v1/sessions"


def find_project(name: str | None, project_id: str | None) -> RequestPlan[tuple[Project, list[RunApi]]]:
    """The project, and the run APIs in the order in which to ask them.

    Raises:
        LangSmithNotFoundError: If there is no such project.
        LangSmithError: If the server has no endpoint for projects.
    """
    which: dict[str, Any] = {"id": [project_id]} if project_id else {"name": name}
    rows, apis = yield from projects(which)
    if not asked_for(rows, name, project_id):  # v2 may leave experiments out unless they are asked for
        rows, apis = yield from projects(which | {"type": ["EXPERIMENT"]})
    if not (row := asked_for(rows, name, project_id)):
        raise (yield from not_found("project", name, project_id))
    return as_project(row), apis


def projects(which: dict[str, Any]) -> RequestPlan[tuple[list[dict[str, Any]], list[RunApi]]]:
    """The projects, and the API that a server which lists them so is sure to have, before the other."""
    found: list[dict[str, Any]] = []
    pages = Pages("projects", most=MOST_AT_ONCE)
    cursor: str | None = None
    while True:
        params = which | {"page_size": PAGE_SIZE} | ({"cursor": cursor} if cursor else {})
        page = yield from if_offered(ApiCall(_PROJECTS_V2, params))
        if page is None:
            return (yield from _projects_v1(which)), [V1, V2]
        rows = rows_of(page, _PROJECTS_V2, "items")
        found += rows
        cursor = cursor_of(page)
        pages.turned([str(row.get("id")) for row in rows], cursor=cursor)
        if cursor is None:
            return found, [V2, V1]


def cursor_of(page: dict[str, Any]) -> str | None:
    """What to send for the next page; None at the end."""
    cursor = page.get("next_cursor")
    return cursor if isinstance(cursor, str) and cursor else None


def _projects_v1(which: dict[str, Any]) -> RequestPlan[list[dict[str, Any]]]:
    which = {name: value for name, value in which.items() if name != "type"}
    rows = yield from listed_at(_PROJECTS_V1, which)
    if rows is None:
        raise (yield from no_such_api("project endpoint, neither v1 nor v2"))
    return rows


def listed_at(path: str, which: dict[str, Any]) -> RequestPlan[list[dict[str, Any]] | None]:
    """All of a v1 listing, page by page; None where the server has no such endpoint."""
    listed: list[dict[str, Any]] = []
    pages = Pages(f"rows of {path}", most=MOST_AT_ONCE)
    while True:
        page = yield from if_offered(ApiCall(path, {**which, "limit": PAGE_SIZE, "offset": len(listed)}))
        if page is None:
            return None
        rows = rows_of(page, path)
        listed += rows
        if len(rows) < PAGE_SIZE:
            return listed
        pages.turned([str(row.get("id")) for row in rows], cursor=str(len(listed)))


def as_project(row: dict[str, Any]) -> Project:
    """A project from what either API says of it."""
    tier = row.get("trace_tier")
    kept = row.get("longlived_ttl_days") if tier == "longlived" else None
    if not isinstance(kept, int):
        kept = _KEPT_DAYS.get(tier) if isinstance(tier, str) else None
    note_project(row["id"], row.get("name"))
    started = time_of(row.get("start_time")) or EARLIEST
    return Project(id=row["id"], started_at=min(max(started, EARLIEST), LATEST), kept_days=kept)


# --- lists of runs ---------------------------------------------------------------------------------------


class QueueItems:
    """The ids of the runs in an annotation queue, a page at a time."""

    def __init__(self, name: str | None, queue_id: str | None, statuses: Iterable[str]) -> None:
        self._name, self._id = name, queue_id
        self._statuses = list(statuses)
        wanted = " or ".join(map(repr, self._statuses))
        self.emptiness = f"the annotation queue has no runs with the status {wanted}" + (
            "; status=None takes those of every status" if len(self._statuses) == 1 else ""
        )
        self._found: str | None = None
        self._cursor: str | None = None
        self._pages = Pages("items of the annotation queue")

    def more(self) -> RequestPlan[list[str] | None]:
        """The next ids; None at the end."""
        if self._found is None:
            self._found = yield from _id_of(
                "annotation queue", "/api/v1/annotation-queues", "ids", self._name, self._id
            )
        if not self._statuses:
            return None
        path = f"/api/v1/platform/annotation-queues/{quote(self._found, safe='')}/items"
        which = {"status": self._statuses[0], "item_type": "RUN", "page_size": PAGE_SIZE}
        page = yield from if_offered(
            ApiCall(path, which | ({"cursor": self._cursor} if self._cursor else {}))
        )
        if page is None:  # before LangSmith 0.16.14
            ids = yield from self._all_v1(self._found)
            self._statuses = []
            return ids
        rows = rows_of(page, path, "items")
        self._cursor = cursor_of(page)
        self._pages.turned([str(row.get("id")) for row in rows], cursor=self._cursor)
        if self._cursor is None:
            self._statuses.pop(0)
            self._pages = Pages("items of the annotation queue")
        return _ids(rows, "run_id")

    def _all_v1(self, queue_id: str) -> RequestPlan[list[str]]:
        ids: list[str] = []
        for status in self._statuses:
            which = {"status": "completed" if status == "archived" else status}
            rows = yield from listed_at(f"/api/v1/annotation-queues/{quote(queue_id, safe='')}/runs", which)
            if rows is None:
                remedy = "LangSmith has one from 0.16.14 on, and its first one until 31 January 2027"
                raise (yield from no_such_api("endpoint for what is in an annotation queue", remedy))
            ids += _ids(rows, "id")
        return ids


class _Examples:
    """The examples of a dataset, a page at a time."""

    def __init__(self, select: Iterable[str], splits: Iterable[str] | None = None) -> None:
        # As it is now: what is added or removed meanwhile does not move the pages.
        self._which: dict[str, Any] = {"as_of": timestamp(datetime.now(UTC)), "order": "id"}
        if splits is not None:
            self._which["splits"] = list(splits)
        self._select = list(select)
        self._offset: int | None = 0
        self._pages = Pages("examples of the dataset")

    def rows(self, dataset_id: str) -> RequestPlan[list[dict[str, Any]] | None]:
        """The next examples; None at the end."""
        if self._offset is None:
            return None
        page = {"dataset": dataset_id, "select": self._select, "limit": PAGE_SIZE, "offset": self._offset}
        path = "/api/v1/examples"
        rows = rows_of((yield ApiCall(path, self._which | page)).data, path)
        self._offset = self._offset + len(rows) if len(rows) >= PAGE_SIZE else None
        following = None if self._offset is None else str(self._offset)
        self._pages.turned([str(row.get("id")) for row in rows], cursor=following)
        return rows


class ExampleSources:
    """The ids of the runs that a dataset's examples were made from, a page at a time."""

    def __init__(self, name: str | None, dataset_id: str | None, splits: Iterable[str] | None) -> None:
        self._name, self._id = name, dataset_id
        splits = None if splits is None else list(splits)
        self.emptiness = (
            f"no example of the dataset{f' in the splits {splits}' if splits else ''} names a run that it was made from; "
            "LangSmithDatasetChatLoader reads the examples themselves"
        )
        self._examples = _Examples(["id", "source_run_id"], splits)
        self._found: str | None = None

    def more(self) -> RequestPlan[list[str] | None]:
        """The next ids; None at the end."""
        if self._found is None:
            self._found = yield from find_dataset(self._name, self._id)
        rows = yield from self._examples.rows(self._found)
        return None if rows is None else _ids(rows, "source_run_id")


def find_dataset(name: str | None, dataset_id: str | None = None) -> RequestPlan[str]:
    """The id of a dataset."""
    return (yield from _id_of("dataset", "/api/v1/datasets", "id", name, dataset_id))


def fetch_dataset(name: str | None, dataset_id: str | None = None, client: Any = None) -> Iterator[Any]:
    """The training lines of a chat dataset, as LangSmith exports it, as text; the examples of another, as dicts.

    Args:
        name: The dataset's name; or give the id.
        dataset_id: The dataset's id.
        client: As for `select_runs`, or any object with a method `read_dataset_openai_finetuning`.
    """
    kind = type(client)  # not isinstance: a mock of langsmith.Client passes for one
    ours = client is None or issubclass(kind, langsmith.Langsmith)
    # One that is signed in by a profile has no key that a client of ours could have.
    if not ours and not (issubclass(kind, langsmith.Client) and client.api_key):
        which = {"dataset_name": name} if dataset_id is None else {"dataset_id": dataset_id}
        yield from client.read_dataset_openai_finetuning(**which)
        return
    with connected(client) as api:
        row = execute(api, _row_of("dataset", "/api/v1/datasets", "id", name, dataset_id))
        if row.get("data_type") != "kv":
            yield from execute(api, _dataset_lines(row["id"]))
            return
        examples = _Examples(["id", "inputs", "outputs", "source_run_id"])
        while (rows := execute(api, examples.rows(row["id"]))) is not None:
            yield from rows


def _dataset_lines(dataset_id: str) -> RequestPlan[list[str]]:
    path = f"/api/v1/datasets/{quote(dataset_id, safe='')}/openai_ft"
    text: str = (yield ApiCall(path, text=True)).data
    return [line for line in text.split("\n") if line.strip()]


def _id_of(what: str, path: str, parameter: str, name: str | None, given_id: str | None) -> RequestPlan[str]:
    found: str = (yield from _row_of(what, path, parameter, name, given_id))["id"]
    return found


def _row_of(
    what: str, path: str, parameter: str, name: str | None, given_id: str | None
) -> RequestPlan[dict[str, Any]]:
    rows = yield from listed_at(path, {parameter: [given_id]} if given_id else {"name": name})
    if rows is None:
        raise (yield from no_such_api(f"{what} endpoint"))
    if not (row := asked_for(rows, name, given_id)):
        raise (yield from not_found(what, name, given_id))
    return row


def _ids(rows: Iterable[dict[str, Any]], key: str) -> list[str]:
    return [row[key] for row in rows if isinstance(row.get(key), str) and row[key]]
