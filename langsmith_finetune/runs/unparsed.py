"""Parses runs that come as JSON text: a line of a file, or a row of an export."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune.errors import RunNotUsableError

_COLUMNS = (
    *("inputs", "outputs", "extra", "events", "tags", "feedback_stats", "parent_run_ids", "metadata"),
    *("trace_feedback_stats", "corrections"),
)
"""What LangSmith's bulk export writes as JSON text, https://docs.langchain.com/langsmith/data-export"""


def opened(run: Any) -> Any:
    """The run with its JSON text read: a whole run as bytes, or a dict with text in place of objects.

    Raises:
        RunNotUsableError: The text is not JSON.
    """
    if type(run) is bytes:
        found = _json("", "the run", run)
        if isinstance(found, dict):
            return found
        raise RunNotUsableError("", "malformed", f"the run is a JSON {type(found).__name__}, not an object")
    if type(run) is dict and (type(run.get("inputs")) in _TEXT or type(run.get("extra")) in _TEXT):
        run_id = short_text(run.get("id")) or ""
        return {
            key: _json(run_id, key, value) if key in _COLUMNS and type(value) in _TEXT else value
            for key, value in run.items()
        }
    return run


_TEXT = (str, bytes)


def _json(run_id: str, where: str, text: str | bytes) -> Any:
    """What a text holds; json's own reader takes what models write: numbers of any size, halves of pairs."""
    with suppress(Exception):
        return msgspec.json.decode(text)  # half the time, and nothing that json reads otherwise
    try:
        return json.loads(text)
    except RecursionError:
        detail = f"{where} is nested deeper than Python can follow"
        raise RunNotUsableError(run_id, "too_deep", detail) from None
    except ValueError as error:
        column = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise RunNotUsableError(run_id, "malformed", f"{where} is not JSON{column}") from None
