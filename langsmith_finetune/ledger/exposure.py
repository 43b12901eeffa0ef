"""What a ledger answers: which files, jobs and models hold a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from langsmith_finetune.ledger.job_rows import JobRow


@dataclass(frozen=True, slots=True, kw_only=True)
class FileExposure:
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


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedFile:
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
