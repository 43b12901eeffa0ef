"""A fine-tuning job: created once, waited for, returned to, and turned into a chat model."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import logging
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from langsmith_finetune.clock import Clock
from langsmith_finetune.errors import (
    InvalidExampleError,
    JobFailedError,
    JobTimeoutError,
    NotSupportedError,
    ProviderError,
)
from langsmith_finetune.progress import JobProgress
from langsmith_finetune.providers.base import (
    ENDED,
    LOOK_AGAIN_SECONDS,
    JobEvent,
    JobRequest,
    JobStatus,
    Method,
    Provider,
    Status,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

_CREATE_ATTEMPTS = 4
_LONGEST_RETRY_SECONDS = 60.0
_LONGEST_RETRY_AFTER_SECONDS = 300.0
_LONGEST_SILENCE_SECONDS = 6 * 3600.0
"""Without a timeout of the caller's, a provider may be unreachable for this long at a stretch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTunedModel:
    """What a job leaves behind.

    Args:
        id: The tuned model's name at the provider, or its folder.
        base_model: The model it was tuned from.
        job_id: The job that made it.
        provider: Who has it.
    """

    id: str
    base_model: str
    job_id: str
    provider: Provider

    def chat_model(self, **kwargs: Any) -> BaseChatModel:
        """The model as a LangChain chat model.

        Args:
            **kwargs: Settings of the chat model's class, such as `temperature=0`.
        """
        return self.provider.chat_model(self.id, **kwargs)


