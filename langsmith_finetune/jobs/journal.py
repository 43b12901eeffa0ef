"""What this machine knows of the jobs it began: small files that outlive the kernel.

<folder>/
  job-<32 digits>-<16 digits>-<n>.json   the n-th job of a fingerprint at a provider
  memory-<16 digits>.json                what a provider wants to find again: ids of uploads
  *.lock                                 held while a job is created, so that two kernels make one

Each file is replaced whole, and only its owner can read it. None holds a key or a word of the data; the path
of the training file is kept, so that the end of the job can be written into the ledger beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias
from urllib.parse import urlsplit

from langsmith_finetune.dataset.whole_file import whole_file
from langsmith_finetune.printable import logger_of
from langsmith_finetune.providers.base import JobRequest, JobStatus, Provider, Status

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logger_of(__name__)

ENVIRONMENT = "LANGSMITH_FINETUNE_JOURNAL"
"""Names the folder, in place of the platform's own for what programs remember."""

Stage: TypeAlias = Literal["intended", "creating", "created", "ended", "deploying", "deployed"]
"""How far a job has come:

- `intended`: nothing that costs money was asked for yet; files may be uploaded.
- `creating`: the provider is being asked. If the process dies now, it is open whether there is a job.
- `created`: there is a job.
- `ended`: it succeeded, failed or was cancelled.
- `deploying`: the provider is being asked to serve its model.
- `deployed`: the model is served, or about to be.
"""

