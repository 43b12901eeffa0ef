"""Fine-tuning on your own machine: TRL trains in a process of its own, transformers answers in this one.

Needs `pip install "langsmith-finetune[local]"`. Importing this loads neither torch nor transformers.

Example:
    >>> from langsmith_finetune import FineTuneJob
    >>> from langsmith_finetune.providers.local import LocalProvider, tiny_model
    >>> model = tiny_model("tiny", "train.jsonl")  # or "Qwen/Qwen3-0.6B"  # doctest: +SKIP
    >>> job = FineTuneJob.create("train.jsonl", model=model, provider=LocalProvider())  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langsmith_finetune.providers.local.chat import LocalChatModel
    from langsmith_finetune.providers.local.inspection import Audit, Preview, audit, preview
    from langsmith_finetune.providers.local.parameters import LocalParameters, LoraParameters
    from langsmith_finetune.providers.local.provider import LocalProvider
    from langsmith_finetune.providers.local.sequences import TrainedSequence
    from langsmith_finetune.providers.local.tiny import tiny_model

__all__ = [
    "Audit",
    "LocalChatModel",
    "LocalParameters",
    "LocalProvider",
    "LoraParameters",
    "Preview",
    "TrainedSequence",
    "audit",
    "preview",
    "tiny_model",
]

_HOME = {
    "Audit": "inspection",
    "Preview": "inspection",
    "TrainedSequence": "sequences",
    "audit": "inspection",
    "preview": "inspection",
    "LocalChatModel": "chat",
    "LocalParameters": "parameters",
    "LocalProvider": "provider",
    "LoraParameters": "parameters",
    "tiny_model": "tiny",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
