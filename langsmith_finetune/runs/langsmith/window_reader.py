"""Reads the runs of one window of time."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.runs.langsmith.feedback import NEEDED, FeedbackReader, root_id_of
from langsmith_finetune.runs.langsmith.page_end import MOST_AT_ONCE, Pages
from langsmith_finetune.runs.langsmith.projects import (
    Project,
    find_project,
    without_first,
)
from langsmith_finetune.runs.langsmith.read_apis import (
    EARLIEST,
    LATEST,
    PAGE_SIZE,
    RUN_FIELDS,
    Answer,
    RunApi,
    RunQuery,
    time_of,
)
from langsmith_finetune.runs.langsmith.request import AnswerTooLargeError
from langsmith_finetune.runs.langsmith.transport import RequestPlan, took_too_long
from langsmith_finetune.runs.langsmith.windows import Window, in_order

if TYPE_CHECKING:
    from langsmith.types import Run

# A project that its first trace created starts after that trace's runs did.
_EARLY = timedelta(days=1)

# A server that was too slow for a shorter span than this would be so for half of it.
_SHORT = timedelta(days=1)

# And one that was too slow for so many runs would be so for half of them.
_SMALL_PAGE = 25

_PAYLOAD_TOO_LARGE = 413

# What a server may answer to a cursor that it has forgotten.
_EXPIRED = (400, 404, 410, 422)
_MOST_PASSES = 4


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition by itself, for whoever must find out which one leaves nothing.

    Args:
        said: As the caller gave it: `"tags='beta'"`.
        field: The field of a `RunQuery` that it goes into.
        value: What goes there.
        hint: What else may be given.
    """

    said: str
    field: Literal["since", "until", "error", "filter", "trace_filter", "tree_filter"]
    value: Any
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Which llm runs of a project are wanted; `None` is no condition. `each` says the same, one by one."""

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
    each: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a window is to be read.

    Args:
        page_size: How many runs are asked for at once.
        most_pages: How many pages may be read with cursors, if it holds more. 1 is no cursor at all.
    """

    page_size: int
    most_pages: int


