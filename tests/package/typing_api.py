"""The public types as a checker sees them: `make types` and `make pyright` check this file, and nothing runs it."""

# pyright: strict, reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

from langchain_core.language_models import BaseChatModel

import langsmith_finetune
from langsmith_finetune import (
    FineTunedModel,
    FineTuneJob,
    LangSmithRunChatLoader,
    TrainingExample,
    aevaluate,
    afinetune,
    check,
    evaluate,
    examples_from_runs,
    finetune,
    read_jsonl,
    run_files,
    select_runs,
    training_examples,
    write_jsonl,
)
from langsmith_finetune.cost import CostEstimate, TokenCount, count_tokens, estimate_cost
from langsmith_finetune.dataset import DatasetReport, drop_duplicates, fold_traces, train_validation_split
from langsmith_finetune.evaluation import Comparison, Evaluation
from langsmith_finetune.jobs import JobPlan
from langsmith_finetune.jsonl import WrittenFile
from langsmith_finetune.ledger import Exposure, Ledger
from langsmith_finetune.providers import JobInfo
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.runs import RunSource, Selection
from langsmith_finetune.serving import ServeCommand, SmokeTest, export, serve_command, smoke_test
from langsmith_finetune.sessions import RunChatSession
from langsmith_finetune.targets import CheckReport, SplitLine, SplitReport, split_line, to_target


def the_path() -> None:
    runs = select_runs(project_name="support-bot", feedback={"user_score": 1})
    assert_type(runs, Selection)
    for run in runs:
        assert_type(run.id, str | None)
    sessions = LangSmithRunChatLoader(runs=runs).lazy_load()
    assert_type(sessions, Iterator[RunChatSession])
    examples = training_examples(sessions, train_on="last")
    assert_type(examples, Iterator[TrainingExample])
    assert_type(write_jsonl(examples, "train.jsonl"), WrittenFile)
    provider = LocalProvider()
    job = FineTuneJob.create("train.jsonl", model="m", provider=provider)
    assert_type(job, FineTuneJob)
    assert_type(job.info, JobInfo)
    assert_type(FineTuneJob.plan("train.jsonl", model="m", provider=provider), JobPlan)
    model = job.wait()
    assert_type(model, FineTunedModel)
    whole = finetune(project_name="support-bot", feedback={"user_score": 1}, model="m", provider=provider)
    assert_type(whole, FineTunedModel)
    assert_type(model.chat_model(temperature=0), BaseChatModel)


def the_way_home(model: FineTunedModel, served: BaseChatModel) -> None:
    command = serve_command(model, "vllm")
    assert_type(command, ServeCommand)
    assert_type(command.argv, tuple[str, ...])
    assert_type(export(model, "bot", format="gguf", quantization="q8_0"), Path)
    assert_type(smoke_test(model, served, "heldout.jsonl"), SmokeTest)


async def the_same_without_blocking() -> None:
    assert_type(await aevaluate({"mine": "models/base"}, "heldout.jsonl", answers=3), Evaluation)
    async for run in select_runs(project_name="support-bot"):
        assert_type(run.id, str | None)
    job = await FineTuneJob.acreate("train.jsonl", model="m", provider=LocalProvider(), name="adder")
    assert_type(job, FineTuneJob)
    assert_type(await job, FineTunedModel)
    whole = await afinetune(project_name="support-bot", model="m", provider=LocalProvider(), redact=True)
    assert_type(whole, FineTunedModel)


def the_steps(report: DatasetReport) -> None:
    examples = drop_duplicates(fold_traces(examples_from_runs(run_files("runs.jsonl"))), report=report)
    train, validation = train_validation_split(examples, validation_size=0.1, group_by="thread", seed=1)
    assert_type(train, Iterator[TrainingExample])
    assert_type(validation, Iterator[TrainingExample])
    for example in train:
        assert_type(example.source, RunSource | None)
    assert_type(check("train.jsonl", "openai"), CheckReport)
    assert_type(count_tokens(read_jsonl("train.jsonl")), TokenCount)
    cost = estimate_cost(1000, provider="openai", model="gpt-4.1-mini", n_epochs=3)
    assert_type(cost, CostEstimate | None)
    assert_type(Ledger("data").seen(user_ids=["ada"]), Exposure)
    for line in read_jsonl("train.jsonl"):
        assert_type(to_target(line, "gemini"), dict[str, Any])
        assert_type(split_line(line, "trl"), SplitLine)
    assert_type(write_jsonl(validation, "trl.jsonl", target="trl").split, SplitReport | None)


def the_proof(model: FineTunedModel) -> None:
    result = evaluate(
        {"before": "models/base", "after": model}, "heldout.jsonl", answers="last", judge=model.chat_model()
    )
    assert_type(result, Evaluation)
    assert_type(result.compare("before", "after", metric="calls_match"), Comparison)
    result.assert_better("before", "after", by=0.05)


print(langsmith_finetune.nothing)  # type: ignore[attr-defined]  # noqa: T201
FineTuneJob.create("train.jsonl", model="m", provider=LocalProvider(), dry_run=True)  # type: ignore[call-arg]
serve_command("m", "tgi")  # type: ignore[arg-type]
training_examples([], train_on="answer")  # type: ignore[arg-type]


def what_is_at_hand() -> None:
    lines = [{"messages": [{"role": "user", "content": "Hi"}]}]
    assert_type(fold_traces("train.jsonl"), Iterator[TrainingExample])
    assert_type(drop_duplicates(lines), Iterator[TrainingExample])
    examples = [TrainingExample(line={"messages": []})]
    assert_type(train_validation_split(examples)[0], Iterator[TrainingExample])
    select_runs(project_name="support-bot", start_time="2026-11-01")
