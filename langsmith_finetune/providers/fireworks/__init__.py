"""Fine-tuning at Fireworks AI."""

from langsmith_finetune.providers.fireworks.provider import FireworksProvider
from langsmith_finetune.providers.fireworks.request import FireworksParameters

__all__ = ["FireworksParameters", "FireworksProvider"]
