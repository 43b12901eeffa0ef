"""What all tests share."""

import pytest

from tests.vcr_config import pytest_recording_configure, vcr_config

__all__ = ["pytest_recording_configure", "vcr_config"]


@pytest.fixture(autouse=True)
def journal_of_its_own(tmp_path_factory, monkeypatch):
    """No test writes into the journal of whoever runs it, or finds jobs of another test in it."""
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path_factory.mktemp("journal")))
