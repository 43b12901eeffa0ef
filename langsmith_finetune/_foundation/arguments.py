"""Checks an argument that must be an iterable, and names the fix for the common mistakes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from langsmith_finetune._foundation.passes import is_spent, spent

_HINTS = {
    "runs": "run_files(path) reads the runs of files",
    "examples": "read_jsonl(path) reads the lines of a training file",
}


def check_many(name: str, given: Any, of: str) -> None:
    """See that an argument is an iterable of things, and not one of them.

    A single thing is often iterable too: a dict over its keys, a model over its fields, a path over its letters.

    Args:
        name: The argument: `"runs"`.
        given: What was given for it.
        of: What it must hold: `"runs or ids"`.

    Raises:
        RuntimeError: It is a generator that has ended.
        TypeError: It is none; names the argument, the type found, and what to give.

    Example:
        >>> check_many("runs", {"id": "d2a3"}, "runs")
        Traceback (most recent call last):
        TypeError: runs must be an iterable of runs, not a single dict: runs=[run]
    """
    kind = "None" if given is None else type(given).__name__
    must = f"{name} must be an iterable of {of}, not"
    if isinstance(given, (str, bytes, os.PathLike)):
        hint = _HINTS.get(name)
        raise TypeError(f"{must} {kind}" + (f": {hint}" if hint else ""))
    if _is_single(given):
        raise TypeError(f"{must} a single {kind}: {name}=[{name.removesuffix('s')}]")
    if is_spent(given):
        raise spent(name, given)
    if isinstance(given, Iterable):
        return
    if isinstance(given, AsyncIterable):
        raise TypeError(
            f"{must} an async one: collect it first, or use LangSmithRunChatLoader's alazy_load()"
        )
    raise TypeError(f"{must} {kind}")


def _is_single(given: Any) -> bool:
    if isinstance(given, Mapping):
        return True
    with suppress(Exception):  # objects can raise anything when they are asked
        # A run of langsmith's, a message of LangChain's, an example, and whatever else has fields of its own.
        fields = ("run_type", "line", "__pydantic_fields__", "__dataclass_fields__", "__struct_fields__")
        return any(hasattr(given, field) for field in fields)
    return False
