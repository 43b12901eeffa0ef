"""Creates a job once: after a lost answer, after a killed process, and with two kernels at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.retry import (
    ATTEMPTS,
    SETTLED_SECONDS,
    SOON_SECONDS,
    look_again_delays,
    retry_delay,
    seconds_left,
    with_retries,
)
from langsmith_finetune._foundation.scratch import kept_scratch_folder
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import FineTuneError, InvalidExampleError, NotSupportedError, ProviderError
from langsmith_finetune.jobs.identity import expect_id
from langsmith_finetune.jobs.journal import ENVIRONMENT, Journal, home_of
from langsmith_finetune.jobs.plan import JobPlan
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import FileInfo, JobInfo, JobRequest, PreparedFile

logger = logger_of(__name__)

_LOST = frozenset({"failed", "cancelled", "cancelling"})


class JobCreation:
    """One request, on its way to one job.

    Args:
        provider: Who trains.
        request: What is asked.
        journal: Where it is written down.
        name: What the caller calls the job.
        force_new: Make another job beside one that lives.
        on_upload: Called with the bytes of a file sent so far, and with all of them.
    """

    def __init__(
        self,
        provider: Provider,
        request: JobRequest,
        *,
        journal: Journal,
        name: str | None,
        force_new: bool,
        on_upload: Callable[[int, int], None],
    ) -> None:
        self.provider = provider
        self.request = request
        self.journal = journal
        self.name = name
        self.force_new = force_new
        self.on_upload = on_upload
        self._can_ask = True

    def run(
        self, plan: Callable[[], AbstractContextManager[tuple[JobPlan, Sequence[PreparedFile]]]]
    ) -> JobInfo:
        """The job: an earlier one of the same request, or a new one.

        Args:
            plan: Prepares the files and says what the job costs; raises if nothing should be sent. The files live
                as long as its context.
        """
        # By the file, so that jobs of other settings wait for the upload that they share.
        with self.journal.lock(
            "create", self.provider.name, home_of(self.provider), self.request.training_sha256
        ):
            self._check_name()
            records = self.journal.of_request(self.provider, self.request)
            open_record = records[0] if records and records[0].job_id is None else None
            before = self._jobs(records)
            if unreadable := self.journal.unreadable(self.provider, self.request):
                before += self._jobs_behind(unreadable, records, before)
            if open_record is not None and open_record.stage == "creating":
                lost = self._job_of(open_record, records, before)
                if lost is not None:
                    return self._attached(lost, open_record, "was being created when the process ended")
            living = [job for job in before if job.status not in _LOST]
            if living and not self.force_new:
                record = next((r for r in records if r.job_id == living[0].id), None) or open_record
                return self._attached(living[0], record, "was created from the same file and settings")
            with plan() as (planned, prepared):
                known = {"tokens": planned.cost and planned.cost.tokens, "usd": planned.usd}
                record = self._begun(open_record, known)
                try:
                    files = self._uploaded(prepared)
                except Exception:
                    self._ended(record)
                    raise
            job = self._created(record, files, before)
            self._note(record, job)
            return job

    # --- what is there ---------------------------------------------------------------------------------

    def _jobs(self, records: Sequence[JobRecord]) -> list[JobInfo]:
        """The jobs of this fingerprint, newest first: the provider's, and those that only the journal knows.

        Raises:
            ProviderError: A job that the journal knows is not there any more.
        """
        jobs = list(self._find())
        for record in records:
            job_id = record.job_id
            if job_id is None or record.status in _LOST or job_id in {job.id for job in jobs}:
                continue
            try:
                job = with_retries(partial(self.provider.retrieve_job, job_id))
                jobs.append(expect_id("job", job_id, job, self.provider))
            except ProviderError as error:
                if error.temporary:
                    raise
                if not self.force_new and self.provider.costs_money:
                    raise ProviderError(
                        self.provider.name,
                        f"job {job_id}, created on {record.created_at[:10]} from the same file and settings, is not "
                        f"there ({error.message}). It was deleted, or belongs to another account: "
                        "create(..., force_new=True) starts another, which is paid for too",
                    ) from error
        return jobs

    def _find(self) -> Sequence[JobInfo]:
        """The provider's jobs of this request, but for those that the journal knows to be of another."""
        try:
            jobs = with_retries(lambda: self.provider.find_jobs(self.request))
        except NotSupportedError:
            self._can_ask = False
            return []
        return [job for job in jobs if not self._is_of_another(job)]

    def _is_of_another(self, job: JobInfo) -> bool:
        record = self.journal.of_job(self.provider, job.id)
        return record is not None and record.fingerprint != self.request.fingerprint

    def _jobs_behind(
        self, unreadable: Mapping[Path, str], records: Sequence[JobRecord], before: Sequence[JobInfo]
    ) -> list[JobInfo]:
        """The job that a record stands for which cannot be read, if it is to be found.

        Raises:
            ProviderError: Nobody can be asked.
        """
        if self.force_new or not self.provider.costs_money:
            return []
        path, what = next(iter(unreadable.items()))
        if not self._can_ask:
            raise ProviderError(
                self.provider.name,
                f"{path} {what}. It is the journal's record of an equal request, and may stand for a job that was paid "
                f"for. {self._where_to_look()} if there is none, create(..., force_new=True) makes it. The record stays "
                "as it is",
                ambiguous=True,
            )
        logger.warning("%s %s; %s is asked for the job instead", path, what, self.provider.name)
        if before:
            return []
        with suppress(OSError):
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            job = self._look_again({r.job_id for r in records}, self._seconds_left(written.isoformat()))
            return [] if job is None else [job]
        return []

    def _job_of(
        self, record: JobRecord, records: Sequence[JobRecord], before: Sequence[JobInfo]
    ) -> JobInfo | None:
        """The job of a creation whose end the journal does not know, if it was made.

        Raises:
            ProviderError: Nobody can be asked.
        """
        known = {r.job_id for r in records}
        if made := [job for job in before if job.id not in known]:
            return made[0]
        if self.force_new:
            return None  # the caller has looked
        if not self._can_ask:
            raise ProviderError(self.provider.name, self._open_text(record.created_at), ambiguous=True)
        return self._look_again(known, self._seconds_left(record.asked_at or record.created_at))

    def _seconds_left(self, asked_at: str) -> float:
        """How long a job that was asked for may still take to show; asked for twice, some providers create one."""
        once = self.provider.names_jobs or not self.provider.costs_money
        return 0.0 if once else seconds_left(asked_at)

    def _look_again(self, known: Collection[str | None], seconds: float) -> JobInfo | None:
        """A job that is not known yet; it may take this long until the provider lists it."""
        if seconds > SOON_SECONDS:
            logger.warning(
                "%s: a job may have been created that is not listed yet; looking for it for up to %d s before it is "
                "asked for again. Interrupting is safe: the same create(...) goes on",
                self.provider.name,
                seconds,
            )
        for delay in look_again_delays(seconds):
            clock().sleep(delay)
            for job in self._find():
                if job.id not in known:
                    return job
        return None

    # --- what is written down --------------------------------------------------------------------------

    def _check_name(self) -> None:
        if self.name is None:
            return
        named = self.journal.named(self.provider, self.name)
        if named is None or named.fingerprint == self.request.fingerprint:
            return
        same = named.training_sha256 == self.request.training_sha256
        raise ValueError(
            f"the name {self.name!r} stands for job {named.job_id or '(not yet created)'} of "
            f"{named.created_at[:10]}, made from {'other settings' if same else 'other training data'}. Take "
            f"another name, or return to it with FineTuneJob.attach({self.name!r}, provider=...)"
        )

    def _begun(self, open_record: JobRecord | None, known: Mapping[str, Any]) -> JobRecord:
        with self.journal.lock("names"):
            self._check_name()
            if open_record is None:
                names = () if self.name is None else (self.name,)
                return self.journal.begin(self.provider, self.request, names=names, **known)
            known = {"names": self._names(open_record), "status": None, **known}
            return self.journal.write(open_record, stage="intended", **known)

    def _names(self, record: JobRecord) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*record.names, *([] if self.name is None else [self.name])]))

    def _attached(self, job: JobInfo, record: JobRecord | None, why: str) -> JobInfo:
        logger.warning(
            "%s: job %s (%s) %s; attached to it. force_new=True starts another",
            self.provider.name,
            job.id,
            job.status,
            why,
        )
        with self.journal.lock("names"):
            self._check_name()
            if record is None:
                record = self.journal.begin(self.provider, self.request)
            self._note(record, job)
        return job

    def _note(self, record: JobRecord, job: JobInfo) -> None:
        """Write down which job it is. It is paid for now, so nothing that goes wrong here may lose it."""
        is_new = record.job_id is None or record.stage in {"intended", "creating"}
        stage = "created" if is_new else record.stage
        try:
            self.journal.write(
                record,
                stage=stage,
                job_id=job.id,
                names=self._names(record),
                status=job.status,
                fine_tuned_model=job.fine_tuned_model,
            )
        except OSError as error:
            logger.warning("job %s is not written into %s: %s", job.id, self.journal.folder, error.strerror)

    # --- what is sent ----------------------------------------------------------------------------------

    def _uploaded(self, files: Sequence[PreparedFile]) -> Sequence[FileInfo]:
        """The files of the request at the provider. Sending them costs nothing, so it may be repeated."""
        memory = self.journal.memory(self.provider)
        return [
            with_retries(partial(self.provider.upload, file, memory=memory, on_progress=self.on_upload))
            for file in files
        ]

    def _created(self, record: JobRecord, files: Sequence[FileInfo], before: Sequence[JobInfo]) -> JobInfo:
        """Create a job, and never send the same creation twice without looking."""
        # Above every number that was seen, so that two who saw the same ask for the same.
        number = 1 + max(len(before), *(job.attempt or 0 for job in before), 0)
        tries = 1
        while True:
            record = self.journal.write(record, stage="creating", asked_at=datetime.now(UTC).isoformat())
            try:
                return self._of_this(self.provider.create_job(self.request, files, attempt=number), before)
            except ProviderError as error:
                if error.ambiguous:
                    if created := self._new_since(before, error):
                        return created
                    # A server fault or a closed connection ends the request: looked for and not there, it may
                    # be sent again. After a time-out it may still be carried out, and so be paid for twice.
                    if not self._can_ask or not error.temporary:
                        raise self._left_open(error) from error
                if not error.temporary or tries == ATTEMPTS:
                    self._ended(record)  # there is no job, and that is certain
                    raise
                clock().sleep(retry_delay(error, tries))
                tries += 1
            except (FineTuneError, ValueError, FileNotFoundError):
                self._ended(record)  # refused, before or after it was sent
                raise

    def _of_this(self, job: JobInfo, before: Sequence[JobInfo]) -> JobInfo:
        """The job that a creation answered, unless it is one that was there before."""
        is_old = job.id in {one.id for one in before} and not self.provider.names_jobs
        if is_old or self._is_of_another(job):
            raise ProviderError(
                self.provider.name,
                f"the answer to the creation shows job {job.id}, which was there before",
                ambiguous=True,
            )
        return job

    def _ended(self, record: JobRecord) -> None:
        """Write down that no job came of it. Nothing that goes wrong here may hide why."""
        try:
            self.journal.write(record, stage="ended", status="failed")
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.journal.folder, error.strerror)

    def _new_since(self, before: Sequence[JobInfo], error: ProviderError) -> JobInfo | None:
        """The job that a creation left behind although it ended in this ambiguous error."""
        if not self._can_ask:
            return None
        seconds = self._seconds_left(datetime.now(UTC).isoformat())
        if not error.temporary:
            seconds = min(seconds, SOON_SECONDS)  # it is not sent again in this call
        try:
            return self._look_again({job.id for job in before}, seconds)
        except ProviderError as unseen:
            raise self._left_open(error) from unseen

    def _left_open(self, error: ProviderError) -> ProviderError:
        return ProviderError(self.provider.name, f"{error.message}. {self._open_text()}", ambiguous=True)

    def _open_text(self, since: str | None = None) -> str:
        begun = "" if since is None else f"a process that began to create it on {since[:16]} UTC has ended. "
        again = (
            f"if it is not there {SETTLED_SECONDS / 60:.0f} minutes later, call create again"
            if self.provider.finds_jobs
            else "if it is not there after some minutes, create(..., force_new=True) makes it"
        )
        return f"{begun}It is not known whether a job was created. {self._where_to_look()} {again}"

    def _where_to_look(self) -> str:
        return (
            f"Look among your jobs for one with metadata langsmith_finetune={self.request.fingerprint[:32]}: if it is "
            "there, FineTuneJob.attach(its id, provider=...) returns to it;"
        )


