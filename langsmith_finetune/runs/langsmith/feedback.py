"""Reads what people said of the roots of traces, and gives it to the llm runs below them.

`GET /api/v1/feedback`, which servers of both read APIs have, holds each feedback whole, corrections among them. A
server without it tells the scores and comments of a root with the root itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune._printable import logger_of
from langsmith_finetune.runs.answered import corrects_answer, may_have_answered
from langsmith_finetune.runs.langsmith.all_pages import TRACES_AT_ONCE, all_pages
from langsmith_finetune.runs.langsmith.filters import is_one_of
from langsmith_finetune.runs.langsmith.page_end import MOST_AT_ONCE, Pages
from langsmith_finetune.runs.langsmith.read_apis import EARLIEST, PAGE_SIZE, RunApi, RunQuery
from langsmith_finetune.runs.langsmith.request import ApiCall
from langsmith_finetune.runs.langsmith.transport import NOT_OFFERED, RequestPlan

if TYPE_CHECKING:
    from langsmith.types import Run

logger = logger_of(__name__)

NEEDED = {"FEEDBACK_STATS", "TRACE_ID"}
"""Who leaves one of these out of the fields of a run does not ask for feedback."""

_PATH = "/api/v1/feedback"
_REFUSED = (*NOT_OFFERED, 400, 403, 422)
_MOST_LISTED = 1000
"""Feedback of a project up to so much is listed whole, once, instead of asked for with each hundred runs."""


class _NotListed(Exception):  # noqa: N818 - never leaves this module
    """The server does not list feedback."""


class FeedbackReader:
    """Gives llm runs of one project the feedback of their traces' roots.

    Each run is given two more fields, where there is something to say:

    - `trace_feedback_stats`: what was said of the root of its trace, as `feedback_stats` says it of the run itself.
    - `corrections`: better answers than the run's own, as `Client.list_feedback` gives them: those of the run
      itself, and those of the root, with the ids of the runs that may have given the answer in `answered_by`.

    Args:
        project_id: The project.
        since: When its first run began.
    """

    def __init__(self, project_id: str, since: datetime) -> None:
        self._project_id, self._since = project_id, since
        self._listed: dict[str, list[dict[str, Any]]] | None = None
        self._is_much = False
        self._is_offered = True
        self._asked = False
        self._answered: dict[str, tuple[str, ...]] = {}

    def add_to(self, runs: Collection[Run], api: RunApi) -> RequestPlan[None]:
        """Give runs what was said of the answers of their traces.

        Args:
            runs: Runs of the project.
            api: The read API that gave them.
        """
        roots = list(dict.fromkeys(root for run in runs if (root := root_id_of(run))))
        rated = [run.id for run in runs if _is_id(run.id) and run.feedback_stats]
        if not roots and not rated:
            return
        said = yield from self._said_of(list(dict.fromkeys([*roots, *filter(None, rated)])))
        if said is None:
            yield from self._add_stats(runs, roots, api)
            return
        corrected = [root for root in roots if any(map(_is_correction, said.get(root, ())))]
        yield from self._find_answers([root for root in corrected if root not in self._answered], api)
        for run in runs:
            root_id = root_id_of(run) or ""
            of_root = said.get(root_id, ())
            if stats := _stats_of(of_root):
                _set(run, "trace_feedback_stats", stats)
            own = [_correction(row) for row in said.get(run.id or "", ()) if _is_correction(row)]
            answered_by = list(self._answered.get(root_id, ()))
            of_trace = [
                {**_correction(row), "answered_by": answered_by} for row in of_root if _is_correction(row)
            ]
            if own or of_trace:
                _set(run, "corrections", own + of_trace)

    def _said_of(self, ids: list[str]) -> RequestPlan[Mapping[str, list[dict[str, Any]]] | None]:
        """The feedback of these runs and maybe of others, by run; None where the server does not list feedback."""
        if self._listed is not None or not self._is_offered:
            return self._listed
        is_first, self._asked = not self._asked, True
        found: dict[str, list[dict[str, Any]]] = {}
        try:
            if not self._is_much and not (is_first and len(ids) <= PAGE_SIZE):
                listed = yield from _feedback({"session": self._project_id}, most=_MOST_LISTED)
                if len(listed) < _MOST_LISTED:
                    self._listed = _by_run(listed)
                    return self._listed
                self._is_much = True
            for at in range(0, len(ids), PAGE_SIZE):
                found |= _by_run((yield from _feedback({"run": ids[at : at + PAGE_SIZE]})))
        except _NotListed as why:
            self._is_offered = False
            logger.info("LangSmith answers %s to %s: the corrections of answers are not read", why, _PATH)
            return None
        return found

    def _add_stats(self, runs: Iterable[Run], roots: list[str], api: RunApi) -> RequestPlan[None]:
        """Give runs what the roots themselves tell of their feedback."""
        found = yield from self._roots(roots, ("ID", "FEEDBACK_STATS"), api)
        for run in runs:
            root = found.get(root_id_of(run) or "")
            if root is not None and root.feedback_stats:
                _set(run, "trace_feedback_stats", root.feedback_stats)

    def _roots(self, ids: list[str], fields: tuple[str, ...], api: RunApi) -> RequestPlan[dict[str, Run]]:
        found: dict[str, Run] = {}
        for at in range(0, len(ids), PAGE_SIZE):
            query = RunQuery(
                project_ids=(self._project_id,),
                ids=tuple(ids[at : at + PAGE_SIZE]),
                since=self._since,
                fields=fields,
            )
            answer = yield from api.ask(query)
            found |= {root.id or "": root for root in answer.runs}
        return found

    def _find_answers(self, roots: list[str], api: RunApi) -> RequestPlan[None]:
        """Look at whole traces whose answer was corrected, to find the run that gave it."""
        for at in range(0, len(roots), TRACES_AT_ONCE):
            some = roots[at : at + TRACES_AT_ONCE]
            query = RunQuery(
                project_ids=(self._project_id,),
                llm=True,
                since=self._since,
                trace_filter=is_one_of("id", some),
                fields=_OF_ANSWERS,
            )
            found: dict[str, Any] = {}
            yield from all_pages(api, query, found)
            returned = yield from self._roots(some, ("ID", "OUTPUTS"), api)
            for root in some:
                calls = [run for run in found.values() if getattr(run, "trace_id", None) == root]
                outputs = returned[root].outputs if root in returned else None
                self._answered[root] = may_have_answered(calls, outputs)


class FeedbackOfProjects:
    """`FeedbackReader` for runs of any projects."""

    def __init__(self) -> None:
        self._readers: dict[str, FeedbackReader] = {}

    def add_to(self, runs: Iterable[Run], api: RunApi) -> RequestPlan[None]:
        """Give runs what was said of the answers of their traces."""
        by_project: dict[str, list[Run]] = {}
        for run in runs:
            if run.project_id and _is_id(run.project_id):
                by_project.setdefault(run.project_id, []).append(run)
        for project_id, some in by_project.items():
            reader = self._readers.setdefault(project_id, FeedbackReader(project_id, EARLIEST))
            yield from reader.add_to(some, api)


_OF_ANSWERS = (
    *("ID", "TRACE_ID", "RUN_TYPE", "NAME", "START_TIME", "END_TIME", "STATUS", "ERROR"),
    *("EXTRA", "METADATA", "OUTPUTS"),
)


def root_id_of(run: Run) -> str | None:
    """The root of a run's trace, if it is another run. An id that is none would fail a whole request."""
    return run.trace_id if run.trace_id != run.id and _is_id(run.trace_id) else None


