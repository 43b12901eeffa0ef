"""Jobs: created once, waited for, returned to; and the model that one leaves behind.

    plan = FineTuneJob.plan("train.jsonl", model=..., provider=...)      # what it would send and cost
    job = FineTuneJob.create("train.jsonl", model=..., provider=...)     # again: the same job, paid for once
    model = job.wait()
    job = FineTuneJob.attach(job.id, provider=...)                       # in another process

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.jobs.deployment import Deployment
    from langsmith_finetune.jobs.job import FineTuneJob
    from langsmith_finetune.jobs.journal import Journal
    from langsmith_finetune.jobs.model import FineTunedModel
    from langsmith_finetune.jobs.plan import JobPlan
    from langsmith_finetune.jobs.records import JobRecord
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.jobs.deployment": ["Deployment"],
            "langsmith_finetune.jobs.job": ["FineTuneJob"],
            "langsmith_finetune.jobs.journal": ["Journal"],
            "langsmith_finetune.jobs.model": ["FineTunedModel"],
            "langsmith_finetune.jobs.plan": ["JobPlan"],
            "langsmith_finetune.jobs.records": ["JobRecord"],
        },
    )

__all__ = [
    "Deployment",
    "FineTuneJob",
    "FineTunedModel",
    "JobPlan",
    "JobRecord",
    "Journal",
]
