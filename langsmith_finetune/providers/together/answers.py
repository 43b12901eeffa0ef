"""Reads what Together answers about a job: fine-tunes, events and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from langsmith_finetune._foundation.json_values import (
    count_from,
    numbers_from,
    objects_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune.providers.values import Checkpoint, JobEvent, JobInfo, Status

STATUSES: Mapping[str, Status] = {
    "pending": "queued",
    "queued": "queued",
    "running": "running",
    "compressing": "running",
    "uploading": "running",
    "cancel_requested": "cancelling",  # the job may still complete
    "cancelled": "cancelled",
    "error": "failed",
    "completed": "succeeded",
}
"""Their words and ours. Source: `types/finetune_response.py` of the SDK, 3.1.1."""

_NUMBERS = {"train/loss": "train_loss", "eval/loss": "valid_loss", "train/learning_rate": "learning_rate"}
_LEVELS: Mapping[str, Literal["info", "warning", "error"]] = {
    "error": "error",
    "legacy_ierror": "error",
    "warning": "warning",
    "legacy_iwarning": "warning",
}


def job_status_from_answer(job: Mapping[str, Any]) -> JobInfo:
    """A fine-tune as a `JobInfo`.

    Example:
        >>> job_status_from_answer({"id": "ft-1", "status": "cancel_requested"}).status
        'cancelling'
    """
    word = word_from(job.get("status"))
    status, tuned = STATUSES.get(word, "unknown"), text_from(job.get("model_output_name"))
    if status == "succeeded" and not tuned:
        status = "unknown"  # the name may come a moment later
    events = objects_from(job.get("events"))
    steps = [event for event in events if count_from(event.get("step"))]
    return JobInfo(
        id=job["id"],
        status=status,
        provider_status=word,
        model=text_from(job.get("model")) or "unknown",
        fine_tuned_model=tuned if status == "succeeded" else None,
        error=_reason(events) if status == "failed" else None,
        created_at=time_from(job.get("created_at")),
        finished_at=time_from(job.get("updated_at"))
        if status in {"succeeded", "failed", "cancelled"}
        else None,
        trained_tokens=count_from(job.get("token_count")),
        step=count_from(steps[-1].get("step")) if steps else None,
        total_steps=count_from(steps[-1].get("total_steps")) if steps else None,
    )


def job_event_from_answer(event: Mapping[str, Any], number: int) -> JobEvent:
    """An event of a fine-tune; it has no id of its own, so its place is one."""
    return JobEvent(
        id=f"event-{number}",
        created_at=time_from(event.get("created_at")) or datetime.fromtimestamp(0, UTC),
        level=_LEVELS.get(word_from(event.get("level")), "info"),
        message=text_from(event.get("message")) or text_from(event.get("type")) or "",
        step=count_from(event.get("step")) or None,
        total_steps=count_from(event.get("total_steps")) or None,
    )


def metrics_event_from_answer(row: Mapping[str, Any], otherwise: datetime) -> JobEvent | None:
    """The numbers of one step as an event; None where they are no numbers.

    Args:
        row: The numbers, by name.
        otherwise: Its time, where it has none.

    Example:
        >>> row = {"train/global_step": 2.0, "train/loss": 0.5, "timestamp": 1_790_000_000}
        >>> metrics_event_from_answer(row, datetime.now(UTC)).metrics
        {'train_loss': 0.5}
    """
    numbers = numbers_from(row)
    step = count_from(numbers.pop("train/global_step", numbers.pop("global_step", None)))
    when = time_from(numbers.pop("timestamp", None))
    metrics = {_NUMBERS.get(name, name): number for name, number in numbers.items()}
    if step is None or not metrics:
        return None
    shown = ", ".join(f"{name} {number:.4g}" for name, number in metrics.items())
    return JobEvent(
        id=f"metrics-{step}",
        created_at=when or otherwise,
        level="info",
        message=f"step {step}: {shown}",
        step=step,
        metrics=metrics,
    )


def checkpoint_from_answer(checkpoint: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint of a fine-tune. It can be downloaded or deployed, not called as it is."""
    return Checkpoint(
        id=text_from(checkpoint.get("object_name")) or text_from(checkpoint.get("path")) or "unknown",
        step=count_from(checkpoint.get("step")),
        created_at=time_from(checkpoint.get("created_at")),
    )


def _reason(events: list[Mapping[str, Any]]) -> str | None:
    """A fine-tune has no field for it: the last thing that its events call an error."""
    for event in reversed(events):
        if event.get("type") == "job_error" or _LEVELS.get(word_from(event.get("level"))) == "error":
            return text_from(event.get("message"))
    return None