def _is_id(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def _feedback(which: dict[str, Any], *, most: int = MOST_AT_ONCE) -> RequestPlan[list[Any]]:
    """Feedback, page by page, up to so much."""
    listed: list[Any] = []
    pages = Pages("feedback", most=MOST_AT_ONCE)
    while len(listed) < most:
        try:
            page = yield ApiCall(_PATH, {**which, "limit": PAGE_SIZE, "offset": len(listed)})
        except langsmith.APIStatusError as error:
            if error.status_code in _REFUSED:
                raise _NotListed(str(error.status_code)) from None
            raise
        rows = page.data
        if not isinstance(rows, list):
            raise _NotListed("no list")
        listed += rows
        if len(rows) < PAGE_SIZE:
            break
        ids = [str(row.get("id")) for row in rows if isinstance(row, dict)]
        pages.turned(ids, cursor=str(len(listed)))
    return listed


def _by_run(rows: Iterable[Any]) -> dict[str, list[dict[str, Any]]]:
    """Each feedback once, by the run that it is about. What names no run is about the root of a trace."""
    found: dict[str, dict[Any, dict[str, Any]]] = {}
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            continue
        run_id = row.get("run_id") or row.get("trace_id")
        if isinstance(run_id, str) and isinstance(row.get("key"), str):
            found.setdefault(run_id, {}).setdefault(str(row.get("id") or index), row)
    return {run_id: list(said.values()) for run_id, said in found.items()}


def _stats_of(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Feedback in the form of `feedback_stats`."""
    stats: dict[str, dict[str, Any]] = {}
    scores: dict[str, list[float]] = {}
    for row in rows:
        stat = stats.setdefault(row["key"], {"n": 0, "avg": None, "comments": [], "values": {}})
        stat["n"] += 1
        if isinstance(row.get("score"), (int, float)):  # a thumb may be true or false
            scores.setdefault(row["key"], []).append(float(row["score"]))
        if isinstance(comment := row.get("comment"), str) and comment:
            stat["comments"].append(comment)
        if isinstance(value := row.get("value"), str) and value:
            stat["values"][value] = stat["values"].get(value, 0) + 1
    for key, given in scores.items():
        stats[key]["avg"] = sum(given) / len(given)
    return stats


def _is_correction(row: Mapping[str, Any]) -> bool:
    return corrects_answer(row.get("correction"))


def _correction(row: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a feedback that corrects an answer: not the corrector's name."""
    source = row.get("feedback_source")
    who = {name: source.get(name) for name in ("type", "user_id")} if isinstance(source, Mapping) else None
    kept = {name: row.get(name) for name in ("key", "correction", "created_at", "modified_at")}
    return {"run_id": row.get("run_id") or row.get("trace_id"), **kept, "feedback_source": who}


def _set(run: Run, field: str, value: Any) -> None:
    """LangSmith's class has no such field; like any model of its SDK, it takes what its server may add."""
    setattr(run, field, value)
