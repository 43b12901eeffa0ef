import asyncio
from contextlib import redirect_stderr
from dataclasses import replace
from io import StringIO

import pytest

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.jobs.deployment import Deployment
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from tests.support.jobs import (
    connect,
    create,
    deploying,
    journal,
    paid,
    provider,
    server,
    train,
)
from tests.support.standins.openai import NOT_JSON, RATE_LIMIT, SERVER_FAULT, error
from tests.support.standins.server import Drop

__all__ = ["connect", "create", "deploying", "journal", "provider", "server", "train"]

DEPLOYMENTS = "/v1/deployments"


@pytest.fixture
def model(create, deploying):
    return create(provider=deploying).wait(progress=False)


def test_a_model_is_deployed_waited_for_called_and_deleted(server, model, caplog):
    deployment = model.deploy()
    assert (
        caplog.messages[-1] == f"deploying: deploying {model.id} for $2.50 an hour, until Deployment.delete()"
    )
    assert deployment.status == "creating"
    assert repr(deployment) == f"Deployment('{deployment.id}', 'creating', provider='deploying')"
    ready = deployment.wait(progress=False)
    assert ready is deployment
    assert (ready.status, ready.info.usd_per_hour) == ("ready", 2.5)
    assert ready.chat_model(temperature=0).invoke("ten words").content == "You said: ten words"
    ready.delete()
    assert server.deployments == {}
    model.delete()
    assert server.models_deleted == [model.id]


def test_a_price_that_is_not_known_is_said_to_be_so(connect, create, caplog):
    from tests.support.standins.deploying import DeployingProvider

    dear = connect(DeployingProvider, deployment_usd_per_hour=lambda *_: None)
    create(provider=dear).wait(progress=False).deploy()
    assert "at a price that is not known, until Deployment.delete()" in caplog.text


def test_a_deployment_that_lives_is_returned_to(server, model, caplog):
    first = model.deploy()
    assert model.deploy().id == first.id
    assert f"deploying: deployment {first.id} serves {model.id} already" in caplog.text
    assert len(server.deployments) == 1
    assert model.deploy(force_new=True).id != first.id
    first.delete()
    assert FineTuneJob.list()[0].stage == "deployed"


@pytest.mark.parametrize("end", ["failed", "stopped"])
def test_a_deployment_that_has_ended_is_made_anew(server, model, end):
    first = model.deploy()
    server.deployments[first.id]["status"] = end
    with pytest.raises(ProviderError) as caught:
        first.wait(progress=False)
    assert str(caught.value) == (f"deploying: deployment {first.id} is {end}: the provider gave no reason")
    assert model.deploy().id != first.id


@pytest.mark.parametrize("answer", [Drop(), SERVER_FAULT, NOT_JSON], ids=["drop", "500", "not json"])
def test_a_lost_answer_to_a_deployment_finds_it(server, model, clock, answer):
    server.fault("POST", DEPLOYMENTS, answer, after=True)
    assert model.deploy().id in server.deployments
    assert len(server.deployments) == 1


def test_a_deployment_that_may_have_been_made_is_left_open(server, model):
    server.fault("POST", DEPLOYMENTS, NOT_JSON)
    with pytest.raises(ProviderError) as caught:
        model.deploy()
    assert str(caught.value).endswith(
        f". It is not known whether {model.id} is being deployed, which may cost money: look among your deployments; "
        "deploy() again returns to one that is there"
    )
    assert caught.value.ambiguous
    assert model.deploy().id in server.deployments


def test_a_busy_host_is_asked_again(server, model):
    server.fault("POST", DEPLOYMENTS, RATE_LIMIT, times=2)
    server.fault("GET", DEPLOYMENTS, RATE_LIMIT)
    assert model.deploy().id in server.deployments
    assert server.count("POST", DEPLOYMENTS) == 3


def test_a_refusal_is_final(server, model):
    server.fault("POST", DEPLOYMENTS, error(403, "No money."))
    with pytest.raises(ProviderError, match=r"deploying: HTTP 403: No money\."):
        model.deploy()
    assert server.count("POST", DEPLOYMENTS) == 1


def blind(provider, monkeypatch):
    def without(*_):
        raise NotSupportedError("deploying", "listing deployments")

    monkeypatch.setattr(provider, "list_deployments", without)


def test_without_a_list_the_journal_returns_to_the_deployment(server, model, deploying, monkeypatch):
    blind(deploying, monkeypatch)
    first = model.deploy()
    assert model.deploy().id == first.id
    first.delete()
    assert model.deploy().id != first.id
    assert len(server.deployments) == 1


