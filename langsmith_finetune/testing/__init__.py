"""For tests of your own: a provider that costs nothing, a clock to wind, and the suite every provider passes.

Example:
    >>> from langsmith_finetune.testing import FakeClock, FakeProvider
    >>> clock = FakeClock()
    >>> provider = FakeProvider(clock=clock, training_seconds=3600)

`ProviderContract` is a class of pytest methods; importing it does not import pytest.
"""

from langsmith_finetune.testing.clock import FakeClock
from langsmith_finetune.testing.contract import ProviderContract
from langsmith_finetune.testing.fake import FakeProvider

__all__ = ["FakeClock", "FakeProvider", "ProviderContract"]
