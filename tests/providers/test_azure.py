"""Azure: training by the resource's key, deploying by the control plane, and two places where models answer."""

import asyncio
import json
import logging
import re

import httpx2
import openai
import pytest

from langsmith_finetune import FineTuneJob
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.jobs.deployment import Deployment
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.testing import ProviderContract
from tests.support.by_hand import created, make
from tests.support.standins.azure import ACCOUNT, FORMATS, KEY, TOKEN, AzureStandIn
from tests.support.standins.server import Response

pytestmark = pytest.mark.usefixtures("clock", "in_2026")

OPENAIS = "gpt-4.1-mini-2025-04-14"


@pytest.fixture
def server():
    with AzureStandIn() as server:
        yield server


@pytest.fixture
def connect(server):
    providers = []

    def connect(url=None, key=KEY, **settings):
        settings = {"resource_id": ACCOUNT, "token": TOKEN, "management_url": server.url} | settings
        providers.append(AzureProvider(url or server.url, key, **settings))
        return providers[-1]

    yield connect
    for provider in providers:
        provider.client.close()


@pytest.fixture
def tuned(connect, tmp_path):
    """A model that was tuned from a base."""

    def tuned(base=OPENAIS, provider=None, **settings):
        file = make(tmp_path).training_file
        job = FineTuneJob.create(
            file,
            model=base,
            provider=provider or connect(),
            progress=False,
            **settings,
        )
        return job.wait(progress=False)

    return tuned


class TestAzure(ProviderContract):
    model = OPENAIS
    secret = KEY

    @pytest.fixture
    def new_provider(self, connect):
        return connect


# --- connecting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://r.openai.azure.com",
        "https://r.openai.azure.com/",
        "https://r.openai.azure.com/openai",
        "https://r.openai.azure.com/openai/v1",
        "https://r.openai.azure.com/openai/v1/",
    ],
)
def test_the_address_of_a_resource_is_completed(endpoint):
    assert repr(AzureProvider(endpoint, KEY)) == "AzureProvider('https://r.openai.azure.com/openai/v1/')"


def test_the_address_of_a_foundry_project_is_completed():
    provider = AzureProvider("https://r.services.ai.azure.com/api/projects/p", KEY)
    assert provider.home == "https://r.services.ai.azure.com/api/projects/p/openai/v1/"


def test_azures_environment_is_read(monkeypatch):
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://env.openai.azure.com")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
    assert AzureProvider().client.api_key == KEY
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    with pytest.raises(ValueError) as caught:
        AzureProvider().list_files()
    assert str(caught.value) == "azure: no API key. Pass api_key= or set AZURE_OPENAI_API_KEY"
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT")
    with pytest.raises(ValueError) as caught:
        AzureProvider()
    assert str(caught.value) == (
        "AzureProvider: give the endpoint, such as https://RESOURCE.openai.azure.com, or set AZURE_OPENAI_ENDPOINT"
    )


def test_a_client_and_an_endpoint_are_one_too_many():
    with openai.OpenAI(api_key=KEY) as client, pytest.raises(ValueError, match="not both") as caught:
        AzureProvider("https://r.openai.azure.com", client=client)
    assert str(caught.value) == "AzureProvider: pass either client=, or endpoint= and api_key=, not both"


@pytest.mark.parametrize("resource_id", ["mine", ACCOUNT + "/", ACCOUNT + "?x=1", ACCOUNT[1:]])
def test_a_resource_is_named_in_full(resource_id):
    with pytest.raises(ValueError) as caught:
        AzureProvider("https://r.openai.azure.com", KEY, resource_id=resource_id, token=TOKEN)
    assert str(caught.value) == (
        "AzureProvider: resource_id must be /subscriptions/ID/resourceGroups/GROUP/providers/"
        f"Microsoft.CognitiveServices/accounts/NAME, got {resource_id!r}"
    )


def test_a_token_with_its_bearer_is_refused_without_being_shown():
    with pytest.raises(ValueError) as caught:
        AzureProvider("https://r.openai.azure.com", KEY, resource_id=ACCOUNT, token=f"Bearer {TOKEN}")
    assert str(caught.value) == (
        "azure: the token is empty, or holds a space, a line break or a character outside ASCII; copy it again"
    )


