"""What importing costs, beside importing LangChain's messages and loaders.

    python -m benchmarks.importing

CPU time of a new process, with bytecode, less that of an empty one; the median of several.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from benchmarks import results

STATEMENTS = {
    "langsmith_finetune": "import langsmith_finetune",
    "LangSmithRunChatLoader": "from langsmith_finetune import LangSmithRunChatLoader",
    "select_runs": "from langsmith_finetune import select_runs",
    "examples_from_runs": "from langsmith_finetune import examples_from_runs",
    "FineTuneJob": "from langsmith_finetune import FineTuneJob",
}
BESIDE = "import langchain_core.messages, langchain_core.chat_loaders"


def cpu_seconds(statement: str, rounds: int) -> float:
    """CPU seconds of a process that runs this statement."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", statement]
    taken = []
    for _ in range(rounds + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, env=environment, cwd=Path(__file__).parents[1])  # noqa: S603
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken[1:])  # the first writes the bytecode


def main() -> None:
    """Measure, print, and record."""
    sizes = results.sizes(__doc__, rounds=7)
    nothing = cpu_seconds("pass", sizes.rounds)
    beside = cpu_seconds(BESIDE, sizes.rounds) - nothing
    print(f"{BESIDE}: {1000 * beside:.0f} ms of CPU")
    figures = {"langchain_milliseconds": 1000 * beside}
    for name, statement in STATEMENTS.items():
        own = cpu_seconds(statement, sizes.rounds) - nothing
        print(f"{name}: {1000 * own:.0f} ms, {own / beside:.2f} of LangChain's messages and loaders")
        figures[f"{name.lower()}_milliseconds"] = 1000 * own
    results.record("importing", figures, sizes, packages=("langchain-core",))


if __name__ == "__main__":
    main()
