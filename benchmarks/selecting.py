"""Count the requests that select_runs makes: `python benchmarks/selecting.py`.

Against the stand-in in tests/support/standins, which keeps LangSmith's rate limit and answers as its API description
says. The least is what pages that are all full would take. Requests for feedback are not under the limit of run
queries. No time is measured: the clock is wound forward.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.standins.traffic import TRAFFIC, Case, queries_and_others


def cases(scale: float = 1.0) -> list[Case]:
    """What is printed."""
    few, many = int(6_000 * scale), int(20_000 * scale)
    return [
        *(Case(traffic, "v1", few) for traffic in TRAFFIC),
        *(Case(traffic, "v1", few, ordered=False) for traffic in ("steady", "bursty")),
        *(Case(traffic, "v2", many) for traffic in TRAFFIC),
        *(Case(traffic, "v2", many, ordered=False) for traffic in TRAFFIC),
        *(Case("steady", api, many, limit=10) for api in ("v1", "v2")),
        Case("steady", "v2", many, ordered=False, limit=10),
        *(Case("steady", "v1", few, rated=rated) for rated in RATED),
        *(Case("steady", "v2", many, rated=rated) for rated in RATED),
    ]


RATED = (0.0, 0.02, 1.0)
"""Shares of traces whose roots have feedback."""


def main() -> None:
    """Print a table."""
    print(
        f"{'traffic':22}{'API':6}{'order':8}{'runs':>7}{'requests':>10}{'a thousand':>12}{'of least':>10}{'feedback':>10}"
    )
    for case in cases():
        made, of_feedback = queries_and_others(case)
        wanted = min(case.count, case.limit or case.count)
        name = case.traffic + (f", limit={case.limit}" if case.limit else "")
        name += "" if case.rated is None else f", {case.rated:.0%} rated"
        order = "newest" if case.ordered else "none"
        each = "" if case.limit else f"{made / wanted * 1000:.2f}"
        print(
            f"{name:22}{case.api:6}{order:8}{wanted:7}{made:10}{each:>12}{made / case.least:10.2f}{of_feedback:10}",
            flush=True,
        )


if __name__ == "__main__":
    main()
