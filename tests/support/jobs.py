"""What the tests of jobs share: a stand-in, a provider at it, a training file, and a journal of their own."""

import json

import openai
import pytest

from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.providers.openai import OpenAIProvider
from tests.support.standins.deploying import DeployingProvider
from tests.support.standins.openai import OpenAIStandIn

FILES, JOBS = "/v1/files", "/v1/fine_tuning/jobs"
MODEL = "gpt-4o-mini"
KEY = "sk-made-up-0123456789"
SECRET = "Nobody may read 你好 this sentence"


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "journal"))
    return Journal()


@pytest.fixture
def server():
    with OpenAIStandIn() as server:
        yield server


@pytest.fixture
def connect(server, clock):
    clients = []

    def connect(kind=OpenAIProvider, timeout=30.0, **settings):
        client = openai.OpenAI(api_key=KEY, base_url=server.base_url, timeout=timeout)
        clients.append(client)
        return type(kind.__name__, (kind,), settings)(client=client)

    yield connect
    for client in clients:
        client.close()


@pytest.fixture
def provider(connect):
    return connect()


@pytest.fixture
def deploying(connect):
    return connect(DeployingProvider)


def write(path, lines):
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return path


def line_of(question, answer=SECRET):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


@pytest.fixture
def train(tmp_path):
    return write(tmp_path / "train.jsonl", [line_of(f"Question {n}") for n in range(10)])


@pytest.fixture
def create(provider, clock, train):
    def create(training_file=train, **settings):
        return FineTuneJob.create(training_file, **{"model": MODEL, "provider": provider} | settings)

    return create


@pytest.fixture
def plan(provider, train):
    def plan(training_file=train, **settings):
        return FineTuneJob.plan(training_file, **{"model": MODEL, "provider": provider} | settings)

    return plan


def paid(server):
    return len(server.uploads), len(server.jobs)