Trouble: TypeAlias = Literal["too_large", "too_slow", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The runs of a window; or, if they are too many, some of them.

    Args:
        runs: The runs; the newest first if they are whole, else as they came.
        whole: They are all that the window holds.
        ordered: They came newest first, over all pages.
        pages: How many pages they came in.
        unreadable: What came in place of runs.
        size: Of the answers, in bytes.
        trouble: Why it is not whole, if not by their number alone.
    """

    runs: list[Run] = field(default_factory=list)
    whole: bool = False
    ordered: bool = True
    pages: int = 0
    unreadable: list[RunNotUsableError] = field(default_factory=list)
    size: int = 0
    trouble: Trouble | None = None


def find_selection(conditions: Conditions) -> RequestPlan[Selected]:
    """Find the project, and which read API to ask first: the one of the endpoint that knew the project.

    Raises:
        LangSmithNotFoundError: If there is no such project.
        LangSmithError: If the server has no endpoint for projects.
    """
    project, apis = yield from find_project(conditions.project_name, conditions.project_id)
    return Selected(conditions, project, apis)


class Selected:
    """The runs of a project that meet the conditions, to be read a window of time after another."""

    def __init__(self, conditions: Conditions, project: Project, apis: list[RunApi]) -> None:
        self.project = project
        since = conditions.start_time or project.started_at
        self.since = max(since, EARLIEST) if conditions.start_time else just_before(since)
        self.until = min(conditions.end_time, LATEST) if conditions.end_time else None
        self.conditions = conditions
        self._apis = apis  # the first is asked; once one has answered, there is no other
        self._answered = False
        self._feedback = FeedbackReader(project.id, just_before(project.started_at))

    @property
    def name(self) -> str:
        """What the caller calls the project."""
        return self.conditions.project_name or self.project.id

    @property
    def api(self) -> RunApi:
        """The API that is asked first."""
        return self._apis[0]

    def read(self, window: Window, how: Reading) -> RequestPlan[Page]:
        """The runs that started in a window.

        Raises:
            LangSmithError: If the server offers neither API.
        """
        while True:
            api = self._apis[0]
            try:
                page = yield from self._read(api, window, how)
            except langsmith.APIStatusError as error:
                yield from self._try_another(error)
                continue
            self._answered = True
            return page

    def add_from_roots(self, runs: Collection[Run]) -> RequestPlan[None]:
        """Give runs that are handed out what only the roots of their traces have."""
        if self.conditions.example_of_root:
            yield from self._take_examples_from_roots(self.api, runs)
        if NEEDED.issubset(self.conditions.fields):
            yield from self._feedback.add_to(runs, self.api)

    def ask(self, query: RunQuery) -> RequestPlan[Answer]:
        """Ask one question."""
        while True:
            try:
                answer = yield from self._apis[0].ask(query)
            except langsmith.APIStatusError as error:
                yield from self._try_another(error)
                continue
            self._answered = True
            return answer

    def _try_another(self, error: langsmith.APIStatusError) -> RequestPlan[None]:
        """Go on with the other API, if the first one turns out not to be there."""
        if self._answered:
            raise error
        self._apis = yield from without_first(self._apis, error)

    def _read(self, api: RunApi, window: Window, how: Reading) -> RequestPlan[Page]:
        """A page, or the few that cursors lead to; all that they lead to where the window has one moment."""
        query = self._query(window, min(how.page_size, api.page_size))
        for attempt in range(1, _MOST_PASSES + 1):
            passed = _Pass(window, query)
            trouble = yield from _turn_pages(api, passed, how.most_pages if window.divisible else math.inf)
            if isinstance(trouble, Exception):
                if window.divisible:
                    return passed.page("expired")
                if attempt == _MOST_PASSES:
                    raise trouble
            # A run that came twice tells that the pages moved: another may have slipped between them.
            elif trouble or not passed.moved or attempt == _MOST_PASSES:
                return passed.page(trouble)
        raise AssertionError  # the last pass returns or raises

    def _query(self, window: Window, page_size: int) -> RunQuery:
        wanted = self.conditions
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
            divisible=window.until - window.since > _SHORT or (page_size > _SMALL_PAGE and window.divisible),
        )

    def _take_examples_from_roots(self, api: RunApi, runs: Collection[Run]) -> RequestPlan[None]:
        traces = dict.fromkeys(root_id_of(run) for run in runs if not run.reference_example_id)
        examples: dict[str | None, str | None] = {}
        for ids in _pages(filter(None, traces)):
            query = RunQuery(
                project_ids=(self.project.id,),
                ids=ids,
                since=just_before(self.project.started_at),
                fields=("ID", "REFERENCE_EXAMPLE_ID"),
            )
            answer = yield from api.ask(query)
            examples |= {root.id: root.reference_example_id for root in answer.runs}
        for run in runs:
            run.reference_example_id = run.reference_example_id or examples.get(root_id_of(run))


def _turn_pages(api: RunApi, passed: _Pass, most: float) -> RequestPlan[Trouble | Exception | None]:
    """Go from page to page, at most so many, and return what ended it early."""
    while True:
        try:
            answer = yield from api.ask(passed.query, passed.cursor)
        except langsmith.LangsmithError as error:
            if passed.query.page_size > 1 and _too_large(error):
                return "too_large"
            if passed.query.divisible and took_too_long(error):
                return "too_slow"
            if passed.cursor is None or not _expired(error):
                raise
            return error
        passed.turn(answer)
        if passed.cursor is None or passed.pages >= most:
            return None


class _Pass:
    """What one way through the pages of a window brought."""

    def __init__(self, window: Window, query: RunQuery) -> None:
        self.query = query
        self.cursor: str | None = None
        what = "runs" if window.divisible else "runs that started in one millisecond"
        self._pages = Pages(what, query.page_size, most=MOST_AT_ONCE)
        self._found: dict[str, Run] = {}
        self._unreadable: list[RunNotUsableError] = []
        self._ordered, self._size = True, 0
        self._oldest: datetime | None = None
        self.pages, self.moved = 0, False

    def turn(self, answer: Answer) -> None:
        """Take a page in."""
        self.pages += 1
        self._size += answer.size
        self._unreadable += answer.unreadable
        starts = [place_of(run)[0] for run in answer.runs]
        self._ordered &= in_order(([self._oldest] if self._oldest else []) + starts)
        self._oldest = starts[-1] if starts else self._oldest
        for run in answer.runs:
            self.moved |= (run.id or "") in self._found
            self._found[run.id or ""] = run
        self.cursor = answer.cursor
        self._pages.turned([run.id for run in answer.runs], cursor=answer.cursor)

    def page(self, trouble: Trouble | None = None) -> Page:
        """What it comes to."""
        whole = trouble is None and self.cursor is None
        runs = list(self._found.values())
        return Page(
            runs=sorted(runs, key=place_of, reverse=True) if whole else runs,
            whole=whole,
            ordered=self._ordered,
            pages=self.pages,
            unreadable=self._unreadable,
            size=self._size,
            trouble=trouble,
        )


def place_of(run: Run) -> tuple[datetime, str]:
    """Where a run stands in the order of a selection."""
    return time_of(run.start_time) or EARLIEST, run.id or ""


def _too_large(error: Exception) -> bool:
    too_large = isinstance(error, langsmith.APIStatusError) and error.status_code == _PAYLOAD_TOO_LARGE
    return too_large or isinstance(error, AnswerTooLargeError)


def _expired(error: Exception) -> bool:
    return isinstance(error, langsmith.APIStatusError) and error.status_code in _EXPIRED


def _pages(ids: Iterable[str]) -> list[tuple[str, ...]]:
    given = list(ids)
    return [tuple(given[at : at + PAGE_SIZE]) for at in range(0, len(given), PAGE_SIZE)]


def just_before(time: datetime) -> datetime:
    """A little before this time, since a trace may be listed before its first run begins."""
    return max(time, EARLIEST + _EARLY) - _EARLY
