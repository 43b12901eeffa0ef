import asyncio
import io
import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import openai
import pytest

from langsmith_finetune.errors import (
    InvalidExampleError,
    JobFailedError,
    JobTimeoutError,
    NotSupportedError,
    ProviderError,
)
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.jobs.deployment import Deployment
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.progress import JobProgress
from langsmith_finetune.jsonl import write_jsonl
from langsmith_finetune.ledger.ledger import Ledger
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.values import DeploymentInfo, JobInfo
from langsmith_finetune.testing import FakeProvider
from tests.support.notebook import Cell, show_at_once
from tests.support.standins.openai import (
    NOT_JSON,
    RATE_LIMIT,
    SERVER_FAULT,
    STALLED,
    TOO_MANY_JOBS,
    TRUNCATED,
    OpenAIStandIn,
    error,
)
from tests.support.standins.server import Drop, Request, Response
from tests.support.terminal import terminal

FILES, JOBS = "/v1/files", "/v1/fine_tuning/jobs"
MODEL = "gpt-4o-mini"


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "journal"))
    return Journal()


@pytest.fixture
def server():
    with OpenAIStandIn() as server:
        yield server


@pytest.fixture
def provider(request, server, clock):
    timeout = 0.5 if "stalled" in request.node.name else 30.0
    # The client's own retries are left on: the provider must not use them.
    with openai.OpenAI(api_key="sk-made-up", base_url=server.base_url, timeout=timeout) as client:
        yield OpenAIProvider(client=client)


