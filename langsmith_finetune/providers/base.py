"""What a provider is, and the values that pass between it and a `FineTuneJob`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Method: TypeAlias = Literal["supervised"]
"""How to train. Preference and reinforcement methods join this list with their providers."""

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
        error: The provider's reason for a failure.
        created_at: When the job was created.
        finished_at: When it ended.
        trained_tokens: Tokens billed as trained, once known.
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
    trained_tokens: int | None = None
    step: int | None = None
    total_steps: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """One thing that a provider told about a job.

    Args:
        id: The event's id, unique within the job.
        created_at: When it happened.
        level: How grave it is.
        message: The provider's words.
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


class Provider(Protocol):
    """Somebody who trains models. Any object with these methods is one; nothing is registered.

    Each method makes its requests once and raises `ProviderError` when they fail, saying whether the
    failure is `temporary` and whether it is `ambiguous`. Waiting, retrying and looking before paying are
    done in one place, by `FineTuneJob`.
    """

    @property
    def name(self) -> str:
        """A short name for error texts: `"openai"`."""

    @property
    def poll_seconds(self) -> float:
        """How often to ask for a job's status at first, in seconds."""

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
