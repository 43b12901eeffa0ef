"""Trainings in the process of the tests, which has loaded torch already: one of its own takes seconds to load it again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

import langsmith_finetune.providers.local.provider as local
from langsmith_finetune.providers.local.run_folder import RunFolder


def train_here(run: RunFolder, *, processes: int = 1) -> int:
    """Train what a run folder asks for, before this returns; the exit code is that of the process."""
    from langsmith_finetune.providers.local.train import main

    assert processes == 1
    umask = os.umask(0o077)
    try:
        # The warnings of other packages go to a log otherwise.
        with warnings.catch_warnings(action="ignore"):
            return main(str(run.path))
    finally:
        os.umask(umask)


@contextmanager
def trained_here() -> Iterator[None]:
    """A job is created trained, until the block ends."""
    with mock.patch.object(local, "start_training", train_here):
        yield


@pytest.fixture
def training_here() -> Iterator[None]:
    """A job is created trained. What a process of its own does is tested without this."""
    with trained_here():
        yield
