"""What this library leaves on disks, at hosts and in fingerprints, written down as a version does it.

    git worktree add --detach ../base COMMIT
    PYTHONPATH=../base python tests/support/freeze.py tests/data/frozen/VERSION

runs that commit's code and its stand-ins, and nothing of today's. A version that was never released has its commit's name.
`tests/reliability/test_frozen.py` holds every later version to what is there. What was frozen once is never written anew: a
version whose files are different is frozen beside it, in a folder of its own.

    fingerprints.json     requests with their hex values; what `create` makes of the same settings at each
                          provider, with the place that the provider keeps its jobs
    files/                the training files and the model folder of those
    PROVIDER/             jobs.json: what was created; journal/: what the journal kept; work/: the training
                          file, its ledger and what jobs wrote beside it; requests.jsonl: what went to the host
    selections.json       states of `select_runs`, taken after a few runs, and the ids that are still to come
    shards/               runs as `save_runs` wrote them (from/) and what `write_shards` made of them (to/)
    kinds/                preferences and labels with their ledgers
    evaluation/           held-out questions and the folder of answers that `evaluate` paid for
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx2
import langsmith
import openai
from huggingface_hub import HfApi

from langsmith_finetune import (
    FineTunedModel,
    FineTuneJob,
    LabelExample,
    PreferenceExample,
    TrainingExample,
    evaluate,
    save_runs,
    select_runs,
    write_jsonl,
)
from langsmith_finetune.dataset import write_shards
from langsmith_finetune.jobs.request import job_request
from langsmith_finetune.providers import JobRequest, lifecycle
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.runs import RunSource
from langsmith_finetune.testing import FakeProvider, fake_clock
from tests.support.standins.fireworks import FireworksStandIn
from tests.support.standins.huggingface import HuggingFaceStandIn
from tests.support.standins.langsmith import KEY as LANGSMITH_KEY
from tests.support.standins.langsmith import PROJECT_ID, LangSmith, trace
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.together import TogetherStandIn

KEY = "made-up-key-0123456789"
HOME = "/home/ada"
"""Stands for the folder of the machine that wrote the files."""

LOCAL_RUNS = "/home/ada-runs"  # apart from HOME, since the journal's file names depend on it

# --- the providers -----------------------------------------------------------------------------------------

HOSTED: dict[str, tuple[Callable[[], Any], Callable[..., Any], Callable[[], Any]]] = {
    "openai": (
        OpenAIStandIn,
        lambda server, client, http: OpenAIProvider(client=client),
        lambda: OpenAIProvider(KEY, "https://api.openai.com/v1"),
    ),
    "azure": (
        partial(OpenAIStandIn, azure=True),
        lambda server, client, http: AzureProvider(client=client),
        lambda: AzureProvider("https://ada.openai.azure.com", KEY),
    ),
    "nebius": (
        OpenAIStandIn,
        lambda server, client, http: NebiusProvider(client=client),
        lambda: NebiusProvider(KEY),
    ),
    "crusoe": (
        OpenAIStandIn,
        lambda server, client, http: CrusoeProvider(client=client),
        lambda: CrusoeProvider(KEY),
    ),
    "together": (
        TogetherStandIn,
        lambda server, client, http: TogetherProvider(KEY, server.url, http_client=http),
        lambda: TogetherProvider(KEY),
    ),
    "fireworks": (
        FireworksStandIn,
        lambda server, client, http: FireworksProvider(KEY, base_url=server.url, http_client=http),
        lambda: FireworksProvider(KEY),
    ),
    "huggingface": (
        HuggingFaceStandIn,
        lambda server, client, http: HuggingFaceProvider(api=HfApi(endpoint=server.url, token=KEY)),
        lambda: HuggingFaceProvider(api=HfApi(endpoint="https://huggingface.co", token=KEY)),
    ),
}
"""By name: the stand-in, the provider at it, and the provider as people make it."""

UNHOSTED: dict[str, Callable[[], Any]] = {
    "local": lambda: LocalProvider(LOCAL_RUNS),
    "fake": lambda: FakeProvider(Path(LOCAL_RUNS)),
}

MODELS = {
    "openai": "gpt-4.1-mini-2025-04-14",
    "azure": "gpt-4.1-mini-2025-04-14",
    "nebius": "meta-llama/Llama-3.1-8B-Instruct",
    "crusoe": "meta-llama/Llama-3.1-8B-Instruct",
    "together": "Qwen/Qwen3-8B",
    "fireworks": "accounts/fireworks/models/qwen3-8b",
    "huggingface": "Qwen/Qwen3-0.6B",
    "local": "Qwen/Qwen3-0.6B",
    "fake": "some-model",
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "openai": {"n_epochs": 3, "learning_rate_multiplier": 0.1, "batch_size": "auto"},
    "azure": {"n_epochs": 3, "learning_rate_multiplier": 2},
    "nebius": {"n_epochs": 2, "learning_rate": 1e-5, "lora": True},
    "crusoe": {"n_epochs": 2, "batch_size": 4},
    "together": {"n_epochs": 3, "learning_rate": 1e-05, "warmup_ratio": 0.1},
    "fireworks": {"n_epochs": 3, "learning_rate": 0.0001, "lora_rank": 8},
    "huggingface": {"n_epochs": 1.5, "lora": {"r": 8, "alpha": 16}},
    "local": {"n_epochs": 2, "lora": {"alpha": 16, "r": 8, "dropout": 0.05}, "learning_rate": 0.0002},
    "fake": {"n_epochs": 2},
}

GRADER = {"type": "string_check", "name": "g", "operation": "eq", "input": "{{sample.output_text}}"}


def variants(provider: str) -> dict[str, dict[str, Any]]:
    """The settings that jobs are created with; names of files stand for the files."""
    found: dict[str, dict[str, Any]] = {
        "plain": {},
        "parameters": {"parameters": PARAMETERS[provider]},
        "validation": {"validation_file": "valid.jsonl"},
        "suffix": {"suffix": "v2"},
        "seed": {"seed": 7},
        "everything": {
            "parameters": PARAMETERS[provider],
            "validation_file": "valid.jsonl",
            "suffix": "v2",
            "seed": 7,
        },
    }
    if provider in ("local", "fake"):
        found["a model folder"] = {"model": "model"}
    if provider in ("openai", "azure", "together", "fireworks", "fake"):
        found["dpo"] = {"method": "dpo", "training_file": "prefs.jsonl"}
    if provider in ("local", "huggingface"):
        found["on pairs"] = {"method": "dpo", "training_file": "prefs.jsonl"}
        found["on labels"] = {"method": "kto", "training_file": "labels.jsonl"}
    if provider in ("openai", "azure"):
        settings = {"grader": GRADER | {"reference": "{{item.answer}}"}}
        found["reinforcement"] = {
            "method": "reinforcement",
            "training_file": "graded.jsonl",
            "parameters": settings,
        }
    return found


def settings_of(files: Path, provider: str, variant: str) -> dict[str, Any]:
    """A variant's settings for `FineTuneJob.create`."""
    settings = {"training_file": "train.jsonl", "model": MODELS[provider], **variants(provider)[variant]}
    for key in ("training_file", "validation_file"):
        if key in settings:
            settings[key] = files / settings[key]
    if settings["model"] == "model":
        settings["model"] = files / "model"
    return settings


