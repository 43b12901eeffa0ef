"""`finetune`: the whole path in one call, which goes on when it is made again."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace
from pathlib import Path

import pytest

from langsmith_finetune import (
    FineTuneJob,
    InvalidExampleError,
    JobFailedError,
    JobTimeoutError,
    ProviderError,
    afinetune,
    finetune,
    read_jsonl,
    select_runs,
)
from langsmith_finetune.jobs import Journal
from langsmith_finetune.pipeline.options import RunConditions
from langsmith_finetune.testing import FakeProvider
from tests.support.rated_project import LIKED, langsmith, rated_runs

__all__ = ["langsmith"]

LLM_RUNS = [run for run in rated_runs() if run["run_type"] == "llm"]


@pytest.fixture
def provider(clock):
    return FakeProvider(training_seconds=3600)


@pytest.fixture
def tune(provider, tmp_path):
    def tune(runs=None, **options):
        return finetune(
            runs, **{"model": "base", "provider": provider, "folder": tmp_path, "progress": False} | options
        )

    return tune


@pytest.fixture
def liked(tune, langsmith):
    return lambda **options: tune(**{"project_name": "support-bot", "feedback": {"user_score": 1}} | options)


def test_model_comes_of_the_project_s_liked_runs(liked, provider, tmp_path):
    model = liked()
    assert model.provider is provider
    (record,) = FineTuneJob.list(provider)
    assert model.job_id == record.job_id
    train = list(read_jsonl(record.training_file))
    held_out = list(read_jsonl(record.training_file.replace(".jsonl", ".validation.jsonl")))
    assert len(train) + len(held_out) == LIKED
    assert held_out
    assert provider.calls.count("create_job") == 1


def test_same_call_returns_to_the_job_whatever_runs_came_meanwhile(liked, provider, langsmith, tmp_path):
    first = liked()
    langsmith.runs.clear()
    requests = len(langsmith.requests)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.glob("*.jsonl"))
    assert liked() == first
    assert len(langsmith.requests) == requests
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.glob("*.jsonl")) == before
    assert provider.calls.count("create_job") == 1


def test_name_of_a_job_is_frozen(liked, provider):
    """Another name for the same request would pay twice after an update."""
    provider.folder = None
    provider._home = "memory of a test"
    liked(parameters={"n_epochs": 2}, seed=1, limit=20, fold=None)
    (record,) = FineTuneJob.list(provider)
    assert record.names == ("support-bot-78753893",)
    assert record.training_file.endswith("/support-bot-78753893.jsonl")


@pytest.mark.parametrize(
    "other",
    [
        {"feedback": {"user_score": 0}},
        {"limit": 5},
        {"model": "other"},
        {"parameters": {"n_epochs": 1}},
        {"seed": 1},
        {"validation_size": 0.2},
        {"fold": None, "drop_duplicates": False, "train_on": "last", "suffix": "x"},
    ],
)
def test_another_request_is_another_job_with_files_of_its_own(other, liked, provider, tmp_path):
    liked()
    liked(**other)
    assert len({record.names for record in FineTuneJob.list(provider)}) == 2
    assert len({record.training_file for record in FineTuneJob.list(provider)}) == 2


def test_name_stands_for_one_request(liked, provider):
    liked(name="support")
    assert liked(name="support").job_id == FineTuneJob.list(provider)[0].job_id
    with pytest.raises(ValueError) as caught:
        liked(name="support", feedback={"user_score": 0})
    day = FineTuneJob.list(provider)[0].created_at[:10]
    assert str(caught.value) == (
        f"the name 'support' stands for a job of {day}, made from other runs, steps or settings. Give another "
        "name=, or those that it was made with"
    )
    assert provider.calls.count("create_job") == 1


def test_interrupted_wait_goes_on_with_the_same_job(liked, provider):
    seen = []
    with pytest.raises(JobTimeoutError):
        liked(timeout=1, on_job=seen.append)
    assert liked(on_job=seen.append).job_id == seen[0].id == seen[1].id
    assert provider.calls.count("create_job") == 1


def test_lost_answer_to_the_creation_is_not_paid_twice(liked, provider):
    provider.fail("create_job", ProviderError("fake", "no answer", ambiguous=True), after=True)
    provider.fail("find_jobs", ProviderError("fake", "away"), times=9)
    with pytest.raises(ProviderError):
        liked()
    provider._faults.clear()
    assert liked().job_id
    assert provider.calls.count("create_job") == 1


def test_cancelled_job_is_tried_again_with_the_same_file(liked, provider, langsmith):
    with pytest.raises(JobFailedError):
        liked(on_job=lambda job: job.cancel())
    langsmith.runs.clear()
    liked()
    assert provider.calls.count("create_job") == 2
    assert len({record.training_sha256 for record in FineTuneJob.list(provider)}) == 1


@pytest.mark.parametrize("names", [(None, None), ("first", "second")])
def test_request_that_comes_to_the_same_lines_is_the_same_job(names, liked, provider):
    """There is nothing to redact, so that one file is like the other."""
    job_ids = {
        liked(name=name, redact=redact).job_id
        for _ in range(2)
        for name, redact in zip(names, (False, True), strict=True)
    }
    assert len(job_ids) == 1
    assert provider.calls.count("create_job") == 1


def test_failed_job_whose_file_was_changed_is_not_taken_for_another(liked, provider, tmp_path):
    provider._failure = "out of memory"
    with pytest.raises(JobFailedError):
        liked()
    (record,) = FineTuneJob.list(provider)
    with Path(record.training_file).open("a") as file:
        file.write(json.dumps({"messages": [{"role": "user", "content": "edited"}]}) + "\n")
    with pytest.raises(ValueError) as caught:
        liked()
    assert str(caught.value) == (
        f"the job {record.names[0]!r} of {record.created_at[:10]} cannot go on: {record.training_file} is gone, or "
        "was changed since. Give another name= to begin anew"
    )


def test_runs_from_elsewhere_need_a_name(tune, provider):
    with pytest.raises(ValueError) as caught:
        tune(LLM_RUNS)
    assert str(caught.value) == "runs= needs a name=, by which the same call finds the job again"
    model = tune(LLM_RUNS, name="from files")
    assert tune(iter(()), name="from files") == model
    with pytest.raises(
        ValueError, match=r"runs= and feedback, limit are given: conditions choose runs of a project"
    ):
        tune(LLM_RUNS, name="from files", feedback={"user_score": 1}, limit=3)


def test_callbacks_see_files_plan_and_job_in_turn(liked):
    seen = []
    liked(on_files=seen.append, on_plan=seen.append, on_job=seen.append)
    assert [type(each).__name__ for each in seen] == ["TrainingFiles", "JobPlan", "FineTuneJob"]


def test_what_on_plan_raises_ends_the_call_with_nothing_sent(liked, provider):
    def refuse(plan):
        raise RuntimeError(f"no: {plan.training_bytes > 0}")

    with pytest.raises(RuntimeError, match="no: True"):
        liked(on_plan=refuse)
    assert not {"upload", "create_job"} & set(provider.calls)
    assert FineTuneJob.list(provider) == []


def test_job_that_would_cost_too_much_is_refused(liked, provider):
    with pytest.raises(ValueError, match=r"max_cost_usd=1, but the price is not known"):
        liked(max_cost_usd=1)
    assert "create_job" not in provider.calls


def test_nothing_selected_is_an_error_with_the_reason(liked, provider):
    with pytest.raises(InvalidExampleError, match=r"no example is left to train on \(0 runs read"):
        liked(feedback={"user_scroe": 1})


def test_lines_that_the_provider_would_refuse_are_left_out(liked, provider):
    provider.rules = replace(provider.rules, order="prompted")
    files = []
    liked(on_files=files.append)
    assert files[0].refused.total == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"feedbck": {"user_score": 1}}, "finetune() takes no feedbck=: did you mean feedback=?"),
        (
            {"model": "m", "provider": "local"},
            "provider must be a Provider, such as LocalProvider() or an object of a class of yours that inherits Provider, not str",
        ),
        ({"provider": FakeProvider()}, "argument: 'model'"),  # in Python's words
    ],
)
def test_option_that_there_is_not_is_named(options, words):
    with pytest.raises(TypeError) as caught:
        finetune(**{"model": "m", "provider": FakeProvider()} | options if "feedbck" in options else options)
    assert words in str(caught.value)


async def test_async_twin_returns_to_the_same_job(liked, provider, langsmith, tmp_path):
    import asyncio

    first = await asyncio.to_thread(liked)
    again = await afinetune(
        project_name="support-bot",
        feedback={"user_score": 1},
        model="base",
        provider=provider,
        folder=tmp_path,
        progress=False,
    )
    assert again == first


def test_both_show_their_options_and_those_of_the_selection():
    shown = inspect.signature(finetune)
    assert shown == inspect.signature(afinetune)
    assert {"model", "redact", "timeout", "project_name", "feedback", "limit"} <= set(shown.parameters)
    assert all(p.kind is p.KEYWORD_ONLY for name, p in shown.parameters.items() if name != "runs")


def test_conditions_are_those_of_select_runs():
    """So that a new one is not forgotten. `seed` is the job's too; the others say what to read, and from where on."""
    of_select = inspect.signature(select_runs).parameters.keys()
    assert of_select - RunConditions.__annotations__.keys() == {"seed", "fields", "resume"}


def test_journal_may_lie_elsewhere(liked, provider, tmp_path):
    liked(journal=tmp_path / "journal")
    assert FineTuneJob.list(provider) == []
    assert len(Journal(tmp_path / "journal").records()) == 1
