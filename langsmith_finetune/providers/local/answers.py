"""Reads where a job stands from the files of its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from langsmith_finetune._foundation.json_values import count_from, numbers_from, time_from
from langsmith_finetune.providers.local.process import is_alive
from langsmith_finetune.providers.local.run_folder import (
    RunFolder,
    UnreadableFileError,
    read_json,
)
from langsmith_finetune.providers.values import ENDED, JobInfo, Status


def status_of(run: RunFolder) -> JobInfo:
    """Where a job stands, by its process and its files."""
    alive = is_alive(run)  # asked first: a process that ends now has written its last word before
    (request, fault), (state, unsaid) = read_or_reason(run.request_file), read_or_reason(run.status_file)
    status: Status = next((word for word in get_args(Status) if word == state.get("status")), "unknown")
    word = str(state.get("provider_status") or status)
    error = state.get("error")
    tuned = state.get("fine_tuned_model")
    resumable = False
    if status == "succeeded" and not isinstance(tuned, str):
        status, unsaid = "unknown", f"{run.status_file.name} names no model"
    if status == "unknown" or fault:
        # Never "failed" while it trains: whoever reads that starts another beside it.
        status, word = "unknown" if alive else "failed", "unreadable"
        what = fault or unsaid or f"{run.status_file.name} names no status that is known"
        error = f"{what} in {run.path}, as after a crash of the machine. What the folder holds besides is untouched"
    elif status not in ENDED and run.cancelled_file.exists():
        status = word = "cancelling" if alive else "cancelled"
    elif status not in ENDED and not alive:
        status, word, resumable = "failed", f"died while {word}", True
        error = (
            f"the training process {word}, without a word: it was killed, or memory ran out. "
            "The same create, or job.resume(), lets it go on from its last checkpoint. "
            f"Its last output is in {run.log_file}"
        )
    return JobInfo(
        id=run.id,
        status=status,
        provider_status=word,
        model=str(request.get("model") or "unknown"),
        fine_tuned_model=tuned if isinstance(tuned, str) else None,
        error=error if isinstance(error, str) else None,
        created_at=time_from(request.get("created_at")),
        finished_at=time_from(state.get("finished_at")),
        trained_tokens=count_from(state.get("trained_tokens")),
        step=count_from(state.get("step")),
        total_steps=count_from(state.get("total_steps")),
        metrics=numbers_from(state.get("metrics")),
        resumable=resumable,
        attempt=int(run.id.rsplit("-", 1)[1]),
    )


def read_or_reason(file: Path) -> tuple[dict[str, Any], str | None]:
    """What a file of a run folder says, and why it says nothing."""
    try:
        value = read_json(file)
    except UnreadableFileError as error:
        return {}, f"{file.name} {error}"
    return ({}, f"{file.name} is missing") if value is None else (value, None)