@contextmanager
def at_stand_in(name: str) -> Iterator[tuple[Any, Any]]:
    """A provider at its stand-in, which keeps its jobs, so it says, where the real host is."""
    make_server, make, real = HOSTED[name]
    with ExitStack() as stack:
        server = stack.enter_context(make_server())
        http = stack.enter_context(httpx2.Client())
        client = stack.enter_context(openai.OpenAI(api_key=KEY, base_url=f"{server.url}/v1"))
        provider = make(server, client, http)
        kind = type(provider)
        provider.__class__ = type(kind.__name__, (kind,), {"home": real().home})
        yield server, provider


def without_a_host(name: str, runs: Path) -> Any:
    """`local` or `fake`, whose folder is `runs`; it says that it is `LOCAL_RUNS`."""
    kind = {"local": LocalProvider, "fake": FakeProvider}[name]
    provider = kind(runs)
    provider.__class__ = type(type(provider).__name__, (type(provider),), {"home": LOCAL_RUNS})
    return provider


# --- requests ----------------------------------------------------------------------------------------------

A, B, C = "a" * 64, "0123456789abcdef" * 4, "f" * 64

REQUESTS: list[dict[str, Any]] = [
    {"training_sha256": A, "model": "gpt-4o-mini"},
    {"training_sha256": B, "model": "gpt-4o-mini"},
    {"training_sha256": A, "model": "Qwen/Qwen3-0.6B"},
    {"training_sha256": A, "model": "/home/ada/model", "model_sha256": C},
    {"training_sha256": A, "model": "elsewhere", "model_sha256": C},
    {"training_sha256": A, "model": "m", "method": "dpo"},
    {"training_sha256": A, "model": "m", "method": "dpo", "parameters": {"beta": 0.1, "n_epochs": 2}},
    {"training_sha256": A, "model": "m", "method": "reinforcement", "parameters": {"grader": GRADER}},
    {"training_sha256": A, "model": "m", "validation_sha256": B},
    {"training_sha256": A, "model": "m", "suffix": "support-bot"},
    {"training_sha256": A, "model": "m", "suffix": ""},
    {"training_sha256": A, "model": "m", "suffix": "größe 你好"},
    {"training_sha256": A, "model": "m", "seed": 0},
    {"training_sha256": A, "model": "m", "seed": 42},
    {"training_sha256": A, "model": "m", "parameters": {"n_epochs": 3}},
    {"training_sha256": A, "model": "m", "parameters": {"n_epochs": 3.0}},
    {"training_sha256": A, "model": "m", "parameters": {"n_epochs": "auto"}},
    {"training_sha256": A, "model": "m", "parameters": {"lora": True, "n_epochs": 1}},
    {"training_sha256": A, "model": "m", "parameters": {"n_epochs": 1, "lora": True}},
    {"training_sha256": A, "model": "m", "parameters": {"lora": {"r": 8, "alpha": 16}}},
    {"training_sha256": A, "model": "m", "parameters": {"lora": None, "learning_rate": 2e-05}},
    {"training_sha256": A, "model": "m", "parameters": {"names": ["b", "a"], "text": "你好 \u2028"}},
    {
        "training_sha256": A,
        "model": "m",
        "validation_sha256": B,
        "method": "supervised",
        "parameters": {"n_epochs": 3, "learning_rate": 0.0001},
        "suffix": "v2",
        "seed": 7,
    },
]


