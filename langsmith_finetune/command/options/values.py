"""Reads the values of flags. What is wrong raises `argparse.ArgumentTypeError`, which names the flag."""

from __future__ import annotations

import json
import re
from argparse import ArgumentTypeError
from collections.abc import Iterable
from datetime import datetime
from typing import Any

_FEEDBACK = re.compile(r"([^=!<>]+?)\s*(==|!=|>=|<=|=|>|<)\s*(.*)", re.DOTALL)
_SECRET = re.compile(r"(?i)(.*_)?(api_?key|key|token|secret|password)")


def feedback(text: str) -> tuple[str, float | str]:
    """A key and the score that it must have.

    Example:
        >>> feedback("user_score=1"), feedback("quality>=0.8")
        (('user_score', 1.0), ('quality', '>= 0.8'))
    """
    found = _FEEDBACK.fullmatch(text.strip())
    if found is None:
        raise ArgumentTypeError(
            f"{text!r} is no condition on feedback, such as user_score=1 or 'quality>=0.8'"
        )
    key, comparison, score = found.groups()
    try:
        number = float(score)
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: {score!r} is no score, such as 1 or 0.8") from None
    return key, number if comparison in {"=", "=="} else f"{comparison} {score}"


def setting(text: str) -> tuple[str, Any]:
    """A name and a value, which is JSON where it can be read as that, and text elsewhere.

    Example:
        >>> setting("n_epochs=3"), setting('lora={"r": 16}'), setting("dtype=bfloat16")
        (('n_epochs', 3), ('lora', {'r': 16}), ('dtype', 'bfloat16'))
    """
    name, value = named(text)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def named(text: str) -> tuple[str, str]:
    """A name and a text, of the form NAME=VALUE. Keys are refused, since a command line is seen by others."""
    name, equals, value = text.partition("=")
    if not (equals and name):
        raise ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    if _SECRET.fullmatch(name):
        raise ArgumentTypeError(f"{name} is no setting of the command line: keys come from the environment")
    return name, value


def time(text: str) -> datetime:
    """A day or a time in ISO 8601; without a time zone it is UTC."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no time, such as 2026-11-01 or 2026-11-01T12:00+02:00"
        ) from None


def yes_no_any(text: str) -> bool | None:
    """`yes`, `no` or `any`, as True, False and None."""
    words = {"yes": True, "no": False, "any": None}
    if text not in words:
        raise ArgumentTypeError(f"{text!r} is not one of yes, no, any")
    return words[text]


def fold(text: str) -> str | None:
    """`trace`, `thread`, or `no`, which is None."""
    if text not in {"trace", "thread", "no"}:
        raise ArgumentTypeError(f"{text!r} is not one of trace, thread, no")
    return None if text == "no" else text


def together(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Several values of NAME=VALUE as a dict."""
    return dict(pairs)
