import os
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from langsmith_finetune.errors import InvalidExampleError, JobFailedError, NotSupportedError, ProviderError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.values import JobInfo
from langsmith_finetune.targets.registry import TARGETS
from tests.support.jobs import (
    FILES,
    JOBS,
    MODEL,
    connect,
    create,
    journal,
    line_of,
    paid,
    provider,
    server,
    train,
    write,
)
from tests.support.standins.openai import error
from tests.support.standins.server import Drop, Response

__all__ = ["connect", "create", "journal", "provider", "server", "train"]


@pytest.fixture
def patch():
    """Apart from `monkeypatch`, which says where the journal is."""
    patch = pytest.MonkeyPatch()
    yield patch
    patch.undo()


# --- names -------------------------------------------------------------------------------------------------


def test_a_name_returns_to_its_job_in_the_next_kernel(server, create, provider, clock):
    job = create(name="support-bot")
    again = FineTuneJob.attach("support-bot", provider=provider)
    assert again.id == job.id
    assert again.wait(progress=False).job_id == job.id
    assert create(name="support-bot").id == job.id
    assert paid(server) == (1, 1)


@pytest.mark.parametrize(
    ("change", "what"), [("data", "other training data"), ("settings", "other settings")]
)
def test_a_name_that_stands_for_another_job_is_refused(server, create, tmp_path, change, what):
    job = create(name="bot")
    other = write(tmp_path / "other.jsonl", [line_of(f"Other {n}") for n in range(10)])
    before = len(server.requests)
    with pytest.raises(ValueError, match="stands for job") as caught:
        create(other, name="bot") if change == "data" else create(name="bot", seed=1)
    (record,) = FineTuneJob.list()
    assert str(caught.value) == (
        f"the name 'bot' stands for job {job.id} of {record.created_at[:10]}, made from {what}. Take another "
        "name, or return to it with FineTuneJob.attach('bot', provider=...)"
    )
    assert len(server.requests) == before
    assert paid(server) == (1, 1)


def test_a_second_name_for_the_same_job_is_kept_beside_the_first(create, provider):
    job = create(name="first")
    assert create(name="second").id == job.id
    (record,) = FineTuneJob.list(provider)
    assert record.names == ("first", "second")
    assert FineTuneJob.attach("first", provider=provider).id == job.id
    assert FineTuneJob.attach("second", provider=provider).id == job.id


def test_a_forced_job_takes_the_name(create, provider):
    create(name="bot")
    second = create(name="bot", force_new=True)
    assert FineTuneJob.attach("bot", provider=provider).id == second.id


def test_a_name_whose_job_was_never_made_says_how_to_go_on(server, create, provider):
    server.fault("POST", JOBS, error(400, "No."))
    with pytest.raises(ProviderError, match=r"HTTP 400: No\."):
        create(name="bot")
    (record,) = FineTuneJob.list()
    with pytest.raises(ProviderError) as caught:
        FineTuneJob.attach("bot", provider=provider)
    assert str(caught.value) == (
        f"openai: the job named 'bot' of {record.created_at[:16]} UTC was refused, so there is none to return to; "
        "the same create(...) tries again"
    )
    assert create(name="bot").id in server.jobs
    assert len(FineTuneJob.list()) == 1


# --- the journal -------------------------------------------------------------------------------------------


def test_the_list_tells_of_every_job_without_asking(server, create, provider, connect):
    first = create(name="bot")
    first.wait(progress=False)
    second = create(seed=1)
    asked = len(server.requests)
    listed = FineTuneJob.list(provider)
    assert [(r.job_id, r.status, r.stage) for r in listed] == [
        (second.id, "validating", "created"),
        (first.id, "succeeded", "ended"),
    ]
    assert listed[1].fine_tuned_model == first.info.fine_tuned_model
    assert FineTuneJob.list(connect(name="other")) == []
    assert len(server.requests) == asked


