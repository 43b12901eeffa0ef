import json
import re

import httpx2
import pytest

from langsmith_finetune.errors import InvalidExampleError, NotSupportedError, ProviderError
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.fireworks import files as fireworks
from langsmith_finetune.providers.fireworks.answers import STATUSES, job_status_from_answer
from langsmith_finetune.testing import ProviderContract
from tests.support.by_hand import created, uploaded
from tests.support.standins.fireworks import FireworksStandIn
from tests.support.standins.server import Drop, Response

pytestmark = pytest.mark.usefixtures("clock")

KEY = "fw_made-up-0123456789"
make = ProviderContract().job_request
QWEN = {"model": "accounts/fireworks/models/qwen3-8b"}
JOBS = "/v1/accounts/me/supervisedFineTuningJobs"


@pytest.fixture
def server():
    with FireworksStandIn() as server:
        yield server


@pytest.fixture
def provider(server):
    with httpx2.Client() as client:
        yield FireworksProvider(KEY, base_url=server.url, http_client=client)


def failure(ask):
    with pytest.raises(ProviderError) as caught:
        ask()
    assert KEY not in str(caught.value)
    return caught.value


def done(provider, request):
    job = created(provider, request)
    while job.status not in {"succeeded", "failed"}:
        job = provider.retrieve_job(job.id)
    return job


# --- never twice -------------------------------------------------------------------------------------------


def test_the_id_of_a_job_is_its_fingerprint(server, provider, tmp_path):
    request = make(tmp_path, **QWEN, suffix="bot")
    assert created(provider, request).id == f"bot-lf{request.fingerprint[:16]}-1"


def test_second_creation_of_a_number_gives_the_first_job(server, provider, tmp_path):
    request = make(tmp_path, **QWEN)
    first, second = created(provider, request), created(provider, request)
    assert first.id == second.id
    assert len(server.jobs) == 1


def test_of_two_processes_at_once_both_get_the_one_job(server, provider, tmp_path):
    request = make(tmp_path, **QWEN)
    with httpx2.Client() as client:
        other = FireworksProvider(KEY, "me", server.url, http_client=client)
        assert created(provider, request).id == created(other, request).id
    assert len(server.jobs) == len(server.uploads) == 1


def test_whoever_has_seen_a_job_can_ask_for_another(server, provider, tmp_path):
    request = make(tmp_path, **QWEN)
    first = created(provider, request)
    assert [job.attempt for job in provider.find_jobs(request)] == [1]
    second = created(provider, request, attempt=2)
    assert (first.id[-2:], second.id[-2:]) == ("-1", "-2")


def test_a_lost_answer_to_a_creation_is_ambiguous_and_harmless(server, provider, tmp_path):
    request = make(tmp_path, **QWEN)
    server.fault("POST", JOBS, Drop(), after=True)
    assert failure(lambda: created(provider, request)).ambiguous
    assert created(provider, request).id == provider.find_jobs(request)[0].id
    assert len(server.jobs) == 1


# --- what is sent ------------------------------------------------------------------------------------------


def test_a_supervised_job_is_asked_for_in_their_words(server, provider, tmp_path):
    parameters = {
        "n_epochs": 2,
        "learning_rate": 1e-4,
        "lora_rank": 8,
        "batch_size": 4,
        "batch_tokens": 32768,
        "early_stop": True,
    }
    request = make(tmp_path, **QWEN, parameters=parameters)
    job = created(provider, request)
    sent = server.requests[-1].json()
    assert sent == {
        "epochs": 2,
        "learningRate": 1e-4,
        "loraRank": 8,
        "batchSizeSamples": 4,
        "batchSize": 32768,
        "earlyStop": True,
        "baseModel": QWEN["model"],
        "dataset": f"accounts/me/datasets/lf-{request.training_sha256[:32]}",
        "displayName": job.id,
    }
    assert {name: value for name, value in provider.preview(request).items() if name != "dataset"} == {
        name: value for name, value in sent.items() if name not in {"dataset", "displayName"}
    }


