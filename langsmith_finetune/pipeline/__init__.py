"""The whole path in one call, built of the public steps.

    model = finetune(project_name="support-bot", feedback={"user_score": 1}, model=..., provider=...)
    files = write_training_files(runs, "train.jsonl", redact=True)     # its first half: runs -> files

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.pipeline.files import TrainingFiles, write_training_files
    from langsmith_finetune.pipeline.whole_path import afinetune, finetune
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.pipeline.files": ["TrainingFiles", "write_training_files"],
            "langsmith_finetune.pipeline.whole_path": ["afinetune", "finetune"],
        },
    )

__all__ = [
    "TrainingFiles",
    "afinetune",
    "finetune",
    "write_training_files",
]
