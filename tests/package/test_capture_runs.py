import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from langsmith import Client

from tests.support.paths import NOTEBOOKS

SCRIPT = NOTEBOOKS / "capture_runs.py"
COMMITTED = NOTEBOOKS / "data" / "calculator_runs.jsonl"
QUESTIONS = json.loads((NOTEBOOKS / "data" / "questions.json").read_text(encoding="utf-8"))

# What a person who runs the script may have set: none of it may change what is captured, or show in it.
SOMEBODYS_ENVIRONMENT = {
    "LANGSMITH_API_KEY": "somebodys-key",
    "LANGSMITH_ENDPOINT": "http://somebodys.example",
    "LANGSMITH_PROJECT": "somebodys-project",
    "LANGSMITH_TRACING": "false",
    "LANGSMITH_HIDE_INPUTS": "true",
    "LANGCHAIN_REVISION_ID": "somebodys-revision",
    "OPENAI_API_KEY": "somebodys-key",
    "OPENAI_ORG_ID": "somebodys-organization",
    "HTTP_PROXY": "http://somebodys.example:3128",
    "GITHUB_SHA": "somebodys-commit",
}


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("capture")
    if shutil.which("git"):  # a revision for the client to find, whatever the tests run in
        commit = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@a.example",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "a",
        ]
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        subprocess.run(["git", *commit], cwd=folder, check=True)
    output = folder / "runs.jsonl"
    done = subprocess.run(
        [sys.executable, "-W", "error", SCRIPT, "--output", output],
        cwd=folder,
        env=os.environ | SOMEBODYS_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{output}: 104 runs in 21 traces, 1 of them failed\n"
    return output


@pytest.fixture(params=["fresh", "committed"])
def path(request):
    return COMMITTED if request.param == "committed" else request.getfixturevalue("fresh")


@pytest.fixture
def runs(path):
    return read(path)


def roots(runs):
    return [run for run in runs if run.get("parent_run_id") is None]


@pytest.mark.slow
def test_captured_chain_has_twenty_answers_and_a_failure(runs):
    *answered, failed = roots(runs)
    assert len(answered) == 20
    assert [root["inputs"] for root in answered] == [{"input": question["zh"]} for question in QUESTIONS]
    assert [root["outputs"]["output"] for root in answered] == [question["answer"] for question in QUESTIONS]
    assert not any(root.get("error") for root in answered)
    assert failed["inputs"] == {"input": "2 的 10 次方等于多少？"}
    assert "1 validation error for Calculator" in failed["error"]
    assert not failed["outputs"]


@pytest.mark.slow
def test_every_trace_is_whole_and_its_parents_come_first(runs):
    steps = ["RunnableSequence", "ChatPromptTemplate", "ChatOpenAI", "PydanticToolsParser", "RunnableLambda"]
    names, seen = defaultdict(list), set()
    for run in runs:
        assert run.get("parent_run_id") is None or run["parent_run_id"] in seen
        assert run["end_time"] >= run["start_time"]
        seen.add(run["id"])
        names[run["trace_id"]].append(run["name"])
    assert list(names.values()) == [steps] * 20 + [steps[:-1]]


def test_captured_failure_is_known_from_the_trace_alone(runs):
    llm_runs = [run for run in runs if run["run_type"] == "llm"]
    assert len(llm_runs) == 21
    assert not any(run.get("error") for run in llm_runs)
    [[generation]] = llm_runs[-1]["outputs"]["generations"]
    [call] = generation["message"]["kwargs"]["tool_calls"]
    assert call["args"] == {"num1": 2, "num2": 10, "operation": "^"}


def test_every_llm_run_carries_the_calculator(runs):
    for run in runs:
        if run["run_type"] == "llm":
            [tool] = run["extra"]["invocation_params"]["tools"]
            assert tool["function"]["name"] == "Calculator"
            assert tool["function"]["description"] == "A calculator function"
            assert tool["function"]["parameters"]["properties"]["operation"]["description"] == "+,-,*,/"


def test_nothing_of_the_machine_is_in_the_file(path):
    text = path.read_text(encoding="utf-8")
    assert "somebodys" not in text
    assert not re.search(r"127\.0\.0\.1|localhost|LANGSMITH_|LANGCHAIN_|revision_id|platform", text)
    assert not re.search(r"site-packages|File \\\"(/|[A-Za-z]:)", text)
    for folder in (Path.home(), Path.cwd(), Path(sys.prefix)):
        assert f"{folder}{os.sep}" not in text


def keys_by_kind(runs):
    """Per kind of run: its keys, two levels deep. A null counts as absent: its key comes and goes."""
    kinds = defaultdict(set)
    for run in runs:
        kind = kinds[run["run_type"], run["name"], "error" in run]
        for key, value in run.items():
            if value is not None:
                kind |= {key} | {f"{key}.{inner}" for inner in (value if isinstance(value, dict) else ())}
    return kinds


def test_a_fresh_capture_has_the_keys_of_the_committed_runs(fresh):
    committed, captured = keys_by_kind(read(COMMITTED)), keys_by_kind(read(fresh))
    assert committed.keys() == captured.keys()
    for kind, keys in committed.items():
        assert keys <= captured[kind]  # a newer SDK may add some


def test_the_tutorials_words_are_kept():
    assert len(QUESTIONS) == 20
    assert QUESTIONS[0] == {"zh": "45 除以 9 等于多少？", "en": "What is 45 divided by 9?", "answer": 5}
    assert QUESTIONS[19] == {"zh": "30 减去 15 等于多少？", "en": "What is 30 minus 15?", "answer": 15}


@pytest.fixture(scope="module")
def capture_runs():
    spec = importlib.util.spec_from_file_location("capture_runs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


WITHOUT_MULTIPART = {
    "use_multipart_endpoint": False,
    "size_limit": 100,
    "size_limit_bytes": 20_000_000,
    "scale_up_nthreads_limit": 1,
    "scale_up_qsize_trigger": 100,
    "scale_down_nempty_trigger": 1,
}


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ({}, {"/runs/multipart"}),
        ({"info": {"batch_ingest_config": WITHOUT_MULTIPART}}, {"/runs/batch"}),
        ({"auto_batch_tracing": False}, {"/runs", "/runs/RUN_ID"}),
    ],
    ids=["multipart", "batch", "one by one"],
)
def test_receiver_merges_every_way_of_posting(capture_runs, monkeypatch, settings, paths):
    monkeypatch.setenv("LANGSMITH_DISABLE_RUN_COMPRESSION", "true")
    receiver, seen, run_id = capture_runs.Receiver(), set(), uuid4()

    def answer(method, path, content_type, body):
        seen.add(path.replace(str(run_id), "RUN_ID"))
        return receiver.answer(method, path, content_type, body)

    now = datetime.now(UTC)
    trace = {"trace_id": run_id, "dotted_order": f"{now:%Y%m%dT%H%M%S%f}Z{run_id}"}
    with capture_runs.serve(answer) as url:
        client = Client(api_url=url, api_key="local", **settings)
        client.create_run(
            "问", {"q": "多少？"}, "chain", id=run_id, project_name="p", start_time=now, tags=["a"], **trace
        )
        client.flush(timeout=30)  # so that the client cannot merge the two by itself
        client.update_run(run_id, outputs={"a": 5}, end_time=now, tags=None, **trace)
        client.close(timeout=30)

    [run] = receiver.runs()
    assert seen - {"/info"} == paths
    assert (run["id"], run["name"], run["tags"]) == (str(run_id), "问", ["a"])
    assert (run["inputs"], run["outputs"]) == ({"q": "多少？"}, {"a": 5})