def fingerprint_at(provider: Any, files: Path, variant: str) -> str:
    """What `create` asks for, without a look into the model's folder, as `plan` would take."""
    unset = {"method": "supervised"} | dict.fromkeys(("parameters", "validation_file", "suffix", "seed"))
    return job_request(**unset | settings_of(files, provider.name, variant), provider=provider).fingerprint


def fingerprint_of(request: Mapping[str, Any]) -> str:
    """The fingerprint of a request of the list above."""
    validation = Path("valid.jsonl") if "validation_sha256" in request else None
    return JobRequest(training_file=Path("train.jsonl"), validation_file=validation, **request).fingerprint


# --- files -------------------------------------------------------------------------------------------------


def _line(question: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


def _label(n: int) -> dict[str, Any]:
    prompt, answer = _line(f"{n} + 1?", str(n + 1 - n % 2))["messages"]
    return {"prompt": [prompt], "completion": [answer], "label": not n % 2}


def _write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_bytes(b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines))


def write_files(folder: Path) -> None:
    """The files that the jobs train on."""
    folder.mkdir(parents=True)
    _write(folder / "train.jsonl", [_line(f"{n} + 1? 你好", str(n + 1)) for n in range(12)])
    _write(folder / "valid.jsonl", [_line(f"{n} + 2?", str(n + 2)) for n in range(10)])
    preferences = [
        {
            "input": {"messages": [{"role": "user", "content": f"{n} + 1?"}]},
            "preferred_output": [{"role": "assistant", "content": str(n + 1)}],
            "non_preferred_output": [{"role": "assistant", "content": str(n)}],
        }
        for n in range(12)
    ]
    _write(folder / "prefs.jsonl", preferences)
    _write(folder / "labels.jsonl", [_label(n) for n in range(12)])
    graded = [
        {"messages": [{"role": "user", "content": f"{n} + 1?"}], "answer": str(n + 1)} for n in range(12)
    ]
    _write(folder / "graded.jsonl", graded)
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text('{"model_type": "qwen3"}\n', encoding="utf-8")
    (folder / "model" / "model.safetensors").write_bytes(bytes(range(256)) * 4)


