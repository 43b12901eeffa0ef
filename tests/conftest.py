"""What all tests share."""

import os
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, settings

from langsmith_finetune.cost import prices
from langsmith_finetune.providers import lifecycle
from langsmith_finetune.testing import fake_clock
from tests.support.certificates import read_certificates_once
from tests.support.later import gone_answer, is_moved

read_certificates_once()

# Each process of the tests, and each that it starts, computes on one core: several would wait for one another on the
# cores that they share.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples on every run and every machine, however busy it is; `make fuzz` searches for new ones.
_steady = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=True
)
settings.register_profile("fixed", _steady, derandomize=True)
settings.register_profile("search", _steady, max_examples=1000)
settings.load_profile("fixed")  # pytest's --hypothesis-profile loads another one after this


def pytest_report_header():
    if is_moved():
        return f"as on {datetime.now(UTC).date()}; LangSmith's v1 endpoints answer {gone_answer() or 'as they do today'}"
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Coverage is that of the quick tests: it doubles the time, and those that search run the same lines again and again."""
    for item in items:
        if item.get_closest_marker("slow") or item.get_closest_marker("hypothesis"):
            item.add_marker("no_cover")


@pytest.fixture(autouse=True)
def journal_of_its_own(tmp_path_factory, monkeypatch):
    """No test writes into the journal of whoever runs it, or finds jobs of another test in it."""
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path_factory.mktemp("journal")))


@pytest.fixture
def in_2026(monkeypatch):
    """A day on which hosts still train what they have ended since, at prices read lately."""
    for module in (prices, lifecycle):
        monkeypatch.setattr(module, "_today", lambda: date(2026, 11, 23))


@pytest.fixture(autouse=True)
def the_same_day(request):
    """Prices grow old and models end: no test passes or fails by the calendar, unless it is asked for another day."""
    if not is_moved():
        request.getfixturevalue("in_2026")


@pytest.fixture
def clock():
    """Waiting takes no time."""
    with fake_clock() as clock:
        yield clock
