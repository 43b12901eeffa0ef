"""How often a 95 % interval holds what is true: `python -m benchmarks.intervals`.

Two equal models are compared over and over, with answers that are alike within conversations (`tests/support/simulated.py`).
An interval that promises 95 % holds no difference in 95 of 100 comparisons. The draws are the same each time.
"""

from __future__ import annotations

from benchmarks import results
from tests.support.simulated import CASES, times_covered


def main() -> None:
    """Compare, print, and record."""
    sizes = results.sizes(__doc__, comparisons=1000)
    figures: dict[str, float] = {"comparisons_count": sizes.comparisons}
    for conversations, longest, rate in CASES:
        covered = times_covered(conversations, longest, rate, comparisons=sizes.comparisons)
        held = 100 * covered / sizes.comparisons
        figures[f"{conversations}_conversations_1_to_{longest}_percent"] = held
        print(f"{conversations} conversations of 1 to {longest} answers: {held:.1f} %", flush=True)
    results.record("intervals", figures, sizes, packages=("numpy", "scipy"))


if __name__ == "__main__":
    main()
