"""From LangSmith runs to a fine-tuned model that LangChain can call.

    runs -> sessions -> examples -> file -> job -> model

    runs = select_runs(project_name="support-bot")
    sessions = LangSmithRunChatLoader(runs=runs).lazy_load()
    write_jsonl(training_examples(sessions), "train.jsonl")
    job = FineTuneJob.create("train.jsonl", model="Qwen/Qwen3-0.6B", provider=LocalProvider())
    model = job.wait().chat_model(temperature=0)

Providers are imported by name: `from langsmith_finetune.providers.local import LocalProvider`.
"""

from langsmith_finetune.chat_format import PreferenceInput, PreferenceLine, TrainingLine, TrainingMessage
from langsmith_finetune.convert import convert_messages_for_finetuning, examples_from_runs, training_examples
from langsmith_finetune.cost.prices import CostEstimate, estimate_cost
from langsmith_finetune.cost.tokens import (
    TokenCount,
    TokenCounter,
    count_tokens,
    token_counter,
)
from langsmith_finetune.dataset.dedupe import drop_duplicates
from langsmith_finetune.dataset.describe import Description, Distribution, describe_examples, describe_runs
from langsmith_finetune.dataset.fold import fold_traces
from langsmith_finetune.dataset.hf import examples_from_hf, to_hf_dataset
from langsmith_finetune.dataset.length import fit_length
from langsmith_finetune.dataset.preferences import (
    preferences_from_candidates,
    preferences_from_corrections,
    preferences_from_edits,
    preferences_from_experiments,
    preferences_from_scores,
)
from langsmith_finetune.dataset.redact import PERSONAL_RULES, redact
from langsmith_finetune.dataset.report import DatasetChange, DatasetReport
from langsmith_finetune.dataset.shards import WrittenShards, write_shards
from langsmith_finetune.dataset.split import split_side, train_validation_split
from langsmith_finetune.errors import (
    FineTuneError,
    InvalidExampleError,
    JobFailedError,
    JobTimeoutError,
    NotSupportedError,
    ProviderError,
    RunNotUsableError,
)
from langsmith_finetune.examples.example import PreferenceExample, TrainingExample
from langsmith_finetune.examples.source import Note, RunSource
from langsmith_finetune.jobs.deployment import Deployment
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.jobs.plan import JobPlan
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.jsonl import WrittenFile, read_jsonl, write_jsonl
from langsmith_finetune.ledger.ledger import ErasedFile, Exposure, FileExposure, Ledger
from langsmith_finetune.ledger.rows import JobRow, SourceRow
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import (
    Checkpoint,
    DeploymentInfo,
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    ModelInfo,
    PreparedFile,
)
from langsmith_finetune.runs.files.read import run_files
from langsmith_finetune.runs.files.save import save_runs
from langsmith_finetune.runs.langsmith.read_apis import RUN_FIELDS
from langsmith_finetune.runs.langsmith.selection import Selection, SelectionState
from langsmith_finetune.runs.lists import (
    runs_from_annotation_queue,
    runs_from_dataset,
    runs_from_experiment,
)
from langsmith_finetune.runs.select import select_runs
from langsmith_finetune.sessions import (
    LangSmithDatasetChatLoader,
    LangSmithRunChatLoader,
    RunChatSession,
)
from langsmith_finetune.targets.check import check, fix_examples
from langsmith_finetune.targets.registry import TARGETS, Problem, TargetRules, from_target, to_target
from langsmith_finetune.targets.report import CheckReport

__all__ = [
    "PERSONAL_RULES",
    "RUN_FIELDS",
    "TARGETS",
    "DatasetChange",
    "CheckReport",
    "Checkpoint",
    "DatasetReport",
    "Deployment",
    "DeploymentInfo",
    "Description",
    "FileExposure",
    "FineTuneError",
    "FineTuneJob",
    "FineTunedModel",
    "InvalidExampleError",
    "JobEvent",
    "JobFailedError",
    "JobPlan",
    "JobRecord",
    "JobRequest",
    "JobRow",
    "JobInfo",
    "JobTimeoutError",
    "Journal",
    "LangSmithDatasetChatLoader",
    "LangSmithRunChatLoader",
    "Ledger",
    "NotSupportedError",
    "Note",
    "PreferenceExample",
    "PreferenceInput",
    "PreferenceLine",
    "PreparedFile",
    "CostEstimate",
    "Problem",
    "Provider",
    "ProviderError",
    "ErasedFile",
    "RunChatSession",
    "RunNotUsableError",
    "RunSource",
    "Exposure",
    "Selection",
    "SelectionState",
    "SourceRow",
    "Distribution",
    "TargetRules",
    "TokenCount",
    "TokenCounter",
    "TrainingExample",
    "TrainingLine",
    "TrainingMessage",
    "ModelInfo",
    "FileInfo",
    "WrittenFile",
    "WrittenShards",
    "check",
    "convert_messages_for_finetuning",
    "count_tokens",
    "token_counter",
    "describe_examples",
    "describe_runs",
    "drop_duplicates",
    "examples_from_hf",
    "examples_from_runs",
    "fit_length",
    "fold_traces",
    "from_target",
    "fix_examples",
    "preferences_from_candidates",
    "preferences_from_corrections",
    "preferences_from_edits",
    "preferences_from_experiments",
    "preferences_from_scores",
    "estimate_cost",
    "read_jsonl",
    "redact",
    "run_files",
    "runs_from_annotation_queue",
    "runs_from_dataset",
    "runs_from_experiment",
    "save_runs",
    "select_runs",
    "train_validation_split",
    "split_side",
    "to_hf_dataset",
    "to_target",
    "training_examples",
    "write_jsonl",
    "write_shards",
]
