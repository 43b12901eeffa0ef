"""The stand-in and our reading against answers recorded from OpenAI and Azure, and OpenAI's description.

The recordings are not part of this project; without them these tests are skipped.
"""

import hashlib
import json

import openai
import pytest
from jsonschema import Draft202012Validator

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.openai.answers import job_event_from_answer, job_status_from_answer
from langsmith_finetune.providers.openai.files import file_name
from langsmith_finetune.providers.values import JobRequest
from tests.support.by_hand import uploaded
from tests.support.paths import SHARED
from tests.support.standins import openai as stand_in
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.server import Response, StandIn

RECORDED = SHARED / "recorded"
SPEC = SHARED / "specs" / "openai-cut.json"

pytestmark = [
    pytest.mark.skipif(not (RECORDED.is_dir() and SPEC.is_file()), reason="no recordings here"),
    pytest.mark.usefixtures("clock"),
]

SCHEMAS = {
    "file": "OpenAIFile",
    "fine_tuning.job": "FineTuningJob",
    "fine_tuning.job.event": "FineTuningJobEvent",
    "fine_tuning.job.checkpoint": "FineTuningJobCheckpoint",
}

# Where the service's own recorded answers depart from its description; the stand-in does likewise.
DEPARTURES = {
    ("fine_tuning.job", "error"): {},
    ("file", "expires_at"): None,
    ("file", "status_details"): None,
    ("fine_tuning.job.event", "data"): None,
}


def recorded(folder):
    """Name, request and response of each recorded answer."""
    for path in sorted((RECORDED / folder).glob("*.json")):
        for n, interaction in enumerate(json.loads(path.read_text(encoding="utf-8")).get("interactions", [])):
            if "response" in interaction:
                yield f"{path.stem}[{n}]", interaction["request"], interaction["response"]


def things(body):
    """The files, jobs, events and checkpoints in an answer."""
    if not isinstance(body, dict):
        return []
    found = body["data"] if body.get("object") == "list" else [body]
    return [thing for thing in found if thing.get("object") in SCHEMAS and "deleted" not in thing]


def kinds(folders, *objects):
    return [
        pytest.param(thing, id=f"{name}-{thing.get('id')}")
        for folder in folders
        for name, _, response in recorded(folder)
        for thing in things(response["body"])
        if thing["object"] in objects
    ]


