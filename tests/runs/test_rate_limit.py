"""RateLimit, with time that a test winds forward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune._foundation.clock import clock as clock_in_use
from langsmith_finetune.runs.langsmith.rate_limit import RateLimit
from langsmith_finetune.runs.langsmith.read_apis import V1, V2
from langsmith_finetune.runs.langsmith.transport import QUERIES
from langsmith_finetune.testing.clock import FakeClock
from tests.support.paths import ROOT


def waited(limit: RateLimit, clock: FakeClock) -> None:
    while seconds := limit.take():
        clock.sleep(seconds)


@given(st.lists(st.floats(0, 4), min_size=1, max_size=60), st.integers(1, 5))
def test_the_server_never_sees_more_than_the_limit_in_any_span(times_to_answer, most):
    clock, seen = clock_in_use(), []
    limit = RateLimit(most, seconds=10)
    for seconds in times_to_answer:
        waited(limit, clock)
        clock.sleep(seconds)  # on its way for all that time: the server sees it at the very end
        seen.append(clock.now())
        limit.give_back()
    assert all(late - early >= 10 - 1e-9 for early, late in zip(seen, seen[most:], strict=False))


def test_slots_are_free_at_first_and_a_span_after_the_answer(clock):
    limit = RateLimit(2, seconds=10)
    assert (limit.take(), limit.take()) == (0.0, 0.0)
    assert 0 < limit.take() < 1  # both are under way: look again soon
    limit.give_back()
    assert limit.take() == pytest.approx(10)
    clock.sleep(10)
    assert limit.take() == 0.0


def test_a_pause_holds_everybody(clock):
    limit = RateLimit(2, seconds=10)
    limit.pause(30)
    limit.pause(5)  # does not shorten it
    assert limit.take() == pytest.approx(30)
    clock.sleep(30)
    assert limit.take() == 0.0


def test_documented_rate_is_that_of_pages_and_limit():
    by_version = [api.page_size * QUERIES[0] / QUERIES[1] for api in (V1, V2)]
    assert by_version == [150, 1500]
    docs = ROOT / "docs"
    scaling = " ".join((docs / "scaling.md").read_text(encoding="utf-8").split())
    selecting = " ".join((docs / "selecting.md").read_text(encoding="utf-8").split())
    assert "**150 runs a second on v1, and 1,500 on v2**" in scaling
    assert "up to 150 runs a second on v1, and 1,500 on v2" in selecting
