"""`LocalProvider`: jobs that are folders on this machine."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, checked, made
from langsmith_finetune._foundation.json_values import count_from, numbers_from, time_from
from langsmith_finetune._foundation.scratch import scratch_folder
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.local.answers import read_or_reason, status_of
from langsmith_finetune.providers.local.extra import require_local_extra
from langsmith_finetune.providers.local.model_folder import check_model_folder
from langsmith_finetune.providers.local.parameters import check_parameters
from langsmith_finetune.providers.local.preparing import check_by_template, prepare
from langsmith_finetune.providers.local.process import is_alive, record_process, start_training, stop
from langsmith_finetune.providers.local.run_folder import (
    RunFolder,
    now,
    private_open,
    read_json,
    write_json,
)
from langsmith_finetune.providers.values import ENDED, FileInfo, JobEvent, JobInfo, JobRequest, Method
from langsmith_finetune.targets.local import LOCAL

if TYPE_CHECKING:
    from langsmith_finetune.providers.local.chat import LocalChatModel
    from langsmith_finetune.providers.local.inspection import Audit

_JOB_ID = re.compile(r"ft-[0-9a-f]{16}-[1-9][0-9]{0,5}")
_ON_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[\w.-]{1,96})?")
_SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class LocalProvider(Provider):
    """Trains on this machine, in a process that goes on when the notebook's kernel ends.

    A job is a folder of `runs_dir` that holds everything about it, the training data too; its files can be
    read by their owner only. Delete the folder, and nothing is left of the job. The same `create`, or `job.resume()`,
    lets a killed job go on from its last checkpoint. Settings are in `LocalParameters`.

    Args:
        runs_dir: Where the jobs' folders go. Made if needed, with a `.gitignore` that keeps them all out.
        processes: Processes that train together, one for each GPU, started by torchrun. Each has a batch of its own.
            One process sees one GPU alone.

    Raises:
        ImportError: The extra `local` is not installed.

    Example:
        >>> from langsmith_finetune import FineTuneJob
        >>> from langsmith_finetune.providers.local import LocalProvider
        >>> provider = LocalProvider(runs_dir="finetune-runs")
        >>> job = FineTuneJob.create(
        ...     "train.jsonl", model="Qwen/Qwen3-0.6B", provider=provider, parameters={"lora": True}
        ... )  # doctest: +SKIP
    """

    name = "local"
    methods = frozenset({"supervised", "dpo", "kto"})
    rules = LOCAL
    poll_seconds = 0.5  # a look costs one small file
    costs_money = False
    trains_folders = True
    names_jobs = True
    reads_lines_itself = True
    result = "folder"

    @checked(processes=AT_LEAST_ONE)
    def __init__(self, runs_dir: str | Path = "finetune-runs", *, processes: int = 1) -> None:
        require_local_extra()
        self.runs_dir = Path(runs_dir).absolute()
        self.processes = processes

    @property
    def home(self) -> str:
        """The folder of its jobs."""
        return str(self.runs_dir)

    def __repr__(self) -> str:
        return f"LocalProvider(runs_dir={str(self.runs_dir)!r})"

    def find_jobs(self, request: JobRequest) -> Sequence[JobInfo]:
        """The jobs of an equal request in `runs_dir`, newest first."""
        attempts = self._attempts(request)
        return [status_of(attempts[number]) for number in sorted(attempts, reverse=True)]

    def check_request(self, request: JobRequest) -> None:
        """Refuse what cannot be trained here, and settings of the wrong kind."""
        super().check_request(request)
        check_parameters(request.parameters, method=request.method)
        if "early_stopping" in request.parameters and request.validation_file is None:
            raise ValueError("parameters['early_stopping'] needs a validation_file to look at")
        check_model_folder(self._model(request.model))
        if request.suffix is not None and not _SUFFIX.fullmatch(request.suffix):
            raise ValueError(
                f"suffix must be letters, digits, '.', '_', '-', at most 64, got {request.suffix!r}"
            )

    def line_check(self, request: JobRequest) -> Callable[[Mapping[str, Any], str], object]:
        """Whether the model's chat template shows the lines of a request whole. Loads its tokenizer alone.

        Raises:
            ProviderError: The model has no chat template, or its folder no tokenizer.
        """
        return check_by_template(request, self._model(request.model))

    @checked()
    def check(
        self, file: str | Path, model: str | Path, *, method: Method = "supervised", **parameters: Any
    ) -> Audit:
        """What a training on a file would come to, and which lines it would refuse. Starts nothing.

        Args:
            file: A JSONL file of lines.
            model: The model to start from.
            method: How to train.
            **parameters: Settings as in `parameters=`, such as `max_length` and `chat_template_kwargs`.

        Raises:
            InvalidExampleError: The file is empty, or a line is not JSON.
            ProviderError: The model has no chat template, or its tokenizer cannot be had.
            ValueError: A setting is unknown or not of its kind.
        """
        from langsmith_finetune.providers.local.inspection import audit

        check_parameters(parameters, method=method)
        return audit(
            file,
            model=self._model(str(model)),
            method=method,
            max_length=parameters.get("max_length"),
            chat_template_kwargs=parameters.get("chat_template_kwargs"),
        )

    def create_job(
        self,
        request: JobRequest,
        files: Sequence[FileInfo],  # noqa: ARG002 - they are copied from where they are
        *,
        attempt: int,
    ) -> JobInfo:
        """Make a run folder and start to train.

        Of two notebooks that ask for the same attempt, one makes the folder, and the other gets the job that the
        first one made.

        Raises:
            InvalidExampleError: A line of a file cannot be trained on here; names the line.
            NotSupportedError: Another method than `supervised`, `dpo` and `kto`.
            ProviderError: There is no such model folder, or a file changed while it was copied.
            ValueError: A parameter is unknown or not of its kind.
        """
        self.check_request(request)
        model = self._model(request.model)

        self._make_runs_dir()
        run = self.runs_dir / f"ft-{request.fingerprint[:16]}-{attempt}"
        with scratch_folder(".new-", self.runs_dir) as staging:
            self._fill(RunFolder(staging), request, model)
            try:
                staging.rename(run)  # whole, or not at all, and only one of two
            except OSError:
                if attempt not in self._attempts(request):
                    raise
                return status_of(RunFolder(run))
        return self._started(RunFolder(run))

    def retrieve_job(self, job_id: str) -> JobInfo:
        """Where the job stands. A job whose process died without a word has failed.

        Raises:
            ProviderError: There is no such job in `runs_dir`.
        """
        return status_of(self._run(job_id))

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What the training process reported, oldest first.

        Raises:
            ProviderError: There is no such job in `runs_dir`.
        """
        events = [
            JobEvent(
                id=f"{job_id}-event-{number}",
                created_at=when,
                level=level if (level := event.get("level")) in ("warning", "error") else "info",
                message=str(event.get("message") or ""),
                step=count_from(event.get("step")),
                total_steps=count_from(event.get("total_steps")),
                metrics=numbers_from(event.get("metrics")),
            )
            for number, event in enumerate(self._run(job_id).events(), start=1)
            if (when := time_from(event.get("created_at"))) is not None
        ]
        return events if newest is None else events[max(len(events) - newest, 0) :]

    def cancel_job(self, job_id: str) -> JobInfo:
        """Stop the training process. A job that has ended stays as it is.

        Raises:
            ProviderError: There is no such job in `runs_dir`.
        """
        run = self._run(job_id)
        if status_of(run).status not in ENDED:
            private_open(run.cancelled_file, "w").close()
            stop(run)
        return status_of(run)

    def resume_job(self, job_id: str) -> JobInfo:
        """Let a job that was killed go on from its last checkpoint. One that is at work stays as it is.

        Raises:
            ProviderError: There is no such job in `runs_dir`, or it has come to its end.
        """
        run = self._run(job_id)
        found = status_of(run)
        if found.status not in ENDED:
            return found
        if not found.resumable:
            raise ProviderError(
                self.name, f"job {job_id} has ended ({found.status}), so there is nothing to go on with"
            )
        try:
            run.process_file.unlink()  # whole, or not at all, and only one of two
        except FileNotFoundError:
            if run.status_file.exists() and is_alive(run):
                return status_of(run)
        record_process(run, os.getpid(), starting=True)
        return self._started(run)

    def chat_model(self, model_id: str, **kwargs: Any) -> LocalChatModel:
        """A chat model that answers in this process.

        Args:
            model_id: A model folder, or a name on the Hugging Face Hub.
            **kwargs: Settings of `LocalChatModel`, such as `temperature=0`.
        """
        from langsmith_finetune.providers.local.chat import LocalChatModel

        return made(LocalChatModel, "chat_model()", {"model": model_id}, kwargs)

    def _started(self, run: RunFolder) -> JobInfo:
        try:
            start_training(
                run, processes=count_from((read_json(run.request_file) or {}).get("processes")) or 1
            )
        except OSError as error:
            message = f"the training process could not be started: {error.strerror}"
            run.write_status("failed", "not started", error=message, finished_at=now())
            raise ProviderError(self.name, message) from error
        return status_of(run)

    def _model(self, model: str) -> str:
        """The model as the training process can find it, wherever that runs."""
        if Path(model).is_dir():
            return str(Path(model).absolute())
        if not _ON_THE_HUB.fullmatch(model):
            raise ProviderError(
                self.name,
                f"there is no model folder {model!r}. Give a folder, or a name on the Hugging Face Hub",
            )
        return model

    def _make_runs_dir(self) -> None:
        if not self.runs_dir.is_dir():
            self.runs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with private_open(self.runs_dir / ".gitignore", "w") as file:
                file.write("# Training data and models: not for version control.\n*\n")

    def _fill(self, run: RunFolder, request: JobRequest, model: str) -> None:
        """Everything a run folder holds before its process starts."""
        copies = (run.training_file, run.validation_file)
        for (source, sha256), copy in zip(request.files, copies, strict=False):
            if _copy(source, copy) != sha256:
                raise ProviderError(
                    self.name, f"{source.name} changed while the job was created. Create it again"
                )
        wanted = {
            "fingerprint": request.fingerprint,
            "created_at": now(),
            "model": request.model,
            "model_path": model,
            "model_sha256": request.model_sha256,
            "method": request.method,
            "parameters": dict(request.parameters),
            "training_name": request.training_file.name,
            "training_sha256": request.training_sha256,
            "validation_name": request.validation_file.name if request.validation_file else None,
            "validation_sha256": request.validation_sha256,
            "suffix": request.suffix,
            "seed": request.seed,
            "processes": self.processes,
        }
        write_json(run.request_file, wanted)
        prepare(run, wanted)  # every line is read before anything is started, so that a bad one is known now
        run.write_status("validating", "starting")
        record_process(run, os.getpid(), starting=True)

    def _attempts(self, request: JobRequest) -> dict[int, RunFolder]:
        """The runs of an equal request, by their number. One that cannot be read is known by its name alone."""
        runs = {}
        for path in self.runs_dir.glob(f"ft-{request.fingerprint[:16]}-*"):
            if not _JOB_ID.fullmatch(path.name) or not path.is_dir():
                continue
            run = RunFolder(path)
            fingerprint = read_or_reason(run.request_file)[0].get("fingerprint")
            if not isinstance(fingerprint, str) or fingerprint == request.fingerprint:
                runs[int(path.name.rsplit("-", 1)[1])] = run
        return runs

    def _run(self, job_id: str) -> RunFolder:
        run = RunFolder(self.runs_dir / job_id) if _JOB_ID.fullmatch(job_id) else None
        if run is None or not run.path.is_dir():
            raise ProviderError(self.name, f"there is no job {job_id!r} in {self.runs_dir}")
        return run


def _copy(source: Path, copy: Path) -> str:
    """Copy a file, and return the SHA-256 of the bytes that were copied."""
    digest = hashlib.sha256()
    with source.open("rb") as original, private_open(copy, "wb") as file:
        while block := original.read(1 << 20):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()
