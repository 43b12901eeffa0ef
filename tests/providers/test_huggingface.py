import io
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from packaging.requirements import Requirement

from langsmith_finetune.errors import InvalidExampleError, ProviderError
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.huggingface import train as remote
from langsmith_finetune.providers.huggingface.request import code_archive, requirements
from langsmith_finetune.providers.local import tiny_model
from langsmith_finetune.testing import ProviderContract
from tests.support.by_hand import created
from tests.support.standins.huggingface import HuggingFaceStandIn
from tests.support.standins.server import Drop, Response

TOKEN = "hf_made_up_0123456789"
make = ProviderContract().job_request
QWEN = {"model": "Qwen/Qwen3-0.6B"}


@pytest.fixture
def server():
    with HuggingFaceStandIn() as server:
        yield server


@pytest.fixture
def provider(server):
    return HuggingFaceProvider(api=HfApi(endpoint=server.url, token=TOKEN), flavor="l4x1", timeout="2h")


def failure(ask):
    with pytest.raises(ProviderError) as caught:
        ask()
    assert TOKEN not in str(caught.value)
    return caught.value


def test_job_trains_the_file_and_pushes_privately(server, provider, tmp_path):
    request = make(tmp_path, **QWEN, suffix="bot", seed=3, parameters={"n_epochs": 2})
    job = created(provider, request)
    (asked,) = server.asked
    output = f"me/Qwen3-0.6B-bot-lf{request.fingerprint[:10]}"
    assert asked["labels"]["langsmith-finetune"] == request.fingerprint[:32]
    assert asked["flavor"] == "l4x1"
    assert asked["timeoutSeconds"] == 7200
    assert asked["secrets"] == {"HF_TOKEN": TOKEN}
    assert asked["command"][:2] == ["uv", "run"]
    assert asked["command"][-3:] == ["python", "-c", remote.BOOT]
    assert asked["environment"][remote.OUTPUT] == output
    assert TOKEN not in json.dumps({name: asked[name] for name in ("command", "environment", "labels")})
    repo = server.repos["datasets/me/langsmith-finetune"]
    assert server.private["datasets/me/langsmith-finetune"]
    told = json.loads(repo[asked["environment"][remote.REQUEST]])
    assert repo[told["training_path"]] == request.training_file.read_bytes()
    assert told["validation_path"] is None
    assert (told["model_path"], told["parameters"], told["seed"]) == ("Qwen/Qwen3-0.6B", {"n_epochs": 2}, 3)
    assert asked["environment"][remote.CODE] in repo
    assert (job.status, job.model) == ("queued", "Qwen/Qwen3-0.6B")
    while job.status != "succeeded":
        job = provider.retrieve_job(job.id)
    assert job.fine_tuned_model == output
    (model,) = provider.list_models()
    assert (model.id, model.job_id) == (output, job.id)


def test_what_is_uploaded_already_is_not_uploaded_again(server, provider, tmp_path):
    created(provider, make(tmp_path, **QWEN))
    created(provider, make(tmp_path, **QWEN))
    created(provider, make(tmp_path, **QWEN, seed=1))
    assert [sorted(path.split("/")[0] for path in commit) for commit in server.commits] == [
        ["files"],
        ["code", "jobs"],
        ["jobs"],
    ]


def test_travelling_code_is_this_library_byte_for_byte():
    archive = code_archive()
    assert archive == code_archive()
    names = zipfile.ZipFile(io.BytesIO(archive)).namelist()
    assert {"langsmith_finetune/__init__.py", "langsmith_finetune/providers/huggingface/train.py"} <= {*names}
    assert {Path(name).suffix for name in names} == {".py", ".toml"}


def test_the_trainers_packages_go_with_the_job():
    needs = requirements()
    names = {Requirement(need).name for need in needs}
    assert {"torch", "trl", "peft", "langchain-core", "langsmith"} <= names
    assert not {"pytest", "ruff", "sphinx"} & names
    assert not any(";" in need for need in needs)


