"""The local trainer, here or on Hugging Face Jobs: lines of the OpenAI format, weights on any answer, text only.

What it trains is what `providers/local/rows.py` makes of a line. Rows for TRL's own trainers are another format,
`trl`.
"""

from __future__ import annotations

from dataclasses import replace

from langsmith_finetune.targets.rules import TargetRules
from langsmith_finetune.targets.trl import TRL

_TEMPLATES = "https://huggingface.co/docs/transformers/chat_templating"

LOCAL = TargetRules(
    name="local",
    source=_TEMPLATES,
    sources={"too_long": "https://huggingface.co/docs/trl/sft_trainer"},
    # What a chat template reads over, whoever renders it.
    warns=TRL.warns,
    line_keys=TRL.line_keys,
    message_keys=TRL.message_keys,
    order="prompted",
    argument_objects=True,
    labels=True,
)

HUGGINGFACE = replace(LOCAL, name="huggingface")
