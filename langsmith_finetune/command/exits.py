"""Exit codes. The documentation of the command line lists them."""

from __future__ import annotations

DONE = 0
FAILED = 1
"""Something went wrong; one line on stderr says what."""
USAGE = 2
"""The command line is wrong. argparse's own code."""
REFUSED = 3
"""`check`, or `fix` on what is left: the target would refuse the file."""
NOT_CONFIRMED = 4
"""Nobody confirmed that the job may cost money. Nothing was sent."""
JOB_FAILED = 5
"""The job failed or was cancelled."""
STILL_RUNNING = 6
"""`--timeout` has passed; the job goes on."""
NOT_BETTER = 7
"""`evaluate --better-by`: the model was not shown to be better by so much."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""
BROKEN_PIPE = 141
"""Nobody reads the output any more, as shells count it."""


class StopError(Exception):
    """Ends a command early, as when a callback has found that there is no more to do.

    Args:
        code: The exit code.
        text: What to say on stderr; empty for nothing.
    """

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
