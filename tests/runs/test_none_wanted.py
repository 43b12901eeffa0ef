"""Files of which nothing is wanted: which condition it was, and what the runs have instead."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from langsmith_finetune import examples_from_runs, run_files
from tests.support import bulk_export

DAY = datetime(2026, 11, 22, tzinfo=UTC)
RUNS = [
    {"id": "a", "run_type": "chain", "status": "success", "project_id": "p1", "start_time": "2026-11-21T08:00:00", "extra": {}},
    {"id": "b", "run_type": "llm", "status": "error", "project_id": "p1", "start_time": "2026-11-22T08:00:00", "extra": {}},
    {
        "id": "c", "run_type": "llm", "status": "success", "project_id": "p1", "start_time": "2026-11-23T08:00:00",
        "extra": {"metadata": {"lc_agent_name": "writer", "langgraph_node": "model"}},
    },
]  # fmt: skip

NOTHING = {
    "a type": ({"run_type": "tool"}, "of 3 runs, run_type='tool' leaves none: they are llm (2), chain (1)"),
    "a project": ({"project_id": "p2"}, "of 3 runs, project_id='p2' leaves none: they are p1 (3)"),
    "a status after a type": (
        {"run_type": "chain", "status": "error"},
        "of 1 run that meet run_type='chain', status='error' leaves none: it is success (1)",
    ),
    "an agent": (
        {"run_type": "llm", "status": "success", "agents": ["reader"]},
        "of 1 run that meet run_type='llm', status='success', agents=['reader'] leaves none: it is writer (1)",
    ),
    "a node": ({"nodes": "plan"}, "of 3 runs, nodes=['plan'] leaves none: they are not told (2), model (1)"),
    "a purpose": ({"agent_types": "title"}, "of 3 runs, agent_types=['title'] leaves none: they are root (3)"),
    "a time": (
        {"start_time": DAY.replace(month=12)},
        "of 3 runs, start_time=2026-12-22T00:00:00+00:00 leaves none: they are 2026-11-21T08:00:00 (1), "
        "2026-11-22T08:00:00 (1), 2026-11-23T08:00:00 (1)",
    ),
    "an end before a beginning": (
        {"start_time": DAY, "end_time": DAY},
        "of 2 runs that meet start_time=2026-11-22T00:00:00+00:00, end_time=2026-11-22T00:00:00+00:00 leaves none: they are "
        "2026-11-22T08:00:00 (1), 2026-11-23T08:00:00 (1)",
    ),
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(run) + "\n" for run in RUNS), encoding="utf-8")
    return path


@pytest.mark.parametrize(("wanted", "reason"), NOTHING.values(), ids=NOTHING)
def test_the_condition_that_leaves_nothing_of_a_file_is_named(file, wanted, reason, caplog):
    runs = run_files(file, **wanted)
    for _ in range(2):
        assert list(examples_from_runs(runs)) == []
    assert caplog.messages == [f"run_files gives nothing of 1 files: {reason}"] * 2


def test_something_wanted_is_no_reason_to_speak(file, caplog):
    assert len(list(run_files(file, run_type="llm"))) == 2
    assert caplog.messages == []


def test_files_without_runs_and_files_that_are_broken_are_told(tmp_path, caplog):
    empty, broken = tmp_path / "empty.jsonl", tmp_path / "broken.jsonl"
    empty.write_text("\n")
    broken.write_text("{\n\x1b[2J\n")
    skipped = []
    assert list(run_files(empty)) == []
    assert list(run_files(broken, on_skip=skipped.append)) == []
    assert len(skipped) == 2
    assert caplog.messages == [
        "run_files gives nothing of 1 files: the files hold no runs",
        f"run_files gives nothing of 1 files: the files hold no runs. The first that cannot be read: {skipped[0]}",
    ]


@pytest.mark.parametrize("version", bulk_export.FORMATS)
def test_bulk_exports_say_the_same(tmp_path, version, caplog):
    runs = [{"id": f"{n}", "run_type": "chain", "session_id": "p1", "status": "success"} for n in range(3)]
    path = bulk_export.write(tmp_path / "runs.parquet", runs, version=version)
    assert list(run_files(path, run_type="llm", project_id="p1")) == []
    assert caplog.messages == [
        "run_files gives nothing of 1 files: of 3 runs that meet project_id='p1', run_type='llm' leaves none: they are chain (3)"
    ]
