"""What all tests share."""

from tests.vcr_config import pytest_recording_configure, vcr_config

__all__ = ["pytest_recording_configure", "vcr_config"]
