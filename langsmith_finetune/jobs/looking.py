"""What is done at each look at a job while somebody waits: shown, and reported where it has changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.progress import JobProgress
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import ENDED, JobEvent, JobInfo

logger = logger_of(__name__)

_NEWEST = 20
_CURVE = 500  # events, from which the curve of the losses is drawn at the beginning and at the end


class Looking:
    """Shows a job at each look, and calls `on_change` where its status has changed.

    Args:
        provider: Who has the job.
        journal: What was planned for it: tokens and dollars.
        line: The line that is shown.
        on_change: Called with the first status, and with each that differs from the one before.
    """

    def __init__(
        self,
        provider: Provider,
        journal: Journal,
        line: JobProgress,
        on_change: Callable[[JobInfo], object] | None,
    ) -> None:
        self._provider, self._journal, self._line, self._on_change = provider, journal, line, on_change
        self._last: tuple[str, str] | None = None
        self._drawn: tuple[str, int | None] | None = None

    def has_ended(self, job: JobInfo) -> bool:
        """Show the job as it is now. True if it has ended."""
        if self._line.enabled:
            shown = self._with_newest_metrics(job, self._newest_events(job))
            tokens, usd = self._so_far(shown)
            self._line.show(shown, tokens=tokens, usd=usd)
        now = (job.status, job.provider_status)
        if self._on_change is not None and now != self._last:
            try:
                self._on_change(job)
            except Exception as error:  # noqa: BLE001 - a message that is not sent must not end the wait
                logger.warning("on_change raised %s; the waiting goes on", type(error).__name__)
        self._last = now
        return job.status in ENDED

    def _newest_events(self, job: JobInfo) -> Sequence[JobEvent]:
        """The newest events, where there is something to be learned from them: losses that the job does not show."""
        began = job.step is not None or job.status in {"running", "succeeded"}
        is_news = self._line.draws and began and self._drawn != (job.status, job.step)
        if not is_news and (job.step is not None or job.status != "running"):
            return ()
        is_whole = self._line.draws and (self._drawn is None or job.status in ENDED)
        self._drawn = (job.status, job.step)
        try:
            events = self._provider.job_events(job.id, newest=_CURVE if is_whole else _NEWEST)
        except (ProviderError, NotSupportedError):
            return ()  # only a display: never a reason to stop waiting
        self._line.learn(events)
        return events

    def _with_newest_metrics(self, job: JobInfo, events: Sequence[JobEvent]) -> JobInfo:
        """The job, with the newest step and losses from its events where the job itself shows none."""
        if job.step is not None or job.status not in {"running", "succeeded"}:
            return job
        for event in reversed(events):
            if event.metrics:
                return dataclasses.replace(
                    job, step=event.step, total_steps=event.total_steps, metrics=event.metrics
                )
        return job

    def _so_far(self, job: JobInfo) -> tuple[int | None, float | None]:
        """Tokens trained on and dollars spent: the provider's figures, or the plan's share of the steps done."""
        tokens, usd = job.trained_tokens, job.cost_usd
        record = self._journal.of_job(self._provider, job.id)
        if record is None or record.tokens is None:
            return tokens, usd
        done = 1.0 if job.status == "succeeded" else 0.0
        if job.step is not None and job.total_steps:
            done = max(done, min(1.0, job.step / job.total_steps))
        if tokens is None and done:
            tokens = round(record.tokens * done)
        if usd is None and record.usd is not None and done:
            usd = record.usd * done
        return tokens, usd
