"""What OpenAI-shaped hosts answer about a job, read: their `fine_tuning.job` and event objects."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from langsmith_finetune.providers.base import Checkpoint, JobEvent, JobStatus, Status

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


def job_status_from_answer(job: Mapping[str, Any]) -> JobStatus:
    """A `fine_tuning.job` object as a `JobStatus`.

    Decided by `status` alone: a healthy job's `error` is `{}`, `finished_at` of a failed one is null, and
    Azure leaves out what has no value.

    Example:
        >>> job_status_from_answer({"id": "ftjob-1", "model": "m", "status": "pending", "error": {}}).status
        'queued'
    """
    word = str(job.get("status"))
    status = _STATUSES.get(word, "unknown")
    tuned = job.get("fine_tuned_model")
    if status == "succeeded" and not tuned:
        status = "unknown"  # the name may come a moment later
    return JobStatus(
        id=job["id"],
        status=status,
        provider_status=word,
        model=str(job.get("model") or "unknown"),
        fine_tuned_model=str(tuned) if tuned else None,
        error=_job_error(job.get("error")),
        created_at=time_from(job.get("created_at")),
        finished_at=time_from(job.get("finished_at")),
        estimated_finish=time_from(job.get("estimated_finish")),
        trained_tokens=_whole(number_from(job.get("trained_tokens"))),
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
    data = event.get("data")
    numbers = {
        name: number
        for name, value in (data.items() if isinstance(data, Mapping) else ())
        if (number := number_from(value)) is not None
    }
    message = str(event.get("message") or "")
    step, total = numbers.pop("step", None), numbers.pop("total_steps", None)
    if in_words := re.match(r"Step (\d+)/(\d+)\b", message):
        step = float(in_words[1]) if step is None else step
        total = float(in_words[2]) if total is None else total
    level = event.get("level")
    return JobEvent(
        id=event["id"],
        created_at=time_from(event.get("created_at")) or datetime.fromtimestamp(0, UTC),
        level="error" if level == "error" else "warning" if level in {"warn", "warning"} else "info",
        message=message,
        step=_whole(step),
        total_steps=_whole(total),
        metrics=numbers,
    )


def checkpoint_from_answer(point: Mapping[str, Any]) -> Checkpoint:
    """A `fine_tuning.job.checkpoint` object as a `Checkpoint`.

    Example:
        >>> checkpoint_from_answer({"id": "ftckpt-1", "step_number": 8, "metrics": {"step": 8, "train_loss": 0.5}})
        Checkpoint(id='ftckpt-1', step=8, created_at=None, model=None, metrics={'train_loss': 0.5})
    """
    shown = point.get("metrics")
    numbers = {
        name: number
        for name, value in (shown.items() if isinstance(shown, Mapping) else ())
        if name != "step" and (number := number_from(value)) is not None
    }
    model = point.get("fine_tuned_model_checkpoint")
    return Checkpoint(
        id=point["id"],
        step=_whole(number_from(point.get("step_number"))),
        created_at=time_from(point.get("created_at")),
        model=str(model) if model else None,
        metrics=numbers,
    )


def _job_error(error: Any) -> str | None:
    if isinstance(error, str):
        return error or None
    if not isinstance(error, Mapping):
        return None
    message, code = error.get("message"), error.get("code")
    if message and code:
        return f"{message} ({code})"
    return str(message or code) if message or code else None


def number_from(value: Any) -> float | None:
    """A number as JSON has it; truth values are none, and neither are integers beyond all floats."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    except OverflowError:  # JSON has integers of any size
        return None


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and math.isfinite(value) else None


def time_from(value: Any) -> datetime | None:
    """Seconds since 1970 as a time."""
    seconds = number_from(value)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
