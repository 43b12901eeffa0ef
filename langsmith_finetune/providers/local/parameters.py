"""The settings of a local training, and their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from langsmith_finetune.providers.local.adaptation import is_setting


class LoraParameters(TypedDict, total=False):
    """A LoRA adapter: a small number of new weights is trained, the model's own stay as they are."""

    r: int
    """The rank: how wide the new weights are. 16."""
    alpha: int
    """Their scale. Twice the rank."""
    dropout: float
    """0."""


class LocalParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=...)` takes with a `LocalProvider`. All may be left out."""

    n_epochs: float
    """How often to go through the file. 3."""
    max_steps: int
    """Stop after this many optimizer steps, whatever `n_epochs` says."""
    learning_rate: float
    """2e-5; 1e-4 with LoRA (TRL's own advice). A model from `tiny_model` wants 3e-3."""
    batch_size: int
    """Rows in memory at once. 4."""
    gradient_accumulation_steps: int
    """Batches in one optimizer step. 1."""
    warmup_steps: int
    """Steps in which the learning rate rises from 0; it then falls back to 0 in a straight line. 0."""
    lora: bool | LoraParameters
    """Train a LoRA adapter instead of every weight. False."""
    gradient_checkpointing: bool
    """Save memory for about a third more time. True on a GPU, False on a CPU."""
    chat_template_kwargs: Mapping[str, Any]
    """Settings of the chat template by name, such as `enable_thinking`; kept with the tuned model. Where
    no answer holds reasoning and the template asks for some, thinking is switched off unless this says otherwise."""


_POSITIVE: dict[str, Any] = {
    "n_epochs": (int, float),
    "max_steps": int,
    "learning_rate": (int, float),
    "batch_size": int,
    "gradient_accumulation_steps": int,
}
_LORA: dict[str, Any] = {"r": int, "alpha": int, "dropout": (int, float)}


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """See that every setting is known and of its kind.

    Raises:
        ValueError: One is not; names it.
    """
    for name, value in parameters.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in _POSITIVE:
            if not (number and isinstance(value, _POSITIVE[name]) and value > 0):
                raise ValueError(f"parameters[{name!r}] must be a positive number, got {value!r}")
        elif name == "warmup_steps":
            if not (number and isinstance(value, int) and value >= 0):
                raise ValueError(f"parameters['warmup_steps'] must be a whole number from 0, got {value!r}")
        elif name == "gradient_checkpointing":
            if not isinstance(value, bool):
                raise ValueError(f"parameters['gradient_checkpointing'] must be a bool, got {value!r}")
        elif name == "lora":
            _check_lora(value)
        elif name == "chat_template_kwargs":
            _check_template_kwargs(value)
        else:
            raise ValueError(_unknown("parameters", name, LocalParameters.__annotations__))


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
    for name, number in value.items():
        if name not in _LORA:
            raise ValueError(_unknown("parameters['lora']", name, _LORA))
        if isinstance(number, bool) or not isinstance(number, _LORA[name]) or number < 0:
            raise ValueError(f"parameters['lora'][{name!r}] must be a positive number, got {number!r}")


def _unknown(where: str, name: str, known: Mapping[str, Any]) -> str:
    return f"{where} has no {name!r}; the local provider knows {', '.join(known)}"
