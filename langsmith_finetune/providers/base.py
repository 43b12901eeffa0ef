"""`Provider`, the class that every provider inherits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.values import (
    Checkpoint,
    DeploymentInfo,
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    Method,
    ModelInfo,
    PreparedFile,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from langsmith_finetune.targets.rules import TargetRules


class Provider(ABC):
    """A service that trains models: the class that every provider inherits. Nothing is registered.

    Each method makes its requests once and raises `ProviderError` when they fail, saying whether the failure is
    `temporary` and whether it is `ambiguous`. Waiting, retrying and looking before paying are done in one place,
    by `FineTuneJob`. No method relies on what an earlier call left in the object: what one finds and another
    needs is returned, and passed on.

    The abstract methods every provider has. The others raise `NotSupportedError` until they are overridden.

    Deploying costs money, so `FineTunedModel.deploy` calls `list_deployments` before it calls `deploy`, and after
    an `ambiguous` error; and it reports `deployment_usd_per_hour` first.

    Attributes:
        name: A short name in lower case for error texts and journals: `"openai"`.
        rules: The lines and files that it takes; `check(path, provider.rules)` applies them.
        methods: How it trains.
        converts_files: Lines are written in the form that `rules` gives them before they are sent, and split where those
            say that the host has no weights. Where False, the file is sent as it is.
        longest_suffix: Characters that a suffix may have; 0 where there is none.
        poll_seconds: Seconds between two looks at a job, at first.
        finds_jobs: Earlier jobs can be looked up, so that nothing is paid twice. Where False, only the local
            journal knows them.
        costs_money: The provider charges for training.
        trains_folders: A model may be a folder of this machine. Where False, a folder that happens to have the model's
            name means nothing.
        names_jobs: The provider chooses the ids of its jobs by `attempt`, so that asking twice creates one.
        reads_lines_itself: `create_job` applies `line_check` before anything is started; only a plan needs it besides.
        result: What a job that succeeded leaves: a model that is served already (`"served"`), one that can be
            called once it is deployed (`"deployable"`), or a folder on this machine (`"folder"`).
    """

    name: str
    rules: TargetRules
    methods: frozenset[Method] = frozenset({"supervised"})
    converts_files: bool = False
    longest_suffix: int = 64
    poll_seconds: float = 10.0
    finds_jobs: bool = True
    costs_money: bool = True
    trains_folders: bool = False
    names_jobs: bool = False
    reads_lines_itself: bool = False
    result: Literal["served", "deployable", "folder"] = "served"

    @property
    def home(self) -> str:
        """Where its jobs live, an address or a folder, without any key: the journal keeps apart what differs."""
        return ""

    def check_request(self, request: JobRequest) -> None:
        """Refuse what this provider cannot do. Sends nothing; extend it for settings that only you know.

        Raises:
            NotSupportedError: It does not train by this method.
            ValueError: The suffix is too long, or a file too large.
        """
        if request.method not in self.methods:
            known = ", ".join(sorted(self.methods))
            raise NotSupportedError(self.name, f"method={request.method!r}; it trains {known}")
        if request.suffix is not None and len(request.suffix) > self.longest_suffix:
            raise ValueError(
                f"{self.name}: suffix has {len(request.suffix)} characters, but may have {self.longest_suffix}; "
                "shorten it"
            )
        limit = self.rules.max_bytes
        for path, _ in request.files if limit is not None else ():
            size = path.stat().st_size
            if limit is not None and size > limit:
                raise ValueError(
                    f"{self.name}: {path.name} has {size:,} bytes, but may have {limit:,}; train on fewer lines"
                )

    def line_check(self, request: JobRequest) -> Callable[[Mapping[str, Any], str], object] | None:  # noqa: ARG002
        """A check of lines beyond what `rules` say, called with each line and its place, `"train.jsonl:17"`.

        It raises `InvalidExampleError` for a line that cannot be trained on, before anything is sent.

        Args:
            request: What would be trained.

        Returns:
            The check; None where the rules say it all.
        """
        return None

    # --- jobs ------------------------------------------------------------------------------------------

    @abstractmethod
    def find_jobs(self, request: JobRequest) -> Sequence[JobInfo]:
        """The jobs created from a request with the same fingerprint, newest first.

        A job that shows something else than was asked for is not one of them.

        Raises:
            NotSupportedError: This provider cannot look jobs up.
            ProviderError: Its list cannot be read whole: a job that is not found is created, and paid for, again.
        """

    def upload(
        self,
        file: PreparedFile,
        *,
        memory: MutableMapping[str, Any],  # noqa: ARG002
        on_progress: Callable[[int, int], None],  # noqa: ARG002
    ) -> FileInfo:
        """Send a file unless it is there already, and wait until it is accepted. Costs nothing, may be repeated.

        By default nothing is sent: for a provider that reads the file in `create_job`.

        Args:
            file: The file.
            memory: JSON values that outlive the process, such as the id of an upload, for this provider at this
                address. No key and no content belongs in it.
            on_progress: Called with the bytes sent so far, and with all of them.

        Raises:
            InvalidExampleError: A line is refused; names it.
            ProviderError: The file is refused, or the provider cannot be reached.
        """
        return FileInfo(id=str(file.path), name=file.path.name, size_bytes=file.size_bytes)

    @abstractmethod
    def create_job(self, request: JobRequest, files: Sequence[FileInfo], *, attempt: int) -> JobInfo:
        """Start a job. An error that is `ambiguous` may have started it.

        Args:
            request: What to train.
            files: What `upload` returned for the training file and, if there is one, the validation file.
            attempt: The number of this job among those of its fingerprint, from 1. Of two callers who ask for the
                same number, a provider that chooses the ids of its jobs gives the second one the job of the first.
        """

    def preview(self, request: JobRequest) -> Mapping[str, Any]:
        """The body that `create_job` will send, with names in place of ids that are not known yet."""
        parts: dict[str, Any] = {
            "model": request.model,
            "method": request.method,
            "parameters": dict(request.parameters),
            "training_file": request.training_file.name,
            "validation_file": request.validation_file.name if request.validation_file else None,
            "suffix": request.suffix,
            "seed": request.seed,
        }
        return {name: value for name, value in parts.items() if value not in (None, {})}

    @abstractmethod
    def retrieve_job(self, job_id: str) -> JobInfo:
        """Where the job stands now."""

    @abstractmethod
    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What happened, oldest first; only the last `newest` of them if that is given."""

    @abstractmethod
    def cancel_job(self, job_id: str) -> JobInfo:
        """Ask for the job to be stopped, and return where it stands then."""

    def pause_job(self, job_id: str) -> JobInfo:  # noqa: ARG002
        """Stop a job for a while, keep what it has learned, and return where it stands then."""
        raise self._lacks("pausing a job")

    def resume_job(self, job_id: str) -> JobInfo:  # noqa: ARG002
        """Let a paused job go on, and return where it stands then."""
        raise self._lacks("resuming a job")

    def delete_job(self, job_id: str) -> None:  # noqa: ARG002
        """Remove a job that has ended from the provider's list."""
        raise self._lacks("deleting a job")

    def checkpoints(self, job_id: str) -> Sequence[Checkpoint]:  # noqa: ARG002
        """The checkpoints that can still be had, oldest first."""
        raise self._lacks("checkpoints")

    def result_files(self, job_id: str) -> Iterator[tuple[str, Iterator[bytes]]]:  # noqa: ARG002
        """The files of measurements that a job left: name and content in blocks."""
        raise self._lacks("result files")

    # --- models ----------------------------------------------------------------------------------------

    @abstractmethod
    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """The LangChain chat model that calls a tuned model. `kwargs` go to its class."""

    def deployment_usd_per_hour(self, model_id: str, **settings: Any) -> float | None:  # noqa: ARG002
        """What a deployment with these settings costs while it lives, in US dollars, where it is known."""
        return None

    def deploy(self, model_id: str, **settings: Any) -> DeploymentInfo:  # noqa: ARG002
        """Begin to serve a tuned model. An error that is `ambiguous` may have begun it."""
        raise self._lacks("deploying a model")

    def list_deployments(self, model_id: str | None = None) -> Sequence[DeploymentInfo]:  # noqa: ARG002
        """The deployments of a tuned model, or of all, newest first."""
        raise self._lacks("listing deployments")

    def retrieve_deployment(self, deployment_id: str) -> DeploymentInfo:  # noqa: ARG002
        """Where a deployment stands now."""
        raise self._lacks("looking at a deployment")

    def delete_deployment(self, deployment_id: str) -> None:  # noqa: ARG002
        """End a deployment and what it costs."""
        raise self._lacks("deleting a deployment")

    def download(self, model_id: str, path: Path) -> Path:  # noqa: ARG002
        """Fetch a tuned model's weights into a folder, and return it."""
        raise self._lacks("downloading weights")

    def list_models(self) -> Sequence[ModelInfo]:
        """The tuned models that this library's jobs made, newest first."""
        raise self._lacks("listing tuned models")

    def delete_model(self, model_id: str) -> None:  # noqa: ARG002
        """Remove a tuned model for good."""
        raise self._lacks("deleting a model")

    # --- files -----------------------------------------------------------------------------------------

    def list_files(self) -> Sequence[FileInfo]:
        """The files that this library uploaded, newest first."""
        raise self._lacks("listing uploaded files")

    def delete_file(self, file_id: str) -> None:  # noqa: ARG002
        """Remove an uploaded file."""
        raise self._lacks("deleting an uploaded file")

    def _lacks(self, what: str) -> NotSupportedError:
        return NotSupportedError(self.name, what)
