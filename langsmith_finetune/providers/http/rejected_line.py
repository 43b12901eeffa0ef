"""Turns a provider's refusal that names a line into an error that names the line."""

from __future__ import annotations

import re

from langsmith_finetune.errors import InvalidExampleError

_NAMED = re.compile(
    r"\b(?:example|line|row)\s+(?:number\s+|#)?(?P<line>[1-9]\d{0,8})\b"
    r"(?:,?\s+message\s+(?P<message>\d{1,6})\b)?[,:]?\s*(?P<reason>[^\n]*)",
    re.IGNORECASE,
)
"""`Example 100, message 2 Discriminator 'role' is missing in value`, as OpenAI says it."""


def rejected_line(message: str, name: str) -> InvalidExampleError | None:
    """The error for the line that a rejection names, or None if it names none.

    Args:
        message: The provider's words.
        name: What to call the file.

    Example:
        >>> print(rejected_line('Invalid file format. Example 1 contains an extra "weight".', "train.jsonl"))
        train.jsonl:1: the provider says: contains an extra "weight". Fix the line or leave it out; check(path, target) says more
    """
    found = _NAMED.search(message)
    if found is None:
        return None
    field = "" if found["message"] is None else f"message {found['message']}"
    reason = found["reason"].strip().rstrip(".") or "it is not valid"
    return InvalidExampleError(
        f"{name}:{found['line']}",
        field,
        f"the provider says: {reason}",
        "Fix the line or leave it out; check(path, target) says more",
    )
