"""A file of runs: which files count, which fields are read, and which runs are wanted of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import msgspec

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.runs.role_filter import Roles

JSON_COLUMNS = ("inputs", "outputs", "extra", "events", "feedback_stats")
"""Fields that may stay JSON text until somebody looks into them."""


FIELDS = (
    *("id", "run_type", *JSON_COLUMNS, "error", "status", "start_time", "end_time"),
    *("trace_id", "parent_run_id", "parent_run_ids", "dotted_order", "session_id", "project_id"),
    *("tags", "name", "session_name", "prompt_tokens", "completion_tokens", "reference_example_id"),
    *("metadata", "thread_id", "attachments", "serialized", "manifest"),
    *("trace_feedback_stats", "corrections"),
)
"""What the rest of the library reads of a run; nothing else is kept."""


OnSkip: TypeAlias = Callable[[InvalidExampleError], None]


class RunFile(NamedTuple):
    """A file with runs in it, and where it lies."""

    path: str
    filesystem: Any = None  # pyarrow's; None is this machine's


AnyPath: TypeAlias = str | os.PathLike[str] | RunFile


Paths: TypeAlias = AnyPath | Iterable[AnyPath]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs to read; None asks for nothing.

    `rated_roots` asks for a few fields of the roots that have feedback; a reader may pass over all else.
    """

    project_id: str | None = None
    run_type: str | None = None
    status: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    roles: Roles | None = None
    rated_roots: bool = False

    def takes(self, row: Mapping[str, Any]) -> bool:
        """True if a run is among them. A field that is null fits no condition.

        Raises:
            KeyError: A field that is asked about is not there at all.
        """
        if self.project_id and (row.get("project_id") or row["session_id"]) != self.project_id:
            return False
        for name, wanted in (("run_type", self.run_type), ("status", self.status)):
            if wanted and str(row[name]).lower() != wanted:
                return False
        return self._takes_time(row) and self.takes_role(row)

    def _takes_time(self, row: Mapping[str, Any]) -> bool:
        if self.start_time is None and self.end_time is None:
            return True
        started = moment(row["start_time"])
        return (
            started is not None
            and (self.start_time is None or self.start_time <= started)
            and (self.end_time is None or started < self.end_time)
        )

    def takes_role(self, row: Mapping[str, Any]) -> bool:
        """True if the run's call plays a wanted part in its application.

        Raises:
            KeyError: The run has neither `extra` nor `metadata`.
            ValueError: One of them is no JSON.
        """
        if self.roles is None:
            return True
        if "extra" not in row and "metadata" not in row:
            raise KeyError("extra")
        fields = {name: decoded(row.get(name)) for name in ("extra", "metadata")}
        return self.roles.take({**fields, "name": row.get("name")})


SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")


def holds_runs(path: str) -> bool:
    """True if a file that was found in a folder, under this relative path, is one of runs."""
    *folders, name = path.split("/")
    # An export that was interrupted can leave a tmp/ folder behind.
    return name.endswith(SUFFIXES) and name[0] not in "._" and "tmp" not in folders


def is_os_error(file: RunFile, error: OSError) -> bool:
    """True if reading failed for another reason than damage, or may have: that must not cost runs.

    pyarrow has one error for a damaged file and for a lost connection to the store.
    """
    return file.filesystem is not None or error.errno is not None


def decoded(text: Any) -> Any:
    """The value of a JSON text; what is not a text is its own value.

    Raises:
        ValueError: It is not JSON.
    """
    if not isinstance(text, (str, bytes)):
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError):  # half of a surrogate pair is a fault of encoding
        return json.loads(text)


def moment(value: Any) -> datetime | None:
    """The time that a value is, with its zone; None where it is none."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)
