import json
import re

import httpx2
import pytest

from langsmith_finetune.errors import InvalidExampleError, NotSupportedError, ProviderError
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.providers.together.answers import (
    STATUSES,
    job_event_from_answer,
    job_status_from_answer,
    metrics_event_from_answer,
)
from langsmith_finetune.testing import ProviderContract
from tests.support.by_hand import created, uploaded
from tests.support.standins.server import Drop, Response
from tests.support.standins.together import TogetherStandIn

pytestmark = pytest.mark.usefixtures("clock")

KEY = "tgp_v1_made-up-0123456789"
make = ProviderContract().job_request
QWEN = {"model": "Qwen/Qwen3-8B"}


@pytest.fixture
def server():
    with TogetherStandIn() as server:
        yield server


@pytest.fixture
def provider(server):
    with httpx2.Client() as client:
        yield TogetherProvider(KEY, server.url, http_client=client)


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


# --- what is sent ------------------------------------------------------------------------------------------


def test_a_job_is_asked_for_with_togethers_own_defaults(server, provider, tmp_path):
    request = make(tmp_path, **QWEN, suffix="bot", seed=7)
    created(provider, request)
    assert server.requests[-1].json() == {
        "model": "Qwen/Qwen3-8B",
        "n_epochs": 1,
        "n_checkpoints": 1,
        "n_evals": 0,
        "batch_size": "max",
        "learning_rate": 1e-5,
        "warmup_ratio": 0.0,
        "max_grad_norm": 1.0,
        "weight_decay": 0.0,
        "training_method": {"method": "sft", "train_on_inputs": "auto"},
        "lr_scheduler": {
            "lr_scheduler_type": "cosine",
            "lr_scheduler_args": {"min_lr_ratio": 0.0, "num_cycles": 0.5},
        },
        "random_seed": 7,
        "training_file": server.uploads[0],
        "suffix": f"bot-lf{request.fingerprint[:10]}",
    }


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"parameters": {"lora": False}}, {"training_type": {"type": "Full"}}),
        (
            {"parameters": {"lora": True, "lora_r": 8}},
            {"training_type": {"type": "Lora", "lora_trainable_modules": "all-linear", "lora_r": 8}},
        ),
        (
            {"parameters": {"lr_scheduler_type": "linear", "min_lr_ratio": 0.1}},
            {"lr_scheduler": {"lr_scheduler_type": "linear", "lr_scheduler_args": {"min_lr_ratio": 0.1}}},
        ),
        (
            {"method": "dpo", "parameters": {"dpo_beta": 0.2}},
            {"training_method": {"method": "dpo", "dpo_beta": 0.2}},
        ),
        ({"parameters": {"learning_rate": 5e-5, "n_epochs": 4}}, {"learning_rate": 5e-5, "n_epochs": 4}),
    ],
)
def test_parameters_are_put_where_together_reads_them(provider, tmp_path, settings, sent):
    body = provider.preview(make(tmp_path, **QWEN, **settings))
    assert {name: body[name] for name in sent} == sent


def test_an_earlier_job_takes_the_models_place(provider, tmp_path):
    body = provider.preview(make(tmp_path, **QWEN, parameters={"from_checkpoint": "ft-1:3"}))
    assert body["from_checkpoint"] == "ft-1:3"
    assert "model" not in body


def test_together_reads_the_body_as_its_own_client_writes_it(tmp_path, provider):
    """Judged by the SDK's request types, where it is installed."""
    types = pytest.importorskip("together.lib.types.fine_tuning")
    for settings in (
        {},
        {"parameters": {"lora": True, "lora_r": 8, "lora_alpha": 16, "n_epochs": 3, "packing": False}},
        {"parameters": {"lora": False, "lr_scheduler_type": "linear"}, "seed": 3, "suffix": "a"},
        {"method": "dpo", "parameters": {"dpo_beta": 0.1, "rpo_alpha": 1.0}},
    ):
        body = provider.preview(make(tmp_path, **QWEN, **settings))
        read = types.FinetuneRequest(**body).model_dump(exclude_none=True)
        assert body.keys() <= read.keys()
        assert {name: read[name] for name in ("n_epochs", "suffix", "training_file")} == {
            name: body[name] for name in ("n_epochs", "suffix", "training_file")
        }


