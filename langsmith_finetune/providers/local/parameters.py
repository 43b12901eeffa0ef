"""The settings of a local training, and their defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, Literal, TypedDict

from langsmith_finetune.providers.local.adaptation import is_setting
from langsmith_finetune.providers.local.lora import ALL_LINEAR, names_of_layers
from langsmith_finetune.providers.values import Method

Schedule = Literal[
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
]


class LoraParameters(TypedDict, total=False):
    """A LoRA adapter: a small number of new weights is trained, the model's own stay as they are."""

    r: int
    """The rank: how wide the new weights are. 16."""
    alpha: int
    """Their scale. Twice the rank."""
    dropout: float
    """0."""
    target_modules: str | Sequence[str]
    """The layers that get an adapter, by the ends of their names; or a regular expression of whole names. Every linear
    layer but the head (`"all-linear"`)."""
    exclude_modules: str | Sequence[str]
    """Layers that get none, in the same way."""
    modules_to_save: Sequence[str]
    """Layers that are trained whole beside the adapter, such as `embed_tokens`."""
    layers_to_transform: Sequence[int]
    """The numbers of the blocks that get an adapter. All."""
    use_rslora: bool
    """Scale by the root of the rank, which suits high ranks. False. Source: https://arxiv.org/abs/2312.03732"""
    use_dora: bool
    """Train direction and size of the weights apart. False. Source: https://arxiv.org/abs/2402.09353"""
    bias: Literal["none", "all", "lora_only"]
    """Which biases are trained. None."""


class LocalParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=...)` takes with a `LocalProvider`. All may be left out."""

    n_epochs: float
    """How often to go through the file. 3."""
    max_steps: int
    """Stop after this many optimizer steps, whatever `n_epochs` says."""
    learning_rate: float
    """2e-5; 1e-4 with LoRA (TRL's own advice); 1e-6 for `"dpo"` and `"kto"`, 1e-5 with LoRA. A model from
    `tiny_model` wants 3e-3."""
    lr_scheduler: Schedule
    """How the learning rate falls. In a straight line, to 0."""
    warmup_steps: int
    """Steps in which the learning rate rises from 0. 0."""
    weight_decay: float
    """0."""
    max_grad_norm: float
    """Longer gradients are shortened to this. 1."""
    batch_size: int
    """Sequences in memory at once. 4."""
    gradient_accumulation_steps: int
    """Batches in one optimizer step. 1."""
    max_length: int
    """Tokens that a sequence may have. A longer one is refused by its line, never cut. What the model takes."""
    group_by_length: bool
    """Put sequences of like length into one batch, so that less is padded. False; not for `"kto"`."""
    packing: bool
    """Put several sequences into one row, kept apart by the attention, so that nothing is padded. Only with
    `method="supervised"`. False."""
    lora: bool | LoraParameters
    """Train a LoRA adapter instead of every weight. False."""
    quantization: Literal["4bit", "8bit"]
    """Keep the frozen weights in so many bits (QLoRA), with `lora`. Needs the package bitsandbytes and a GPU; no test of
    this library has run it."""
    dtype: Literal["float32", "bfloat16"]
    """The weights that are trained. `"float32"`: on a GPU that has it, the computation is in bfloat16 all the same, and
    small updates are kept. `"bfloat16"` takes half the memory, and rounds updates below 0.4 % of a weight away."""
    attention: Literal["sdpa", "eager", "flash_attention_2"]
    """How attention is computed. The model's own choice."""
    gradient_checkpointing: bool
    """Save memory for about a third more time. True on a GPU, False on a CPU."""
    beta: float
    """How close `"dpo"` and `"kto"` stay to the model that they start from: more is closer. 0.1."""
    eval_steps: int
    """Steps between two looks at the validation file. A tenth of all."""
    early_stopping: int
    """Stop after so many looks at the validation file without a lower loss. Never."""
    save_steps: int
    """Steps between two checkpoints, from which a killed job goes on. One in five minutes, and each best one."""
    report_to: str | Sequence[str]
    """Where TRL reports to besides: `"wandb"`, `"mlflow"`, `"tensorboard"`, `"trackio"`. Nowhere."""
    chat_template_kwargs: Mapping[str, Any]
    """Settings of the chat template by name, such as `enable_thinking`; kept with the tuned model. Where
    no answer holds reasoning and the template asks for some, thinking is switched off unless this says otherwise."""
    trainer_args: Mapping[str, Any]
    """Any other setting of TRL's `SFTConfig`, `DPOConfig` or `KTOConfig`, by its name there."""


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _names(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple)) and len(value) > 0 and all(isinstance(name, str) for name in value)
    )


_Kind = tuple[Callable[[Any], bool], str]
_POSITIVE: _Kind = (lambda value: _number(value) and value > 0, "a positive number")
_COUNT: _Kind = (lambda value: _whole(value) and value > 0, "a whole number from 1")
_FROM_0: _Kind = (lambda value: _whole(value) and value >= 0, "a whole number from 0")
_NOT_NEGATIVE: _Kind = (lambda value: _number(value) and value >= 0, "a number from 0")
_SHARE: _Kind = (lambda value: _number(value) and 0 <= value < 1, "a number from 0 to below 1")
_BOOL: _Kind = (lambda value: isinstance(value, bool), "a bool")
_NAMES: _Kind = (_names, "a list of names")
_NAME_OR_NAMES: _Kind = (
    lambda value: (isinstance(value, str) and value != "") or _names(value),
    "a name or a list",
)


def _one_of(*words: str) -> _Kind:
    return (lambda value: value in words), f"one of {', '.join(map(repr, words))}"


_SETTINGS: Mapping[str, _Kind] = {
    "n_epochs": _POSITIVE,
    "max_steps": _COUNT,
    "learning_rate": _POSITIVE,
    "lr_scheduler": _one_of(*Schedule.__args__),  # type: ignore[attr-defined]
    "warmup_steps": _FROM_0,
    "weight_decay": _NOT_NEGATIVE,
    "max_grad_norm": _POSITIVE,
    "batch_size": _COUNT,
    "gradient_accumulation_steps": _COUNT,
    "max_length": _COUNT,
    "group_by_length": _BOOL,
    "packing": _BOOL,
    "quantization": _one_of("4bit", "8bit"),
    "dtype": _one_of("float32", "bfloat16"),
    "attention": _one_of("sdpa", "eager", "flash_attention_2"),
    "gradient_checkpointing": _BOOL,
    "beta": _POSITIVE,
    "eval_steps": _COUNT,
    "early_stopping": _COUNT,
    "save_steps": _COUNT,
    "report_to": _NAME_OR_NAMES,
}
_LORA: Mapping[str, _Kind] = {
    "r": _COUNT,
    "alpha": _POSITIVE,
    "dropout": _SHARE,
    "target_modules": _NAME_OR_NAMES,
    "exclude_modules": _NAME_OR_NAMES,
    "modules_to_save": _NAMES,
    "layers_to_transform": (
        lambda value: isinstance(value, (list, tuple)) and all(map(_whole, value)),
        "a list of the numbers of blocks",
    ),
    "use_rslora": _BOOL,
    "use_dora": _BOOL,
    "bias": _one_of("none", "all", "lora_only"),
}
_REPORTERS = {"wandb": "wandb", "mlflow": "mlflow", "tensorboard": "tensorboard", "trackio": "trackio"}
"""The packages by the names that transformers gives them."""

_OURS: Mapping[str, str] = {
    "num_train_epochs": "n_epochs",
    "max_steps": "max_steps",
    "learning_rate": "learning_rate",
    "lr_scheduler_type": "lr_scheduler",
    "warmup_steps": "warmup_steps",
    "weight_decay": "weight_decay",
    "max_grad_norm": "max_grad_norm",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation_steps",
    "max_length": "max_length",
    "train_sampling_strategy": "group_by_length",
    "packing": "packing",
    "gradient_checkpointing": "gradient_checkpointing",
    "activation_checkpointing": "gradient_checkpointing",
    "beta": "beta",
    "eval_steps": "eval_steps",
    "save_steps": "save_steps",
    "report_to": "report_to",
}
"""TRL's names of what has a name of its own here."""

# fmt: off
_FIXED = frozenset({
    "assistant_only_loss", "auto_find_batch_size", "chat_template_path", "completion_only_loss", "data_seed",
    "dataset_kwargs", "dataset_num_proc", "dataset_text_field", "deepspeed", "do_eval", "do_predict",
    "do_train", "eos_token", "eval_packing", "eval_strategy", "fsdp", "fsdp_config", "greater_is_better",
    "hub_always_push", "hub_model_id", "hub_private_repo", "hub_revision", "hub_strategy", "hub_token",
    "ignore_data_skip", "length_column_name", "load_best_model_at_end", "local_rank", "metric_for_best_model",
    "model_init_kwargs", "output_dir", "packing_strategy", "pad_token", "padding_free", "parallelism_config",
    "precompute_ref_log_probs", "push_to_hub", "remove_unused_columns",
    "restore_callback_states_from_checkpoint", "resume_from_checkpoint", "save_only_model", "save_strategy",
    "save_total_limit", "seed", "shuffle_dataset", "sync_ref_model", "truncation_mode", "trust_remote_code",
    "use_cpu",
})
# fmt: on
"""What follows from the files, or would undo what this library promises of them."""


_EXCLUDED: Sequence[tuple[Callable[[Mapping[str, Any], Method], bool], str]] = (
    (
        lambda given, _: bool(given.get("quantization")) and not given.get("lora"),
        "['quantization'] keeps the model's own weights frozen; add 'lora': True, which trains others",
    ),
    (
        lambda given, _: bool(given.get("quantization")) and find_spec("bitsandbytes") is None,
        "['quantization'] needs a package: pip install bitsandbytes",
    ),
    (
        lambda given, method: bool(given.get("packing")) and method != "supervised",
        "['packing'] is for method='supervised', not {method!r}; leave it out",
    ),
    (
        lambda given, _: bool(given.get("packing")) and given.get("attention") == "flash_attention_2",
        "['packing'] is tried with the attention 'sdpa' and 'eager' only; leave one of both out",
    ),
    (
        lambda given, method: "beta" in given and method == "supervised",
        "['beta'] is for method='dpo' and 'kto', not 'supervised'; leave it out",
    ),
    (
        lambda given, method: given.get("batch_size") == 1 and method == "kto",
        "['batch_size'] must be at least 2 for method='kto', which compares the answers of a batch",
    ),
)
"""Settings that do not go together, and what to say of them."""


def check_parameters(parameters: Mapping[str, Any], *, method: Method = "supervised") -> None:
    """See that every setting is known, of its kind, and fits the others.

    Args:
        parameters: The settings.
        method: How the model is trained.

    Raises:
        ValueError: One is not; names it.
    """
    for name, value in parameters.items():
        if name in _SETTINGS:
            _check("parameters", name, value, _SETTINGS[name])
        elif name == "lora":
            _check_lora(value)
        elif name == "chat_template_kwargs":
            _check_template_kwargs(value)
        elif name == "trainer_args":
            _check_trainer_args(value, method)
        else:
            raise ValueError(_unknown("parameters", name, LocalParameters.__annotations__))
    _check_reporters(parameters.get("report_to"))
    for excluded, why in _EXCLUDED:
        if excluded(parameters, method):
            raise ValueError(f"parameters{why.format(method=method)}")


def _check(where: str, name: str, value: Any, kind: _Kind) -> None:
    fits, what = kind
    if not fits(value):
        raise ValueError(f"{where}[{name!r}] must be {what}, got {value!r}")


def _check_template_kwargs(value: Any) -> None:
    if not isinstance(value, Mapping) or not all(is_setting(name, one) for name, one in value.items()):
        raise ValueError(
            "parameters['chat_template_kwargs'] must be a dict of names to texts, numbers and bools, such as "
            f"{{'enable_thinking': False}}, got {value!r}"
        )


def _check_lora(value: Any) -> None:
    if isinstance(value, bool):
        return
    if not isinstance(value, Mapping):
        raise ValueError(f"parameters['lora'] must be a bool or a dict such as {{'r': 16}}, got {value!r}")  # noqa: TRY004
    for name, setting in value.items():
        if name not in _LORA:
            raise ValueError(_unknown("parameters['lora']", name, _LORA))
        _check("parameters['lora']", name, setting, _LORA[name])
    modules = value.get("target_modules", [])
    if "layers_to_transform" in value and isinstance(names_of_layers(modules), str) and modules != ALL_LINEAR:
        raise ValueError(
            "parameters['lora'] has 'layers_to_transform', which needs names in 'target_modules' and no pattern, "
            f"got {modules!r}"
        )


def _check_reporters(value: Any) -> None:
    for name in [value] if isinstance(value, str) else value or ():
        if name not in _REPORTERS:
            raise ValueError(f"parameters['report_to'] must be of {', '.join(_REPORTERS)}, got {name!r}")
        if find_spec(_REPORTERS[name]) is None:
            raise ValueError(f"parameters['report_to'] needs a package: pip install {_REPORTERS[name]}")


def _check_trainer_args(value: Any, method: Method) -> None:
    where = "parameters['trainer_args']"
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{where} must be a dict such as {{'adam_beta2': 0.95}}, got {value!r}")
    known = trainer_fields(method) if value else frozenset()
    for name in value:
        if name in _OURS:
            raise ValueError(f"{where} has {name!r}, which is parameters[{_OURS[name]!r}] here")
        if name in _FIXED:
            raise ValueError(f"{where} has {name!r}, which follows from the job and cannot be set")
        if known and name not in known:
            near = get_close_matches(name, known, n=1)
            raise ValueError(
                f"{where} has {name!r}, which TRL's configuration for {method!r} does not know"
                + (f"; is {near[0]!r} meant?" if near else "")
            )


def trainer_fields(method: Method) -> frozenset[str]:
    """The names of all settings of TRL's configuration for a method; none where TRL is not installed."""
    if find_spec("trl") is None:
        return frozenset()
    import dataclasses

    from langsmith_finetune.providers.local.trainers import config_class

    return frozenset(field.name for field in dataclasses.fields(config_class(method)))


def _unknown(where: str, name: Any, known: Mapping[str, Any]) -> str:
    near = get_close_matches(str(name), known, n=1)
    meant = f" is {near[0]!r} meant?" if near else ""
    return f"{where} has no {name!r};{meant} the local provider knows {', '.join(known)}"
