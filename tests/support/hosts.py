"""Every host that trains, by its stand-in, in one table: what a test says of one of them, it says of all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import openai
from huggingface_hub import HfApi

from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from tests.support.standins.fireworks import FireworksStandIn
from tests.support.standins.huggingface import HuggingFaceStandIn
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.server import Request, Response, StandIn
from tests.support.standins.together import TogetherStandIn

KEY = "made-up-key-0123456789"

_TODAY = datetime.now(UTC)
"""When jobs of others were created: the search for a job leaves a list at what is months old."""


@dataclass(frozen=True)
class Host:
    """A host that trains.

    Args:
        stand_in: Makes its server.
        connect: Makes its provider, from the server, and a client.
        model: One that it trains.
        jobs: Where its jobs are listed and created.
        job_items: The key of the list of jobs; None where the answer is the list.
        job_id: Makes the item of a job that is somebody else's, from a number.
        following: What a page says that more follows, as fields or as headers.
    """

    stand_in: Callable[[], StandIn]
    connect: Callable[[Any, httpx2.Client], Provider]
    model: str
    jobs: str
    job_items: str | None
    other: Callable[[int], dict[str, Any]]
    following: Callable[[str], dict[str, Any]]
    following_headers: Callable[[str, str], dict[str, str]] = field(default=lambda _url, _token: {})

    @contextmanager
    def running(self) -> Iterator[tuple[Any, Provider]]:
        """The server and a provider for it."""
        with ExitStack() as stack:
            server = stack.enter_context(self.stand_in())
            http = stack.enter_context(httpx2.Client())
            yield server, self.connect(server, http)

    def page(self, server: StandIn, items: list[dict[str, Any]], token: str | None) -> Response:
        """A page of the list of jobs; `token` names the next one."""
        if self.job_items is None:
            headers = {} if token is None else self.following_headers(server.url + self.jobs, token)
            return Response(200, items, headers)
        more = {} if token is None else self.following(token)
        return Response(200, {self.job_items: items} | more)


def _shaped(kind: type[OpenAIProvider]) -> Callable[[Any, httpx2.Client], Provider]:
    def connect(server: Any, http: httpx2.Client) -> Provider:
        client = openai.OpenAI(api_key=KEY, base_url=server.base_url, http_client=http)
        return kind(client=client)

    return connect


def _openai_shaped(kind: type[OpenAIProvider], model: str, **stand_in: Any) -> Host:
    return Host(
        stand_in=lambda: OpenAIStandIn(filters_metadata=False, **stand_in),
        connect=_shaped(kind),
        model=model,
        jobs="/v1/fine_tuning/jobs",
        job_items="data",
        other=lambda n: {
            "id": f"ftjob-other{n}",
            "created_at": int(_TODAY.timestamp()),
            "metadata": {"theirs": "1"},
        },
        following=lambda _token: {"has_more": True},
    )


def _hub_job(n: int) -> dict[str, Any]:
    return {
        "id": f"other{n}",
        "createdAt": f"{_TODAY:%Y-%m-%dT%H:%M:%S}.000Z",
        "labels": {},
        "status": {"stage": "COMPLETED"},
        "owner": {"id": "1", "name": "me", "type": "user"},
    }


HOSTS = {
    "openai": _openai_shaped(OpenAIProvider, "gpt-4.1-mini-2025-04-14"),
    "azure": _openai_shaped(AzureProvider, "gpt-4.1-mini-2025-04-14", azure=True),
    "nebius": _openai_shaped(NebiusProvider, "Qwen/Qwen3-8B"),
    "crusoe": _openai_shaped(CrusoeProvider, "Qwen/Qwen3-8B"),
    "together": Host(
        stand_in=TogetherStandIn,
        connect=lambda server, http: TogetherProvider(KEY, server.url, http_client=http),
        model="Qwen/Qwen3-8B",
        jobs="/v1/fine-tunes",
        job_items="data",
        other=lambda n: {
            "id": f"ft-other{n}",
            "created_at": f"{_TODAY:%Y-%m-%dT%H:%M:%SZ}",
            "status": "completed",
        },
        following=lambda token: {"next_cursor": token},
    ),
    "fireworks": Host(
        stand_in=FireworksStandIn,
        connect=lambda server, http: FireworksProvider(KEY, base_url=server.url, http_client=http),
        model="accounts/fireworks/models/qwen3-8b",
        jobs="/v1/accounts/me/supervisedFineTuningJobs",
        job_items="supervisedFineTuningJobs",
        other=lambda n: {
            "name": f"accounts/me/supervisedFineTuningJobs/other{n}",
            "createTime": f"{_TODAY:%Y-%m-%dT%H:%M:%SZ}",
        },
        following=lambda token: {"nextPageToken": token},
    ),
    "huggingface": Host(
        stand_in=HuggingFaceStandIn,
        connect=lambda server, _http: HuggingFaceProvider(api=HfApi(endpoint=server.url, token=KEY)),
        model="Qwen/Qwen3-0.6B",
        jobs="/api/jobs/me",
        job_items=None,
        other=_hub_job,
        following=lambda _token: {},
        following_headers=lambda url, token: {"link": f'<{url}?cursor={token}>; rel="next"'},
    ),
}


def lie(server: StandIn, method: str, path: str, change: Callable[[Request, Response], Response]) -> None:
    """Let a server change what it answers, for one path, or for all where it is empty."""
    honest = server.handle

    def handle(request: Request) -> Response:
        answer = honest(request)
        return (
            change(request, answer)
            if (request.method, path or request.path) == (method, request.path)
            else answer
        )

    server.handle = handle  # type: ignore[method-assign]


def copy_of(answer: Response) -> Any:
    """The JSON of an answer, to be changed without changing what the server keeps."""
    return json.loads(answer.body) if isinstance(answer.body, bytes) else json.loads(json.dumps(answer.body))
