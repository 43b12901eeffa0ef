"""LangSmith's two read APIs behind one query and one answer.

v2 is `POST /api/v2/runs/query`, of LangSmith 0.16 and later; v1 is `POST /api/v1/runs/query`, switched off on
31 January 2027. The runs of both are `langsmith.types.Run`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.runs.langsmith.filters import all_of
from langsmith_finetune.runs.langsmith.request import ApiCall, Lost
from langsmith_finetune.runs.langsmith.transport import RequestPlan

if TYPE_CHECKING:
    from langsmith.types import Run

PAGE_SIZE = 100
"""The most of anything that v1 gives in one answer, and how many are asked for by id at once."""

RUN_FIELDS = (
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
    "REFERENCE_EXAMPLE_ID",
    "PROMPT_TOKENS",
    "COMPLETION_TOKENS",
    "MANIFEST",
)
"""What a training example and its provenance are made from: what `select_runs` asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """A question after runs; what is not given is no condition."""

    project_ids: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    llm: bool = False
    roots: bool = False
    error: bool | None = None
    since: datetime | None = None  # the first start time wanted
    until: datetime | None = None  # the first start time not wanted
    filter: str | None = None
    trace_filter: str | None = None
    tree_filter: str | None = None
    fields: tuple[str, ...] = RUN_FIELDS
    page_size: int = PAGE_SIZE
    divisible: bool = False  # whoever asks can ask for less


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Some runs, and what to send for more.

    Args:
        runs: The runs; each has an id and the time of its start.
        unreadable: What came in place of runs, as the errors that say why.
        cursor: What to send for more.
        size: Of the answer, in bytes.
    """

    runs: list[Run]
    unreadable: list[RunNotUsableError]
    cursor: str | None
    size: int

    @property
    def count(self) -> int:
        """How many runs it holds, those included that cannot be read."""
        return len(self.runs) + len(self.unreadable)


@dataclass(frozen=True, slots=True)
class RunApi:
    """One of the two ways."""

    page_size: int
    ordered: bool  # it is told to give the newest first
    _path: str
    _question: Callable[[RunQuery], dict[str, Any]]
    _rows: Callable[[dict[str, Any]], tuple[Any, Any]]  # with the cursor
    _fields: Callable[[dict[str, Any], tuple[str, ...]], dict[str, Any]]

    def ask(self, query: RunQuery, cursor: str | None = None) -> RequestPlan[Answer]:
        """Ask for a page."""
        from langsmith.types import Run  # noqa: PLC0415 - langsmith.types as an attribute fails in a new process

        question = self._question(query) | ({"cursor": cursor} if cursor else {})
        received = yield ApiCall(self._path, body=question, counted=True, divisible=query.divisible)
        data = received.data
        rows, following = self._rows(data) if isinstance(data, dict) else (None, None)
        if not isinstance(rows, list) or not isinstance(following, str | None):
            raise unexpected(self._path, "a page of runs")
        runs, unreadable = [], []
        for row in rows:
            try:
                fields = self._fields(_readable(row, stray_bytes=received.stray_bytes), query.fields)
                runs.append(_placed(Run.construct(None, **fields), query))
            except RunNotUsableError as error:
                unreadable.append(error)
        return Answer(runs=runs, unreadable=unreadable, cursor=following or None, size=received.size)


_STRAY_BYTE = re.compile("[\udc80-\udcff]")


def _readable(row: Any, *, stray_bytes: bool) -> dict[str, Any]:
    if isinstance(row, Lost):
        raise RunNotUsableError(row.id, "malformed", row.why)
    run_id = row.get("id") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(run_id, str) or not run_id:
        what = "run" if not isinstance(row, dict) else "run with an id"
        raise RunNotUsableError("", "malformed", f"LangSmith returned something that is no {what}")
    if stray_bytes and _STRAY_BYTE.search(json.dumps(row, ensure_ascii=False)):
        raise RunNotUsableError(run_id, "malformed", "it holds bytes that are not UTF-8")
    return row


def _placed(run: Run, query: RunQuery) -> Run:
    """The run, if it can stand in the order of the others: by the time at which it says that it started."""
    if "START_TIME" not in query.fields:
        return run
    run.start_time = started = time_of(run.start_time)
    if query.since is None or query.until is None:
        return run
    if started is None:
        raise RunNotUsableError(run.id or "", "malformed", "it has no start time")
    if not query.since <= started < query.until:
        detail = f"it started at {started.isoformat()}, outside the span that LangSmith was asked for"
        raise RunNotUsableError(run.id or "", "malformed", detail)
    return run


def unexpected(path: str, what: str) -> langsmith.LangsmithError:
    """The error for an answer of another form than LangSmith documents."""
    return langsmith.LangsmithError(f"LangSmith's answer to {path} is not what it documents: no {what}")


def run_fields(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of fields as v2 writes them, with those that the order of runs needs.

    Raises:
        ValueError: If there is no such field.
    """
    from typing import get_args  # noqa: PLC0415 - only a caller with wishes of his own needs to wait for these

    from langsmith.types.run_select_field import RunSelectField  # noqa: PLC0415

    known = get_args(RunSelectField)
    wanted = dict.fromkeys(["ID", "START_TIME", *(name.upper() for name in names)])
    for name in wanted:
        if name not in known:
            raise ValueError(f"a run has no field {name!r}; it has {', '.join(known)}")
    return tuple(wanted)


