"""One fault at each request of create -> wait, then everything is well: one upload used, one job, its model."""

import itertools
import logging
import traceback

import pytest

from langsmith_finetune.errors import FineTuneError, JobFailedError, ProviderError
from langsmith_finetune.jobs.job import FineTuneJob
from tests.support.jobs import (
    FILES,
    JOBS,
    KEY,
    MODEL,
    SECRET,
    connect,
    create,
    journal,
    paid,
    provider,
    server,
    train,
)
from tests.support.standins.faults import FAULTS, SLOW_FAULTS, slow
from tests.support.standins.openai import OpenAIStandIn, error
from tests.support.standins.server import Response

__all__ = ["connect", "create", "journal", "provider", "server", "train"]

FILE, JOB = f"{FILES}/file-{1:024d}", f"{JOBS}/ftjob-{2:024d}"
STEPS = {
    "the list of jobs": ("GET", JOBS),
    "the list of files": ("GET", FILES),
    "an upload": ("POST", FILES),
    "a look at the file": ("GET", FILE),
    "a creation": ("POST", JOBS),
    "a look at the job": ("GET", JOB),
    "its events": ("GET", f"{JOB}/events"),
}


def until_it_is_done(cell, caplog):
    """Run the cell as a user does: again after each error. No more than three times, and nothing leaks."""
    for _ in range(3):
        try:
            return cell()
        except FineTuneError as raised:
            shown = "".join(traceback.format_exception(raised))
            assert KEY not in shown + caplog.text
            assert SECRET not in shown + caplog.text
    raise AssertionError("the cell did not come to its end in three runs")


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_one_fault_anywhere_costs_nothing(server, create, caplog, capsys, *, step, fault):
    caplog.set_level(logging.INFO)
    server.files_pending = 1
    server.fault(*step, fault.answer, after=fault.after)
    job = until_it_is_done(create, caplog)
    model = until_it_is_done(lambda: create().wait(), caplog)
    assert not server._faults
    assert model.job_id == job.id
    assert model.id == server.jobs[job.id]["fine_tuned_model"]
    assert paid(server)[1] == 1
    assert paid(server)[0] == 1
    assert server.jobs[job.id]["training_file"] == server.uploads[0]
    assert [record.job_id for record in FineTuneJob.list()] == [job.id]


@pytest.mark.slow
@pytest.mark.parametrize("fault", SLOW_FAULTS.values(), ids=SLOW_FAULTS)
@pytest.mark.parametrize("step", ["an upload", "a creation", "a look at the job"])
def test_an_answer_that_never_ends_costs_nothing(server, connect, create, caplog, *, step, fault):
    server.fault(*STEPS[step], fault.answer, after=fault.after)
    brisk = connect(timeout=1.0)
    model = until_it_is_done(lambda: create(provider=brisk).wait(progress=False), caplog)
    assert list(server.jobs) == [model.job_id]
    assert paid(server) == (1, 1)


def test_two_faults_at_once_cost_nothing(server, create, caplog):
    names = ["dropped after it is done", "truncated before", "500 though it is done", "429"]
    for (step, name), (other, second) in itertools.pairwise(
        itertools.product(["an upload", "a creation"], names)
    ):
        server.fault(*STEPS[step], FAULTS[name].answer, after=FAULTS[name].after)
        server.fault(*STEPS[other], FAULTS[second].answer, after=FAULTS[second].after)
        job = until_it_is_done(lambda s=f"{name}{second}{step}"[:60]: create(suffix=s), caplog)
        server._faults.clear()
        assert job.id in server.jobs
    assert len(server.uploads) == 1
    assert len(server.jobs) == 7


def test_answers_that_trickle_are_read(server, create):
    handle = server.handle
    server.handle = lambda request: slow(handle(request), pause_seconds=0.01)
    assert create().wait(progress=False)
    assert paid(server) == (1, 1)


def test_events_told_twice_and_out_of_order_count_once(server, create):
    job = create()
    job.wait(progress=False)
    handle = server.handle

    def muddled(request):
        answer = handle(request)
        if request.path.endswith("/events"):
            data = answer.body["data"]
            return Response(200, answer.body | {"data": data[::2] + data + data[::-1], "has_more": True})
        return answer

    server.handle = muddled
    events = job.events()
    assert len({event.id for event in events}) == len(events) == 7
    assert [event.created_at for event in events] == sorted(event.created_at for event in events)
    assert [record["step"] for record in job.metrics()] == [1, 2, 3]


