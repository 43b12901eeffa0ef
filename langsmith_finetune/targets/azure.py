"""Azure / Microsoft Foundry: OpenAI's format, with a byte order mark, and no two assistant messages in a row."""

from __future__ import annotations

from codecs import BOM_UTF8
from dataclasses import replace

from langsmith_finetune.targets.openai import OPENAI

_GUIDE = "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/fine-tuning"
_VISION = "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/fine-tuning-vision"

AZURE = replace(
    OPENAI,
    name="azure",
    source=_GUIDE,
    sources={
        **OPENAI.sources,
        "file_size": _GUIDE,
        "image_count": _VISION,
        "order": "https://github.com/microsoft-foundry/fine-tuning/issues/23",
        "preference": "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/fine-tuning-direct-preference-optimization",
    },
    ignores=frozenset({"byte_order_mark"}),  # the guide asks for one; its own published files have none
    order="no_two_assistants",
    max_images=64,
    max_bytes=512 << 20,
    outputs="several",
    file_prefix=BOM_UTF8,
)
