"""Time, as an object that a test can wind forward."""

from __future__ import annotations

import asyncio
import time


class Clock:
    """The real clock. A test passes one of its own, so that hours of waiting take no time.

    Example:
        >>> clock = Clock()
        >>> started = clock.now()
        >>> clock.sleep(0.01)
        >>> clock.now() - started >= 0.01
        True
    """

    def now(self) -> float:
        """Seconds on a clock that never goes backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, blocking this thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wait without blocking the event loop."""
        await asyncio.sleep(seconds)
