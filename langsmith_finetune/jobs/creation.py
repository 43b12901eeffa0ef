"""Creates a job once: after a lost answer, after a killed process, and with two kernels at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.retry import (
    ATTEMPTS,
    retry_delay,
    with_retries,
)
from langsmith_finetune._foundation.scratch import kept_scratch_folder
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import FineTuneError, ProviderError
from langsmith_finetune.jobs.journal import Journal, home_of
from langsmith_finetune.jobs.plan import JobPlan
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.jobs.search import LOST, JobSearch
from langsmith_finetune.jobs.state_folder import ENVIRONMENT
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import FileInfo, JobInfo, JobRequest, PreparedFile

logger = logger_of(__name__)


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
        self._search = JobSearch(provider, request, journal, force_new=force_new)

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
            before = self._search.earlier(records)
            if unreadable := self.journal.unreadable(self.provider, self.request):
                before += self._search.behind(unreadable, records, before)
            if open_record is not None and open_record.stage == "creating":
                lost = self._search.of_record(open_record, records, before)
                if lost is not None:
                    return self._attached(lost, open_record, "was being created when the process ended")
            living = [job for job in before if job.status not in LOST]
            if living and not self.force_new:
                record = next((r for r in records if r.job_id == living[0].id), None) or open_record
                return self._attached(living[0], record, "was created from the same file and settings")
            if stopped := [job for job in before if job.resumable and not self.force_new]:
                record = next((r for r in records if r.job_id == stopped[0].id), None) or open_record
                job = with_retries(partial(self.provider.resume_job, stopped[0].id))
                return self._attached(job, record, "was stopped before its end, and goes on")
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
                    if created := self._search.new_since(before, error):
                        return created
                    # A server fault or a closed connection ends the request: looked for and not there, it may
                    # be sent again. After a time-out it may still be carried out, and so be paid for twice.
                    if not self._search.can_ask or not error.temporary:
                        raise self._search.left_open(error) from error
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
        if is_old or self._search.is_of_another(job):
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
