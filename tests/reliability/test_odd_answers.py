"""Answers of odd types, times and depth: whatever a host says, what comes out of the library is its own error."""

import json
import random
import re
import zlib
from contextlib import contextmanager, suppress

import pytest

from langsmith_finetune._foundation.json_values import time_from
from langsmith_finetune.errors import FineTuneError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.fireworks.answers import (
    deployment_from_answer,
    job_events_from_answer,
)
from langsmith_finetune.providers.fireworks.answers import job_status_from_answer as fireworks_job
from langsmith_finetune.providers.huggingface.answers import job_event_from_line
from langsmith_finetune.providers.openai.answers import (
    checkpoint_from_answer,
    job_event_from_answer,
    job_status_from_answer,
)
from langsmith_finetune.providers.together.answers import checkpoint_from_answer as together_checkpoint
from langsmith_finetune.providers.together.answers import job_event_from_answer as together_event
from langsmith_finetune.providers.together.answers import job_status_from_answer as together_job
from langsmith_finetune.providers.together.answers import metrics_event_from_answer
from tests.support.hosts import HOSTS
from tests.support.standins.server import Response
from tests.support.strategies import scaled

pytestmark = pytest.mark.usefixtures("clock", "in_2026")

ODD = {
    "null": None,
    "a number": 7,
    "below zero": -1,
    "huge": -5e300,
    "infinite": 1e400,
    "not a number": float("nan"),
    "beyond all floats": 10**400,
    "a truth": True,
    "no text": "",
    "half a character": "x\ud800",
    "what steers a terminal": "\x1b[2J",
    "another path": "../../x",
    "a list": ["x"],
    "an empty list": [],
    "an object": {"a": [1]},
    "a list of null": [None],
    "year 1": "0001-01-01T00:00:00+14:00",
    "year 9999": "9999-12-31T23:59:59-12:00",
}
NOW = time_from("2026-11-27T08:00:00Z")
JOB = "accounts/me/supervisedFineTuningJobs/j"
READERS = {
    "a job like OpenAI's": (
        job_status_from_answer,
        {"id": "j"},
        "status model fine_tuned_model error created_at finished_at estimated_finish trained_tokens",
    ),
    "an event like OpenAI's": (job_event_from_answer, {"id": "e"}, "created_at level message data"),
    "a checkpoint like OpenAI's": (
        checkpoint_from_answer,
        {"id": "c"},
        "step_number created_at fine_tuned_model_checkpoint metrics",
    ),
    "Together's job": (
        together_job,
        {"id": "j"},
        "status model model_output_name events created_at updated_at token_count",
    ),
    "Together's event": (
        lambda answer: together_event(answer, 1),
        {},
        "created_at level message type step total_steps",
    ),
    "Together's metrics": (
        lambda answer: metrics_event_from_answer(answer, NOW),
        {"train/global_step": 1, "train/loss": 0.5},
        "train/global_step train/loss timestamp",
    ),
    "Together's checkpoint": (together_checkpoint, {}, "object_name path step created_at"),
    "Fireworks' job": (
        fireworks_job,
        {"name": JOB},
        "state status trainingConfig outputModel baseModel createTime completedTime estimatedCost",
    ),
    "Fireworks' events": (
        lambda answer: job_events_from_answer(answer, b""),
        {},
        "state createTime completedTime updateTime jobProgress",
    ),
    "Fireworks' metrics": (
        lambda answer: job_events_from_answer({}, json.dumps(answer).encode()),
        {"step": 1, "loss": 0.5},
        "step loss timestamp",
    ),
    "Fireworks' deployment": (deployment_from_answer, {"name": "d"}, "state status baseModel"),
    "an event in Hugging Face's log": (
        lambda answer: job_event_from_line(answer, "e"),
        {},
        "created_at level message step total_steps metrics",
    ),
}


@pytest.mark.parametrize("what", READERS)
def test_no_field_is_too_odd_to_be_read(what):
    read, whole, fields = READERS[what]
    for field in fields.split():
        for value in (
            *ODD.values(),
            dict.fromkeys(("message", "code", "percent", "units", "nanos"), float("inf")),
        ):
            shown = read(whole | {field: value})
            assert "nan" not in repr(shown)
            assert "inf," not in repr(shown)


