"""Canaries: a key and a line of data in whatever each host answers, looked for wherever an answer may go."""

import asyncio
import base64
import json
import logging
import os
import pickle
import traceback
from functools import partial
from pathlib import Path

import langsmith
import pytest
from huggingface_hub import HfApi

from langsmith_finetune import select_runs
from langsmith_finetune.errors import FineTuneError, JobFailedError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from tests.support.hosts import HOSTS, KEY, copy_of
from tests.support.standins.server import Response, StandIn

pytestmark = pytest.mark.usefixtures("clock", "in_2026")

PROJECT = "0d1e2f30-0000-4000-8000-000000000001"
CANARY = "zqxjcanary"
LINE = json.dumps(
    {"messages": [{"role": "user", "content": CANARY}, {"role": "assistant", "content": "Vexilloid"}]}
)
SAID = (
    f'Example 3: bad "{CANARY} it is", `Vexilloid`, «{CANARY}» and {LINE}; key {KEY}, '
    f"https://u:{KEY}@h.invalid/?k={KEY} \x1b[2J\u202e\x9b31m\r\nERROR: forged " + "x" * 200 + KEY
)
HIDDEN = (CANARY, "Vexilloid", KEY, KEY[:14], base64.b64encode(KEY.encode()).decode()[:16])
STEERING = ("\x1b", "\x9b", "\u202e", "\r")
REFUSALS = {
    "400": Response(400, {"error": {"message": SAID, "code": SAID, "param": SAID, "type": SAID}}),
    "401": Response(401, {"message": SAID, "detail": SAID, "error": SAID, "code": SAID}),
    "409": Response(409, {"file_id": "file-1", "message": SAID}),
    "500": Response(500, SAID.encode()),
    "no JSON": Response(200, SAID.encode()),
    "no object": Response(200, [SAID]),
    "a redirect": Response(302, SAID.encode(), {"location": f"https://u:{KEY}@h.invalid/{KEY}?k={KEY}"}),
}
ECHOED = {"x-error-message": f"bad {KEY} {CANARY!r}", "x-request-id": KEY}


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "out" / "journal"))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # huggingface_hub's own repetitions


@pytest.fixture
def train(tmp_path):
    line = {"messages": [{"role": "user", "content": "Plain?"}, {"role": "assistant", "content": "Plain."}]}
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for _ in range(12)))
    return path


@pytest.fixture(params=HOSTS)
def host(request):
    return HOSTS[request.param]


def behind(error, seen):
    """An error and all that Python keeps with it."""
    if error is not None and error not in seen:
        seen.append(error)
        behind(error.__cause__, seen)
        behind(error.__context__, seen)
    return seen


def shown_by(error):
    """Everything that an error may show, by where."""
    yield "the traceback", "".join(traceback.format_exception(error))
    for link in behind(error, []):
        name = type(link).__name__
        yield f"str of {name}", str(link)
        yield f"repr of {name}", repr(link)
        yield f"attributes of {name}", repr(vars(link))
        yield f"pickle of {name}", pickle.dumps(link).decode("latin-1")


def whole_way(host, provider, train, folder, values):
    """What a user does with a job, each step whatever became of the one before; the errors."""
    errors = []

    def attempt(step):
        try:
            values.append(step())
        except (FineTuneError, ValueError) as error:
            errors.append(error)
            return None
        return values[-1]

    job = attempt(lambda: FineTuneJob.create(train, model=host.model, provider=provider))
    attempt(provider.list_models)
    if job is None:
        return errors
    model = attempt(lambda: job.wait(timeout=9_999))
    for step in (
        job.events,
        job.refresh,
        job.metrics,
        job.checkpoints,
        lambda: job.save(folder / "log"),
        job.cancel,
    ):
        attempt(step)
    values.append(job.info)
    if model is not None and (deployment := attempt(model.deploy)) is not None:
        attempt(deployment.wait)
        attempt(deployment.delete)
    if model is not None:
        attempt(lambda: model.download(folder / "weights"))
        attempt(model.delete)
    return errors


def assert_no_leak(where, text, *, steers=True):
    for canary in HIDDEN:
        assert canary not in text, (where, canary, text[max(0, text.find(canary) - 80) :][:160])
    if steers:
        for control in STEERING:
            assert control not in text, (where, control)


@pytest.fixture
def look_everywhere(host, train, tmp_path, caplog, capsys):
    return partial(_look_everywhere, host, train, tmp_path, caplog=caplog, capsys=capsys)


