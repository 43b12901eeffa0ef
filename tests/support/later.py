"""Another day for a whole run of the tests, and LangSmith's v1 endpoints gone: `make later`.

    LANGSMITH_FINETUNE_CLOCK=2027-02-01 LANGSMITH_FINETUNE_V1=410 python -m pytest tests/runs

Time goes on as ever, from the same hour of that day, here and in every Python process that tests start. Files keep
the time of this machine's own clock, and so do programs that are not Python's.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from importlib import import_module

from tests.support.paths import TESTS, python_path

CLOCK, V1 = "LANGSMITH_FINETUNE_CLOCK", "LANGSMITH_FINETUNE_V1"
_DAYS = "LANGSMITH_FINETUNE_CLOCK_DAYS"  # how many; a process that is started after midnight counts others


def move_clock() -> None:
    """Move the clock of this process, unless whoever started it did, and of those that it starts."""
    day = os.environ.get(CLOCK)
    if day and _DAYS not in os.environ:
        hook = str(TESTS / "support" / "clock")
        os.environ[_DAYS] = str((date.fromisoformat(day) - datetime.now(UTC).date()).days)
        os.environ["PYTHONPATH"] = python_path(hook)
        sys.modules.pop("sitecustomize", None)  # some systems have one of their own
        sys.path.insert(0, hook)
        import_module("sitecustomize")


def is_moved() -> bool:
    """True if the clock is that of another day."""
    return _DAYS in os.environ


def gone_answer() -> int | None:
    """What v1 answers where it is gone; None where it is not."""
    return int(os.environ.get(V1) or 0) or None
