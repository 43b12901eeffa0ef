"""What all tests share."""

from datetime import date

import pytest
from hypothesis import HealthCheck, settings

from langsmith_finetune.cost import prices
from langsmith_finetune.providers import lifecycle
from langsmith_finetune.testing import fake_clock
from tests.support.later import is_moved, move_clock
from tests.support.standins.langsmith import LangSmith

# The same examples on every run and every machine, however busy it is; `make fuzz` searches for new ones.
_steady = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], print_blob=True
)
settings.register_profile("fixed", _steady, derandomize=True)
settings.register_profile("search", _steady, max_examples=1000)
settings.load_profile("fixed")  # pytest's --hypothesis-profile loads another one after this


def pytest_addoption(parser):
    group = parser.getgroup("a later day", "What `make later` asks for:")
    group.addoption("--clock", metavar="DAY", help="run as if it were this day, such as 2027-02-01")
    group.addoption("--v1", type=int, choices=(404, 410), help="what LangSmith's v1 endpoints answer that go")


def pytest_configure(config):
    if day := config.getoption("--clock"):
        move_clock(date.fromisoformat(day))
    LangSmith.v1_gone = config.getoption("--v1")


@pytest.fixture(autouse=True)
def journal_of_its_own(tmp_path_factory, monkeypatch):
    """No test writes into the journal of whoever runs it, or finds jobs of another test in it."""
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path_factory.mktemp("journal")))


@pytest.fixture(autouse=True)
def the_same_day(monkeypatch):
    """Prices grow old and models end: no test passes or fails by the calendar."""
    for module in () if is_moved() else (prices, lifecycle):
        monkeypatch.setattr(module, "_today", lambda: date(2026, 11, 23))


@pytest.fixture
def clock():
    """Waiting takes no time."""
    with fake_clock() as clock:
        yield clock