def test_a_dpo_job_is_a_job_of_another_kind(server, provider, tmp_path):
    line = {
        "input": {"messages": [{"role": "user", "content": "1 + 1?"}]},
        "preferred_output": [{"role": "assistant", "content": "2"}],
        "non_preferred_output": [{"role": "assistant", "content": "3"}],
    }
    settings = {"method": "dpo", "parameters": {"loss": "ORPO", "kl_beta": 0.1, "n_epochs": 1}}
    request = make(tmp_path, **QWEN, lines=(line,) * 3, **settings)
    job = created(provider, request)
    sent = server.requests[-1].json()
    assert sent["trainingConfig"] == {"epochs": 1, "baseModel": QWEN["model"]}
    assert sent["lossConfig"] == {"method": "ORPO", "klBeta": 0.1}
    assert job.id.startswith("dpoJobs/lf")
    assert [found.id for found in provider.find_jobs(request)] == [job.id]
    while job.status != "succeeded":
        job = provider.retrieve_job(job.id)
    assert job.fine_tuned_model == f"accounts/me/models/{job.id.removeprefix('dpoJobs/')}"
    assert [event.step for event in provider.job_events(job.id) if event.metrics] == [1, 2, 3]


def test_a_validation_file_is_a_dataset_of_its_own(server, provider, tmp_path):
    request = make(tmp_path, **QWEN)
    other = make(tmp_path, **QWEN, lines=ProviderContract.lines[:4])
    both = {"validation_file": other.training_file, "validation_sha256": other.training_sha256}
    created(provider, make(tmp_path, **QWEN, **both))
    assert server.requests[-1].json()["evaluationDataset"] == (
        f"accounts/me/datasets/lf-{other.training_sha256[:32]}"
    )
    assert len(server.uploads) == 2
    with pytest.raises(NotSupportedError, match="a validation file with method='dpo'; leave it out"):
        provider.find_jobs(make(tmp_path, **QWEN, method="dpo", **both))
    assert request.training_file.exists()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (
            {"parameters": {"kl_beta": 1}},
            "fireworks: parameters: 'kl_beta' is not for method='supervised'",
        ),
        (
            {"parameters": {"early_stop": True}, "method": "dpo"},
            "fireworks: parameters: 'early_stop' is not for method='dpo'",
        ),
        (
            {"suffix": "Bot"},
            "fireworks: suffix must be lower-case letters, digits and '-', beginning with a letter, got 'Bot'",
        ),
        (
            {"suffix": "b" * 31},
            "fireworks: suffix has 31 characters, but may have 30; shorten it",
        ),
    ],
)
def test_what_fireworks_would_refuse_is_refused_here(server, provider, tmp_path, settings, text):
    with pytest.raises(ValueError) as caught:
        created(provider, make(tmp_path, **QWEN, **settings))
    assert str(caught.value) == text
    assert server.requests == []


# --- datasets ----------------------------------------------------------------------------------------------


def test_a_dataset_is_uploaded_once_for_many_jobs(server, provider, tmp_path):
    created(provider, make(tmp_path, **QWEN))
    created(provider, make(tmp_path, **QWEN, parameters={"n_epochs": 3}))
    assert len(server.uploads) == 1
    assert next(iter(server.datasets.values()))["exampleCount"] == "12"


def test_an_upload_whose_answer_was_lost_is_found_or_filled(server, provider, tmp_path):
    request = make(tmp_path, **QWEN)
    server.fault("POST", "/v1/accounts/me/datasets", Drop(), after=True)
    assert failure(lambda: created(provider, request)).temporary
    server.fault("POST", f"/v1/accounts/me/datasets/lf-{request.training_sha256[:32]}:upload", Drop())
    assert failure(lambda: created(provider, request)).temporary
    created(provider, request)
    assert len(server.datasets) == len(server.uploads) == len(server.jobs) == 1


def test_a_large_file_goes_to_the_storage(server, provider, tmp_path, monkeypatch):
    monkeypatch.setattr(fireworks, "_LARGEST_FORM", 100)
    request = make(tmp_path, **QWEN)
    created(provider, request)
    (content,) = server.contents.values()
    assert [json.loads(line) for line in content.splitlines()] == list(ProviderContract.lines)
    assert len(server.uploads) == 1
    assert not any(r.path.endswith(":upload") for r in server.requests)


