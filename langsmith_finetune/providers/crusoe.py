"""Fine-tuning at Crusoe: OpenAI's API, at another address."""

from __future__ import annotations

from typing import ClassVar

import openai

from langsmith_finetune._foundation.arguments import an_address, checked
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.targets.crusoe import CRUSOE

_URL = "https://api.intelligence.crusoecloud.com/v1"


class CrusoeProvider(OpenAIProvider):
    """Trains LoRA adapters at Crusoe's serverless fine-tuning. A tuned model is deployed in Crusoe's console.

    Args:
        api_key: The key; by default `CRUSOE_API_KEY`.
        base_url: The host's address with its version.
        client: A client of the official SDK, in place of both.
    """

    name = "crusoe"
    rules = CRUSOE
    methods = frozenset({"supervised"})
    converts_files = True
    result = "deployable"
    pause_job = Provider.pause_job
    resume_job = Provider.resume_job
    key_variable: ClassVar = "CRUSOE_API_KEY"
    largest_upload: int | None = None
    parameters: ClassVar = {"supervised": ("n_epochs", "batch_size", "learning_rate_multiplier")}

    @checked(base_url=an_address)
    def __init__(
        self,
        api_key: str | None = None,
        base_url: str = _URL,
        client: openai.OpenAI | None = None,
    ) -> None:
        super().__init__(api_key, base_url if client is None else None, client)
