"""Who is in the model: run <-> line <-> file <-> job <-> model.

    Ledger("data").seen(user_ids=["ada"])           # in which files, jobs and models
    Ledger.erase("train.jsonl", user_ids=["ada"])   # write the file anew without them

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.ledger.exposure import ErasedFile, Exposure, FileExposure
    from langsmith_finetune.ledger.job_rows import JobRow
    from langsmith_finetune.ledger.ledger import Ledger
    from langsmith_finetune.ledger.rows import SourceRow
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.ledger.exposure": ["ErasedFile", "Exposure", "FileExposure"],
            "langsmith_finetune.ledger.ledger": ["Ledger"],
            "langsmith_finetune.ledger.job_rows": ["JobRow"],
            "langsmith_finetune.ledger.rows": ["SourceRow"],
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
