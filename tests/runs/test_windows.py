"""WindowPlan, read from a source that answers a page at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune.runs.langsmith.windows import SHORTEST, WindowPlan, floor

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def read(starts: list[datetime], *, page_size: int, ahead: int, shuffled: bool, days: int = 40):
    """Every run's start as the plan finds it, and how many requests that took."""
    plan = WindowPlan(BEGIN, BEGIN + timedelta(days=days), target=3.8 * page_size)
    plan.random = shuffled
    found, requests = [], 0
    while plan.next:
        window = plan.ready(ahead)[0]
        assert window == plan.next[0]
        most = (8 if plan.knows_traffic else 2) * page_size if window.divisible else len(starts)
        inside = sorted((s for s in starts if window.since <= s < window.until), reverse=True)
        requests += max(1, -(-min(len(inside), most) // page_size))
        assert requests < 10_000
        if len(inside) <= most:
            found += inside
            plan.was_whole(inside)
        elif shuffled:
            plan.was_too_much(Random(1).sample(inside, most))
        else:
            since = floor(inside[most - 1]) + SHORTEST
            newer = [start for start in inside if start >= since]
            found += newer
            if newer:
                plan.was_whole(newer, since)
            else:
                plan.was_too_much(inside[:most])
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
    "steady": lambda random, n: n / 10_000,
    "only lately": lambda random, n: 0.99 + 0.01 * random.random(),
    "by day": lambda random, n: (random.randrange(40) + 0.3 + random.gauss(0, 0.1)) / 41,
    "in bursts": lambda random, n: (random.randrange(60) + random.random() ** 4 / 50) / 61,
}


@pytest.mark.parametrize("traffic", TRAFFIC)
@pytest.mark.parametrize("shuffled", [False, True])
def test_windows_take_few_requests_more_than_pages(traffic, shuffled):
    random = Random(7)
    starts = [BEGIN + timedelta(days=40) * abs(TRAFFIC[traffic](random, n)) for n in range(10_000)]
    found, requests = read(starts, page_size=100, ahead=2, shuffled=shuffled)
    assert len(found) == 10_000
    assert requests <= 100 * 1.3


def test_window_of_one_moment_is_not_divided():
    moment = BEGIN + timedelta(days=3)
    found, requests = read([moment] * 90, page_size=10, ahead=2, shuffled=False)
    assert len(found) == 90
    assert requests < 20


@pytest.mark.parametrize("way", [1, -1])
def test_a_sample_that_is_none_ends_all_the_same(way):
    plan = WindowPlan(BEGIN, BEGIN + timedelta(days=40), target=38)
    plan.random = True
    starts = [BEGIN + timedelta(minutes=50 * n) for n in range(1000)]
    found, requests = [], 0
    while plan.next:
        [window] = plan.ready(1)
        inside = [start for start in starts if window.since <= start < window.until][::way]
        requests += 1
        assert requests < 200
        if len(inside) <= 80:
            found += sorted(inside, reverse=True)
            plan.was_whole(inside)
        else:
            plan.was_too_much(inside[:80])
    assert found == starts[::-1]


def test_a_window_that_takes_too_long_is_halved():
    plan = WindowPlan(BEGIN, BEGIN + timedelta(days=4), target=100)
    plan.was_too_much([])
    middle = BEGIN + timedelta(days=2)
    assert [(w.since, w.until) for w in plan.next] == [
        (middle, BEGIN + timedelta(days=4, milliseconds=1)),
        (BEGIN, middle),
    ]


def test_an_empty_span_has_no_windows():
    assert not WindowPlan(BEGIN, BEGIN - timedelta(days=1), target=100).ready(3)