def test_a_journal_may_be_chosen(create, tmp_path):
    job = create(journal=tmp_path / "mine")
    assert FineTuneJob.list() == []
    assert [r.job_id for r in FineTuneJob.list(journal=tmp_path / "mine")] == [job.id]
    assert FineTuneJob.list(journal=Journal(tmp_path / "mine"))[0].status == "validating"


def test_a_job_that_only_the_journal_knows_is_returned_to(server, create):
    server.filters_metadata = True
    first = create()
    server.jobs[first.id]["metadata"] = {"somebody": "changed it"}
    assert create().id == first.id
    assert paid(server) == (1, 1)


def test_vanished_job_is_not_paid_for_again_unasked(server, create):
    first = create()
    (record,) = FineTuneJob.list()
    del server.jobs[first.id]
    with pytest.raises(ProviderError) as caught:
        create()
    assert str(caught.value) == (
        f"openai: job {first.id}, created on {record.created_at[:10]} from the same file and settings, is not there "
        f"(HTTP 404: Could not find fine tune: {first.id} (code fine_tune_not_found, param fine_tune_id)). It was "
        "deleted, or belongs to another account: create(..., force_new=True) starts another, which is paid for too"
    )
    second = create(force_new=True)
    assert [r.job_id for r in FineTuneJob.list()] == [second.id, first.id]


def test_a_job_that_is_not_listed_yet_is_not_made_again(server, create):
    first = create()
    server.fault("GET", JOBS, Response(200, {"object": "list", "data": []}), times=9)
    assert create().id == first.id
    server.fault("GET", f"{JOBS}/{first.id}", error(404, "Could not find it yet."))
    with pytest.raises(ProviderError, match="is not there"):
        create()
    assert create().id == first.id
    assert paid(server) == (1, 1)


def test_a_job_that_was_deleted_from_here_is_made_anew(server, create, provider):
    first = create()
    provider.delete_job = server.jobs.pop
    first.delete()
    assert create().id != first.id
    assert len(server.jobs) == 1


def test_an_error_that_nobody_expects_leaves_the_creation_open(server, create, provider, patch):
    def fail(*_, **__):
        raise KeyError("id")

    patch.setattr(provider, "create_job", fail)
    with pytest.raises(KeyError):
        create()
    assert FineTuneJob.list()[0].stage == "creating"


def test_known_upload_is_used_without_a_list(server, create):
    create()
    server.fault("GET", FILES, error(404, "No."), times=9)
    create(seed=1)
    assert paid(server) == (1, 2)


