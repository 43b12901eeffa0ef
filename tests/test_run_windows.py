"""WindowPlan, read from a source that answers a page at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune.runs.windows import WindowPlan

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def read(starts: list[datetime], *, page_size: int, ahead: int, shuffled: bool, days: int = 40):
    """Every run's start as the plan finds it, and how many requests that took."""
    plan = WindowPlan(BEGIN, BEGIN + timedelta(days=days), page_size=page_size)
    found, requests = [], 0
    while plan.next:
        window = plan.next[0]
        inside = sorted((s for s in starts if window.since <= s < window.until), reverse=True)
        requests += 1
        assert requests < 10_000
        if len(inside) <= page_size or not window.divisible:
            found += inside
            plan.was_whole(len(inside))
        else:
            page = Random(1).sample(inside, page_size) if shuffled else inside[:page_size]
            plan.was_too_much(page)
        plan.narrow(ahead)
        edges = [(w.since, w.until) for w in plan.next]
        assert all(newer[0] == older[1] for newer, older in pairwise(edges))
    return found, requests


@given(
    st.lists(st.integers(0, 40 * 86_400 * 1000 - 1) | st.integers(5_000_000, 5_000_020), max_size=60),
    st.integers(1, 8),
    st.integers(1, 4),
    st.booleans(),
)
def test_every_run_is_in_one_window_and_the_newest_come_first(offsets, page_size, ahead, shuffled):
    starts = [BEGIN + timedelta(milliseconds=offset) for offset in offsets]
    found, _ = read(starts, page_size=page_size, ahead=ahead, shuffled=shuffled)
    assert found == sorted(starts, reverse=True)


TRAFFIC = {
    "steady": lambda random, n: n / 5000,
    "only lately": lambda random, n: 0.99 + 0.01 * random.random(),
    "by day": lambda random, n: (random.randrange(40) + 0.3 + random.gauss(0, 0.1)) / 41,
    "in bursts": lambda random, n: (random.randrange(60) + random.random() ** 4 / 50) / 61,
}


@pytest.mark.parametrize("traffic", TRAFFIC)
@pytest.mark.parametrize(("shuffled", "most"), [(False, 3.5), (True, 5)])
def test_windows_take_few_requests_more_than_pages(traffic, shuffled, most):
    random = Random(7)
    starts = [BEGIN + timedelta(days=40) * abs(TRAFFIC[traffic](random, n)) for n in range(5000)]
    found, requests = read(starts, page_size=100, ahead=4, shuffled=shuffled)
    assert len(found) == 5000
    assert requests <= 50 * most


def test_more_runs_in_a_moment_than_a_page_holds_leave_a_window_that_cannot_be_divided():
    moment = BEGIN + timedelta(days=3)
    found, requests = read([moment] * 30, page_size=10, ahead=2, shuffled=False)
    assert len(found) == 30
    assert requests < 12


def test_a_window_that_takes_too_long_is_halved():
    plan = WindowPlan(BEGIN, BEGIN + timedelta(days=4), page_size=100)
    plan.was_too_much([])
    plan.narrow(2)
    middle = BEGIN + timedelta(days=2)
    assert [(w.since, w.until) for w in plan.next] == [
        (middle, BEGIN + timedelta(days=4, milliseconds=1)),
        (BEGIN, middle),
    ]


def test_an_empty_span_has_no_windows():
    plan = WindowPlan(BEGIN, BEGIN - timedelta(days=1), page_size=100)
    plan.narrow(3)
    assert not plan.next
