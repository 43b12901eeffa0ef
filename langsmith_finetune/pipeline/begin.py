"""The first half of `finetune`: the job, made from files that are written for it, or found again by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Unpack

from langsmith_finetune._foundation.arguments import NOT_NEGATIVE, checked
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.source import NoteKind
from langsmith_finetune.jobs.digests import sha256_and_first_line
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.plan import JobPlan
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.pipeline.files import TrainingFiles, validation_path, write_training_files
from langsmith_finetune.pipeline.naming import JobNames, names_of
from langsmith_finetune.pipeline.options import RunConditions
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.runs.langsmith.selection import Selection
from langsmith_finetune.runs.select import select_runs

logger = logger_of(__name__)

_LOST = frozenset({"failed", "cancelled"})


@checked(max_cost_usd=NOT_NEGATIVE)
def begun_job(
    runs: Iterable[Any] | None,
    *,
    model: str | Path,
    provider: Provider,
    name: str | None = None,
    folder: str | Path = ".",
    train_on: Literal["all", "last"] = "all",
    skip_notes: Collection[NoteKind] = (),
    keep_reasoning: bool = False,
    fold: Literal["trace", "thread"] | None = "trace",
    drop_duplicates: bool = True,
    redact: bool = False,
    validation_size: float = 0.1,
    parameters: Mapping[str, Any] | None = None,
    suffix: str | None = None,
    seed: int | None = None,
    max_cost_usd: float | None = None,
    on_files: Callable[[TrainingFiles], object] | None = None,
    on_plan: Callable[[JobPlan], object] | None = None,
    on_job: Callable[[FineTuneJob], object] | None = None,
    progress: bool = True,
    journal: Journal | str | Path | None = None,
    **conditions: Unpack[RunConditions],
) -> FineTuneJob:
    """The job of these arguments; `finetune` documents them."""
    selection = _selection(runs, name, seed, conditions)
    steps: dict[str, Any] = {
        "train_on": train_on,
        "skip_notes": skip_notes,
        "keep_reasoning": keep_reasoning,
        "fold": fold,
        "drop_duplicates": drop_duplicates,
        "redact": redact,
        "validation_size": validation_size,
    }
    settings: dict[str, Any] = {"model": model, "parameters": parameters, "suffix": suffix, "seed": seed}
    asked = {**_decisive(steps), **settings, "model": str(model)}
    if isinstance(selection, Selection):
        asked |= {"conditions": dict(selection.state.conditions), "limit": conditions.get("limit")}
    project = conditions.get("project_name") or conditions.get("project_id")
    names = names_of(provider, asked, name=name, project=None if project is None else str(project))
    book = journal if isinstance(journal, Journal) else Journal(journal)
    record = book.named(provider, names.job)
    path = Path(folder) / names.file
    if record is None:
        files = write_training_files(selection, path, **steps, seed=seed, target=provider.rules)
        if on_files is not None:
            on_files(files)
    else:
        kept = _kept_file(record, path)
        if name is not None and kept != path and Path(record.training_file).name != path.name:
            raise _of_another(record, names)
        job = _living(record, names, provider, book)
        if job is not None:
            return _shown(job, on_job)
        if kept is None:
            raise _file_gone(record, names)
        path = kept
    beside = validation_path(path)
    settings |= {
        "provider": provider,
        "validation_file": beside if validation_size and beside.exists() else None,
    }
    if on_plan is not None:
        on_plan(FineTuneJob.plan(path, **settings))
    job = FineTuneJob.create(
        path, **settings, name=names.job, max_cost_usd=max_cost_usd, progress=progress, journal=book
    )
    return _shown(job, on_job)


def _selection(
    runs: Iterable[Any] | None, name: str | None, seed: int | None, conditions: RunConditions
) -> Iterable[Any]:
    """The runs to learn from; those of a project are not asked for yet."""
    if runs is None:
        return select_runs(**conditions, seed=None if conditions.get("sample") is None else seed)
    if conditions:
        raise ValueError(
            f"runs= and {', '.join(conditions)} are given: conditions choose runs of a project. Give either, or "
            "put the conditions into what makes the runs"
        )
    if name is None:
        raise ValueError("runs= needs a name=, by which the same call finds the job again")
    return runs


def _decisive(steps: Mapping[str, Any]) -> dict[str, Any]:
    """The steps that differ from their defaults, so that a version with more of them finds the same names."""
    defaults = inspect.signature(begun_job).parameters
    found = {key: value for key, value in steps.items() if value != defaults[key].default}
    if "skip_notes" in found:
        found["skip_notes"] = sorted(found["skip_notes"])
    return found


def _living(record: JobRecord, names: JobNames, provider: Provider, journal: Journal) -> FineTuneJob | None:
    """The job that a name stands for; None where it was never created, or has failed."""
    if record.job_id is None:
        return None
    job = FineTuneJob.attach(record.job_id, provider=provider, journal=journal)
    if job.status in _LOST:
        return None
    logger.warning(
        "returned to the job %s of %s (%s). Give another name to train on newer runs",
        names.job,
        record.created_at[:10],
        job.status,
    )
    return job


def _kept_file(record: JobRecord, path: Path) -> Path | None:
    """The file that a job was made from, to train on again; None where it is gone, or was changed.

    Args:
        record: The job's. Another request that came to the same lines may have made it.
        path: Where this request's file is.
    """
    for each in (path, Path(record.training_file)):
        with suppress(OSError, InvalidExampleError):
            if sha256_and_first_line(each)[0] == record.training_sha256:
                return each
    return None


def _of_another(record: JobRecord, names: JobNames) -> ValueError:
    return ValueError(
        f"the name {names.job!r} stands for a job of {record.created_at[:10]}, made from other runs, steps or "
        "settings. Give another name=, or those that it was made with"
    )


def _file_gone(record: JobRecord, names: JobNames) -> ValueError:
    return ValueError(
        f"the job {names.job!r} of {record.created_at[:10]} cannot go on: {record.training_file} is gone, or was "
        "changed since. Give another name= to begin anew"
    )


def _shown(job: FineTuneJob, on_job: Callable[[FineTuneJob], object] | None) -> FineTuneJob:
    if on_job is not None:
        on_job(job)
    return job
