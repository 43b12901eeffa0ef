"""Makes TRL's trainer for the tokens of a run folder.

TRL's own preparation of a dataset is left out: the tokens are what `preview` shows, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langsmith_finetune.providers.local.lora import lora_config
from langsmith_finetune.providers.local.model_folder import load_model
from langsmith_finetune.providers.local.packing import refuse_leaks
from langsmith_finetune.providers.local.run_folder import RunFolder
from langsmith_finetune.providers.local.token_file import tokens_of
from langsmith_finetune.providers.values import Method

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Trainer

_EVALUATIONS = 10
"""How often the validation file is measured on."""

_CHECKPOINTS = 2
"""How many are kept, and the best one with them."""


def config_class(method: Method) -> Any:
    """TRL's configuration for a method."""
    from trl import DPOConfig, KTOConfig, SFTConfig

    return {"supervised": SFTConfig, "dpo": DPOConfig, "kto": KTOConfig}[method]


def trainer_of(run: RunFolder, request: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase) -> Trainer:
    """TRL's trainer, ready to train.

    Args:
        run: The folder, with the tokens.
        request: What `request.json` says.
        tokenizer: The model's.

    Raises:
        ProviderError: The sequences cannot be packed with this model.
    """
    import torch
    from transformers import set_seed

    parameters: Mapping[str, Any] = request["parameters"]
    method: Method = request.get("method", "supervised")
    has_validation = run.validation_tokens.exists()
    config = _config(run, request, has_validation=has_validation)
    set_seed(config.seed)
    lora, quantization = parameters.get("lora"), parameters.get("quantization")
    frozen_in_bf16 = bool(lora) and config.bf16 and "dtype" not in parameters
    dtype = torch.bfloat16 if frozen_in_bf16 else getattr(torch, parameters.get("dtype", "float32"))
    loading: dict[str, Any] = {"dtype": dtype}
    if "attention" in parameters or parameters.get("packing"):
        loading["attn_implementation"] = parameters.get("attention", "sdpa")
    if quantization:
        loading["quantization_config"] = _quantization(quantization)
    model = load_model(request["model_path"], **loading)
    if parameters.get("packing"):
        refuse_leaks(model)
    more: dict[str, Any] = {}
    if method != "supervised" and not lora:
        more["ref_model"] = load_model(request["model_path"], **loading)
    trainer: Trainer = _class_of(method)(
        model=model,
        args=config,
        train_dataset=tokens_of(run.training_tokens),
        eval_dataset=tokens_of(run.validation_tokens) if has_validation else None,
        processing_class=tokenizer,
        peft_config=lora_config(lora, model) if lora else None,
        **more,
    )
    if "early_stopping" in parameters:
        from transformers import EarlyStoppingCallback

        trainer.add_callback(EarlyStoppingCallback(early_stopping_patience=parameters["early_stopping"]))
    return trainer


def _class_of(method: Method) -> Any:
    """TRL's trainer for a method, taking tokens as they are and an order that a resumed job finds again."""
    from trl import DPOTrainer, KTOTrainer, SFTTrainer

    from langsmith_finetune.providers.local.sampling import EpochSampler

    base: Any = {"supervised": SFTTrainer, "dpo": DPOTrainer, "kto": KTOTrainer}[method]

    class TokenTrainer(base):  # type: ignore[misc]
        def _prepare_dataset(self, dataset: Any, tokenizer: Any, config: Any, *more: Any) -> Any:
            if method == "supervised":  # packs, and takes tokens as they are
                return super()._prepare_dataset(dataset, tokenizer, config, *more)
            return _with_answers_of_others(dataset, config) if method == "kto" else dataset

        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            if method == "kto":  # in the order of its answers of others
                return super()._get_train_sampler(train_dataset)
            # Not what is given here: transformers has removed the lengths of it.
            rows = self.train_dataset
            grouped = self.args.train_sampling_strategy == "group_by_length" and "length" in rows.column_names
            self.sampler = EpochSampler(
                lengths=list(rows["length"]) if grouped else None,
                size=len(rows),
                batch_size=self.args.train_batch_size * self.args.gradient_accumulation_steps,
                seed=self.args.seed,
            )
            return self.sampler

    return TokenTrainer


