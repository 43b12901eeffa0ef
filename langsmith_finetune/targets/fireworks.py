"""Fireworks: OpenAI's format, checked by the server alone; a row may have a `weight` of its own."""

from __future__ import annotations

from dataclasses import replace

from langsmith_finetune.targets.openai import OPENAI

_GUIDE = "https://docs.fireworks.ai/fine-tuning/fine-tuning-models"

FIREWORKS = replace(
    OPENAI,
    name="fireworks",
    source=_GUIDE,
    sources={
        "image": "https://docs.fireworks.ai/fine-tuning/fine-tuning-vlm",
        "orphan_answer": OPENAI.sources["orphan_answer"],
        "preference": "https://docs.fireworks.ai/fine-tuning/dpo-fine-tuning",
        "line_key": "https://docs.fireworks.ai/fine-tuning/weighted-training",
    },
    warns=OPENAI.warns - {"surrogate"} | {"call_id", "line_key", "message_key"},
    line_keys=OPENAI.line_keys | {"weight"},
    message_keys=frozenset({"reasoning_content"}),
    system_first=True,
    max_tools=None,
    image_urls=("data:image/jpeg;base64,", "data:image/png;base64,"),
    max_images=None,
    max_image_bytes=None,
    min_examples=3,
    max_examples=3_000_000,
    max_bytes=None,  # above 150 MB the upload is made of shards
    max_tokens=None,  # the model's context
)