def examples() -> Iterator[TrainingExample]:
    """Examples with sources, for the ledger beside a file: of two users, one merged, one changed."""
    for n in range(12):
        source = RunSource(
            run_id=f"run-{n}",
            trace_id=f"trace-{n // 2}",
            thread_id="thread-1" if n < 6 else None,
            user_id=("ada", "grace", None)[n % 3],
            project_id="project-1",
            start_time=f"2026-11-2{n % 10}T10:00:00+00:00",
            model="gpt-4o",
            scores={"user_score": 1.0} if n % 2 else {},
        )
        merged = (RunSource(run_id="run-merged", user_id="grace"),) if n == 4 else ()
        changes = ("redacted",) if n == 5 else ()
        yield TrainingExample(
            line=_line(f"{n} + 1?", str(n + 1)), source=source, merged=merged, changes=changes
        )


# --- jobs --------------------------------------------------------------------------------------------------


def jobs_of(name: str, work: Path, files: Path) -> dict[str, dict[str, Any]]:
    """The jobs that are created at a provider, with their names."""
    train: dict[str, Any] = {"training_file": work / "train.jsonl", "model": MODELS[name]}
    parameters = PARAMETERS[name]
    if name == "local":
        train |= {"model": files / "model", "parameters": {"max_steps": 2, "batch_size": 4}}
        parameters = {"max_steps": 3, "batch_size": 4, "learning_rate": 0.0001}
    jobs = {
        "plain": train,
        "named": train
        | {"name": "support-bot", "parameters": parameters, "suffix": "v2", "seed": 7}
        | {"validation_file": files / "valid.jsonl"},
    }
    if "dpo" in variants(name):
        jobs["dpo"] = settings_of(files, name, "dpo") | {"name": "better"}
    return jobs


def _freeze_jobs(folder: Path, files: Path, provider: Any, server: Any = None) -> None:
    name = provider.name
    work, journal = folder / "work", folder / "journal"
    work.mkdir(parents=True)
    write_jsonl(examples(), work / "train.jsonl")
    created = {}
    for title, settings in jobs_of(name, work, files).items():
        job = FineTuneJob.create(**settings, provider=provider, journal=journal, progress=False)
        if title == "plain" or name == "local":
            job.wait(progress=False)
        created[title] = {"job_id": job.id, "status": job.status}
    for record in FineTuneJob.list(provider, journal=journal):
        title = next(title for title, job in created.items() if job["job_id"] == record.job_id)
        created[title] |= {"fingerprint": record.fingerprint, "names": list(record.names)}
        created[title] |= {"fine_tuned_model": record.fine_tuned_model}
    _json(folder / "jobs.json", {"provider": name, "home": provider.home, "jobs": created})
    if server is not None:
        with (folder / "requests.jsonl").open("w", encoding="utf-8") as out:
            for request in server.requests:
                kept = _request(request)
                if (
                    len(json.dumps(kept)) < 20_000
                ):  # the code that a job at Hugging Face brings is not asked for
                    out.write(json.dumps(kept) + "\n")
    for lock in journal.glob("*.lock"):
        lock.unlink()