@pytest.fixture
def train(tmp_path):
    path = tmp_path / "train.jsonl"
    line = {"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "Hi"}]}
    path.write_text((json.dumps(line, ensure_ascii=False) + "\n") * 10, encoding="utf-8")
    return path


@pytest.fixture
def create(provider, clock, train):
    def create(**settings):
        return FineTuneJob.create(
            settings.pop("training_file", train),
            **{"model": MODEL, "provider": provider} | settings,
        )

    return create


def paid(server):
    return len(server.uploads), len(server.jobs)


# --- the good path -----------------------------------------------------------------------------------------


def test_a_job_that_succeeds_gives_its_model(server, create, provider, clock):
    job = create(suffix="bot", seed=7, parameters={"n_epochs": 3})
    assert job.status == "validating"
    model = job.wait(progress=False)
    assert model.id == job.info.fine_tuned_model
    assert model.id.startswith("ft:gpt-4o-mini-2024-07-18:")
    assert model.base_model == "gpt-4o-mini-2024-07-18"
    assert model.job_id == job.id
    assert model.provider is provider
    assert job.info.trained_tokens == 5049
    assert paid(server) == (1, 1)
    # Three looks that are not the last: 10 s, then 12, then 14.4, each give or take a tenth.
    assert [round(s / p, 1) for s, p in zip(clock.slept, (10, 12, 14.4), strict=True)] == pytest.approx(
        [1, 1, 1], abs=0.11
    )


def test_the_model_answers_in_langchain(create):
    model = create().wait(progress=False)
    answer = model.chat_model(temperature=0).invoke("ten words")
    assert answer.content == "You said: ten words"


def test_poll_seconds_is_the_pace(create, clock):
    create().wait(poll_seconds=100, progress=False)
    assert all(90 <= seconds <= 110 for seconds in clock.slept)
    assert len(clock.slept) == 3


def test_a_pace_of_nothing_is_taken_and_a_negative_one_refused(create, clock):
    job = create()
    job.wait(poll_seconds=0, progress=False)
    assert set(clock.slept) == {0}
    with pytest.raises(ValueError, match=r"poll_seconds must not be negative, but is -1\.5"):
        job.wait(poll_seconds=-1.5, progress=False)


def test_a_job_is_awaited_in_a_running_loop(server, provider, clock, train):
    async def both():
        job = await FineTuneJob.acreate(train, model=MODEL, provider=provider)
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        model = await job
        ticking.cancel()
        return job, model, ticks

    job, model, ticks = asyncio.run(both())
    assert model.id == job.info.fine_tuned_model
    assert ticks > 10  # the loop went on while the job was looked at
    assert paid(server) == (1, 1)


async def test_the_async_twins_do_what_the_others_do(provider, clock, train, server):
    job = await FineTuneJob.acreate(train, model=MODEL, provider=provider)
    again = await FineTuneJob.aattach(job.id, provider=provider)
    assert (await again.arefresh()).status == "running"
    assert [e.id for e in await again.aevents()] == [e.id for e in again.events()]
    assert (await again.acancel()).status == "cancelled"
    with pytest.raises(JobFailedError):
        await again.await_(progress=False)


# --- how jobs end ------------------------------------------------------------------------------------------


def test_a_failed_job_raises_with_the_providers_reason(server, create):
    reason = "Training file has 7 example(s), but must have at least 10 examples"
    failed = {
        "status": "failed",
        "error": {"code": "invalid_n_examples", "param": "training_file", "message": reason},
    }
    server.script("running", failed)
    job = create()
    with pytest.raises(JobFailedError) as caught:
        job.wait(progress=False)
    assert str(caught.value) == f"job {job.id} failed: {reason} (invalid_n_examples)"
    assert caught.value.job.finished_at is None


def test_a_failed_job_without_a_reason_says_so(server, create):
    server.script({"status": "failed", "error": {}})
    with pytest.raises(JobFailedError, match=r"^job .* failed: the provider gave no reason"):
        create().wait(progress=False)


def test_a_job_cancelled_while_waited_for_raises(server, create):
    server.script("running", "cancelled")
    with pytest.raises(JobFailedError, match="was cancelled"):
        create().wait(progress=False)


def test_cancel_stops_the_job(server, create):
    server.script("running")
    job = create()
    assert job.cancel().status == "cancelled"
    assert job.status == "cancelled"


def test_an_unknown_status_is_waited_through(server, create, clock):
    server.script("compressing_the_llama", "running", "succeeded")
    job = create()
    assert job.refresh().status == "unknown"
    assert job.info.provider_status == "compressing_the_llama"
    job.wait(progress=False)
    assert job.status == "succeeded"


def test_success_is_believed_only_with_a_model(server, create):
    without = {"status": "running"}
    server.script(without)
    job = create()
    server.jobs[job.id]["status"] = "succeeded"
    assert job.refresh().status == "unknown"
    server.jobs[job.id]["fine_tuned_model"] = "ft:late"
    assert job.wait(progress=False).id == "ft:late"


@pytest.mark.parametrize("timeout", [0, 25, 3600])
def test_wait_timeout_ends_on_time_and_leaves_the_job(server, create, clock, timeout):
    server.script("running")
    job = create()
    with pytest.raises(JobTimeoutError) as caught:
        job.wait(timeout=timeout, progress=False)
    assert sum(clock.slept) == pytest.approx(timeout)
    assert caught.value.waited_seconds == pytest.approx(timeout)
    assert str(caught.value) == (
        f"job {job.id} was still running after {timeout} s; "
        f'it goes on: FineTuneJob.attach("{job.id}", provider=...).wait() returns to it'
    )
    server.script("succeeded", job_id=job.id)
    assert FineTuneJob.attach(job.id, provider=job.provider).wait(progress=False)


def test_ctrl_c_ends_the_waiting_and_not_the_job(server, provider, train, clock):
    def interrupt(_):
        raise KeyboardInterrupt

    server.script("running", "running", "succeeded")
    job = FineTuneJob.create(train, model=MODEL, provider=provider)
    clock.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        job.wait(progress=False)
    assert server.jobs[job.id]["status"] == "running"
    assert server.count("POST", f"{JOBS}/{job.id}/cancel") == 0
    with pytest.raises(KeyboardInterrupt):
        job.wait(progress=False)
    assert job.wait(progress=False).job_id == job.id
    assert paid(server) == (1, 1)


def test_cancelling_the_awaiting_task_leaves_the_job(server, provider, train, clock):
    def cancel(_):
        raise asyncio.CancelledError

    job = FineTuneJob.create(train, model=MODEL, provider=provider)
    clock.on_sleep = cancel

    async def wait():
        await job.await_(progress=False)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(wait())
    assert server.jobs[job.id]["status"] == "queued"
    assert server.count("POST", f"{JOBS}/{job.id}/cancel") == 0


def test_ctrl_c_says_how_to_return(server, provider, train, clock):
    def interrupt(_):
        raise KeyboardInterrupt

    job = FineTuneJob.create(train, model=MODEL, provider=provider)
    clock.on_sleep = interrupt
    with (
        redirect_stderr(io.StringIO()),
        redirect_stdout(io.StringIO()) as shown,
        pytest.raises(KeyboardInterrupt) as caught,
    ):
        job.wait()
    text = f'job {job.id} goes on: FineTuneJob.attach("{job.id}", provider=...).wait() returns to it'
    assert caught.value.__notes__ == [text]
    assert text in shown.getvalue()


def test_each_change_of_status_is_told_once(server, create):
    server.script("queued", "queued", "running", "made_up", "other_word", "running", "succeeded")
    seen = []
    create().wait(progress=False, on_change=lambda job: seen.append((job.status, job.provider_status)))
    assert seen == [
        ("queued", "queued"),
        ("running", "running"),
        ("unknown", "made_up"),
        ("unknown", "other_word"),
        ("running", "running"),
        ("succeeded", "succeeded"),
    ]


def test_a_callback_that_fails_does_not_end_the_wait(create, caplog):
    def fail(_):
        raise RuntimeError("sk-made-up is wrong")

    assert create().wait(progress=False, on_change=fail)
    assert "on_change raised RuntimeError; the waiting goes on" in caplog.text
    assert "sk-made-up" not in caplog.text


async def test_the_async_wait_tells_changes_too(create):
    seen = []
    await create().await_(progress=False, on_change=lambda job: seen.append(job.status))
    assert seen == ["queued", "running", "succeeded"]


# --- a server that misbehaves while a job is waited for ----------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        Drop(),
        TRUNCATED,
        STALLED,
        NOT_JSON,
        SERVER_FAULT,
        RATE_LIMIT,
        Response(502, b"<html>"),
        Response(200, [1]),
    ],
    ids=["drop", "truncated", "stalled", "not json", "500", "429", "502", "a list"],
)
@pytest.mark.parametrize("times", [1, 3])
def test_wait_goes_on_through_faults(server, create, answer, times):
    job = create()
    server.fault("GET", f"{JOBS}/{job.id}", answer, times=times)
    assert job.wait(progress=False).job_id == job.id
    assert paid(server) == (1, 1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "86400"}, 300),
        ({"retry-after": "-5"}, 0.1),
        ({"retry-after": "nan"}, 1),
        ({"retry-after": "soon"}, 1),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.1),
        ({}, 1),
    ],
)
def test_a_rate_limit_is_waited_out_within_reason(server, create, clock, header, seconds):
    job = create()
    server.script("succeeded", job_id=job.id)
    server.fault("GET", f"{JOBS}/{job.id}", replace(RATE_LIMIT, headers=header))
    job.wait(progress=False)
    assert clock.slept == [pytest.approx(seconds, rel=0.101)]


