"""LangSmith's two ways of asking for runs, with one question and one form of answer.

v2 is `POST /api/v2/runs/query`, of LangSmith 0.16 and later; v1 is `POST /api/v1/runs/query`, switched off on
31 January 2027. The runs of both are `langsmith.types.Run`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune.runs.filters import all_of
from langsmith_finetune.runs.talk import Call, Talk

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
    error: bool | None = None
    since: datetime | None = None  # the first start time wanted
    until: datetime | None = None  # the first start time not wanted
    filter: str | None = None
    trace_filter: str | None = None
    tree_filter: str | None = None
    fields: tuple[str, ...] = RUN_FIELDS
    page_size: int = PAGE_SIZE
    divisible: bool = False  # whoever asks can ask for less


@dataclass(frozen=True, slots=True)
class Answer:
    """Some runs, and what to send for more."""

    runs: list[Run]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class RunApi:
    """One of the two ways."""

    page_size: int
    ordered: bool  # it promises to give the newest first
    _call: Callable[[RunQuery, str | None], Callable[[Any], Any]]
    _answer: Callable[[Any, RunQuery], Answer]

    def ask(self, query: RunQuery, cursor: str | None = None) -> Talk[Answer]:
        """Ask for a page."""
        answer = yield Call(self._call(query, cursor), counted=True, divisible=query.divisible)
        return self._answer(answer, query)


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

# --- v2 --------------------------------------------------------------------------------------------------


def _call_v2(query: RunQuery, cursor: str | None) -> Callable[[Any], Any]:
    question: dict[str, Any] = {
        "project_ids": list(query.project_ids),
        "selects": list(query.fields),  # without it v2 returns nothing but ids
        # Without it v2 looks at the last 24 hours alone.
        "min_start_time": (query.since or datetime(1970, 1, 2, tzinfo=UTC)) - _MARGIN,
        "page_size": query.page_size,
        **_filters(query),
    }
    if query.until:
        question["max_start_time"] = query.until + _MARGIN
    if query.ids:
        question["ids"] = list(query.ids)
    if query.llm:
        question["run_type"] = "LLM"
    if query.error is not None:
        question["has_error"] = query.error
    if cursor:
        question["cursor"] = cursor
    return lambda client: client.runs.query(**question)


def _answer_v2(answer: Any, _: RunQuery) -> Answer:
    return Answer(answer.items or [], answer.next_cursor or None)


V2 = RunApi(250, False, _call_v2, _answer_v2)
"""It would give 1,000 runs a page, which can be hundreds of megabytes."""

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


def _call_v1(query: RunQuery, cursor: str | None) -> Callable[[Any], Any]:
    body: dict[str, Any] = {"select": _v1_select(query.fields), "limit": query.page_size}
    if query.ids:  # with them, v1 looks at no other condition
        body["id"] = list(query.ids)
    else:
        body |= {"session": list(query.project_ids), "order": "desc", **_filters(query)}
        if query.since:
            body["start_time"] = timestamp(query.since - _MARGIN)
        if query.llm:
            body["run_type"] = "llm"
        if query.error is not None:
            body["error"] = query.error
    if cursor:
        body["cursor"] = cursor
    return lambda client: client.post("/api/v1/runs/query", cast_to=object, body=body)


def _v1_select(fields: tuple[str, ...]) -> list[str]:
    return list(dict.fromkeys(_V1_NAMES.get(name, name.lower()) for name in fields if name not in _NOT_IN_V1))


def _answer_v1(answer: Any, query: RunQuery) -> Answer:
    runs = [_run_from_v1(row, query.fields) for row in answer["runs"]]
    return Answer(runs, (answer.get("cursors") or {}).get("next") or None)


def _run_from_v1(row: dict[str, Any], wanted: tuple[str, ...]) -> Run:
    """A v1 row in the words of v2, so that whoever reads the runs need not know which API gave them."""
    fields: dict[str, Any] = {name.lower(): row.get(_V1_NAMES.get(name, name.lower())) for name in wanted}
    for name in ("run_type", "status"):
        if fields.get(name):
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
    return langsmith.types.Run.construct(None, **fields)


V1 = RunApi(PAGE_SIZE, True, _call_v1, _answer_v1)
