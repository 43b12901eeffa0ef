"""Selects the runs of a project by condition."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import langsmith

from langsmith_finetune._foundation.arguments import an_id, checked
from langsmith_finetune.runs.langsmith.query import selection_of
from langsmith_finetune.runs.langsmith.selection import Selection
from langsmith_finetune.runs.langsmith.selection_state import SelectionState
from langsmith_finetune.runs.roles import AgentType


@checked(project_id=an_id)
def select_runs(
    client: langsmith.Client | langsmith.Langsmith | langsmith.AsyncLangsmith | None = None,
    *,
    project_name: str | None = None,
    project_id: str | uuid.UUID | None = None,
    feedback: Mapping[str, float | str] | None = None,
    root_error: bool | None = False,
    error: bool | None = False,
    tags: str | Iterable[str] | None = None,
    models: str | Iterable[str] | None = None,
    names: str | Iterable[str] | None = None,
    agents: str | Iterable[str] | None = None,
    nodes: str | Iterable[str] | None = None,
    agent_types: AgentType | Iterable[AgentType] | None = None,
    start_time: datetime | date | str | None = None,
    end_time: datetime | date | str | None = None,
    filter: str | None = None,  # noqa: A002 - LangSmith's own name for it
    trace_filter: str | None = None,
    tree_filter: str | None = None,
    sample: float | None = None,
    seed: int | str | None = None,
    limit: int | None = None,
    fields: Iterable[str] | None = None,
    resume: SelectionState | Mapping[str, Any] | None = None,
) -> Selection:
    """Yield the llm runs of a project that meet all conditions, the newest first.

    Nothing is requested before the first run is asked for; from then on a few pages are read ahead. LangSmith's
    rate limits are kept to from the outset, and what passes by itself (429, 5xx, a lost connection) is waited
    for. The same code works in a script, a thread and a notebook, against any LangSmith server that has either
    read API.

    Args:
        client: A `langsmith.Langsmith` or a `langsmith.Client`; for `async for` also a `langsmith.AsyncLangsmith`.
            Default: one made from LANGSMITH_API_KEY, LANGSMITH_ENDPOINT and LANGSMITH_WORKSPACE_ID, and closed at
            the end.
        project_name: The project's name; or give `project_id`.
        project_id: The project's id.
        feedback: By key, the score that the root of the run's trace was given, or a comparison with one:
            `{"user_score": 1, "quality": ">= 0.8"}`. If it has several scores under a key, one must fit.
        root_error: False keeps runs of traces that ended well as a whole (a good answer inside a failed
            trace is seldom worth learning), True those of failed traces, None those of any trace.
        error: False keeps runs that did not fail themselves, True those that did, None both.
        tags: Tags that the run itself has, all of them.
        models: Models, one of which answered, by the name that the tracer recorded (`ls_model_name`).
        names: Names, one of which the run has, such as "ChatOpenAI".
        agents: Agents, one of which made the call, by the names that LangChain gave them (`lc_agent_name`).
        nodes: Nodes of a graph, one of which made the call (`langgraph_node`).
        agent_types: What the call was for: `"root"` is the application's own conversation, and leaves out
            sub-agents, middleware, compaction and titles. The server cannot tell, so that runs of the other
            types are read too, and passed over.
        start_time: The first start time wanted: a `datetime`, a `date` (its first moment), or ISO text such as
            `"2026-11-01"`; one without a time zone is UTC. Default: all since the
            project began (LangSmith's own default is the last 24 hours). Runs past the plan's retention,
            14 or 400 days, are gone; a warning says so where it is known.
        end_time: The first start time not wanted. Default: none.
        filter: A further condition on the run, in LangSmith's filter language
            (https://docs.langchain.com/langsmith/trace-query-syntax).
        trace_filter: A further condition on the root of the run's trace, in the same language.
        tree_filter: A condition on any run of the same trace.
        sample: Keep this fraction of the runs, above 0 and up to 1. Whether a run is kept depends on its id
            and the seed alone: a larger fraction holds the smaller one.
        seed: Another seed is another sample.
        limit: At most so many runs. Default: all.
        fields: What to ask for of each run, by LangSmith's names. Default: `RUN_FIELDS`, from which
            examples are made; `[*RUN_FIELDS, "EVENTS"]` is more.
        resume: The `state` of an earlier selection with the same conditions (it may be the dict that it
            gave): go on after the last run that was taken then. `limit` counts those before, too.

    Returns:
        Runs in the form of LangSmith's v2 API, whichever API they came from, ordered by start time and then id,
        both descending; each run once. Iterate with `for` or with `async for`, more than once if need be. Its
        `state` says how far it is.

    Raises:
        ValueError: If not exactly one of `project_name` and `project_id` is given, a condition makes no
            sense, `resume` belongs to other conditions, or there is no API key.
        langsmith.utils.LangSmithNotFoundError: At the first run, if there is no such project.

    Example:
        >>> from langsmith_finetune import select_runs
        >>> runs = select_runs(project_name="support-bot", feedback={"user_score": 1}, limit=1000)
        >>> runs.state.count  # nothing is requested yet
        0
    """
    return Selection(
        client,
        *selection_of(
            project_name=project_name,
            project_id=project_id,
            feedback=feedback,
            root_error=root_error,
            error=error,
            tags=tags,
            models=models,
            names=names,
            agents=agents,
            nodes=nodes,
            agent_types=agent_types,
            start_time=start_time,
            end_time=end_time,
            filter=filter,
            trace_filter=trace_filter,
            tree_filter=tree_filter,
            sample=sample,
            seed=seed,
            limit=limit,
            fields=fields,
            resume=resume,
        ),
    )
