import httpx2
import openai
import pytest

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.testing import ProviderContract
from tests.support.by_hand import created
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.server import Response

pytestmark = pytest.mark.usefixtures("clock")

KEY = "made-up-key-0123456789"
make = ProviderContract().job_request


@pytest.fixture
def connect():
    clients = []

    def connect(kind, server, **settings):
        clients.append(openai.OpenAI(api_key=KEY, base_url=server.base_url))
        return kind(client=clients[-1], **settings)

    yield connect
    for client in clients:
        client.close()


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
        assert provider.retrieve_deployment("bot").id == "bot"
        with pytest.raises(ProviderError) as refused:
            provider.retrieve_deployment("other")
        assert str(refused.value) == (
            "nebius: asked for model other, it answered with meta-llama/Llama-LoRa:bot-x1y2"
        )
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
        kind().list_files()
    assert str(caught.value) == f"{kind.name}: no API key. Pass api_key= or set {variable}"
    monkeypatch.setenv(variable, KEY)
    provider = kind()
    assert provider.client.api_key == KEY
    assert kind.name in provider.home