def usable_journal(journal: Journal | str | Path | None, provider: Provider) -> Journal:
    """The journal to use; where its folder cannot be written, one for this process alone.

    Raises:
        OSError: It cannot be written, and the provider could not be asked for an earlier job instead.
    """
    chosen = journal if isinstance(journal, Journal) else Journal(journal)
    try:
        with chosen.lock("names"):
            return chosen
    except OSError as error:
        what = f"the journal of jobs, {chosen.folder}, cannot be written ({error.strerror})"
        if not provider.finds_jobs:
            raise OSError(
                error.errno,
                f"{what}, and {provider.name} cannot be asked for earlier jobs. Give another folder with "
                f"journal= or {ENVIRONMENT}",
            ) from error
        logger.warning("%s; %s is asked for earlier jobs instead", what, provider.name)
        return Journal(kept_scratch_folder("journal-"))


def sha256_of_folder(path: Path) -> str:
    """Tell a model folder's content: names, sizes, and the first and last MiB of each file.

    Weights are many GB, and training changes every part of them: reading their ends is enough.
    """
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            size = file.stat().st_size
            digest.update(f"{file.relative_to(path).as_posix()}\0{size}\0".encode())
            with file.open("rb") as content:
                digest.update(content.read(1 << 20))
                content.seek(max(size - (1 << 20), content.tell()))
                digest.update(content.read())
    return digest.hexdigest()


def sha256_and_first_line(path: Path) -> tuple[str, dict[str, Any]]:
    """Hash a file in constant memory, and read its first line.

    Raises:
        InvalidExampleError: The file is empty, or its first line is not a JSON object.
    """
    from langsmith_finetune.targets.read_lines import NO_EXAMPLES, WRITE_JSONL, sound  # noqa: PLC0415

    with path.open("rb") as file:
        first = next(sound(file, path.name), None)
        if first is None:
            raise InvalidExampleError(path.name, "", NO_EXAMPLES, WRITE_JSONL)
        file.seek(0)
        return hashlib.file_digest(file, "sha256").hexdigest(), first[2]