def utc(time: datetime) -> datetime:
    """A time with its zone; one without is UTC."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def time_of(value: Any) -> datetime | None:
    """A time that LangSmith gave, in UTC; None if it is none."""
    try:
        return utc(value if isinstance(value, datetime) else datetime.fromisoformat(value))
    except (TypeError, ValueError, OverflowError):
        return None


def _filters(query: RunQuery) -> dict[str, str]:
    # Neither API says whether its own bounds are part of the span. These say it.
    since = f'gte(start_time, "{timestamp(query.since)}")' if query.since else None
    until = f'lt(start_time, "{timestamp(query.until)}")' if query.until else None
    filters = {
        "filter": all_of(since, until, query.filter),
        "trace_filter": query.trace_filter,
        "tree_filter": query.tree_filter,
    }
    return {name: value for name, value in filters.items() if value}


def timestamp(time: datetime) -> str:
    """A time as LangSmith writes it."""
    return utc(time).isoformat().replace("+00:00", "Z")


_MARGIN = timedelta(seconds=1)
# Nobody's runs are older or newer. Times near the ends of what a datetime can hold cannot be reckoned with.
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

# --- v2 --------------------------------------------------------------------------------------------------


def _question_v2(query: RunQuery) -> dict[str, Any]:
    question: dict[str, Any] = {
        "project_ids": list(query.project_ids),
        "selects": list(query.fields),  # without it v2 returns nothing but ids
        # Without it v2 looks at the last 24 hours alone.
        "min_start_time": timestamp((query.since or EARLIEST) - _MARGIN),
        "page_size": query.page_size,
        **_filters(query),
    }
    if query.until:
        question["max_start_time"] = timestamp(query.until + _MARGIN)
    if query.ids:
        question["ids"] = list(query.ids)
    if query.llm:
        question["run_type"] = "LLM"
    if query.roots:
        question["is_root"] = True
    if query.error is not None:
        question["has_error"] = query.error
    return question


def _rows_v2(answer: dict[str, Any]) -> tuple[Any, Any]:
    more, cursor = answer.get("has_more"), answer.get("next_cursor")
    if more and not cursor:
        raise unexpected("/api/v2/runs/query", "cursor, although there is more")
    return answer.get("items") or [], cursor if more in (True, None) else None


def _fields_v2(row: dict[str, Any], _: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.startswith("_")}


V2 = RunApi(1000, False, "/api/v2/runs/query", _question_v2, _rows_v2, _fields_v2)
"""Its page is the most that it gives; `Progress` asks for as many as the payloads permit."""

# --- v1 --------------------------------------------------------------------------------------------------

# v1's own name for a field of v2, where it differs.
_V1_NAMES = {
    "PROJECT_ID": "session_id",
    "MANIFEST": "serialized",
    "METADATA": "extra",
    "THREAD_ID": "extra",  # older servers refuse thread_id
    "IS_IN_DATASET": "in_dataset",
    "IS_ROOT": "parent_run_ids",
}
_NOT_IN_V1 = {"ATTACHMENTS", "ERROR_PREVIEW", "LATENCY_SECONDS", "SHARE_URL", "THREAD_EVALUATION_TIME"}
_DETAILS = (
    "prompt_token_details",
    "completion_token_details",
    "prompt_cost_details",
    "completion_cost_details",
)


def _question_v1(query: RunQuery) -> dict[str, Any]:
    body: dict[str, Any] = {"select": _v1_select(query.fields), "limit": query.page_size}
    if query.ids:  # with them, v1 looks at no other condition
        body["id"] = list(query.ids)
    else:
        body |= {"session": list(query.project_ids), "order": "desc", **_filters(query)}
        if query.since:
            body["start_time"] = timestamp(query.since - _MARGIN)
        if query.llm:
            body["run_type"] = "llm"
        if query.roots:
            body["is_root"] = True
        if query.error is not None:
            body["error"] = query.error
    return body


def _v1_select(fields: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(_V1_NAMES.get(name, name.lower()) for name in fields if name not in _NOT_IN_V1))


def _rows_v1(answer: dict[str, Any]) -> tuple[Any, Any]:
    cursors = answer.get("cursors")
    return answer.get("runs"), cursors.get("next") if isinstance(cursors, dict) else cursors


def _fields_v1(row: dict[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """A v1 row in the words of v2, so that whoever reads the runs need not know which API gave them."""
    fields: dict[str, Any] = {name.lower(): row.get(_V1_NAMES.get(name, name.lower())) for name in wanted}
    for name in ("run_type", "status"):
        if isinstance(fields.get(name), str):
            fields[name] = fields[name].upper()
    for name in _DETAILS:
        if fields.get(name):
            fields[name] = {"raw": fields[name]}
    if "is_root" in fields:
        fields["is_root"] = not fields["is_root"]
    extra = row.get("extra")
    metadata = extra.get("metadata") if isinstance(extra, dict) else None
    metadata = metadata if isinstance(metadata, dict) else None
    if "metadata" in fields:
        fields["metadata"] = metadata
    if "thread_id" in fields:
        # https://docs.langchain.com/langsmith/threads: any of these names a thread.
        names = ("thread_id", "session_id", "conversation_id")
        fields["thread_id"] = (
            next((metadata[name] for name in names if metadata.get(name)), None) if metadata else None
        )
    return fields


V1 = RunApi(PAGE_SIZE, True, "/api/v1/runs/query", _question_v1, _rows_v1, _fields_v1)