def test_an_upload_tells_how_far_it_is(provider, tmp_path):
    told = []
    uploaded(provider, make(tmp_path, **QWEN), told=lambda sent, whole: told.append((sent, whole)))
    assert told[-1][0] == told[-1][1] > 0


def test_a_dataset_that_is_refused_says_why(server, provider, tmp_path):
    server.invalid = "row 2: role is missing"
    with pytest.raises(InvalidExampleError, match=r"\.jsonl:2: the provider says: role is missing"):
        created(provider, make(tmp_path, **QWEN))
    server.invalid = "no"
    other = make(tmp_path, **QWEN, lines=ProviderContract.lines[:5])
    found = failure(lambda: created(provider, other))
    assert re.fullmatch(
        r"fireworks: dataset lf-[0-9a-f]{32} was refused: no\. No job was created", str(found)
    )


def test_a_dataset_that_is_never_ready_ends_the_waiting(server, provider, tmp_path):
    server.files_pending = 10_000
    found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert re.fullmatch(
        r"fireworks: dataset lf-[0-9a-f]{32} is still UPLOADING after 1800 s; no job was created\. Call create "
        r"again later: it goes on with this dataset",
        str(found),
    )


# --- following ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [*STATUSES.items(), ("JOB_STATE_UNSPECIFIED", "unknown"), ("JOB_STATE_BRAND_NEW", "unknown")],
)
def test_each_word_of_the_service_has_one_of_ours(word, status):
    job = job_status_from_answer({"name": "accounts/a/supervisedFineTuningJobs/j", "state": word})
    assert (job.status, job.provider_status) == (status, word)


def test_a_failed_job_tells_why(server, provider, tmp_path):
    server.script("RUNNING", "FAILED")
    job = done(provider, make(tmp_path, **QWEN))
    assert (job.status, job.error) == ("failed", "line 3 is too long")
    assert provider.job_events(job.id)[-1].level == "error"