def test_a_retry_after_that_is_a_date_is_waited_for(server, create, clock):
    job = create()
    server.script("succeeded", job_id=job.id)
    in_a_minute = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.fault("GET", f"{JOBS}/{job.id}", replace(RATE_LIMIT, headers={"retry-after": in_a_minute}))
    job.wait(progress=False)
    assert 50 < clock.slept[0] < 67


@pytest.mark.parametrize("status", [401, 403, 404])
def test_wait_ends_when_the_provider_refuses(server, create, clock, status):
    job = create()
    server.fault("GET", f"{JOBS}/{job.id}", error(status, "No."))
    with pytest.raises(ProviderError, match=rf"openai: HTTP {status}: No\.") as caught:
        job.wait(progress=False)
    assert str(caught.value.__cause__) == f"HTTP {status}"
    assert clock.slept == []


@pytest.mark.slow
def test_a_provider_that_is_gone_for_six_hours_ends_the_wait(server, create, clock):
    job = create()
    server.fault("GET", f"{JOBS}/{job.id}", SERVER_FAULT, times=2000)
    with pytest.raises(ProviderError, match="HTTP 500"):
        job.wait(progress=False)
    assert 6 * 3600 < sum(clock.slept) < 6.2 * 3600


@pytest.mark.slow
def test_only_silence_at_a_stretch_ends_the_wait(server, provider, train, clock):
    def fall_silent(_):
        if sum(clock.slept) > 5 * 3600 and not silent:
            silent.append(True)
            server.script("succeeded", job_id=job.id)
            server.fault("GET", f"{JOBS}/{job.id}", SERVER_FAULT, times=120)  # two hours

    silent = []
    clock.on_sleep = fall_silent
    job = FineTuneJob.create(train, model=MODEL, provider=provider)
    server.script("running", job_id=job.id)
    server.jobs[job.id]["status"] = "running"
    assert job.wait(progress=False)
    assert sum(clock.slept) > 6.5 * 3600


def test_events_that_cannot_be_read_do_not_end_the_wait(server, create):
    job = create()
    server.fault("GET", f"{JOBS}/{job.id}/events", error(403, "No."), times=9)
    with redirect_stderr(io.StringIO()):
        assert job.wait()


