"""Fine-tuning on Hugging Face Jobs."""

from langsmith_finetune.providers.huggingface.provider import HuggingFaceProvider

__all__ = ["HuggingFaceProvider"]
