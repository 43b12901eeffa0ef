"""Keys: looked for where a provider is made, asked for where they are needed, shown to one host."""

import logging

import pytest

from langsmith_finetune.errors import NotSupportedError
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.plan import JobPlan
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from tests.support.jobs import journal, line_of, train, write
from tests.support.standins.openai import OpenAIStandIn

__all__ = ["journal", "train"]

pytestmark = pytest.mark.usefixtures("in_2026")

VARIABLES = {
    OpenAIProvider: "OPENAI_API_KEY",
    AzureProvider: "AZURE_OPENAI_API_KEY",
    NebiusProvider: "NEBIUS_API_KEY",
    CrusoeProvider: "CRUSOE_API_KEY",
    TogetherProvider: "TOGETHER_API_KEY",
    FireworksProvider: "FIREWORKS_API_KEY",
    HuggingFaceProvider: "HF_TOKEN",
}
KINDS = pytest.mark.parametrize("kind", VARIABLES, ids=lambda kind: kind.name)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch):
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://r.openai.azure.com")


def without_key(kind, monkeypatch):
    """A provider without a key, while OpenAI's is there for all but OpenAI."""
    if kind is not OpenAIProvider:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-alone")
    return kind()


def text(kind):
    argument = "token" if kind is HuggingFaceProvider else "api_key"
    return f"{kind.name}: no API key. Pass {argument}= or set {VARIABLES[kind]}"


def model_of(kind):
    return "gpt-4.1-mini" if kind in (OpenAIProvider, AzureProvider) else "Qwen/Qwen3-8B"


@KINDS
def test_missing_key_allows_a_plan_and_refuses_a_job(kind, monkeypatch, train):
    provider = without_key(kind, monkeypatch)
    settings = {"model": model_of(kind), "provider": provider, "parameters": {"n_epochs": 3}}
    assert isinstance(FineTuneJob.plan(train, **settings), JobPlan)
    with pytest.raises(ValueError) as caught:
        FineTuneJob.create(train, name="my-bot", **settings)
    assert str(caught.value) == text(kind)
    assert FineTuneJob.list() == []


@KINDS
def test_every_request_without_a_key_says_the_same(kind, monkeypatch):
    provider = without_key(kind, monkeypatch)
    asks = [
        lambda: FineTuneJob.attach("ftjob-1", provider=provider),
        provider.list_models,
        lambda: provider.cancel_job("job-1"),
    ]
    if kind is not HuggingFaceProvider:  # there a model answers in this process
        asks += [lambda: provider.chat_model("m"), provider.list_files]
    for ask in asks:
        with pytest.raises(ValueError) as caught:
            ask()
        assert str(caught.value) == text(kind)


@KINDS
def test_a_key_set_later_is_found_and_then_kept(kind, monkeypatch):
    provider = without_key(kind, monkeypatch)
    if kind is HuggingFaceProvider:
        found = provider._key
    elif issubclass(kind, OpenAIProvider):
        found = lambda: provider.key  # noqa: E731
    else:
        found = lambda: provider._api.api_key  # noqa: E731
    monkeypatch.setenv(VARIABLES[kind], "made-up-key")
    assert found() == "made-up-key"
    monkeypatch.setenv(VARIABLES[kind], "another-key")
    assert found() == "made-up-key"


@KINDS
@pytest.mark.parametrize("key", ["sk-with space", "sk-line\n", "ключ-secret"])
def test_a_key_that_cannot_be_sent_is_refused_at_once(kind, monkeypatch, key):
    monkeypatch.setenv(VARIABLES[kind], key)
    with pytest.raises(ValueError) as caught:
        kind()
    assert str(caught.value) == (
        f"{kind.name}: the API key is empty, or holds a space, a line break or a character outside ASCII; copy it again"
    )


