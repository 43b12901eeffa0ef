"""Nebius Token Factory: OpenAI's format. Little is documented, so that most is only warned of."""

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
    max_tools=None,
    image_urls=(),
    min_examples=1,
    max_bytes=5_000_000_000,
    max_tokens=None,  # the model's context
)
