"""An evaluation in LangSmith: a dataset, an experiment for each model, every score, and nothing twice."""

import json
import uuid

import pytest
from langsmith import Client

from langsmith_finetune import FineTunedModel, TrainingExample, evaluate
from langsmith_finetune.evaluation import upload_to_langsmith
from langsmith_finetune.runs import RunSource
from langsmith_finetune.testing import FakeProvider
from tests.support.evaluations import adds, sum_lines, text_lines
from tests.support.standins.server import Response, StandIn

DATASET = "22222222-2222-4222-8222-222222222222"


class Experiments(StandIn):
    """As much of LangSmith as takes datasets and experiments."""

    def __init__(self):
        super().__init__()
        self.has_dataset = False
        self.examples = []
        self.runs = {}
        self.feedback = []
        self.sessions = {}

    def handle(self, request):  # noqa: PLR0911
        path, posts = request.path, request.method == "POST"
        if path == "/info":
            limits = {"use_multipart_endpoint": False, "size_limit": 100, "size_limit_bytes": 20_000_000}
            limits |= {"scale_up_nthreads_limit": 1, "scale_up_qsize_trigger": 1000}
            return Response(body={"version": "0.11", "batch_ingest_config": limits})
        dataset = {"id": DATASET, "name": "held out", "created_at": "2026-01-01T00:00:00Z"}
        if path == "/datasets" and posts:
            self.has_dataset = True
            return Response(body=dataset)
        if path == "/datasets":
            return Response(body=[dataset] if self.has_dataset else [])
        if path == "/examples/bulk":
            self.examples += request.json()
            return Response(body=request.json())
        if path == "/examples" and not posts:
            modified = {"modified_at": "2026-01-01T00:00:00Z", "created_at": "2026-01-01T00:00:00Z"}
            return Response(body=[{**each, **modified} for each in self.examples])
        if path == "/sessions" and posts:
            given = {
                "id": str(uuid.uuid4()),
                "start_time": "2026-01-01T00:00:00Z",
                "tenant_id": DATASET,
            } | request.json()
            self.sessions[given["id"]] = given | {"reference_dataset_id": DATASET}
            return Response(body=self.sessions[given["id"]])
        if path == "/runs/batch":
            for key in ("post", "patch"):
                for run in request.json().get(key) or ():
                    self.runs.setdefault(run["id"], {}).update(run)
        if path == "/feedback":
            self.feedback.append(request.json())
        return Response(body={})


@pytest.fixture
def host():
    with Experiments() as host:
        yield host


def client_of(host):
    return Client(api_url=host.url, api_key="lsv2_stand_in", tracing_error_callback=print)


def fails(messages, tools):
    raise ValueError("no")


def test_models_become_experiments_with_every_answer_and_every_score(host, capsys):
    lines = sum_lines(3)
    examples = [
        TrainingExample(line=line, source=RunSource(run_id=f"run {n}", thread_id="chat"))
        for n, line in enumerate(lines)
    ]
    result = evaluate({"before": fails, "after": adds}, examples, progress=False)
    made = upload_to_langsmith(result, "held out", client=client_of(host), metadata={"commit": "abc"})
    assert [example["inputs"]["tools"] for example in host.examples] == [line["tools"] for line in lines]
    assert [example["outputs"]["message"]["tool_calls"] for example in host.examples] == [
        line["messages"][1]["tool_calls"] for line in lines
    ]
    assert [example["metadata"]["source_run_id"] for example in host.examples] == ["run 0", "run 1", "run 2"]
    experiments = {session["name"].rpartition("-")[0]: session for session in host.sessions.values()}
    assert set(experiments) == set(made.experiments) == {"before", "after"}
    assert experiments["after"]["extra"]["metadata"]["commit"] == "abc"
    assert made.dataset_id == DATASET
    ids = "%2C".join(experiments[name]["id"] for name in result.models)
    assert made.url.endswith(f"/datasets/{DATASET}/compare?selectedSessions={ids}")

    outputs = [run["outputs"] for run in host.runs.values()]
    assert outputs.count({"error": "ValueError: no"}) == 3
    assert sum("message" in each for each in outputs) == 3
    scores = [(each["key"], each["score"]) for each in host.feedback]
    assert scores.count(("calls_match", 0)) == scores.count(("calls_match", 1)) == 3  # an error is no gap
    assert len(scores) == 2 * 3 * len(result.metrics)
    capsys.readouterr()


def test_the_same_cases_are_not_added_twice(host, capsys):
    for _ in range(2):
        result = evaluate({"after": adds}, sum_lines(4) * 2, progress=False)
        upload_to_langsmith(result, "held out", client=client_of(host))
    assert len(host.examples) == 4
    assert host.count("POST", "/datasets") == 1
    assert len(host.sessions) == 2
    capsys.readouterr()


def test_a_tuned_model_names_its_job(host, capsys, monkeypatch):
    from langchain_core.language_models.fake_chat_models import FakeListChatModel

    provider = FakeProvider()
    monkeypatch.setattr(
        FakeProvider, "chat_model", lambda self, model_id, **settings: FakeListChatModel(responses=["x"])
    )
    model = FineTunedModel(id="ft:fake:1", base_model="fake", job_id="job-1", provider=provider)
    result = evaluate({"tuned": model}, text_lines(2), judge=lambda messages: "VERDICT: TIE", progress=False)
    upload_to_langsmith(result, "held out", client=client_of(host))
    [session] = host.sessions.values()
    said = session["extra"]["metadata"]
    assert {key: said[key] for key in ("job_id", "model", "base_model", "provider")} == {
        "job_id": "job-1", "model": "ft:fake:1", "base_model": "fake", "provider": provider.name,
    }  # fmt: skip
    assert json.loads(json.dumps(result.to_dict()))["origins"]["tuned"]["job_id"] == "job-1"
    capsys.readouterr()


def test_a_judges_preferences_go_with_the_model_that_it_prefers(host, capsys):
    models = {"before": lambda messages: "no", "after": lambda messages: "yes"}

    def judge(messages):
        first = messages[-1].content.index('"yes"') < messages[-1].content.index('"no"')
        return f"VERDICT: {'FIRST' if first else 'SECOND'}"

    result = evaluate(models, text_lines(2), judge=judge, progress=False)
    upload_to_langsmith(result, "held out", client=client_of(host))
    assert [each["score"] for each in host.feedback if each["key"] == "judge"] == [1, 1]
    capsys.readouterr()
