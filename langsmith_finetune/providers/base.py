"""What a provider is, and the values that pass between it and a `FineTuneJob`."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langsmith_finetune._foundation.masking import host_words
from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.values import numbers_from

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from langsmith_finetune.cost.tokens import TokenCount
    from langsmith_finetune.targets.report import CheckReport
    from langsmith_finetune.targets.rules import TargetRules

Method: TypeAlias = Literal["supervised", "dpo", "reinforcement"]
"""How to train: on answers, on a better and a worse answer each, or against a grader."""

Status: TypeAlias = Literal[
    "validating",
    "queued",
    "running",
    "paused",
    "cancelling",
    "succeeded",
    "failed",
    "cancelled",
    "unknown",
]
"""Where a job stands. `unknown` is a word of the provider's that we do not know: not an end."""

ENDED: frozenset[Status] = frozenset({"succeeded", "failed", "cancelled"})
"""The statuses after which nothing more happens."""

_LONGEST_WORDS = 2_000

LOOK_AGAIN_SECONDS = (1.0, 3.0, 9.0)
"""After an ambiguous answer a host is asked this long for what it may have made, before anything is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """Everything that decides what a job trains, and so what it costs.

    Args:
        training_file: A JSONL file of training lines.
        training_sha256: The SHA-256 of its bytes, in hexadecimal.
        model: The model to start from, by the provider's name for it or as a path.
        model_sha256: Where that is a folder here, a SHA-256 that tells its content.
        method: How to train.
        parameters: The provider's own settings, such as `{"n_epochs": 3}`.
        validation_file: Lines to measure on while training, if any.
        validation_sha256: The SHA-256 of its bytes.
        suffix: Goes into the tuned model's name, where the provider allows it.
        seed: For the provider's random choices, where it takes one.
    """

    training_file: Path
    training_sha256: str
    model: str
    model_sha256: str | None = None
    method: Method = "supervised"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    validation_file: Path | None = None
    validation_sha256: str | None = None
    suffix: str | None = None
    seed: int | None = None

    @property
    def files(self) -> Sequence[tuple[Path, str]]:
        """Path and SHA-256 of the training file, and of the validation file if there is one."""
        training = (self.training_file, self.training_sha256)
        if self.validation_file is None or self.validation_sha256 is None:
            return (training,)
        return training, (self.validation_file, self.validation_sha256)

    @property
    def fingerprint(self) -> str:
        """A SHA-256 over the hashes of data and model and the settings, not over paths: equal requests train the same."""
        parts = {
            "training": self.training_sha256,
            "validation": self.validation_sha256,
            "model": self.model_sha256 or self.model,
            "method": self.method,
            "parameters": dict(self.parameters),
            "suffix": self.suffix,
            "seed": self.seed,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """A job as the provider showed it at one moment.

    Args:
        id: The provider's id of the job.
        status: One of our nine words, the same for every provider.
        provider_status: The provider's own word, untouched.
        model: The model that is being tuned.
        fine_tuned_model: The tuned model's name or path, once there is one.
        error: The provider's reason for a failure, without keys and without what it quotes from the data.
        created_at: When the job was created.
        finished_at: When it ended.
        estimated_finish: When the provider expects it to end.
        trained_tokens: Tokens billed as trained, once known.
        cost_usd: What the provider says it costs so far, in US dollars.
        step: The training step last reported, from 1.
        total_steps: How many steps there will be.
        metrics: The numbers last reported, such as `{"train_loss": 0.41}`. NaN and infinities are left out.
        attempt: Which of the jobs of its fingerprint it is, from 1, where the provider numbers them.
    """

    id: str
    status: Status
    provider_status: str
    model: str
    fine_tuned_model: str | None = None
    error: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    estimated_finish: datetime | None = None
    trained_tokens: int | None = None
    cost_usd: float | None = None
    step: int | None = None
    total_steps: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    attempt: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", numbers_from(self.metrics))
        if self.error is not None:
            object.__setattr__(self, "error", host_words(self.error, longest=_LONGEST_WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One thing that a provider told about a job.

    Args:
        id: The event's id, unique within the job.
        created_at: When it happened.
        level: How grave it is.
        message: The provider's words, without keys and without what it quotes from the data.
        step: The training step it is about, from 1.
        total_steps: How many steps there will be, where the provider says so.
        metrics: The numbers it carries, such as `{"train_loss": 0.41}`.
    """

    id: str
    created_at: datetime
    level: Literal["info", "warning", "error"]
    message: str
    step: int | None = None
    total_steps: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", numbers_from(self.metrics))
        object.__setattr__(self, "message", host_words(self.message, longest=_LONGEST_WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A model as it was at some step of its training.

    Args:
        id: The provider's id of the checkpoint.
        step: The training step, from 1; None where the provider does not say.
        created_at: When it was made.
        model: The name to call it by, or its folder; None where it cannot be called as it is.
        metrics: The numbers it had then, such as `{"valid_loss": 0.41}`.
    """

    id: str
    step: int | None = None
    created_at: datetime | None = None
    model: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", numbers_from(self.metrics))


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """A deployment as the provider showed it at one moment. While it lives, it may cost money.

    Args:
        id: The provider's id of the deployment.
        model_id: The tuned model that it serves.
        status: One of five words, the same for every provider; `unknown` is a word that we do not know.
        provider_status: The provider's own word, untouched.
        serves_as: The name to call the model by; None where that is the model's own id.
        usd_per_hour: What it costs while it lives, in US dollars; None where that is not known.
        error: The provider's reason for a failure, without keys and without what it quotes from the data.
    """

    id: str
    model_id: str
    status: Literal["creating", "ready", "stopped", "failed", "unknown"]
    provider_status: str
    serves_as: str | None = None
    usd_per_hour: float | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if self.error is not None:
            object.__setattr__(self, "error", host_words(self.error, longest=_LONGEST_WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedModel:
    """A tuned model that the provider keeps.

    Args:
        id: Its name at the provider, or its folder.
        base_model: The model it was tuned from.
        job_id: The job that made it.
        created_at: When it was made.
    """

    id: str
    base_model: str
    job_id: str | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """A file that this library uploaded.

    Args:
        id: The provider's id of the file.
        name: Its name there, made of its hash.
        size_bytes: Its size, in bytes.
        created_at: When it was uploaded.
    """

    id: str
    name: str
    size_bytes: int | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFile:
    """A file of lines as a provider reads it, ready to be sent.

    Args:
        path: The file as the caller gave it; errors name it.
        sha256: The SHA-256 of its bytes, in hexadecimal. Uploads are named after it.
        content: What is sent: the file itself, or a private copy in the provider's form.
        content_sha256: The SHA-256 of what is sent.
        size_bytes: The size of what is sent.
        lines: How many examples it holds; None where nobody has counted.
        check: What the provider's rules say of it; None where it was not checked.
        tokens: Its tokens, one epoch; None where they were not counted.
        tokens_unknown: Why they could not be counted.
    """

    path: Path
    sha256: str
    content: Path
    content_sha256: str
    size_bytes: int
    lines: int | None = None
    check: CheckReport | None = None
    tokens: TokenCount | None = None
    tokens_unknown: str | None = None


class Provider(ABC):
    """Somebody who trains models: a base class to inherit. Nothing is registered.

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
        converts_files: Lines are written in the form that `rules` gives them before they are sent. Where False, the
            file is sent as it is.
        longest_suffix: Characters that a suffix may have; 0 where there is none.
        poll_seconds: Seconds between two looks at a job, at first.
        finds_jobs: Earlier jobs can be looked up, so that nothing is paid twice. Where False, only the local
            journal knows them.
        costs_money: The provider charges for training.
        trains_folders: A model may be a folder of this machine. Where False, a folder that happens to have the model's
            name means nothing.
        names_jobs: The provider chooses the ids of its jobs by `attempt`, so that asking twice creates one.
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

    def check_line(self, line: Mapping[str, Any], where: str) -> None:  # noqa: B027 - most take what their rules take
        """Refuse a line that cannot be trained on, beyond what `rules` say. Called before anything is sent.

        Args:
            line: The line.
            where: What to call it in errors: `"train.jsonl:17"`.

        Raises:
            InvalidExampleError: It cannot be trained on.
        """

    # --- jobs ------------------------------------------------------------------------------------------

    @abstractmethod
    def find_jobs(self, request: JobRequest) -> Sequence[JobStatus]:
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
    ) -> UploadedFile:
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
        return UploadedFile(id=str(file.path), name=file.path.name, size_bytes=file.size_bytes)

    @abstractmethod
    def create_job(self, request: JobRequest, files: Sequence[UploadedFile], *, attempt: int) -> JobStatus:
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
    def retrieve_job(self, job_id: str) -> JobStatus:
        """Where the job stands now."""

    @abstractmethod
    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What happened, oldest first; only the last `newest` of them if that is given."""

    @abstractmethod
    def cancel_job(self, job_id: str) -> JobStatus:
        """Ask for the job to be stopped, and return where it stands then."""

    def pause_job(self, job_id: str) -> JobStatus:  # noqa: ARG002
        """Stop a job for a while, keep what it has learned, and return where it stands then."""
        raise self._lacks("pausing a job")

    def resume_job(self, job_id: str) -> JobStatus:  # noqa: ARG002
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

    def deploy(self, model_id: str, **settings: Any) -> DeploymentStatus:  # noqa: ARG002
        """Begin to serve a tuned model. An error that is `ambiguous` may have begun it."""
        raise self._lacks("deploying a model")

    def list_deployments(self, model_id: str | None = None) -> Sequence[DeploymentStatus]:  # noqa: ARG002
        """The deployments of a tuned model, or of all, newest first."""
        raise self._lacks("listing deployments")

    def retrieve_deployment(self, deployment_id: str) -> DeploymentStatus:  # noqa: ARG002
        """Where a deployment stands now."""
        raise self._lacks("looking at a deployment")

    def delete_deployment(self, deployment_id: str) -> None:  # noqa: ARG002
        """End a deployment and what it costs."""
        raise self._lacks("deleting a deployment")

    def download(self, model_id: str, path: Path) -> Path:  # noqa: ARG002
        """Fetch a tuned model's weights into a folder, and return it."""
        raise self._lacks("downloading weights")

    def list_models(self) -> Sequence[TunedModel]:
        """The tuned models that this library's jobs made, newest first."""
        raise self._lacks("listing tuned models")

    def delete_model(self, model_id: str) -> None:  # noqa: ARG002
        """Remove a tuned model for good."""
        raise self._lacks("deleting a model")

    # --- files -----------------------------------------------------------------------------------------

    def list_files(self) -> Sequence[UploadedFile]:
        """The files that this library uploaded, newest first."""
        raise self._lacks("listing uploaded files")

    def delete_file(self, file_id: str) -> None:  # noqa: ARG002
        """Remove an uploaded file."""
        raise self._lacks("deleting an uploaded file")

    def _lacks(self, what: str) -> NotSupportedError:
        return NotSupportedError(self.name, what)