def problems(thing):
    spec = json.loads(SPEC.read_text(encoding="utf-8"))
    schema = {"$ref": f"#/components/schemas/{SCHEMAS[thing['object']]}", "components": spec["components"]}
    kept = {
        name: value
        for name, value in thing.items()
        if (thing["object"], name) not in DEPARTURES or DEPARTURES[thing["object"], name] != value
    }
    if thing["object"] == "fine_tuning.job" and "error" in thing:
        kept.setdefault("error", None)
    return [f"{e.json_path}: {e.message}" for e in Draft202012Validator(schema).iter_errors(kept)]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What the stand-in answers over the life of a job that succeeds and of one that fails."""
    path = tmp_path_factory.mktemp("files") / "train.jsonl"
    path.write_text('{"messages": []}\n', encoding="utf-8")
    bodies = []

    def keep(ask, *args, **kwargs):
        bodies.append(ask(*args, **kwargs).http_response.json())
        return bodies[-1]

    with OpenAIStandIn() as server, openai.OpenAI(api_key="k", base_url=server.base_url) as client:
        files, jobs = client.files.with_raw_response, client.fine_tuning.jobs.with_raw_response
        file = keep(files.create, file=path, purpose="fine-tune")
        keep(files.list)
        keep(files.retrieve, file["id"])
        error = {"code": "invalid_n_examples", "param": "training_file", "message": "words"}
        for end in ("succeeded", {"status": "failed", "error": error}):
            server.script("running", end)
            job = keep(jobs.create, model="gpt-4o-mini", training_file=file["id"])
            for _ in range(2):
                keep(jobs.retrieve, job["id"])
                keep(jobs.list_events, job["id"])
            keep(client.fine_tuning.jobs.checkpoints.with_raw_response.list, job["id"])
        keep(jobs.list)
        keep(jobs.cancel, keep(jobs.create, model="m", training_file=file["id"])["id"])
        keep(files.delete, file["id"])
    return bodies


# --- the stand-in ------------------------------------------------------------------------------------------


def test_the_stand_ins_answers_fit_the_description(answers):
    seen = [thing for body in answers for thing in things(body)]
    assert {thing["object"] for thing in seen} == SCHEMAS.keys()
    for thing in seen:
        assert problems(thing) == []


def test_the_stand_ins_lists_fit_the_description(answers):
    spec = json.loads(SPEC.read_text(encoding="utf-8"))
    lists = {
        "file": "ListFilesResponse",
        "fine_tuning.job": "ListPaginatedFineTuningJobsResponse",
        "fine_tuning.job.event": "ListFineTuningJobEventsResponse",
        "fine_tuning.job.checkpoint": "ListFineTuningJobCheckpointsResponse",
    }
    for body in answers:
        if body.get("object") == "list" and body["data"]:
            schema = spec["components"]["schemas"][lists[body["data"][0]["object"]]]
            schema = schema | {"properties": schema["properties"] | {"data": {"type": "array"}}}
            schema["components"] = spec["components"]
            assert list(Draft202012Validator(schema).iter_errors(body)) == []


def test_stand_in_jobs_have_keys_of_the_newest_real_jobs(answers):
    newest = [t for p in kinds(["openai"], "fine_tuning.job") for t in p.values if "shared_with_openai" in t]
    assert newest
    for thing in (t for body in answers for t in things(body) if t["object"] == "fine_tuning.job"):
        assert thing.keys() == newest[0].keys()
        for name, value in thing.items():
            assert type(value) in {type(job[name]) for job in newest} | (
                {dict} if name == "metadata" else set()
            ), name


def test_stand_in_files_and_checkpoints_have_real_keys(answers):
    for kind in ("file", "fine_tuning.job.checkpoint", "fine_tuning.job.event"):
        real = [t.keys() for p in kinds(["openai"], kind) for t in p.values]
        ours = [t.keys() for body in answers for t in things(body) if t["object"] == kind]
        assert ours
        for keys in ours:
            assert any(keys == k or keys | {"metrics"} == k for k in real), (kind, keys)


def test_the_stand_ins_azure_answers_have_azures_keys():
    real = [t for p in kinds(["azure"], "fine_tuning.job") for t in p.values]
    known = set().union(*(job.keys() for job in real))
    with OpenAIStandIn(azure=True) as server, openai.OpenAI(api_key="k", base_url=server.base_url) as client:
        file = client.files.create(file=b"{}", purpose="fine-tune")
        assert file.status == "pending"
        raw = client.fine_tuning.jobs.with_raw_response.create(model="m", training_file=file.id)
        job = raw.http_response.json()
        assert raw.http_response.status_code == 201
    assert job["status"] == "pending"
    assert job.keys() - known == {"metadata"} & job.keys()
    assert "error" not in job
    assert job["hyperparameters"]["n_epochs"] == -1


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("error-404-job", stand_in._no_job("123")),
        ("error-429-too-many-active-jobs", stand_in.TOO_MANY_JOBS),
    ],
)
def test_the_stand_ins_errors_have_the_services_shape(name, ours):
    [(_, _, real)] = [r for r in recorded("openai") if r[0].startswith(name)]
    assert ours.status == real["status"]
    assert ours.headers.keys() <= real["headers"].keys()
    ours_error, real_error = ours.body["error"], real["body"]["error"]
    assert {n: ours_error[n] for n in ("type", "param", "code")} == {
        n: real_error[n] for n in ("type", "param", "code")
    }


# --- the recordings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", kinds(["openai"], "file", "fine_tuning.job.checkpoint"))
def test_the_departures_are_the_services_own(thing):
    assert problems(thing) == []


@pytest.mark.parametrize("job", kinds(["openai", "azure"], "fine_tuning.job"))
def test_every_recorded_job_is_read(job):
    status = job_status_from_answer(job)
    assert status.id == job["id"]
    assert status.status != "unknown"
    assert status.provider_status == job["status"]
    assert status.created_at.timestamp() == job["created_at"]
    assert (status.fine_tuned_model is not None) == (status.status == "succeeded")
    assert (status.error is not None) == (status.status == "failed")
    assert status.trained_tokens == job.get("trained_tokens")


@pytest.mark.parametrize("event", kinds(["openai", "azure"], "fine_tuning.job.event"))
def test_every_recorded_event_is_read(event):
    read = job_event_from_answer(event)
    assert read.message == event["message"]
    assert bool(read.metrics) == (event.get("type") == "metrics")
    if read.metrics:
        assert read.step == event["data"]["step"]
        assert read.total_steps == 90


def test_every_observed_reason_reaches_the_error():
    observed = json.loads((RECORDED / "openai" / "observed-job-errors.json").read_text(encoding="utf-8"))
    for error in observed["observed"]:
        job = {"id": "j", "status": "failed", "error": {n: error[n] for n in ("code", "param", "message")}}
        assert error["message"] in job_status_from_answer(job).error


class Replay(StandIn):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def handle(self, request):
        return Response(self.answer["status"], self.answer["body"], self.answer["headers"])


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(response, id=name)
        for folder in ("openai", "azure")
        for name, _, response in recorded(folder)
        if response["status"] >= 400
    ],
)
def test_every_recorded_refusal_is_final_and_keeps_its_words(answer):
    answer = answer | {"headers": {"content-type": "application/json"}}
    with Replay(answer) as server, openai.OpenAI(api_key="sk-k", base_url=server.url) as client:
        with pytest.raises(ProviderError) as caught:
            OpenAIProvider(client=client).retrieve_job("j")
        assert len(server.requests) == 1
    assert not caught.value.temporary
    words = answer["body"]["error"]["message"]
    if answer["status"] != 401:
        assert words in str(caught.value)


@pytest.mark.parametrize("file", kinds(["openai", "azure"], "file"))
def test_every_recorded_upload_is_waited_for_until_it_is_ready(file, tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text("{}\n")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    file = file | {"filename": file_name(sha256), "bytes": 3}  # as the host would show what it was sent
    ready = file | {"status": "processed"}
    asked = []

    class Files(StandIn):
        def handle(self, request):
            asked.append(request.path)
            if request.path == "/files" and request.method == "GET":
                return Response(200, {"object": "list", "data": []})
            return Response(200, file if request.method == "POST" else ready)

    with Files() as server, openai.OpenAI(api_key="sk-k", base_url=server.url) as client:
        provider = OpenAIProvider(client=client)
        request = JobRequest(training_file=path, training_sha256=sha256, model="m")
        memory = {}
        uploaded(provider, request, memory=memory)
        assert list(memory.values()) == [file["id"]]
    assert (f"/files/{file['id']}" in asked) == (file["status"] == "pending")
