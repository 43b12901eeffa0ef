"""What the tests' tables count: `python -m benchmarks.tables`. Nothing is measured, and it takes a second.

The faults that are planted at requests, and what becomes of the chat templates that TRL ships; `tests/providers/local`
holds the latter to what the trainer does.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks import results
from tests.support.standins.faults import FAULTS

OUTCOMES = Path(__file__).parents[1] / "tests" / "data" / "template_outcomes.json"


def main() -> None:
    """Count, print, and record."""
    sizes = results.sizes(__doc__)
    outcomes = json.loads(OUTCOMES.read_text(encoding="utf-8"))
    with_calls = [
        found["one call"] for found in outcomes.values() if "tool call out" not in found["one call"]
    ]
    figures = {
        "faults_count": len(FAULTS),
        "templates_count": len(outcomes),
        "with_calls_count": len(with_calls),
        "trained_with_calls_count": sum("messages[" not in outcome for outcome in with_calls),
    }
    print(figures)
    results.record("tables", figures, sizes, packages=("trl",))


if __name__ == "__main__":
    main()