def _with_answers_of_others(dataset: Any, config: Any) -> Any:
    """The rows of KTO in the order of training, each with the answer of another row of its batch.

    Source: TRL's `KTOTrainer`, which estimates by it how far the model has moved.
    """
    shuffled = dataset.shuffle(seed=config.seed)

    def rotated(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
        answers = rows["completion_ids"]
        return {"KL_completion_ids": [answers[-1], *answers[:-1]]}

    return shuffled.map(rotated, batched=True, batch_size=config.per_device_train_batch_size)


def _config(run: RunFolder, request: Mapping[str, Any], *, has_validation: bool) -> Any:
    import torch

    parameters: Mapping[str, Any] = request["parameters"]
    method: Method = request.get("method", "supervised")
    on_cpu = not (torch.cuda.is_available() or torch.backends.mps.is_available())
    lora = bool(parameters.get("lora"))
    rate = 2e-5 if method == "supervised" else 1e-6
    batch_size = parameters.get("batch_size", 4)
    settings: dict[str, Any] = {
        "output_dir": str(run.trainer_folder),
        "num_train_epochs": parameters.get("n_epochs", 3),
        "max_steps": parameters.get("max_steps", -1),
        "learning_rate": parameters.get(
            "learning_rate", (1e-4 if method == "supervised" else 1e-5) if lora else rate
        ),
        "lr_scheduler_type": parameters.get("lr_scheduler", "linear"),
        "warmup_steps": parameters.get("warmup_steps", 0),
        "weight_decay": parameters.get("weight_decay", 0.0),
        "max_grad_norm": parameters.get("max_grad_norm", 1.0),
        "per_device_train_batch_size": batch_size,
        "per_device_eval_batch_size": batch_size,
        "gradient_accumulation_steps": parameters.get("gradient_accumulation_steps", 1),
        "seed": request["seed"] if request["seed"] is not None else 0,
        "use_cpu": on_cpu,  # and bf16: the defaults raise on a machine without a GPU
        "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        "max_length": None,  # what is too long was refused by line; nothing is cut off in silence
        "dataloader_pin_memory": not on_cpu,
        "eval_strategy": "steps" if has_validation else "no",
        "eval_steps": parameters.get("eval_steps", 1 / _EVALUATIONS),
        "logging_steps": 1,
        "save_strategy": "best" if has_validation else "no",  # and when `Checkpoints` says so
        "save_total_limit": _CHECKPOINTS,
        "load_best_model_at_end": has_validation,
        "metric_for_best_model": "eval_loss" if has_validation else None,
        "greater_is_better": False if has_validation else None,
        "ddp_backend": "gloo" if on_cpu and request.get("processes", 1) > 1 else None,
        "report_to": _reporters(parameters.get("report_to")),
        "run_name": run.id,
        "disable_tqdm": True,
    }
    settings["activation_checkpointing"] = parameters.get("gradient_checkpointing", not on_cpu)
    if method == "supervised":
        settings["packing"] = parameters.get("packing", False)
        if settings["packing"]:
            settings["max_length"] = _longest(run, parameters)
    else:
        settings["beta"] = parameters.get("beta", 0.1)
    if method == "kto":
        settings["train_sampling_strategy"] = "sequential"
    elif parameters.get("group_by_length", False):
        settings["train_sampling_strategy"] = "group_by_length"
    return config_class(method)(**settings | dict(parameters.get("trainer_args", {})))


def _longest(run: RunFolder, parameters: Mapping[str, Any]) -> int:
    """The tokens of a packed row: what was allowed, or the longest sequence, so that none is cut."""
    files = [file for file in (run.training_tokens, run.validation_tokens) if file.exists()]
    longest = max(int(max(tokens_of(file)["length"])) for file in files)
    return max(longest, int(parameters.get("max_length", 0)))


def _reporters(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or [])


def _quantization(bits: str) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if bits == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    # Source: https://arxiv.org/abs/2305.14314
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
