"""Reads what OpenAI-shaped hosts answer about a job: `fine_tuning.job` and event objects."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from langsmith_finetune._foundation.json_values import (
    count_from,
    numbers_from,
    object_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune.providers.values import Checkpoint, JobEvent, JobInfo, Status

_STATUSES: Mapping[str, Status] = {
    "validating_files": "validating",
    "queued": "queued",
    "pending": "queued",  # Azure
    "running": "running",
    "paused": "paused",
    "cancelling": "cancelling",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}


def job_status_from_answer(job: Mapping[str, Any]) -> JobInfo:
    """A `fine_tuning.job` object as a `JobInfo`.

    Decided by `status` alone: a healthy job's `error` is `{}`, `finished_at` of a failed one is null, and
    Azure leaves out what has no value.

    Example:
        >>> job_status_from_answer({"id": "ftjob-1", "model": "m", "status": "pending", "error": {}}).status
        'queued'
    """
    word = word_from(job.get("status"))
    status = _STATUSES.get(word, "unknown")
    tuned = text_from(job.get("fine_tuned_model"))
    if status == "succeeded" and not tuned:
        status = "unknown"  # the name may come a moment later
    return JobInfo(
        id=job["id"],
        status=status,
        provider_status=word,
        model=text_from(job.get("model")) or "unknown",
        fine_tuned_model=tuned,
        error=_job_error(job.get("error")),
        created_at=time_from(job.get("created_at")),
        finished_at=time_from(job.get("finished_at")),
        estimated_finish=time_from(job.get("estimated_finish")),
        trained_tokens=count_from(job.get("trained_tokens")),
    )


def job_event_from_answer(event: Mapping[str, Any]) -> JobEvent:
    """A `fine_tuning.job.event` object as a `JobEvent`.

    `data` may be missing, null or `{}`; where it has a step without the number of steps, the message
    (`Step 90/300: training loss=0.25`) has both.

    Example:
        >>> event = {"id": "ftevent-1", "message": "Step 2/9: training loss=0.5", "data": {"step": 2}}
        >>> job_event_from_answer(event).total_steps
        9
    """
    numbers = numbers_from(event.get("data"))
    message = text_from(event.get("message")) or ""
    step, total = count_from(numbers.pop("step", None)), count_from(numbers.pop("total_steps", None))
    if in_words := re.match(r"Step (\d{1,15})/(\d{1,15})\b", message):
        step = int(in_words[1]) if step is None else step
        total = int(in_words[2]) if total is None else total
    level = word_from(event.get("level"))
    return JobEvent(
        id=event["id"],
        created_at=time_from(event.get("created_at")) or datetime.fromtimestamp(0, UTC),
        level="error" if level == "error" else "warning" if level in {"warn", "warning"} else "info",
        message=message,
        step=step,
        total_steps=total,
        metrics=numbers,
    )


def checkpoint_from_answer(point: Mapping[str, Any]) -> Checkpoint:
    """A `fine_tuning.job.checkpoint` object as a `Checkpoint`.

    Example:
        >>> checkpoint_from_answer({"id": "ftckpt-1", "step_number": 8, "metrics": {"step": 8, "train_loss": 0.5}})
        Checkpoint(id='ftckpt-1', step=8, created_at=None, model=None, metrics={'train_loss': 0.5})
    """
    numbers = numbers_from(point.get("metrics"))
    numbers.pop("step", None)
    return Checkpoint(
        id=point["id"],
        step=count_from(point.get("step_number")),
        created_at=time_from(point.get("created_at")),
        model=text_from(point.get("fine_tuned_model_checkpoint")),
        metrics=numbers,
    )


def _job_error(error: Any) -> str | None:
    if isinstance(error, str):
        return error or None
    fields = object_from(error)
    message, code = text_from(fields.get("message")), fields.get("code") and word_from(fields["code"])
    if message and code:
        return f"{message} ({code})"
    return message or code or None
