"""Runs at a stand-in LangSmith, and the fixtures of every test that reads from one."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import langsmith
import pytest

from langsmith_finetune.runs.langsmith import transport as langsmith_talk
from langsmith_finetune.testing import fake_clock
from tests.support.standins.langsmith import KEY, LangSmith, trace

NOW = datetime.now(UTC).replace(microsecond=0)


V2_QUERY = "/api/v2/runs/query"


V1_QUERY = "/api/v1/runs/query"


OPEN = ExitStack()  # the test's own clients


APIS = {
    "v2 only": {"v1": False, "flags": {"ch_query_enabled": False, "sdb_query_enabled": True}},
    "v2, with projects from v1": {"v2_projects": False},
    "v1 by version": {"v2": False, "version": "0.13.37"},
    "v1 by 404": {"v2": False, "version": None},
}


@pytest.fixture(params=APIS)
def apis(request):
    return APIS[request.param]


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch):
    for name in ("API_KEY", "ENDPOINT", "WORKSPACE_ID", "TENANT_ID", "PROJECT", "BASE_URL"):
        for prefix in ("LANGSMITH_", "LANGCHAIN_"):
            monkeypatch.delenv(prefix + name, raising=False)


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Waiting takes no time, and no limit of another test's server is left."""
    monkeypatch.setattr(langsmith_talk, "_limits", {})
    with fake_clock() as clock:
        yield clock


def number(n: int) -> str:
    return str(uuid.UUID(int=n, version=4))


def traces(*started: datetime, **kwargs) -> list[dict]:
    return [run for n, at in enumerate(started) for run in trace(run_id=number(n), started=at, **kwargs)]


def hours(count: int) -> list[dict]:
    return traces(*[NOW - timedelta(hours=1 + n) for n in range(count)])


@pytest.fixture(autouse=True)
def no_connection_left_open():
    yield
    OPEN.close()


def client_of(server: LangSmith, **settings) -> langsmith.Langsmith:
    settings = {"api_key": KEY, "base_url": server.url} | settings
    return OPEN.enter_context(langsmith.Langsmith(**settings))


def tracing_client(**settings) -> langsmith.Client:
    client = langsmith.Client(auto_batch_tracing=False, **settings)
    OPEN.callback(client.close)
    return client


def numbers(runs) -> list[str]:
    return sorted(run.id for run in runs)
