"""Describes a value without its content: type, length, and names from a known list."""

from __future__ import annotations

from typing import Any

KNOWN = frozenset(
    {
        "role", "content", "name", "tool_calls", "tool_call_id", "weight", "refusal", "audio",
        "function_call", "functions", "function", "tools", "tool_choice", "parallel_tool_calls",
        "response_format", "index", "id", "type", "arguments", "parameters", "description", "strict",
        "annotations", "parsed", "reasoning", "reasoning_content", "reasoning_details", "cache_control",
        "prompt_cache_breakpoint", "messages", "input", "output", "preferred_output",
        "non_preferred_output", "preferred_completion", "non_preferred_completion", "prompt", "completion",
        "chosen", "rejected", "text", "image_url", "input_audio", "file", "url", "detail", "audio_url",
        "video", "image", "metadata", "run_id", "trace_id", "source", "score", "model", "temperature",
        "top_p", "max_tokens", "stream", "seed", "user", "n", "stop", "logprobs", "conversations", "from",
        "value", "instruction", "contents", "parts", "systemInstruction", "system_instruction", "system",
        "schemaVersion", "item", "additional_kwargs", "response_metadata", "usage_metadata", "usage",
        "created", "developer", "human", "gpt", "bot", "ai", "chatbot", "assistant", "tool", "observation",
        "train", "prefix", "invalid_tool_calls", "lc", "kwargs", "tool_use", "tool_result", "thinking",
        "input_text", "output_text", "custom", "detail_level",
    }
)  # fmt: skip
"""Names that many formats share; any other name may be somebody's data."""

LEFTOVERS = frozenset(
    {
        "index", "audio", "annotations", "parsed", "cache_control", "prompt_cache_breakpoint", "reasoning",
        "reasoning_content", "reasoning_details", "function_call", "refusal", "weight", "name",
        "tool_calls",
    }
)  # fmt: skip
"""What SDKs and tracers leave in messages. Without a value, or where the target has no place for it, it goes."""
SETTINGS = frozenset({"parallel_tool_calls", "response_format"})
"""Settings of a request, for which most targets have no place."""

_LONGEST_SHOWN = 80


def described(value: Any, *, show_content: bool = False) -> str:
    """A few words about a value.

    Args:
        value: Anything that JSON can say.
        show_content: Say the value itself, cut short.

    Example:
        >>> described("secret"), described([1, 2]), described(None), described("developer")
        ('text of 6 characters', 'a list of 2', 'null', '"developer"')
    """
    if show_content:
        text = repr(value)
        return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
    if isinstance(value, str):
        return f'"{value}"' if value in KNOWN else _length("text", value)
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}" if value else "an empty list"
    for kind, words in _WORDS.items():
        if isinstance(value, kind):
            return words
    return "null" if value is None else f"a {type(value).__name__}"


_WORDS: dict[type, str] = {bool: "a boolean", int: "an integer", float: "a number", dict: "an object"}


def key_described(key: str, *, show_content: bool = False) -> str:
    """A few words about a key: its name, where that is known to be one."""
    return f'the key "{key}"' if show_content or key in KNOWN else _length("a key", key)


def _length(what: str, text: str) -> str:
    return (
        f"{what} of {len(text)} character{'s' if len(text) != 1 else ''}" if text else f"{what} that is empty"
    )
