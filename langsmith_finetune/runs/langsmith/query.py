"""Turns the arguments of a selection into LangSmith's conditions, and what is decided after reading."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from langsmith_finetune._foundation.form_kinds import time_from
from langsmith_finetune.runs.langsmith.filters import (
    all_of,
    any_of,
    equals,
    has_feedback,
    has_metadata,
    has_tag,
)
from langsmith_finetune.runs.langsmith.progress import Share
from langsmith_finetune.runs.langsmith.read_apis import RUN_FIELDS, run_fields
from langsmith_finetune.runs.langsmith.selection_state import SelectionState, start_of
from langsmith_finetune.runs.langsmith.window_reader import Condition, Conditions
from langsmith_finetune.runs.role_filter import roles_of, several

# Not eq(error, false): the API refuses it, although `error` is a field of the filter language.
_ROOT = {False: equals("status", "success"), True: equals("status", "error"), None: None}


def selection_of(
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
    agent_types: str | Iterable[str] | None = None,
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
    example_of_root: bool = False,
) -> tuple[Conditions, SelectionState, Share]:
    """Check the arguments of `select_runs`, and divide them.

    Raises:
        ValueError: If one of them makes no sense.
    """
    if (project_name is None) == (project_id is None):
        raise ValueError("say which project: give either project_name or project_id")
    checked_limit(limit)
    if sample is not None and not 0 < sample <= 1:
        raise ValueError(f"sample must be above 0 and at most 1, not {sample}: it is a fraction of the runs")
    since, until = time_from(start_time), time_from(end_time)
    if since and until and since >= until:
        raise ValueError("start_time must be before end_time: no run can be between them")
    tags, models, names = several("tags", tags), several("models", models), several("names", names)
    roles = roles_of(agents, nodes, agent_types)
    wanted = RUN_FIELDS if fields is None else run_fields(several("fields", fields))
    any_model = any_of(has_metadata("ls_model_name", model) for model in models)
    any_name = any_of(equals("name", name) for name in names)
    # Types are told from more than one field, so that they are looked for in what the server gives.
    any_agent = any_of(has_metadata("lc_agent_name", agent) for agent in roles.agents) if roles else None
    any_node = any_of(has_metadata("langgraph_node", node) for node in roles.nodes) if roles else None
    one_by_one = (
        Condition(f"start_time={since}", "since", since),
        Condition(f"end_time={until}", "until", until),
        Condition(f"error={error}", "error", error, _ERROR_HINT),
        Condition(f"root_error={root_error}", "trace_filter", _ROOT[root_error], _ROOT_HINT),
        Condition(f"models={[*models]}", "filter", any_model),
        Condition(f"names={[*names]}", "filter", any_name),
        Condition(f"agents={[*(roles.agents if roles else ())]}", "filter", any_agent),
        Condition(f"nodes={[*(roles.nodes if roles else ())]}", "filter", any_node),
        *(Condition(f"tags={tag!r}", "filter", has_tag(tag)) for tag in tags),
        *(
            Condition(f"feedback={{{key!r}: {score!r}}}", "trace_filter", has_feedback({key: score}))
            for key, score in (feedback or {}).items()
        ),
        Condition(f"filter={filter!r}", "filter", filter),
        Condition(f"trace_filter={trace_filter!r}", "trace_filter", trace_filter),
        Condition(f"tree_filter={tree_filter!r}", "tree_filter", tree_filter),
    )
    asked = Conditions(
        project_name=project_name,
        project_id=str(project_id) if project_id else None,
        start_time=since,
        end_time=until,
        error=error,
        filter=all_of(
            *map(has_tag, tags),
            any_model,
            any_name,
            any_agent,
            any_node,
            filter,
        ),
        trace_filter=all_of(_ROOT[root_error], has_feedback(feedback or {}), trace_filter),
        tree_filter=tree_filter,
        fields=wanted if roles is None else tuple(dict.fromkeys([*wanted, "NAME", "METADATA"])),
        example_of_root=example_of_root,
        each=tuple(each for each in one_by_one if each.value is not None),
    )
    # What decides which runs there are, by the names that the caller gave it.
    decisive = {
        "project_name": project_name,
        "project_id": asked.project_id,
        "feedback": dict(feedback) if feedback else None,
        "root_error": root_error,
        "error": error,
        "tags": tags or None,
        "models": models or None,
        "names": names or None,
        "agents": (roles and roles.agents) or None,
        "nodes": (roles and roles.nodes) or None,
        "agent_types": (roles and roles.agent_types) or None,
        "start_time": since,
        "end_time": until,
        "filter": filter,
        "trace_filter": trace_filter,
        "tree_filter": tree_filter,
        "sample": sample,
        "seed": seed,
    }
    return asked, start_of(decisive, resume), Share(limit=limit, sample=sample, seed=seed, roles=roles)


_ERROR_HINT = "error=None takes runs that failed and runs that did not"
_ROOT_HINT = (
    "root_error=None takes the traces that ended well, those that failed, and those that have not ended"
)


def checked_limit(limit: int | None) -> int | None:
    """The limit, if it is one.

    Raises:
        ValueError: If it is below 1.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}; leave it out for all runs")
    return limit
