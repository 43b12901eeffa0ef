"""Who trains: each provider is imported from its own module.

    from langsmith_finetune.providers.local import LocalProvider
    from langsmith_finetune.providers.openai import OpenAIProvider

`Provider` is what one of your own inherits; the other names are what it is asked and what it answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.providers.base import Provider
    from langsmith_finetune.providers.lifecycle import Ending, Lifecycle, lifecycle_of
    from langsmith_finetune.providers.values import (
        Checkpoint,
        DeploymentInfo,
        FileInfo,
        JobEvent,
        JobInfo,
        JobRequest,
        Method,
        ModelInfo,
        PreparedFile,
        Status,
    )
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.providers.base": ["Provider"],
            "langsmith_finetune.providers.lifecycle": ["Ending", "Lifecycle", "lifecycle_of"],
            "langsmith_finetune.providers.values": [
                "Checkpoint",
                "DeploymentInfo",
                "FileInfo",
                "JobEvent",
                "JobInfo",
                "JobRequest",
                "Method",
                "ModelInfo",
                "PreparedFile",
                "Status",
            ],
        },
    )

__all__ = [
    "Checkpoint",
    "DeploymentInfo",
    "Ending",
    "FileInfo",
    "JobEvent",
    "JobInfo",
    "JobRequest",
    "Lifecycle",
    "Method",
    "ModelInfo",
    "PreparedFile",
    "Provider",
    "Status",
    "lifecycle_of",
]
