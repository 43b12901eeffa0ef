"""Finds media that was lost before the run was posted.

"data:image/png;base64,[base64_data truncated: 12.50KB]"      LiteLLM's callback
"What is this? {'type': 'image', 'data': 'iVBORw0K...'}"      langsmith for Google's ADK: Python's repr
"<APIResponse [200 OK] type=<class '...ChatCompletion'>>"     wrap_openai to langsmith 0.4: with_raw_response
"""

from __future__ import annotations

import re
from typing import Any

from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.runs.fields import RunPayload

CUT = ";base64,[base64_data truncated: "
"""What LiteLLM writes in place of base64 of more than 64 letters."""

_REPR = re.compile(
    r"<(?:[\w.]*Response \[.{0,100}\]|[\w. ]+ object|coroutine .{1,200}|(?:async_)?generator .{1,200})"
    r"(?: (?:at 0x[0-9a-fA-F]+|type=.{0,200}))?>",
    re.DOTALL,
)
_LONGEST_REPR = 500

_ADK_PART = re.compile(
    r"\{'type': '(?:image|file|executable_code|code_execution_result|thinking)'"
    r"|\{'(?:media_resolution|video_metadata|code_execution_result|executable_code|file_data|inline_data)': "
)
_END_OF_DATA = re.compile(r"[A-Za-z0-9+/=_\-\s]*")
_LAST = 80
"""Letters of base64 that are looked at: whatever cuts it leaves its mark at the end."""


def is_repr(text: str) -> bool:
    """True if a text is all that Python says of an object: a response, a stream, a coroutine."""
    return len(text) <= _LONGEST_REPR and text.startswith("<") and _REPR.fullmatch(text) is not None


def check_media(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Refuse a run whose images or files were cut, or turned into words.

    Raises:
        Unreadable: Some were.
    """
    of_adk = run.metadata.get("ls_integration") == "google-adk" or (
        run.metadata.get("ls_provider") == "google_ai" and "llm_call_type" in run.metadata
    )
    for index, message in enumerate(conversation.messages):
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
            data = part["text"] if part["type"] == "text" else _data_of(part)
            if not isinstance(data, str):
                continue
            if CUT in data or (part["type"] != "text" and _is_cut(data)):
                raise Unreadable("lost_at_source", f"messages[{index}] holds media that was cut")
            if of_adk and part["type"] == "text" and "{'" in data and _ADK_PART.search(data):
                raise Unreadable(
                    "lost_at_source",
                    f"messages[{index}] holds a part that Google's ADK posts as Python's repr",
                )
        notes.spend(1)


def _data_of(part: dict[str, Any]) -> Any:
    """Where a part that is no text has its data."""
    match part["type"]:
        case "image_url":
            return part["image_url"].get("url")
        case "file":
            return part["file"].get("file_data")
    return None


def _is_cut(url: str) -> bool:
    """True if a data URL ends in what is no base64."""
    if not url.startswith("data:"):
        return False
    _, found, data = url.partition(";base64,")
    return bool(found) and _END_OF_DATA.fullmatch(data[-_LAST:]) is None
