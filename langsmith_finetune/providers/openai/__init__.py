"""Fine-tuning at OpenAI, and at every host that speaks its API."""

from langsmith_finetune.providers.openai.provider import OpenAIParameters, OpenAIProvider

__all__ = ["OpenAIParameters", "OpenAIProvider"]