def test_died_deployment_without_a_list_is_left_to_the_user(server, model, deploying, monkeypatch):
    blind(deploying, monkeypatch)

    def die(*_):
        raise SystemExit

    deploy = deploying.deploy
    deploying.deploy = die
    with pytest.raises(SystemExit):
        model.deploy()
    deploying.deploy = deploy
    with pytest.raises(ProviderError) as caught:
        model.deploy()
    assert str(caught.value) == (
        f"deploying: a process that began to deploy {model.id} has ended, and it is not known whether it is deployed. "
        "Look among your deployments: Deployment.attach(its id, provider=...) returns to it, and "
        "deploy(force_new=True) makes one"
    )
    assert model.deploy(force_new=True).id in server.deployments


def test_deployment_wait_survives_faults_and_shows_a_line(server, model):
    deployment = model.deploy()
    server.fault("GET", f"{DEPLOYMENTS}/{deployment.id}", Drop(), times=2)
    with redirect_stderr(StringIO()) as shown:
        deployment.wait()
    assert f"deployment {deployment.id}: ready" in shown.getvalue()
    assert "asking again" in shown.getvalue()


def test_waiting_too_long_says_that_it_costs(server, model):
    deployment = model.deploy()
    server.deployments[deployment.id]["looks"] = -10_000
    with pytest.raises(TimeoutError) as caught:
        deployment.wait(timeout=60, progress=False)
    assert str(caught.value) == (
        f"deployment {deployment.id} was still creating after 60 s; it goes on, and may cost money "
        "until delete()"
    )


def test_a_deployment_is_attached_to_by_its_id(model, deploying, clock):
    first = model.deploy()
    again = Deployment.attach(first.id, provider=deploying)
    assert again.wait(progress=False).id == first.id


def test_the_async_twins_do_the_same(server, model, deploying, tmp_path):
    async def both():
        deployment = await (await model.adeploy())
        with pytest.raises(NotSupportedError):
            await model.adownload(tmp_path)
        return deployment

    assert asyncio.run(both()).status == "ready"
    assert len(server.deployments) == 1


def test_deploy_of_a_served_model_does_nothing(create, tmp_path):
    model = create().wait(progress=False)
    for ask, what in (
        (model.deploy, "deploying a model"),
        (lambda: model.download(tmp_path), "downloading weights"),
    ):
        with pytest.raises(NotSupportedError) as caught:
            ask()
        assert str(caught.value) == f"openai does not support {what}"


# --- what an account keeps ---------------------------------------------------------------------------------


def test_our_models_and_files_are_listed_and_deleted(server, create, provider):
    first = create()
    model = first.wait(progress=False)
    create(seed=1)
    server._new_file("fine-tune", "somebody-elses.jsonl", b"{}")
    (listed,) = provider.list_models()
    assert (listed.id, listed.job_id, listed.base_model) == (model.id, first.id, "gpt-4o-mini-2024-07-18")
    assert listed.created_at is not None
    (file,) = provider.list_files()
    assert (file.id, file.size_bytes) == (server.uploads[0], server.files[server.uploads[0]]["bytes"])
    assert file.name.startswith("langsmith-finetune-")
    provider.delete_model(model.id)
    provider.delete_file(file.id)
    assert provider.list_models() == provider.list_files() == []
    with pytest.raises(ProviderError, match="HTTP 404"):
        provider.delete_model(model.id)
    assert paid(server)[1] == 2


def test_models_of_jobs_that_are_not_ours_are_not_listed(server, create, provider):
    job = create()
    job.wait(progress=False)
    server.jobs[job.id]["metadata"] = {"somebody": "else"}
    assert provider.list_models() == []
    server.jobs[job.id]["metadata"] = None
    assert len(provider.list_models()) == 1


def test_a_host_that_lists_no_models_lists_those_of_the_jobs(server, create, provider):
    create().wait(progress=False)
    server.fault("GET", "/v1/models", error(404, "No."))
    assert len(provider.list_models()) == 1


# --- lists that lag, and answers about others --------------------------------------------------------------


def test_deploy_again_finds_deployment_the_list_lacks(server, model, deploying, monkeypatch):
    monkeypatch.setattr(type(deploying), "list_deployments", lambda *_: [])
    first = model.deploy()
    assert [model.deploy().id for _ in range(3)] == [first.id] * 3
    assert len(server.deployments) == 1