def test_a_line_goes_as_together_takes_it(server, provider, tmp_path):
    lines = tuple(dict(line, parallel_tool_calls=False) for line in ProviderContract.lines)
    created(provider, make(tmp_path, **QWEN, lines=lines))
    (content,) = server.contents.values()
    assert [json.loads(line) for line in content.splitlines()] == list(ProviderContract.lines)


def test_a_line_that_together_has_no_form_for_is_named(server, provider, tmp_path):
    lines = ({"messages": [{"role": "user", "content": "secret words"}]},)
    with pytest.raises(InvalidExampleError) as caught:
        created(provider, make(tmp_path, **QWEN, lines=lines))
    assert re.match(r"[0-9a-f]{8}\.jsonl:1: messages", str(caught.value))
    assert "secret words" not in str(caught.value)
    assert server.uploads == []


# --- uploads -----------------------------------------------------------------------------------------------


def test_a_file_is_uploaded_once_for_many_jobs(server, provider, tmp_path):
    created(provider, make(tmp_path, **QWEN))
    created(provider, make(tmp_path, **QWEN, seed=2))
    assert len(server.uploads) == 1


def test_an_upload_that_got_lost_on_the_way_is_made_again(server, provider, tmp_path):
    server.fault("PUT", "/storage/file-00000001", Drop())
    lost = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert (lost.temporary, lost.ambiguous) == (True, False)
    assert "/storage/" not in str(lost)
    again = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert str(again) == "together: file file-00000001 of an earlier upload is not whole; it was removed"
    assert again.temporary
    created(provider, make(tmp_path, **QWEN))
    assert len(server.uploads) == len(server.jobs) == 1


def test_a_storage_that_refuses_is_told_without_its_address(server, provider, tmp_path):
    server.fault("PUT", "/storage/file-00000001", Response(403, b"<Error>SignatureDoesNotMatch</Error>"))
    found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert str(found) == "together: HTTP 403 from the storage that takes the upload"


def test_a_large_file_goes_in_parts_each_of_which_may_be_lost(server, provider, tmp_path, monkeypatch):
    monkeypatch.setattr(provider, "largest_put", 100)
    monkeypatch.setattr(provider, "part_bytes", 500)
    told = []
    server.fault("PUT", "/storage/file-00000001.2", Drop())
    uploaded(provider, make(tmp_path, **QWEN), told=lambda sent, whole: told.append((sent, whole)))
    (content,) = server.contents.values()
    assert [json.loads(line) for line in content.splitlines()] == list(ProviderContract.lines)
    puts = [r for r in server.requests if r.method == "PUT"]
    assert len(puts) == 4
    assert {r.headers["x-part"] for r in puts} == {"1", "2", "3"}
    assert told[-1] == (len(content), len(content))
    assert len(server.uploads) == 1


def test_parts_that_are_refused_are_given_up_and_begun_anew(server, provider, tmp_path, monkeypatch):
    monkeypatch.setattr(provider, "largest_put", 100)
    server.fault("PUT", "/storage/file-00000001.1", Response(400))
    failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert server.files == {}
    server.fault("POST", "/v1/files/multipart/initiate", Response(200, {"parts": []}))
    found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert "the answer to the upload names no places for the parts" in str(found)
    created(provider, make(tmp_path, **QWEN))
    assert len(server.uploads) == len(server.jobs) == 1


def test_an_upload_tells_how_far_it_is(provider, tmp_path):
    told = []
    uploaded(provider, make(tmp_path, **QWEN), told=lambda sent, whole: told.append((sent, whole)))
    assert told[-1][0] == told[-1][1] > 0


def test_a_file_that_is_refused_names_its_line(server, provider, tmp_path):
    server.invalid = "line 3: messages must alternate"
    request = make(tmp_path, **QWEN)
    with pytest.raises(InvalidExampleError, match=r"\.jsonl:3: the provider says: messages must alternate"):
        created(provider, request)
    server.invalid = "bad file"
    server.files.clear()
    server.checksums.clear()
    found = failure(lambda: created(provider, request))
    assert re.fullmatch(
        r"together: file file-\d+ ended as INVALID_FORMAT: bad file\. No job was created", str(found)
    )


