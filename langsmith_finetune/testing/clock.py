"""A clock whose hours take no time."""

from __future__ import annotations

import asyncio

from langsmith_finetune._foundation.clock import Clock


class FakeClock(Clock):
    """Moves on by being slept on, or by `advance`, and not otherwise.

    Args:
        start: What it shows first, in seconds since 1970.

    Example:
        >>> clock = FakeClock(start=0)
        >>> clock.sleep(3600)
        >>> clock.now()
        3600.0
    """

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = float(start)

    def now(self) -> float:
        """What it shows, in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Wind it forward.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"a clock goes forward only, but seconds is {seconds}")
        self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Wind it forward, at once."""
        self.advance(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wind it forward, and let others go on."""
        self.advance(seconds)
        await asyncio.sleep(0)
