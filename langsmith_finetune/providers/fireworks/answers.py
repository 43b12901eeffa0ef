"""Reads what Fireworks answers about a job and a deployment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from langsmith_finetune._foundation.json_values import (
    count_from,
    json_object,
    number_from,
    numbers_from,
    object_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune.providers.fireworks.request import attempt_of
from langsmith_finetune.providers.values import DeploymentInfo, JobEvent, JobInfo, Status

STATUSES: Mapping[str, Status] = {
    "JOB_STATE_CREATING": "validating",
    "JOB_STATE_VALIDATING": "validating",
    "JOB_STATE_CREATING_INPUT_DATASET": "validating",
    "JOB_STATE_PENDING": "queued",
    "JOB_STATE_RE_QUEUEING": "queued",
    "JOB_STATE_RUNNING": "running",
    "JOB_STATE_WRITING_RESULTS": "running",
    "JOB_STATE_IDLE": "running",
    "JOB_STATE_PAUSED": "paused",
    "JOB_STATE_CANCELLING": "cancelling",
    "JOB_STATE_COMPLETED": "succeeded",
    "JOB_STATE_EARLY_STOPPED": "succeeded",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
    "JOB_STATE_DELETING": "cancelled",
    "JOB_STATE_DELETING_CLEANING_UP": "cancelled",
}
"""Their words and ours. Source: `types/supervised_fine_tuning_job.py` of the SDK, 1.2.30."""

_DEPLOYMENTS: Mapping[str, Literal["creating", "ready", "stopped", "failed", "unknown"]] = {
    "CREATING": "creating",
    "READY": "ready",
    "UPDATING": "ready",
    "FAILED": "failed",
    "DELETING": "stopped",
    "DELETED": "stopped",
}

_NUMBERS = {
    "loss": "train_loss",
    "train/loss": "train_loss",
    "eval/loss": "valid_loss",
    "eval_loss": "valid_loss",
}
_STEPS = ("step", "global_step", "train/global_step")


def job_status_from_answer(job: Mapping[str, Any]) -> JobInfo:
    """A fine-tuning job, supervised or DPO, as a `JobInfo`.

    Its id is the last part of its name, with `dpoJobs/` before it where it is one of those.

    Example:
        >>> job_status_from_answer({"name": "accounts/me/dpoJobs/j", "state": "JOB_STATE_PENDING"}).id
        'dpoJobs/j'
    """
    word = word_from(job.get("state"))
    status = STATUSES.get(word, "unknown")
    _, account, kind, id_ = str(job["name"]).split("/", 3)
    config = object_from(job.get("trainingConfig")) or job
    tuned = text_from(job.get("outputModel")) or text_from(config.get("outputModel")) or id_
    if not tuned.startswith("accounts/"):
        tuned = f"accounts/{account}/models/{tuned}"
    reason = object_from(job.get("status"))
    message = text_from(reason.get("message")) or text_from(reason.get("code"))
    return JobInfo(
        id=f"{kind}/{id_}" if kind == "dpoJobs" else id_,
        status=status,
        provider_status=word,
        model=text_from(config.get("baseModel")) or text_from(config.get("warmStartFrom")) or "unknown",
        fine_tuned_model=tuned if status == "succeeded" else None,
        error=message if status == "failed" else None,
        created_at=time_from(job.get("createTime")),
        finished_at=time_from(job.get("completedTime")),
        cost_usd=_dollars(job.get("estimatedCost")),
        attempt=attempt_of(id_),
    )


def job_events_from_answer(job: Mapping[str, Any], metrics: bytes) -> list[JobEvent]:
    """What a job shows of its course. Fireworks keeps no events: its beginning, its numbers, and where it stands.

    Args:
        job: The job.
        metrics: The content of its file of metrics, one JSON object a line.
    """
    created = time_from(job.get("createTime")) or datetime.fromtimestamp(0, UTC)
    last = time_from(job.get("completedTime")) or time_from(job.get("updateTime")) or created
    events = [JobEvent(id="created", created_at=created, level="info", message="the job was created")]
    events += _metrics(metrics, created, max(created, last))
    percent = number_from(object_from(job.get("jobProgress")).get("percent"))
    word = word_from(job.get("state"))
    failed = STATUSES.get(word) == "failed"
    events.append(
        JobEvent(
            id=f"state-{word}",
            created_at=max(created, last),
            level="error" if failed else "info",
            message=word + (f", {percent:.0f} %" if percent is not None else ""),
        )
    )
    return events


def deployment_from_answer(deployment: Mapping[str, Any]) -> DeploymentInfo:
    """A deployment; the model in it is called by the model's name, `#`, and the deployment's."""
    name, word = str(deployment["name"]), word_from(deployment.get("state"))
    status = _DEPLOYMENTS.get(word, "unknown")
    message = text_from(object_from(deployment.get("status")).get("message"))
    model = text_from(deployment.get("baseModel")) or "unknown"
    return DeploymentInfo(
        id=name.rsplit("/", 1)[-1],
        model_id=model,
        status=status,
        provider_status=word,
        serves_as=f"{model}#{name}",
        error=message if status == "failed" else None,
    )


def _metrics(content: bytes, first: datetime, last: datetime) -> Iterator[JobEvent]:
    """Lines that are no objects with a step are left out: nobody documents this file."""
    for line in content.splitlines():
        try:
            row = json_object(line)
        except ValueError:
            continue
        numbers = numbers_from(row)
        found = [numbers.pop(name) for name in _STEPS if name in numbers]
        step = count_from(found[0]) if found else None
        if step is not None and numbers:
            metrics = {_NUMBERS.get(name, name): number for name, number in numbers.items()}
            when = time_from(row.get("timestamp")) or last
            yield JobEvent(
                id=f"metrics-{step}",
                created_at=min(max(when, first), last),
                level="info",
                message=f"step {step}",
                step=step,
                metrics=metrics,
            )


def _dollars(cost: Any) -> float | None:
    """Google's `Money`: whole units as text, and billionths."""
    if not isinstance(cost, Mapping) or cost.get("currencyCode", "USD") != "USD":
        return None
    try:
        dollars = number_from(int(cost.get("units") or 0) + int(cost.get("nanos") or 0) / 1e9)
    except (TypeError, ValueError, OverflowError):
        return None
    return dollars if dollars is not None and dollars >= 0 else None