# --- training ----------------------------------------------------------------------------------------------


def job_sent(server):
    return next(
        r.json() for r in server.requests if r.path.endswith("/fine_tuning/jobs") and r.method == "POST"
    )


def test_azure_gets_a_byte_order_mark_and_the_type_of_training(server, connect, tmp_path):
    request = make(tmp_path, model=OPENAIS, parameters={"n_epochs": 2})
    created(connect(training_type="Developer"), request)
    (content,) = server.contents.values()
    assert content.startswith(b"\xef\xbb\xbf{")
    assert [json.loads(line) for line in content.decode("utf-8-sig").splitlines()] == [
        json.loads(line) for line in request.training_file.read_text().splitlines()
    ]
    assert job_sent(server)["trainingType"] == "Developer"
    assert job_sent(server)["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2}


@pytest.mark.parametrize(
    ("model", "sent"), [("gpt-4o-mini", None), *((m, "GlobalStandard") for m in FORMATS)]
)
def test_open_models_train_in_the_one_way_they_can(server, connect, tmp_path, model, sent):
    created(connect(), make(tmp_path, model=model))
    assert job_sent(server).get("trainingType") == sent


def test_azure_takes_no_dots_in_a_suffix(server, connect, tmp_path):
    with pytest.raises(ValueError) as caught:
        created(connect(), make(tmp_path, suffix="v1.2"))
    assert str(caught.value) == "azure: suffix must have no dots, got 'v1.2'"
    assert server.requests == []


# --- deploying ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", [OPENAIS, *FORMATS])
def test_a_model_is_deployed_and_called_where_it_answers(server, tuned, base):
    model = tuned(base, suffix="llama")  # a suffix says nothing of who made the model
    deployment = model.deploy().wait(progress=False)
    served, is_open = server.served[deployment.id], base in FORMATS
    assert served["properties"]["model"] == {
        "format": FORMATS.get(base, "OpenAI"),
        "name": model.id,
        "version": "1",
    }
    assert served["sku"] == {
        "name": "GlobalStandard" if is_open else "Standard",
        "capacity": 100 if is_open else 1,
    }
    assert deployment.info.serves_as == ("deployments/" if is_open else "") + deployment.id
    answer = deployment.chat_model(temperature=0).invoke("Hi")
    assert answer.content == f"{deployment.id}: Hi"
    assert FineTuneJob.list()[0].stage == "deployed"
    again = Deployment.attach(deployment.id, provider=model.provider)
    assert again.chat_model().invoke("Hi").content == answer.content
    again.delete()
    again.delete()
    assert deployment.id not in server.served


def test_deploy_twice_gives_one_deployment(server, tuned, caplog):
    model = tuned()
    first = model.deploy()
    assert f"azure: deploying {model.id} at a price that is not known" in caplog.text
    assert model.deploy().id == first.id == model.deploy(force_new=True).id
    assert [one.id for one in model.provider.list_deployments(model.id.upper())] == [first.id]
    second = model.deploy(force_new=True, name="second", sku="DeveloperTier", capacity=50)
    assert (second.id, second.info.usd_per_hour) == ("second", 0.0)
    assert f"azure: deploying {model.id} for $0.00 an hour" in caplog.text
    assert server.served["second"]["sku"] == {"name": "DeveloperTier", "capacity": 50}
    assert [one.id for one in model.provider.list_deployments()] == ["second", first.id]
    assert model.provider.list_deployments("another") == []


def test_a_lost_answer_to_a_deployment_is_asked_for_again(server, tuned):
    model = tuned()
    name = model.deploy().id
    model.provider.delete_deployment(name)
    server.fault("PUT", f"{ACCOUNT}/deployments/{name}", Response(502), after=True)
    assert model.deploy().id == name
    assert sum(one.startswith("lf-") for one in server.served) == 1


def test_a_deployment_that_serves_another_model_is_left_alone(server, tuned):
    with pytest.raises(ProviderError) as caught:
        tuned().deploy(name="production-1")
    assert str(caught.value) == (
        "azure: deployment 'production-1' serves 'gpt-4.1-mini' already; pass another name="
    )
    assert "PUT" not in [request.method for request in server.requests]


def test_without_a_token_one_error_says_what_to_pass(server, connect, tuned, caplog):
    for lacking in ({"token": None}, {"resource_id": None}, {"token": None, "resource_id": None}):
        model = tuned(provider=connect(**lacking))
        caplog.clear()
        for ask in (model.deploy, model.provider.list_deployments, lambda m=model: m.provider.deploy(m.id)):
            with pytest.raises(ValueError) as caught:
                ask()
            assert str(caught.value) == (
                "azure: deployments go by Azure's control plane, which the resource's key does not open: pass "
                "AzureProvider(..., resource_id='/subscriptions/ID/resourceGroups/GROUP/providers/"
                "Microsoft.CognitiveServices/accounts/NAME', token=...) with a Microsoft Entra token (az account "
                "get-access-token --resource https://management.azure.com)"
            )
        assert caplog.messages == []
        assert FineTuneJob.list()[0].stage == "ended"


def test_a_token_may_be_a_function_that_is_asked_each_time(server, connect, tuned):
    tokens = ["made-up-token-of-yesterday"]
    model = tuned(provider=connect(token=lambda: tokens[-1]))
    with pytest.raises(ProviderError) as caught:
        model.deploy()
    assert str(caught.value) == (
        "azure: HTTP 401: The access token is invalid. (code InvalidAuthenticationToken)"
    )
    tokens.append(TOKEN)
    assert model.deploy().id in server.served


def test_neither_key_nor_token_is_shown(server, connect, caplog):
    caplog.set_level(logging.DEBUG)
    provider = connect()
    server.fault("GET", f"{ACCOUNT}/deployments/x", Response(403, {"error": {"message": f"{TOKEN} {KEY}"}}))
    with pytest.raises(ProviderError) as caught:
        provider.retrieve_deployment("x")
    assert str(caught.value) == "azure: HTTP 403: [key] [key]"
    assert not {KEY, TOKEN} & {*re.findall(r"[\w-]{10,}", caplog.text + repr(provider))}


def test_neither_key_nor_token_goes_to_another_host(server, connect):
    with AzureStandIn() as other:
        for path in (f"{ACCOUNT}/deployments/x", "/openai/deployments/x/chat/completions"):
            for method in ("GET", "POST"):
                server.fault(method, path, Response(307, {}, {"location": other.url + path}))
        provider = connect()
        with pytest.raises(ProviderError, match="the answer about a deployment has no name"):
            provider.retrieve_deployment("x")
        with pytest.raises(openai.APIStatusError, match="307"):
            provider.chat_model("deployments/x", max_retries=0).invoke("Hi")
        assert other.requests == []


def test_a_list_that_leads_elsewhere_or_does_not_end_is_ended(server, connect):
    provider = connect()
    with AzureStandIn() as other:
        page = {"value": [], "nextLink": f"{other.url}{ACCOUNT}/deployments?$skipToken=2"}
        server.fault("GET", f"{ACCOUNT}/deployments", Response(200, page))
        provider.list_deployments()
        assert other.requests == []
    server.pages_end = False
    with pytest.raises(
        ProviderError, match="azure: the list of deployments has 20 pages in a row with nothing new"
    ):
        provider.list_deployments()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"name": 7},
        {"name": "../other"},
        {"name": "x\u001b[2J"},
        {"name": ["x"], "properties": []},
    ],
)
def test_an_answer_without_a_deployments_name_is_an_error(server, connect, answer):
    server.fault("GET", f"{ACCOUNT}/deployments/x", Response(200, answer))
    with pytest.raises(ProviderError) as caught:
        connect().retrieve_deployment("x")
    assert str(caught.value) == "azure: the answer about a deployment has no name"


