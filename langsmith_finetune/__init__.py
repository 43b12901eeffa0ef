"""From LangSmith runs to a fine-tuned model that LangChain can call.

    runs -> sessions -> examples -> file -> job -> model

    runs = select_runs(project_name="support-bot")
    sessions = LangSmithRunChatLoader(runs=runs).lazy_load()
    write_jsonl(training_examples(sessions), "train.jsonl")
    job = FineTuneJob.create("train.jsonl", model="Qwen/Qwen3-0.6B", provider=LocalProvider())
    model = job.wait().chat_model(temperature=0)

Providers are imported by name: `from langsmith_finetune.providers.local import LocalProvider`.
"""

from langsmith_finetune.dataset.jsonl import WrittenFile, read_jsonl, write_jsonl
from langsmith_finetune.errors import (
    FineTuneError,
    InvalidExampleError,
    JobFailedError,
    JobTimeoutError,
    NotSupportedError,
    ProviderError,
    RunNotUsableError,
)
from langsmith_finetune.examples import (
    PreferenceExample,
    PreferenceInput,
    PreferenceLine,
    TrainingExample,
    TrainingLine,
    TrainingMessage,
    convert_messages_for_finetuning,
    examples_from_runs,
    training_examples,
)
from langsmith_finetune.jobs import FineTunedModel, FineTuneJob
from langsmith_finetune.providers.base import JobEvent, JobRequest, JobStatus, Provider
from langsmith_finetune.runs import aselect_runs, select_runs
from langsmith_finetune.sessions import (
    LangSmithDatasetChatLoader,
    LangSmithRunChatLoader,
    RunChatSession,
)
from langsmith_finetune.shapes.canonical import Note
from langsmith_finetune.shapes.run import RunSource

__all__ = [
    "FineTuneError",
    "FineTuneJob",
    "FineTunedModel",
    "InvalidExampleError",
    "JobEvent",
    "JobFailedError",
    "JobRequest",
    "JobStatus",
    "JobTimeoutError",
    "LangSmithDatasetChatLoader",
    "LangSmithRunChatLoader",
    "NotSupportedError",
    "Note",
    "PreferenceExample",
    "PreferenceInput",
    "PreferenceLine",
    "Provider",
    "ProviderError",
    "RunChatSession",
    "RunNotUsableError",
    "RunSource",
    "TrainingExample",
    "TrainingLine",
    "TrainingMessage",
    "WrittenFile",
    "aselect_runs",
    "convert_messages_for_finetuning",
    "examples_from_runs",
    "read_jsonl",
    "select_runs",
    "training_examples",
    "write_jsonl",
]