def _request(request: Any) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "type": request.headers.get("content-type"),
        "body": request.body.decode(),
    }


def _freeze_local(folder: Path, files: Path) -> None:
    from langsmith_finetune.providers.local import tiny_model  # it loads torch

    runs = folder / "runs"
    model = tiny_model(folder / "tiny", files / "train.jsonl")
    provider = without_a_host("local", runs)
    # What the process loads is a model that can be trained; what is asked for is a folder small enough to keep.
    provider._model = lambda _: str(model)
    _freeze_jobs(folder, files, provider)
    for path in sorted(runs.rglob("*"), reverse=True):
        weights = path.is_file() and (path.stat().st_size > 20_000 or path.parent.parent.name != "runs")
        if weights or path.name == "log.txt":
            path.unlink()  # weights, tokenizers and other people's chatter
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    shutil.rmtree(folder / "tiny")


# --- selections and shards ---------------------------------------------------------------------------------

FIRST = datetime(2026, 11, 20, 8, 0, 0, 123456, tzinfo=UTC)
SELECTIONS: dict[str, dict[str, Any]] = {
    "plain": {"start_time": FIRST - timedelta(days=1)},
    "from to": {"start_time": FIRST, "end_time": FIRST + timedelta(hours=9), "limit": 7},
    "conditions": {
        "start_time": FIRST - timedelta(days=1),
        "tags": "beta",
        "names": ["ChatOpenAI"],
        "error": None,
    },
    "a sample": {"start_time": FIRST - timedelta(days=1), "sample": 0.6, "seed": 3},
}


def runs_there() -> list[dict[str, Any]]:
    """The runs of a project, some at the same moment."""
    found = []
    for n in range(12):
        run_id = f"00000000-0000-4000-8000-{n:012}"
        found += trace(
            run_id=run_id,
            started=FIRST + timedelta(hours=n - n % 2),
            tags=["beta"] if n % 3 else [],
            error="rate limit" if n == 5 else None,
        )
    return found


@contextmanager
def langsmith_client(**apis: Any) -> Iterator[langsmith.Langsmith]:
    """A client of a LangSmith with those runs."""
    with (
        LangSmith(runs_there(), **apis) as server,
        langsmith.Langsmith(api_key=LANGSMITH_KEY, base_url=server.url) as client,
    ):
        yield client


def selected(client: Any, name: str, **more: Any) -> Any:
    """One of the selections."""
    return select_runs(client, project_id=PROJECT_ID, **SELECTIONS[name], **more)


def _freeze_selections(path: Path) -> None:
    states = {}
    for name in SELECTIONS:
        with langsmith_client() as client:
            runs = selected(client, name)
            read = iter(runs)
            taken = [str(next(read).id) for _ in range(3)]
            state = runs.state.to_dict()
            states[name] = {"state": state, "taken": taken, "left": [str(run.id) for run in read]}
    _json(path, states)


def shard_runs(number: int) -> list[dict[str, Any]]:
    """The runs of one file: four good ones, one that is hidden."""
    found = []
    for n in range(5):
        answer = {"choices": [{"message": {"role": "assistant", "content": f"{n + 1} 你好"}}]}
        found.append(
            {
                "id": f"run-{number}-{n}",
                "trace_id": f"trace-{number}-{n}",
                "run_type": "llm",
                "name": "ChatOpenAI",
                "status": "success",
                "start_time": f"2026-11-20T0{n}:00:00+00:00",
                "end_time": f"2026-11-20T0{n}:00:01+00:00",
                "inputs": {"messages": [{"role": "user", "content": f"{number}: {n} + 1?"}]},
                "outputs": {} if n == 3 else answer,
                "extra": {"metadata": {"ls_model_name": "gpt-4o", "user_id": "ada" if n % 2 else "grace"}},
            }
        )
    return found


def _freeze_shards(folder: Path) -> None:
    runs = folder / "from"
    runs.mkdir(parents=True)
    for number, suffix in enumerate(("jsonl", "jsonl.gz", "jsonl.zst")):
        save_runs(shard_runs(number), runs / f"runs-{number}.{suffix}")
    write_shards([str(path) for path in sorted(runs.iterdir())], folder / "to")


