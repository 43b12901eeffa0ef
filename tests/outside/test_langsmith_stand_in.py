"""Does the stand-in speak as LangSmith's API description says, and do we ask as it says?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import langsmith
import pytest

from langsmith_finetune.runs.langsmith.by_id import fetch_runs
from langsmith_finetune.runs.select import select_runs
from tests.support.paths import SHARED
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, trace

SPEC = SHARED / "specs" / "langsmith-cut.json"
pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="the API description is not beside this checkout")

RUN_ID = "33333333-3333-4333-8333-333333333333"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return json.loads(SPEC.read_text(encoding="utf-8"))


def check(spec: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    validator = jsonschema.Draft202012Validator(
        spec | schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    errors = [f"{list(error.path)}: {error.message[:200]}" for error in validator.iter_errors(value)]
    assert errors == []


def answer_schema(spec: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    return spec["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]


def question_schema(spec: dict[str, Any], path: str) -> dict[str, Any]:
    schema = spec["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    name = schema["$ref"].removeprefix("#/components/schemas/")
    # The description allows any further key; what we send must be in it.
    return spec["components"]["schemas"][name] | {"additionalProperties": False}


@pytest.fixture(params=[{}, {"v2": False, "version": "0.13.37"}], ids=["v2", "v1"])
def talk(request) -> list[tuple[str, str, Any, Any]]:
    """Each request of a selection and a fetch: its method, path, question and answer."""
    runs = [
        run for n in range(3) for run in trace(run_id=f"{n}{RUN_ID[1:]}", started=NOW - timedelta(hours=n))
    ]
    with LangSmith(runs, **request.param) as server:
        with langsmith.Langsmith(api_key=KEY, base_url=server.url) as client:
            found = select_runs(
                client, project_name="support-bot", start_time=NOW - timedelta(days=2), end_time=NOW
            )
            assert len(list(found)) == 2
            assert all(found for _, found in fetch_runs([f"1{RUN_ID[1:]}"], client))
        answered = [(asked, server.handle(asked)) for asked in list(server.requests)]
    return [
        (asked.method.lower(), asked.path, asked.json() if asked.body else None, answer.body)
        for asked, answer in answered
        if answer.status == 200
    ]


def described(spec: dict[str, Any], path: str) -> str | None:
    return next((p for p in (path, path.removeprefix("/api")) if p in spec["paths"]), None)


def test_questions_and_answers_are_as_described(spec, talk):
    checked = set()
    for method, path, question, answer in talk:
        if (known := described(spec, path)) is None:
            assert path == "/api/v2/sessions"  # newer than the description, see the installed SDK
            continue
        if question is not None:
            check(spec, question_schema(spec, known), question)
        check(spec, answer_schema(spec, method, known), answer)
        checked.add(known)
    assert checked & {"/v2/runs/query", "/api/v1/runs/query"}


def test_single_runs_and_datasets_are_as_described(spec):
    datasets = {"good answers": [{"messages": []}]}
    with LangSmith(trace(run_id=RUN_ID, started=NOW), datasets=datasets) as server:
        client = langsmith.Client(api_url=server.url, api_key=KEY, auto_batch_tracing=False)
        with pytest.warns(DeprecationWarning, match="read_run"):
            assert str(client.read_run(RUN_ID).session_id) == PROJECT_ID
        dataset = client.read_dataset(dataset_name="good answers")
        client.read_dataset(dataset_id=dataset.id)
        client.close()
        answers = {request.path: server.handle(request).body for request in server.requests}
    check(spec, answer_schema(spec, "get", "/api/v1/runs/{run_id}"), answers[f"/runs/{RUN_ID}"])
    check(spec, answer_schema(spec, "get", "/api/v1/datasets"), answers["/datasets"])
    path = "/api/v1/datasets/{dataset_id}"
    check(spec, answer_schema(spec, "get", path), answers[f"/datasets/{dataset.id}"])