# --- whole ways --------------------------------------------------------------------------------------------


def fields_of(body):
    inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    found = set(body) if isinstance(body, dict) else set()
    return found.union(*map(fields_of, inner))


def with_field(body, name, value):
    if isinstance(body, dict):
        return {key: value if key == name else with_field(item, name, value) for key, item in body.items()}
    return [with_field(item, name, value) for item in body] if isinstance(body, list) else body


def the_way(host, provider, train):
    """All that a user asks of a job, a step after another."""
    jobs = []
    yield lambda: jobs.append(FineTuneJob.create(train, model=host.model, provider=provider))
    for ask in (
        lambda job: job.wait(timeout=500, progress=False),
        lambda job: (job.events(), job.metrics()),
        lambda job: job.checkpoints(),
        lambda job: [list(content) for _, content in provider.result_files(job.id)],
        lambda job: FineTuneJob.attach(job.id, provider=provider),
        lambda job: job.cancel(),
        lambda job: repr(job) + str(job.info),
        lambda _job: FineTuneJob.list(),
        lambda _job: (provider.list_models(), provider.list_files()),
        lambda _job: [provider.retrieve_deployment(one.id) for one in provider.list_deployments()],
        lambda job: provider.deploy(job.info.fine_tuned_model or "m"),
    ):
        yield lambda ask=ask: [ask(job) for job in jobs]


def walk(host, tmp_path, change, *, from_step):
    """Go the way at a host that changes its answers from a step on; only errors of ours come out."""
    train = tmp_path / "train.jsonl"
    line = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "yes"}]}
    train.write_text((json.dumps(line) + "\n") * 12)
    seen, lying = set(), False
    with host.running() as (server, provider):
        honest = server.handle

        def handle(request):
            answer = honest(request)
            if isinstance(answer.body, dict | list):
                seen.update(fields_of(answer.body))
                if lying:
                    return Response(
                        answer.status, change(json.loads(json.dumps(answer.body))), answer.headers
                    )
            return answer

        server.handle = handle
        for number, step in enumerate(the_way(host, provider, train)):
            lying = number >= from_step
            # Azure and Nebius deploy with settings only, and models whose names say something.
            settings = "control plane|who publishes|deploy takes base_model"
            with suppress(FineTuneError), allowed(ValueError, settings):
                step()
    return sorted(seen)


@contextmanager
def allowed(kind, text):
    try:
        yield
    except kind as error:
        if not re.search(text, str(error)):
            raise


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "journal"))


def walked_with(name, tmp_path, monkeypatch, most):
    """The way with so many odd fields, one at a time: others for each host, and the same each time."""
    host = HOSTS[name]
    fields = walk(host, tmp_path, lambda body: body, from_step=99)
    assert len(fields) > 20
    cases = [(field, value, step) for field in fields for value in ODD.values() for step in (0, 1)]
    random.Random(zlib.crc32(name.encode())).shuffle(cases)
    for number, (field, value, step) in enumerate(cases[:most]):
        monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / f"journal-{number}"))
        try:
            walk(host, tmp_path, lambda body, f=field, v=value: with_field(body, f, v), from_step=step)
        except Exception as error:
            raise AssertionError(f"{name}: {field} = {value!r} from step {step} on") from error


@pytest.mark.slow
@pytest.mark.thinned
@pytest.mark.parametrize("name", HOSTS)
def test_odd_fields_come_out_as_errors_of_ours(name, tmp_path, monkeypatch):
    walked_with(name, tmp_path, monkeypatch, most=scaled(25))


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        b"[" * 200_000,
        b'{"id": "\xff\xfe"}',
        b"\x00" * 100,
        b'{"id": ' + b"9" * 5000 + b"}",
        b"[[1], 2]",
        b'"text"',
    ],
    ids=["deep", "deep and open", "no UTF-8", "zeros", "a long number", "a list", "text"],
)
@pytest.mark.parametrize("name", HOSTS)
def test_odd_answers_come_out_as_errors_of_ours(name, tmp_path, monkeypatch, body):
    for step in (0, 1):
        monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / f"journal-{step}"))
        walk(HOSTS[name], tmp_path, lambda _: body, from_step=step)