# --- other kinds of lines, and evaluations --------------------------------------------------------------------


def preferences() -> Iterator[PreferenceExample]:
    """Pairs of a good and a bad answer, with their sources."""
    for n in range(4):
        good, bad = ([{"role": "assistant", "content": str(n + wrong)}] for wrong in (1, 2))
        asked = {"messages": [{"role": "user", "content": f"{n} + 1? 你好"}]}
        line: Any = {"input": asked, "preferred_output": good, "non_preferred_output": bad}
        rejected = RunSource(run_id=f"other-{n}", user_id="grace")
        yield PreferenceExample(
            line=line, source=RunSource(run_id=f"run-{n}", user_id="ada"), rejected_source=rejected
        )


def labels() -> Iterator[LabelExample]:
    """Answers that somebody liked or not, with their sources."""
    for n in range(4):
        line: Any = _label(n)
        yield LabelExample(line=line, source=RunSource(run_id=f"run-{n}", user_id="ada"))


def _freeze_kinds(folder: Path) -> None:
    folder.mkdir()
    write_jsonl(preferences(), folder / "preferences.jsonl")
    write_jsonl(labels(), folder / "labels.jsonl")


def evaluated(folder: Path, provider: Any) -> Any:
    """Two models, asked the questions of a folder."""
    models = {
        name: FineTunedModel(id=f"{name}-model", base_model="base", job_id="job", provider=provider)
        for name in ("before", "after")
    }
    return evaluate(models, folder / "heldout.jsonl", metrics=["exact_match"], progress=False)


def _freeze_evaluation(folder: Path) -> None:
    folder.mkdir()
    _write(folder / "heldout.jsonl", [_line(f"{n} + 1? 你好", str(n + 1)) for n in range(6)])
    result = evaluated(folder, FakeProvider(responses=["2", "3", "一"]))
    _json(folder / "scores.json", result.scores)
    for path in folder.glob("*/.lock"):
        path.unlink()


# --- all of it ---------------------------------------------------------------------------------------------


def _freeze_fingerprints(path: Path, files: Path) -> None:
    created = {}
    for name in MODELS:
        provider = (UNHOSTED.get(name) or HOSTED[name][2])()
        fingerprints = {variant: fingerprint_at(provider, files, variant) for variant in variants(name)}
        created[name] = {"home": provider.home, "fingerprints": fingerprints}
    requests = [{"request": request, "fingerprint": fingerprint_of(request)} for request in REQUESTS]
    _json(path, {"requests": requests, "created": created})


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(target: str) -> None:
    """Write it all into a folder that is not there yet."""
    # A day on which every method of every provider lived.
    today = patch.object(lifecycle, "_today", lambda: date(2026, 10, 1))
    with tempfile.TemporaryDirectory() as here, today:
        folder = Path(here).resolve() / "ada"
        files = folder / "files"
        write_files(files)
        _freeze_fingerprints(folder / "fingerprints.json", files)
        for name in HOSTED:
            with at_stand_in(name) as (server, provider), fake_clock():
                _freeze_jobs(folder / name, files, provider, server)
        with fake_clock(1_790_000_000.0):
            _freeze_jobs(folder / "fake", files, without_a_host("fake", folder / "fake" / "runs"))
        _freeze_local(folder / "local", files)
        _freeze_selections(folder / "selections.json")
        _freeze_shards(folder / "shards")
        _freeze_kinds(folder / "kinds")
        _freeze_evaluation(folder / "evaluation")
        for path in folder.rglob("*.json*"):
            if path.suffix in (".json", ".jsonl"):
                text = path.read_text(encoding="utf-8").replace(str(folder), HOME)
                text = text.replace(json.dumps(platform.node()), '"ada-pc"').replace(KEY, "KEY")
                path.write_text(text, encoding="utf-8")
        shutil.copytree(folder, target)


if __name__ == "__main__":
    main(sys.argv[1])
