"""The list of jobs beside a ledger: who trained on the file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.ledger.rows import encoded, json_object, stem_of


class JobRow(TypedDict, total=False):
    """A job that took a file. The tuned model joins once it is known."""

    provider: str
    job_id: str
    model: str
    file_sha256: str
    role: str
    """`training`, or `validation`: measured on, not learned from."""
    status: str
    fine_tuned_model: str


def job_rows(path: Path) -> Iterator[JobRow]:
    """The rows of a list of jobs."""
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            row = json_object(data)
            if not data.strip() or (row is None and not data.endswith(b"\n")):
                continue  # another process is writing this row just now
            if not all(
                isinstance((row or {}).get(key), str) for key in ("provider", "job_id", "file_sha256", "role")
            ):
                fix = "Remove the row, or the file; jobs are recorded anew with Ledger.record_job"
                raise InvalidExampleError(f"{path.name}:{number}", "", "is not a job's row", fix)
            yield cast("JobRow", row)


def append_job(path: Path, row: JobRow) -> None:
    """Write down a job of a training file, unless it stands there already."""
    jobs = path.with_name(path.stem + _JOBS)
    if jobs.exists() and row in list(job_rows(jobs)):
        return
    # One write at the end of the file: two processes that append do not cut into each other's rows.
    handle = os.open(jobs, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b", buffering=0) as file:
        is_new = file.seek(0, os.SEEK_END) == 0
        file.seek(0 if is_new else -1, os.SEEK_END)
        file.write(encoded(row) if is_new or file.read(1) == b"\n" else b"\n" + encoded(row))


def jobs_path(ledger: Path, closing: Mapping[str, Any]) -> Path:
    """Where the jobs of the file lie that this ledger tells of."""
    return ledger.with_name(stem_of(ledger, closing) + _JOBS)


_JOBS = ".jobs.jsonl"
