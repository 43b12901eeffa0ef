"""The request for a job at OpenAI: its parameters, and the body made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from langsmith_finetune.providers.values import JobRequest, Method

METADATA_KEY: Final = "langsmith_finetune"
"""The key under which a job's metadata holds the first 32 digits of its request's fingerprint."""

_SUPERVISED = ("n_epochs", "batch_size", "learning_rate_multiplier")
_REINFORCEMENT = ("compute_multiplier", "eval_interval", "eval_samples", "reasoning_effort")

PARAMETERS: Final[Mapping[Method, Sequence[str]]] = {
    "supervised": _SUPERVISED,
    "dpo": (*_SUPERVISED, "beta"),
    "reinforcement": (*_SUPERVISED, *_REINFORCEMENT, "grader"),
}
"""The names that `parameters` may have, by method."""


class OpenAIParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=)` takes here. What is left out, OpenAI chooses.

    Source: the SDK's `types/fine_tuning/*_hyperparameters_param.py` and `reinforcement_method_param.py`.
    """

    n_epochs: int | Literal["auto"]
    """How often the whole file is trained on, 1 to 50."""
    batch_size: int | Literal["auto"]
    """Examples in a batch, 1 to 256."""
    learning_rate_multiplier: float | Literal["auto"]
    """A factor on the learning rate that OpenAI chooses; above 0."""
    beta: float | Literal["auto"]
    """For `dpo`: the weight of staying close to the base model, 0 to 2."""
    grader: Mapping[str, Any]
    """For `reinforcement`: what gives the answers their points, passed on as it is."""
    compute_multiplier: float | Literal["auto"]
    """For `reinforcement`: a factor on the search for better answers."""
    eval_interval: int | Literal["auto"]
    """For `reinforcement`: steps between two evaluations."""
    eval_samples: int | Literal["auto"]
    """For `reinforcement`: answers to each example of an evaluation."""
    reasoning_effort: Literal["default", "low", "medium", "high"]
    """For `reinforcement`: how long the model thinks."""


def job_body(request: JobRequest, training_file: str, validation_file: str | None = None) -> dict[str, Any]:
    """The arguments of the SDK's `fine_tuning.jobs.create`.

    Args:
        request: What is asked.
        training_file: The id of the uploaded file.
        validation_file: The id of the other one, if there is one.
    """
    settings = dict(request.parameters)
    method: dict[str, Any] = {"grader": settings.pop("grader")} if "grader" in settings else {}
    if settings:
        method["hyperparameters"] = settings
    body: dict[str, Any] = {
        "model": request.model,
        "training_file": training_file,
        "method": {"type": request.method} | ({request.method: method} if method else {}),
        "metadata": {METADATA_KEY: request.fingerprint[:32]},
        "validation_file": validation_file,
        "suffix": request.suffix,
        "seed": request.seed,
    }
    return {name: value for name, value in body.items() if value is not None}
