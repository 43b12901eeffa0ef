"""Finds halves of surrogate pairs, which JSON can write as an escape and no tokenizer can read.

A text that was cut at a UTF-16 offset ends in one. What readers do with it, measured: tokenizers raises
TypeError, protobuf and pyarrow refuse the file, datasets 5.2 reads other rows than were written, and tiktoken
trains on U+FFFD in its place. RFC 8259, section 8.2, calls it unpredictable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from langsmith_finetune._foundation.safe_words import KNOWN

HALF = "holds half of a surrogate pair, which is no character"
WHOLE = "Write the character whole, or leave the line out: no tokenizer has a token for half of one"

_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")


def halves(value: Any, at: str = "") -> Iterator[str]:
    r"""The fields whose texts hold half of a surrogate pair, as paths.

    Args:
        value: A line, or a part of one.
        at: Its path.

    Example:
        >>> [*halves({"messages": [{"content": "cut \ud83d"}]})]
        ['messages[0].content']
    """
    try:
        msgspec.json.encode(value)  # many times as fast as looking, and nearly always enough
    except Exception:  # noqa: BLE001 - whatever else it cannot write is not the question here
        yield from _walked(value, at)


def has_halves_in_json(text: str) -> bool:
    """True if a JSON text writes half of a pair as an escape, which whoever reads the text meets.

    Args:
        text: The text, such as the arguments of a call.
    """
    if not _ESCAPED.search(text):
        return False
    try:
        return next(halves(json.loads(text)), None) is not None
    except (ValueError, RecursionError):
        return False


def _walked(value: Any, at: str) -> Iterator[str]:
    if isinstance(value, str):
        if _has_half(value):
            yield at
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            name = key if isinstance(key, str) and key in KNOWN else "?"  # others may be somebody's data
            field = f"{at}.{name}" if at else name
            if isinstance(key, str) and _has_half(key):
                yield field
            yield from _walked(inner, field)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _walked(inner, f"{at}[{index}]")


def _has_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
