"""Natural mistakes, a row each: what is called, what it raises, and what the error says."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from langchain_core.messages import AIMessage, HumanMessage

from langsmith_finetune import (
    FineTunedModel,
    FineTuneError,
    FineTuneJob,
    LangSmithDatasetChatLoader,
    LangSmithRunChatLoader,
    TrainingExample,
    check,
    convert_messages_for_finetuning,
    examples_from_runs,
    read_jsonl,
    run_files,
    save_runs,
    select_runs,
    training_examples,
    write_jsonl,
)
from langsmith_finetune.cost import count_tokens, estimate_cost, token_counter
from langsmith_finetune.dataset import (
    DatasetReport,
    Distribution,
    describe_examples,
    describe_runs,
    drop_duplicates,
    examples_from_hf,
    fit_length,
    fold_traces,
    labels_from_scores,
    preferences_from_candidates,
    preferences_from_corrections,
    preferences_from_edits,
    preferences_from_experiments,
    preferences_from_scores,
    ray_map,
    redact,
    split_side,
    to_hf_dataset,
    train_validation_split,
    write_shards,
)
from langsmith_finetune.evaluation import (
    aevaluate,
    answers_needed,
    evaluate,
    exact_mcnemar,
    paired_difference,
    plan_evaluation,
    regex_match,
    trajectory_match,
)
from langsmith_finetune.jobs import Deployment, Journal
from langsmith_finetune.ledger import Ledger
from langsmith_finetune.pipeline import afinetune, finetune, write_training_files
from langsmith_finetune.providers import lifecycle_of
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.local import (
    LocalChatModel,
    LocalProvider,
    audit,
    merge,
    preview,
    tiny_model,
)
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.runs import (
    RunSource,
    SelectionState,
    runs_from_annotation_queue,
    runs_from_dataset,
    runs_from_experiment,
    runs_of_threads,
    runs_of_traces,
)
from langsmith_finetune.serving import export, serve_command, smoke_test
from langsmith_finetune.targets import (
    TargetRules,
    examples_for_target,
    fix_examples,
    from_target,
    split_line,
    to_target,
)
from langsmith_finetune.testing import FakeProvider
from tests.support.payloads import wrap_openai_run

HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
EXAMPLE = TrainingExample(line=HELLO, source=RunSource(run_id="r", scores={"user_score": 1.0}))
SESSION = {"messages": [HumanMessage("Hi"), AIMessage("Hello!")]}
RUN = wrap_openai_run(HELLO)
FAKE = FakeProvider()
MODEL = FineTunedModel(id="m", base_model="b", job_id="j", provider=FAKE)
NAN = math.nan


def select(**settings: Any) -> object:
    return select_runs(**{"project_name": "p"} | settings)


def create(**settings: Any) -> object:
    return FineTuneJob.create(**{"training_file": "train.jsonl", "model": "m", "provider": FAKE} | settings)


def finetuned(**settings: Any) -> object:
    return finetune(**{"project_name": "p", "model": "m", "provider": FAKE} | settings)


async def afinetuned(**settings: Any) -> object:
    return await afinetune(**{"project_name": "p", "model": "m", "provider": FAKE} | settings)


def plan(**settings: Any) -> object:
    return FineTuneJob.plan(**{"training_file": "train.jsonl", "model": "m", "provider": FAKE} | settings)


def price(**settings: Any) -> object:
    known = {"tokens": 1000, "provider": "openai", "model": "gpt-4.1-mini", "n_epochs": 3}
    return estimate_cost(**known | settings)


def ended_job() -> FineTuneJob:
    request = {"id": "j", "status": "succeeded", "provider_status": "x", "model": "m"}
    from langsmith_finetune.providers import JobInfo

    return FineTuneJob(FAKE, JobInfo(**request, fine_tuned_model="t"))


def openai(**settings: Any) -> object:
    return OpenAIProvider(api_key="k").chat_model("ft:m", **settings)


def trained_with(provider: Any, **parameters: Any) -> Callable[[Path], object]:
    """A job with these parameters, at a provider that is not asked anything."""

    def call(folder: Path) -> object:
        file = folder / "train.jsonl"
        write_jsonl([HELLO] * 10, file)
        return FineTuneJob.plan(file, model="m", provider=provider(), parameters=parameters, check=False)

    return call


class Mistake(NamedTuple):
    """A row of the table."""

    call: Callable[..., object]
    error: type[Exception]
    says: tuple[str, ...]
    in_folder: bool = False


T, V = TypeError, ValueError


def row(call: Callable[..., object], error: type[Exception], *says: str) -> Mistake:
    return Mistake(call, error, says, in_folder="folder" in inspect.signature(call).parameters)


ASKED = {"a": lambda messages: "b", "b": lambda messages: "c"}


def asked(models: Any = ASKED, **settings: Any) -> Any:
    """An evaluation of one line."""
    return evaluate(models, [HELLO], **{"progress": False, **settings})


MISTAKES = [
    # --- names that there are not ---
    row(lambda: select(limt=5), T, "select_runs()", "limt=", "did you mean limit=?"),
    row(lambda: select(feedbacks={}), T, "did you mean feedback=?"),
    row(lambda: select(project="p"), T, "takes no project=", "project_name="),
    row(lambda: select(banana=1), T, "takes no banana=", "project_name=, project_id=, feedback="),
    row(lambda: run_files("runs.jsonl", agent="a"), T, "did you mean agents=?"),
    row(lambda: LangSmithRunChatLoader([RUN], skip_note=["redacted"]), T, "did you mean skip_notes=?"),
    row(lambda: LangSmithDatasetChatLoader(dataset="d"), T, "did you mean dataset_name=?"),
    row(lambda: training_examples([], trainon="last"), T, "training_examples()", "did you mean train_on=?"),
    row(lambda: examples_from_runs([], on_skipped=print), T, "did you mean on_skip=?"),
    row(lambda: write_jsonl([], "x", targets="openai"), T, "did you mean target=?"),
    row(lambda: check([HELLO], "openai", fixed=True), T, "check()", "did you mean"),
    row(lambda: fold_traces([], acros="trace"), T, "did you mean across=?"),
    row(lambda: drop_duplicates([], similarty=0.9), T, "did you mean similarity=?"),
    row(lambda: redact([], rules=[]), T, "redact() takes no rules=", "media="),
    row(lambda: train_validation_split([], test_size=0.1), T, "takes no test_size=", "validation_size="),
    row(lambda: price(epochs=3), T, "did you mean n_epochs=?"),
    row(lambda: create(sufix="x"), T, "create()", "did you mean suffix=?"),
    row(lambda: create(hyperparameters={}), T, "did you mean parameters=?"),
    row(lambda: ended_job().wait(time_out=5), T, "wait()", "did you mean timeout=?"),
    row(lambda: OpenAIProvider(key="k"), T, "takes no key=", "api_key="),
    row(lambda: TogetherProvider(apikey="k"), T, "TogetherProvider()", "did you mean api_key=?"),
    row(lambda: LocalProvider(run_dir="x"), T, "did you mean runs_dir=?"),
    row(lambda: runs_of_threads(["t"], project="p"), T, "runs_of_threads()", "project_name="),
    row(lambda: drop_duplicates([], 0.9), T, "takes examples by place", "similarity=, keep="),
    row(lambda: train_validation_split([], 0.2), T, "by place", "validation_size="),
    row(lambda: write_jsonl([], "x", "openai"), T, "takes examples, path by place", "target="),
    row(lambda: FakeProvider("x", 1.0), T, "by place", "queued_seconds="),
    # --- settings of chat models ---
    row(lambda: openai(temprature=0), T, "chat_model() of ChatOpenAI", "temprature=", "temperature=?"),
    row(lambda: openai(max_token=5), T, "did you mean max_tokens=?"),
    row(lambda: openai(banana=5), T, "takes no banana=", "help()"),
    row(lambda: openai(temperature="hot"), T, "chat_model() of ChatOpenAI", "temperature", "number"),
    row(lambda: openai(max_retries="many"), T, "max_retries", "integer"),
    row(lambda: MODEL.chat_model(temprature=0), T, "temprature="),
    row(lambda: FAKE.chat_model("m", banana=1), T, "takes no banana="),
    row(lambda: LocalProvider().chat_model("m", temprature=0), T, "LocalChatModel", "did you mean temperature=?"),
    row(lambda: LocalProvider().chat_model("m", temperature=-1), V, "temperature", "greater than or equal to 0"),
    row(lambda: LocalProvider().chat_model("m", max_tokens=0), V, "max_tokens", "greater than 0"),
    row(lambda: LocalChatModel(model="m", temprature=0), T, "LocalChatModel()", "did you mean temperature=?"),
    row(lambda: TogetherProvider(api_key="k").chat_model("m", temprature=0), T, "did you mean temperature=?"),
    row(
        lambda: FireworksProvider(api_key="k", account_id="a").chat_model("m", top_K=0), T, "ChatOpenAI", "top_K="
    ),
    row(lambda: HuggingFaceProvider(token="t").chat_model("a/b", seeds=1), T, "did you mean seed=?"),
    # --- numbers ---
    row(lambda: select(limit=2.5), T, "limit must be a whole number, such as 100, not 2.5"),
    row(lambda: select(limit="10"), T, "limit must be a whole number", "not str"),
    row(lambda: select(limit=True), T, "limit must be a whole number", "not True"),
    row(lambda: select(limit=0), V, "limit must be at least 1, not 0"),
    row(lambda: select(limit=-5), V, "limit must be at least 1, not -5"),
    row(lambda: select(limit=NAN), T, "limit must be a whole number", "nan"),
    row(lambda: select(sample="10%"), T, "sample must be a number, such as 0.5, not str"),
    row(lambda: select(sample=NAN), V, "sample must be a number", "nan"),
    row(lambda: select(sample=10), V, "sample must be above 0 and at most 1, not 10"),
    row(lambda: select(sample=-0.1), V, "sample must be above 0"),
    row(lambda: select(sample=True), T, "sample must be a number", "not True"),
    row(lambda: runs_from_annotation_queue(queue_name="q", limit="5"), T, "limit must be a whole number"),
    row(lambda: runs_from_dataset(dataset_name="d", limit=1.0), T, "limit must be a whole number", "1.0"),
    row(lambda: runs_from_experiment(experiment_name="e", limit=-1), V, "limit must be at least 1"),
    row(lambda: runs_of_traces(["a"], limit=0), V, "limit must be at least 1"),
    row(lambda: runs_of_threads(["a"], project_name="p", limit="all"), T, "limit must be a whole number"),
    row(lambda: drop_duplicates([], similarity="high"), T, "similarity must be a number, such as 0.9, not str"),
    row(lambda: drop_duplicates([], similarity=NAN), V, "similarity must be a number", "nan"),
    row(lambda: drop_duplicates([], similarity=90), V, "similarity must be above 0 and at most 1, not 90"),
    row(lambda: drop_duplicates([], similarity=True), T, "similarity must be a number", "not True"),
    row(lambda: train_validation_split([], validation_size="0.1"), T, "validation_size must be a number, such as 0.1"),
    row(lambda: train_validation_split([], validation_size=20), V, "validation_size must be a share between 0 and 1"),
    row(lambda: train_validation_split([], validation_size=NAN), V, "validation_size", "nan"),
    row(lambda: train_validation_split([], seed="x"), T, "seed must be a whole number, such as 7, not str"),
    row(lambda: split_side(EXAMPLE, seed=1.5), T, "seed must be a whole number"),
    row(lambda: fit_length([], "4096", len), T, "max_tokens must be a whole number, such as 4096, not str"),
    row(lambda: fit_length([], 0, len), V, "max_tokens must be at least 1, not 0"),
    row(lambda: fit_length([], None, len), T, "max_tokens must be a whole number", "not None"),
    row(lambda: labels_from_scores([], "k", above="0.5"), T, "above must be a number, such as 0.5, not str"),
    row(lambda: labels_from_scores([], "k", above=NAN), V, "above must be a number", "nan"),
    row(lambda: preferences_from_scores([], "k", margin="1"), T, "margin must be a number"),
    row(lambda: preferences_from_scores([], "k", margin=NAN), V, "margin", "nan"),
    row(lambda: preferences_from_scores([], "k", margin=-1), V, "margin must be at least 0, not -1"),
    row(lambda: preferences_from_experiments([], "k", margin=True), T, "margin must be a number", "not True"),
    row(lambda: preferences_from_candidates([], len, margin="x"), T, "margin must be a number"),
    row(lambda: Distribution([1]).quantile("half"), T, "fraction must be a number"),
    row(lambda: check([HELLO], "openai", keep="all"), T, "keep must be a whole number"),
    row(lambda: check([HELLO], "openai", keep=-1), V, "keep must be at least 0, not -1"),
    row(lambda: check([HELLO], "openai", max_tokens=1e5), T, "max_tokens must be a whole number", "100000.0"),
    row(lambda: check([HELLO], "openai", max_tokens=0), V, "max_tokens must be at least 1"),
    row(lambda: price(tokens="1000"), T, "tokens must be", "a whole number", "not str"),
    row(lambda: price(tokens=-1), V, "tokens must be at least 0, not -1"),
    row(lambda: price(tokens=1.5), T, "tokens must be", "1.5"),
    row(lambda: price(n_epochs="auto"), T, "n_epochs must be a whole number, such as 3, not str"),
    row(lambda: price(n_epochs=0), V, "n_epochs must be at least 1, not 0"),
    row(lambda: price(n_epochs=True), T, "n_epochs must be a whole number"),
    row(lambda: price(billions="8B"), T, "billions must be a number"),
    row(lambda: price(billions=0), V, "billions must be more than 0, not 0"),
    row(lambda: price(evaluated_tokens=-5), V, "evaluated_tokens must be at least 0"),
    row(lambda: create(max_cost_usd="5"), T, "max_cost_usd must be a number, such as 5.0, not str"),
    row(lambda: create(max_cost_usd="$5"), T, "max_cost_usd must be a number"),
    row(lambda: create(max_cost_usd=-1), V, "max_cost_usd must be at least 0, not -1"),
    row(lambda: create(max_cost_usd=NAN), V, "max_cost_usd", "nan"),
    row(lambda: create(seed="x"), T, "seed must be a whole number, such as 7, not str"),
    row(lambda: create(seed=1.0), T, "seed must be a whole number", "1.0"),
    row(lambda: create(seed=True), T, "seed must be a whole number", "True"),
    row(lambda: plan(seed="42"), T, "seed must be a whole number"),
    row(lambda: ended_job().wait(timeout="5"), T, "timeout must be a number of seconds, such as 3600, not str"),
    row(lambda: ended_job().wait(timeout=-1), V, "timeout must be at least 0"),
    row(lambda: ended_job().wait(timeout=NAN), V, "timeout", "nan"),
    row(lambda: ended_job().wait(timeout=True), T, "timeout must be a number of seconds"),
    row(lambda: ended_job().wait(poll_seconds="1s"), T, "poll_seconds must be a number of seconds, such as 60"),
    row(lambda: ended_job().wait(poll_seconds=-1), V, "poll_seconds"),
    row(lambda: ended_job().wait(datetime(2026, 1, 1, tzinfo=UTC)), T, "timeout must be a number of seconds", "2026"),
    row(lambda: ended_job().events(newest="3"), T, "newest must be a whole number, such as 10, not str"),
    row(lambda: ended_job().events(newest=0), V, "newest must be at least 1"),
    row(lambda: ended_job().events(newest=-3), V, "newest must be at least 1"),
    row(lambda: LocalProvider(processes="2"), T, "processes must be a whole number"),
    row(lambda: LocalProvider(processes=0), V, "processes"),
    row(lambda: FakeProvider(queued_seconds=-1), V, "queued_seconds must be at least 0"),
    row(lambda: FakeProvider(steps="3"), T, "steps must be a whole number, such as 3"),
    row(lambda folder: tiny_model(folder, [HELLO], seed="x"), T, "seed must be a whole number"),
    row(lambda folder: tiny_model(folder, [HELLO], vocabulary=0), V, "vocabulary must be at least 1"),
    row(lambda folder: tiny_model(folder, [HELLO], context=2.5), T, "context must be a whole number"),
    row(lambda: audit("train.jsonl", model="m", max_length="2048"), T, "max_length must be a whole number"),
    row(lambda: audit("train.jsonl", model="m", max_length=0), V, "max_length must be at least 1"),
    row(lambda: Ledger.sources_of("train.jsonl", "1"), T, "line must be a whole number"),
    row(lambda: Ledger.sources_of("train.jsonl", 0), V, "line must be at least 1, not 0"),
    # --- switches ---
    row(lambda: select(error="no"), T, "error must be True or False, not str"),
    row(lambda: select(root_error=0), T, "root_error must be True or False, not 0"),
    row(lambda: run_files("runs.jsonl", decode="yes"), T, "decode must be True or False, not str"),
    row(lambda: LangSmithRunChatLoader([RUN], fetch_trace="client"), T, "fetch_trace must be True or False"),
    row(lambda: LangSmithRunChatLoader([RUN], keep_reasoning=None), T, "keep_reasoning must be True or False, not None"),
    row(lambda: examples_from_runs([], keep_reasoning="false"), T, "keep_reasoning must be True or False"),
    row(lambda: write_jsonl([HELLO], "x.jsonl", ledger="x.ledger"), T, "ledger must be True or False, not str"),
    row(lambda: check([HELLO], "openai", fix="all"), T, "fix must be True or False"),
    row(lambda: check([HELLO], "openai", show_content=1), T, "show_content must be True or False, not 1"),
    row(lambda: fold_traces([], grouped="trace"), T, "grouped must be True or False"),
    row(lambda: redact([], tool_descriptions="yes"), T, "tool_descriptions must be True or False"),
    row(lambda: count_tokens(HELLO, download="yes"), T, "download must be True or False"),
    row(lambda: token_counter("openai", download=1), T, "download must be True or False, not 1"),
    row(lambda: create(check="no"), T, "check must be True or False"),
    row(lambda: create(force_new="yes"), T, "force_new must be True or False"),
    row(lambda: create(progress="bar"), T, "progress must be True or False"),
    row(lambda: ended_job().wait(progress="no"), T, "progress must be True or False"),
    row(lambda: ended_job().metrics(as_frame="yes"), T, "as_frame must be True or False"),
    row(lambda: MODEL.deploy(force_new="yes"), T, "force_new must be True or False"),
    # --- texts ---
    row(lambda: select_runs(project_name=5), T, 'project_name must be text, such as "support-bot", not 5'),
    row(lambda: select_runs(project_name=""), V, "project_name is empty", '"support-bot"', "leave it out"),
    row(lambda: select_runs(project_name="  "), V, "project_name is empty"),
    row(lambda: select_runs(project_name=["a", "b"]), T, "project_name must be text", "not list"),
    row(lambda: select_runs(project_id=7), T, "project_id must be text", "UUID", "not 7"),
    row(select_runs, V, "say which project"),
    row(lambda: select_runs("support-bot"), T, "client must be", "not str"),
    row(lambda: select(filter=["eq(name, 'x')"]), T, "filter must be text", "not list"),
    row(lambda: select(filter=""), V, "filter is empty"),
    row(lambda: select(seed=1.5), T, "seed must be a whole number", "1.5"),
    row(lambda: runs_from_dataset(dataset_name=None), V, "say which dataset"),
    row(lambda: runs_from_dataset(dataset_name=5), T, 'dataset_name must be text, such as "support", not 5'),
    row(lambda: runs_from_annotation_queue(queue_name=""), V, "queue_name is empty"),
    row(lambda: LangSmithDatasetChatLoader(dataset_name=5), T, "dataset_name must be text", "a Dataset, not 5"),
    row(lambda: LangSmithDatasetChatLoader(client=None), V, "give either dataset_name or examples"),
    row(lambda: drop_duplicates([], keep="best", score=1), T, 'score must be text, such as "user_score", not 1'),
    row(lambda: labels_from_scores([], 1), T, "score must be text"),
    row(lambda: labels_from_scores([], ""), V, "score is empty", '"user_score"'),
    row(lambda: preferences_from_scores([], ["a"]), T, "score must be text", "not list"),
    row(lambda: preferences_from_experiments([], None), T, "score must be text", "not None"),
    row(lambda: create(name=5), T, 'name must be text, such as "support-2026-11", not 5'),
    row(lambda: create(name=""), V, "name is empty"),
    row(lambda: create(suffix=5), T, "suffix must be text"),
    row(lambda: create(suffix=" "), V, "suffix is empty"),
    row(lambda: create(model=""), V, "model is empty", "the name of a model or a folder"),
    row(lambda: create(model=None), T, "model must be the name of a model or a folder", "not None"),
    row(lambda: create(model=["gpt-4.1"]), T, "model must be the name of a model or a folder", "not list"),
    row(lambda: FineTuneJob.attach(5, provider=FAKE), T, 'job_id must be text, such as "ftjob-abc123", not 5'),
    row(lambda: FineTuneJob.attach("", provider=FAKE), V, "job_id is empty"),
    row(lambda: Deployment.attach(None, provider=FAKE), T, "deployment_id must be text"),
    row(lambda: OpenAIProvider(api_key=5), T, "api_key must be text", "not 5"),
    row(lambda: OpenAIProvider(base_url=["x"]), T, "base_url must be text"),
    row(lambda: AzureProvider(endpoint=5), T, "endpoint must be text"),
    row(lambda: HuggingFaceProvider(token="t", timeout=4), T, 'timeout must be text, such as "4h", not 4'),
    row(lambda: HuggingFaceProvider(flavor=None), T, "flavor must be text"),
    row(lambda: to_target(HELLO, "openai", where=5), T, "where must be text"),
    # --- several, and one ---
    row(lambda: select(fields="inputs"), T, "fields must be a list of texts", "INPUTS", "put it into a list"),
    row(lambda: select(fields=["inptus"]), V, "a run has no field 'INPTUS'"),
    row(lambda: select(tags=5), T, 'tags must be text, or a list of texts, such as ["prod"], not 5'),
    row(lambda: select(tags=["a", 5]), T, "tags must be text, or a list of texts", "5 in it"),
    row(lambda: select(tags=[]), V, "tags is empty"),
    row(lambda: select(tags=["prod", ""]), V, "tags holds an empty text"),
    row(lambda: select(tags={"a": 1}), T, "tags must be", "not dict"),
    row(lambda: select(models=["gpt-4o", None]), T, "models must be", "None in it"),
    row(lambda: select(feedback="user_score"), T, 'feedback must be a dict, such as {"user_score": 1}, not str'),
    row(lambda: select(feedback=["user_score"]), T, "feedback must be a dict"),
    row(lambda: select(feedback={"user_score": "good"}), V, "feedback['user_score'] must be a score"),
    row(lambda: select(feedback={"user_score": NAN}), V, "feedback['user_score'] must be a score", "nan"),
    row(lambda: runs_from_dataset(dataset_name="d", splits="train"), T, "splits must be a list", "put it into a list"),
    row(lambda: LangSmithRunChatLoader([RUN], skip_notes="redacted"), T, "skip_notes must be a list", "into a list"),
    row(lambda: LangSmithRunChatLoader([RUN], skip_notes=["redactd"]), V, "skip_notes", "did you mean 'redacted'?"),
    row(lambda: LangSmithRunChatLoader([RUN], skip_notes=[5]), T, "skip_notes must be a list", "5 in it"),
    row(lambda: examples_from_runs([RUN], skip_notes=["redactd"]), V, "did you mean 'redacted'?"),
    row(lambda: check([HELLO], "openai", ignore="too_few"), T, "ignore must be a list", "put it into a list"),
    row(lambda: check([HELLO], "openai", ignore=["to_few"]), V, "ignore", "did you mean 'too_few'?"),
    row(lambda: Ledger.erase("x.jsonl", user_ids="ada"), T, "user_ids must be a list of texts", "into a list"),
    row(lambda: Ledger.erase("x.jsonl", run_ids=[5]), T, "run_ids must be a list of texts", "5 in it"),
    row(lambda: FakeProvider(responses="9"), T, "responses must be a list of texts", "put it into a list"),
    row(lambda: runs_of_traces("1f0f"), T, "ids must be an iterable of ids of traces, or runs, not str"),
    row(lambda: list(runs_of_traces(["1f0f"])), V, "ids[0] must be the id of a trace", "UUID", "'1f0f'"),
    row(lambda: runs_of_threads("t", project_name="p"), T, "ids must be an iterable of ids of threads, not str"),
    row(lambda: runs_of_threads(["t"]), V, "say which project"),
    row(lambda: LangSmithDatasetChatLoader(examples={"inputs": {}}), T, "examples must be an iterable", "single dict"),
    row(lambda: create(parameters=["n_epochs"]), T, 'parameters must be a dict, such as {"n_epochs": 3}, not list'),
    row(lambda: create(parameters="n_epochs=3"), T, "parameters must be a dict"),
    row(lambda: preview("Hi", model="m"), T, "line must be a dict", "not str"),
    row(lambda: to_target([HELLO], "openai"), T, "line must be a dict", "not list"),
    row(lambda: from_target("x", "gemini"), T, "row must be a dict"),
    # --- choices ---
    row(lambda: select(agent_types="rot"), V, "agent_types", "did you mean 'root'?"),
    row(lambda: training_examples([], train_on="lst"), V, "train_on must be 'all' or 'last', not 'lst'", "'last'?"),
    row(lambda: training_examples([], train_on=1), T, "train_on must be 'all' or 'last', not 1"),
    row(lambda: examples_from_runs([], train_on=None), T, "train_on must be 'all' or 'last', not None"),
    row(lambda: runs_from_annotation_queue(queue_name="q", status="archive"), V, "status", "'archived'?"),
    row(lambda: fold_traces([], across="session"), V, "across must be 'trace' or 'thread', not 'session'"),
    row(lambda: drop_duplicates([], keep="last"), V, "keep must be 'newest', 'best' or 'first', not 'last'"),
    row(lambda: redact([], media="remove"), V, "media must be 'keep' or 'drop', not 'remove'"),
    row(lambda: train_validation_split([], group_by="threads"), V, "group_by", "did you mean 'thread'?"),
    row(lambda: fit_length([], 10, len, over_length="trim"), V, "over_length must be 'raise', 'drop'"),
    row(lambda: check([HELLO], "opanai"), V, "target must be", "did you mean 'openai'?"),
    row(lambda: check([HELLO], None), T, "target must be", "not None"),
    row(lambda: write_jsonl([HELLO], "x.jsonl", target="togther"), V, "did you mean 'together'?"),
    row(lambda: fix_examples([HELLO], "azur"), V, "did you mean 'azure'?"),
    row(lambda: to_target(HELLO, "gemin"), V, "did you mean 'gemini'?"),
    row(lambda: price(provider="opanai"), V, "provider must be one of", "did you mean 'openai'?"),
    row(lambda: price(provider=OpenAIProvider), T, "provider must be text", "the class OpenAIProvider"),
    row(lambda: price(method="suprvised"), V, "method must be 'supervised'", "did you mean 'supervised'?"),
    row(lambda: price(training="qlora"), V, "training must be 'lora' or 'full'", "did you mean 'lora'?"),
    row(lambda: lifecycle_of("opanai", "gpt-4.1"), V, "provider_name must be one of", "did you mean 'openai'?"),
    row(lambda: lifecycle_of("openai", "m", "dpoo"), V, "method must be", "did you mean 'dpo'?"),
    row(lambda: create(method="supervisd"), V, "method must be 'supervised'", "did you mean 'supervised'?"),
    row(lambda: AzureProvider("https://x", "k", training_type="standrad"), V, "training_type", "did you mean"),
    # --- times and days ---
    row(lambda: select(start_time="yesterday"), V, 'start_time must be a time, such as "2026-11-01"', "'yesterday'"),
    row(lambda: select(start_time="01.11.2026"), V, "start_time must be a time"),
    row(lambda: select(end_time=1762000000), T, "end_time must be a time", "not 1762000000"),
    row(lambda: select(start_time="2026-11-02", end_time="2026-11-01"), V, "start_time must be before end_time"),
    row(lambda: run_files("runs.jsonl", start_time=""), V, "start_time must be a time"),
    row(lambda: price(on="soon"), V, 'on must be a day, such as "2026-11-01"', "'soon'"),
    row(lambda: lifecycle_of("openai", "m", today=5), T, "today must be a day"),
    # --- paths ---
    row(lambda: read_jsonl(5), T, 'path must be a path, such as "train.jsonl", not 5'),
    row(lambda: read_jsonl(""), V, "path is empty"),
    row(lambda: read_jsonl(None), T, "path must be a path", "not None"),
    row(lambda: read_jsonl([HELLO]), T, "path must be a path", "not list"),
    row(lambda: read_jsonl("rows.jsonl", target="trll"), V, "did you mean 'trl'?"),
    row(lambda: write_jsonl("train.jsonl", [HELLO]), T, "path must be a path", "not list"),
    row(lambda: save_runs([RUN], b"runs.jsonl"), T, "path must be a path", "not bytes"),
    row(lambda: save_runs([RUN], ""), V, "path is empty"),
    row(lambda: check([HELLO], "openai", fix=True, fixed_path=5), T, 'fixed_path must be a path, such as "fixed.jsonl"'),
    row(lambda: check([HELLO], "openai", fixed_path="f.jsonl"), V, "fixed_path= needs fix=True"),
    row(lambda: create(training_file=[HELLO]), T, "training_file must be a path", "not list"),
    row(lambda: create(training_file=""), V, "training_file is empty"),
    row(lambda: create(validation_file=5), T, 'validation_file must be a path, such as "validation.jsonl", not 5'),
    row(lambda: create(journal=5), T, "journal must be", "a path", "not 5"),
    row(lambda: Journal(5), T, "folder must be a path"),
    row(lambda: ended_job().save(None), T, "path must be a path"),
    row(lambda: MODEL.download(5), T, "path must be a path"),
    row(lambda: LocalProvider(5), T, 'runs_dir must be a path, such as "finetune-runs", not 5'),
    row(lambda: merge("m", None), T, "folder must be a path"),
    row(lambda: Ledger(5), T, "paths must be a path"),
    row(lambda: Ledger.verify(None), T, "path must be a path"),
    row(lambda: list(run_files(5)), T, "paths must be an iterable of paths, not int"),
    row(lambda: write_shards("runs.jsonl", 5), T, "must be a path"),
    # --- objects and functions ---
    row(lambda: create(provider="openai"), T, "provider must be a Provider, such as LocalProvider()", "not str"),
    row(lambda: create(provider=LocalProvider), T, "provider must be a Provider", "the class LocalProvider"),
    row(lambda: create(provider=None), T, "provider must be a Provider", "not None"),
    row(lambda: FineTuneJob.attach("j", provider="openai"), T, "provider must be a Provider"),
    row(lambda: FineTuneJob.list("openai"), T, "provider must be a Provider"),
    row(lambda: fold_traces([], report="report.txt"), T, "report must be a DatasetReport, such as DatasetReport()"),
    row(lambda: redact([], report=DatasetReport), T, "report must be a DatasetReport", "the class DatasetReport"),
    row(lambda: training_examples([], on_skip="log"), T, "on_skip must be a function, not str"),
    row(lambda: LangSmithRunChatLoader([RUN], on_note=[]), T, "on_note must be a function, not list"),
    row(lambda: run_files("x", on_skip=True), T, "on_skip must be a function, not True"),
    row(lambda: check([HELLO], "openai", tokens=5), T, "tokens must be a function, not 5"),
    row(lambda: fit_length([], 10, "gpt-4.1"), T, "count must be a function, not str"),
    row(lambda: preferences_from_candidates([], "judge"), T, "judge must be a function, not str"),
    row(lambda: ended_job().wait(on_change="print"), T, "on_change must be a function, not str"),
    row(lambda: select(resume=5), T, "resume must be", "a SelectionState", "not 5"),
    row(lambda: OpenAIProvider(client="k"), T, "client must be an OpenAI", "not str"),
    row(lambda: train_validation_split([], group_by=5), T, "group_by must be", "not 5"),
    row(lambda: redact([EXAMPLE], 5), T, "redactor"),
    row(lambda: ray_map([1], [2]), T, "function must be a function, not list"),
    # --- one thing for many, and another thing ---
    row(lambda: LangSmithRunChatLoader("d2a3"), T, "runs=[run]"),
    row(lambda: LangSmithRunChatLoader(None), T, "runs must be an iterable of runs or ids, not None"),
    row(lambda: convert_messages_for_finetuning(HELLO), T, "sessions=[session]"),
    row(lambda: describe_runs("runs.jsonl"), T, "run_files(path)"),
    row(lambda: describe_examples(5), T, "examples must be an iterable", "not int"),
    row(lambda: to_hf_dataset(None), T, "examples must be an iterable", "not None"),
    row(lambda: list(examples_from_hf([HELLO])), T, "dataset must be a", "not list"),
    row(lambda: list(preferences_from_corrections([RUN], {"run_id": "x"})), T, "feedback=[feedback]"),
    row(lambda: list(preferences_from_edits([RUN], None)), T, "examples must be an iterable", "not None"),
    row(lambda: list(redact([RUN])), T, "example 0 is a run", "examples_from_runs"),
    row(lambda: split_side(RUN), T, "the example is a run", "examples_from_runs"),
    row(lambda: list(fold_traces("nowhere.jsonl")), FileNotFoundError, "no file 'nowhere.jsonl'"),
    row(lambda: TargetRules(name="mine", source="s", max_tokens="4096"), T, "max_tokens must be a whole number"),
    row(lambda: TargetRules(name="mine", source="s", max_token=4096), T, "TargetRules()", "did you mean max_tokens=?"),
    row(lambda: TargetRules(name="mine", source="s", order="strict"), V, "order must be 'free', 'prompted'"),
    row(lambda: TargetRules(name="mine", source="s", line_keys="messages"), T, "line_keys must be a list of texts"),
    row(lambda: list(redact([SESSION])), T, "example 0 is a chat session", "training_examples(sessions)"),
    row(lambda: write_jsonl([SESSION], "x.jsonl"), T, "example 0 is a chat session", "training_examples(sessions)"),
    row(lambda: write_jsonl([HELLO, RUN], "x.jsonl"), T, "example 1 is a run", "examples_from_runs(runs)"),
    row(lambda: write_jsonl(LangSmithRunChatLoader([RUN]), "x.jsonl"), T, "training_examples(loader)"),
    # --- ids, and what functions of the caller's return ---
    row(lambda: select_runs(project_id="support-bot"), V, "project_id must be a UUID", "argument for names"),
    row(lambda: runs_from_dataset(dataset_id="support"), V, "dataset_id must be a UUID"),
    row(lambda: runs_from_annotation_queue(queue_id="good"), V, "queue_id must be a UUID"),
    row(lambda: runs_from_experiment(experiment_id="e-1"), V, "experiment_id must be a UUID"),
    row(lambda: list(fit_length([HELLO], 10, lambda _: "5")), T, "what count returns must be a whole number", "not str"),
    row(lambda: list(fit_length([HELLO], 10, count_tokens)), T, "what count returns", "not TokenCount"),
    row(lambda: list(fit_length([HELLO], 10, lambda _: None)), T, "what count returns", "not None"),
    row(lambda: check([HELLO], "openai", tokens=lambda _: 1.5, max_tokens=5), T, "what tokens returns must be", "1.5"),
    row(lambda: count_tokens(HELLO, lambda _: "5"), T, "what target returns must be a whole number"),
    row(lambda: token_counter(5), T, "a target must be a name, a folder, a tokenizer or a function, not int"),
    row(lambda: split_side(HELLO, group_by=lambda _: None), T, "what group_by returns must be text", "not None"),
    row(lambda: split_side(HELLO, group_by=lambda _: ""), V, "what group_by returns is empty"),
    row(lambda: select(feedback={5: 1}), T, "feedback must be a dict"),
    row(lambda: select(feedback={"": 1}), T, "feedback must be a dict"),
    row(lambda: list(run_files([])), V, "paths is empty"),
    row(lambda: Ledger(*[]), T, "Ledger() takes the paths of training files"),
    row(lambda: Ledger.erase("train.jsonl"), V, "say whose lines", "run_ids or user_ids"),
    row(lambda: run_files("runs.jsonl", status="sucess"), V, "status must be one of success", "'success'?", "'sucess'"),
    row(lambda: run_files("runs.jsonl", run_type="LLMs"), V, "run_type must be one of llm, chain", "did you mean 'llm'?"),
    row(lambda: run_files("runs.jsonl", filesystem="s3"), T, "filesystem must be a FileSystem, not str"),
    row(lambda: runs_from_dataset("support"), T, "client must be", "not str"),
    row(lambda: runs_from_annotation_queue("good answers"), T, "client must be", "not str"),
    row(lambda: LangSmithRunChatLoader([RUN], "my-key"), T, "client must be a Client, not str"),
    row(lambda: LangSmithDatasetChatLoader(examples=[], client="k"), T, "client must be a Client, not str"),
    row(lambda: TogetherProvider(api_key="k", http_client="x"), T, "http_client must be a Client, not str"),
    row(lambda: HuggingFaceProvider(api="x"), T, "api must be", "HfApi, not str"),
    row(lambda: OpenAIProvider(api_key="k", base_url="localhost:8000"), V, "base_url must be an address", "https://"),
    row(lambda: TogetherProvider(api_key="k", base_url="api.together.ai"), V, "base_url must be an address"),
    row(lambda: AzureProvider("my-resource", "k"), V, "endpoint must be an address", "'my-resource'"),
    row(lambda: audit("train.jsonl", model=None), T, "model must be the name of a model or a folder", "not None"),
    row(lambda: preview(HELLO, model=5), T, "model must be the name of a model or a folder", "not 5"),
    row(lambda: check("", "openai"), V, "path_or_examples is empty"),
    row(lambda: count_tokens(HELLO, ""), V, "target is empty"),
    row(lambda: describe_examples([HELLO], ""), V, "counter is empty"),
    row(lambda: price(table=__file__), V, "table: ", "is not TOML"),
    row(lambda: Distribution([1]).quantile(95), V, "fraction must be a share between 0 and 1, not 95"),
    row(lambda: DatasetReport().add("merged"), T, "change must be a DatasetChange, not str"),
    row(lambda: save_runs(["d2a3"], "runs.jsonl"), T, "save_runs takes runs, not ids", "runs_of_traces(ids)"),
    row(lambda: save_runs([5], "runs.jsonl"), V, "run 0: id: is not there: a int is no run"),
    row(lambda folder: tiny_model(folder, []), V, "examples is empty"),
    row(lambda folder: tiny_model(folder, [HELLO], seed=-1), V, "seed must be at least 0"),
    row(lambda: SelectionState.from_dict("x"), T, "data must be a dict"),
    # --- the whole path ---
    row(lambda: finetuned(modl="m"), T, "finetune() takes no modl=", "did you mean model=?"),
    row(lambda: asyncio.run(afinetuned(modl="m")), T, "afinetune() takes no modl=", "did you mean model=?"),
    row(lambda: finetuned(feedbck={"user_score": 1}), T, "finetune() takes no feedbck=", "did you mean feedback=?"),
    row(lambda: finetune([RUN], "m"), T, "finetune() takes runs by place, not 2 arguments", "model=, provider="),
    row(lambda: finetune(project_name="p", model="m"), T, "argument: 'provider'"),  # in Python's words
    row(lambda: finetuned(provider="openai"), T, "provider must be a Provider, such as LocalProvider()", "not str"),
    row(lambda: finetuned(provider=FakeProvider), T, "provider must be a Provider", "not the class FakeProvider"),
    row(lambda: asyncio.run(afinetuned(provider="x")), T, "provider must be a Provider", "not str"),
    row(lambda: finetuned(fold="traces"), V, "fold must be 'trace' or 'thread'", "did you mean 'trace'?"),
    row(lambda: finetuned(validation_size="10%"), T, "validation_size must be a number, such as 0.1, not str"),
    row(lambda: finetuned(max_cost_usd="5"), T, "max_cost_usd must be a number, such as 5.0, not str"),
    row(lambda: finetuned(max_cost_usd=-1), V, "max_cost_usd must be at least 0, not -1"),
    row(lambda: finetuned(timeout=-1), V, "timeout must be at least 0, not -1"),
    row(lambda: finetuned(timeout="1h"), T, "timeout must be a number of seconds", "not str"),
    row(lambda: finetuned(folder=5), T, "folder must be a path", "not 5"),
    row(lambda: finetuned(start_time="yesterday"), V, "start_time must be a time", "'yesterday'"),
    row(lambda: finetuned(skip_notes="redacted"), T, "skip_notes must be a list", "not one text: put it into a list"),
    row(lambda: finetuned(on_plan=5), T, "on_plan must be a function, not 5"),
    row(lambda: finetuned(name=""), V, "name is empty"),
    row(lambda: finetune("runs.jsonl", name="n", model="m", provider=FAKE), T, "not str: run_files(path) reads the runs"),
    row(lambda: write_training_files([], "t.jsonl", traget="openai"), T, "write_training_files()", "mean target=?"),
    row(lambda: write_training_files([], "t.jsonl", target="opena"), V, "target must be", "did you mean 'openai'?"),
    row(lambda: write_training_files([], "t.jsonl", validation_size="0.1"), T, "validation_size must be a number"),
    row(lambda: write_training_files([], "t.jsonl", validation_size=NAN), V, "validation_size must be", "nan"),
    row(lambda: write_training_files([], "t.jsonl", drop_duplicates="no"), T, "drop_duplicates must be True or False"),
    row(lambda: write_training_files("runs.jsonl", "t.jsonl"), T, "runs must be an iterable of runs, not str"),
    # --- lines for a target ---
    row(lambda: examples_for_target([HELLO], "opena"), V, "target must be", "did you mean 'openai'?"),
    row(lambda: examples_for_target(HELLO, "openai"), T, "not a single dict: examples=[example]"),
    row(lambda: examples_for_target([HELLO], "openai", contxt="refuse"), T, "did you mean context=?"),
    row(lambda: examples_for_target([HELLO], "openai", context="drop"), V, "context must be 'train' or 'refuse'"),
    row(lambda: examples_for_target([HELLO], "openai", report=DatasetReport()), T, "a SplitReport, such as SplitReport(), not DatasetReport"),
    row(lambda: examples_for_target([HELLO], "openai", max_tokens=0), V, "max_tokens must be at least 1, not 0"),
    row(lambda: examples_for_target([HELLO], "openai", on_skip=[]), T, "on_skip must be a function, not list"),
    row(lambda: list(examples_for_target([RUN], "openai")), T, "is a run: examples_from_runs(runs) makes examples"),
    row(lambda: list(fix_examples([SESSION], "openai")), T, "example 0 is a chat session: training_examples(sessions)"),
    row(lambda: check([EXAMPLE, RUN], "openai"), T, "example 1 is a run: examples_from_runs(runs) makes examples"),
    row(lambda: to_target(RUN, "openai"), T, "line is a run: examples_from_runs(runs) makes examples"),
    row(lambda: split_line(RUN, "openai"), T, "line is a run: examples_from_runs(runs) makes examples"),
    row(lambda: split_line(HELLO, "opena"), V, "target must be", "did you mean 'openai'?"),
    row(lambda: split_line([HELLO], "openai"), T, 'line must be a dict, such as {"messages": [...]}', "not list"),
    row(lambda: split_line(HELLO, "gemini", context="x"), V, "context must be 'train' or 'refuse', not 'x'"),
    row(lambda: split_line(HELLO, "openai", max_tokens="5"), T, "max_tokens must be a whole number", "not str"),
    row(lambda: split_line(HELLO, "openai", wher="x"), T, "split_line() takes no wher=: did you mean where=?"),
    row(lambda: split_line(HELLO, "openai", tokens=lambda _: "5", max_tokens=5), T, "what tokens returns must be a whole"),
    row(lambda: write_jsonl([HELLO], "t.jsonl", target="openai", on_skip=[]), T, "on_skip must be a function, not list"),
    row(lambda: write_jsonl([HELLO], "t.jsonl", target="openai", onskip=print), T, "did you mean on_skip=?"),
    row(lambda: write_jsonl([HELLO], "t.jsonl", on_skip=print), V, "on_skip= needs target="),
    row(lambda: write_jsonl([RUN], "t.jsonl", target="openai"), T, "example 0 is a run: examples_from_runs(runs)"),
    # --- feedback of the trace ---
    row(lambda: run_files("r.jsonl", trace_feedback="no"), T, "trace_feedback must be True or False, not str"),
    row(lambda: run_files("r.jsonl", trace_feedbck=False), T, "did you mean trace_feedback=?"),
    row(lambda: preferences_from_corrections([RUN], {"run_id": "r"}), T, "feedback must be an iterable of feedback"),
    row(lambda: preferences_from_corrections([RUN], None), T, "feedback must be an iterable of feedback, not None"),
    row(lambda: preferences_from_corrections([RUN], feedbacks=[]), T, "did you mean feedback=?"),
    # --- evaluation ---
    row(lambda: asked([lambda messages: "b"]), T, 'models must be a dict, such as {"before": base_model, ', "not list"),
    row(lambda: asked({}), T, "models must name at least one model"),
    row(lambda: asked({"a": None}), T, "models['a'] must be a chat model", "not NoneType"),
    row(lambda: asked({"a": 5}), T, "models['a'] must be a chat model"),
    row(lambda: asked(judge="gpt"), V, "names no folder and no provider's model", "openai:gpt-4.1-mini"),
    row(lambda: evaluate(ASKED, 5), T, "heldout must be an iterable of lines or examples, not int"),
    row(lambda: evaluate(ASKED, []), FineTuneError, "holds no answer to ask for"),
    row(lambda: evaluate(ASKED, "nothere.jsonl"), FileNotFoundError, "nothere.jsonl"),
    row(lambda: asked(metric=["exact_match"]), T, "evaluate() takes no metric=: did you mean metrics=?"),
    row(lambda: asked(metrics=["exact_mtch"]), V, "there is no metric 'exact_mtch'", "exact_match"),
    row(lambda: asked(metrics="exact_match"), T, 'metrics must be a list of metrics, such as ["calls_match"]'),
    row(lambda: asked(answers="first"), V, "answers must be 'all', 'last' or a whole number", "'first'"),
    row(lambda: asked(answers=0), V, "answers must be 'all', 'last' or a number from 1, not 0"),
    row(lambda: asked(confidence="0.95"), T, "confidence must be a number, such as 0.95, not str"),
    row(lambda: asked(confidence=95), V, "confidence must be between 0.5 and 1", "not 95"),
    row(lambda: asked(seed="x"), T, "seed must be a whole number"),
    row(lambda: asked(max_concurrency=0), V, "max_concurrency must be at least 1, not 0"),
    row(lambda: asked(batch_size=True), T, "batch_size must be a whole number, such as 16, not True"),
    row(lambda: asked(max_usd="5"), T, "max_usd must be a number"),
    row(lambda: asked(usd_per_million_tokens={"a": 1}), T, "usd_per_million_tokens['a'] must be two numbers"),
    row(lambda: asked(usd_per_million_tokens={"z": (1, 2)}), V, "names 'z', which is no model here", "'judge'"),
    row(lambda: asked(groups="node"), T, "groups must be a function, not str"),
    row(lambda: asked(progress="no"), T, "progress must be True or False, not str"),
    row(lambda: asked(results=5), T, "results must be a path"),
    row(lambda: asyncio.run(aevaluate(ASKED, [HELLO], seed=-1)), V, "seed must be at least 0, not -1"),
    row(lambda: plan_evaluation(ASKED, [HELLO], batch_size=0), V, "batch_size must be at least 1, not 0"),
    row(lambda: asked().compare("a", "c"), V, "there is no model 'c'", "there are a, b"),
    row(lambda: asked().assert_better(by=5), V, "by must be a share between -1 and 1"),
    row(lambda: asked().assert_better(by="5"), T, "by must be a number"),
    row(lambda: asked().show_cases("3"), T, "count must be a whole number"),
    row(lambda: answers_needed("10", share_that_differs=0.1), T, "points must be a number"),
    row(lambda: exact_mcnemar(-1, 2), V, "better must be at least 0, not -1"),
    row(lambda: paired_difference([1.0, 0.0], ["a"]), V, "conversations must name one for each of 2 differences"),
    row(lambda: regex_match("("), V, "pattern must be a regular expression: missing )"),
    row(lambda: regex_match(5), T, "pattern must be text"),
    row(lambda: trajectory_match("strct"), V, "did you mean 'strict'?"),
    # --- serving ---
    row(lambda: serve_command("x", "vlm"), V, "server must be 'vllm', 'sglang'", "did you mean 'vllm'?"),
    row(lambda: serve_command("x", "vllm", prot=80), T, "did you mean port=?"),
    row(lambda: serve_command("x", "vllm", port="80"), T, "port must be a whole number"),
    row(lambda: serve_command("x", "vllm", port=70000), V, "port must be from 1 to 65535, not 70000"),
    row(lambda: serve_command(None, "vllm"), T, "model must be a FineTunedModel or the name of a model or a folder"),
    row(lambda: export("x", "y", format="ggf"), V, "format must be 'safetensors'", "did you mean 'gguf'?"),
    row(lambda: export("x", "y", format="gguf", quantization=4), T, "quantization must be text"),
    row(lambda: export("x", 5), T, "path must be a path"),
    row(lambda: smoke_test("x", "http://127.0.0.1"), T, "chat_model must be a BaseChatModel, not str"),
    row(lambda: smoke_test("x", "y", counts=3), T, "did you mean count=?"),
    # --- parameters of hosts ---
    row(trained_with(lambda: OpenAIProvider(api_key="k"), n_epochs="three"), V, "openai: parameters: n_epochs", "auto"),
    row(trained_with(lambda: OpenAIProvider(api_key="k"), n_epochs=2.5), T, "n_epochs must be", "2.5"),
    row(trained_with(lambda: OpenAIProvider(api_key="k"), epochs=3), V, "unknown name 'epochs'", "n_epochs"),
    row(trained_with(lambda: TogetherProvider(api_key="k"), learning_rate="1e-5"), T, "learning_rate must be a number"),
    row(trained_with(lambda: TogetherProvider(api_key="k"), lora="yes"), T, "lora must be True or False"),
    row(trained_with(lambda: TogetherProvider(api_key="k"), lr_scheduler_type="cosin"), V, "did you mean 'cosine'?"),
    row(trained_with(FakeProvider, n_epoch=3), V, "unknown name 'n_epoch'"),
]  # fmt: skip


def test_the_table_is_long():
    assert len(MISTAKES) >= 150


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{n}-{m.says[0][:40]}" for n, m in enumerate(MISTAKES)])
def test_a_natural_mistake_is_told_at_once(mistake, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mistake.error) as caught:
        mistake.call(tmp_path) if mistake.in_folder else mistake.call()
    assert isinstance(caught.value, (TypeError, ValueError, FineTuneError, FileNotFoundError))
    assert type(caught.value).__module__.startswith(("builtins", "langsmith_finetune"))
    for words in mistake.says:
        assert words in str(caught.value)
    assert len(str(caught.value)) < 800


SCORED = [EXAMPLE, EXAMPLE]


OF_SCORES = {
    "preferences_from_scores": preferences_from_scores,
    "preferences_from_experiments": preferences_from_experiments,
    "labels_from_scores": labels_from_scores,
    "drop_duplicates": lambda examples, score: drop_duplicates(examples, keep="best", score=score),
}


@pytest.mark.parametrize("step", OF_SCORES)
def test_a_score_that_no_example_has_is_told_with_those_that_there_are(step):
    call = partial(OF_SCORES[step], SCORED)
    with pytest.raises(ValueError, match="none of 2 examples has the score") as caught:
        list(call("user_scroe"))
    assert str(caught.value).endswith("'user_scroe': did you mean 'user_score'? There are 'user_score' (2)")
    with pytest.raises(ValueError, match=r"has the score 'x'\. There are 'user_score' \(2\)"):
        list(call("x"))
    list(call("user_score"))


def test_a_score_of_the_trace_is_one_that_there_is():
    rated = TrainingExample(line=HELLO, source=RunSource(run_id="r", trace_scores={"user_score": 1.0}))
    assert len(list(labels_from_scores([rated], "user_score"))) == 1
    with pytest.raises(ValueError, match=r"did you mean 'user_score'\? There are 'user_score' \(1\)"):
        list(labels_from_scores([rated], "user_scroe"))