def _look_everywhere(host, train, tmp_path, *, change, caplog, capsys):
    """Go the whole way at a host whose answers are changed, and look for what must not be shown."""
    caplog.set_level(logging.DEBUG, "langsmith_finetune")
    values, folder = [], tmp_path / "out"
    with host.running() as (server, provider):
        honest, count = server.handle, 0

        def handle(request):
            nonlocal count
            count += 1
            return change(count, honest(request))

        server.handle = handle
        errors = whole_way(host, provider, train, folder, values)
    for error in errors:
        for where, text in shown_by(error):
            assert_no_leak(where, text, steers="pickle" not in where)
    for value in [*values, *FineTuneJob.list()]:
        assert_no_leak(type(value).__name__, f"{value!r} {value}")
    for record in caplog.records:
        if record.name.startswith("langsmith_finetune"):
            assert_no_leak("the log", record.getMessage())
    for stream in capsys.readouterr():
        assert_no_leak("the terminal", stream.replace("\x1b[A", "").replace("\r", ""))
    for place, _, names in os.walk(folder):
        for name in names:
            assert_no_leak(f"file {name}", (Path(place) / name).read_bytes().decode("latin-1"), steers=False)
    return errors, count


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "name"),
    [*((1, name) for name in REFUSALS), (4, "400"), (8, "401"), (8, "no JSON"), (10, "400")],
)
def test_no_refusal_leaks_what_it_says(look_everywhere, first, name):
    answer = REFUSALS[name]
    evil = Response(answer.status, answer.body, ECHOED | answer.headers)
    errors, count = look_everywhere(change=lambda n, honest: honest if n < first else evil)
    assert errors or count < first


def spoiled(value, key=""):
    """An answer with the host's words in place of every text that is no id and no status."""
    if isinstance(value, dict):
        return {name: spoiled(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [spoiled(item, key) for item in value]
    wordy = key in {
        "message",
        "status_details",
        "reason",
        "details",
        "description",
        "level",
        "displayName",
        "owned_by",
    }
    if key == "error":
        return {"message": SAID, "code": SAID}
    return SAID if wordy else value


FAILED = {
    "succeeded": "failed",
    "completed": "error",
    "JOB_STATE_COMPLETED": "JOB_STATE_FAILED",
    "COMPLETED": "ERROR",
}


@pytest.mark.slow
@pytest.mark.parametrize("ends", ["well", "badly"])
def test_no_answer_leaks_what_it_says(look_everywhere, ends):
    def change(_n, honest):
        if not isinstance(honest.body, dict | list):
            return honest
        body = spoiled(copy_of(honest))
        if ends == "badly":
            text = json.dumps(body)
            for word, failed in FAILED.items():
                text = text.replace(f'"{word}"', f'"{failed}"')
            body = json.loads(text)
        return Response(honest.status, body, honest.headers | ECHOED)

    errors, _ = look_everywhere(change=change)
    assert (ends == "well") or any(isinstance(error, JobFailedError) for error in errors)


PASSWORD = "zqxjpassword1234"
CONNECT = {
    "openai": lambda url: OpenAIProvider(api_key=KEY, base_url=url),
    "azure": lambda url: AzureProvider(url, api_key=KEY),
    "together": lambda url: TogetherProvider(KEY, url),
    "fireworks": lambda url: FireworksProvider(KEY, account_id="me", base_url=url),
    "huggingface": lambda url: HuggingFaceProvider(namespace="me", api=HfApi(endpoint=url, token=KEY)),
}


@pytest.mark.parametrize("name", CONNECT)
@pytest.mark.parametrize("where", ["http://me:{}@127.0.0.1:{}", "http://127.0.0.1:{1}/v1?sig={0}"])
@pytest.mark.parametrize("is_there", [True, False])
def test_no_address_shows_its_password(name, where, is_there, train, tmp_path):
    host = HOSTS[name]
    with host.running() as (server, _):
        server.handle = lambda _request: Response(200, f"<html>{PASSWORD}".encode())
        provider = CONNECT[name](where.format(PASSWORD, server.url.rpartition(":")[2] if is_there else 9))
        errors = whole_way(host, provider, train, tmp_path / "out", [])
        plan = FineTuneJob.plan(train, model=host.model, provider=provider)
    shown = [repr(provider), provider.home, str(plan), repr(plan)]
    for text in [*shown, *(text for error in errors for _, text in shown_by(error))]:
        assert PASSWORD not in text
    assert errors
    for file in (tmp_path / "out").rglob("*.json"):
        assert PASSWORD not in file.read_text()


@pytest.mark.parametrize("status", [400, 401, 403, 422, 429, 500])
@pytest.mark.parametrize("kind", [langsmith.Langsmith, langsmith.AsyncLangsmith])
def test_no_refusal_of_langsmith_leaks_what_it_says(kind, status):
    class Refuses(StandIn):
        def handle(self, request):
            said = f"{SAID} {request.headers['x-api-key']}; the filter is not valid"
            return Response(status, {"detail": said}, {"retry-after": "0.01"} | ECHOED)

    async def collected(client):
        async with client:
            return [run async for run in select_runs(client, project_id=PROJECT, limit=1)]

    def selected(client):
        if kind is langsmith.AsyncLangsmith:
            return asyncio.run(collected(client))
        return list(select_runs(client, project_id=PROJECT, limit=1))

    with Refuses() as server:
        client = kind(api_key=KEY, base_url=server.url, max_retries=0)
        with pytest.raises(langsmith.APIStatusError) as raised:
            selected(client)
    assert raised.value.status_code == status
    assert str(raised.value).startswith(f"Error code: {status} - Example 3: bad")
    for where, text in shown_by(raised.value):
        assert_no_leak(where, text, steers="pickle" not in where)
