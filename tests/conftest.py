"""What all tests share."""

from datetime import date

import pytest

from langsmith_finetune.dataset import prices
from langsmith_finetune.providers import lifecycle
from tests.vcr_config import pytest_recording_configure, vcr_config

__all__ = ["pytest_recording_configure", "vcr_config"]


@pytest.fixture(autouse=True)
def journal_of_its_own(tmp_path_factory, monkeypatch):
    """No test writes into the journal of whoever runs it, or finds jobs of another test in it."""
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path_factory.mktemp("journal")))


@pytest.fixture(autouse=True)
def the_same_day(monkeypatch):
    """Prices grow old and models end: no test passes or fails by the calendar."""
    for module in (prices, lifecycle):
        monkeypatch.setattr(module, "_today", lambda: date(2026, 11, 23))
