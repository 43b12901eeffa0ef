"""A clock whose hours take no time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from langsmith_finetune._foundation.clock import Clock, clock_replaced

_MOST_SLEEPS = 10_000


class FakeClock(Clock):
    """Moves on when something sleeps on it, or by `advance`. `fake_clock()` puts one in use.

    Args:
        start: The first time that it shows, in seconds since 1970.
        on_sleep: Called with the seconds of each sleep. It may raise.

    Attributes:
        slept: The seconds of each sleep so far.
    """

    def __init__(
        self, start: float = 1_800_000_000.0, on_sleep: Callable[[float], object] | None = None
    ) -> None:
        self.slept: list[float] = []
        self.on_sleep = on_sleep
        self._now = float(start)

    def now(self) -> float:
        """The time that it shows, in seconds."""
        return self._now

    def time(self) -> float:
        """The time that it shows, in seconds since 1970."""
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
        """Wind it forward, at once.

        Raises:
            RuntimeError: It was slept on 10,000 times: the test waits for something that never comes.
        """
        if len(self.slept) >= _MOST_SLEEPS:
            raise RuntimeError(f"slept {_MOST_SLEEPS:,} times: this waits for something that never comes")
        self.advance(seconds)
        self.slept.append(seconds)
        if self.on_sleep is not None:
            self.on_sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Wind it forward, and let others go on."""
        self.sleep(seconds)
        await asyncio.sleep(0)


@contextmanager
def fake_clock(start: float = 1_800_000_000.0) -> Iterator[FakeClock]:
    """Use a fake clock for everything that this library waits for, in all threads of the process.

    Args:
        start: The first time that it shows, in seconds since 1970.

    Raises:
        RuntimeError: One is in use already.

    Example:
        >>> from langsmith_finetune.testing import fake_clock
        >>> with fake_clock() as clock:
        ...     clock.sleep(3600)
        ...     clock.slept
        [3600]
    """
    clock = FakeClock(start)
    with clock_replaced(clock):
        yield clock
