"""The clock. Everything that waits uses it, so that a test can make hours pass at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """The real clock."""

    def now(self) -> float:
        """Seconds on a clock that never goes backwards."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait, blocking this thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait without blocking the event loop."""
        await asyncio.sleep(seconds)


_REAL = Clock()
_clock = _REAL


def clock() -> Clock:
    """The clock in use: the real one, unless a test has replaced it."""
    return _clock


@contextmanager
def clock_replaced(by: Clock) -> Iterator[None]:
    """Use another clock in this process, in all of its threads.

    Raises:
        RuntimeError: It is replaced already.
    """
    global _clock  # noqa: PLW0603 - one clock for all threads, as there is one time
    if _clock is not _REAL:
        raise RuntimeError("the clock is replaced already: leave one fake_clock() before you enter another")
    _clock = by
    try:
        yield
    finally:
        _clock = _REAL
