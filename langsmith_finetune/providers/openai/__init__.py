"""Fine-tuning at OpenAI, and at every host that speaks its API."""

from langsmith_finetune.providers.openai.provider import OpenAIProvider
from langsmith_finetune.providers.openai.request import OpenAIParameters

__all__ = ["OpenAIParameters", "OpenAIProvider"]
