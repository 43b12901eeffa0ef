"""Follows the cursors of a question that is answered at once, and not window by window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune.runs.langsmith.page_end import MOST_AT_ONCE, Pages

if TYPE_CHECKING:
    from langsmith.types import Run

    from langsmith_finetune.errors import RunNotUsableError
    from langsmith_finetune.runs.langsmith.read_apis import Answer, RunApi, RunQuery
    from langsmith_finetune.runs.langsmith.transport import RequestPlan

TRACES_AT_ONCE = 25
"""Traces to ask for at once; one can have thousands of runs."""


def all_pages(api: RunApi, query: RunQuery, found: dict[str, Run | RunNotUsableError]) -> RequestPlan[None]:
    """Add what the cursors lead to."""
    pages = Pages("runs", most=MOST_AT_ONCE)
    cursor: str | None = None
    while True:
        answer = yield from api.ask(query, cursor)
        take_by_id(found, answer)
        cursor = answer.cursor
        pages.turned([run.id for run in answer.runs], cursor=cursor)
        if cursor is None:
            return


def take_by_id(found: dict[str, Run | RunNotUsableError], answer: Answer) -> None:
    """Add an answer's runs, and what came in place of runs."""
    found |= {run.id or "": run for run in answer.runs}
    for error in answer.unreadable:
        found.setdefault(error.run_id, error)
