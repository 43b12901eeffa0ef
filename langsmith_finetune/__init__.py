"""From LangSmith runs to a fine-tuned model that LangChain can call.

    runs -> sessions -> examples -> file -> job -> model -> proof

    runs = select_runs(project_name="support-bot")
    sessions = LangSmithRunChatLoader(runs=runs).lazy_load()
    write_jsonl(training_examples(sessions), "train.jsonl")
    job = FineTuneJob.create("train.jsonl", model="Qwen/Qwen3-0.6B", provider=LocalProvider())
    model = job.wait().chat_model(temperature=0)
    print(evaluate({"before": base_model, "after": model}, "heldout.jsonl"))

`finetune(project_name="support-bot", model=..., provider=...)` is all of it in one call, which goes on when it is made
again.

These are the names of the path. Each room has a door of its own for the rest: `runs`, `dataset`, `targets`, `cost`,
`ledger`, `jobs`, `providers`, `evaluation`, `pipeline`, `testing`. Providers are imported by name:
`from langsmith_finetune.providers.local import LocalProvider`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.convert import (
        convert_messages_for_finetuning,
        examples_from_runs,
        training_examples,
    )
    from langsmith_finetune.errors import (
        FineTuneError,
        InvalidExampleError,
        JobFailedError,
        JobTimeoutError,
        NotSupportedError,
        ProviderError,
        RunNotUsableError,
    )
    from langsmith_finetune.evaluation.evaluating import aevaluate, evaluate
    from langsmith_finetune.examples.example import LabelExample, PreferenceExample, TrainingExample
    from langsmith_finetune.jobs.job import FineTuneJob
    from langsmith_finetune.jobs.model import FineTunedModel
    from langsmith_finetune.jsonl import read_jsonl, write_jsonl
    from langsmith_finetune.loaders import LangSmithDatasetChatLoader, LangSmithRunChatLoader
    from langsmith_finetune.pipeline.whole_path import afinetune, finetune
    from langsmith_finetune.providers.base import Provider
    from langsmith_finetune.runs.files.read import run_files
    from langsmith_finetune.runs.files.save import save_runs
    from langsmith_finetune.runs.select import select_runs
    from langsmith_finetune.targets.checking import check
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.convert": [
                "convert_messages_for_finetuning",
                "examples_from_runs",
                "training_examples",
            ],
            "langsmith_finetune.errors": [
                "FineTuneError",
                "InvalidExampleError",
                "JobFailedError",
                "JobTimeoutError",
                "NotSupportedError",
                "ProviderError",
                "RunNotUsableError",
            ],
            "langsmith_finetune.evaluation.evaluating": ["aevaluate", "evaluate"],
            "langsmith_finetune.examples.example": ["LabelExample", "PreferenceExample", "TrainingExample"],
            "langsmith_finetune.jobs.job": ["FineTuneJob"],
            "langsmith_finetune.jobs.model": ["FineTunedModel"],
            "langsmith_finetune.jsonl": ["read_jsonl", "write_jsonl"],
            "langsmith_finetune.providers.base": ["Provider"],
            "langsmith_finetune.runs.files.read": ["run_files"],
            "langsmith_finetune.runs.files.save": ["save_runs"],
            "langsmith_finetune.runs.select": ["select_runs"],
            "langsmith_finetune.pipeline.whole_path": ["afinetune", "finetune"],
            "langsmith_finetune.loaders": ["LangSmithDatasetChatLoader", "LangSmithRunChatLoader"],
            "langsmith_finetune.targets.checking": ["check"],
        },
        rooms=[
            "chat_format",
            "cost",
            "dataset",
            "errors",
            "evaluation",
            "jobs",
            "jsonl",
            "ledger",
            "pipeline",
            "providers",
            "runs",
            "serving",
            "sessions",
            "targets",
            "testing",
        ],
    )

__all__ = [
    "FineTuneError",
    "FineTuneJob",
    "FineTunedModel",
    "InvalidExampleError",
    "JobFailedError",
    "JobTimeoutError",
    "LabelExample",
    "LangSmithDatasetChatLoader",
    "LangSmithRunChatLoader",
    "NotSupportedError",
    "PreferenceExample",
    "Provider",
    "ProviderError",
    "RunNotUsableError",
    "TrainingExample",
    "aevaluate",
    "afinetune",
    "check",
    "convert_messages_for_finetuning",
    "evaluate",
    "examples_from_runs",
    "finetune",
    "read_jsonl",
    "run_files",
    "save_runs",
    "select_runs",
    "training_examples",
    "write_jsonl",
]
