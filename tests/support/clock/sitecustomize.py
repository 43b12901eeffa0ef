"""Moves the clock of a Python process whose path has this folder: Python imports this before anything else."""

import os
import sys
import time

has_pytest = "pytest" in sys.modules
if not has_pytest:
    sys.modules["pytest"] = None  # it would be imported, for a fixture, by processes that have no use for it
import time_machine  # noqa: E402

if not has_pytest:
    del sys.modules["pytest"]

days = int(os.environ["LANGSMITH_FINETUNE_CLOCK_DAYS"])
time_machine.travel(time.time() + days * 86_400).start()
