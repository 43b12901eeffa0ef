"""Moves the clock of a Python process whose path has this folder: Python imports this before anything else."""

import os
import time

import time_machine

time_machine.travel(time.time() + int(os.environ["LATER_BY_DAYS"]) * 86_400).start()