@pytest.mark.parametrize("seconds", [45, 590])
def test_a_known_deployment_that_nothing_shows_yet_is_waited_for(  # noqa: PLR0917
    server, model, deploying, clock, monkeypatch, seconds
):
    first, kind, begun = model.deploy(), type(deploying), len(clock.slept)
    list_deployments, retrieve = kind.list_deployments, kind.retrieve_deployment

    def is_late():
        return sum(clock.slept[begun:]) < seconds

    def looked_up(self, deployment_id):
        if is_late():
            raise ProviderError(self.name, "HTTP 404: no such deployment")
        return retrieve(self, deployment_id)

    monkeypatch.setattr(
        kind, "list_deployments", lambda *asked: [] if is_late() else list_deployments(*asked)
    )
    monkeypatch.setattr(kind, "retrieve_deployment", looked_up)
    assert model.deploy().id == first.id
    assert list(server.deployments) == [first.id]


def test_deployment_deleted_elsewhere_is_made_anew(server, model, clock, caplog):
    first, begun = model.deploy(), len(clock.slept)
    del server.deployments[first.id]
    second = model.deploy()
    assert 599 < sum(clock.slept[begun:]) < 602
    assert list(server.deployments) == [second.id]
    assert f"deploying: deployment {first.id} is not there (yet); looking for it for up to" in caplog.text
    assert "Where it was deleted, deploy(force_new=True) does so at once" in caplog.text


@pytest.mark.parametrize("seconds", [45, 150, 590])
def test_a_deployment_that_is_listed_late_is_never_paid_twice(  # noqa: PLR0917
    server, model, deploying, clock, monkeypatch, seconds
):
    kind, begun = type(deploying), len(clock.slept)
    list_deployments = kind.list_deployments

    def late(self, model_id=None):
        return list_deployments(self, model_id) if sum(clock.slept[begun:]) >= seconds else []

    monkeypatch.setattr(kind, "list_deployments", late)
    server.fault("POST", DEPLOYMENTS, NOT_JSON, after=True)
    try:
        deployment = model.deploy()
    except ProviderError:
        deployment = model.deploy()  # the same cell, at once
    assert list(server.deployments) == [deployment.id]


def test_a_refused_deployment_is_recorded_as_ended(server, model):
    server.fault("POST", DEPLOYMENTS, error(403, "No money."))
    with pytest.raises(ProviderError, match="No money"):
        model.deploy()
    assert FineTuneJob.list()[0].stage == "ended"


def test_a_deleted_deployment_is_forgotten(server, model, deploying, monkeypatch):
    first = model.deploy()
    gone = first.info
    first.delete()
    (record,) = FineTuneJob.list()
    assert (record.stage, record.deployment_id) == ("ended", None)
    monkeypatch.setattr(type(deploying), "retrieve_deployment", lambda *_: gone)  # a host that lags
    assert model.deploy().id != first.id


def test_a_deployment_answered_with_another_is_refused(server, model, deploying, monkeypatch):
    first = model.deploy()
    second = model.deploy(force_new=True)
    monkeypatch.setattr(type(deploying), "retrieve_deployment", lambda *_: second.info)
    for look in (first.refresh, lambda: Deployment.attach(first.id, provider=deploying)):
        with pytest.raises(ProviderError) as caught:
            look()
        assert str(caught.value) == (
            f"deploying: asked for deployment {first.id}, it answered with deployment {second.id}. Nothing was "
            "changed; ask again, and tell the provider if it stays so"
        )


def test_a_provider_that_deploys_nothing_says_only_that(create, provider, caplog):
    model = create(provider=provider).wait(progress=False)
    caplog.clear()
    with pytest.raises(NotSupportedError, match=r"^openai does not support deploying a model$"):
        model.deploy()
    assert caplog.messages == []
    assert FineTuneJob.list()[0].stage == "ended"


@pytest.mark.parametrize("seconds", [45, 590])
def test_deploy_elsewhere_is_made_once_if_the_list_lags(  # noqa: PLR0917
    server, model, deploying, clock, monkeypatch, tmp_path, seconds
):
    here = replace(model, journal=Journal(tmp_path / "another machine"))
    kind, begun = type(deploying), len(clock.slept)
    list_deployments = kind.list_deployments

    def late(self, model_id=None):
        return list_deployments(self, model_id) if sum(clock.slept[begun:]) >= seconds else []

    monkeypatch.setattr(kind, "list_deployments", late)
    server.fault("POST", DEPLOYMENTS, NOT_JSON, after=True)
    try:
        deployment = here.deploy()
    except ProviderError:
        deployment = here.deploy()
    assert list(server.deployments) == [deployment.id]
    (record,) = here.journal.records(deploying)
    assert (record.job_id, record.stage, record.training_file) == (model.job_id, "deployed", "")
    job = FineTuneJob.attach(model.job_id, provider=deploying, journal=here.journal)
    assert job.wait(progress=False).id == model.id
