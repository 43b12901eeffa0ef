"""A redirect never takes the API key to another address."""

from __future__ import annotations

import langsmith
import pytest

from langsmith_finetune.loaders import LangSmithDatasetChatLoader
from langsmith_finetune.runs.langsmith.by_id import afetch_runs, fetch_runs
from langsmith_finetune.runs.langsmith.origins import same_origin
from langsmith_finetune.runs.langsmith.request import RedirectedError
from langsmith_finetune.runs.lists import runs_from_annotation_queue, runs_from_dataset
from langsmith_finetune.runs.select import select_runs
from tests.support.langsmith_runs import hours, number, tracing_client
from tests.support.standins.langsmith import KEY, LangSmith
from tests.support.standins.server import Request, Response, StandIn

CODES = [301, 302, 303, 307, 308]
CANARY = "lsv2_canary"


class Elsewhere(StandIn):
    """Another host. It would answer anything."""

    def handle(self, request: Request) -> Response:
        return Response(200, {"items": [], "runs": []})


class Redirecting(StandIn):
    """Sends everybody on."""

    def __init__(self, code: int, where: str) -> None:
        super().__init__()
        self.code, self.where = code, where

    def handle(self, request: Request) -> Response:
        return Response(self.code, {}, {"location": self.where + request.path})


DOORS = {
    "select_runs": lambda client: list(select_runs(client, project_name="a")),
    "by id": lambda client: list(fetch_runs([number(1)], client)),
    "queue": lambda client: list(runs_from_annotation_queue(client, queue_name="a")),
    "dataset": lambda client: list(runs_from_dataset(client, dataset_name="a")),
    "dataset loader": lambda client: LangSmithDatasetChatLoader(dataset_name="a", client=client).load(),
}


@pytest.mark.slow
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", ["v1 client", "v2 client"])
def test_a_redirect_to_another_port_is_not_followed(code, door, kind):
    with Elsewhere() as other, Redirecting(code, other.url) as server:
        if kind == "v1 client":
            client = tracing_client(api_url=server.url, api_key=CANARY)
        else:
            client = langsmith.Langsmith(api_key=CANARY, base_url=server.url)
        with pytest.raises(RedirectedError) as error:
            DOORS[door](client)
        client.close()
        assert other.requests == []
        assert len(server.requests) == 1  # it would be so again
    assert str(error.value) == (
        f"LangSmith at {server.url} redirects to {other.url}, "
        "which is another address: the API key is not sent there. If your LangSmith is there, make it "
        "LANGSMITH_ENDPOINT, or the client's base_url"
    )


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", ["async client", "sync client", "v1 client", "environment"])
async def test_async_doors_do_not_follow_it_either(code, kind, monkeypatch):
    with Elsewhere() as other, Redirecting(code, other.url) as server:
        client = None
        if kind == "environment":
            monkeypatch.setenv("LANGSMITH_API_KEY", CANARY)
            monkeypatch.setenv("LANGSMITH_ENDPOINT", server.url)
        elif kind == "v1 client":
            client = tracing_client(api_url=server.url, api_key=CANARY)
        else:
            made = langsmith.AsyncLangsmith if kind == "async client" else langsmith.Langsmith
            client = made(api_key=CANARY, base_url=server.url)
        with pytest.raises(RedirectedError):
            [run async for run in select_runs(client, project_name="a")]
        with pytest.raises(RedirectedError):
            [found async for found in afetch_runs([number(1)], client)]
        if kind == "async client":
            await client.close()
        elif client is not None:
            client.close()
        assert other.requests == []


@pytest.mark.parametrize("code", CODES)
def test_redirect_to_the_same_host_is_followed(code):
    with LangSmith(hours(300), v1=False) as server:
        handle = server.handle

        def moved(request: Request) -> Response:
            if request.path.startswith("/old/"):
                return Response(code, {}, {"location": request.path.removeprefix("/old")})
            return handle(request)

        server.handle = moved
        with langsmith.Langsmith(api_key=KEY, base_url=f"{server.url}/old") as client:
            assert len(list(select_runs(client, project_name="support-bot"))) == 300


def test_redirects_without_an_end_are_an_error():
    with Redirecting(307, "") as server, langsmith.Langsmith(api_key=KEY, base_url=server.url) as client:
        with pytest.raises(RedirectedError, match=r"^LangSmith at .* redirects without an end$"):
            list(select_runs(client, project_name="a"))
        assert len(server.requests) <= 6


@pytest.mark.parametrize(
    ("here", "there", "same"),
    [
        ("https://a.com/x", "https://a.com/y", True),
        ("https://a.com/x", "https://a.com:443/y", True),
        ("http://a.com/x", "https://a.com/x", True),
        ("https://a.com/x", "http://a.com/x", False),
        ("https://a.com/x", "https://a.com:8443/x", False),
        ("http://a.com:8080/x", "https://a.com/x", False),
        ("https://a.com/x", "https://b.a.com/x", False),
        ("https://a.com/x", "https://a.com@b.com/x", False),
        ("https://a.com/x", "https://a.com:x/x", False),
        ("https://a.com/x", "//b.com/x", False),
        ("https://a.com/x", "ftp://a.com/x", False),
    ],
)
def test_which_addresses_are_the_same(here, there, same):
    assert same_origin(here, there) is same
