"""What a ledger answers: which files, jobs and models hold a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from langsmith_finetune._foundation.fields import ShowsFields
from langsmith_finetune._foundation.html import card
from langsmith_finetune._foundation.tables import data_frame, html_table, some, text_table
from langsmith_finetune.ledger.job_rows import JobRow

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class FileExposure(ShowsFields):
    """A file, or an earlier state of one, that holds lines from what was asked for.

    Args:
        path: The file.
        sha256: The SHA-256 of its bytes, in hexadecimal.
        lines: The numbers of those lines, from 1.
        replaced: The file has other bytes now; a job took it as it was.
    """

    path: Path
    sha256: str
    lines: tuple[int, ...]
    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Exposure:
    """Where runs or users went.

    Args:
        files: The files that hold them, or held them when a job took the file.
        jobs: The jobs that took one of these files, to learn or to measure, and those that went on from a
            model which had learned from one.
        models: The tuned models that learned from these files, or were tuned further from one that had.
    """

    files: tuple[FileExposure, ...]
    jobs: tuple[JobRow, ...]
    models: tuple[str, ...]

    def to_pandas(self) -> pd.DataFrame:
        """A table with one row per file, job and model: `what`, `name` and `detail`.

        Raises:
            ImportError: pandas is not installed.
        """
        return data_frame(self._rows(), self._head())

    def __str__(self) -> str:
        return text_table(self._rows(), self._head()) if self._rows() else _NOWHERE

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self._rows(), self._head()) if self._rows() else card("", _NOWHERE)

    @staticmethod
    def _head() -> tuple[str, str, str]:
        return "what", "name", "detail"

    def _rows(self) -> list[tuple[str, str, str]]:
        files = [
            (
                "earlier file" if file.replaced else "file",
                str(file.path),
                f"line{'' if len(file.lines) == 1 else 's'} {some(file.lines)}",
            )
            for file in self.files
        ]
        jobs = [
            ("job", job["job_id"], ", ".join(str(job.get(key)) for key in ("provider", "role", "status")))
            for job in self.jobs
        ]
        return [*files, *jobs, *(("model", model, "") for model in self.models)]


_NOWHERE = "no file, job or model has seen any of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedFile(ShowsFields):
    """What `Ledger.erase` wrote.

    Args:
        path: The file; where a link was given, the file that it names.
        count: Lines that stayed.
        removed: The numbers that the removed lines had, from 1.
        sha256: The SHA-256 of the file's bytes, in hexadecimal.
        other_names: How many other names (hard links) the replaced file has. They keep the removed lines.
    """

    path: Path
    count: int
    removed: tuple[int, ...]
    sha256: str
    other_names: int = 0