class FineTuneJob:
    """A handle on a job that runs elsewhere: at a provider, or in a process of its own on this machine.

    Make one with `create` (which may cost money) or `attach` (which never does). The handle holds no
    state worth keeping: drop it, restart the kernel, and `attach` or the same `create` finds the job again.

    Example:
        >>> from langsmith_finetune import FineTuneJob
        >>> job = FineTuneJob.create("train.jsonl", model="some-model", provider=provider)  # doctest: +SKIP
        >>> model = job.wait().chat_model(temperature=0)  # doctest: +SKIP
    """

    def __init__(self, provider: Provider, status: JobStatus, *, clock: Clock | None = None) -> None:
        self.provider = provider
        self.details = status
        self._clock = clock or Clock()

    # --- making a handle -------------------------------------------------------------------------------

    @classmethod
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
        force_new: bool = False,
        clock: Clock | None = None,
    ) -> Self:
        """Start a job, or return to the one that the same file and settings started before.

        Running the same cell twice pays once: a job of the same fingerprint (the data's hash, model,
        method, parameters, suffix, seed) that has not failed is attached to. Creating is never resent
        blindly: after an answer that leaves open whether a job was created, the provider is asked first.

        Args:
            training_file: A JSONL file of training lines, as `write_jsonl` makes it.
            model: The model to start from: the provider's name for it, or a folder for a local provider.
            provider: Who trains.
            method: How to train.
            parameters: The provider's own settings; each provider documents its own.
            validation_file: Lines to measure on while training.
            suffix: Goes into the tuned model's name, where the provider allows it.
            seed: For the provider's random choices.
            force_new: Start another job even if an equal one exists. This may be paid for again.
            clock: For tests.

        Raises:
            FileNotFoundError: There is no such file.
            InvalidExampleError: A file is empty or is not JSON lines.
            ProviderError: The provider refused, or could not be reached, or it stayed open whether a job
                was created; the text then says what to look for.
        """
        _check_provider(provider)
        request = JobRequest(
            training_file=Path(training_file),
            training_sha256=_sha256_of_jsonl(Path(training_file)),
            model=str(model),
            model_sha256=_sha256_of_folder(Path(model)) if Path(model).is_dir() else None,
            method=method,
            parameters=dict(parameters or {}),
            validation_file=Path(validation_file) if validation_file is not None else None,
            validation_sha256=_sha256_of_jsonl(Path(validation_file))
            if validation_file is not None
            else None,
            suffix=suffix,
            seed=seed,
        )
        clock = clock or Clock()
        return cls(provider, _create_once(provider, request, force_new=force_new, clock=clock), clock=clock)

    @classmethod
    async def acreate(cls, training_file: str | Path, **settings: Any) -> Self:
        """`create` without blocking the event loop. Takes the same arguments."""
        return await asyncio.to_thread(cls.create, training_file, **settings)

    @classmethod
    def attach(cls, job_id: str, *, provider: Provider, clock: Clock | None = None) -> Self:
        """Return to a job by its id, wherever and by whomever it was created. Creates nothing.

        Raises:
            ProviderError: The provider has no such job, or cannot be reached.
        """
        _check_provider(provider)
        return cls(provider, provider.retrieve_job(job_id), clock=clock)

    @classmethod
    async def aattach(cls, job_id: str, *, provider: Provider, clock: Clock | None = None) -> Self:
        """`attach` without blocking the event loop."""
        return await asyncio.to_thread(cls.attach, job_id, provider=provider, clock=clock)

    # --- looking ---------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The provider's id of the job."""
        return self.details.id

    @property
    def status(self) -> Status:
        """Where the job stood when it was last looked at; `refresh` looks again."""
        return self.details.status

    def refresh(self) -> JobStatus:
        """Ask the provider where the job stands now."""
        self.details = self.provider.retrieve_job(self.id)
        return self.details

    async def arefresh(self) -> JobStatus:
        """`refresh` without blocking the event loop."""
        return await asyncio.to_thread(self.refresh)

    def events(self) -> Sequence[JobEvent]:
        """Everything the provider told about the job so far, oldest first."""
        return self.provider.job_events(self.id)

    async def aevents(self) -> Sequence[JobEvent]:
        """`events` without blocking the event loop."""
        return await asyncio.to_thread(self.events)

    def cancel(self) -> JobStatus:
        """Ask for the job to be stopped. What was trained so far may still be billed."""
        self.details = self.provider.cancel_job(self.id)
        return self.details

    async def acancel(self) -> JobStatus:
        """`cancel` without blocking the event loop."""
        return await asyncio.to_thread(self.cancel)

    # --- waiting ---------------------------------------------------------------------------------------

    def wait(
        self, timeout: float | None = None, poll_seconds: float | None = None, *, progress: bool = True
    ) -> FineTunedModel:
        """Wait until the job ends, and return its model.

        Lost connections, rate limits and server faults are waited out. Interrupting (Ctrl-C, or the
        notebook's stop button) ends the waiting, never the job.

        Args:
            timeout: Give up after this many seconds; the job itself goes on. Without one, give up only
                when the provider has been unreachable for six hours at a stretch.
            poll_seconds: Seconds between two looks. By default the provider's own pace, growing slower.
            progress: Show a line with status, steps and losses.

        Returns:
            The tuned model.

        Raises:
            JobFailedError: The job failed or was cancelled; carries the provider's reason.
            JobTimeoutError: `timeout` has passed.
            ProviderError: The provider refuses to tell (a wrong key, no such job), or is gone for long.
            ValueError: `poll_seconds` is negative.
        """
        with JobProgress(enabled=progress) as line:
            for delay in self._looks(timeout, poll_seconds, line):
                self._clock.sleep(delay)
        return self._outcome()

    async def await_(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same arguments as `wait`
        poll_seconds: float | None = None,
        *,
        progress: bool = True,
    ) -> FineTunedModel:
        """`wait` without blocking the event loop. `await job` is the same with its defaults."""
        with JobProgress(enabled=progress) as line:
            looks = self._looks(timeout, poll_seconds, line)
            while (delay := await asyncio.to_thread(next, looks, None)) is not None:
                await self._clock.asleep(delay)
        return self._outcome()

    def __await__(self) -> Generator[Any, None, FineTunedModel]:
        return self.await_().__await__()

    def _looks(
        self, timeout: float | None, poll_seconds: float | None, line: JobProgress
    ) -> Generator[float, None, None]:
        """Look at the job until it has ended, and yield the seconds to wait between two looks."""
        if poll_seconds is not None and poll_seconds < 0:
            raise ValueError(f"poll_seconds must not be negative, but is {poll_seconds}")
        started = last_answer = self._clock.now()
        pace = self.provider.poll_seconds if poll_seconds is None else poll_seconds
        failures = 0
        while True:
            try:
                self.refresh()
                line.show(self._with_newest_metrics() if line.enabled else self.details)
                if self.status in ENDED:
                    return
                failures, last_answer = 0, self._clock.now()
                delay = pace
                if poll_seconds is None:
                    pace = min(pace * 1.2, 6 * self.provider.poll_seconds)
            except ProviderError as error:
                silence = self._clock.now() - last_answer
                if not error.temporary or (timeout is None and silence > _LONGEST_SILENCE_SECONDS):
                    raise
                failures += 1
                delay = _retry_delay(error, failures)
                line.note(f"no answer for {silence:.0f} s, asking again in {delay:.0f} s")
            waited = self._clock.now() - started
            if timeout is not None and waited >= timeout:
                raise JobTimeoutError(self.details, waited)
            # Jitter, so that many notebooks started together do not ask together.
            delay *= random.uniform(0.9, 1.1)  # noqa: S311
            yield delay if timeout is None else min(delay, timeout - waited)

    def _with_newest_metrics(self) -> JobStatus:
        """The status, with the newest step and losses from the events where the status has none."""
        if self.details.step is not None or self.status != "running":
            return self.details
        try:
            events = self.provider.job_events(self.id, newest=20)
        except (ProviderError, NotSupportedError):
            return self.details  # only a display: never a reason to stop waiting
        for event in reversed(events):
            if event.metrics:
                return dataclasses.replace(
                    self.details, step=event.step, total_steps=event.total_steps, metrics=event.metrics
                )
        return self.details

    def _outcome(self) -> FineTunedModel:
        if self.status != "succeeded" or self.details.fine_tuned_model is None:
            raise JobFailedError(self.details)
        return FineTunedModel(
            id=self.details.fine_tuned_model,
            base_model=self.details.model,
            job_id=self.id,
            provider=self.provider,
        )

    # --- keeping ---------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """What another process needs to return to this job: plain JSON values, no key, no content."""
        return {
            "job_id": self.id,
            "provider": self.provider.name,
            "model": self.details.model,
            "status": self.status,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, provider: Provider, clock: Clock | None = None) -> Self:
        """The handle that `to_dict` wrote down. Asks nobody: `refresh` or `wait` brings it up to date.

        Raises:
            ValueError: The job belongs to another provider.
        """
        if data["provider"] != provider.name:
            raise ValueError(
                f"job {data['job_id']} belongs to {data['provider']!r}, but the provider given is "
                f"{provider.name!r}"
            )
        status = JobStatus(
            id=data["job_id"], status=data["status"], provider_status=data["status"], model=data["model"]
        )
        return cls(provider, status, clock=clock)

    def __repr__(self) -> str:
        return f"FineTuneJob({self.id!r}, {self.status!r}, provider={self.provider.name!r})"


