"""For tests of your own: a provider that costs nothing, a clock to wind, and the suite that every provider passes.

Example:
    >>> from langsmith_finetune.testing import FakeProvider, fake_clock
    >>> provider = FakeProvider(training_seconds=3600)
    >>> with fake_clock() as clock:
    ...     clock.advance(3600)  # FineTuneJob.create(..., provider=provider).wait() does not take an hour

`ProviderContract` is a class of pytest methods; importing it does not import pytest.
"""

from langsmith_finetune.testing.clock import fake_clock
from langsmith_finetune.testing.contract import ProviderContract
from langsmith_finetune.testing.fake import FakeProvider

__all__ = ["FakeProvider", "ProviderContract", "fake_clock"]
