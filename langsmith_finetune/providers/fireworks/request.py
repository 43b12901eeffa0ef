"""The request for a job at Fireworks: its parameters, and the body made of them."""

from __future__ import annotations

import re
from typing import Any, Literal, TypedDict

from langsmith_finetune.providers.values import JobRequest

_NAMES = {
    "n_epochs": "epochs",
    "learning_rate": "learningRate",
    "lora_rank": "loraRank",
    "max_context_length": "maxContextLength",
    "batch_tokens": "batchSize",
    "batch_size": "batchSizeSamples",
    "gradient_accumulation_steps": "gradientAccumulationSteps",
    "warmup_steps": "learningRateWarmupSteps",
    "weight_decay": "optimizerWeightDecay",
}
SHOWN_NAMES = {name: (shown,) for name, shown in _NAMES.items()} | {
    "kl_beta": ("klBeta",),
    "loss": ("method",),
    "early_stop": ("earlyStop",),
    "eval_auto_carveout": ("evalAutoCarveout",),
    "seed": (),
}
"""The names under which a job shows our parameters; no seed is sent."""

_SUPERVISED_NAMES = {"early_stop": "earlyStop", "eval_auto_carveout": "evalAutoCarveout"}


class FireworksParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=)` takes here. What is left out, Fireworks chooses.

    Source: `types/supervised_fine_tuning_job_create_params.py` and `types/dpo_job_create_params.py` of the
    SDK, 1.2.30.
    """

    n_epochs: int
    """How often the whole file is trained on."""
    learning_rate: float
    """Absolute, unlike OpenAI's."""
    lora_rank: int
    """The adapter's rank."""
    max_context_length: int
    """Tokens."""
    batch_tokens: int
    """Tokens in a packed batch; Fireworks calls this the batch size."""
    batch_size: int
    """Examples in a batch."""
    gradient_accumulation_steps: int
    """Batches in one step."""
    warmup_steps: int
    """Steps in which the learning rate rises."""
    weight_decay: float
    """Of the optimizer."""
    early_stop: bool
    """Supervised only: stop when the loss on the validation file no longer falls."""
    eval_auto_carveout: bool
    """Supervised only: measure on a part of the training file."""
    loss: Literal["DPO", "ORPO"]
    """DPO only. `"DPO"`."""
    kl_beta: float
    """DPO only."""


def job_body(
    request: JobRequest, training_dataset: str | None = None, validation_dataset: str | None = None
) -> dict[str, Any]:
    """The body that asks for a job.

    Args:
        request: What is asked.
        training_dataset: The name of the uploaded dataset.
        validation_dataset: The name of the other one, if there is one.

    Raises:
        ValueError: A parameter is of the other method.
    """
    given = dict(request.parameters)
    shared = {_NAMES[name]: given.pop(name) for name in list(given) if name in _NAMES}
    shared["baseModel"] = request.model
    if request.method == "dpo":
        loss = {"method": given.pop("loss", "DPO")}
        if "kl_beta" in given:
            loss["klBeta"] = given.pop("kl_beta")
        body: dict[str, Any] = {"trainingConfig": shared, "lossConfig": loss}
    else:
        body = shared | {_SUPERVISED_NAMES[n]: given.pop(n) for n in list(given) if n in _SUPERVISED_NAMES}
    if given:
        raise ValueError(
            f"fireworks: parameters: {', '.join(map(repr, sorted(given)))} is not for method={request.method!r}"
        )
    body["dataset"] = training_dataset
    if validation_dataset is not None:
        body["evaluationDataset"] = validation_dataset
    return body


def job_id(request: JobRequest, attempt: int) -> str:
    """The id that the job of this number has."""
    return "-".join(filter(None, [request.suffix, f"lf{request.fingerprint[:16]}", str(attempt)]))


def attempt_of(id_: str) -> int | None:
    """The number of the job with this id; None if this library did not choose it.

    Example:
        >>> attempt_of("bot-lf0123456789abcdef-2"), attempt_of("bot-2")
        (2, None)
    """
    match = re.search(r"(?:^|-)lf[0-9a-f]{16}-([1-9][0-9]{0,5})$", id_)
    return int(match[1]) if match else None
