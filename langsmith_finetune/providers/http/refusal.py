"""A host's refusal, as the cause of an error: its status and its ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from langsmith_finetune._foundation.json_values import (
    json_object,
    text_from,
    word_from,
)
from langsmith_finetune.errors import ProviderError


class HttpRefusal(Exception):  # noqa: N818 - the cause of an error, never raised by itself
    """A host's refusal.

    Args:
        status: The HTTP status.
        ids: The ids in the answer that came with it, by their names. No more is kept: a host may quote what it was sent.
    """

    def __init__(self, status: int, ids: Mapping[str, str] | None = None) -> None:
        super().__init__(status, ids or {})
        self.status = status
        self.ids = ids or {}

    def __str__(self) -> str:
        return f"HTTP {self.status}"


def status_of(error: ProviderError) -> int | None:
    """The HTTP status of a refusal; None where the host did not refuse."""
    return error.__cause__.status if isinstance(error.__cause__, HttpRefusal) else None


def ids_of(error: ProviderError) -> Mapping[str, str]:
    """The ids that a host refused with, by their names."""
    return error.__cause__.ids if isinstance(error.__cause__, HttpRefusal) else {}


def object_in(response: httpx2.Response) -> dict[str, Any]:
    """The JSON object of an answer; an empty one if it holds none."""
    try:
        return json_object(response.content)
    except ValueError:
        return {}


def reason_of(response: httpx2.Response) -> str:
    """What a host says of its refusal."""
    body = object_in(response)
    found = body.get("error", body)
    if isinstance(found, str) and found:
        return found
    if not isinstance(found, dict):
        return "no message"
    message = text_from(found.get("message")) or text_from(found.get("detail")) or "no message"
    notes = [f"{name} {word_from(found[name])}" for name in ("code", "param") if found.get(name)]
    return f"{message} ({', '.join(notes)})" if notes else message
