"""How far a cell had come when it was killed at random lines: `python -m benchmarks.killing`.

`tests/reliability/test_kill.py` kills the cell, runs it to its end, and fails where anything was paid for twice; this counts.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

from benchmarks import results

TEST = "tests/reliability/test_kill.py::test_a_process_killed_at_random_lines_pays_once"
TOLD = re.compile(r"^(\d+) rounds, (\d+) kills at (\d+) lines: (\{.*\})$", re.MULTILINE)
STAGES = {
    "nothing": ("nothing written yet",),
    "intended": ("intended",),
    "creating": ("creating",),
    "created": ("created",),
    "deploying": ("ended", "deploying"),
    "deployed": ("deployed",),
}


def main() -> None:
    """Let the test run, print what it says, and record."""
    sizes = results.sizes(__doc__, rounds=100)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", TEST]
    said = subprocess.run(  # noqa: S603
        command,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"LANGSMITH_FINETUNE_KILL_ROUNDS": str(sizes.rounds)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    found = TOLD.search(said)
    if found is None:
        raise ValueError(f"the test tells no figures: {said[-500:]}")
    print(found[0])
    kills = ast.literal_eval(found[4])
    figures: dict[str, float] = {
        "rounds_count": int(found[1]),
        "kills_count": int(found[2]),
        "lines_count": int(found[3]),
    }
    for name, stages in STAGES.items():
        figures[f"{name}_count"] = sum(kills.pop(stage, 0) for stage in stages)
    assert not kills, f"kills at a stage that the page does not tell of: {kills}"
    results.record("killing", figures, sizes)


if __name__ == "__main__":
    main()
