"""The folder that keeps what was answered, so that nothing is asked twice.

    heldout.evaluation/                      only its owner may read it
      after-0123456789ab.answers.jsonl       a row for each answer, in the order in which they came
      after-0123456789ab.perplexity.jsonl    how likely the recorded answers are to a local model
      judge-….votes.jsonl                    what the judge said, a row for each pair and order
      result.json                            the figures, written once all is answered

A row is appended in one write and brought to the disk before the next question is asked. A process that is killed
leaves half a row at most, which is cut off when the file is next opened. The digits name the model and its settings:
another model under the same name has a file of its own.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.json_text import json_bytes
from langsmith_finetune._foundation.locks import process_lock
from langsmith_finetune._printable import logger_of

logger = logger_of(__name__)


@contextmanager
def results_folder(path: Path) -> Iterator[Path]:
    """Make the folder if it is not there, and hold it: a second evaluation waits until the first has ended.

    Args:
        path: The folder.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with process_lock(path / ".lock"):
        yield path


class KeptRows:
    """Rows of a file by key, which grows by one whole row at a time.

    Args:
        path: The file, made when the first row is added. Only its owner may read it. None keeps the rows in memory alone.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        with path.open("r+b") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)  # half a row, of a process that was killed
        unreadable = 0
        for line in data[:whole].split(b"\n")[:-1]:
            row = _row_of(line)
            if row is None:
                unreadable += 1
            else:
                self._rows[row.pop("key")] = row
        if unreadable:
            logger.warning("%s: %d rows cannot be read; what they held is asked again", path, unreadable)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: str) -> Mapping[str, Any] | None:
        """The row of this key, the last one that was added."""
        return self._rows.get(key)

    def add(self, key: str, row: Mapping[str, Any]) -> None:
        """Append a row and bring it to the disk."""
        data = json_bytes({"key": key, **row}) + b"\n"
        with self._lock:
            self._rows[key] = dict(row)
            if self._path is None:
                return
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(handle, left) :]
                os.fsync(handle)
            finally:
                os.close(handle)


def _row_of(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("key"), str) else None


def file_name(name: str, digest: str, kind: str) -> str:
    """The name of a file in the folder, whatever characters a model's name has.

    Example:
        >>> file_name("my model/2", "0123456789abcdef", "answers")
        'my_model_2-0123456789ab.answers.jsonl'
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")[:60] or "model"
    return f"{plain}-{digest[:12]}.{kind}.jsonl"