def test_unwritable_journal_warns_and_asks_the_provider(server, create, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "journal"
    first = create(journal=folder)
    assert create(journal=folder).id == first.id
    assert paid(server) == (1, 1)
    assert f"the journal of jobs, {folder}, cannot be written (Not a directory)" in caplog.text
    assert "openai is asked for earlier jobs instead" in caplog.text


def test_unwritable_journal_without_a_list_refuses(server, create, connect, tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "journal"
    blind = connect(Blind)
    with pytest.raises(OSError, match="the journal of jobs") as caught:
        create(provider=blind, journal=folder)
    assert caught.value.strerror == (
        f"the journal of jobs, {folder}, cannot be written (Not a directory), and blind cannot be asked for "
        "earlier jobs. Give another folder with journal= or LANGSMITH_FINETUNE_JOURNAL"
    )
    assert server.requests == []


def test_a_full_disk_after_the_creation_does_not_lose_the_job(server, create, patch, caplog):
    put = Journal._put

    def full(self, name, data):
        if data.get("job_id"):
            raise OSError(28, "No space left on device")
        put(self, name, data)

    patch.setattr(Journal, "_put", full)
    job = create()
    assert job.id in server.jobs
    assert f"job {job.id} is not written into" in caplog.text
    patch.undo()


# --- two kernels, and kernels that died --------------------------------------------------------------------


def test_two_kernels_at_once_make_one_job(server, create):
    jobs, errors = [], []

    def cell():
        try:
            jobs.append(create().id)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=cell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(jobs)) == 1
    assert paid(server) == (1, 1)
    assert len(FineTuneJob.list()) == 1


def die(*_, **__):
    raise SystemExit


def test_a_creation_that_the_journal_left_open_is_looked_for(
    server, create, provider, patch, *, clock, caplog
):
    create_job = provider.create_job
    patch.setattr(provider, "create_job", lambda *a, **kw: (create_job(*a, **kw), die()))
    with pytest.raises(SystemExit):
        create()
    patch.undo()
    (record,) = FineTuneJob.list()
    assert (record.stage, record.job_id) == ("creating", None)
    job = create()
    assert list(server.jobs) == [job.id]
    assert (
        f"openai: job {job.id} (validating) was being created when the process ended; attached" in caplog.text
    )
    assert clock.slept == []


def died(create, provider, patch):
    """A creation whose process died before it was sent, as the journal shows it."""
    patch.setattr(provider, "create_job", die)
    with pytest.raises(SystemExit):
        create()
    patch.undo()
    (record,) = FineTuneJob.list()
    assert (record.stage, record.job_id) == ("creating", None)
    return record


def test_an_open_creation_is_looked_for_until_it_is_settled(  # noqa: PLR0917
    server, create, provider, patch, clock, caplog
):
    died(create, provider, patch)
    assert create().id in server.jobs
    assert clock.slept[:4] == [1, 3, 9, 27]
    assert sum(clock.slept) == pytest.approx(600, abs=5)
    assert (
        "openai: a job may have been created that is not listed yet; looking for it for up to 599 s before it is "
        "asked for again. Interrupting is safe: the same create(...) goes on"
    ) in caplog.text or "for up to 600 s before" in caplog.text
    assert paid(server) == (1, 1)
    assert len(FineTuneJob.list()) == 1


@pytest.mark.parametrize(
    ("minutes", "looked"), [(-60, 600), (0, 600), (5, 300), (11, 0), (60 * 24, 0)], ids=str
)
def test_open_creation_is_looked_for_by_its_age(  # noqa: PLR0917
    server, create, provider, patch, clock, journal, minutes, looked
):
    record = died(create, provider, patch)
    asked_at = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
    journal.write(record, asked_at=asked_at)
    assert create().id in server.jobs
    assert sum(clock.slept) == pytest.approx(looked, abs=5)
    assert paid(server) == (1, 1)


@pytest.mark.parametrize("seconds", [45, 150, 590])
@pytest.mark.parametrize("answer", ["dropped", "timed out"])
def test_a_job_that_is_listed_late_is_never_paid_twice(  # noqa: PLR0917
    server, create, provider, patch, clock, seconds, answer
):
    find_jobs, create_job = provider.find_jobs, provider.create_job

    def late(request):
        return find_jobs(request) if sum(clock.slept) >= seconds else []

    def lost(*args, **kwargs):
        create_job(*args, **kwargs)
        raise ProviderError("openai", "no answer", ambiguous=True, temporary=answer == "dropped")

    patch.setattr(provider, "find_jobs", late)
    patch.setattr(provider, "create_job", lost)
    try:
        job = create()
    except ProviderError:
        assert answer == "timed out"
        job = create()  # the same cell, at once
    assert list(server.jobs) == [job.id]
    assert paid(server) == (1, 1)


def test_a_refused_creation_is_recorded_as_ended(server, create, provider):
    for fault in (error(401, "No."), error(404, "No such model."), error(400, "No.")):
        server.fault("POST", JOBS, fault)
        with pytest.raises(ProviderError):
            create()
        (record,) = FineTuneJob.list()
        assert (record.stage, record.status, record.job_id) == ("ended", "failed", None)
    assert create().id in server.jobs
    (record,) = FineTuneJob.list()
    assert (record.stage, record.status) == ("created", "validating")


def test_a_refused_upload_is_recorded_as_ended(server, create):
    server.fault("POST", FILES, error(401, "No."))
    with pytest.raises(ProviderError):
        create()
    assert [(r.stage, r.status) for r in FineTuneJob.list()] == [("ended", "failed")]


def test_a_full_disk_does_not_hide_why_a_creation_is_refused(server, create, journal, patch, caplog):
    put = Journal._put

    def full(self, name, data):
        if data.get("stage") == "ended":
            raise OSError(28, "No space left on device")
        put(self, name, data)

    patch.setattr(Journal, "_put", full)
    server.fault("POST", JOBS, error(400, "The account is closed."))
    with pytest.raises(ProviderError, match=r"HTTP 400: The account is closed\.$"):
        create()
    assert f"{journal.folder} cannot be written: No space left on device" in caplog.text


# --- records that cannot be read ---------------------------------------------------------------------------


def spoil(journal):
    (path,) = journal.folder.glob("job-*.json")
    path.write_bytes(b"")
    now = datetime.now(UTC).timestamp()
    os.utime(path, (now, now))  # `make later` moves the clock, but not that of files
    return path


def test_spoiled_record_asks_the_list_for_its_job(server, create, journal, caplog):
    job = create()
    path = spoil(journal)
    assert create().id == job.id
    assert f"{path} is empty; openai is asked for the job instead" in caplog.text
    assert path.read_bytes() == b""
    assert paid(server) == (1, 1)


def test_spoiled_record_is_looked_up_like_an_open_creation(  # noqa: PLR0917
    server, create, provider, patch, clock, journal
):
    find_jobs = provider.find_jobs
    job = create()
    spoil(journal)
    patch.setattr(provider, "find_jobs", lambda r: find_jobs(r) if sum(clock.slept) > 100 else [])
    assert create().id == job.id
    assert paid(server) == (1, 1)


def test_spoiled_record_without_a_list_refuses(server, create, connect, journal):
    blind = connect(Blind)
    job = create(provider=blind)
    path = spoil(journal)
    with pytest.raises(ProviderError) as caught:
        create(provider=blind)
    tag = server.jobs[job.id]["metadata"]["langsmith_finetune"]
    assert str(caught.value) == (
        f"blind: {path} is empty. It is the journal's record of an equal request, and may stand for a job that was "
        f"paid for. Look among your jobs for one with metadata langsmith_finetune={tag}: if it is there, "
        "FineTuneJob.attach(its id, provider=...) returns to it; if there is none, create(..., force_new=True) makes "
        "it. The record stays as it is"
    )
    assert paid(server) == (1, 1)
    assert create(provider=blind, force_new=True).id != job.id
    assert path.read_bytes() == b""


# --- jobs of others ----------------------------------------------------------------------------------------


def test_job_of_another_request_is_never_ours(server, create, provider, patch):
    other = create(seed=1)
    patch.setattr(provider, "find_jobs", lambda _: [other.info])  # a host that lost the metadata
    job = create()
    assert job.id != other.id
    assert paid(server)[1] == 2


def test_creation_answered_with_old_job_is_not_new(server, create, provider, patch):
    other = create(seed=1)
    patch.setattr(provider, "create_job", lambda *_, **__: other.info)
    with pytest.raises(
        ProviderError, match=rf"^openai: the answer to the creation shows job {other.id}, which"
    ):
        create()


@pytest.mark.parametrize("look", ["refresh", "cancel", "pause", "resume"])
def test_a_look_at_one_job_answered_with_another_is_refused(server, create, provider, patch, look):
    job, other = create(), create(seed=1)
    method = {"refresh": "retrieve_job"}.get(look, f"{look}_job")
    patch.setattr(provider, method, lambda _: other.info)
    with pytest.raises(ProviderError) as caught:
        getattr(job, look)()
    assert str(caught.value) == (
        f"openai: asked for job {job.id}, it answered with job {other.id}. Nothing was changed; ask again, and tell "
        "the provider if it stays so"
    )
    assert job.info.id == job.id


def test_attaching_to_one_job_answered_with_another_is_refused(create, provider, patch):
    job, other = create(), create(seed=1)
    patch.setattr(provider, "retrieve_job", lambda _: other.info)
    with pytest.raises(ProviderError, match=r"^openai: asked for job"):
        FineTuneJob.attach(job.id, provider=provider)


def test_a_long_id_is_the_same_job_as_its_last_part(create, provider, patch):
    job = create()
    long = replace(job.info, id=f"accounts/acme/jobs/{job.id}")
    patch.setattr(provider, "retrieve_job", lambda _: long)
    assert FineTuneJob.attach(job.id, provider=provider).id == long.id


# --- models that are folders -------------------------------------------------------------------------------


def test_folder_named_like_the_model_means_nothing(server, create, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = create()
    (tmp_path / MODEL).mkdir()
    (tmp_path / MODEL / "notes.txt").write_text("not a model")
    assert create().id == first.id
    assert paid(server) == (1, 1)


@pytest.mark.parametrize("model", ["", "  "])
def test_an_empty_model_is_refused(server, create, model):
    with pytest.raises(
        ValueError, match=r"^model is empty: it must be the name of a model or a folder, such as"
    ):
        create(model=model)
    assert server.requests == []


def test_force_new_after_a_death_returns_to_its_job(server, create, provider, patch):
    first = create()
    create_job = provider.create_job
    patch.setattr(provider, "create_job", lambda *a, **kw: (create_job(*a, **kw), die()))
    with pytest.raises(SystemExit):
        create(force_new=True)
    patch.undo()
    assert create(force_new=True).id != first.id
    assert paid(server) == (1, 2)


class Blind(OpenAIProvider):
    """A host that cannot look jobs up."""

    name = "blind"
    finds_jobs = False

    def find_jobs(self, request):
        raise NotSupportedError(self.name, "listing jobs")


@pytest.fixture
def blind(connect):
    return connect(Blind)


def test_without_a_list_of_jobs_the_journal_returns_to_the_job(server, create, blind):
    job = create(provider=blind)
    assert create(provider=blind).id == job.id
    server.script("failed", job_id=job.id)
    with pytest.raises(JobFailedError):
        job.wait(progress=False)
    assert create(provider=blind).id != job.id
    assert paid(server) == (1, 2)


def test_died_creation_without_a_list_is_left_to_the_user(server, create, blind, patch):
    patch.setattr(blind, "create_job", die)
    with pytest.raises(SystemExit):
        create(provider=blind)
    patch.undo()
    (record,) = FineTuneJob.list()
    with pytest.raises(ProviderError) as caught:
        create(provider=blind)
    assert str(caught.value) == (
        f"blind: a process that began to create it on {record.created_at[:16]} UTC has ended. It is not known whether a "
        "job was created. Look among your jobs for one with metadata "
        f"langsmith_finetune={record.fingerprint[:32]}: if it is there, FineTuneJob.attach(its id, provider=...) "
        "returns to it; if it is not there after some minutes, create(..., force_new=True) makes it"
    )
    assert caught.value.ambiguous
    assert paid(server) == (1, 0)
    assert create(provider=blind, force_new=True).id in server.jobs
    assert paid(server) == (1, 1)


def test_without_a_list_nothing_is_sent_twice(server, create, blind):
    server.script("failed")
    create(provider=blind).refresh()
    server.fault("POST", JOBS, Drop(), after=True)
    with pytest.raises(ProviderError, match="It is not known whether a job was created"):
        create(provider=blind)
    assert paid(server) == (1, 2)
    with pytest.raises(ProviderError, match="It is not known whether a job was created"):
        create(provider=blind)
    assert paid(server) == (1, 2)


def test_a_death_during_the_upload_leaves_nothing_open(server, create, blind, patch):
    upload = blind.upload
    patch.setattr(blind, "upload", lambda *a, **kw: (upload(*a, **kw), die()))
    with pytest.raises(SystemExit):
        create(provider=blind)
    patch.undo()
    assert create(provider=blind).id in server.jobs
    assert paid(server) == (1, 1)


class Foreign(Provider):
    """A provider of somebody's own: what every provider must have, and nothing more."""

    name = "foreign"
    rules = replace(TARGETS["openai"], name="foreign")

    def __init__(self):
        self.made = []

    def find_jobs(self, request):
        return [job for key, job in self.made if key == request.fingerprint]

    def create_job(self, request, files, *, attempt):
        assert [file.id for file in files] == [str(request.training_file)]
        job = JobInfo(
            id=f"job-{len(self.made)}", status="running", provider_status="busy", model=request.model
        )
        self.made.append((request.fingerprint, job))
        return job

    def retrieve_job(self, job_id):
        return replace(
            {job.id: job for _, job in self.made}[job_id], status="succeeded", fine_tuned_model="m"
        )

    def job_events(self, job_id, *, newest=None):
        return []

    def cancel_job(self, job_id):
        return self.retrieve_job(job_id)

    def chat_model(self, model_id, **kwargs):
        raise NotImplementedError


def test_a_provider_with_the_abstract_methods_alone_is_enough(create):
    foreign = Foreign()
    job = create(provider=foreign)
    model = job.wait(progress=False)
    assert model.id == "m"
    assert create(provider=foreign).id == job.id
    for ask, what in (
        (job.pause, "pausing a job"),
        (job.resume, "resuming a job"),
        (job.delete, "deleting a job"),
        (job.checkpoints, "checkpoints"),
        (model.deploy, "deploying a model"),
        (model.delete, "deleting a model"),
        (lambda: model.download("x"), "downloading weights"),
    ):
        with pytest.raises(NotSupportedError) as caught:
            ask()
        assert str(caught.value) == f"foreign does not support {what}"


def test_a_provider_that_lacks_a_method_cannot_be_made():
    class Half(Provider):
        name, rules = "half", TARGETS["openai"]

    with pytest.raises(TypeError, match="abstract") as caught:
        Half()
    words = str(caught.value).replace("'", "")  # as Python 3.12 quotes them
    assert "cancel_job, chat_model, create_job, find_jobs" in words


def test_an_object_that_is_no_provider_is_refused(create):
    with pytest.raises(TypeError) as caught:
        create(provider={"name": "mine"})
    assert str(caught.value) == (
        "provider must be a Provider, such as LocalProvider() or an object of a class of yours that inherits "
        "Provider, not dict"
    )


# --- what is asked for -------------------------------------------------------------------------------------

PREFERENCE = {
    "input": {"messages": [{"role": "user", "content": "Hi"}]},
    "preferred_output": [{"role": "assistant", "content": "Hello"}],
    "non_preferred_output": [{"role": "assistant", "content": "What?"}],
}
GRADER = {
    "type": "string_check",
    "name": "g",
    "input": "{{sample.output_text}}",
    "reference": "5",
    "operation": "eq",
}


def test_preferences_are_trained_by_dpo(server, create, tmp_path):
    path = write(tmp_path / "pairs.jsonl", [PREFERENCE] * 10)
    create(path, method="dpo", parameters={"beta": 0.1, "n_epochs": 2})
    asked = next(r for r in server.requests if (r.method, r.path) == ("POST", JOBS)).json()
    assert asked["method"] == {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1, "n_epochs": 2}}}