def test_a_file_that_is_never_ready_ends_the_waiting(server, provider, tmp_path):
    server.files_pending = 10_000
    found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert str(found) == (
        "together: file file-00000001 is still PENDING after 1800 s; no job was created. Call create again later: "
        "it goes on with this upload"
    )


def test_an_answer_without_a_place_for_the_file_is_odd(server, provider, tmp_path):
    server.fault("POST", "/v1/files", Response(200, {}))
    found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert "the answer to the upload names no place for the file" in str(found)


# --- following ---------------------------------------------------------------------------------------------


def test_every_word_of_the_sdk_has_one_of_ours():
    response = pytest.importorskip("together.types.finetune_response").FinetuneResponse
    from typing import get_args

    assert set(get_args(response.model_fields["status"].annotation)) == set(STATUSES)


def test_an_unknown_word_is_no_end():
    assert job_status_from_answer({"id": "ft-1", "status": "brand_new"}).status == "unknown"
    assert job_status_from_answer({"id": "ft-1", "status": "completed"}).status == "unknown"  # no name yet


def test_a_failed_job_tells_the_last_error_of_its_events(server, provider, tmp_path):
    server.script("running", "error")
    job = done(provider, make(tmp_path, **QWEN))
    assert (job.status, job.error, job.fine_tuned_model) == ("failed", "the loss is not a number", None)


