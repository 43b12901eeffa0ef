"""What importing costs, beside importing LangChain's messages and loaders.

CPU time of a new process, with bytecode, less that of an empty one; the median of seven.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

STATEMENTS = {
    "langsmith_finetune": "import langsmith_finetune",
    "LangSmithRunChatLoader": "from langsmith_finetune import LangSmithRunChatLoader",
    "select_runs": "from langsmith_finetune import select_runs",
    "examples_from_runs": "from langsmith_finetune import examples_from_runs",
    "FineTuneJob": "from langsmith_finetune import FineTuneJob",
}
BESIDE = "import langchain_core.messages, langchain_core.chat_loaders"


def cpu_seconds(statement: str) -> float:
    """CPU seconds of a process that runs this statement."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    taken = []
    for _ in range(8):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", statement], check=True, env=environment)  # noqa: S603
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(taken[1:])  # the first writes the bytecode


if __name__ == "__main__":
    nothing = cpu_seconds("pass")
    beside = cpu_seconds(BESIDE) - nothing
    print(f"{BESIDE}: {1000 * beside:.0f} ms of CPU")
    for name, statement in STATEMENTS.items():
        own = cpu_seconds(statement) - nothing
        print(f"{name}: {1000 * own:.0f} ms, {own / beside:.2f} of LangChain's messages and loaders")
