"""Reads why an answer ended, in the words of every provider.

Sources: https://platform.openai.com/docs/api-reference/chat/object,
https://docs.claude.com/en/api/handling-stop-reasons, https://ai.google.dev/api/generate-content#FinishReason,
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
https://docs.mistral.ai/api, https://docs.cohere.com/reference/chat, https://docs.ollama.com/api/chat,
https://ai-sdk.dev/docs/reference/ai-sdk-core/generate-text
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects.notes import Notes

ENDINGS = (
    "finish_reason", "finishReason", "finish_reasons", "stop_reason", "stopReason", "done_reason",
    "doneReason", "completion_reason", "completionReason", "completion_status", "incomplete_details",
    "incompleteDetails", "status", "messageStop",
)  # fmt: skip
"""The keys that say how an answer ended; under some is an object that says it."""

Meant: TypeAlias = Literal["stop", "STOP", "end_turn", "stop_sequence", "completed", "COMPLETE", "eos"]
"""The common words for a text that ended where the model meant it to."""

_CALLED = frozenset({"tool_use", "tool_call", "tool_calls", "function_call", "function_calls"})
"""The words for an answer that ended in a call."""

_KEYS, _MEANT = frozenset(ENDINGS), frozenset(get_args(Meant))

_CUT_OFF = frozenset({
    # A limit on tokens, the model's or the caller's.
    "length", "max_tokens", "max_token", "max_output_tokens", "max_length", "model_length",
    "model_context_window_exceeded", "context_length_exceeded", "context_window_exceeded", "error_limit",
    # A filter, or a classifier that stopped the model in mid-answer.
    "content_filter", "content_filtered", "guardrail_intervened", "refusal", "safety", "recitation",
    "language", "blocklist", "prohibited_content", "spii", "image_safety", "image_prohibited_content",
    "image_recitation", "model_armor", "error_toxic", "filtered", "blocked",
    # Anything else that is not the model's own end.
    "incomplete", "pause_turn", "cancelled", "canceled", "user_cancel", "abort", "aborted", "timeout",
    "insufficient_system_resource", "error", "other", "malformed_function_call", "malformed_model_output",
    "malformed_tool_use", "malformed_response", "unexpected_tool_call", "too_many_tool_calls",
})  # fmt: skip
"""The words for any other end; small, with underscores."""


def note_ending(where: str, place: Any, notes: Notes) -> None:
    """Note an answer that did not end where the model meant to.

    Args:
        where: The field, for the note.
        place: An object that may hold one of `ENDINGS`; anything else says nothing.
        notes: Takes the note.
    """
    if place is None or not isinstance(place, OBJECT) or _KEYS.isdisjoint(place):
        return
    for key in ENDINGS:
        if place.get(key) is not None and _is_cut_off(place[key]):
            notes.add("answer_cut_off", f"{where}.{key}")


def is_call(place: Mapping[str, Any]) -> bool:
    """True if a place says that the answer ended in a call of a tool."""
    if _KEYS.isdisjoint(place):
        return False
    endings = [ending for key, ending in place.items() if key in _KEYS and isinstance(ending, str)]
    return any(len(ending) < _LONGEST_WORD and _is_called(ending) for ending in endings)


@lru_cache(256)
def _is_called(ending: str) -> bool:
    return _word(ending) in _CALLED


_LONGEST_WORD = 100


def _is_cut_off(ending: Any) -> bool:
    """True if a word says so; or one of an object's, such as `{"unified", "raw"}`, or of a list's."""
    if isinstance(ending, str):
        return ending not in _MEANT and _word(ending) in _CUT_OFF
    if isinstance(ending, Mapping):
        return any(isinstance(word, str) and _is_cut_off(word) for word in ending.values())
    return isinstance(ending, (list, tuple)) and any(
        isinstance(word, str) and _is_cut_off(word) for word in ending
    )


def _word(ending: str) -> str:
    """A word as the lists above have it: Python may write FinishReason.SAFETY, and some streams say a word twice."""
    word = ending.rpartition(".")[2].lower().replace("-", "_")
    half = len(word) // 2
    return word[:half] if word[:half] == word[half:] else word
