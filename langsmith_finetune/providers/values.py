"""What a provider is asked, and what it answers, as plain values."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langsmith_finetune._foundation.fields import ShowsFields
from langsmith_finetune._foundation.json_values import numbers_from
from langsmith_finetune._foundation.masking import host_words

if TYPE_CHECKING:
    from langsmith_finetune.cost.counters import TokenCount
    from langsmith_finetune.targets.for_target import SplitReport
    from langsmith_finetune.targets.report import CheckReport


Method: TypeAlias = Literal["supervised", "dpo", "kto", "reinforcement"]
"""How to train: on answers, on a better and a worse answer each, on answers that are good or bad, or against a grader."""


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
class JobInfo(ShowsFields):
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
        resumable: It failed, but can go on where it was.
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
    resumable: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", numbers_from(self.metrics))
        if self.error is not None:
            object.__setattr__(self, "error", host_words(self.error, longest=_LONGEST_WORDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent(ShowsFields):
    """One thing that a provider reported about a job.

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
class Checkpoint(ShowsFields):
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
class DeploymentInfo(ShowsFields):
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
class ModelInfo(ShowsFields):
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
class FileInfo(ShowsFields):
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
        split: Which lines are sent in another form, for want of weights; None where the provider has them.
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
    split: SplitReport | None = None
