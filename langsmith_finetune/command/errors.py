"""Errors as one readable line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from langsmith_finetune._printable import printable_line
from langsmith_finetune.command import exits
from langsmith_finetune.errors import FineTuneError, JobFailedError, JobTimeoutError

_EXPECTED = (FineTuneError, ValueError, TypeError, OSError, ImportError)


def line_of(error: BaseException, flags: Iterable[str]) -> str:
    """The text of an error, with arguments named as the flags of the command.

    Args:
        error: What was raised.
        flags: The names of the command's arguments: `"validation_size"` for `--validation-size`.

    Example:
        >>> line_of(ValueError("give the job another name=, or seed=1"), ["name", "seed"])
        'give the job another --name, or --seed=1'
    """
    text = str(error)
    if isinstance(error, OSError) and error.filename and error.strerror:
        text = f"{error.filename}: {error.strerror}"  # without the number
    text = " ".join(text.split())
    for name in flags:
        flag = "--" + name.replace("_", "-")
        text = re.sub(rf"(?<![\w-]){name}=(?=\w)", f"{flag}=", text)
        text = re.sub(rf"(?<![\w-]){name}=(?=[\s,;:]|$)", flag, text)
    if not isinstance(error, _EXPECTED):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return printable_line(text or type(error).__name__)


def code_of(error: BaseException) -> int:
    """The exit code for an error."""
    if isinstance(error, JobFailedError):
        return exits.JOB_FAILED
    if isinstance(error, JobTimeoutError):
        return exits.STILL_RUNNING
    return exits.FAILED
