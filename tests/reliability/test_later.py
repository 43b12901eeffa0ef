"""1 February 2027: LangSmith's first read API is gone, and OpenAI takes no more fine-tuning jobs.

`make later` runs every other test on that day, too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from langsmith.utils import LangSmithError

from langsmith_finetune import FineTuneJob, LangSmithRunChatLoader, select_runs
from langsmith_finetune.cost import estimate_cost, prices
from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.providers import lifecycle, lifecycle_of
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.runs import (
    runs_from_annotation_queue,
    runs_from_dataset,
    runs_from_experiment,
    runs_of_threads,
    runs_of_traces,
)
from tests.support.jobs import train
from tests.support.langsmith_runs import (
    client_of,
    clock,
    no_connection_left_open,
    no_settings_of_this_machine,
    number,
)
from tests.support.paths import ROOT
from tests.support.shell import shell
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, trace
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.server import Response

__all__ = ["clock", "no_connection_left_open", "no_settings_of_this_machine", "shell", "train"]

DAY = datetime(2027, 2, 1, 9, tzinfo=UTC)
RUNS = [
    run
    for n in range(8)
    for run in trace(
        run_id=number(n),
        started=DAY - timedelta(days=1, minutes=n),
        extra={"metadata": {"thread_id": "thread-1"}},
        root={
            "extra": {"metadata": {"thread_id": "thread-1"}},
            "feedback": [{"key": "user_score", "score": n % 2}],
        },
    )
]
OFFERED = {
    "queues": {"good": {"archived": [RUNS[0]["id"], number(1)]}},
    "sources": {"support": [RUNS[0]["id"], number(1)]},
    "experiments": ["support-bot"],
}


@pytest.fixture(autouse=True)
def on_the_day(monkeypatch):
    for module in (prices, lifecycle):
        monkeypatch.setattr(module, "_today", lambda: datetime.now(UTC).date())
    with time_machine.travel(DAY):
        yield


@pytest.fixture(params=[404, 410])
def answer(request, monkeypatch):
    """What v1 answers."""
    monkeypatch.setattr(LangSmith, "v1_gone", request.param)
    return request.param


WAYS = {
    "a selection": lambda client: select_runs(client, project_name="support-bot", feedback={"user_score": 1}),
    "an experiment": lambda client: runs_from_experiment(client, experiment_name="support-bot"),
    "a queue": lambda client: runs_from_annotation_queue(client, queue_name="good"),
    "a dataset": lambda client: runs_from_dataset(client, dataset_name="support"),
    "traces": lambda client: runs_of_traces([run["id"] for run in RUNS[:4]], client),
    "threads": lambda client: runs_of_threads(["thread-1"], client, project_name="support-bot"),
    "ids": lambda client: LangSmithRunChatLoader([number(0), number(1)], client).lazy_load(),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_runs_works_without_the_first_api(way, answer):
    with LangSmith(RUNS, **OFFERED) as server:
        found = list(WAYS[way](client_of(server)))
        asked = Counter(request.path for request in server.requests)
    assert len(found) == {"a selection": 4, "an experiment": 8, "threads": 8}.get(way, 2)
    assert asked["/api/v1/runs/query"] <= 1  # to learn that it is not there


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_runs_says_that_a_server_has_neither_api(way, answer):
    with LangSmith(RUNS, **OFFERED, v2=False, v1=False) as server, pytest.raises(LangSmithError) as caught:
        list(WAYS[way](client_of(server)))
    assert "neither v1 nor v2: LANGSMITH_ENDPOINT must be the address of the API" in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_langsmith_is_said_to_be_none(way, answer):
    with LangSmith(RUNS, **OFFERED) as server, pytest.raises(LangSmithError) as caught:
        list(WAYS[way](client_of(server, base_url=f"{server.url}/website")))
    assert f"{server.url}/website offers no " in str(caught.value)
    assert "LANGSMITH_ENDPOINT must be the address of the API" in str(caught.value)


def test_a_queue_that_cannot_be_looked_into_is_not_called_empty(answer):
    with LangSmith(RUNS, **OFFERED) as server:
        client = client_of(server)
        [queue] = client.get("/api/v1/annotation-queues", cast_to=object)
        server.fault("GET", f"/api/v1/platform/annotation-queues/{queue['id']}/items", Response(answer))
        with pytest.raises(LangSmithError) as caught:
            list(runs_from_annotation_queue(client, queue_name="good"))
    assert str(caught.value) == (
        f"{server.url} offers no endpoint for what is in an annotation queue: LangSmith has one from 0.16.14 on, and "
        "its first one until 31 January 2027"
    )


def test_a_server_of_before_that_still_has_the_first_api_is_read(answer):
    with LangSmith(RUNS, **OFFERED, v2=False, version="0.13.37") as server:
        for way in WAYS.values():
            assert list(way(client_of(server)))


def test_a_selection_by_the_settings_of_the_environment_works(answer, monkeypatch):
    with LangSmith(RUNS) as server:
        monkeypatch.setenv("LANGSMITH_ENDPOINT", server.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", KEY)
        assert len(list(select_runs(project_name="support-bot"))) == 8


def test_a_run_of_an_experiment_is_found_by_its_id_after_those_of_projects(answer):
    """v2 lists experiments only if it is asked for them, and asks for the projects of every run."""
    other = str(uuid.UUID(int=9, version=4))
    runs = [*RUNS, *trace(run_id=number(100), started=DAY - timedelta(hours=1), project_id=other)]
    projects = {
        name: (id_, DAY - timedelta(days=2)) for name, id_ in (("bot", PROJECT_ID), ("x-1a2b", other))
    }
    with LangSmith(runs, projects=projects, experiments=["x-1a2b"]) as server:
        client = client_of(server)
        assert len(LangSmithRunChatLoader([number(1)], client).load()) == 1
        assert not any("EXPERIMENT" in request.query.get("type", ()) for request in server.requests)
        found = [
            session["source"].run_id
            for session in LangSmithRunChatLoader([number(100), number(1)], client).load()
        ]
    assert found == [number(100), number(1)]


# --- OpenAI ------------------------------------------------------------------------------------------------


@pytest.fixture
def host(monkeypatch):
    """A stand-in that counts as OpenAI itself."""
    with OpenAIStandIn() as host:
        monkeypatch.setattr(lifecycle, "_OPENAI", "127.0.0.1")
        monkeypatch.setenv("OPENAI_BASE_URL", host.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
        yield host


ENDED = "new fine-tuning jobs: that ended on 2027-01-06 (https://developers.openai.com/api/docs/deprecations"


def test_a_new_job_at_openai_is_refused_before_anything_is_sent(host, train):
    for begin in (FineTuneJob.create, FineTuneJob.plan):
        with pytest.raises(NotSupportedError) as caught:
            begin(train, model="gpt-4.1-mini-2025-04-14", provider=OpenAIProvider())
        assert ENDED in str(caught.value)
        assert "Still available: TogetherProvider, FireworksProvider, AzureProvider" in str(caught.value)
    assert {request.method for request in host.requests} <= {"GET"}
    assert FineTuneJob.list() == []


def test_the_command_refuses_a_new_job_at_openai(host, shell, train):
    ran = shell("train", train, *AT_OPENAI)
    assert (ran.code, ran.out) == (1, "")
    assert ENDED in ran.err
    assert shell("train", train, *AT_OPENAI, "--dry-run").err == ran.err
    assert {request.method for request in host.requests} <= {"GET"}


AT_OPENAI = ("--provider", "openai", "--model", "gpt-4.1-mini-2025-04-14", "--yes")


def test_a_job_of_before_is_returned_to_and_its_model_called(host, shell, train):
    with time_machine.travel(datetime(2027, 1, 5, 9, tzinfo=UTC)):
        before = FineTuneJob.create(train, model="gpt-4.1-mini-2025-04-14", provider=OpenAIProvider())
        tuned = before.wait().id
    settings = {"model": "gpt-4.1-mini-2025-04-14", "provider": OpenAIProvider()}
    again = FineTuneJob.create(train, **settings)
    assert again.id == before.id
    assert again.wait().chat_model().invoke("45 / 5?").content
    assert FineTuneJob.attach(before.id, provider=OpenAIProvider()).wait().id == tuned
    ran = shell("train", train, *AT_OPENAI)
    assert (ran.code, ran.out) == (0, f"{tuned}\n")
    assert (len(host.uploads), len(host.jobs)) == (1, 1)
    with pytest.raises(NotSupportedError):
        FineTuneJob.create(train, **settings, force_new=True)


def test_prices_and_ends_are_those_of_the_day():
    assert [end.what for end in lifecycle_of("openai", "gpt-4.1-mini").gone] == ["jobs", "models"]
    assert (
        lifecycle_of("azure", "gpt-4.1-mini-2025-04-14").days_to_live
        == (date(2027, 10, 14) - DAY.date()).days
    )
    for provider, model in (("together", "Qwen/Qwen3-8B"), ("fireworks", "qwen3-8b")):
        assert estimate_cost(10**6, provider=provider, model=model, n_epochs=1) is not None
        assert estimate_cost(10**6, provider=provider, model=model, n_epochs=1, on=date(2028, 6, 1)) is None


# --- the clock of `make later` -----------------------------------------------------------------------------

SAY = "import datetime, sys; print(datetime.date.today(), 'pytest' in sys.modules, flush=True)"


def test_clock_is_moved_in_every_process_that_tests_start():
    code = (
        f"import subprocess, sys, tests; {SAY}; subprocess.run([sys.executable, '-c', {SAY!r}], check=True)"
    )
    settings = {"LANGSMITH_FINETUNE_CLOCK": "2028-02-29", "PYTHONPATH": str(ROOT)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LANGSMITH_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment | settings, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("2028-02-29 False\n" * 2, "")
