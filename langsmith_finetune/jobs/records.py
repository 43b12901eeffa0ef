"""A job's record in the journal. A damaged record is reported, never taken for a missing one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args

from langsmith_finetune._foundation.fields import ShowsFields
from langsmith_finetune.providers.values import Status

Stage: TypeAlias = Literal["intended", "creating", "created", "ended", "deploying", "deployed"]
"""How far a job has come:

- `intended`: nothing that costs money was asked for yet; files may be uploaded.
- `creating`: the provider is being asked. If the process dies now, it is not known whether there is a job.
- `created`: there is a job.
- `ended`: it succeeded, failed or was cancelled; without a `job_id`, it was never created.
- `deploying`: the provider is being asked to serve its model.
- `deployed`: the model is served, or about to be.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord(ShowsFields):
    """A job as the journal knows it. The provider may know more by now: `FineTuneJob.attach` asks it.

    Args:
        fingerprint: Of the request, see `JobRequest`.
        provider: The provider's name.
        home: Where the provider keeps its jobs: an address or a folder.
        stage: How far it has come.
        model: The model to start from.
        method: How to train.
        training_file: The training file's path on this machine; empty for a job that was created on another.
        training_sha256: The SHA-256 of its bytes; empty likewise.
        created_at: When it was intended first, in ISO 8601.
        number: Which of the jobs of this fingerprint it is, from 1.
        names: The names that were given to it.
        job_id: The provider's id of the job, once there is one.
        status: Where the job stood when this process or another last looked.
        fine_tuned_model: What it left.
        deployment_id: The provider's id of the deployment of its model.
        tokens: The tokens to be trained on, all epochs together, if they were counted.
        usd: The estimated cost, in US dollars.
        asked_at: When the provider was last asked to create the job, or to deploy its model, in ISO 8601.
    """

    fingerprint: str
    provider: str
    home: str
    stage: Stage
    model: str
    method: str
    training_file: str
    training_sha256: str
    created_at: str
    number: int
    names: tuple[str, ...] = ()
    job_id: str | None = None
    status: Status | None = None
    fine_tuned_model: str | None = None
    deployment_id: str | None = None
    tokens: int | None = None
    usd: float | None = None
    asked_at: str | None = None


class UnreadableError(Exception):
    """There is a file, and what it says is not known. Its text completes a sentence about the file."""


def record_of(path: Path) -> JobRecord:
    """The record in a file.

    Raises:
        UnreadableError: There is none that this version can read.
    """
    try:
        data = json_of(path)
    except FileNotFoundError:
        raise UnreadableError("was removed meanwhile") from None
    if unknown := sorted(data.keys() - _FIELDS.keys()):
        raise UnreadableError(f"was written by a later version ({', '.join(map(repr, unknown))})")
    try:
        record = JobRecord(**{**data, "names": tuple(data.get("names", ()))})
    except TypeError:
        raise UnreadableError("is not a record of a job") from None
    if not all(_is_of_kind(getattr(record, name), kind) for name, kind in _FIELDS.items()):
        raise UnreadableError("is not a record of a job")
    for word, known in ((record.stage, get_args(Stage)), (record.status, (None, *get_args(Status)))):
        if word not in known:
            raise UnreadableError(f"was written by a later version ({word!r})")
    return record


_FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("fingerprint", "provider", "home", "stage", "model", "method"), (str,)),
    **dict.fromkeys(("training_file", "training_sha256", "created_at"), (str,)),
    **dict.fromkeys(("job_id", "status", "fine_tuned_model", "deployment_id", "asked_at"), (str, NoneType)),
    "number": (int,),
    "names": (tuple,),
    "tokens": (int, NoneType),
    "usd": (int, float, NoneType),
}


def _is_of_kind(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, tuple):
        return tuple in kinds and all(isinstance(name, str) for name in value)
    return isinstance(value, kinds) and not isinstance(value, bool)


def json_of(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        FileNotFoundError: There is no file.
        UnreadableError: There is one, but it holds no object or cannot be opened.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror})") from None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        what = "is empty" if not text.strip(b"\0 \r\n\t") else "is torn or was overwritten"
        raise UnreadableError(what) from None
    if not isinstance(data, dict):
        raise UnreadableError("is torn or was overwritten")
    return data
