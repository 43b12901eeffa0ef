"""Imports the packages of the extra `local` where they are first needed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from langsmith_finetune._foundation.extras import missing, without_tqdm_warning

_NEEDED = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "psutil", "llguidance")


def require_local_extra() -> None:
    """See that everything is installed, without loading it, and that it will load in silence.

    Raises:
        ImportError: A package is missing; says how to install it.
    """
    lacking = [name for name in _NEEDED if not _is_there(name)]
    if lacking:
        raise missing("training and answering on this machine", ", ".join(lacking), "local")
    without_tqdm_warning()


def _is_there(name: str) -> bool:
    try:
        return name in sys.modules or find_spec(name) is not None
    except ImportError:
        return False


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing a bar for each model file while this lasts."""
    from transformers.utils import logging

    before = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if before:
            logging.enable_progress_bar()
