"""Another day for a whole run of the tests: `pytest --clock=2027-02-01`.

Time goes on as ever, from the same hour of that day, here and in every Python process that tests start. Files keep
the time of this machine's own clock, and so do programs that are not Python's.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from importlib import import_module

from tests.support.paths import TESTS, python_path

_DAYS = "LATER_BY_DAYS"


def move_clock(day: date) -> None:
    """Move the clock of this process, unless whoever started it did, and of those that it starts."""
    if _DAYS not in os.environ:
        hook = str(TESTS / "support" / "clock")
        os.environ[_DAYS] = str((day - datetime.now(UTC).date()).days)
        os.environ["PYTHONPATH"] = python_path(hook)
        sys.modules.pop("sitecustomize", None)  # some systems have one of their own
        sys.path.insert(0, hook)
        import_module("sitecustomize")


def is_moved() -> bool:
    """True if the clock is that of another day."""
    return _DAYS in os.environ
