"""Makes the request for a job from what the caller gave."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.files import finish_pair
from langsmith_finetune.jobs.digests import sha256_and_first_line, sha256_of_folder
from langsmith_finetune.jobs.plan import check_request
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import JobRequest, Method

_PRICED_BYTES = 32 << 20
"""The tokens of larger files are counted only where somebody asks for the price: it takes a while."""


def job_request(
    training_file: str | Path,
    *,
    model: str | Path,
    provider: Provider,
    method: Method,
    parameters: Mapping[str, Any] | None,
    validation_file: str | Path | None,
    suffix: str | None,
    seed: int | None,
) -> JobRequest:
    """The request for a job, once it is seen that the provider can do it.

    Args:
        training_file: As for `FineTuneJob.create`, as are all that follow.
        model: The model to start from.
        provider: Who trains.
        method: How to train.
        parameters: The provider's own settings.
        validation_file: Lines to measure on.
        suffix: Goes into the tuned model's name.
        seed: For random choices.

    Raises:
        FileNotFoundError: There is no such file.
        InvalidExampleError: The file is empty, or of another method's kind.
        NotSupportedError: The provider does not train by this method.
        ValueError: A setting is unknown.
    """
    training = Path(training_file)
    finish_pair(training)
    sha256, first_line = sha256_and_first_line(training)
    validation = Path(validation_file) if validation_file is not None else None
    request = JobRequest(
        training_file=training,
        training_sha256=sha256,
        model=str(model),
        model_sha256=_sha256_of_model(provider, model),
        method=method,
        parameters=dict(parameters or {}),
        validation_file=validation,
        validation_sha256=sha256_and_first_line(validation)[0] if validation is not None else None,
        suffix=suffix,
        seed=seed,
    )
    check_request(provider, request, first_line)
    return request


def is_soon_counted(request: JobRequest) -> bool:
    """True if the tokens of the training file can be counted without being asked for."""
    return request.training_file.stat().st_size <= _PRICED_BYTES


def _sha256_of_model(provider: Provider, model: str | Path) -> str | None:
    """The content of a model folder, for a provider that trains folders; elsewhere a model is a name."""
    return sha256_of_folder(Path(model)) if provider.trains_folders and Path(model).is_dir() else None
