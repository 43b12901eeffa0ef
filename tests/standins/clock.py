"""A clock whose hours take no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from langsmith_finetune._foundation.clock import Clock


class FakeClock(Clock):
    """Moves on only by being slept on. `on_sleep` is called at each sleep, and may raise.

    A test that sleeps 10,000 times waits for something that never comes: that is an error.
    """

    def __init__(self, on_sleep: Callable[[float], None] | None = None) -> None:
        self.slept: list[float] = []
        self._on_sleep = on_sleep

    def now(self) -> float:
        return 1000.0 + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        assert len(self.slept) < 10_000, "waits for something that never comes"
        self.slept.append(seconds)
        if self._on_sleep is not None:
            self._on_sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)