def test_a_grader_is_passed_through(server, create, tmp_path):
    lines = [{"messages": [{"role": "user", "content": "2+3?"}], "answer": "5"}] * 10
    path = write(tmp_path / "graded.jsonl", lines)
    create(path, method="reinforcement", model="o4-mini", parameters={"grader": GRADER, "eval_samples": 3})
    asked = next(r for r in server.requests if (r.method, r.path) == ("POST", JOBS)).json()
    assert asked["method"] == {
        "type": "reinforcement",
        "reinforcement": {"grader": GRADER, "hyperparameters": {"eval_samples": 3}},
    }


def test_reinforcement_without_a_grader_is_refused(server, create):
    with pytest.raises(ValueError, match="grader") as caught:
        create(method="reinforcement")
    assert str(caught.value) == (
        "method='reinforcement' needs parameters={'grader': {...}}, the provider's own grader"
    )
    assert server.requests == []


@pytest.mark.parametrize(
    ("method", "line", "text"),
    [
        (
            "supervised",
            PREFERENCE,
            "x.jsonl:1: method='supervised', but the file holds preferences. "
            "Pass method='dpo', or another file",
        ),
        (
            "dpo",
            line_of("Hi"),
            "x.jsonl:1: method='dpo', but the file holds training lines. "
            "Pass method='supervised', or another file",
        ),
    ],
)
def test_a_file_of_another_kind_than_the_method_is_refused(server, create, tmp_path, *, method, line, text):
    with pytest.raises(InvalidExampleError) as caught:
        create(write(tmp_path / "x.jsonl", [line] * 10), method=method)
    assert str(caught.value) == text
    assert server.requests == []


