"""A terminal that keeps what it is shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr


class Terminal(io.StringIO):
    """What is written to it; it says that it is a terminal."""

    def isatty(self) -> bool:
        return True

    @property
    def last(self) -> str:
        """The line that is left."""
        return self.getvalue().rstrip().split("\r")[-1]


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Run with a terminal for stderr."""
    with redirect_stderr(Terminal()) as shown:
        yield shown
