"""Every provider against the same suite, and against the same faults."""

import json
import subprocess
import sys
from contextlib import nullcontext
from functools import partial

import httpx2
import openai
import pytest
from huggingface_hub import HfApi

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.testing import FakeProvider, ProviderContract
from tests.support.local_calculator import untrained
from tests.support.paths import ROOT
from tests.support.standins.fireworks import FireworksStandIn
from tests.support.standins.huggingface import HuggingFaceStandIn
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.server import Cut, Drop, Response
from tests.support.standins.together import TogetherStandIn
from tests.support.training_here import trained_here

pytestmark = pytest.mark.usefixtures("clock")

KEY = "made-up-key-0123456789"


class TestFake(ProviderContract):
    @pytest.fixture
    def new_provider(self, clock):
        fake = FakeProvider(queued_seconds=5, training_seconds=60)
        look = fake.retrieve_job
        fake.retrieve_job = lambda job_id: (clock.advance(7), look(job_id))[1]
        return lambda: fake  # its jobs are in memory: the object is the account


class TestFakeInAFolder(ProviderContract):
    @pytest.fixture
    def new_provider(self, tmp_path_factory):
        return partial(FakeProvider, tmp_path_factory.mktemp("jobs"))


class TestOpenAI(ProviderContract):
    model = "gpt-4.1-mini-2025-04-14"
    secret = KEY

    @pytest.fixture
    def new_provider(self):
        with OpenAIStandIn() as server, openai.OpenAI(api_key=KEY, base_url=server.base_url) as client:
            yield lambda: OpenAIProvider(client=client)


class TestTogether(ProviderContract):
    model = "Qwen/Qwen3-8B"
    secret = KEY

    @pytest.fixture
    def new_provider(self):
        with TogetherStandIn() as server, httpx2.Client() as client:
            yield lambda: TogetherProvider(KEY, server.url, http_client=client)


class TestFireworks(ProviderContract):
    model = "accounts/fireworks/models/qwen3-8b"
    secret = KEY

    @pytest.fixture
    def new_provider(self):
        with FireworksStandIn() as server, httpx2.Client() as client:
            yield lambda: FireworksProvider(KEY, base_url=server.url, http_client=client)


class TestHuggingFace(ProviderContract):
    model = "Qwen/Qwen3-0.6B"
    secret = KEY

    @pytest.fixture
    def new_provider(self):
        with HuggingFaceStandIn() as server:
            yield lambda: HuggingFaceProvider(api=HfApi(endpoint=server.url, token=KEY))


@pytest.mark.slow
class TestLocal(ProviderContract):
    pause_seconds = 0.3

    @property
    def model(self):
        return str(untrained())

    @pytest.fixture
    def new_provider(self, tmp_path):
        runs = tmp_path / "runs"
        yield lambda: LocalProvider(runs)
        for run in runs.glob("ft-*"):
            LocalProvider(runs).cancel_job(run.name)

    @pytest.fixture(autouse=True)
    def what_ends_is_trained_here(self, request):
        ends = ("comes_to_a_model", "events_are_told", "cancelling_what_has_ended")
        with trained_here() if any(name in request.node.name for name in ends) else nullcontext():
            yield


