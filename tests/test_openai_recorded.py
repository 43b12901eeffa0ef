"""The path through OpenAI's API, replayed from cassettes without a server.

`pytest tests/test_openai_recorded.py --record-mode=rewrite` records them anew: from the stand-in, or from
OpenAI itself where OPENAI_API_KEY is set (a small paid job; all data is made up).
"""

import json
import os

import openai
import pytest

from langsmith_finetune.clock import Clock
from langsmith_finetune.errors import JobFailedError, ProviderError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.openai import OpenAIProvider
from tests.standins.clock import FakeClock
from tests.standins.openai import OpenAIStandIn

PORT = 8790
MODEL = "gpt-4.1-mini-2025-04-14"

pytestmark = pytest.mark.vcr


@pytest.fixture
def server(record_mode):
    """The stand-in while it is recorded, otherwise None."""
    if record_mode == "none" or "OPENAI_API_KEY" in os.environ:
        yield None
    else:
        with OpenAIStandIn(port=PORT) as server:
            yield server


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "journal"))


@pytest.fixture(autouse=True)
def nothing_is_left_over(vcr, record_mode):
    yield
    assert record_mode != "none" or vcr.all_played


@pytest.fixture
def clock(record_mode, server):
    return Clock() if record_mode != "none" and server is None else FakeClock()


@pytest.fixture
def connect(record_mode, server, clock):
    clients = []

    def connect(key="sk-made-up"):
        live = record_mode != "none" and server is None
        url = "https://api.openai.com/v1" if live else f"http://127.0.0.1:{PORT}/v1"
        client = openai.OpenAI(api_key=os.environ["OPENAI_API_KEY"] if live else key, base_url=url)
        clients.append(client)
        return OpenAIProvider(client=client, clock=clock)

    yield connect
    for client in clients:
        client.close()


def file_of(tmp_path, examples):
    path = tmp_path / f"{examples}.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for n in range(examples):
            messages = [
                {"role": "user", "content": f"{n} 加 {n} 等于多少？"},
                {"role": "assistant", "content": f"The answer is {n + n}."},
            ]
            file.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
    return path


def test_a_job_is_created_waited_for_and_found_again(vcr, connect, clock, tmp_path):
    provider, path = connect(), file_of(tmp_path, 10)
    settings = {
        "model": MODEL,
        "provider": provider,
        "clock": clock,
        "parameters": {"n_epochs": 1},
        "seed": 1,
    }
    job = FineTuneJob.create(path, **settings)
    assert job.status in {"validating", "queued", "running"}
    model = job.wait(progress=False)
    assert model.id.startswith(f"ft:{MODEL}:")
    assert model.base_model == MODEL
    assert job.details.trained_tokens > 0
    events = job.events()
    assert [event.created_at for event in events] == sorted(event.created_at for event in events)
    assert any("train_loss" in event.metrics for event in events)
    assert FineTuneJob.create(path, **settings).id == job.id
    sent = [(r.method, r.path) for r in vcr.requests if r.method == "POST"]
    assert sent == [("POST", "/v1/files"), ("POST", "/v1/fine_tuning/jobs")]


def test_a_job_on_too_few_examples_fails_with_openais_reason(server, connect, clock, tmp_path):
    if server is not None:
        message = "Training file has 7 example(s), but must have at least 10 examples"
        error = {"code": "invalid_n_examples", "param": "training_file", "message": message}
        server.script("validating_files", {"status": "failed", "error": error})
    job = FineTuneJob.create(file_of(tmp_path, 7), model=MODEL, provider=connect(), clock=clock, check=False)
    with pytest.raises(JobFailedError, match="must have at least 10 examples"):
        job.wait(progress=False)
    assert job.details.fine_tuned_model is None


def test_refusals_carry_openais_words(connect, clock, tmp_path):
    provider, path = connect(), file_of(tmp_path, 10)
    with pytest.raises(
        ProviderError, match=r"HTTP 404: Could not find fine tune: .*\(code fine_tune_not_found"
    ):
        FineTuneJob.attach("ftjob-nowhere", provider=provider)
    with pytest.raises(ProviderError, match=r"HTTP 400: .*\(code model_not_available\)"):
        FineTuneJob.create(path, model="gpt-nonexistent", provider=provider, clock=clock)


def test_a_job_is_cancelled(connect, clock, tmp_path):
    provider = connect()
    job = FineTuneJob.create(file_of(tmp_path, 11), model=MODEL, provider=provider, clock=clock)
    assert job.cancel().status == "cancelled"
    with pytest.raises(JobFailedError, match="was cancelled"):
        job.wait(progress=False)
