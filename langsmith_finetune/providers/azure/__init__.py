"""Fine-tuning at Azure OpenAI / Microsoft Foundry."""

from langsmith_finetune.providers.azure.provider import AzureProvider, TrainingType

__all__ = ["AzureProvider", "TrainingType"]
