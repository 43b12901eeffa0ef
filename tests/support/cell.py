"""A notebook's cell in a process of its own, which dies by kill -9 wherever a test says.

`python -m tests.support.cell URL TRAIN` reads lines: `line 812` runs the cell until the 812th line of this library that
had not run before (so that loops weigh no more than other lines), `sent 5` until its fifth request is about to be
sent, `answered 5` until that one is answered, and `end` to its end; `line 0` runs to its end too, and counts the lines.
Each cell runs in a fork of a process that has imported everything, so that many can be run.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

import httpx2
import langchain_openai  # noqa: F401 - a cell imports it, and so each fork would
import openai

import langsmith_finetune.cost.prices
import langsmith_finetune.cost.tokens
import langsmith_finetune.ledger.ledger
import langsmith_finetune.providers.lifecycle
import langsmith_finetune.targets.checking
from langsmith_finetune._foundation.clock import Clock, clock_replaced
from langsmith_finetune.jobs.job import FineTuneJob
from tests.support.certificates import read_certificates_once
from tests.support.standins.deploying import DeployingProvider

_LIBRARY = str(Path(langsmith_finetune.__file__).parent)


class HastyClock(Clock):
    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.001))


class Killer:
    """Counts lines and requests, and kills the process at one of them."""

    def __init__(self, what: str, number: int) -> None:
        self.what, self.number = what, number
        self.counts = {"line": 0, "sent": 0, "answered": 0}
        self.lines: set[tuple[str, int]] = set()

    def count(self, what: str) -> None:
        self.counts[what] += 1
        if what == self.what and self.counts[what] == self.number:
            os.kill(os.getpid(), signal.SIGKILL)

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.startswith(_LIBRARY):
            return None
        here = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and here not in self.lines:
            self.lines.add(here)
            self.count("line")
        return self.trace


def cell(url: str, train: str, killer: Killer) -> str:
    hooks = {"request": [lambda _: killer.count("sent")], "response": [lambda _: killer.count("answered")]}
    http = httpx2.Client(event_hooks=hooks)
    client = openai.OpenAI(api_key="sk-made-up", base_url=f"{url}/v1", http_client=http)
    provider = DeployingProvider(client=client)
    job = FineTuneJob.create(
        train,
        model="gpt-4o-mini",
        provider=provider,
        parameters={"n_epochs": 1},
        name="bot",
    )
    deployment = job.wait(poll_seconds=0, progress=False).deploy().wait(poll_seconds=0, progress=False)
    return deployment.chat_model().invoke("ten words").content


def main() -> None:
    url, train = sys.argv[1:]
    read_certificates_once()
    with clock_replaced(HastyClock()):
        _serve(url, train)


def _serve(url: str, train: str) -> None:
    for asked in sys.stdin:
        what, _, number = asked.strip().partition(" ")
        pid = os.fork()
        if pid == 0:
            killer = Killer(what, int(number or 0))
            try:
                if what == "line":  # watching every line takes several times as long as running it
                    sys.settrace(killer.trace)
                answer = cell(url, train, killer)
                sys.settrace(None)
                print("done", killer.counts["line"], killer.counts["sent"], answer, flush=True)  # noqa: T201
                os._exit(0)
            except BaseException:  # noqa: BLE001
                sys.settrace(None)
                print("failed", traceback.format_exc().replace("\n", "\\n"), flush=True)  # noqa: T201
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            print("killed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
