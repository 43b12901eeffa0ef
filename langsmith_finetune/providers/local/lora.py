"""LoRA's settings as peft takes them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

ALL_LINEAR = "all-linear"
"""Every linear layer but the head, as peft says it."""


def names_of_layers(given: str | Sequence[str]) -> str | list[str]:
    """The names of layers as a list, also of a single one; a pattern, which peft reads of a text, stays as it is.

    Example:
        >>> names_of_layers("q_proj"), names_of_layers(".*q_proj")
        (['q_proj'], '.*q_proj')
    """
    if isinstance(given, str):
        return [given] if re.fullmatch(r"[\w.]+", given) else given
    return list(given)


def lora_config(lora: bool | Mapping[str, Any], model: Any) -> Any:  # noqa: FBT001 - the setting itself
    """What peft is told.

    Args:
        lora: `parameters["lora"]`.
        model: The model that gets the adapter.
    """
    from peft import LoraConfig

    settings: dict[str, Any] = dict(lora) if isinstance(lora, Mapping) else {}
    rank = settings.pop("r", 16)
    targets = names_of_layers(settings.pop("target_modules", ALL_LINEAR))
    if targets == ALL_LINEAR and "layers_to_transform" in settings:  # peft takes names beside it
        targets = _linear_layers(model)
    if "exclude_modules" in settings:
        settings["exclude_modules"] = names_of_layers(settings["exclude_modules"])
    return LoraConfig(
        r=rank,
        lora_alpha=settings.pop("alpha", 2 * rank),
        lora_dropout=settings.pop("dropout", 0.0),
        target_modules=targets,
        task_type="CAUSAL_LM",
        **settings,
    )


def _linear_layers(model: Any) -> list[str]:
    """The last names of a model's linear layers, but for its head."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    kinds, head = (Linear, Conv1D), model.get_output_embeddings()
    layers = (name for name, each in model.named_modules() if isinstance(each, kinds) and each is not head)
    return sorted({name.rpartition(".")[2] for name in layers})
