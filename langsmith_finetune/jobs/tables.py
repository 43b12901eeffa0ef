"""A job's records, events and checkpoints as lists that show themselves as tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from langsmith_finetune._foundation.tables import Rows
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.providers.values import Checkpoint, JobEvent


def record_rows(records: Iterable[JobRecord]) -> Rows[JobRecord]:
    """Jobs, one per row."""
    return Rows(
        records,
        columns={
            "created": lambda record: record.created_at[:16].replace("T", " "),
            "name": lambda record: ", ".join(record.names),
            "job": lambda record: record.job_id,
            "status": lambda record: record.status or record.stage,
            "provider": lambda record: record.provider,
            "model": lambda record: record.model,
            "file": lambda record: Path(record.training_file).name,
            "cost": lambda record: None if record.usd is None else f"${record.usd:,.2f}",
            "tuned model": lambda record: record.fine_tuned_model,
        },
        nothing="no job was created on this machine yet",
    )


def event_rows(events: Iterable[JobEvent]) -> Rows[JobEvent]:
    """Events, one per row."""
    return Rows(
        events,
        columns={
            "time": lambda event: f"{event.created_at:%Y-%m-%d %H:%M:%S}",
            "level": lambda event: event.level,
            "step": lambda event: event.step,
            "message": lambda event: event.message,
        },
        nothing="no event yet",
    )


def checkpoint_rows(checkpoints: Iterable[Checkpoint]) -> Rows[Checkpoint]:
    """Checkpoints, one per row."""
    return Rows(
        checkpoints,
        columns={
            "checkpoint": lambda point: point.id,
            "step": lambda point: point.step,
            "model": lambda point: point.model,
            "numbers": lambda point: ", ".join(f"{key} {value:.4g}" for key, value in point.metrics.items()),
        },
        nothing="no checkpoint",
    )


def metric_rows(records: Sequence[Mapping[str, float]]) -> Rows[dict[str, float]]:
    """The numbers of the steps, one step per row."""
    names = dict.fromkeys(["step", *(name for record in records for name in record)])
    columns = {name: _getter(name) for name in names}
    return Rows(map(dict, records), columns=columns, nothing="no numbers yet")


def _getter(name: str) -> Callable[[dict[str, float]], float | None]:
    return lambda record: record.get(name)