def test_import_of_doubles_loads_no_pytest_and_no_sdk():
    code = (
        "import sys, langsmith_finetune.testing; "
        "print([m for m in ('pytest', 'openai', 'torch', 'together', 'huggingface_hub') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


PROVIDERS = (
    LocalProvider,
    OpenAIProvider,
    AzureProvider,
    NebiusProvider,
    CrusoeProvider,
    TogetherProvider,
    FireworksProvider,
    HuggingFaceProvider,
)


# --- faults ------------------------------------------------------------------------------------------------

HARNESSES = {
    "openai": (OpenAIStandIn, "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{}", "gpt-4.1-mini"),
    "together": (TogetherStandIn, "/v1/fine-tunes", "/v1/fine-tunes/{}", "Qwen/Qwen3-8B"),
    "fireworks": (
        FireworksStandIn,
        "/v1/accounts/me/supervisedFineTuningJobs",
        "/v1/accounts/me/supervisedFineTuningJobs/{}",
        "accounts/fireworks/models/qwen3-8b",
    ),
    "huggingface": (HuggingFaceStandIn, "/api/jobs/me", "/api/jobs/me/{}", "Qwen/Qwen3-0.6B"),
}

# Answers that leave it open whether the request was carried out, and such that do not; `after`: it was.
FAULTS = {
    "drop before": (Drop(), False),
    "drop while it is sent": (Cut(), False),
    "drop after": (Drop(), True),
    "429 with retry-after": (
        Response(429, {"error": {"message": "slow"}}, headers={"retry-after": "3"}),
        False,
    ),
    "429 without": (Response(429, {"error": {"message": "slow"}}), False),
    "429 with an absurd one": (
        Response(429, {"error": {"message": "slow"}}, headers={"retry-after": "1e12"}),
        False,
    ),
    **{
        f"{status} {'after' if after else 'before'}": (
            Response(status, {"error": {"message": "oops"}}),
            after,
        )
        for status in (500, 502, 503, 504)
        for after in (False, True)
    },
    "truncated": (
        Response(200, b'{"id": "x', headers={"content-length": "500", "connection": "close"}),
        True,
    ),
    "not JSON": (Response(200, b"<html>Sign in</html>", headers={"content-type": "text/html"}), True),
    "an empty object": (Response(200, {}), True),
}


@pytest.fixture(params=HARNESSES)
def harness(request, clock):
    kind, creation, look, model = HARNESSES[request.param]
    with kind() as server, httpx2.Client() as http:
        if request.param == "openai":
            with openai.OpenAI(api_key=KEY, base_url=server.base_url) as client:
                yield server, OpenAIProvider(client=client), clock, creation, look, model
            return
        provider = {
            "together": lambda: TogetherProvider(KEY, server.url, http_client=http),
            "fireworks": lambda: FireworksProvider(KEY, base_url=server.url, http_client=http),
            "huggingface": lambda: HuggingFaceProvider(api=HfApi(endpoint=server.url, token=KEY)),
        }[request.param]()
        yield server, provider, clock, creation, look, model


@pytest.fixture
def create(tmp_path):
    def create(provider, clock, model, **settings):
        path = ProviderContract().job_request(tmp_path).training_file
        return FineTuneJob.create(
            path,
            model=model,
            provider=provider,
            journal=tmp_path / "journal",
            progress=False,
            **settings,
        )

    return create


def attempt(ask):
    """What a call answers, or the provider's error."""
    try:
        return ask(), None
    except ProviderError as error:
        return None, error


UPLOADS = {
    "openai": [("POST", "/v1/files")],
    "together": [
        ("POST", "/v1/files"),
        ("PUT", "/storage/file-00000001"),
        ("POST", "/v1/files/file-00000001/preprocess"),
        ("GET", "/v1/files"),
        ("GET", "/v1/files/file-00000001"),
    ],
    "fireworks": [
        ("POST", "/v1/accounts/me/datasets"),
        ("POST", "/v1/accounts/me/datasets/lf-59c2529ab7ca9ea4381ac7577e447216:upload"),
        ("GET", "/v1/accounts/me/datasets/lf-59c2529ab7ca9ea4381ac7577e447216"),
    ],
    "huggingface": [
        ("POST", "/api/repos/create"),
        ("POST", "/api/datasets/me/langsmith-finetune/paths-info/main"),
        ("POST", "/api/datasets/me/langsmith-finetune/preupload/main"),
        ("POST", "/api/datasets/me/langsmith-finetune/commit/main"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["drop before", "drop while it is sent", "drop after", "503 before", "503 after"]
)
@pytest.mark.parametrize(
    ("harness", "place"),
    [pytest.param(name, place, id=" ".join([name, *place])) for name in UPLOADS for place in UPLOADS[name]],
    indirect=["harness"],
)
def test_upload_faults_leave_one_whole_file(harness, create, place, fault):
    server, provider, clock, _, _, model = harness
    answer, after = FAULTS[fault]
    server.fault(*place, answer, after=after)
    if attempt(lambda: create(provider, clock, model))[1] is not None:
        create(provider, clock, model)
    assert not server._faults, "the fault was not met"
    assert len(server.jobs) == 1
    files = getattr(server, "contents", None) or server.repos["datasets/me/langsmith-finetune"]
    trained = [content for name, content in files.items() if not name.startswith(("code/", "jobs/"))]
    assert trained
    for content in trained:
        assert [json.loads(line) for line in content.splitlines()] == list(ProviderContract.lines)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_creation_faults_leave_one_job_and_one_upload(harness, create, fault):
    server, provider, clock, creation, _, model = harness
    answer, after = FAULTS[fault]
    server.fault("POST", creation, answer, after=after)
    job, error = attempt(lambda: create(provider, clock, model))
    if error is not None:
        assert error.ambiguous  # it is said that it is open, and the next run finds out
        assert KEY not in str(error)
        job = create(provider, clock, model)
    assert len(server.jobs) == len(server.uploads) == 1
    assert job.wait(progress=False).job_id == job.id
    assert create(provider, clock, model).id == job.id
    assert len(server.jobs) == len(server.uploads) == 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", [name for name in FAULTS if "after" not in name or "retry" in name])
def test_whatever_happens_to_a_look_the_waiting_goes_on(harness, create, fault):
    server, provider, clock, _, look, model = harness
    job = create(provider, clock, model)
    answer, _ = FAULTS[fault]
    server.fault("GET", look.format(job.id), answer, times=3)
    began = clock.now()
    assert job.wait(progress=False).job_id == job.id
    assert clock.now() - began < 4 * 3600  # an absurd Retry-After is not obeyed


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_key_and_locked_organization_are_told_at_once(harness, create, status):
    server, provider, clock, creation, _, model = harness
    words = {"error": {"message": "Fine-tuning is no longer available to your organization."}}
    server.fault("POST", creation, Response(status, words))
    with pytest.raises(ProviderError, match=f"HTTP {status}") as caught:
        create(provider, clock, model)
    assert not caught.value.temporary
    assert not caught.value.ambiguous
    assert sum(r.method == "POST" and r.path == creation for r in server.requests) == 1
    assert create(provider, clock, model).status not in {"failed", "cancelled"}
    assert len(server.jobs) == 1


def test_a_second_job_takes_an_explicit_word(harness, create):
    server, provider, clock, _, _, model = harness
    first = create(provider, clock, model)
    second = create(provider, clock, model, force_new=True)
    assert first.id != second.id
    assert len(server.jobs) == 2
    assert len(server.uploads) == 1


# --- the documentation -------------------------------------------------------------------------------------


def capabilities_table():
    """The table of docs/providers.md, from the code."""

    def yes(value):
        return "yes" if value else "no"

    def size(count):
        if count is None:
            return "no limit"
        return f"{count >> 30} GB" if count >= 1 << 30 else f"{count >> 20} MB"

    rows = [
        "| | methods | tools | weights | minimum lines | largest file | suffix | finds jobs | pauses | deletes jobs "
        "| what comes out |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for kind in PROVIDERS:
        rules = kind.rules
        rows.append(
            f"| {kind.name} | {', '.join(sorted(kind.methods))} | {yes(rules.tools)} | "
            f"{yes(rules.weights == 'each')} | {rules.min_examples} | {size(rules.max_bytes)} | "
            f"{kind.longest_suffix} | {yes(kind.finds_jobs)} | {yes(kind.pause_job is not Provider.pause_job)} | "
            f"{yes(kind.delete_job is not Provider.delete_job)} | {kind.result} |"
        )
    return "\n".join(rows)


def test_the_documented_capabilities_are_those_of_the_code():
    page = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    assert capabilities_table() in page, f"docs/providers.md should have:\n\n{capabilities_table()}"
