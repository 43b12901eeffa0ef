"""Reads what Hugging Face answers about a job."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.json_values import (
    count_from,
    id_from,
    numbers_from,
    object_from,
    text_from,
    time_from,
)
from langsmith_finetune.providers.huggingface import train as remote
from langsmith_finetune.providers.values import JobEvent, JobInfo, Status

if TYPE_CHECKING:
    from huggingface_hub import JobInfo as HubJob

STATUSES: Mapping[str, Status] = {
    "SCHEDULING": "queued",
    "RUNNING": "running",
    "UPDATING": "running",
    "COMPLETED": "succeeded",
    "ERROR": "failed",
    "CANCELED": "cancelled",
    "DELETED": "cancelled",
}
"""Their words and ours. Source: `JobStage` of huggingface_hub, 2.4."""


def stage_of(job: HubJob) -> str:
    """Their word for where a job stands."""
    return str(getattr(job.status.stage, "value", job.status.stage))


def job_status_from_info(job: HubJob, reason: str | None = None) -> JobInfo:
    """A job as a `JobInfo`; which models it is about stands in its environment.

    Args:
        job: The job.
        reason: Why it failed, where its log says more than its status.
    """
    word, environment = stage_of(job), object_from(job.environment)
    status = STATUSES.get(word, "unknown")
    tuned = id_from(environment.get(remote.OUTPUT))
    return JobInfo(
        id=job.id,
        status=status,
        provider_status=word,
        model=text_from(environment.get(remote.MODEL)) or "unknown",
        fine_tuned_model=tuned if status == "succeeded" else None,
        error=reason or text_from(job.status.message) if status == "failed" else None,
        created_at=time_from(job.created_at),
        finished_at=time_from(job.finished_at),
    )


def job_event_from_line(event: Mapping[str, Any], event_id: str) -> JobEvent:
    """What the trainer reported in a line of its log."""
    level = event.get("level")
    return JobEvent(
        id=event_id,
        created_at=time_from(event.get("created_at")) or datetime.fromtimestamp(0, UTC),
        level="error" if level == "error" else "warning" if level == "warning" else "info",
        message=text_from(event.get("message")) or "",
        step=count_from(event.get("step")),
        total_steps=count_from(event.get("total_steps")),
        metrics=numbers_from(event.get("metrics")),
    )
