"""A limit of time for all requests that are made in a context."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LEAST_SECONDS = 1.0


_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@contextmanager
def answers_within(seconds: float | None) -> Iterator[None]:
    """Let no request in this context take longer than this in all, but give each at least a second.

    Args:
        seconds: From now on; None where there is no limit.
    """
    token = _deadline.set(None if seconds is None else time.monotonic() + max(seconds, _LEAST_SECONDS))
    try:
        yield
    finally:
        _deadline.reset(token)


def deadline() -> float | None:
    """When the requests of this context must have ended, by `time.monotonic`; at least a second from now."""
    ends_at = _deadline.get()
    return None if ends_at is None else max(ends_at, time.monotonic() + _LEAST_SECONDS)
