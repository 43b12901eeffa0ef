"""The local trainer, here or on Hugging Face Jobs: lines of the OpenAI format, weights on any answer, text only.

What it trains is what `providers/local/rows.py` makes of a line. Rows for TRL's own trainers are another format,
`trl`.
"""

from __future__ import annotations

from dataclasses import replace

from langsmith_finetune.targets.rules import TargetRules

_TEMPLATES = "https://huggingface.co/docs/transformers/chat_templating"

LOCAL = TargetRules(
    name="local",
    source=_TEMPLATES,
    sources={"too_long": "https://huggingface.co/docs/trl/sft_trainer"},
    warns=frozenset(
        {
            "byte_order_mark",
            "call_id",
            "empty_content",
            "function_name",
            "line_key",
            "message_key",
            "name",
            "refusal",
            "undefined_tool",
        }
    ),
    line_keys=frozenset({"messages", "tools"}),
    message_keys=frozenset({"reasoning_content"}),
    order="prompted",
    argument_objects=True,
)

HUGGINGFACE = replace(LOCAL, name="huggingface")
