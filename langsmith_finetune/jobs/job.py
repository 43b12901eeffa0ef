"""A fine-tuning job: created once, waited for, returned to, and turned into a chat model."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, NOT_NEGATIVE, checked
from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.display import progress_shown
from langsmith_finetune._foundation.fields import in_words
from langsmith_finetune._foundation.html import card, facts
from langsmith_finetune._foundation.retry import poll
from langsmith_finetune._foundation.tables import Rows, facts_text
from langsmith_finetune._foundation.watched import Step
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import JobFailedError, JobTimeoutError, NotSupportedError, ProviderError
from langsmith_finetune.jobs.creation import JobCreation, usable_journal
from langsmith_finetune.jobs.identity import expect_id
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.log import frame_of, metrics_of, plot_of, save_log
from langsmith_finetune.jobs.looking import Looking
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.jobs.options import AttachOptions, CreateOptions, signature_of
from langsmith_finetune.jobs.plan import JobPlan, planned, refuse_above
from langsmith_finetune.jobs.progress import JobProgress, UploadProgress, shown_of
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.jobs.request import is_soon_counted, job_request
from langsmith_finetune.jobs.tables import checkpoint_rows, event_rows, metric_rows, record_rows
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.values import (
    ENDED,
    Checkpoint,
    JobEvent,
    JobInfo,
    Method,
    PreparedFile,
    Status,
)

if TYPE_CHECKING:
    import pandas as pd

    from langsmith_finetune._foundation.plot import Plot

__all__ = ["FineTuneJob", "FineTunedModel"]

logger = logger_of(__name__)


class FineTuneJob:
    """A handle on a job that runs elsewhere: at a provider, or in a process of its own on this machine.

    Make one with `create` (which may cost money) or `attach` (which never does). The handle holds no
    state worth keeping: drop it, restart the kernel, and `attach` or the same `create` finds the job again.

    Example:
        >>> from langsmith_finetune import FineTuneJob
        >>> job = FineTuneJob.create("train.jsonl", model="some-model", provider=provider)  # doctest: +SKIP
        >>> model = job.wait().chat_model(temperature=0)  # doctest: +SKIP
    """

    def __init__(
        self,
        provider: Provider,
        status: JobInfo,
        *,
        journal: Journal | str | Path | None = None,
    ) -> None:
        self.provider = provider
        self.info = status
        self._journal = journal if isinstance(journal, Journal) else Journal(journal)
        self._ended = status.status in ENDED

    # --- making a handle -------------------------------------------------------------------------------

    @classmethod
    @checked(max_cost_usd=NOT_NEGATIVE)
    def create(
        cls,
        training_file: str | Path,
        *,
        model: str | Path,
        provider: Provider,
        method: Method = "supervised",
        parameters: Mapping[str, Any] | None = None,
        validation_file: str | Path | None = None,
        suffix: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        check: bool = True,
        max_cost_usd: float | None = None,
        force_new: bool = False,
        progress: bool = True,
        journal: Journal | str | Path | None = None,
    ) -> Self:
        """Start a job, or return to the one that the same file and settings started before.

        Running the same cell twice pays once. A job with the same fingerprint (the data's hash, model, method,
        parameters, suffix, seed) that has not failed is returned, whether the journal on this machine knows it or the
        provider does. If the process is killed on the way, the next call finds what was done. A request to create
        a job is never sent again blindly: if its answer was lost, the provider is asked first.

        Args:
            training_file: A JSONL file of training lines, as `write_jsonl` makes it.
            model: The model to start from: the provider's name for it, or a folder for a local provider.
            provider: Who trains.
            method: How to train. `"dpo"` needs a file of preferences, `"reinforcement"` a grader in `parameters`.
            parameters: The provider's own settings; each provider documents its own.
            validation_file: Lines to measure on while training.
            suffix: Goes into the tuned model's name, where the provider allows it.
            seed: For the provider's random choices.
            name: What to call the job on this machine: `attach(name, provider=...)` returns to it. A name stands for
                one file and one set of settings.
            check: Check every line by the target's rules first, as `check(path, target)` does.
            max_cost_usd: Refuse a job that would cost more, or whose cost is not known.
            force_new: Start another job even if an equal one exists. You may pay for it again.
            progress: Show how far reading and sending the files has come, where that takes a while.
            journal: The folder that remembers jobs, in place of the usual one; see `Journal`.

        Raises:
            FileNotFoundError: There is no such file.
            InvalidExampleError: A file is empty, is not JSON lines, or has a line that the target refuses.
            NotSupportedError: The provider does not train by this method.
            ProviderError: The provider refused or could not be reached, or it is not known whether a job was
                created; the text then says what to look for.
            ValueError: The job would cost too much, the name stands for another job, or a setting is unknown.
        """
        request = job_request(
            training_file,
            model=model,
            provider=provider,
            method=method,
            parameters=parameters,
            validation_file=validation_file,
            suffix=suffix,
            seed=seed,
        )
        book = usable_journal(journal, provider)
        costs = max_cost_usd is not None or (check and is_soon_counted(request))

        @contextmanager
        def plan() -> Iterator[tuple[JobPlan, Sequence[PreparedFile]]]:
            with planned(provider, request, check=check, cost=costs) as (found, files):
                refuse_above(max_cost_usd, found, free=not provider.costs_money)
                logger.info(
                    "%s: %s: %s", provider.name, request.training_file.name, found.cost or found.cost_unknown
                )
                yield found, files

        upload = UploadProgress(enabled=progress)
        creation = JobCreation(
            provider, request, journal=book, name=name, force_new=force_new, on_upload=upload
        )
        try:
            # Earlier jobs are looked for, and a host takes its time over a file: a notebook shows that this goes on.
            with progress_shown(progress), Step("creating the job", counts=False):
                job = cls(provider, creation.run(plan), journal=book)
        finally:
            upload.close()
        job._into_ledger()
        if request.validation_file is not None and request.validation_sha256 is not None:
            _record(request.validation_file, job.info, provider, request.validation_sha256, role="validation")
        return job

    @classmethod
    @signature_of(create)
    async def acreate(cls, training_file: str | Path, **options: Unpack[CreateOptions]) -> Self:
        """`create` without blocking the event loop. Takes the same arguments."""
        return await asyncio.to_thread(lambda: cls.create(training_file, **options))

    @staticmethod
    @checked()
    def plan(
        training_file: str | Path,
        *,
        model: str | Path,
        provider: Provider,
        method: Method = "supervised",
        parameters: Mapping[str, Any] | None = None,
        validation_file: str | Path | None = None,
        suffix: str | None = None,
        seed: int | None = None,
        check: bool = True,
    ) -> JobPlan:
        """Say what `create` would send, what it would cost, and what ends when. Sends nothing, and needs no key.

        Args:
            training_file: As for `create`, as are all that follow.
            model: The model to start from.
            provider: Who would train.
            method: How to train.
            parameters: The provider's own settings.
            validation_file: Lines to measure on while training.
            suffix: Goes into the tuned model's name.
            seed: For the provider's random choices.
            check: Check every line by the target's rules.

        Raises:
            FileNotFoundError: There is no such file.
            InvalidExampleError: A file is empty, is not JSON lines, or has a line that the target refuses.
            NotSupportedError: The provider does not train by this method, or the model has ended.
            ValueError: A setting is unknown.

        Example:
            >>> plan = FineTuneJob.plan("train.jsonl", model="some-model", provider=provider)  # doctest: +SKIP
            >>> plan.usd  # doctest: +SKIP
            1.23
        """
        request = job_request(
            training_file,
            model=model,
            provider=provider,
            method=method,
            parameters=parameters,
            validation_file=validation_file,
            suffix=suffix,
            seed=seed,
        )
        with planned(provider, request, check=check, cost=True, only=True) as (found, _):
            return found

    @classmethod
    @checked()
    def attach(
        cls,
        job_id: str,
        *,
        provider: Provider,
        journal: Journal | str | Path | None = None,
    ) -> Self:
        """Return to a job, wherever and by whomever it was created. Creates nothing.

        Args:
            job_id: The provider's id of the job, or the `name` that it was created with on this machine.
            provider: Who has it.
            journal: The folder that remembers names, in place of the usual one.

        Raises:
            ProviderError: The provider has no such job, or cannot be reached.
        """
        book = journal if isinstance(journal, Journal) else Journal(journal)
        if record := book.named(provider, job_id):
            if record.job_id is None and record.stage == "ended":
                raise ProviderError(
                    provider.name,
                    f"the job named {job_id!r} of {record.created_at[:16]} UTC was refused, so there is none to return "
                    "to; the same create(...) tries again",
                )
            if record.job_id is None:
                raise ProviderError(
                    provider.name,
                    f"the job named {job_id!r} was begun on {record.created_at[:16]} UTC, and it is not known "
                    "whether it was created; the same create(...) again finds out",
                )
            job_id = record.job_id
        found = expect_id("job", job_id, provider.retrieve_job(job_id), provider)
        job = cls(provider, found, journal=book)
        job._saw()
        return job

    @classmethod
    @signature_of(attach)
    async def aattach(cls, job_id: str, **options: Unpack[AttachOptions]) -> Self:
        """`attach` without blocking the event loop. Takes the same arguments."""
        return await asyncio.to_thread(lambda: cls.attach(job_id, **options))

    @staticmethod
    @checked()
    def list(
        provider: Provider | None = None, *, journal: Journal | str | Path | None = None
    ) -> Rows[JobRecord]:
        """The jobs that were created on this machine, newest first, as they were last seen. Asks nobody.

        The list shows itself as a table; `to_pandas()` gives it as one of pandas.

        Args:
            provider: Only this provider's, at its address.
            journal: The folder that remembers them, in place of the usual one.

        Example:
            >>> for record in FineTuneJob.list():  # doctest: +SKIP
            ...     print(record.created_at, record.names, record.job_id, record.status)
        """
        book = journal if isinstance(journal, Journal) else Journal(journal)
        return record_rows(book.records(provider))

    # --- looking ---------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The provider's id of the job."""
        return self.info.id

    @property
    def status(self) -> Status:
        """Where the job stood when it was last looked at; `refresh` looks again."""
        return self.info.status

    def refresh(self) -> JobInfo:
        """Ask the provider where the job stands now."""
        self.info = self._about_this(self.provider.retrieve_job(self.id))
        self._saw()
        return self.info

    async def arefresh(self) -> JobInfo:
        """`refresh` without blocking the event loop."""
        return await asyncio.to_thread(self.refresh)

    @checked(newest=AT_LEAST_ONE)
    def events(self, newest: int | None = None) -> Rows[JobEvent]:
        """What the provider reported about the job, oldest first. The list shows itself as a table.

        Args:
            newest: Only the last so many; no more pages are fetched than they need.
        """
        return event_rows(self.provider.job_events(self.id, newest=newest))

    @checked(newest=AT_LEAST_ONE)
    async def aevents(self, newest: int | None = None) -> Rows[JobEvent]:
        """`events` without blocking the event loop."""
        return await asyncio.to_thread(self.events, newest)

    @overload
    def metrics(self, *, as_frame: Literal[False] = False) -> Rows[dict[str, float]]: ...

    @overload
    def metrics(self, *, as_frame: Literal[True]) -> pd.DataFrame: ...

    @checked()
    def metrics(self, *, as_frame: bool = False) -> Rows[dict[str, float]] | pd.DataFrame:
        """The numbers of each step: `{"step": 1, "train_loss": 0.5}`.

        Args:
            as_frame: As a pandas table with one row per step.

        Raises:
            ImportError: pandas is not installed.
        """
        records = metrics_of(self.events())
        return frame_of(records) if as_frame else metric_rows(records)

    def plot(self) -> Plot:
        """The losses over the steps: shows itself in a notebook; `plot.save(path)` writes it, `plot.figure` is matplotlib's.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: There is no loss yet.
        """
        return plot_of(metrics_of(self.events()), self.id)

    def checkpoints(self) -> Rows[Checkpoint]:
        """The checkpoints that can still be had, oldest first.

        Raises:
            NotSupportedError: The provider keeps none.
        """
        return checkpoint_rows(self.provider.checkpoints(self.id))

    @checked()
    def save(self, path: str | Path) -> Path:
        """Write the job, its events, numbers, checkpoints and result files into a folder.

        Args:
            path: The folder; made if needed, for its owner alone. Files of the same names are replaced.
        """
        checkpoints: Sequence[Checkpoint] = ()
        with suppress(NotSupportedError):
            checkpoints = self.checkpoints()
        try:
            files = self.provider.result_files(self.id)
        except NotSupportedError:
            files = iter(())
        job = {"job_id": self.id, "provider": self.provider.name} | dataclasses.asdict(self.info)
        return save_log(Path(path), job=job, events=self.events(), checkpoints=checkpoints, files=files)

    # --- changing --------------------------------------------------------------------------------------

    def cancel(self) -> JobInfo:
        """Ask for the job to be stopped. What was trained so far may still be billed.

        A job that has ended meanwhile stays as it is, and is returned so.
        """
        try:
            self.info = self._about_this(self.provider.cancel_job(self.id))
        except ProviderError as error:
            if error.temporary:
                raise
            try:
                self.info = self._about_this(self.provider.retrieve_job(self.id))
            except ProviderError:
                raise error from None
            if self.status not in ENDED:
                raise
        self._saw()
        return self.info

    async def acancel(self) -> JobInfo:
        """`cancel` without blocking the event loop."""
        return await asyncio.to_thread(self.cancel)

    def pause(self) -> JobInfo:
        """Stop the job for a while, and keep what it has learned.

        Raises:
            NotSupportedError: The provider cannot.
        """
        self.info = self._about_this(self.provider.pause_job(self.id))
        return self.info

    def resume(self) -> JobInfo:
        """Let a job go on that is paused, or that was stopped before its end (`info.resumable`).

        Raises:
            NotSupportedError: The provider cannot.
            ProviderError: The job has come to its end.
        """
        self.info = self._about_this(self.provider.resume_job(self.id))
        self._ended = self.info.status in ENDED
        return self.info

    def delete(self) -> None:
        """Remove a job that has ended from the provider's list. The same `create` then starts a new one.

        Raises:
            NotSupportedError: The provider cannot.
        """
        self.provider.delete_job(self.id)
        self._journal.saw(self.provider, dataclasses.replace(self.info, status="cancelled"))

    def _about_this(self, status: JobInfo) -> JobInfo:
        return expect_id("job", self.id, status, self.provider)

    # --- waiting ---------------------------------------------------------------------------------------

    @checked(timeout=NOT_NEGATIVE)
    def wait(
        self,
        timeout: float | None = None,
        poll_seconds: float | None = None,
        *,
        on_change: Callable[[JobInfo], object] | None = None,
        progress: bool = True,
    ) -> FineTunedModel:
        """Wait until the job ends, and return its model.

        Lost connections, rate limits and server faults are waited out. Interrupting (Ctrl-C, or the
        notebook's stop button) ends the waiting, never the job.

        Args:
            timeout: Give up after this many seconds; the job itself goes on. Without one, give up only
                when the provider has been unreachable for six hours at a stretch.
            poll_seconds: Seconds between two looks. By default the provider's own pace, growing slower.
            on_change: Called with the first status seen, and with each that differs from the one before. What
                it raises is logged; the waiting goes on.
            progress: Show status, step, losses, the time left, tokens and cost: a card with a curve of the losses in
                a notebook, a line in a terminal, a line for each new status in a log.

        Returns:
            The tuned model.

        Raises:
            JobFailedError: The job failed or was cancelled; carries the provider's reason.
            JobTimeoutError: `timeout` has passed.
            ProviderError: The provider refuses to tell (a wrong key, no such job), or is gone for long.
            ValueError: `poll_seconds` is negative.
        """
        with JobProgress(enabled=progress) as line:
            try:
                for delay in self._delays(timeout, poll_seconds, line, on_change):
                    clock().sleep(delay)
            except KeyboardInterrupt as stop:
                how = f'job {self.id} goes on: FineTuneJob.attach("{self.id}", provider=...).wait() returns to it'
                line.say(how)
                stop.add_note(how)
                raise
        return self._outcome()

    @checked(timeout=NOT_NEGATIVE)
    async def await_(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same arguments as `wait`
        poll_seconds: float | None = None,
        *,
        on_change: Callable[[JobInfo], object] | None = None,
        progress: bool = True,
    ) -> FineTunedModel:
        """`wait` without blocking the event loop. `await job` is the same with its defaults."""
        with JobProgress(enabled=progress) as line:
            delays = self._delays(timeout, poll_seconds, line, on_change)
            while (delay := await asyncio.to_thread(next, delays, None)) is not None:
                await clock().asleep(delay)
        return self._outcome()

    def __await__(self) -> Generator[Any, None, FineTunedModel]:
        return self.await_().__await__()

    def _delays(
        self,
        timeout: float | None,
        poll_seconds: float | None,
        line: JobProgress,
        on_change: Callable[[JobInfo], object] | None,
    ) -> Generator[float, None, None]:
        looking = Looking(self.provider, self._journal, line, on_change)
        return poll(
            lambda: looking.has_ended(self.refresh()),
            first_poll_seconds=self.provider.poll_seconds,
            timeout=timeout,
            poll_seconds=poll_seconds,
            on_silence=line.note,
            on_timeout=lambda waited: JobTimeoutError(self.info, waited),
        )

    def _outcome(self) -> FineTunedModel:
        if self.status != "succeeded" or self.info.fine_tuned_model is None:
            record = self._journal.of_job(self.provider, self.id)
            file = (Path(record.training_file).name if record else "") or "training file"
            raise JobFailedError(self.info) from rejected_line(self.info.error or "", file)
        return FineTunedModel(
            id=self.info.fine_tuned_model,
            base_model=self.info.model,
            job_id=self.id,
            provider=self.provider,
            journal=self._journal,
        )

    # --- keeping ---------------------------------------------------------------------------------------

    def _saw(self) -> None:
        """Let the journal know, and at the end the ledger."""
        self._journal.saw(self.provider, self.info)
        if self.status in ENDED and not self._ended:
            self._ended = True
            self._into_ledger()

    def _into_ledger(self) -> None:
        record = self._journal.of_job(self.provider, self.id)
        if record is not None and record.training_file:
            _record(Path(record.training_file), self.info, self.provider, record.training_sha256)

    def __repr__(self) -> str:
        return f"FineTuneJob({self.id!r}, {self.status!r}, provider={self.provider.name!r})"

    def __str__(self) -> str:
        return facts_text(str(shown_of(self.info)), self._facts())

    def _repr_html_(self) -> str:
        return card("", shown_of(self.info).html(), facts(self._facts()))

    def _facts(self) -> dict[str, Any]:
        return {
            "provider": self.provider.name,
            "model": self.info.model,
            "tuned model": self.info.fine_tuned_model,
            "created": in_words(self.info.created_at),
            "ended": in_words(self.info.finished_at),
        }


def _record(path: Path, job: JobInfo, provider: Provider, sha256: str, *, role: str = "training") -> None:
    """Write a job into the ledger beside the file, if there is one."""
    from langsmith_finetune.ledger.ledger import Ledger  # noqa: PLC0415 - only files with a ledger need it

    Ledger.record_job(path, job, provider=provider.name, sha256=sha256, role=role)
