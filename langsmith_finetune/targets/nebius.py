"""Nebius Token Factory: OpenAI's format. Little is documented, so that most is only warned of.

Nothing says what it does with `weight: 0`, so a line that relies on it is refused.
"""

from __future__ import annotations

from dataclasses import replace

from langsmith_finetune.targets.openai import OPENAI

NEBIUS = replace(
    OPENAI,
    name="nebius",
    source="https://github.com/nebius/token-factory-cookbook/tree/main/post-training",
    sources={"orphan_answer": OPENAI.sources["orphan_answer"]},
    warns=OPENAI.warns - {"surrogate"}
    | {"call_id", "line_key", "message_key", "preference", "function_name"},
    weights="none",
    max_tools=None,
    image_urls=(),
    min_examples=1,
    max_bytes=5 << 30,
    max_tokens=None,  # the model's context
)