def test_a_failed_job_tells_why_from_its_log(server, provider, tmp_path):
    server.script("RUNNING", "ERROR")
    job = created(provider, make(tmp_path, **QWEN))
    provider.retrieve_job(job.id)
    job = provider.retrieve_job(job.id)
    assert (job.status, job.error) == ("failed", "OutOfMemoryError while training")
    assert provider.job_events(job.id)[-1].level == "error"
    server.fault("GET", f"/api/jobs/me/{job.id}/logs", Response(500, {"error": "x"}))
    assert provider.retrieve_job(job.id).error == "Job failed with exit code: 1"


def test_the_log_becomes_events_and_nothing_else(provider, tmp_path):
    job = created(provider, make(tmp_path, **QWEN))
    events = provider.job_events(job.id)
    assert [event.message for event in events] == ["training for 3 steps", "step 1/3", "step 2/3", "step 3/3"]
    assert [event.metrics.get("train_loss") for event in events] == [None, 1.0, 0.5, 1 / 3]
    assert (events[-1].step, events[-1].total_steps) == (3, 3)


@pytest.mark.parametrize("word", ["UPDATING", "BRAND_NEW"])
def test_an_unknown_stage_is_no_end(server, provider, tmp_path, word):
    server.script(word, "COMPLETED")
    job = created(provider, make(tmp_path, **QWEN))
    seen = provider.retrieve_job(job.id)
    assert (seen.status, seen.provider_status) == ("running" if word == "UPDATING" else "unknown", word)


# --- what is refused ---------------------------------------------------------------------------------------


def test_a_folder_cannot_be_trained_there(provider, tmp_path):
    with pytest.raises(ValueError, match="push the folder to the Hub first") as caught:
        created(provider, make(tmp_path, model="./models/mine"))
    assert str(caught.value) == (
        "huggingface: the model must be a name on the Hub, but './models/mine' is a path; push the folder to the Hub "
        "first"
    )


def test_a_suffix_that_no_repository_takes_is_refused(provider, tmp_path):
    with pytest.raises(ValueError, match=r"suffix must be letters, digits, '\.', '_' and '-', got 'a b'"):
        created(provider, make(tmp_path, **QWEN, suffix="a b"))


def test_a_bad_line_is_known_before_anything_is_sent(server, provider, tmp_path):
    lines = ({"messages": [{"role": "user", "content": "Hi"}]},)
    with pytest.raises(InvalidExampleError, match="has no assistant message to learn"):
        created(provider, make(tmp_path, **QWEN, lines=lines))
    assert server.requests == []


def test_a_parameter_of_the_wrong_kind_is_refused(provider, tmp_path):
    with pytest.raises(TypeError, match="huggingface: parameters: n_epochs must be a number"):
        provider.find_jobs(make(tmp_path, **QWEN, parameters={"n_epochs": "many"}))


def test_without_the_package_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ImportError) as caught:
        HuggingFaceProvider()
    assert str(caught.value) == (
        'training on Hugging Face needs huggingface_hub: pip install "langsmith-finetune[huggingface]"'
    )