def test_a_provider_without_events_does_not_end_the_wait(create, monkeypatch):
    def without(*_, **__):
        raise NotSupportedError("openai", "events")

    job = create()
    monkeypatch.setattr(job.provider, "job_events", without)
    with redirect_stderr(io.StringIO()):
        assert job.wait()


# --- creating once -----------------------------------------------------------------------------------------

LOST_ANSWERS = {
    "drop": Drop(),
    "truncated": TRUNCATED,
    "stalled": STALLED,
    "500": SERVER_FAULT,
    "not json": NOT_JSON,
}


@pytest.mark.parametrize("answer", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_lost_answer_to_creation_finds_the_job(server, create, answer):
    server.fault("POST", JOBS, answer, after=True)
    job = create()
    assert list(server.jobs) == [job.id]
    assert server.count("POST", JOBS) == 1
    assert job.wait(progress=False)
    assert paid(server) == (1, 1)


@pytest.mark.parametrize("answer", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
def test_a_lost_answer_to_an_upload_finds_the_file(server, create, answer):
    server.fault("POST", FILES, answer, after=True)
    create()
    assert paid(server) == (1, 1)
    assert server.count("POST", FILES) == 1


def test_a_job_that_shows_up_late_in_the_list_is_still_found(server, create, clock):
    hidden = 2

    def handle(request, handle=server.handle):
        nonlocal hidden
        if (request.method, request.path) == ("GET", JOBS) and server.jobs and hidden:
            hidden -= 1
            return Response(200, {"object": "list", "data": [], "has_more": False})
        return handle(request)

    server.handle = handle
    server.fault("POST", JOBS, Drop(), after=True)
    assert create().id in server.jobs
    assert clock.slept == [1, 3, 9]
    assert paid(server) == (1, 1)


@pytest.mark.parametrize("path", [FILES, JOBS])
@pytest.mark.parametrize(
    "answer", [Drop(), SERVER_FAULT, RATE_LIMIT, TRUNCATED], ids=["drop", "500", "429", "truncated"]
)
def test_what_was_not_done_is_sent_again(server, create, path, answer):
    server.fault("POST", path, answer, times=2)
    create()
    assert paid(server) == (1, 1)
    assert server.count("POST", path) == 3


@pytest.mark.parametrize("path", [FILES, JOBS])
def test_a_server_that_stays_broken_is_not_asked_for_ever(server, create, path):
    server.fault("POST", path, SERVER_FAULT, times=50)
    with pytest.raises(ProviderError, match="HTTP 500: The server had an error"):
        create()
    assert server.count("POST", path) == 4
    assert paid(server)[1] == 0


@pytest.mark.parametrize("answer", [STALLED, NOT_JSON], ids=["stalled", "not json"])
def test_a_creation_that_may_still_be_carried_out_is_left_open(server, create, answer):
    server.fault("POST", JOBS, answer)
    with pytest.raises(ProviderError) as caught:
        create()
    assert caught.value.ambiguous
    assert not caught.value.temporary
    assert "It is not known whether a job was created. Look among your jobs for one with metadata " in str(
        caught.value
    )
    assert server.count("POST", JOBS) == 1
    # What the text says to look for is what a job carries.
    job = create()
    tag = server.jobs[job.id]["metadata"]["langsmith_finetune"]
    assert f"langsmith_finetune={tag}:" in str(caught.value)
    assert paid(server) == (1, 1)


def test_creation_is_left_open_when_nobody_can_be_asked(server, create):
    # The first look, before the creation, is answered; none after it.
    original, lists = server.handle, 0

    def handle(request: Request) -> Response:
        nonlocal lists
        if (request.method, request.path) == ("GET", JOBS):
            lists += 1
            if 1 < lists <= 5:
                return SERVER_FAULT
        return original(request)

    server.handle = handle
    server.fault("POST", JOBS, Drop(), after=True)
    with pytest.raises(ProviderError, match="It is not known whether a job was created"):
        create()
    assert server.count("POST", JOBS) == 1
    assert create().id in server.jobs
    assert paid(server) == (1, 1)


def test_ambiguous_creation_without_a_list_is_left_open(server, create):
    server.fault("GET", JOBS, error(404, "Not found"), times=9)
    server.fault("POST", JOBS, Drop(), after=True)
    with pytest.raises(ProviderError, match="It is not known whether a job was created"):
        create()
    assert server.count("POST", JOBS) == 1


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_a_list_of_jobs_a_job_is_created_all_the_same(server, create, status):
    server.fault("GET", JOBS, error(status, "No."))
    create()
    assert paid(server) == (1, 1)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_creation_is_not_repeated(server, create, clock, status):
    server.fault("POST", JOBS, error(status, "No."))
    with pytest.raises(ProviderError, match=f"HTTP {status}: No."):
        create()
    assert server.count("POST", JOBS) == 1
    assert clock.slept == []


def test_too_many_active_jobs_is_final(server, create, clock):
    server.fault("POST", JOBS, TOO_MANY_JOBS)
    with pytest.raises(ProviderError, match="maximum of 1 active requests") as caught:
        create()
    assert not caught.value.temporary
    assert server.count("POST", JOBS) == 1
    assert clock.slept == []


@pytest.mark.parametrize("path", [FILES, JOBS])
def test_a_busy_list_is_asked_again(server, create, path):
    server.fault("GET", path, RATE_LIMIT, times=2)
    create()
    assert paid(server) == (1, 1)


def test_a_server_that_cannot_be_reached_is_tried_four_times(train, clock):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with openai.OpenAI(api_key="sk-made-up", base_url=url) as client:
        provider = OpenAIProvider(client=client)
        with pytest.raises(ProviderError, match=r"the connection failed \(ConnectError\)") as caught:
            FineTuneJob.create(train, model=MODEL, provider=provider)
    assert caught.value.temporary
    assert not caught.value.ambiguous
    assert clock.slept == [1, 2, 4]


# --- coming back -------------------------------------------------------------------------------------------


def test_a_second_create_attaches(server, create, caplog):
    first = create(suffix="bot")
    second = create(suffix="bot")
    assert second.id == first.id
    assert paid(server) == (1, 1)
    assert f"openai: job {first.id} (validating) was created from the same file and settings" in caplog.text


def test_a_finished_job_is_attached_to_as_well(server, create):
    first = create()
    first.wait(progress=False)
    assert create().wait(progress=False).id == first.info.fine_tuned_model
    assert paid(server) == (1, 1)


def test_the_same_bytes_at_another_path_are_the_same_job(server, create, train, tmp_path):
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(train.read_bytes())
    assert create().id == create(training_file=copy).id


@pytest.mark.parametrize(
    "other",
    [{"parameters": {"n_epochs": 2}}, {"suffix": "b"}, {"seed": 1}],
    ids=["parameters", "suffix", "seed"],
)
def test_other_settings_are_another_job_on_the_same_upload(server, create, other):
    assert create().id != create(**other).id
    assert paid(server) == (1, 2)


def test_other_bytes_are_another_job(server, create, train):
    first = create()
    train.write_text(train.read_text(encoding="utf-8") * 2, encoding="utf-8")
    assert create().id != first.id
    assert paid(server) == (2, 2)


def test_a_model_folder_counts_by_its_content_wherever_it_lies(clock, train, tmp_path):
    provider = FakeProvider()

    def create(folder, weights):
        folder.mkdir(exist_ok=True)
        (folder / "model.safetensors").write_bytes(weights)
        return FineTuneJob.create(train, model=folder, provider=provider).id

    weights = bytes(3 << 20)
    first = create(tmp_path / "a", weights)
    assert create(tmp_path / "a", weights) == create(tmp_path / "b", weights) == first
    assert create(tmp_path / "a", weights[:-1] + b"1") != first
    assert create(tmp_path / "a", weights + b"0") != first


def test_force_new_starts_another(server, create):
    first = create()
    second = create(force_new=True)
    assert first.id != second.id
    assert paid(server) == (1, 2)
    assert create().id == second.id


def test_force_new_finds_its_own_job_after_a_lost_answer(server, create):
    first = create()
    server.fault("POST", JOBS, Drop(), after=True)
    second = create(force_new=True)
    assert first.id != second.id
    assert paid(server) == (1, 2)


def test_force_new_does_not_take_the_old_job_for_its_own(server, create):
    first = create()
    server.fault("POST", JOBS, Drop())
    second = create(force_new=True)
    assert first.id != second.id
    assert paid(server) == (1, 2)


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_a_job_that_ended_badly_is_not_attached_to(server, create, end):
    server.script(end)
    first = create()
    with pytest.raises(JobFailedError):
        first.wait(progress=False)
    server.script("succeeded")
    assert create().wait(progress=False).job_id != first.id
    assert paid(server) == (1, 2)


def test_a_job_is_attached_to_by_its_id(server, create, provider, clock):
    job = create()
    again = FineTuneJob.attach(job.id, provider=provider)
    assert again.wait(progress=False).job_id == job.id
    assert paid(server) == (1, 1)


def test_attaching_to_no_job_says_so(provider):
    with pytest.raises(ProviderError) as caught:
        FineTuneJob.attach("ftjob-nowhere", provider=provider)
    assert str(caught.value) == (
        "openai: HTTP 404: Could not find fine tune: ftjob-nowhere "
        "(code fine_tune_not_found, param fine_tune_id)"
    )


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before upload", "after upload", "before job", "after job"])
def test_kill_at_any_point_leaves_one_upload_and_one_job(tmp_path, train, clock, moment):
    when, _, what = moment.partition(" ")
    deadly = ("POST", FILES if what == "upload" else JOBS)

    class Killer(OpenAIStandIn):
        child: subprocess.Popen | None = None

        def handle(self, request):
            kill = self.child is not None and (request.method, request.path) == deadly
            answer = super().handle(request) if when == "after" or not kill else None
            if kill:
                self.child.send_signal(signal.SIGKILL)
                self.child.wait()
                raise Drop
            return answer

    code = """if True:
        import sys
        from langsmith_finetune.jobs.job import FineTuneJob
        from langsmith_finetune.providers.openai import OpenAIProvider
        provider = OpenAIProvider(api_key="sk-made-up", base_url=sys.argv[1])
        FineTuneJob.create(sys.argv[2], model="gpt-4o-mini", provider=provider)
    """
    with Killer() as server:
        server.child = subprocess.Popen([sys.executable, "-c", code, server.base_url, str(train)])
        assert server.child.wait(60) == -signal.SIGKILL
        server.child = None
        assert (
            paid(server)
            == {
                "before upload": (0, 0),
                "after upload": (1, 0),
                "before job": (1, 0),
                "after job": (1, 1),
            }[moment]
        )
        with openai.OpenAI(api_key="sk-made-up", base_url=server.base_url) as client:
            provider = OpenAIProvider(client=client)
            job = FineTuneJob.create(train, model=MODEL, provider=provider)
            assert job.wait(progress=False)
        assert paid(server) == (1, 1)


# --- before anything is sent -------------------------------------------------------------------------------


def test_an_empty_file_is_refused_before_anything_is_sent(server, create, tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(InvalidExampleError) as caught:
        create(training_file=empty)
    assert str(caught.value) == (
        "empty.jsonl: holds no examples. Write the file with write_jsonl(examples, path)"
    )
    assert server.requests == []


def test_a_file_that_is_not_json_lines_is_refused(server, create, tmp_path):
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("[1, 2]\n")
    with pytest.raises(InvalidExampleError, match=r"wrong\.jsonl:1: is "):
        create(training_file=wrong)
    assert server.requests == []


def test_a_file_that_is_not_there_is_refused(create, tmp_path):
    with pytest.raises(FileNotFoundError):
        create(training_file=tmp_path / "none.jsonl")


def test_a_validation_file_is_uploaded_beside(server, create, tmp_path, train):
    held_out = tmp_path / "held_out.jsonl"
    held_out.write_text(train.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    job = create(validation_file=held_out)
    assert paid(server) == (2, 1)
    shown = server.jobs[job.id]
    assert server.contents[shown["validation_file"]] == held_out.read_bytes()
    assert server.contents[shown["training_file"]] == train.read_bytes()


# --- showing -----------------------------------------------------------------------------------------------


def test_waiting_shows_status_steps_and_losses(server, create):
    job = create()
    with terminal() as shown:
        job.wait()
    assert f"{job.id}: running" in shown.getvalue()
    assert f"{job.id}: succeeded, step 3 of 3, train loss 0.3333" in shown.last
    assert "0step" not in shown.getvalue()
    assert "?" not in shown.getvalue()  # no clock of tqdm's, which knows less than ours


def test_waiting_with_a_log_writes_a_line_for_each_status(server, create):
    server.script("queued", "queued", "running", "running", "succeeded")
    job = create()
    with redirect_stderr(io.StringIO()) as shown:
        job.wait(poll_seconds=1)
    assert [line.split(",")[0] for line in shown.getvalue().splitlines()] == [
        f"{job.id}: queued",
        f"{job.id}: running",
        f"{job.id}: succeeded",
    ]


def test_waiting_long_with_a_log_writes_a_line_a_minute(server, create):
    server.script(*["running"] * 10, "succeeded")
    job = create()
    with redirect_stderr(io.StringIO()) as shown:
        job.wait(poll_seconds=25)
    assert 4 <= len(shown.getvalue().splitlines()) <= 6


def test_progress_is_switched_off_as_tqdm_s_is(create, monkeypatch):
    monkeypatch.setenv("TQDM_DISABLE", "1")
    with terminal() as shown:
        create().wait()
    assert shown.getvalue() == ""


def test_waiting_in_silence_shows_nothing_and_asks_for_no_events(server, create):
    job = create()
    with redirect_stderr(io.StringIO()) as shown:
        job.wait(progress=False)
    assert shown.getvalue() == ""
    assert server.count("GET", f"{JOBS}/{job.id}/events") == 0


def test_a_lost_connection_is_told_on_the_line(server, create):
    job = create()
    server.fault("GET", f"{JOBS}/{job.id}", Drop(), times=2)
    with redirect_stderr(io.StringIO()) as shown:
        job.wait()
    assert "no answer for 0 s, asking again in 1 s" in shown.getvalue()


def test_the_line_never_counts_backwards():
    status = JobInfo(id="j", status="running", provider_status="running", model="m")
    with terminal() as shown, JobProgress() as line:
        for step in (5, 4, 6):
            line.show(replace(status, step=step, total_steps=9))
    assert "step 5 of 9" in shown.getvalue()
    assert "step 4 of 9" not in shown.getvalue()
    assert "step 6 of 9" in shown.last


def test_a_job_that_has_no_step_yet_shows_none():
    status = JobInfo(id="j", status="validating", provider_status="loading the model", model="m")
    with terminal() as shown, JobProgress() as line:
        line.show(status)
    assert shown.last == "j: loading the model"


@pytest.mark.usefixtures("in_2026")
def test_the_line_tells_the_time_left_tokens_and_cost(server, create, clock):
    handle, looks = server.handle, 0

    def step_by_step(request):
        nonlocal looks
        answer = handle(request)
        if request.path.endswith("/events"):
            looks += 1
            shown = [e for e in answer.body["data"] if not e["data"] or e["data"]["step"] <= looks]
            return Response(200, answer.body | {"data": shown})
        return answer

    server.handle = step_by_step
    server.script("running", "running", "running", "succeeded")
    with terminal() as shown:
        job = create(model="gpt-4.1-mini", parameters={"n_epochs": 3})
        job.wait(poll_seconds=600)
    text = shown.getvalue()
    assert re.search(r"step 1 of 3, .*cost \$0\.00, tokens \d+", text)
    assert re.search(r"step 2 of 3, .*left (9|10|11) min, cost \$0\.\d\d, tokens \d+", text)
    assert "tokens 5,049" in shown.last


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(59, "59 s"), (60, "1 min"), (6000, "1 h 40 min"), (5900, "98 min"), (36000, "10 h 00 min")],
)
def test_the_time_left_is_legible(seconds, text):
    finish = datetime.now(UTC) + timedelta(seconds=seconds + 0.4)
    status = JobInfo(
        id="j",
        status="running",
        provider_status="r",
        model="m",
        estimated_finish=finish,
    )
    with terminal() as shown, JobProgress() as line:
        line.show(status)
        line.show(replace(status, estimated_finish=datetime.now(UTC) - timedelta(seconds=seconds)))
    assert f"left {text}" in shown.getvalue()
    assert shown.last == "j: running"  # a time that has passed is not told


def test_what_the_provider_says_it_costs_is_shown():
    status = JobInfo(id="j", status="running", provider_status="r", model="m")
    with terminal() as shown, JobProgress() as line:
        line.show(status, tokens=1_234_567, usd=12.346)
    assert shown.last == "j: running, cost $12.35, tokens 1,234,567"


def test_card_of_a_job_has_the_curve_of_its_losses(server, create, monkeypatch):
    cell = Cell(monkeypatch)
    server.script("queued", "running", "running", "succeeded")
    job = create()
    job.wait(poll_seconds=1)
    assert cell.text.startswith(f"{job.id}: succeeded, step 3 of 3, train loss 0.3333, ")
    assert ", tokens 5,049" in cell.text
    assert "train loss: 1 at step 1, 0.3333 at step 3" in cell.page
    # Once when it runs, once when it has ended, and in between because the job itself shows no step.
    assert server.count("GET", f"{JOBS}/{job.id}/events") == 3


def test_curve_goes_on_where_a_kernel_was_restarted(monkeypatch, train, clock):
    provider = FakeProvider(training_seconds=100, steps=50)
    job = FineTuneJob.create(train, model=MODEL, provider=provider)
    clock.sleep(50)
    cell = Cell(monkeypatch)
    with pytest.raises(JobTimeoutError):
        FineTuneJob.attach(job.id, provider=provider).wait(timeout=1)
    assert "train loss: 1 at step 1, 0.04 at step 25" in cell.page


def test_job_whose_events_cannot_be_had_is_shown_without_a_curve(monkeypatch, train, clock):
    cell = Cell(monkeypatch)
    provider = FakeProvider(training_seconds=5)
    provider.fail("job_events", ProviderError("fake", "no events today"), times=99)
    job = FineTuneJob.create(train, model=MODEL, provider=provider)
    job.wait()
    assert cell.text.startswith(f"{job.id}: succeeded, step 3 of 3")


def test_failed_job_s_card_says_why(monkeypatch, train, clock):
    cell = Cell(monkeypatch)
    job = FineTuneJob.create(train, model=MODEL, provider=FakeProvider(failure="too few & too short"))
    with pytest.raises(JobFailedError):
        job.wait()
    assert "too few &amp; too short" in cell.page


def test_stopping_a_wait_in_a_notebook_says_how_to_return_in_the_card(monkeypatch, train, clock):
    def interrupt(_):
        raise KeyboardInterrupt

    cell = Cell(monkeypatch)
    job = FineTuneJob.create(train, model=MODEL, provider=FakeProvider(training_seconds=100))
    clock.on_sleep = interrupt
    with pytest.raises(KeyboardInterrupt):
        job.wait()
    assert (
        f'job {job.id} goes on: FineTuneJob.attach("{job.id}", provider=...).wait() returns to it'
        in cell.text
    )


def test_ledger_records_a_job_at_its_start_and_end(create, provider, tmp_path):
    examples = [
        TrainingExample(
            line={"messages": [{"role": "user", "content": f"{n}"}, {"role": "assistant", "content": "Hi"}]},
            source=RunSource(run_id=f"run-{n}"),
        )
        for n in range(10)
    ]
    path = write_jsonl(examples, tmp_path / "with_ledger.jsonl").path
    job = create(training_file=path, validation_file=path)
    assert {(row["job_id"], row["role"], row["status"]) for row in Ledger(path).jobs()} == {
        (job.id, "training", "validating"),
        (job.id, "validation", "validating"),
    }
    model = FineTuneJob.attach(job.id, provider=provider).wait(progress=False)
    row = next(row for row in Ledger(path).jobs() if row["role"] == "training")
    assert (row["status"], row["fine_tuned_model"]) == ("succeeded", model.id)
    assert Ledger(path).seen(run_ids=["run-3"]).models == (model.id,)


def test_the_handle_shows_itself_without_a_key(create):
    job = create()
    assert repr(job) == f"FineTuneJob('{job.id}', 'validating', provider='openai')"
    assert "sk-" not in repr(job.provider)


def test_paths_may_be_strings(server, create, train):
    assert create(training_file=str(train)).id == create(training_file=Path(train)).id


@pytest.mark.parametrize(
    ("provider", "found"), [("openai", "str"), (OpenAIProvider, "the class OpenAIProvider")]
)
def test_a_provider_is_an_object_not_a_name_or_a_class(train, provider, found):
    for make in (
        lambda: FineTuneJob.create(train, model=MODEL, provider=provider),
        lambda: FineTuneJob.attach("ftjob-1", provider=provider),
    ):
        with pytest.raises(TypeError) as caught:
            make()
        assert str(caught.value) == (
            "provider must be a Provider, such as LocalProvider() or an object of a class of yours that "
            f"inherits Provider, not {found}"
        )


def test_a_notebook_shows_that_a_job_is_being_created(monkeypatch, train, create):
    show_at_once(monkeypatch)
    cell = Cell(monkeypatch)
    create()
    assert cell.text.splitlines() == [f"lines of {train.name} read: 10", "creating the job: done"]
    cell.next()
    create(suffix="quiet", progress=False)
    assert len(cell.outputs) == 1


def test_a_deployment_s_card_says_what_it_costs(monkeypatch, clock):
    cell = Cell(monkeypatch)
    ready = DeploymentInfo(id="d1", model_id="m", status="ready", provider_status="ok", usd_per_hour=2.5)
    with JobProgress() as line:
        provider = FakeProvider()
        provider.retrieve_deployment = lambda _: ready
        list(Deployment(provider, replace(ready, status="creating"))._poll(None, None, line))
    assert cell.text == "deployment d1: ready, cost $2.50 an hour"