def _check_provider(provider: object) -> None:
    if isinstance(provider, (str, type)):
        found = repr(provider) if isinstance(provider, str) else f"the class {provider.__name__}"
        raise TypeError(f"provider must be an object, such as LocalProvider(), not {found}")


def _create_once(provider: Provider, request: JobRequest, *, force_new: bool, clock: Clock) -> JobStatus:
    """Create a job unless an equal one lives, and never send the same creation twice without looking."""
    before = _find_jobs(provider, request, clock)
    living = [job for job in before or () if job.status not in {"failed", "cancelled", "cancelling"}]
    if living and not force_new:
        logger.warning(
            "%s: job %s (%s) was created from the same file and settings; attached to it. "
            "force_new=True starts another",
            provider.name,
            living[0].id,
            living[0].status,
        )
        return living[0]
    attempt = 1
    while True:
        try:
            return provider.create_job(request)
        except ProviderError as error:
            if error.ambiguous:
                if created := _look_for_new(provider, request, before, error, clock):
                    return created
                # A server fault or a closed connection ends the request: looked for and not there, it may
                # be sent again. After a time-out it may still be carried out, and so be paid for twice.
                if before is None or not error.temporary:
                    raise _left_open(provider, request, error) from error
            if not error.temporary or attempt == _CREATE_ATTEMPTS:
                raise
            clock.sleep(_retry_delay(error, attempt))
            attempt += 1


def _find_jobs(provider: Provider, request: JobRequest, clock: Clock) -> Sequence[JobStatus] | None:
    """The jobs of this fingerprint, newest first; None where the provider cannot look them up."""
    for attempt in range(1, _CREATE_ATTEMPTS + 1):
        try:
            return provider.find_jobs(request)
        except NotSupportedError:
            return None
        except ProviderError as error:
            if not error.temporary or attempt == _CREATE_ATTEMPTS:
                raise
            clock.sleep(_retry_delay(error, attempt))
    raise AssertionError("unreachable")


def _look_for_new(
    provider: Provider,
    request: JobRequest,
    before: Sequence[JobStatus] | None,
    error: ProviderError,
    clock: Clock,
) -> JobStatus | None:
    """The job that a creation left behind although it ended in this ambiguous error."""
    if before is None:
        return None
    seen = {job.id for job in before}
    for seconds in LOOK_AGAIN_SECONDS:
        clock.sleep(seconds)
        try:
            jobs = _find_jobs(provider, request, clock)
        except ProviderError as unseen:
            raise _left_open(provider, request, error) from unseen
        for job in jobs or ():
            if job.id not in seen:
                return job
    return None


def _left_open(provider: Provider, request: JobRequest, error: ProviderError) -> ProviderError:
    return ProviderError(
        provider.name,
        f"{error.message}. It is open whether a job was created. Look among your jobs for one with metadata "
        f"langsmith_finetune={request.fingerprint[:32]}: if it is there, FineTuneJob.attach(its id, "
        "provider=...) returns to it; if it is not there after some minutes, call create again",
        ambiguous=True,
    )


def _retry_delay(error: ProviderError, attempt: int) -> float:
    """Seconds until the next try: what the provider asked for, within reason, or twice as long each time."""
    if error.retry_after_seconds is not None:
        return min(max(error.retry_after_seconds, 0.1), _LONGEST_RETRY_AFTER_SECONDS)
    return min(2.0 ** (attempt - 1), _LONGEST_RETRY_SECONDS)


def _sha256_of_folder(path: Path) -> str:
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


def _sha256_of_jsonl(path: Path) -> str:
    """Hash a file in constant memory, and see that its first line is a JSON object."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        first = file.readline()
        try:
            is_line = isinstance(json.loads(first), dict)
        except ValueError:
            is_line = False
        if not is_line:
            what = "is not a JSON object" if first.strip() else "is empty"
            raise InvalidExampleError(
                f"{path.name}:1", "", f"the line {what}", "Write the file with write_jsonl(examples, path)"
            )
        digest.update(first)
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