_FILE = re.compile(r"job-[0-9a-f]{32}-[0-9a-f]{16}-(\d+)\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as the journal knows it. The provider may know more by now: `FineTuneJob.attach` asks it.

    Args:
        fingerprint: Of the request, see `JobRequest`.
        provider: The provider's name.
        home: Where the provider keeps its jobs: an address or a folder.
        stage: How far it has come.
        model: The model to start from.
        method: How to train.
        training_file: The training file's path on this machine.
        training_sha256: The SHA-256 of its bytes.
        created_at: When it was intended first, in ISO 8601.
        number: Which of the jobs of this fingerprint it is, from 1.
        names: The names that were given to it.
        job_id: The provider's id of the job, once there is one.
        status: Where the job stood when this process or another last looked.
        fine_tuned_model: What it left.
        deployment_id: The provider's id of the deployment of its model.
        tokens: The tokens to be trained on, all epochs together, if they were counted.
        usd: The price that was reckoned, in US dollars.
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


class Journal:
    """The jobs that this machine began.

    Args:
        folder: Where it is kept; by default `$LANGSMITH_FINETUNE_JOURNAL`, or `langsmith-finetune` in the
            platform's folder for what programs remember (`~/.local/state`, `~/Library/Application Support`,
            `%LOCALAPPDATA%`). Made when something is first written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Journal(folder).records()
        []
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder or os.environ.get(ENVIRONMENT) or _default_folder()).absolute()

    def __repr__(self) -> str:
        return f"Journal({str(self.folder)!r})"

    # --- reading ---------------------------------------------------------------------------------------

    def records(self, provider: Provider | None = None) -> list[JobRecord]:
        """Every job, newest first; only those of a provider if one is given. A broken file is left out."""
        files = [path for path in self.folder.glob("job-*.json") if _FILE.fullmatch(path.name)]
        found = [record for path in files if (record := _record_of(path))]
        if provider is not None:
            who = (provider.name, home_of(provider))
            found = [record for record in found if (record.provider, record.home) == who]
        return sorted(found, key=lambda record: (record.created_at, record.number), reverse=True)

    def of_request(self, provider: Provider, request: JobRequest) -> list[JobRecord]:
        """The jobs of an equal request, newest first."""
        return [r for r in self.records(provider) if r.fingerprint == request.fingerprint]

    def named(self, provider: Provider, name: str) -> JobRecord | None:
        """The newest job of that name."""
        return next((record for record in self.records(provider) if name in record.names), None)

    def of_job(self, provider: Provider, job_id: str) -> JobRecord | None:
        """What is known of the job with that id."""
        return next((record for record in self.records(provider) if record.job_id == job_id), None)

    # --- writing ---------------------------------------------------------------------------------------

    def begin(self, provider: Provider, request: JobRequest, **known: Any) -> JobRecord:
        """Write down that a job is intended, before anything is sent."""
        number = max((record.number for record in self.of_request(provider, request)), default=0) + 1
        record = JobRecord(
            fingerprint=request.fingerprint,
            provider=provider.name,
            home=home_of(provider),
            model=request.model,
            method=request.method,
            training_file=str(request.training_file.absolute()),
            training_sha256=request.training_sha256,
            created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            number=number,
            **{"stage": "intended", **known},
        )
        return self.write(record)

    def write(self, record: JobRecord, **changes: Any) -> JobRecord:
        """Write a record with these changes, in place of what was there."""
        record = replace(record, **changes)
        name = f"job-{record.fingerprint[:32]}-{_short(record.provider, record.home)}-{record.number}.json"
        self._put(name, asdict(record))
        return record

    def saw(self, provider: Provider, status: JobStatus) -> None:
        """Write down where a job stands, if it is one of ours and that is news. Never fails."""
        try:
            record = self.of_job(provider, status.id)
            if record is None or (record.status, record.fine_tuned_model) == (
                status.status,
                status.fine_tuned_model,
            ):
                return
            ended = status.status in {"succeeded", "failed", "cancelled"} and record.stage == "created"
            changes: dict[str, Any] = {"stage": "ended"} if ended else {}
            self.write(record, status=status.status, fine_tuned_model=status.fine_tuned_model, **changes)
        except OSError as error:
            logger.warning("job %s is not written into %s: %s", status.id, self.folder, error.strerror)

    def memory(self, provider: Provider) -> MutableMapping[str, Any]:
        """What a provider keeps here: JSON values by name, written at once."""
        return _Memory(self, f"memory-{_short(provider.name, home_of(provider))}.json")

    # --- locks -----------------------------------------------------------------------------------------

    @contextmanager
    def lock(self, what: str, *of: str) -> Iterator[None]:
        """Let one process at a time do something. The lock of a process that dies is free at once.

        Args:
            what: What is to be done.
            *of: To what it is done. Some share a lock, so that there are never more than 256 files of a kind.
        """
        self._make_folder()
        path = self.folder / f"{what}-{_short(*of)[:2]}.lock"
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            _lock(file)
            try:
                yield
            finally:
                _unlock(file)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _put(self, name: str, data: Mapping[str, Any]) -> None:
        self._make_folder()
        with whole_file(self.folder / name) as file:
            file.write(json.dumps(data, indent=1).encode())


class _Memory(MutableMapping[str, Any]):
    """A small JSON file as a dict."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name

    def _read(self) -> dict[str, Any]:
        return _json_of(self._journal.folder / self._name) or {}

    def _change(self, change: Any) -> None:
        try:
            with self._journal.lock("memory", self._name):
                data = self._read()
                change(data)
                self._journal._put(self._name, data)  # noqa: SLF001 - the journal's own
        except OSError as error:  # the provider is asked instead, later
            logger.warning("%s cannot be written: %s", self._journal.folder, error.strerror)

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._change(lambda data: data.__setitem__(key, value))

    def __delitem__(self, key: str) -> None:
        self._change(lambda data: data.pop(key, None))

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def home_of(provider: Provider) -> str:
    """Where a provider keeps its jobs. A user and password in an address are left out."""
    home = str(getattr(provider, "home", ""))
    if "://" not in home:
        return home
    parts = urlsplit(home)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _record_of(path: Path) -> JobRecord | None:
    data = _json_of(path)
    try:
        return JobRecord(**{**(data or {}), "names": tuple((data or {}).get("names", ()))})
    except TypeError:  # of another version, or not ours
        logger.warning("%s is not a record of a job; left out", path)
        return None


def _json_of(path: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _default_folder() -> Path:
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "langsmith-finetune"


if sys.platform == "win32":

    def _lock(file: BinaryIO) -> None:
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # gives up after ten seconds
            except OSError:
                continue
            return

    def _unlock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _lock(file: BinaryIO) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("another process is at work on the same; waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)

    def _unlock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
