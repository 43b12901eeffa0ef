import json
import re

import httpx2
import openai
import pytest

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.azure import AzureDeployments, AzureProvider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.testing import FakeClock, ProviderContract
from tests.by_hand import created
from tests.standins.openai import OpenAIStandIn
from tests.standins.server import Response, StandIn

KEY = "made-up-key-0123456789"
make = ProviderContract().job_request
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/mine"


@pytest.fixture
def connect():
    clients = []

    def connect(kind, server, **settings):
        clients.append(openai.OpenAI(api_key=KEY, base_url=server.base_url))
        return kind(client=clients[-1], clock=FakeClock(), **settings)

    yield connect
    for client in clients:
        client.close()


# --- Azure -------------------------------------------------------------------------------------------------


class TestAzure(ProviderContract):
    model = "gpt-4.1-mini-2025-04-14"
    secret = KEY

    @pytest.fixture
    def new_provider(self, connect):
        with OpenAIStandIn(azure=True) as server:
            yield lambda: connect(AzureProvider, server)


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
        AzureProvider()
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


def test_azure_gets_a_byte_order_mark_and_the_type_of_training(connect, tmp_path):
    with OpenAIStandIn(azure=True) as server:
        request = make(tmp_path, model="gpt-oss-20b", parameters={"n_epochs": 2})
        created(connect(AzureProvider, server, training_type="GlobalStandard"), request)
        (content,) = server.contents.values()
        asked = next(
            r.json() for r in server.requests if r.path == "/v1/fine_tuning/jobs" and r.method == "POST"
        )
    assert content.startswith(b"\xef\xbb\xbf{")
    assert [json.loads(line) for line in content.decode("utf-8-sig").splitlines()] == [
        json.loads(line) for line in request.training_file.read_text().splitlines()
    ]
    assert asked["trainingType"] == "GlobalStandard"
    assert asked["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2}


def test_without_a_type_of_training_none_is_sent(connect, tmp_path):
    with OpenAIStandIn(azure=True) as server:
        created(connect(AzureProvider, server), make(tmp_path, model="gpt-4o-mini"))
        assert "trainingType" not in server.requests[-1].json()


def test_azure_takes_no_dots_in_a_suffix(connect, tmp_path):
    with OpenAIStandIn(azure=True) as server:
        with pytest.raises(ValueError) as caught:
            created(connect(AzureProvider, server), make(tmp_path, suffix="v1.2"))
        assert str(caught.value) == "azure: suffix must have no dots, got 'v1.2'"
        assert server.requests == []


class ArmStandIn(StandIn):
    def __init__(self):
        super().__init__()
        self.deployments = {}

    def handle(self, request):
        assert request.query == {"api-version": ["2024-10-01"]}
        assert request.headers["authorization"] == f"Bearer {KEY}"
        name = request.path.removeprefix(f"{ACCOUNT}/deployments/")
        if request.method == "PUT":
            self.deployments[name] = request.json() | {"name": name}
            self.deployments[name]["properties"]["provisioningState"] = "Creating"
            return Response(201, self.deployments[name])
        if name not in self.deployments:
            return Response(
                404, {"error": {"code": "ResourceNotFound", "message": "The Resource was not found."}}
            )
        if request.method == "DELETE":
            del self.deployments[name]
            return Response(202)
        self.deployments[name]["properties"]["provisioningState"] = "Succeeded"
        return Response(200, self.deployments[name])


def test_a_model_is_deployed_by_azures_control_plane():
    with ArmStandIn() as server, httpx2.Client() as client:
        arm = AzureDeployments(ACCOUNT, KEY, base_url=server.url, http_client=client)
        made = arm.deploy("gpt-4.1-mini.ft-1", "support")
        assert (made.status, made.serves_as, made.model_id) == ("creating", "support", "gpt-4.1-mini.ft-1")
        assert server.deployments["support"]["sku"] == {"name": "standard", "capacity": 1}
        assert server.deployments["support"]["properties"]["model"] == {
            "format": "OpenAI",
            "name": "gpt-4.1-mini.ft-1",
            "version": "1",
        }
        assert arm.retrieve_deployment("support").status == "ready"
        arm.delete_deployment("support")
        arm.delete_deployment("support")
        with pytest.raises(
            ProviderError, match=r"HTTP 404: The Resource was not found\. \(code ResourceNotFound\)"
        ):
            arm.retrieve_deployment("support")
        with pytest.raises(ValueError, match="a deployment's name is letters"):
            arm.retrieve_deployment("../../other")


def test_a_resource_is_named_in_full():
    with pytest.raises(ValueError, match=re.escape("Microsoft.CognitiveServices/accounts/NAME, got 'mine'")):
        AzureDeployments("mine", KEY)


# --- Nebius, Crusoe ----------------------------------------------------------------------------------------


class TestNebius(ProviderContract):
    model = "meta-llama/Llama-3.1-8B-Instruct"
    secret = KEY

    @pytest.fixture
    def new_provider(self, connect):
        with OpenAIStandIn() as server:
            yield lambda: connect(NebiusProvider, server)


class TestCrusoe(ProviderContract):
    secret = KEY

    @pytest.fixture
    def new_provider(self, connect):
        with OpenAIStandIn() as server:
            yield lambda: connect(CrusoeProvider, server)


def test_nebius_is_asked_in_its_own_words(connect, tmp_path):
    with OpenAIStandIn() as server:
        parameters = {"n_epochs": 2, "learning_rate": 2e-5, "lora": True, "lora_r": 8}
        request = make(tmp_path, model="meta-llama/Llama-3.1-8B-Instruct", parameters=parameters)
        created(connect(NebiusProvider, server), request)
        asked = next(
            r.json() for r in server.requests if r.path == "/v1/fine_tuning/jobs" and r.method == "POST"
        )
    assert "method" not in asked
    assert asked["hyperparameters"] == {
        "n_epochs": 2,
        "learning_rate_multiplier": 2e-5,
        "lora": True,
        "lora_r": 8,
    }


def test_openais_factor_is_no_name_at_nebius(connect, tmp_path):
    with OpenAIStandIn() as server:
        provider = connect(NebiusProvider, server)
        with pytest.raises(ValueError, match="unknown name 'learning_rate_multiplier'; it takes n_epochs,"):
            created(provider, make(tmp_path, parameters={"learning_rate_multiplier": 2}))
        with pytest.raises(NotSupportedError, match="method='dpo'; it trains supervised"):
            created(provider, make(tmp_path, method="dpo"))


class NebiusModels(OpenAIStandIn):
    def handle(self, request):
        if not request.path.startswith("/v0/models"):
            return super().handle(request)
        if request.method == "POST":
            self.model = request.json() | {"name": "meta-llama/Llama-LoRa:bot-x1y2", "status": "validating"}
        elif request.method == "GET":
            self.model["status"] = "active"
        else:
            self.model = None
            return Response(204)
        return Response(200, self.model)


def test_nebius_registers_an_adapter_and_serves_it(connect):
    with NebiusModels() as server, httpx2.Client() as client:
        provider = connect(NebiusProvider, server)
        provider._rest._http.close()
        provider._rest._http = client
        made = provider.deploy("ftjob-1:ftckpt-2", base_model="meta-llama/Llama", name="bot")
        assert (made.status, made.provider_status, made.usd_per_hour) == ("unknown", "validating", 0.0)
        assert server.model["source"] == "ftjob-1:ftckpt-2"
        assert provider.retrieve_deployment("bot").serves_as == "meta-llama/Llama-LoRa:bot-x1y2"
        assert provider.retrieve_deployment("bot").status == "ready"
        provider.delete_deployment("bot")
        assert server.model is None
        with pytest.raises(ValueError) as caught:
            provider.deploy("ftjob-1:ftckpt-2", name="bot")
    assert str(caught.value) == "nebius: deploy takes base_model= and name=, got name"


@pytest.mark.parametrize(
    ("kind", "variable"), [(NebiusProvider, "NEBIUS_API_KEY"), (CrusoeProvider, "CRUSOE_API_KEY")]
)
def test_a_host_is_never_shown_openais_key(monkeypatch, kind, variable):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://somewhere.else/v1")
    with pytest.raises(ValueError) as caught:
        kind()
    assert str(caught.value) == f"{kind.name}: no API key. Pass api_key= or set {variable}"
    monkeypatch.setenv(variable, KEY)
    provider = kind()
    assert provider.client.api_key == KEY
    assert kind.name in provider.home