@pytest.mark.parametrize(
    "answer",
    [
        {"properties": None},
        {"properties": {"model": "gpt", "provisioningState": {"a": 1}}, "sku": 7},
        {"properties": {"model": {"name": ["x"], "format": 3}}, "sku": {"name": None}},
    ],
)
def test_odd_deployment_answer_is_read_as_far_as_it_goes(server, connect, answer):
    server.fault("GET", f"{ACCOUNT}/deployments/x", Response(200, {"name": "x"} | answer))
    found = connect().retrieve_deployment("x")
    assert (found.id, found.model_id, found.status, found.serves_as) == ("x", "unknown", "unknown", "x")


def test_a_list_with_an_odd_link_is_not_taken_for_its_end(server, connect):
    server.fault("GET", f"{ACCOUNT}/deployments", Response(200, {"value": [], "nextLink": {"a": 1}}))
    with pytest.raises(ProviderError) as caught:
        connect().list_deployments()
    assert str(caught.value) == "azure: the list of deployments has an odd nextLink"


@pytest.mark.parametrize("value", [None, {"a": "b"}, ["x"], [{"name": 7}]])
def test_a_list_that_is_none_is_no_empty_list(server, connect, value):
    server.fault("GET", f"{ACCOUNT}/deployments", Response(200, {"value": value}))
    with pytest.raises(
        ProviderError, match=r"azure: the list of deployments (is no list|has an item without name)"
    ):
        connect().list_deployments()