def test_a_job_shows_its_cost_and_times(provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    assert job.cost_usd == 1.75
    assert job.created_at < job.finished_at
    assert job.fine_tuned_model == f"accounts/me/models/{job.id}"


@pytest.mark.parametrize(
    ("cost", "usd"),
    [
        (None, None),
        ({}, 0.0),
        ({"units": "2"}, 2.0),
        ({"currencyCode": "EUR", "units": "2"}, None),
        ({"units": "x"}, None),
    ],
)
def test_money_is_read_as_google_writes_it(cost, usd):
    job = {"name": "accounts/a/supervisedFineTuningJobs/j", "estimatedCost": cost}
    assert job_status_from_answer(job).cost_usd == usd


def test_events_are_made_of_what_a_job_shows(provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    events = provider.job_events(job.id)
    assert [event.message for event in events] == [
        "the job was created",
        "step 1",
        "step 2",
        "step 3",
        "JOB_STATE_COMPLETED, 100 %",
    ]
    assert events[2].metrics == {"train_loss": 0.5}


def test_metrics_that_cannot_be_had_do_no_harm(server, provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    server.fault("GET", f"/storage/{job.id}/metrics.jsonl", Response(403))
    assert len(provider.job_events(job.id)) == 2


def test_an_id_that_leads_elsewhere_is_no_job(server, provider):
    for id_ in ("../accounts", "a/b", "", "dpoJobs/../x"):
        assert (
            str(failure(lambda id_=id_: provider.retrieve_job(id_))) == f"fireworks: there is no job {id_!r}"
        )
    assert server.requests == []


# --- models, deployments, files ----------------------------------------------------------------------------


def test_a_model_is_deployed_called_and_taken_down(server, provider, tmp_path):
    model = done(provider, make(tmp_path, **QWEN)).fine_tuned_model
    assert provider.deployment_usd_per_hour(model) is None
    made = provider.deploy(model)
    assert provider.deploy(model).id == made.id
    (asked,) = server.deployments.values()
    assert (asked["baseModel"], asked["minReplicaCount"], asked["maxReplicaCount"]) == (model, 0, 1)
    assert asked["deploymentShape"] == "default"
    ready = provider.retrieve_deployment(made.id)
    assert (ready.status, ready.serves_as) == ("ready", f"{model}#accounts/me/deployments/{made.id}")
    chat = provider.chat_model(ready.serves_as, temperature=0)
    assert chat.openai_api_base == f"{server.url}/inference/v1"
    assert [one.id for one in provider.list_deployments(model)] == [made.id]
    assert provider.list_deployments("accounts/me/models/other") == []
    provider.delete_deployment(made.id)
    assert server.deployments == {}


def test_an_unknown_setting_of_a_deployment_is_refused(provider):
    with pytest.raises(ValueError) as caught:
        provider.deploy("accounts/me/models/m", gpu="H100")
    assert str(caught.value) == (
        "fireworks: deploy: unknown setting 'gpu'; it takes shape, min_replicas, max_replicas"
    )


def test_models_and_datasets_are_paged_and_deleted(server, provider, tmp_path):
    for seed in range(5):
        done(provider, make(tmp_path, **QWEN, seed=seed))
    models = provider.list_models()
    assert len({model.id for model in models}) == 5
    provider.delete_model(models[0].id)
    assert server.deleted_models == [models[0].job_id]
    (file,) = provider.list_files()
    provider.delete_file(file.id)
    provider.delete_job(models[0].job_id)
    assert (server.datasets, len(server.jobs)) == ({}, 4)


def test_weights_are_downloaded_into_the_folder_and_nowhere_else(server, provider, tmp_path):
    folder = provider.download("accounts/me/models/m", tmp_path / "weights")
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == server.files
    server.files[""] = b"x"
    found = failure(lambda: provider.download("accounts/me/models/m", tmp_path / "again"))
    assert str(found) == "fireworks: a file of model 'accounts/me/models/m' has no name that a file can have"
    del server.files[""]
    server.files["../outside"] = b"x"
    found = failure(lambda: provider.download("accounts/me/models/m", tmp_path / "again"))
    assert str(found) == "fireworks: a file of model 'accounts/me/models/m' has a name that leads elsewhere"
    assert not (tmp_path / "outside").exists()
    server.files.clear()
    found = failure(lambda: provider.download("accounts/me/models/m", tmp_path / "again"))
    assert str(found) == "fireworks: there are no files of model 'accounts/me/models/m' to download"
    found = failure(lambda: provider.download("m", tmp_path / "again"))
    assert str(found) == "fireworks: 'm' is no name of one of its models: accounts/ACCOUNT/models/ID"


# --- keys, accounts ----------------------------------------------------------------------------------------


def test_an_account_is_found_where_there_is_one(monkeypatch):
    with FireworksStandIn(accounts=("a", "b")) as server, httpx2.Client() as client:
        provider = FireworksProvider(KEY, base_url=server.url, http_client=client)
        assert str(failure(provider.list_files)) == (
            "fireworks: the key opens 2 accounts; give account_id=, or set FIREWORKS_ACCOUNT_ID"
        )
        monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "me")
        assert FireworksProvider(KEY, base_url=server.url, http_client=client).list_files() == []


def test_the_environment_gives_the_key(monkeypatch):
    monkeypatch.setenv("FIREWORKS_API_KEY", KEY)
    assert FireworksProvider(account_id="me").home == "https://api.fireworks.ai/me"
    monkeypatch.delenv("FIREWORKS_API_KEY")
    with pytest.raises(ValueError, match=r"^fireworks: no API key\. Pass api_key= or set FIREWORKS_API_KEY$"):
        FireworksProvider().list_files()


def test_their_errors_are_read(server, provider):
    assert str(failure(lambda: provider.retrieve_job("none"))) == (
        "fireworks: HTTP 404: supervisedFineTuningJobs/none not found (code 5)"
    )
    with httpx2.Client() as client:
        wrong = FireworksProvider("wrong", "me", server.url, http_client=client)
        assert (
            str(failure(lambda: wrong.retrieve_job("none"))) == "fireworks: HTTP 401: unauthorized (code 16)"
        )


def test_address_is_unchanged_when_the_account_is_known(provider):
    before = provider.home
    provider.list_files()
    assert provider.home == before
