"""From captured runs to a chat model, as a user's program does it, without an account or a network.

    python user_program.py RUNS.jsonl

`make release-check` runs it where the package is installed and no clone is near, and has its types checked there.
"""

# pyright: strict

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import assert_type

from langchain_core.prompts import ChatPromptTemplate

import langsmith_finetune
from langsmith_finetune import (
    FineTunedModel,
    FineTuneJob,
    LangSmithRunChatLoader,
    TrainingExample,
    check,
    read_jsonl,
    run_files,
    training_examples,
    write_jsonl,
)
from langsmith_finetune.dataset import describe_runs, redact, train_validation_split
from langsmith_finetune.jobs import JobPlan
from langsmith_finetune.jsonl import WrittenFile
from langsmith_finetune.ledger import Ledger
from langsmith_finetune.targets import CheckReport
from langsmith_finetune.testing import FakeProvider, fake_clock

MODEL = "Qwen/Qwen3-0.6B"


def open_every_door() -> int:
    """How many names there are; an extra that is missing keeps none of them away."""
    names = 0
    for package in (langsmith_finetune, importlib.import_module("langsmith_finetune.providers")):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if "._" in found.name:
                continue
            module = importlib.import_module(found.name)
            for name in getattr(module, "__all__", ()):
                getattr(module, name)
                names += 1
    return names


def write_files(runs: str) -> WrittenFile:
    print(describe_runs(run_files(runs)))
    loader = LangSmithRunChatLoader(runs=run_files(runs))
    examples: list[TrainingExample] = list(redact(training_examples(loader.lazy_load())))
    train, validation = train_validation_split(examples, validation_size=0.2, group_by="trace")
    write_jsonl(validation, "validation.jsonl")
    written = write_jsonl(train, "train.jsonl")
    assert written.count == len(list(read_jsonl("train.jsonl"))) > 10
    assert Ledger.verify("train.jsonl") == written.count
    return written


def check_file() -> CheckReport:
    report = check("train.jsonl", "openai")
    assert report.ok, report
    command = [
        sys.executable,
        "-P",
        "-m",
        "langsmith_finetune",
        "check",
        "train.jsonl",
        "--target",
        "openai",
        "--json",
    ]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(printed.stdout)["ok"] is True
    assert printed.stderr == "", printed.stderr
    return report


def train(provider: FakeProvider) -> FineTunedModel:
    plan = FineTuneJob.plan("train.jsonl", model=MODEL, provider=provider, validation_file="validation.jsonl")
    assert_type(plan, JobPlan)
    with fake_clock():
        job = FineTuneJob.create(
            "train.jsonl", model=MODEL, provider=provider, validation_file="validation.jsonl"
        )
        model = job.wait(progress=False)
        again = FineTuneJob.create(
            "train.jsonl", model=MODEL, provider=provider, validation_file="validation.jsonl"
        )
    assert again.id == job.id
    (record,) = FineTuneJob.list(provider)
    assert record.fingerprint == plan.fingerprint
    return model


async def train_without_blocking(provider: FakeProvider) -> FineTunedModel:
    with fake_clock():
        job = await FineTuneJob.acreate("train.jsonl", model=MODEL, provider=provider, seed=7)
        return await job


def ask(model: FineTunedModel) -> str:
    prompt = ChatPromptTemplate.from_messages([("user", "{question}")])
    answer = (prompt | model.chat_model(temperature=0)).invoke({"question": "45 / 5?"})
    return str(answer.text)


def main(runs: str) -> None:
    assert open_every_door() > 100
    written = write_files(runs)
    check_file()
    provider = FakeProvider(training_seconds=3, responses=["9"])
    model = train(provider)
    assert ask(model) == "9"
    source = Ledger.sources_of("train.jsonl", line=1)[0]
    assert model.id in Ledger(".").seen(run_ids=[source.get("run", "")]).models
    other = asyncio.run(train_without_blocking(provider))
    assert other.id != model.id
    place = Path(langsmith_finetune.__file__).parent
    print(f"the package in {place} wrote {written.count} lines and answers by {model.id}")


if __name__ == "__main__":
    main(sys.argv[1])