def test_a_missing_token_names_the_variable(monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(ValueError) as caught:
        HuggingFaceProvider().list_models()
    assert str(caught.value) == "huggingface: no API key. Pass token= or set HF_TOKEN"
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    assert HuggingFaceProvider()._api.token == "hf_made_up"


def test_a_wrong_token_is_final(server):
    wrong = HuggingFaceProvider(api=HfApi(endpoint=server.url, token="hf_wrong"))
    found = failure(lambda: wrong.retrieve_job("0" * 24))
    assert not found.temporary
    assert "HTTP 401" in str(found)


@pytest.mark.parametrize(
    ("answer", "temporary", "ambiguous"),
    [
        (Response(402, {"error": "Pre-paid credit balance is insufficient"}), False, False),
        (Response(429, {"error": "slow"}, headers={"retry-after": "9"}), True, False),
        (Response(500, {"error": "oops"}), True, True),
        (Response(200, b"<html>"), False, True),
        (Response(200, {"id": "x"}), False, True),
        (Drop(), True, True),
    ],
)
def test_a_creation_that_goes_wrong_says_whether_a_job_may_run(
    *, server, provider, tmp_path, answer, temporary, ambiguous
):
    server.fault("POST", "/api/jobs/me", answer)
    found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert (found.temporary, found.ambiguous) == (temporary, ambiguous)
    if isinstance(answer, Response) and answer.status == 429:
        assert found.retry_after_seconds == 9


def test_nobody_listens_there(tmp_path):
    provider = HuggingFaceProvider(api=HfApi(endpoint="http://127.0.0.1:9", token=TOKEN))
    found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
    assert str(found) == "huggingface: the connection failed (ConnectError) at http://127.0.0.1:9"
    assert (found.temporary, found.ambiguous) == (True, False)


# --- models ------------------------------------------------------------------------------------------------


def test_a_model_is_fetched_and_deleted(server, provider, tmp_path):
    server.repos["me/tuned"] = {"config.json": b"{}", "model.safetensors": b"weights"}
    folder = provider.download("me/tuned", tmp_path / "weights")
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    provider.delete_model("me/tuned")
    assert "me/tuned" not in server.repos


def test_a_model_is_called_here_or_where_it_is_served(provider):
    from langchain_openai import ChatOpenAI

    from langsmith_finetune.providers.local import LocalChatModel

    assert isinstance(provider.chat_model("me/tuned"), LocalChatModel)
    served = provider.chat_model("me/tuned", base_url="http://localhost:8000/v1", temperature=0)
    assert isinstance(served, ChatOpenAI)
    assert served.model_name == "me/tuned"


@pytest.mark.slow
def test_what_is_sent_trains_a_model(server, provider, tmp_path):
    """The job's own command, run here as it is asked for, but for `uv`, against the stand-in as the Hub."""
    example = make(tmp_path, **QWEN)
    tiny = tiny_model(tmp_path / "tiny", example.training_file)
    server.repos["me/tiny"] = {file.name: file.read_bytes() for file in tiny.iterdir() if file.is_file()}
    job = created(provider, make(tmp_path, model="me/tiny", parameters={"max_steps": 2}))
    (asked,) = server.asked
    done = subprocess.run(
        [sys.executable, *asked["command"][-2:]],
        env=asked["environment"]
        | asked["secrets"]
        | {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(tmp_path / "hub"),
            "HF_HUB_DISABLE_XET": "1",
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "CUDA_VISIBLE_DEVICES": "",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    events = [event for line in done.stdout.splitlines() if (event := remote.event_from_line(line))]
    assert events[-1]["message"] == "the model is on the Hub"
    assert [event["step"] for event in events if event["metrics"].get("train_loss")] == [1, 2]
    pushed = server.repos[asked["environment"][remote.OUTPUT]]
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= pushed.keys()
    assert server.private[asked["environment"][remote.OUTPUT]]
    assert job.id in server.jobs


def test_address_is_unchanged_when_the_namespace_is_known(provider):
    before = provider.home
    provider.list_models()
    assert provider.home == before


# --- hosts that lead elsewhere, or never end ---------------------------------------------------------------


class Redirecting(HuggingFaceStandIn):
    """Sends whoever asks for a path of this form to another host."""

    def __init__(self, elsewhere, form):
        super().__init__()
        self.elsewhere, self.form = elsewhere, form

    def handle(self, request):
        if re.fullmatch(self.form, f"{request.method} {request.path}"):
            return Response(307, b"", headers={"location": self.elsewhere + request.path})
        return super().handle(request)


@pytest.mark.parametrize("form", ["POST /api/jobs/me", "GET /api/whoami-v2", "GET /api/jobs/me"])
def test_redirect_takes_no_secrets_to_another_host(tmp_path, form):
    with HuggingFaceStandIn() as elsewhere, Redirecting(elsewhere.url, form) as server:
        provider = HuggingFaceProvider(api=HfApi(endpoint=server.url, token=TOKEN))
        request = make(tmp_path, **QWEN)
        found = failure(lambda: (provider.find_jobs(request), created(provider, request)))
        assert elsewhere.requests == []
    assert str(found) == (
        f"huggingface: the answer of {server.url} redirects from 127.0.0.1 to 127.0.0.1, which is not followed"
    )
    assert (found.temporary, found.ambiguous) == (False, form.startswith("POST"))


@pytest.mark.parametrize(
    "form",
    [
        "POST /api/repos/create",
        "POST /api/datasets/.*/paths-info/.*",
        "DELETE /api/repos/delete",
        "GET .*resolve.*",
    ],
)
def test_redirect_of_their_client_takes_no_token(tmp_path, form):
    with HuggingFaceStandIn() as elsewhere, Redirecting(elsewhere.url, form) as server:
        provider = HuggingFaceProvider(api=HfApi(endpoint=server.url, token=TOKEN))
        server.repos["me/model"] = elsewhere.repos["me/model"] = {"config.json": b"{}"}
        for ask in (
            lambda: created(provider, make(tmp_path, **QWEN)),
            lambda: provider.download("me/model", tmp_path / "model"),
            lambda: provider.delete_model("me/model"),
        ):
            with suppress(ProviderError):
                ask()
        assert elsewhere.requests != []
        sent = b"".join(r.body + str(r.headers).encode() for r in elsewhere.requests)
    assert TOKEN.encode() not in sent


def test_a_log_that_never_ends_is_cut(monkeypatch, tmp_path):
    class Endless(HuggingFaceStandIn):
        def _logs(self, request, namespace, id_):
            return Response(
                200, b"data: {}\n" + b"x" * (2 << 20), headers={"content-type": "text/event-stream"}
            )

        _ROUTES = (("GET", "/api/jobs/([^/]+)/([^/]+)/logs", _logs), *HuggingFaceStandIn._ROUTES)

    monkeypatch.setattr("langsmith_finetune.providers.http.transport.LONGEST_ANSWER_BYTES", 1 << 20)
    with Endless() as server:
        provider = HuggingFaceProvider(namespace="me", api=HfApi(endpoint=server.url, token=TOKEN))
        job = created(provider, make(tmp_path, **QWEN))
        assert provider.job_events(job.id) == []


@pytest.mark.parametrize("form", ["POST /api/repos/create", "POST /api/datasets/.*/paths-info/.*"])
def test_a_repository_that_never_answers_is_given_up(monkeypatch, tmp_path, form):
    ends = threading.Event()

    class Silent(Redirecting):
        def handle(self, request):
            answer = super().handle(request)
            if answer.status == 307:
                ends.wait(20)
            return answer

    monkeypatch.setattr("langsmith_finetune.providers.huggingface.account._LONGEST_SECONDS", 0.3)
    with Silent("http://host.invalid", form) as server:
        provider = HuggingFaceProvider(api=HfApi(endpoint=server.url, token=TOKEN))
        found = failure(lambda: created(provider, make(tmp_path, **QWEN)))
        ends.set()
    assert str(found) == f"huggingface: no answer in time (ReadTimeout) at {server.url}"
    assert found.temporary
    assert server.asked == []


@pytest.mark.parametrize("timeout", ["4x", "soon", "-4h", "0"])
def test_a_timeout_that_is_no_time_is_refused(timeout):
    with pytest.raises(ValueError) as caught:
        HuggingFaceProvider("hf_made_up", timeout=timeout)
    assert str(caught.value) == f"huggingface: timeout must be a time such as '4h' or '90m', got {timeout!r}"
