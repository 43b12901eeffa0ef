"""Keeps within a server's rate limit, as the server counts."""

from __future__ import annotations

import threading
from collections import deque

from langsmith_finetune._foundation.clock import clock

_POLL_SECONDS = 0.1


class RateLimit:
    """At most so many requests in any span of so many seconds. Shared by threads and event loops.

    A request takes a slot and gives it back when its answer is there; the slot is free again a whole span
    after that. So of any two requests that share a slot, the second leaves a span after the first was
    answered, and the server, which saw the first before it answered, sees them a span apart, however long
    either was on its way.

    Args:
        requests: How many.
        seconds: The span, in seconds.

    Example:
        >>> limit = RateLimit(1, seconds=10)
        >>> limit.take()  # seconds to wait: none, the slot is ours
        0.0
        >>> limit.give_back()
        >>> 9 < limit.take() <= 10
        True
    """

    def __init__(self, requests: int, *, seconds: float) -> None:
        self._seconds = seconds
        self._free_at = deque([clock().now()] * requests)
        self._paused_until = clock().now()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Take a slot and return 0, or return for how many seconds to wait before asking again."""
        with self._lock:
            now = clock().now()
            free_at = self._free_at[0] if self._free_at else now + _POLL_SECONDS  # all are under way
            wait = max(free_at, self._paused_until) - now
            if wait > 0:
                return wait
            self._free_at.popleft()
            return 0.0

    def give_back(self) -> None:
        """The request has been answered, or has failed."""
        with self._lock:
            self._free_at.append(clock().now() + self._seconds)

    def pause(self, seconds: float) -> None:
        """Let nobody begin a request for so many seconds: the server asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, clock().now() + seconds)
