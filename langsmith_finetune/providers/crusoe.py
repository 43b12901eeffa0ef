"""Fine-tuning at Crusoe: OpenAI's API, at another address."""

from __future__ import annotations

from typing import ClassVar

from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.targets.crusoe import CRUSOE


class CrusoeProvider(OpenAIProvider):
    """Trains LoRA adapters at Crusoe's serverless fine-tuning. A tuned model is deployed in Crusoe's console.

    Args:
        api_key: The key; by default `CRUSOE_API_KEY`.
        base_url: The host's address with its version.
        client: A client of the official SDK, in place of both.
    """

    name = "crusoe"
    address = "https://api.intelligence.crusoecloud.com/v1"
    rules = CRUSOE
    methods = frozenset({"supervised"})
    converts_files = True
    result = "deployable"
    pause_job = Provider.pause_job
    resume_job = Provider.resume_job
    key_variable: ClassVar = "CRUSOE_API_KEY"
    largest_upload: int | None = None
    parameters: ClassVar = {"supervised": ("n_epochs", "batch_size", "learning_rate_multiplier")}