@pytest.mark.parametrize(
    "script",
    [
        ("running", "queued", "validating_files", "running", "succeeded"),
        ("running", "made_up", "paused", "running", "succeeded"),
        ({"status": None}, {"status": 7}, "succeeded"),
        ("cancelling", "succeeded"),
    ],
)
def test_statuses_out_of_order_are_waited_through(server, create, script):
    server.script(*script)
    assert create().wait(progress=False).id.startswith("ft:")
    assert paid(server) == (1, 1)


def test_a_cancel_that_comes_too_late_shows_how_the_job_ended(server, create):
    server.script("succeeded")
    job = create()
    job.refresh()
    assert job.cancel().status == "succeeded"
    assert job.wait(progress=False).id == job.info.fine_tuned_model


def test_a_cancel_that_is_refused_while_the_job_runs_says_so(server, create):
    server.script("running")
    job = create()
    server.fault("POST", f"{JOBS}/{job.id}/cancel", error(400, "Not now.", code="invalid_job_status"))
    with pytest.raises(ProviderError, match=r"openai: HTTP 400: Not now\. \(code invalid_job_status\)"):
        job.cancel()


def test_job_failed_at_once_says_why_and_is_retried_on_demand(server, create):
    failed = {"status": "failed", "error": {"code": "server_error", "message": "Out of machines."}}
    server.script(failed)
    first = create()
    with pytest.raises(JobFailedError, match=r"^job .* failed: Out of machines\. \(server_error\)"):
        first.wait(progress=False)
    server.script("succeeded")
    second = create()
    assert second.wait(progress=False).job_id == second.id != first.id
    assert paid(server) == (1, 2)
    assert [(r.job_id, r.status) for r in FineTuneJob.list()] == [
        (second.id, "succeeded"),
        (first.id, "failed"),
    ]


@pytest.mark.parametrize("step", ["the list of jobs", "an upload", "a creation"])
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            error(
                401,
                f"Incorrect API key provided: {KEY[:8]}****. Find yours at the platform.",
                code="invalid_api_key",
            ),
            "openai: HTTP 401: Incorrect API key provided: [key]. Find yours at the platform. (code invalid_api_key)",
        ),
        (
            error(403, "Your organization may not create fine-tuning jobs.", code="unsupported"),
            "openai: HTTP 403: Your organization may not create fine-tuning jobs. (code unsupported)",
        ),
    ],
    ids=["a wrong key", "an organization locked out"],
)
def test_a_refusal_is_final_and_nothing_is_paid(server, create, clock, *, step, answer, text):
    server.fault(*STEPS[step], answer)
    with pytest.raises(ProviderError) as caught:
        create()
    assert str(caught.value) == text
    assert not caught.value.temporary
    assert not caught.value.ambiguous
    assert clock.slept == []
    assert server.jobs == {}
    assert create().id in server.jobs
    assert paid(server) == (1, 1)


def test_a_host_that_quotes_the_data_is_not_quoted(server, create, journal, caplog):
    server.fault("POST", JOBS, error(400, f'Invalid line: {{"content": "{SECRET}"}}'))
    server.fault("POST", JOBS, error(400, f"The message '{SECRET}' is not allowed for 'assistant'."))
    for text in ("Invalid line: {...}", "is not allowed for 'assistant'"):
        with pytest.raises(ProviderError) as caught:
            create()
        shown = "".join(traceback.format_exception(caught.value))
        assert SECRET not in shown + caplog.text
        assert text in str(caught.value)


def test_nothing_that_is_kept_holds_a_key_or_the_data(server, create, journal, tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "langsmith_finetune")
    job = create(name="bot", parameters={"n_epochs": 1})
    job.wait(progress=False)
    job.save(tmp_path / "log")
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "train.jsonl"]
    assert len(kept) > 5
    for text in [caplog.text, *(path.read_text() for path in kept)]:
        assert SECRET not in text
        assert KEY not in text


def test_azure_is_as_safe(connect, clock, train):
    with OpenAIStandIn(azure=True) as azure:
        import openai

        from langsmith_finetune.providers.openai import OpenAIProvider

        with openai.OpenAI(api_key=KEY, base_url=azure.base_url) as client:
            provider = OpenAIProvider(client=client)
            for path in (FILES, JOBS):
                azure.fault("POST", path, FAULTS["dropped after it is done"].answer, after=True)
            job = FineTuneJob.create(train, model=MODEL, provider=provider)
            assert job.wait(progress=False)
            assert paid(azure) == (1, 1)