def test_a_key_set_later_is_the_one_that_is_sent(monkeypatch):
    with OpenAIStandIn() as server:
        provider = NebiusProvider(base_url=server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-alone")
        with pytest.raises(ValueError, match=r"^nebius: no API key"):
            provider.list_files()
        assert server.requests == []
        monkeypatch.setenv("NEBIUS_API_KEY", server_key := "sk-test-0123456789abcdef")
        provider.list_files()
        sent = {request.headers["authorization"] for request in server.requests}
    assert sent == {f"Bearer {server_key}"}


@pytest.mark.parametrize("kind", [NebiusProvider, CrusoeProvider])
def test_what_openais_variables_say_goes_to_openai_alone(monkeypatch, kind):
    monkeypatch.setenv("OPENAI_ORG_ID", "org-canary")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-canary")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-canary")
    monkeypatch.setenv(
        "OPENAI_CUSTOM_HEADERS", "x-mine: canary\nX-Other:canary\nAuthorization: Bearer canary"
    )
    with OpenAIStandIn() as server:
        kind("made-up-key", server.base_url).list_files()
        OpenAIProvider("made-up-key", server.base_url).list_files()
    theirs, openais = (str(request.headers) for request in (server.requests[0], server.requests[-1]))
    assert "canary" not in theirs
    assert "Bearer made-up-key" in theirs
    assert openais.count("canary") == 5


def test_a_key_shows_itself_nowhere():
    key = ApiKey("openai", "NO_SUCH_VARIABLE", "sk-secret-secret")
    assert "secret-secret" not in repr(key) + str(key) + repr(OpenAIProvider("sk-secret-secret"))


# --- what a plan says without a key ------------------------------------------------------------------------


def planned(train, model, kind=OpenAIProvider, **settings):
    return FineTuneJob.plan(train, model=model, provider=kind(), **settings)


def test_a_plan_says_when_the_model_ends_as_create_warns(train, caplog):
    plan = planned(train, "gpt-4.1-mini")
    (line,) = [line for line in str(plan).splitlines() if line.startswith("end: ")]
    assert line.startswith(
        "end: a model tuned from gpt-4.1-mini will live 52 days: it ends on 2027-01-14 (https://"
    )
    assert "Still available: " in line
    assert line.removeprefix("end: ") in caplog.text
    assert plan.lifecycle.days_to_live == 52
    assert "will live 52 days" in plan._repr_html_()


def test_a_plan_of_what_is_gone_is_refused_as_create_refuses(train):
    with pytest.raises(
        NotSupportedError, match=r"models tuned from 'gpt-4\.1-nano': that ended on 2026-10-23"
    ):
        planned(train, "gpt-4.1-nano")


def test_a_plan_says_that_a_name_is_known_to_nobody(train, caplog):
    plan = planned(train, "gpt-4.1-mni")
    assert plan.model_unknown == (
        "no model 'gpt-4.1-mni' is known at openai, which decides itself. Is 'gpt-4.1-mini' meant?"
    )
    assert f"model: {plan.model_unknown}" in str(plan)
    assert f"openai: {plan.model_unknown}" in caplog.text
    assert planned(train, "made-up").model_unknown == (
        "no model 'made-up' is known at openai, which decides itself."
    )


@pytest.mark.parametrize("model", ["gpt-4.1-mini", "gpt-4o", "ft:gpt-4o-mini-2024-07-18:org::id"])
def test_a_name_that_is_known_is_not_remarked_on(train, model):
    assert planned(train, model).model_unknown is None


def test_hosts_that_train_any_model_are_not_second_guessed(train):
    assert planned(train, "my-org/my-model", TogetherProvider).model_unknown is None


@pytest.mark.parametrize(
    ("model", "text"),
    [
        ("Qwen/Qwen3-0.6B", None),
        ("tinny", "'tinny' is no folder here; it is looked for on the Hugging Face Hub"),
    ],
)
def test_a_local_plan_says_where_a_plain_name_is_looked_for(train, tmp_path, model, text):
    plan = FineTuneJob.plan(train, model=model, provider=LocalProvider(tmp_path))
    assert plan.model_unknown == text
    assert plan.lifecycle.days_to_live is None


def test_create_says_the_same_as_the_plan(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.WARNING, "langsmith_finetune")
    monkeypatch.setattr("langsmith_finetune.providers.lifecycle._OPENAI", "127.0.0.1")
    file = write(tmp_path / "train.jsonl", [line_of(f"Question {n}") for n in range(10)])
    with OpenAIStandIn() as server:
        provider = OpenAIProvider("sk-test-0123456789abcdef", server.base_url)
        plan = FineTuneJob.plan(file, model="gpt-4.1-mni", provider=provider)
        assert server.requests == []
        said = [record.getMessage() for record in caplog.records]
        caplog.clear()
        FineTuneJob.create(file, model="gpt-4.1-mni", provider=provider)
    assert [record.getMessage() for record in caplog.records] == said
    assert said[-1] == f"openai: {plan.model_unknown}"
