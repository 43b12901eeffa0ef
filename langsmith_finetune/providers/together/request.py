"""The request for a job at Together: its parameters, and the body made of them."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from langsmith_finetune.providers.values import JobRequest

_DEFAULTS: dict[str, Any] = {
    "n_epochs": 1,
    "n_checkpoints": 1,
    "n_evals": 0,
    "batch_size": "max",
    "learning_rate": 1e-5,
    "warmup_ratio": 0.0,
    "max_grad_norm": 1.0,
    "weight_decay": 0.0,
}
"""What Together's own client sends where nothing is said; its server demands some of these."""

_LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")
_DPO = ("dpo_beta", "dpo_normalize_logratios_by_length", "rpo_alpha", "simpo_gamma")


class TogetherParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=)` takes here. Rates are absolute, unlike OpenAI's.

    Source: `resources/fine_tuning.py` of the SDK, 3.1.1.
    """

    n_epochs: int
    """How often the whole file is trained on. 1."""
    batch_size: int | Literal["max"]
    """Examples in a batch. `"max"`."""
    learning_rate: float
    """1e-5."""
    lr_scheduler_type: Literal["linear", "cosine"]
    """`"cosine"`."""
    min_lr_ratio: float
    """The last learning rate as a share of the highest. 0."""
    scheduler_num_cycles: float
    """Of the cosine. 0.5."""
    warmup_ratio: float
    """The share of the steps in which the learning rate rises. 0."""
    max_grad_norm: float
    """1; 0 for no limit."""
    weight_decay: float
    """0."""
    max_seq_length: int
    """Tokens of an example; by default as many as the model takes."""
    packing: bool
    """Put several examples into one sequence. True."""
    n_evals: int
    """How often the validation file is measured on. 0."""
    n_checkpoints: int
    """1."""
    lora: bool
    """Train an adapter (True) or all weights (False). By default Together chooses: an adapter."""
    lora_r: int
    """The adapter's rank, with `lora=True`."""
    lora_alpha: int
    """Its scale, with `lora=True`."""
    lora_dropout: float
    """With `lora=True`."""
    lora_trainable_modules: str
    """With `lora=True`."""
    train_on_inputs: bool | Literal["auto"]
    """Supervised only; `"auto"` trains on the assistant's messages alone."""
    dpo_beta: float
    """DPO only."""
    dpo_normalize_logratios_by_length: bool
    """DPO only."""
    rpo_alpha: float
    """DPO only."""
    simpo_gamma: float
    """DPO only."""
    from_checkpoint: str
    """Go on from a step of an earlier job, JOB_ID:STEP. In place of the model, which is then only for our records."""


def job_body(request: JobRequest, training_file: str, validation_file: str | None = None) -> dict[str, Any]:
    """The body that asks for a job.

    Defaults are those of Together's own client. Parameters of the other method are refused by Together.

    Args:
        request: What is asked.
        training_file: The id of the uploaded file.
        validation_file: The id of the other one, if there is one.
    """
    given = dict(request.parameters)
    schedule = {"min_lr_ratio": given.pop("min_lr_ratio", 0.0)}
    kind = given.pop("lr_scheduler_type", "cosine")
    cycles = given.pop("scheduler_num_cycles", 0.5)
    if kind == "cosine":
        schedule["num_cycles"] = cycles
    lora = given.pop("lora", None)
    adapter = {name: given.pop(name) for name in _LORA if name in given}
    if request.method == "dpo":
        method = {"method": "dpo", **{name: given.pop(name) for name in _DPO if name in given}}
    else:
        method = {"method": "sft", "train_on_inputs": given.pop("train_on_inputs", "auto")}
    body = {"model": request.model, **_DEFAULTS, **given, "training_method": method}
    body["lr_scheduler"] = {"lr_scheduler_type": kind, "lr_scheduler_args": schedule}
    if lora or adapter:
        body["training_type"] = {"type": "Lora", "lora_trainable_modules": "all-linear", **adapter}
    elif lora is False:
        body["training_type"] = {"type": "Full"}
    if "from_checkpoint" in given:
        del body["model"]  # Together takes one or the other
    if request.seed is not None:
        body["random_seed"] = request.seed
    body["training_file"] = training_file
    if validation_file is not None:
        body["validation_file"] = validation_file
    body["suffix"] = "-".join(filter(None, [request.suffix, job_tag(request)]))
    return body


def job_tag(request: JobRequest) -> str:
    """What a job is known by: the end of its model's suffix."""
    return f"lf{request.fingerprint[:10]}"
