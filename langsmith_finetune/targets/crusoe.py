"""Crusoe: OpenAI's format. Its guide says what a file is and how large; the rest is taken from OpenAI.

Nothing says what it does with `weight: 0`, so a line that relies on it is refused.
"""

from __future__ import annotations

from dataclasses import replace

from langsmith_finetune.targets.openai import OPENAI

_GUIDE = "https://docs.crusoecloud.com/serverless-fine-tuning/fine-tune-a-model"

CRUSOE = replace(
    OPENAI,
    name="crusoe",
    source=_GUIDE,
    sources={**OPENAI.sources, "file_size": _GUIDE, "weight": _GUIDE},
    warns=OPENAI.warns - {"surrogate"},
    weights="none",
    max_tools=None,
    min_examples=1,
    max_bytes=3 << 30,
    max_tokens=None,  # the model's context
)