def test_a_model_shows_its_tokens_and_steps(provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    assert (job.trained_tokens, job.step, job.total_steps) == (5049, 3, 3)
    assert job.finished_at is not None


def test_metrics_are_events_with_steps(provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    numbers = [(event.step, event.metrics) for event in provider.job_events(job.id) if event.metrics]
    assert numbers == [(n, {"train_loss": 1 / n, "train/epoch": 1.0}) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    "row", [{}, {"train/loss": 1.0}, {"train/global_step": 1.0}, {"train/global_step": "x"}]
)
def test_a_row_without_a_step_or_numbers_is_no_event(row):
    when = job_event_from_answer({}, 1).created_at
    assert metrics_event_from_answer(row, when) is None


def test_lost_metrics_are_an_error_and_absent_ones_none(server, provider, tmp_path):
    job = created(provider, make(tmp_path, **QWEN))
    assert [event.message for event in provider.job_events(job.id)] == [
        "Fine tune request created",
        "Job started",
    ]
    server.fault("GET", f"/v1/fine-tunes/{job.id}/metrics", Response(500))
    assert failure(lambda: provider.job_events(job.id)).temporary


def test_the_stand_ins_answers_are_the_sdks_types(server, provider, tmp_path):
    pytest.importorskip("together")
    from together.types import (
        FileResponse,
        FinetuneResponse,
        FineTuningListEventsResponse,
        FineTuningListResponse,
    )

    job = done(provider, make(tmp_path, **QWEN))
    assert FinetuneResponse.model_validate(json.loads(json.dumps(server.jobs[job.id]))).status == "completed"
    for cls, path in (
        (FineTuningListResponse, "/v1/fine-tunes"),
        (FineTuningListEventsResponse, f"/v1/fine-tunes/{job.id}/events"),
        (FileResponse, f"/v1/files/{server.uploads[0]}"),
    ):
        cls.model_validate(provider._api.ask("GET", path))


# --- models, files, deployments ----------------------------------------------------------------------------


def test_checkpoints_come_oldest_first(provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    assert [point.step for point in provider.checkpoints(job.id)] == [2, 3]


def test_models_are_listed_and_downloaded(provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    (model,) = provider.list_models()
    assert (model.id, model.job_id) == (job.fine_tuned_model, job.id)
    name = model.id.rsplit("/", 1)[-1]
    folder = provider.download(model.id, tmp_path / "weights")
    assert (folder / f"{name}.tar.zst").read_bytes() == b"archive of merged"
    provider.download(model.id, tmp_path / "adapter", adapter=True)
    assert (tmp_path / "adapter" / f"{name}.tar.zst").read_bytes() == b"archive of adapter"
    assert (folder / f"{name}.tar.zst").stat().st_mode & 0o077 == 0
    assert str(failure(lambda: provider.download("me/other", tmp_path))) == (
        "together: no job of yours made a model 'me/other'; see list_models()"
    )


def test_a_job_and_a_file_are_deleted(server, provider, tmp_path):
    job = done(provider, make(tmp_path, **QWEN))
    (file,) = provider.list_files()
    provider.delete_file(file.id)
    provider.delete_job(job.id)
    assert (server.files, server.jobs) == ({}, {})


def test_a_model_is_deployed_at_a_price_called_and_taken_down(server, provider, tmp_path):
    model = done(provider, make(tmp_path, **QWEN)).fine_tuned_model
    assert provider.deployment_usd_per_hour(model) == 7.98  # the configuration selects two H100
    assert provider.deployment_usd_per_hour(model, max_replicas=2) == 15.96
    made = provider.deploy(model)
    assert made.status == "creating"
    (asked,) = server.deployments.values()
    assert asked["config"] == "projects/public/configs/cr_1"
    assert (asked["autoscaling"], asked["inactiveTimeout"]) == ({"minReplicas": 1, "maxReplicas": 1}, 60)
    ready = provider.retrieve_deployment(made.id)
    assert (ready.status, ready.serves_as) == ("ready", asked["name"])
    assert provider.chat_model(ready.serves_as).model_name == asked["name"]
    assert [one.id for one in provider.list_deployments(model)] == [made.id]
    assert provider.list_deployments("another") == []
    provider.delete_deployment(made.id)
    assert (server.deployments, server.endpoints) == ({}, {})


def test_a_second_deployment_of_a_model_uses_its_endpoint(server, provider, tmp_path):
    model = done(provider, make(tmp_path, **QWEN)).fine_tuned_model
    provider.deploy(model)
    provider.deploy(model)
    assert len(server.endpoints) == 1
    assert len(provider.list_deployments()) == 2


def test_a_lost_answer_to_a_deployment_is_ambiguous(server, provider, tmp_path):
    model = done(provider, make(tmp_path, **QWEN)).fine_tuned_model
    server.fault("POST", "/v2/projects/proj-1/endpoints/ep_00000003/deployments", Drop(), after=True)
    assert failure(lambda: provider.deploy(model)).ambiguous
    assert len(provider.list_deployments(model)) == 1


def test_an_unknown_setting_of_a_deployment_is_refused(provider):
    with pytest.raises(ValueError) as caught:
        provider.deploy("me/model", gpus=2)
    assert str(caught.value) == (
        "together: deploy: unknown setting 'gpus'; it takes config, min_replicas, max_replicas, inactive_minutes"
    )


def test_a_model_that_is_not_there_cannot_be_deployed(provider):
    assert str(failure(lambda: provider.deploy("me/none"))) == (
        "together: there is no model 'me/none' in project proj-1"
    )


def test_a_key_of_no_project_says_what_to_give(server, provider):
    server.fault("GET", "/v3/whoami", Response(200, {"type": "org_api_key"}))
    assert str(failure(provider.list_deployments)) == (
        "together: the key belongs to no one project; give project_id=, or set TOGETHER_PROJECT_ID"
    )


# --- keys, addresses ---------------------------------------------------------------------------------------


def test_the_environment_gives_the_key(monkeypatch):
    monkeypatch.setenv("TOGETHER_API_KEY", KEY)
    provider = TogetherProvider()
    assert provider._api.api_key == KEY
    assert provider.home == "https://api.together.ai"
    monkeypatch.delenv("TOGETHER_API_KEY")
    with pytest.raises(ValueError) as caught:
        TogetherProvider().list_files()
    assert str(caught.value) == ("together: no API key. Pass api_key= or set TOGETHER_API_KEY")


def test_a_wrong_key_is_final(server):
    with httpx2.Client() as client:
        found = failure(
            lambda: TogetherProvider("wrong", server.url, http_client=client).retrieve_job("ft-1")
        )
    assert not found.temporary
    assert "HTTP 401: Invalid API key provided" in str(found)


def test_reinforcement_is_not_offered(provider, tmp_path):
    with pytest.raises(NotSupportedError) as caught:
        created(provider, make(tmp_path, **QWEN, method="reinforcement"))
    assert str(caught.value) == "together does not support method='reinforcement'; it trains dpo, supervised"
