"""Looks for the job of a request: at the provider, and in the journal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.retry import (
    SETTLED_SECONDS,
    SOON_SECONDS,
    look_again_delays,
    seconds_left,
    with_retries,
)
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.jobs.identity import expect_id
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import JobInfo, JobRequest

logger = logger_of(__name__)

LOST = frozenset({"failed", "cancelled", "cancelling"})
"""States from which no model comes."""


class JobSearch:
    """Finds the jobs that a request has led to already.

    Args:
        provider: Who would have them.
        request: What was asked.
        journal: What this machine knows of them.
        force_new: The caller has looked, and wants another job.
    """

    def __init__(self, provider: Provider, request: JobRequest, journal: Journal, *, force_new: bool) -> None:
        self._provider = provider
        self._request = request
        self._journal = journal
        self._force_new = force_new
        self.can_ask = True
        """False once the provider has said that it cannot list its jobs."""

    def earlier(self, records: Sequence[JobRecord]) -> list[JobInfo]:
        """The jobs of this fingerprint, newest first: the provider's, and those that only the journal knows.

        Raises:
            ProviderError: A job that the journal knows is not there any more.
        """
        jobs = list(self._find())
        for record in records:
            job_id = record.job_id
            if job_id is None or record.status in LOST or job_id in {job.id for job in jobs}:
                continue
            try:
                job = with_retries(partial(self._provider.retrieve_job, job_id))
                jobs.append(expect_id("job", job_id, job, self._provider))
            except ProviderError as error:
                if error.temporary:
                    raise
                if not self._force_new and self._provider.costs_money:
                    raise ProviderError(
                        self._provider.name,
                        f"job {job_id}, created on {record.created_at[:10]} from the same file and settings, is not "
                        f"there ({error.message}). It was deleted, or belongs to another account: "
                        "create(..., force_new=True) starts another, which is paid for too",
                    ) from error
        return jobs

    def _find(self) -> Sequence[JobInfo]:
        """The provider's jobs of this request, but for those that the journal knows to be of another."""
        try:
            jobs = with_retries(lambda: self._provider.find_jobs(self._request))
        except NotSupportedError:
            self.can_ask = False
            return []
        return [job for job in jobs if not self.is_of_another(job)]

    def is_of_another(self, job: JobInfo) -> bool:
        """True if the journal knows the job as that of another request."""
        record = self._journal.of_job(self._provider, job.id)
        return record is not None and record.fingerprint != self._request.fingerprint

    def behind(
        self, unreadable: Mapping[Path, str], records: Sequence[JobRecord], before: Sequence[JobInfo]
    ) -> list[JobInfo]:
        """The job that a record stands for which cannot be read, if it is to be found.

        Raises:
            ProviderError: Nobody can be asked.
        """
        if self._force_new or not self._provider.costs_money:
            return []
        path, what = next(iter(unreadable.items()))
        if not self.can_ask:
            raise ProviderError(
                self._provider.name,
                f"{path} {what}. It is the journal's record of an equal request, and may stand for a job that was paid "
                f"for. {self._where_to_look()} if there is none, create(..., force_new=True) makes it. The record stays "
                "as it is",
                ambiguous=True,
            )
        logger.warning("%s %s; %s is asked for the job instead", path, what, self._provider.name)
        if before:
            return []
        with suppress(OSError):
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            job = self._look_again({r.job_id for r in records}, self._seconds_left(written.isoformat()))
            return [] if job is None else [job]
        return []

    def of_record(
        self, record: JobRecord, records: Sequence[JobRecord], before: Sequence[JobInfo]
    ) -> JobInfo | None:
        """The job of a creation whose end the journal does not know, if it was made.

        Raises:
            ProviderError: Nobody can be asked.
        """
        known = {r.job_id for r in records}
        if made := [job for job in before if job.id not in known]:
            return made[0]
        if self._force_new:
            return None  # the caller has looked
        if not self.can_ask:
            raise ProviderError(self._provider.name, self._open_text(record.created_at), ambiguous=True)
        return self._look_again(known, self._seconds_left(record.asked_at or record.created_at))

    def _seconds_left(self, asked_at: str) -> float:
        """How long a job that was asked for may still take to show; asked for twice, some providers create one."""
        once = self._provider.names_jobs or not self._provider.costs_money
        return 0.0 if once else seconds_left(asked_at)

    def _look_again(self, known: Collection[str | None], seconds: float) -> JobInfo | None:
        """A job that is not known yet; it may take this long until the provider lists it."""
        if seconds > SOON_SECONDS:
            logger.warning(
                "%s: a job may have been created that is not listed yet; looking for it for up to %d s before it is "
                "asked for again. Interrupting is safe: the same create(...) goes on",
                self._provider.name,
                seconds,
            )
        for delay in look_again_delays(seconds):
            clock().sleep(delay)
            for job in self._find():
                if job.id not in known:
                    return job
        return None

    def new_since(self, before: Sequence[JobInfo], error: ProviderError) -> JobInfo | None:
        """The job that a creation left behind although it ended in this ambiguous error."""
        if not self.can_ask:
            return None
        seconds = self._seconds_left(datetime.now(UTC).isoformat())
        if not error.temporary:
            seconds = min(seconds, SOON_SECONDS)  # it is not sent again in this call
        try:
            return self._look_again({job.id for job in before}, seconds)
        except ProviderError as unseen:
            raise self.left_open(error) from unseen

    def left_open(self, error: ProviderError) -> ProviderError:
        """The error of a creation of which nobody knows how it ended."""
        return ProviderError(self._provider.name, f"{error.message}. {self._open_text()}", ambiguous=True)

    def _open_text(self, since: str | None = None) -> str:
        begun = "" if since is None else f"a process that began to create it on {since[:16]} UTC has ended. "
        again = (
            f"if it is not there {SETTLED_SECONDS / 60:.0f} minutes later, call create again"
            if self._provider.finds_jobs
            else "if it is not there after some minutes, create(..., force_new=True) makes it"
        )
        return f"{begun}It is not known whether a job was created. {self._where_to_look()} {again}"

    def _where_to_look(self) -> str:
        return (
            f"Look among your jobs for one with metadata langsmith_finetune={self._request.fingerprint[:32]}: if it is "
            "there, FineTuneJob.attach(its id, provider=...) returns to it;"
        )
