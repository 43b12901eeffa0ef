"""Together: OpenAI's format without `parallel_tool_calls`, and images inside the line only.

The rules are those of the last client that checked files in full, `together/lib/utils/files.py` of 2.14.0;
later clients leave them to the server. What only the guide says is warned of.
"""

from __future__ import annotations

from dataclasses import replace

from langsmith_finetune.targets.openai import OPENAI

_GUIDE = "https://docs.together.ai/docs/fine-tuning/data-preparation"

TOGETHER = replace(
    OPENAI,
    name="together",
    source=_GUIDE,
    sources={"orphan_answer": OPENAI.sources["orphan_answer"]},
    warns=frozenset(
        {
            "arguments",
            "call_id",
            "empty_content",
            "function_name",
            "last_message",
            "message_key",
            "name",
            "order",
            "refusal",
            "system_place",
            "undefined_tool",
        }
    ),
    line_keys=frozenset({"messages", "tools"}),
    message_keys=frozenset({"reasoning", "reasoning_content"}),
    order="in_turn",
    system_first=True,
    max_tools=None,
    image_urls=("data:image/jpeg;base64,", "data:image/png;base64,", "data:image/webp;base64,"),
    max_image_bytes=10 * 2**20,
    uniform_content=True,
    preference_images=True,
    min_examples=1,
    max_bytes=int(50.1 * 2**30),
    max_tokens=None,  # the model's context
)
