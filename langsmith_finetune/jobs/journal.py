"""Remembers the jobs that this machine began, in small files that outlive the kernel.

<folder>/
  job-<32 digits>-<16 digits>-<n>.json   the n-th job of a fingerprint at a provider
  memory-<16 digits>.json                what a provider wants to find again: ids of uploads
  *.lock                                 held while a job is created, so that two kernels make one

Each file is replaced whole, and only its owner can read it. None holds a key or a word of the data; the path
of the training file is kept, so that the end of the job can be written into the ledger beside it.

A record that cannot be read is not taken for one that is not there: it is never written over, and where the
provider cannot be asked for earlier jobs, nothing is created until somebody has looked at it. Records of one
fingerprint are ordered by their number, since a clock can be set back.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.locks import process_lock
from langsmith_finetune._printable import logger_of, printable_address
from langsmith_finetune.jobs.records import JobRecord, UnreadableError, json_of, record_of
from langsmith_finetune.jobs.state_folder import ENVIRONMENT, default_folder
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import JobInfo, JobRequest

logger = logger_of(__name__)


_FILE = re.compile(r"job-[0-9a-f]{32}-[0-9a-f]{16}-(\d+)\.json")


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

    @checked()
    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder or os.environ.get(ENVIRONMENT) or default_folder()).absolute()
        self._warned: set[Path] = set()

    def __repr__(self) -> str:
        return f"Journal({str(self.folder)!r})"

    # --- reading ---------------------------------------------------------------------------------------

    def records(self, provider: Provider | None = None) -> list[JobRecord]:
        """Every job, newest first; only those of a provider if one is given.

        A record that cannot be read is left out, with a warning.
        """
        found = []
        for path in self._paths():
            try:
                found.append(record_of(path))
            except UnreadableError as error:
                if path not in self._warned:
                    self._warned.add(path)
                    logger.warning("%s %s; left out", path, error)
        if provider is not None:
            who = (provider.name, home_of(provider))
            found = [record for record in found if (record.provider, record.home) == who]
        return sorted(found, key=lambda record: (record.created_at, record.number), reverse=True)

    def of_request(self, provider: Provider, request: JobRequest) -> list[JobRecord]:
        """The jobs of an equal request, newest first."""
        found = [r for r in self.records(provider) if r.fingerprint == request.fingerprint]
        return sorted(found, key=lambda record: record.number, reverse=True)

    def unreadable(self, provider: Provider, request: JobRequest) -> dict[Path, str]:
        """The records of an equal request that cannot be read, each with what is wrong with it."""
        found = {}
        for path in self._paths(_stem(request.fingerprint, provider.name, home_of(provider))):
            try:
                record_of(path)
            except UnreadableError as error:
                found[path] = str(error)
        return found

    def named(self, provider: Provider, name: str) -> JobRecord | None:
        """The newest job of that name."""
        found = [record for record in self.records(provider) if name in record.names]
        same = [record for record in found if record.fingerprint == found[0].fingerprint]
        return max(same, key=lambda record: record.number, default=None)

    def of_job(self, provider: Provider, job_id: str) -> JobRecord | None:
        """What is known of the job with that id."""
        return next((record for record in self.records(provider) if record.job_id == job_id), None)

    def of_deployment(self, provider: Provider, deployment_id: str) -> JobRecord | None:
        """What is known of the job whose model that deployment serves."""
        return next((r for r in self.records(provider) if r.deployment_id == deployment_id), None)

    def _paths(self, stem: str = "job-") -> list[Path]:
        return [path for path in self.folder.glob(f"{stem}*.json") if _FILE.fullmatch(path.name)]

    # --- writing ---------------------------------------------------------------------------------------

    def begin(self, provider: Provider, request: JobRequest, **known: Any) -> JobRecord:
        """Write down that a job is intended, before anything is sent."""
        stem = _stem(request.fingerprint, provider.name, home_of(provider))
        # By the names of the files, so that a record that cannot be read is not written over.
        numbers = [int(match[1]) for path in self._paths(stem) if (match := _FILE.fullmatch(path.name))]
        record = JobRecord(
            fingerprint=request.fingerprint,
            provider=provider.name,
            home=home_of(provider),
            model=request.model,
            method=request.method,
            training_file=str(request.training_file.absolute()),
            training_sha256=request.training_sha256,
            created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            number=max(numbers, default=0) + 1,
            **{"stage": "intended", **known},
        )
        return self.write(record)

    def begin_elsewhere(self, provider: Provider, job_id: str, **known: Any) -> JobRecord:
        """Write down a job that was created on another machine, before something is paid for from here.

        Its request is not known, so its fingerprint is that of the job alone, and no request is ever equal to it.
        """
        parts = ("a job of another machine", provider.name, home_of(provider), job_id)
        record = JobRecord(
            fingerprint=hashlib.sha256("\0".join(parts).encode()).hexdigest(),
            provider=provider.name,
            home=home_of(provider),
            method="supervised",
            training_file="",
            training_sha256="",
            created_at=datetime.now(UTC).isoformat(timespec="microseconds"),
            number=1,
            job_id=job_id,
            **{"stage": "ended", **known},
        )
        return self.write(record)

    def write(self, record: JobRecord, **changes: Any) -> JobRecord:
        """Write a record with these changes, in place of what was there.

        What another process has written meanwhile stays, but for these changes; names are added.
        """
        path = self.folder / f"{_stem(record.fingerprint, record.provider, record.home)}{record.number}.json"
        with self.lock("record", path.name):
            with suppress(UnreadableError):
                record = record_of(path)
            if "names" in changes:
                changes["names"] = tuple(dict.fromkeys([*record.names, *changes["names"]]))
            record = replace(record, **changes)
            self._put(path.name, asdict(record))
        return record

    def saw(self, provider: Provider, status: JobInfo) -> None:
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
        with process_lock(path):
            self._give_to_owner(path)
            yield

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            there = next(parent for parent in self.folder.parents if parent.exists())
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = [self.folder, *self.folder.parents]
            for folder in made[: made.index(there)]:
                _give(folder, there)

    def _put(self, name: str, data: Mapping[str, Any]) -> None:
        self._make_folder()
        with atomic_write(self.folder / name) as file:
            file.write(json.dumps(data, indent=1).encode())
        self._give_to_owner(self.folder / name)

    def _give_to_owner(self, path: Path) -> None:
        _give(path, self.folder)


def _give(path: Path, like: Path) -> None:
    """Under sudo, leave a file to the user whose folder it is in, who could not open it otherwise."""
    if hasattr(os, "geteuid") and os.geteuid() == 0 and (owner := like.stat()).st_uid != 0:
        os.chown(path, owner.st_uid, owner.st_gid)


class _Memory(MutableMapping[str, Any]):
    """A small JSON file as a dict."""

    def __init__(self, journal: Journal, name: str) -> None:
        self._journal = journal
        self._name = name

    def _read(self) -> dict[str, Any]:
        try:
            return json_of(self._journal.folder / self._name)
        except (FileNotFoundError, UnreadableError):
            return {}

    def _change(self, change: Any) -> None:
        try:
            with self._journal.lock("memory", self._name):
                path = self._journal.folder / self._name
                try:
                    data = json_of(path)
                except FileNotFoundError:
                    data = {}
                except UnreadableError as error:
                    logger.warning("%s %s; kept aside as %s.unreadable", path, error, path.name)
                    path.replace(path.with_name(f"{path.name}.unreadable"))
                    data = {}
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
    return printable_address(str(getattr(provider, "home", "")))


def _short(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _stem(fingerprint: str, provider: str, home: str) -> str:
    """What the names of the records of one request begin with."""
    return f"job-{fingerprint[:32]}-{_short(provider, home)}-"
