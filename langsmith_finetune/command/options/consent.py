"""The question before something is paid for."""

from __future__ import annotations

import sys

from langsmith_finetune.command import exits
from langsmith_finetune.command.output import Output


def require_yes(out: Output, question: str, *, refused: str, unasked: str) -> None:
    """Ask on the terminal, and go on only after a yes.

    Args:
        out: Where the question goes.
        question: What is asked.
        refused: What to say after any other answer.
        unasked: What to say where there is no terminal to ask on.

    Raises:
        StopError: Nobody said yes.
    """
    if not sys.stdin.isatty():
        raise exits.StopError(exits.NOT_CONFIRMED, unasked)
    out.note(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise exits.StopError(exits.NOT_CONFIRMED, refused)
