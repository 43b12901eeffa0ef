"""Fine-tuning on your own machine: TRL trains in a process of its own, transformers answers in this one.

Needs `pip install "langsmith-finetune[local]"`. Importing this loads neither torch nor transformers.

Example:
    >>> from langsmith_finetune import FineTuneJob
    >>> from langsmith_finetune.providers.local import LocalProvider, tiny_model
    >>> model = tiny_model("tiny", "train.jsonl")  # or "Qwen/Qwen3-0.6B"  # doctest: +SKIP
    >>> job = FineTuneJob.create("train.jsonl", model=model, provider=LocalProvider())  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.providers.local.chat import LocalChatModel
    from langsmith_finetune.providers.local.inspection import Audit, Preview, audit, preview
    from langsmith_finetune.providers.local.merging import merge
    from langsmith_finetune.providers.local.parameters import LocalParameters, LoraParameters
    from langsmith_finetune.providers.local.provider import LocalProvider
    from langsmith_finetune.providers.local.sequences import TrainedSequence
    from langsmith_finetune.providers.local.tiny import tiny_model
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.providers.local.chat": ["LocalChatModel"],
            "langsmith_finetune.providers.local.inspection": ["Audit", "Preview", "audit", "preview"],
            "langsmith_finetune.providers.local.merging": ["merge"],
            "langsmith_finetune.providers.local.parameters": ["LocalParameters", "LoraParameters"],
            "langsmith_finetune.providers.local.provider": ["LocalProvider"],
            "langsmith_finetune.providers.local.sequences": ["TrainedSequence"],
            "langsmith_finetune.providers.local.tiny": ["tiny_model"],
        },
    )

__all__ = [
    "Audit",
    "LocalChatModel",
    "LocalParameters",
    "LocalProvider",
    "LoraParameters",
    "Preview",
    "TrainedSequence",
    "audit",
    "merge",
    "preview",
    "tiny_model",
]
