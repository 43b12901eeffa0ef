"""Every provider by name, each in front of a server of its kind."""

from __future__ import annotations

from contextlib import contextmanager

import httpx2
import openai
from huggingface_hub import HfApi

from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from langsmith_finetune.testing import FakeProvider
from tests.support.standins.fireworks import FireworksStandIn
from tests.support.standins.huggingface import HuggingFaceStandIn
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.together import TogetherStandIn

KEY = "made-up-key-0123456789"


KINDS = {
    kind.name: kind
    for kind in (
        LocalProvider,
        OpenAIProvider,
        AzureProvider,
        NebiusProvider,
        CrusoeProvider,
        TogetherProvider,
        FireworksProvider,
        HuggingFaceProvider,
        FakeProvider,
    )
}


MODELS = {
    "openai": "gpt-4.1-mini-2025-04-14",
    "azure": "gpt-4.1-mini-2025-04-14",
    "fireworks": "accounts/fireworks/models/qwen3-8b",
}


@contextmanager
def stand_in(name, folder):
    """A provider, in front of a server of its kind where it is a hosted one."""
    with httpx2.Client() as http:
        if name == "local":
            yield LocalProvider(folder / "runs")
        elif name == "fake":
            yield FakeProvider()
        elif name == "together":
            with TogetherStandIn() as server:
                yield TogetherProvider(KEY, server.url, http_client=http)
        elif name == "fireworks":
            with FireworksStandIn() as server:
                yield FireworksProvider(KEY, base_url=server.url, http_client=http)
        elif name == "huggingface":
            with HuggingFaceStandIn() as server:
                yield HuggingFaceProvider(api=HfApi(endpoint=server.url, token=KEY))
        else:
            with (
                OpenAIStandIn(azure=name == "azure") as server,
                openai.OpenAI(api_key=KEY, base_url=server.base_url) as client,
            ):
                yield KINDS[name](client=client)


def user(text):
    return {"role": "user", "content": text}


def said(text, **more):
    return {"role": "assistant", "content": text, **more}


def plain(number):
    return {"messages": [user(f"{number} + 1?"), said(str(number + 1))]}
