"""What a provider is, and the values that pass between it and a `FineTuneJob`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers.masking import host_words

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

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
class Capabilities:
    """What a provider can do, known without asking it.

    Args:
        target: The name of its rules and file format: `check(path, target)`, `to_target(line, target)`.
        methods: How it trains.
        trains_tools: Lines may have tools.
        trains_weights: Messages may have `weight: 0`.
        min_examples: Lines that a training file must have.
        max_file_bytes: The largest training file, in bytes; None where there is no limit.
        longest_suffix: Characters that a suffix may have; 0 where there is none.
        finds_jobs: Earlier jobs can be looked up, so that nothing is paid twice. Where not, the local journal
            alone knows of them.
        pauses: Jobs can be paused and resumed.
        deletes_jobs: Jobs can be deleted.
        result: What a job that succeeded leaves: a model that is served already (`"served"`), one that is
            called once it is deployed (`"deployable"`), or a folder on this machine (`"folder"`).
        costs_money: Somebody sends a bill for it.
    """

    target: str
    methods: frozenset[Method] = frozenset({"supervised"})
    trains_tools: bool = True
    trains_weights: bool = True
    min_examples: int = 1
    max_file_bytes: int | None = None
    longest_suffix: int = 64
    finds_jobs: bool = True
    pauses: bool = False
    deletes_jobs: bool = False
    result: Literal["served", "deployable", "folder"] = "served"
    costs_money: bool = True


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
        memory: What a provider wants to find again after a restart, such as the id of an upload: JSON values by
            name. Kept in the journal, for this provider at this address; no keys and no content belong in it.
        on_upload: To be called with the bytes of a file sent so far, and with all of them.
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
    memory: MutableMapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    on_upload: Callable[[int, int], None] | None = field(default=None, compare=False, repr=False)

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
        metrics: The numbers last reported, such as `{"train_loss": 0.41}`.
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

    def __post_init__(self) -> None:
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


class Provider(Protocol):
    """Somebody who trains models. Any object with these methods is one; nothing is registered.

    Each method makes its requests once and raises `ProviderError` when they fail, saying whether the
    failure is `temporary` and whether it is `ambiguous`. Waiting, retrying and looking before paying are
    done in one place, by `FineTuneJob`.

    These methods every provider has. What only some have stands in `ProviderDefaults`: a provider may inherit
    it and override what it can do, or simply have methods of these names.
    """

    @property
    def name(self) -> str:
        """A short name for error texts: `"openai"`."""

    @property
    def poll_seconds(self) -> float:
        """How often to ask for a job's status at first, in seconds."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    def find_jobs(self, request: JobRequest) -> Sequence[JobStatus]:
        """The jobs created from a request with the same fingerprint, newest first.

        Raises:
            NotSupportedError: This provider cannot look jobs up.
        """

    def create_job(self, request: JobRequest) -> JobStatus:
        """Send the data and start the job. What this raises as `ambiguous` may have started it."""

    def retrieve_job(self, job_id: str) -> JobStatus:
        """Where the job stands now."""

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What happened, oldest first; only the last `newest` of them if that is given."""

    def cancel_job(self, job_id: str) -> JobStatus:
        """Ask for the job to be stopped, and say where it stands then."""

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """The LangChain chat model that calls a tuned model. `kwargs` go to its class."""


class ProviderDefaults:
    """What only some providers can do. Inherited, each of these says that the provider cannot.

    Deploying costs money, so `FineTunedModel.deploy` looks into `list_deployments` before it calls `deploy`,
    and after an answer that was `ambiguous`; and it says `deployment_usd_per_hour` first.
    """

    name: str

    @property
    def home(self) -> str:
        """Where its jobs live, an address or a folder, without any key: the journal keeps apart what differs."""
        return ""

    def upload_files(self, request: JobRequest) -> None:  # noqa: ARG002
        """Send the files that are not there yet, and wait until they are taken. Costs nothing, may be repeated.

        Called before the journal says that a job is being created; `create_job` then finds what was sent.
        """
        return

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

    def pause_job(self, job_id: str) -> JobStatus:  # noqa: ARG002
        """Stop a job for a while, keep what it has learned, and say where it stands then."""
        raise _lacks(self, "pausing a job")

    def resume_job(self, job_id: str) -> JobStatus:  # noqa: ARG002
        """Let a paused job go on, and say where it stands then."""
        raise _lacks(self, "resuming a job")

    def delete_job(self, job_id: str) -> None:  # noqa: ARG002
        """Remove a job that has ended from the provider's list."""
        raise _lacks(self, "deleting a job")

    def checkpoints(self, job_id: str) -> Sequence[Checkpoint]:  # noqa: ARG002
        """The checkpoints that can still be had, oldest first."""
        raise _lacks(self, "checkpoints")

    def result_files(self, job_id: str) -> Iterator[tuple[str, Iterator[bytes]]]:  # noqa: ARG002
        """The files of measurements that a job left: name and content in blocks."""
        raise _lacks(self, "result files")

    def deployment_usd_per_hour(self, model_id: str, **settings: Any) -> float | None:  # noqa: ARG002
        """What a deployment with these settings costs while it lives, in US dollars, where it is known."""
        return None

    def deploy(self, model_id: str, **settings: Any) -> DeploymentStatus:  # noqa: ARG002
        """Begin to serve a tuned model. What this raises as `ambiguous` may have begun it."""
        raise _lacks(self, "deploying a model")

    def list_deployments(self, model_id: str | None = None) -> Sequence[DeploymentStatus]:  # noqa: ARG002
        """The deployments of a tuned model, or of all, newest first."""
        raise _lacks(self, "listing deployments")

    def retrieve_deployment(self, deployment_id: str) -> DeploymentStatus:  # noqa: ARG002
        """Where a deployment stands now."""
        raise _lacks(self, "looking at a deployment")

    def delete_deployment(self, deployment_id: str) -> None:  # noqa: ARG002
        """End a deployment and what it costs."""
        raise _lacks(self, "deleting a deployment")

    def download(self, model_id: str, path: Path) -> Path:  # noqa: ARG002
        """Fetch a tuned model's weights into a folder, and return it."""
        raise _lacks(self, "downloading weights")

    def list_models(self) -> Sequence[TunedModel]:
        """The tuned models that this library's jobs made, newest first."""
        raise _lacks(self, "listing tuned models")

    def delete_model(self, model_id: str) -> None:  # noqa: ARG002
        """Remove a tuned model for good."""
        raise _lacks(self, "deleting a model")

    def list_files(self) -> Sequence[UploadedFile]:
        """The files that this library uploaded, newest first."""
        raise _lacks(self, "listing uploaded files")

    def delete_file(self, file_id: str) -> None:  # noqa: ARG002
        """Remove an uploaded file."""
        raise _lacks(self, "deleting an uploaded file")


def _lacks(provider: Any, what: str) -> NotSupportedError:
    return NotSupportedError(provider.name, what)


def optional(provider: Provider, method: str) -> Callable[..., Any]:
    """A provider's own method, or the default which says that it has none.

    Example:
        >>> class Bare:
        ...     name = "bare"
        >>> optional(Bare(), "pause_job")("job-1")
        Traceback (most recent call last):
        langsmith_finetune.errors.NotSupportedError: bare does not support pausing a job
    """
    own: Callable[..., Any] | None = getattr(provider, method, None)
    return own or partial(getattr(ProviderDefaults, method), provider)
