"""Who is in the model: run <-> line <-> file <-> job <-> model.

    Ledger("data").seen(user_ids=["ada"])           # in which files, jobs and models
    Ledger.erase("train.jsonl", user_ids=["ada"])   # write the file anew without them

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.ledger.ledger import ErasedFile, Exposure, FileExposure, Ledger
    from langsmith_finetune.ledger.rows import JobRow, SourceRow
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.ledger.ledger": ["ErasedFile", "Exposure", "FileExposure", "Ledger"],
            "langsmith_finetune.ledger.rows": ["JobRow", "SourceRow"],
        },
    )

__all__ = [
    "ErasedFile",
    "Exposure",
    "FileExposure",
    "JobRow",
    "Ledger",
    "SourceRow",
]
