"""Kinds of traffic, and how many run queries it takes to select all of it."""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import langsmith

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune.runs.langsmith.read_apis import V1, V2
from langsmith_finetune.runs.select import select_runs
from langsmith_finetune.testing import fake_clock
from langsmith_finetune.testing.clock import FakeClock
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith, trace

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
V1_ONLY = {"v2": False, "version": "0.13.37"}
DAY = 86_400.0


def steady(n: int, count: int, _: Random) -> float:
    """One run every 40 seconds."""
    return 40.0 * n


def by_day(n: int, count: int, random: Random) -> float:
    """Most of them about noon, over a month."""
    return DAY * (random.randrange(30) + min(max(random.gauss(0.5, 0.1), 0), 1))


def bursty(n: int, count: int, random: Random) -> float:
    """Twenty bursts of three seconds, in a month."""
    return DAY * 1.5 * random.randrange(20) + 3 * random.random()


def one_burst(n: int, count: int, random: Random) -> float:
    """All in five seconds, ten days ago."""
    return DAY * 10 + 5 * random.random()


def sparse(n: int, count: int, random: Random) -> float:
    """Over a year."""
    return DAY * 365 * random.random()


def same_times(n: int, count: int, random: Random) -> float:
    """Fifty moments, at each of which a fiftieth of them began."""
    return 3600.0 * (n * 50 // count)


TRAFFIC = {
    "steady": steady,
    "by day": by_day,
    "bursty": bursty,
    "all in five seconds": one_burst,
    "sparse, over a year": sparse,
    "same start times": same_times,
}


@dataclass(frozen=True)
class Case:
    """A selection to count."""

    traffic: str
    api: str = "v2"
    count: int = 20_000
    ordered: bool = True
    limit: int | None = None
    rated: float | None = None
    """The share of roots that have feedback; where it is None, the runs have no roots."""

    @property
    def least(self) -> int:
        """Requests, if every page were full."""
        size = (V1 if self.api == "v1" else V2).page_size
        return math.ceil(min(self.count, self.limit or self.count) / size)


def runs_of(
    moment: Callable[[int, int, Random], float], count: int, rated: float | None = None
) -> list[dict[str, Any]]:
    """Runs that began at such moments before now. Most cases need no roots: it is the number that counts."""
    random = Random(7)
    runs = []
    for n in range(count):
        started = NOW - timedelta(seconds=moment(n, count, random))
        feedback = [{"key": "user_score", "score": 1}] if n < count * (rated or 0) else []
        root, run = trace(
            run_id=str(uuid.UUID(int=n, version=4)), started=started, root={"feedback": feedback}
        )
        alone = {"trace_id": run["id"], "parent_run_id": None}
        runs += [run | alone] if rated is None else [root, run]
    return runs


def _fake_clock() -> AbstractContextManager[FakeClock]:
    """The fake clock in use, or one for this case."""
    in_use = clock()
    return nullcontext(in_use) if isinstance(in_use, FakeClock) else fake_clock()


def queries(case: Case) -> int:
    """How many run queries a selection takes. All its runs are compared with those there are."""
    return queries_and_others(case)[0]


def queries_and_others(case: Case) -> tuple[int, int]:
    """How many run queries a selection takes, and how many requests for feedback."""
    runs = runs_of(TRAFFIC[case.traffic], case.count, case.rated)
    offers = V1_ONLY if case.api == "v1" else {"v1": False}
    with (
        _fake_clock() as fake,
        LangSmith(runs, clock=fake, ordered=case.ordered, always_ordered=False, **offers) as server,
    ):
        with langsmith.Langsmith(api_key=KEY, base_url=server.url) as client:
            found = list(select_runs(client, project_id=PROJECT_ID, limit=case.limit))
        llm = [run for run in server.runs if run["run_type"] == "llm"]
        wanted = sorted(llm, key=lambda run: (run["start_time"], run["id"]), reverse=True)
        assert [run.id for run in found] == [run["id"] for run in wanted][: case.limit], case
        rated = {run["trace_id"] for run in server.runs if run["run_type"] == "chain" and run["feedback"]}
        assert {run.trace_id for run in found if getattr(run, "trace_feedback_stats", None)} == rated, case
        assert server.refused == 0, case
        return len(server.queried), sum(request.path == "/api/v1/feedback" for request in server.requests)
