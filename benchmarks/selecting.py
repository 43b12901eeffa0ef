"""Count the requests that select_runs makes: `python -m benchmarks.selecting`.

Against the stand-in in tests/support/standins, which keeps LangSmith's rate limit and answers as its API description
says. The least is what pages that are all full would take. Requests for feedback are not under the limit of run
queries. No time is measured: the clock is wound forward. What a selection waits for LangSmith follows from the requests of the
bursty traffic and the limit, 15 run queries in 10 seconds.
"""

from __future__ import annotations

from benchmarks import results
from tests.support.standins.traffic import TRAFFIC, Case, queries_and_others


def cases(few: int, many: int) -> list[Case]:
    """What is printed: few runs on v1, many on v2."""
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


def name_of(case: Case) -> str:
    """The name of its figures."""
    name = f"{case.traffic} {case.api} {'newest' if case.ordered else 'unordered'}".replace(",", "")
    name += "" if case.limit is None else f" limit {case.limit}"
    name += "" if case.rated is None else f" rated {case.rated:.0%}".replace("%", "_percent")
    return name.replace(" ", "_")


def main() -> None:
    """Print a table, and record."""
    sizes = results.sizes(__doc__, few=6_000, many=20_000)
    print(
        f"{'traffic':22}{'API':6}{'order':8}{'runs':>7}{'requests':>10}{'a thousand':>12}{'of least':>10}{'feedback':>10}"
    )
    figures: dict[str, float] = {"few_count": sizes.few, "many_count": sizes.many}
    for case in cases(sizes.few, sizes.many):
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
        if case.limit:
            figures[f"{name_of(case)}_count"] = made
        else:
            figures[f"{name_of(case)}_per_thousand"] = made / wanted * 1000
        if case.rated is not None:
            figures[f"{name_of(case)}_feedback_count"] = of_feedback
    for api in ("v1", "v2"):
        seconds = figures[f"bursty_{api}_newest_per_thousand"] / 1000 / 1.5  # of one run
        figures |= {
            f"{api}_100_thousand_minutes": seconds * 1e5 / 60,
            f"{api}_10_million_hours": seconds * 1e7 / 3600,
            f"{api}_1_billion_days": seconds * 1e9 / 86_400,
        }
    results.record("selecting", figures, sizes)


if __name__ == "__main__":
    main()