@pytest.mark.parametrize(
    ("settings", "kind", "text"),
    [
        (
            {"method": "distillation"},
            ValueError,
            "method must be 'supervised', 'dpo', 'kto' or 'reinforcement', not 'distillation'",
        ),
        (
            {"suffix": "x" * 65},
            ValueError,
            "openai: suffix has 65 characters, but may have 64; shorten it",
        ),
        ({"max_cost_usd": -1}, ValueError, "max_cost_usd must be at least 0, not -1"),
        ({"max_cost_usd": float("nan")}, ValueError, "max_cost_usd must be a number, such as 5.0, not nan"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(server, create, settings, kind, text):
    with pytest.raises(kind) as caught:
        create(**settings)
    assert str(caught.value) == text
    assert server.requests == []


def test_missing_ability_is_refused_before_anything_is_sent(server, create, connect, train):
    size = train.stat().st_size
    small = connect(rules=replace(TARGETS["openai"], max_bytes=10), methods=frozenset({"supervised"}))
    with pytest.raises(ValueError, match="bytes") as caught:
        create(provider=small)
    assert str(caught.value) == (
        f"openai: train.jsonl has {size:,} bytes, but may have 10; train on fewer lines"
    )
    with pytest.raises(NotSupportedError) as caught:
        create(provider=small, method="dpo")
    assert str(caught.value) == "openai does not support method='dpo'; it trains supervised"
    assert server.requests == []


def test_a_host_that_says_which_line_is_wrong_is_understood(server, create):
    words = "Invalid file format. Example 7, message 2 Discriminator 'role' is missing in value"
    server.fault("POST", JOBS, error(400, words, code="invalid_training_file"))
    with pytest.raises(InvalidExampleError) as caught:
        create()
    assert str(caught.value) == (
        "train.jsonl:7: message 2: the provider says: Discriminator 'role' is missing in value "
        "(code invalid_training_file). Fix the line or leave it out; check(path, target) says more"
    )
    assert isinstance(caught.value.__cause__, ProviderError)
    assert server.jobs == {}


def test_a_job_that_fails_over_a_line_names_it(server, create):
    words = 'The job failed due to a file format error. Example 1 contains an extra "weight".'
    server.script({"status": "failed", "error": {"code": "invalid_file_format", "message": words}})
    with pytest.raises(JobFailedError, match="invalid_file_format") as caught:
        create().wait(progress=False)
    assert isinstance(caught.value.__cause__, InvalidExampleError)
    assert caught.value.__cause__.where == "train.jsonl:1"


@pytest.mark.skipif(os.name == "nt", reason="modes")
def test_the_journal_is_its_owners_alone(create, journal):
    create(name="bot").wait(progress=False)
    assert {path.stat().st_mode & 0o077 for path in [journal.folder, *journal.folder.iterdir()]} == {0}


def test_the_model_is_that_of_the_request(server, create):
    create()
    assert [r.model for r in FineTuneJob.list()] == [MODEL]
