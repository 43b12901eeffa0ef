"""Kill -9 at any line of create -> wait -> deploy, run the cell again, and count what was paid for.

LANGSMITH_FINETUNE_KILL_ROUNDS=100 runs more rounds; `-s` shows the figures of docs/reliability.md.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.jobs.journal import Journal
from tests.support.paths import ROOT
from tests.support.standins.openai import OpenAIStandIn

ROUNDS = int(os.environ.get("LANGSMITH_FINETUNE_KILL_ROUNDS", "10"))
SEED = int(os.environ.get("LANGSMITH_FINETUNE_KILL_SEED", "20261123"))
SECRET = "The answer that nobody but the model may see"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process is a fork")


@pytest.fixture(autouse=True)
def journal(tmp_path, monkeypatch):
    monkeypatch.setenv("LANGSMITH_FINETUNE_JOURNAL", str(tmp_path / "journal"))
    return Journal()


class Notebook:
    """A stand-in, a training file, and a cell that is run again and again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.train = folder / "train.jsonl"
        messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": SECRET}]
        self.train.write_text((json.dumps({"messages": messages}) + "\n") * 10)
        self.journal = Journal(folder / "journal")
        self.folder = folder

    def __enter__(self):
        self.server = OpenAIStandIn(files_pending=1)
        self.server.__enter__()
        self.processes = [self.kernel()]
        return self

    def kernel(self) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.cell", self.server.url, str(self.train)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"LANGSMITH_FINETUNE_JOURNAL": str(self.journal.folder)},
        )

    def __exit__(self, *_):
        for process in self.processes:
            process.stdin.close()
            process.wait(30)
            process.stdout.close()
        self.server.__exit__()

    def run(self, asked: str) -> list[str]:
        (outcome,) = self.run_at_once(asked)
        return outcome

    def run_at_once(self, asked: str) -> list[list[str]]:
        """In every kernel at the same time."""
        for process in self.processes:
            process.stdin.write(f"{asked}\n")
            process.stdin.flush()
        return [process.stdout.readline().rstrip("\n").split(" ", 3) for process in self.processes]

    def forget(self) -> None:
        """A new account and a new machine."""
        for kept in (self.server.files, self.server.contents, self.server.jobs, self.server.deployments):
            kept.clear()
        self.server.uploads.clear()
        self.server.requests.clear()
        for path in self.journal.folder.glob("*.json"):
            path.unlink()

    def check(self, outcome: list[str]) -> None:
        """One upload used, one job, one deployment, and the right model at the end."""
        assert outcome[0] == "done", outcome
        assert outcome[3] == "You said: ten words"
        (job,) = self.server.jobs.values()
        (deployment,) = self.server.deployments.values()
        assert len(self.server.uploads) == 1
        assert job["training_file"] == self.server.uploads[0]
        assert self.server.contents[job["training_file"]] == self.train.read_bytes()
        assert deployment["model"] == job["fine_tuned_model"]
        (record,) = FineTuneJob.list(journal=self.journal)
        assert (record.job_id, record.stage, record.names) == (job["id"], "deployed", ("bot",))
        assert record.deployment_id == deployment["id"]
        assert record.fine_tuned_model == job["fine_tuned_model"]
        for path in self.folder.rglob("*"):
            if path.is_file() and path != self.train:
                assert SECRET not in path.read_text(), path.name
                assert "sk-" not in path.read_text(), path.name


@pytest.fixture
def notebook(tmp_path):
    with Notebook(tmp_path / "work") as notebook:
        yield notebook


@pytest.mark.slow
def test_a_process_killed_before_or_after_any_request_pays_once(notebook):
    _, _, requests, _ = outcome = notebook.run("end")
    notebook.check(outcome)
    assert int(requests) > 10
    for number in range(1, int(requests) + 1):
        for when in ("sent", "answered"):
            notebook.forget()
            assert notebook.run(f"{when} {number}") == ["killed"]
            notebook.check(notebook.run("end"))


@pytest.mark.slow
def test_a_process_killed_at_random_lines_pays_once(notebook):
    _, lines, _, _ = notebook.run("line 0")
    chance, stages = random.Random(SEED), Counter()
    for _ in range(ROUNDS):
        notebook.forget()
        for _ in range(chance.randint(1, 4)):
            if notebook.run(f"line {chance.randint(1, int(lines))}") == ["killed"]:
                records = notebook.journal.records()
                stages[records[0].stage if records else "nothing written yet"] += 1
        notebook.check(notebook.run("end"))
    assert sum(stages.values()) >= ROUNDS
    figures = f"{ROUNDS} rounds, {sum(stages.values())} kills at {lines} lines: {dict(stages.most_common())}"
    print(f"\n{figures}")  # noqa: T201


@pytest.mark.slow
def test_kernels_that_run_the_cell_at_the_same_time_pay_once(tmp_path):
    with Notebook(tmp_path / "book") as notebook:
        notebook.processes += [notebook.kernel() for _ in range(2)]
        for _ in range(3):
            for outcome in notebook.run_at_once("end"):
                notebook.check(outcome)
            notebook.forget()
