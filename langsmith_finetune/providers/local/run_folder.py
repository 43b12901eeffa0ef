"""The folder of a local job. The training process writes to it; anybody who can read it can follow the job.

<runs_dir>/<job id>/
  request.json       what was asked for
  training.jsonl     a copy of the training file: what is trained, whatever becomes of the original
  validation.jsonl   likewise, if there is one
  training.arrow     its tokens, and which of them are learned
  validation.arrow   likewise
  prepared.json      how conversations were changed for the chat template; the tokens are whole once it is there
  process.json       who is at work, so that a dead process can be told from a slow one
  status.json        where the job stands; replaced as a whole each time
  events.jsonl       what happened, one event per line
  log.txt            everything that TRL, transformers and torch print
  cancelled          there if somebody asked for the end
  trainer/           the checkpoints, until there is a model
  model/             the result; model-<suffix>/ if a suffix was asked for
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.json_values import json_object


class RunFolder:
    """The files of one job.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.request_file = path / "request.json"
        self.training_file = path / "training.jsonl"
        self.validation_file = path / "validation.jsonl"
        self.training_tokens = path / "training.arrow"
        self.validation_tokens = path / "validation.arrow"
        self.prepared_file = path / "prepared.json"
        self.trainer_folder = path / "trainer"
        self.process_file = path / "process.json"
        self.status_file = path / "status.json"
        self.events_file = path / "events.jsonl"
        self.log_file = path / "log.txt"
        self.cancelled_file = path / "cancelled"

    @property
    def id(self) -> str:
        """The job's id."""
        return self.path.name

    def write_status(self, status: str, phase: str, **more: Any) -> None:
        """Say where the job stands.

        Args:
            status: One of `langsmith_finetune.providers.values.Status`.
            phase: The same in more detail: `"loading the model"`.
            **more: Further fields of a `JobInfo`, as JSON values.
        """
        write_json(self.status_file, {"status": status, "provider_status": phase, **more})

    def add_event(
        self,
        message: str,
        *,
        level: str = "info",
        step: int | None = None,
        total_steps: int | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> dict[str, Any]:
        """Write an event down, and return it. Only the process that trains does."""
        event = {
            "created_at": now(),
            "level": level,
            "message": message,
            "step": step,
            "total_steps": total_steps,
            "metrics": dict(metrics or {}),
        }
        with private_open(self.events_file, "a") as file:
            file.write(json.dumps(event) + "\n")
        return event

    def forget_events_after(self, step: int) -> None:
        """Leave the events of later steps out: they are trained, and told, again."""
        kept = [event for event in self.events() if event.get("step") is None or event["step"] <= step]
        with atomic_write(self.events_file) as file:
            file.write("".join(json.dumps(event) + "\n" for event in kept).encode())

    def events(self) -> Iterator[dict[str, Any]]:
        """The events so far, oldest first, without lines that are being written or were torn by a crash."""
        try:
            data = self.events_file.read_bytes()
        except OSError:
            return
        for line in data.split(b"\n")[:-1]:
            with suppress(ValueError):
                yield json_object(line)


class SilentRunFolder(RunFolder):
    """The run folder of a process that trains beside others, of which one alone reports."""

    def write_status(self, status: str, phase: str, **more: Any) -> None:
        """Say nothing."""

    def add_event(self, message: str, **more: Any) -> dict[str, Any]:  # noqa: ARG002
        """Say nothing."""
        return {}

    def forget_events_after(self, step: int) -> None:
        """Leave it to the one that reports."""


def now() -> str:
    """The time, as it stands in the files."""
    return datetime.now(UTC).isoformat()


def private_open(path: Path, mode: str) -> Any:
    """Open a file that only its owner can read, as UTF-8 where it is text."""
    return open(
        path,
        mode,
        encoding=None if "b" in mode else "utf-8",
        opener=lambda name, flags: os.open(name, flags, 0o600),
    )


class UnreadableFileError(ValueError):
    """A file of a run folder cannot be read as what it is; its text completes "status.json ..."."""


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a file as a whole: a reader sees the old one or the new one, never half of it, after a crash too."""
    with atomic_write(path) as file:
        file.write(json.dumps(value, indent=1).encode())


def read_json(path: Path) -> dict[str, Any] | None:
    """What `write_json` wrote; None where there is no such file.

    Raises:
        UnreadableFileError: Something else lies there, as after a crash.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableFileError(f"cannot be read ({error.strerror})") from None
    if not data.strip(b"\0"):
        raise UnreadableFileError("holds nothing but zeros" if data else "is empty")
    try:
        return json_object(data)
    except ValueError as error:
        raise UnreadableFileError(str(error)) from None
