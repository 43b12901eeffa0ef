"""Names a job and its files by what was asked for, so that the same call finds both again."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langsmith_finetune.jobs.journal import home_of
from langsmith_finetune.providers.base import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class JobNames:
    """What a job and its training file are called.

    Args:
        job: The job's name in the journal.
        file: The training file's name. It says what was asked for even where the caller named the job.
    """

    job: str
    file: str


def names_of(
    provider: Provider, asked: Mapping[str, Any], *, name: str | None, project: str | None
) -> JobNames:
    """The names that go with what was asked for.

    Args:
        provider: Who trains.
        asked: Everything that decides what is trained, by name; what is None does not count.
        name: The caller's name for the job, if any.
        project: The project's name, if any.

    Raises:
        ValueError: There is neither a name nor a project.
    """
    if name is None and project is None:
        raise ValueError("give the job a name=, by which the same call finds it again")
    given = {key: value for key, value in asked.items() if value is not None}
    text = json.dumps([provider.name, home_of(provider), given], sort_keys=True, default=str)
    key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    label = name or project or ""
    stem = re.sub(r"[^\w.-]+", "-", label).strip(".-")[:60] or "job"
    return JobNames(job=name or f"{label}-{key}", file=f"{stem}-{key}.jsonl")
