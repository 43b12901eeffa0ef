"""`FakeProvider`: jobs that train nothing and cost nothing, in memory or in a folder."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, NOT_NEGATIVE, checked, made
from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.json_values import json_object
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.sending import Sending
from langsmith_finetune.providers.submission import check_names
from langsmith_finetune.providers.values import (
    ENDED,
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    ModelInfo,
    PreparedFile,
    Status,
)
from langsmith_finetune.targets.openai import OPENAI

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


class FakeParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=)` takes with a `FakeProvider`."""

    n_epochs: int
    """Changes nothing but the fingerprint."""


_OF_CHAT_MODELS = frozenset({"temperature", "max_tokens", "seed", "stop", "timeout", "max_retries", "top_p"})
"""Settings of any host's chat model, which change nothing about answers that are prepared."""


class FakeProvider(Provider):
    """Does what a provider does, but for the training. For tests of code that uses `FineTuneJob`.

    A job is queued, runs, and succeeds, by the clock alone: inside of `fake_clock()`, hours of training take no
    time. `fail` makes the next call fail; `calls` lists what was asked.

    Args:
        folder: Keep the jobs there, for several processes to share; by default in memory.
        queued_seconds: How long a job is queued.
        training_seconds: How long it runs then.
        steps: Training steps, with one event each.
        failure: If given, jobs fail with this reason in place of succeeding.
        responses: What the tuned model answers, one after another, over and over.

    Example:
        >>> provider = FakeProvider(responses=["9"])
        >>> provider.chat_model("tuned").invoke("45 / 5?").content
        '9'
    """

    name = "fake"
    rules = replace(OPENAI, name="fake", min_examples=1, max_bytes=None)
    methods = frozenset({"supervised", "dpo"})
    poll_seconds = 1.0
    trains_folders = True

    @checked(queued_seconds=NOT_NEGATIVE, training_seconds=NOT_NEGATIVE, steps=AT_LEAST_ONE)
    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        queued_seconds: float = 0.0,
        training_seconds: float = 0.0,
        steps: int = 3,
        failure: str | None = None,
        responses: Sequence[str] = ("a tuned answer",),
    ) -> None:
        self.folder = Path(folder) if folder is not None else None
        self.calls: list[str] = []
        self._home = f"memory of {uuid.uuid4()}"
        self._queued, self._training, self._steps = queued_seconds, training_seconds, steps
        self._failure, self._responses = failure, list(responses)
        self._memory: dict[str, dict[str, Any]] = {}
        self._faults: list[tuple[str, BaseException, bool]] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"FakeProvider({str(self.folder)!r})" if self.folder else "FakeProvider()"

    @property
    def home(self) -> str:
        """The folder, or what tells these jobs in memory from any others."""
        return str(self.folder.absolute()) if self.folder else self._home

    @checked(times=AT_LEAST_ONE)
    def fail(self, method: str, error: BaseException, *, after: bool = False, times: int = 1) -> None:
        """Let a method raise when it is next called.

        Args:
            method: Such as `"create_job"`.
            error: What it raises.
            after: Do the work first, as when only the answer is lost.
            times: How often.
        """
        self._faults += [(method, error, after)] * times

    def find_jobs(self, request: JobRequest) -> Sequence[JobInfo]:
        """The jobs of an equal request, newest first."""
        self.check_request(request)
        self._called("find_jobs")
        same = [job for job in self._jobs() if job["fingerprint"] == request.fingerprint]
        return [self._status(job) for job in reversed(same)]

    def check_request(self, request: JobRequest) -> None:
        """Refuse parameters that are unknown."""
        super().check_request(request)
        check_names(self.name, request.parameters, FakeParameters)

    def upload(
        self,
        file: PreparedFile,
        *,
        memory: MutableMapping[str, Any],  # noqa: ARG002
        on_progress: Callable[[int, int], None],
    ) -> FileInfo:
        """Pretend to send a file: read it, as a host would."""
        fault = self._called("upload")
        with Sending(self.name, file, on_progress) as sending:
            sending.read_over(0, sending.size)
        if fault is not None:
            raise fault
        return FileInfo(id=f"fake-file-{file.sha256[:12]}", name=file.path.name, size_bytes=file.size_bytes)

    def create_job(
        self,
        request: JobRequest,
        files: Sequence[FileInfo],  # noqa: ARG002
        *,
        attempt: int,  # noqa: ARG002
    ) -> JobInfo:
        """Note a job down."""
        self.check_request(request)
        fault = self._called("create_job")
        job = {
            "id": f"fake-{uuid.uuid4().hex[:12]}",
            "fingerprint": request.fingerprint,
            "model": request.model,
            "suffix": request.suffix,
            "created_at": clock().time(),
            "number": len(self._jobs()),
            "cancelled_at": None,
        }
        self._keep(job)
        if fault is not None:
            raise fault
        return self._status(job)

    def retrieve_job(self, job_id: str) -> JobInfo:
        """Where the job stands by now."""
        self._called("retrieve_job")
        return self._status(self._job(job_id))

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """One event for each step done by now, oldest first."""
        self._called("job_events")
        job = self._job(job_id)
        done = self._steps_done(job)
        events = [
            JobEvent(
                id=f"{job_id}-{step}",
                created_at=_when(job["created_at"] + self._queued + self._training * step / self._steps),
                level="info",
                message=f"step {step}/{self._steps}",
                step=step,
                total_steps=self._steps,
                metrics={"train_loss": 1 / step},
            )
            for step in range(1, done + 1)
        ]
        return events if newest is None else events[max(len(events) - newest, 0) :]

    def cancel_job(self, job_id: str) -> JobInfo:
        """End a job now, unless it has ended."""
        self._called("cancel_job")
        job = self._job(job_id)
        if self._status(job).status not in ENDED:
            job["cancelled_at"] = clock().time()
            self._keep(job)
        return self._status(job)

    def delete_job(self, job_id: str) -> None:
        """Forget a job."""
        self._called("delete_job")
        self._job(job_id)
        self._memory.pop(job_id, None)
        if self.folder is not None:
            (self.folder / f"{job_id}.json").unlink(missing_ok=True)

    def list_models(self) -> Sequence[ModelInfo]:
        """The models of the jobs that succeeded, newest first."""
        done = [status for job in reversed(self._jobs()) if (status := self._status(job)).fine_tuned_model]
        return [
            ModelInfo(
                id=str(job.fine_tuned_model), base_model=job.model, job_id=job.id, created_at=job.created_at
            )
            for job in done
        ]

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:  # noqa: ARG002
        """A chat model that gives the prepared answers."""
        from langchain_core.language_models import FakeListChatModel  # noqa: PLC0415

        given = {name: value for name, value in kwargs.items() if name not in _OF_CHAT_MODELS}
        return made(FakeListChatModel, "chat_model()", {"responses": self._responses}, given)

    def _called(self, method: str) -> BaseException | None:
        """Note the call down; raise what was asked for, or return it where the work comes first."""
        with self._lock:
            self.calls.append(method)
            fault = next((fault for fault in self._faults if fault[0] == method), None)
            if fault is not None:
                self._faults.remove(fault)
        if fault is not None and not fault[2]:
            raise fault[1]
        return None if fault is None else fault[1]

    def _status(self, job: dict[str, Any]) -> JobInfo:
        age = clock().time() - job["created_at"]
        status: Status = "queued" if age < self._queued else "running"
        finished = None
        if job["cancelled_at"] is not None:
            status, finished = "cancelled", job["cancelled_at"]
        elif age >= self._queued + self._training:
            finished = job["created_at"] + self._queued + self._training
            status = "failed" if self._failure else "succeeded"
        suffix = f"-{job['suffix']}" if job["suffix"] else ""
        done = self._steps_done(job)
        return JobInfo(
            id=job["id"],
            status=status,
            provider_status=status,
            model=job["model"],
            fine_tuned_model=f"{job['model']}-tuned{suffix}-{job['id']}" if status == "succeeded" else None,
            error=self._failure if status == "failed" else None,
            created_at=_when(job["created_at"]),
            finished_at=None if finished is None else _when(finished),
            step=done or None,
            total_steps=self._steps if done else None,
            metrics={"train_loss": 1 / done} if done else {},
        )

    def _steps_done(self, job: dict[str, Any]) -> int:
        until = clock().time() if job["cancelled_at"] is None else job["cancelled_at"]
        trained = until - job["created_at"] - self._queued
        if trained < 0 or self._steps <= 0:
            return 0
        return self._steps if trained >= self._training else int(self._steps * trained / self._training)

    def _job(self, job_id: str) -> dict[str, Any]:
        job = next((job for job in self._jobs() if job["id"] == job_id), None)
        if job is None:
            raise ProviderError(self.name, f"there is no job {job_id!r}")
        return job

    def _jobs(self) -> list[dict[str, Any]]:
        if self.folder is None:
            return list(self._memory.values())
        found = []
        for path in self.folder.glob("fake-*.json"):
            try:
                job = json_object(path.read_bytes())
            except ValueError as error:
                raise ProviderError(self.name, f"{path} {error}; remove it") from None
            if not job.keys() >= {
                "id",
                "fingerprint",
                "model",
                "suffix",
                "created_at",
                "number",
                "cancelled_at",
            }:
                raise ProviderError(self.name, f"{path} is not a job of this provider; remove it")
            found.append(job)
        return sorted(found, key=lambda job: (job["created_at"], job["number"]))

    def _keep(self, job: dict[str, Any]) -> None:
        if self.folder is None:
            self._memory[job["id"]] = job
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.folder / f"{job['id']}.json") as file:
            file.write(json.dumps(job).encode())


def _when(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
