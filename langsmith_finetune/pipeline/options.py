"""The options of `finetune`, for its async twin, and the conditions of `select_runs` among them."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal, Required, TypedDict, TypeVar

from langsmith_finetune.examples.source import NoteKind
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.plan import JobPlan
from langsmith_finetune.pipeline.files import TrainingFiles
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.runs.roles import AgentType
from langsmith_finetune.runs.select import select_runs

Function = TypeVar("Function", bound=Callable[..., Any])


class RunConditions(TypedDict, total=False):
    """What `select_runs` takes to choose runs; documented there."""

    client: Any
    project_name: str | None
    project_id: str | uuid.UUID | None
    feedback: Mapping[str, float | str] | None
    root_error: bool | None
    error: bool | None
    tags: str | Iterable[str] | None
    models: str | Iterable[str] | None
    names: str | Iterable[str] | None
    agents: str | Iterable[str] | None
    nodes: str | Iterable[str] | None
    agent_types: AgentType | Iterable[AgentType] | None
    start_time: datetime | date | str | None
    end_time: datetime | date | str | None
    filter: str | None
    trace_filter: str | None
    tree_filter: str | None
    sample: float | None
    limit: int | None


class FinetuneOptions(RunConditions, total=False):
    """What `finetune` takes beside the runs, `timeout` and `progress`; documented there."""

    model: Required[str | Path]
    provider: Required[Provider]
    name: str | None
    folder: str | Path
    train_on: Literal["all", "last"]
    skip_notes: Collection[NoteKind]
    keep_reasoning: bool
    fold: Literal["trace", "thread"] | None
    drop_duplicates: bool
    redact: bool
    validation_size: float
    parameters: Mapping[str, Any] | None
    suffix: str | None
    seed: int | None
    max_cost_usd: float | None
    on_files: Callable[[TrainingFiles], object] | None
    on_plan: Callable[[JobPlan], object] | None
    on_job: Callable[[FineTuneJob], object] | None
    journal: Journal | str | Path | None


def with_options_of(begin: Callable[..., Any]) -> Callable[[Function], Function]:
    """Let `help()` and a notebook show every option of a function that takes them as `**options`.

    Args:
        begin: The function that they are passed to; what it takes as `**conditions` is for `select_runs`.
    """
    of_select = inspect.signature(select_runs).parameters

    def mark(function: Function) -> Function:
        own = inspect.signature(function)
        (runs, *waiting) = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        passed = [
            p
            for p in inspect.signature(begin).parameters.values()
            if p.kind is p.KEYWORD_ONLY and p.name not in own.parameters
        ]
        conditions = [
            of_select[name].replace(kind=runs.KEYWORD_ONLY) for name in RunConditions.__annotations__
        ]
        function.__signature__ = own.replace(  # type: ignore[attr-defined]
            parameters=[runs, *passed, *waiting, *conditions]
        )
        return function

    return mark
