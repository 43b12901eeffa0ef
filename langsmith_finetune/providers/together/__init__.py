"""Fine-tuning at Together AI."""

from langsmith_finetune.providers.together.provider import TogetherProvider
from langsmith_finetune.providers.together.request import TogetherParameters

__all__ = ["TogetherParameters", "TogetherProvider"]
