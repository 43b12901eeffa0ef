"""The runs of the bookshop: what they are said to hold, they hold; and the script makes them again."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from langsmith_finetune import examples_from_runs, run_files
from tests.support.capture import assert_nothing_of_the_machine, captured_again
from tests.support.paths import NOTEBOOKS

DESK = NOTEBOOKS / "data" / "desk_runs.jsonl.gz"
INSTALLED = ("chain", "agent", "widget", "script")
"""The programs whose packages the tests have; the others need anthropic and google-genai."""


def read(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def told(path, *, without=()):
    """What every capture says alike: of each run its name, kind, user and thread, and the lines that it makes."""
    runs = [run for run in read(path) if run["name"] not in without]
    lines = [example.line for example in examples_from_runs(run for run in runs if run["run_type"] == "llm")]
    about = [
        (run["name"], run["run_type"], run["extra"]["metadata"].get("user_id"), bool(run.get("error")))
        for run in runs
    ]
    return about, lines


def test_programs_leave_their_runs():
    llm = Counter(run["name"] for run in read(DESK) if run["run_type"] == "llm")
    names = {"ChatOpenAI": 69, "ChatAnthropic": 4, "ChatGoogleGenerativeAI": 3, "my_model": 2}
    assert llm == names


def test_of_the_conversations_one_was_cut_off_one_failed_and_one_lost_its_photo():
    skipped = []
    runs = run_files(DESK, run_type="llm")
    kept = list(examples_from_runs(runs, on_skip=skipped.append, skip_notes={"answer_cut_off"}))
    assert len(kept) == 75
    assert Counter(each.reason for each in skipped) == {
        "unwanted_note": 1,
        "lost_at_source": 1,
        "failed": 1,
    }
    assert len({example.source.user_id for example in kept}) == 8


def test_nothing_of_the_machine_is_in_the_file():
    assert_nothing_of_the_machine(DESK)


@pytest.mark.slow
def test_script_makes_the_same_again(tmp_path):
    assert (
        captured_again("capture_desk.py", tmp_path, "--only", *INSTALLED, strict=False)
        == f"{tmp_path / DESK.name}: 97 runs, 71 of them llm runs\n"
    )
    assert told(tmp_path / DESK.name) == told(DESK, without=("ChatAnthropic", "ChatGoogleGenerativeAI"))
