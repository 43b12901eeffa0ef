"""OpenAI's rules, which the other hosts of its format start from.

The published schema lets much through that the service refuses; where both speak, the service is meant.
"""

from __future__ import annotations

from langsmith_finetune.targets.rules import TargetRules

_GUIDE = "https://platform.openai.com/docs/guides/supervised-fine-tuning"
_SCHEMA = (
    "https://github.com/openai/openai-openapi/blob/9a72a428da1a46010ccafa87d47f4bd80512eae6/openapi.yaml"
)
_OWN_CHECKER = "https://cookbook.openai.com/examples/chat_finetuning_data_prep"
_VISION = "https://platform.openai.com/docs/guides/vision-fine-tuning"
_PREFERENCE = "https://platform.openai.com/docs/guides/direct-preference-optimization"
_CHAT = "https://platform.openai.com/docs/api-reference/chat/create"

OPENAI = TargetRules(
    name="openai",
    source=_GUIDE,
    sources={
        "arguments": _SCHEMA,
        "call_id": _SCHEMA,
        "content": _SCHEMA,
        "file_size": "https://platform.openai.com/docs/api-reference/uploads/create",
        "function_name": _SCHEMA,
        "image": _VISION,
        "image_count": _VISION,
        "image_place": _VISION,
        "image_size": _VISION,
        "message_key": _OWN_CHECKER,
        "name": _SCHEMA,
        "orphan_answer": _CHAT,
        "preference": _PREFERENCE,
        "role": _SCHEMA,
        "tools": _SCHEMA,
        "type": _SCHEMA,
        "unanswered_call": _CHAT,
        "weight": _SCHEMA,
    },
    warns=frozenset(
        {
            "arguments",
            "byte_order_mark",
            "empty_content",
            "media",
            "name",
            "refusal",
            "surrogate",  # tiktoken reads U+FFFD in its place
            "undefined_tool",
        }
    ),
    max_tools=128,
    image_urls=("https://", "http://", "data:image/jpeg;", "data:image/png;", "data:image/webp;"),
    max_images=10,
    max_image_bytes=10_000_000,
    min_examples=10,
    max_bytes=8 << 30,  # above 512 MB in parts, as `OpenAIProvider` uploads it
    max_tokens=65_536,  # gpt-4o, gpt-4o-mini, gpt-4.1; 16,385 for gpt-3.5
)