@pytest.mark.parametrize("name", ["../../other", "", "a/b", "x" * 65])
def test_the_name_of_a_deployment_cannot_lead_elsewhere(server, connect, name):
    with pytest.raises(ValueError) as caught:
        connect().retrieve_deployment(name)
    assert (
        str(caught.value) == f"azure: a deployment's name is letters, digits, '.', '_' and '-', got {name!r}"
    )
    assert server.requests == []


def test_a_setting_that_is_not_known_is_named(connect):
    with pytest.raises(ValueError) as caught:
        connect().deploy("gpt-4.1-mini.ft-1", replicas=2)
    assert str(caught.value) == (
        "azure: deploy: unknown setting 'replicas'; it takes name, model_format, sku, capacity"
    )


def test_a_model_of_an_unknown_publisher_is_not_guessed(connect):
    with pytest.raises(ValueError) as caught:
        connect().deploy("new-model.ft-1")
    assert str(caught.value) == (
        "azure: deploy: the name 'new-model.ft-1' does not say who publishes the model; pass model_format='OpenAI', "
        "'Microsoft', 'Mistral AI', 'Meta' or 'Alibaba'"
    )


# --- calling -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        ("https://r.openai.azure.com", "https://r.cognitiveservices.azure.com"),
        ("https://r.services.ai.azure.com/api/projects/p", "https://r.cognitiveservices.azure.com"),
        ("https://r.openai.azure.us", "https://r.cognitiveservices.azure.us"),
        ("https://r.cognitiveservices.azure.com", "https://r.cognitiveservices.azure.com"),
        ("https://proxy.example:8443/azure", "https://proxy.example:8443"),
    ],
)
def test_an_open_model_is_called_at_the_resources_other_address(endpoint, address):
    chat = AzureProvider(endpoint, KEY).chat_model("deployments/support")
    url = chat.root_client.base_url
    assert str(url) == f"{address}/openai/deployments/support/"


def test_an_open_model_is_called_from_an_event_loop(server, tuned):
    deployment = tuned("gpt-oss-20b").deploy().wait(progress=False)

    async def ask():
        chat = deployment.chat_model()
        answer = await chat.ainvoke("Hi")
        client = chat.http_async_client
        assert not client.follow_redirects
        await client.aclose()
        return answer.content

    assert asyncio.run(ask()) == f"{deployment.id}: Hi"


def test_a_function_for_the_key_serves_open_models_too():
    with openai.OpenAI(api_key=lambda: TOKEN, base_url="https://r.openai.azure.com/openai/v1/") as client:
        chat = AzureProvider(client=client).chat_model("deployments/support")
    assert chat.azure_ad_token_provider() == TOKEN
    assert isinstance(chat.http_client, httpx2.Client)
