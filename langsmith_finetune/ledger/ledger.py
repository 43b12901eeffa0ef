"""Says which runs a line is from, and which files, jobs and models saw a run or a user.

Beside `train.jsonl` lie

    train.ledger.jsonl              row n tells of line n; the closing row tells of the file
    train.jobs.jsonl                a row for each job made from the file, and for how it ended
    train.<12 digits>.ledger.jsonl  the ledger as it was when a job took the file, kept for good

None holds content. Users and threads stand in it as the SHA-256 of their ids, so that it can be asked about a
user without naming one. Whoever can guess an id can look for it all the same: treat the ledger as personal
data, though not as content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, checked
from langsmith_finetune._foundation.files import atomic_pair, finish_pair
from langsmith_finetune._printable import logger_of, printable_line
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.ledger.exposure import ErasedFile, Exposure, FileExposure
from langsmith_finetune.ledger.job_rows import JobRow, append_job, job_rows, jobs_path
from langsmith_finetune.ledger.rows import (
    BOM,
    SourceRow,
    closing_of,
    closing_row,
    encoded,
    hashed,
    is_kept,
    keep_ledger,
    ledger_path,
    ledgers_of,
    lines_of,
    rows_of,
    stem_of,
)

if TYPE_CHECKING:
    from langsmith_finetune.providers.values import JobInfo

logger = logger_of(__name__)


class Ledger:
    """The ledgers of files or whole folders, to be asked.

    Each question reads the ledgers from start to end, a row at a time.

    Args:
        *paths: Training files or folders (with those below them). The ledgers kept for the jobs of a file are
            opened with it.

    Raises:
        FileNotFoundError: There is no such path, or no ledger beside the file.

    Example:
        >>> import tempfile
        >>> from langsmith_finetune import TrainingExample, write_jsonl
        >>> from langsmith_finetune.runs import RunSource
        >>> line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
        >>> example = TrainingExample(line=line, source=RunSource(run_id="d2a3", user_id="ada"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = write_jsonl([example], folder + "/train.jsonl")
        ...     [source["run"] for source in Ledger(folder).sources_of(written.path, 1)]
        ...     [seen.lines for seen in Ledger(folder).seen(user_ids=["ada"]).files]
        ...     Ledger.erase(written.path, user_ids=["ada"]).count
        ['d2a3']
        [(1,)]
        0
    """

    @checked()
    def __init__(self, *paths: str | Path) -> None:
        if not paths:
            raise TypeError(
                "Ledger() takes the paths of training files, or of folders of them, and was given none"
            )
        self._ledgers: list[Path] = []
        for path in map(Path, paths):
            self._ledgers += [ledger for ledger in ledgers_of(path) if ledger not in self._ledgers]

    def __repr__(self) -> str:
        names = ", ".join(ledger.name for ledger in self._ledgers[:3])
        more = f" and {len(self._ledgers) - 3:,} more" if len(self._ledgers) > 3 else ""
        return printable_line(f"<Ledger of {names or 'nothing'}{more}>")

    @staticmethod
    @checked(line=AT_LEAST_ONE)
    def sources_of(path: str | Path, line: int) -> tuple[SourceRow, ...]:
        """The runs that a line is from: its own first, then those merged into it or rejected beside it.

        Args:
            path: The training file.
            line: The line's number, from 1.

        Raises:
            FileNotFoundError: There is no ledger beside the file.
            IndexError: The file has no such line.
            InvalidExampleError: The ledger does not tell of this line: one of the two was changed.
        """
        for number, _, row in lines_of(Path(path)):
            if number == line:
                return tuple(row["sources"])
        raise IndexError(f"{Path(path).name} has no line {line}")

    @staticmethod
    @checked()
    def verify(path: str | Path) -> int:
        """See that file and ledger belong together, line by line, and return the number of lines.

        Raises:
            FileNotFoundError: There is no ledger beside the file.
            InvalidExampleError: A line or the ledger was changed; says where.
        """
        return sum(1 for _ in lines_of(Path(path)))

    @checked()
    def seen(
        self, *, run_ids: Collection[str | UUID] = (), user_ids: Collection[str | int | UUID] = ()
    ) -> Exposure:
        """Which files, jobs and models saw any of these runs or users.

        Args:
            run_ids: Ids of runs, or of traces.
            user_ids: Ids of users, as the runs' metadata has them.

        Raises:
            InvalidExampleError: A ledger is broken.
        """
        wanted = _Wanted(run_ids, user_ids)
        current: set[tuple[Path, str]] = set()
        found: dict[tuple[Path, str], tuple[int, ...]] = {}
        for ledger in self._ledgers:
            numbers = []
            for number, row in enumerate(rows_of(ledger), start=1):
                if "line_sha256" not in row:
                    closing = row
                elif wanted.among(row["sources"]):
                    numbers.append(number)
            file = (
                ledger.with_name(stem_of(ledger, closing) + Path(closing["file"]).suffix),
                closing["sha256"],
            )
            if not is_kept(ledger, closing):
                current.add(file)
            if numbers:
                found[file] = tuple(numbers)
        files = [
            FileExposure(path=path, sha256=sha256, lines=lines, replaced=(path, sha256) not in current)
            for (path, sha256), lines in found.items()
        ]
        jobs, models = self._trained_on({file.sha256 for file in files})
        return Exposure(files=tuple(files), jobs=tuple(jobs), models=tuple(models))

    def _trained_on(self, files: set[str]) -> tuple[list[JobRow], list[str]]:
        """The jobs that took one of these files, and those that went on from a model which had."""
        jobs: list[JobRow] = []
        models: dict[str, None] = {}
        left = list(self.jobs())
        while more := [job for job in left if job["file_sha256"] in files or job["model"] in models]:
            left = [job for job in left if job not in more]
            jobs += more
            models |= {
                job["fine_tuned_model"]: None
                for job in more
                if "fine_tuned_model" in job and (job["role"] == "training" or job["model"] in models)
            }
        return jobs, list(models)

    def jobs(self) -> tuple[JobRow, ...]:
        """Every job that was recorded beside these files, each once, as it was last seen.

        Raises:
            InvalidExampleError: A list of jobs is broken.
        """
        jobs: dict[tuple[str, ...], JobRow] = {}
        paths = {jobs_path(ledger, closing_of(ledger)) for ledger in self._ledgers}
        for path in sorted(path for path in paths if path.exists()):
            for row in job_rows(path):
                key = (row["provider"], row["job_id"], row["file_sha256"], row["role"])
                jobs[key] = cast("JobRow", {**jobs.get(key, {}), **row})
        return tuple(jobs.values())

    @staticmethod
    @checked()
    def record_job(
        path: str | Path,
        status: JobInfo,
        *,
        provider: str,
        sha256: str | None = None,
        role: str = "training",
    ) -> bool:
        """Write down that a job took a file: once when it is created, and again when it has ended.

        Does nothing where the file has no ledger. Never fails: a job that is paid for must not be lost over
        a note about it, so what goes wrong is logged.

        Args:
            path: The training file.
            status: The job, as the provider showed it last.
            provider: The provider's name.
            sha256: The SHA-256 of the file that the job took, if it is known already.
            role: `"training"` or `"validation"`.

        Returns:
            Whether the job is in the ledger now.
        """
        path = Path(path)
        try:
            finish_pair(path)
            if not ledger_path(path).exists():
                return False
            row: JobRow = {
                "provider": provider,
                "job_id": status.id,
                "model": status.model,
                "file_sha256": sha256 or _sha256_of(path),
                "role": role,
                "status": status.status,
            }
            if status.fine_tuned_model:
                row["fine_tuned_model"] = status.fine_tuned_model
            keep_ledger(ledger_path(path), row["file_sha256"])
            append_job(path, row)
        except (OSError, InvalidExampleError) as error:
            logger.warning("job %s is not in the ledger of %s: %s", status.id, path.name, error)
            return False
        return True

    @staticmethod
    @checked()
    def erase(
        path: str | Path,
        *,
        run_ids: Collection[str | UUID] = (),
        user_ids: Collection[str | int | UUID] = (),
        to: str | Path | None = None,
    ) -> ErasedFile:
        """Write the file without the lines that are from any of these runs or users: byte for byte otherwise.

        The ledger is erased with it. Both are replaced when they are whole; anything that goes wrong before
        leaves them as they were. If the process is killed between the two, the next call that opens either
        finishes the replacement. A link is followed: the file that it names is replaced, and a warning says so.
        A hard link cannot be followed: `other_names` counts them, and a warning says so. Models that were trained already keep what they learned, and the ledger kept
        for their jobs keeps telling of it: `seen` names them.

        Args:
            path: The training file.
            run_ids: Ids of runs, or of traces.
            user_ids: Ids of users.
            to: Write here instead of replacing the file.

        Raises:
            FileNotFoundError: There is no ledger beside the file.
            InvalidExampleError: File and ledger do not belong together; nothing was changed.
        """
        path = Path(path)
        to = path if to is None else Path(to)
        wanted = _Wanted(run_ids, user_ids)
        digest, count, removed = hashlib.sha256(), 0, []
        finish_pair(to)
        other_names = to.stat().st_nlink - 1 if to.exists() else 0
        with atomic_pair(to, ledger_path(to)) as (file, rows):
            for number, data, row in lines_of(path):
                found = wanted.among(row["sources"])
                if found:
                    removed.append(number)
                    data = BOM if number == 1 and data.startswith(BOM) else b""  # noqa: PLW2901
                else:
                    count += 1
                    rows.write(encoded(row))
                file.write(data)
                digest.update(data)
            rows.write(closing_row(to.name, count, digest.hexdigest()))
        place = to.resolve()
        if to.is_symlink():
            logger.warning("%s is a link; the file that it names was erased: %s", to.name, place)
        if other_names:
            logger.warning("%s has %d other names, which keep the removed lines", to.name, other_names)
        return ErasedFile(
            path=place if to.is_symlink() else to,
            count=count,
            removed=tuple(removed),
            sha256=digest.hexdigest(),
            other_names=other_names,
        )


class _Wanted:
    """Runs and users that somebody asks for."""

    def __init__(self, run_ids: Collection[str | UUID], user_ids: Collection[str | int | UUID]) -> None:
        if not run_ids and not user_ids:
            raise ValueError("say whose lines: give run_ids or user_ids, which are both empty")
        self._runs = {str(run_id) for run_id in run_ids}
        self._users = {hashed(str(user_id)) for user_id in user_ids}

    def among(self, sources: list[SourceRow]) -> bool:
        return any(
            source["run"] in self._runs
            or source.get("trace") in self._runs
            or source.get("user_sha256") in self._users
            for source in sources
        )


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
