"""The presets and every provider's chat model against answers recorded from Azure and OpenAI.

The recordings are not part of this project; without them these tests are skipped.
"""

import json
import re
from urllib.parse import urlsplit

import httpx2
import openai
import pytest

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.testing import ProviderContract
from tests.support.by_hand import created
from tests.support.paths import SHARED
from tests.support.standins.server import Response, StandIn

RECORDED = SHARED / "recorded"
KEY = "made-up-key-0123456789"

pytestmark = [
    pytest.mark.skipif(not RECORDED.is_dir(), reason="no recordings here"),
    pytest.mark.usefixtures("clock", "in_2026"),
]


def interactions(name):
    path = RECORDED / name
    if not path.is_file():
        return []
    return json.loads(path.read_text(encoding="utf-8"))["interactions"]


class Replay(StandIn):
    """Gives each request the next recorded answer of its method and path; the last stays.

    A file is shown with the name and the size that were sent, and a list as ending with what was recorded of it.
    """

    sent = None

    def __init__(self, recorded):
        super().__init__()
        self.recorded = {}
        for one in recorded:
            place = (one["request"]["method"], urlsplit(one["request"]["uri"]).path.removeprefix("/openai"))
            self.recorded.setdefault(place, []).append(one["response"])

    def handle(self, request):
        place = (request.method, request.path.removeprefix("/openai/v1"))
        answers = self.recorded.get(place)
        if not answers:
            if request.path.endswith("/models"):
                return Response(404)
            return Response(200, {"object": "list", "data": [], "has_more": False})
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        body = answer["body"].encode() if isinstance(answer["body"], str) else answer["body"]
        if place == ("POST", "/files"):
            name = re.search(rb'filename="([^"]+)"\r\n.*?\r\n\r\n(.*)\r\n--', request.body, re.DOTALL)
            self.sent = {"filename": name[1].decode(), "bytes": len(name[2])}
        if isinstance(body, dict) and "filename" in body and self.sent:
            body = body | self.sent
        if isinstance(body, dict) and "has_more" in body:
            body = body | {"has_more": False}
        return Response(answer["status"], body)


@pytest.fixture
def azure():
    clients = []

    def azure(name):
        server = Replay(interactions(name))
        server.__enter__()
        client = openai.OpenAI(api_key=KEY, base_url=f"{server.url}/openai/v1/")
        clients.append((server, client))
        return AzureProvider(client=client), server

    yield azure
    for server, client in clients:
        client.close()
        server.__exit__()


def test_azures_recorded_job_is_created_cancelled_and_deleted(azure, tmp_path):
    provider, server = azure("azure/file-job-cancel-delete.json")
    job = created(provider, ProviderContract().job_request(tmp_path, model="gpt-35-turbo-0613"))
    assert (job.status, job.provider_status, job.error) == ("queued", "pending", None)
    assert (job.id, job.model) == ("ftjob-1950f757f72d4c4e968a32befeb87c36", "gpt-35-turbo-0613")
    assert provider.cancel_job(job.id).status == "cancelled"
    assert provider.retrieve_job(job.id).status == "cancelled"
    provider.delete_job(job.id)
    with pytest.raises(ProviderError) as caught:
        provider.retrieve_job(job.id)
    assert str(caught.value) == "azure: HTTP 404: The specified entity cannot be found. (code notFound)"
    posted = [(r.method, r.path) for r in server.requests if r.method in {"POST", "DELETE"}]
    assert posted == [
        ("POST", "/openai/v1/files"),
        ("POST", "/openai/v1/fine_tuning/jobs"),
        ("POST", f"/openai/v1/fine_tuning/jobs/{job.id}/cancel"),
        ("DELETE", f"/openai/v1/fine_tuning/jobs/{job.id}"),
    ]


def test_azures_recorded_events_and_jobs_are_read(azure):
    provider, server = azure("azure/jobs-list-and-events.json")
    (place,) = [place for place in server.recorded if place[1].endswith("/events")]
    (event,) = provider.job_events(place[1].split("/")[-2], newest=1)
    assert event.message == "Training tokens billed: 13000"
    models = provider.list_models()
    assert models
    assert all(".ft-" in model.id for model in models)


def chat_providers(url, http):
    yield OpenAIProvider(client=openai.OpenAI(api_key=KEY, base_url=f"{url}/v1"))
    yield AzureProvider(url, KEY)
    yield NebiusProvider(KEY, f"{url}/v1")
    yield CrusoeProvider(KEY, f"{url}/v1")
    yield TogetherProvider(KEY, url, http_client=http)
    yield FireworksProvider(KEY, "me", url, http_client=http)


class Chat(StandIn):
    """Gives every chat request one recorded answer, wherever the provider sends it."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def handle(self, request):
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.path.endswith("/chat/completions")
        if isinstance(self.body, str):
            return Response(200, self.body.encode(), headers={"content-type": "text/event-stream"})
        return Response(200, self.body)


@pytest.mark.parametrize("number", range(6))
def test_a_recorded_answer_comes_out_of_every_chat_model(number):
    recorded = interactions("providers/openai-chat.json")[0]["response"]["body"]
    with Chat(recorded) as server, httpx2.Client() as http:
        provider = list(chat_providers(server.url, http))[number]
        model = provider.chat_model("tuned", temperature=0)
        assert model.invoke("Say 'foo'").content == "foo"
        assert server.requests[0].json()["model"] == "tuned"
        model.root_client.close()


@pytest.mark.parametrize("number", range(6))
def test_recorded_tool_call_stream_reaches_every_chat_model(number):
    recorded = interactions("providers/openai-chat-tool-call-stream.json")[0]["response"]["body"]
    with Chat(recorded) as server, httpx2.Client() as http:
        model = list(chat_providers(server.url, http))[number].chat_model("tuned")
        whole = None
        for chunk in model.stream("What's the weather like in Paris?"):
            whole = chunk if whole is None else whole + chunk
        assert [call["name"] for call in whole.tool_calls]
        assert all(isinstance(call["args"], dict) and call["args"] for call in whole.tool_calls)
        model.root_client.close()
