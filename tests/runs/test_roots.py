"""The feedback of roots reaches the llm runs of the same files, wherever in them it stands."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from uuid import UUID

import pytest

from langsmith_finetune import examples_from_runs
from langsmith_finetune.dataset import describe_runs, write_shards
from langsmith_finetune.runs.files.read import run_files
from tests.support import bulk_export
from tests.support.exports import NOON, PROJECT, a_run

STATS = {"user_score": {"n": 2, "avg": 0.5, "comments": ['So "so"']}}
EMPTY = [None, {}]


def a_trace(n, stats, **fields):
    """A root and the llm run below it."""
    root = a_run(n, run_type="chain", feedback_stats=stats, outputs={"output": "x"})
    below = a_run(
        n + 1000,
        trace_id=root["id"],
        parent_run_id=root["id"],
        feedback_stats=None,
        dotted_order=f"{root['dotted_order']}.20261101T120000000000Z{UUID(int=n + 1000)}",
        **fields,
    )
    return [root, below]


def write(folder, kind, runs, name="runs"):
    if kind in bulk_export.FORMATS:
        return bulk_export.write(folder / f"{name}.parquet", runs, version=kind, rows_per_group=2)
    lines = [json.dumps(run) for run in runs]
    if kind == "texts":  # the columns of an export as the fields of a line
        lines = [
            json.dumps(
                {
                    k: json.dumps(v) if k in ("inputs", "outputs", "feedback_stats") else v
                    for k, v in run.items()
                }
            )
            for run in runs
        ]
    path = folder / f"{name}.jsonl{'.gz' if kind == 'gz' else ''}"
    data = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(data) if kind == "gz" else data)
    return path


KINDS = ["jsonl", "gz", "texts", *bulk_export.FORMATS]


def scores(runs):
    return [
        (e.source.run_id[-4:], e.source.trace_scores)
        for e in examples_from_runs(runs, on_skip=lambda _: None)
    ]


@pytest.mark.parametrize("order", ["root first", "root last", "in two files"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("decode", [True, False])
def test_roots_scores_reach_the_runs_below_in_any_order(tmp_path, kind, order, decode):
    rated, unrated, empty = a_trace(1, STATS), a_trace(2, None), a_trace(3, {})
    runs = [*rated, *unrated, *empty]
    if order == "in two files":
        write(tmp_path, kind, [runs[1], runs[3], runs[5]], "a")
        write(tmp_path, kind, [runs[0], runs[2], runs[4]], "b")
    else:
        write(tmp_path, kind, runs if order == "root first" else runs[::-1])
    found = list(run_files(tmp_path, run_type="llm", decode=decode or kind == "texts"))
    assert sorted(scores(found)) == [("03e9", {"user_score": 0.5}), ("03ea", {}), ("03eb", {})]
    assert [run["trace_feedback_stats"] for run in found if "trace_feedback_stats" in run] == [STATS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_on_runs_does_not_leave_out_their_roots(tmp_path, kind):
    start = {"start_time": (NOON + timedelta(hours=3)).isoformat()}
    path = write(tmp_path, kind, a_trace(1, STATS, **start))
    found = run_files(
        path, run_type="llm", status="success", project_id=PROJECT, start_time=NOON + timedelta(hours=1)
    )
    assert scores(found) == [("03e9", {"user_score": 0.5})]


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_its_own_root_has_its_scores_once(tmp_path, kind):
    [run] = run_files(write(tmp_path, kind, [a_run(1, feedback_stats=STATS)]))
    [example] = examples_from_runs([run])
    assert (example.source.scores, example.source.trace_scores) == ({"user_score": 0.5}, {})


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_read_once_where_feedback_of_roots_is_not_wanted(tmp_path, kind):
    path = write(tmp_path, kind, a_trace(1, STATS))
    assert scores(run_files(path, run_type="llm", trace_feedback=False)) == [("03e9", {})]


def test_without_a_trace_the_order_of_runs_tells_the_root(tmp_path):
    runs = [{k: v for k, v in run.items() if k != "trace_id"} for run in a_trace(1, STATS)]
    assert scores(run_files(write(tmp_path, "jsonl", runs), run_type="llm")) == [
        ("03e9", {"user_score": 0.5})
    ]


def test_an_export_without_feedback_is_read_as_ever(tmp_path):
    import pyarrow.parquet as pq

    table = bulk_export.table(a_trace(1, STATS)).drop_columns(["feedback_stats"])
    pq.write_table(table, tmp_path / "runs.parquet")
    assert scores(run_files(tmp_path, run_type="llm")) == [("03e9", {})]


STRANGE = ["[1]", '"x"', "7", "true", '{"user_score": 1}', '{"user_score": {"avg": "1"}}', '"{"', "[[" * 3000]


@pytest.mark.parametrize("stats", STRANGE)
def test_strange_feedback_is_no_feedback(tmp_path, stats):
    root, below = (json.dumps(run) for run in a_trace(1, "STATS"))
    (tmp_path / "runs.jsonl").write_text(root.replace('"STATS"', stats) + "\n" + below)
    broken = []
    assert scores(run_files(tmp_path, run_type="llm", on_skip=broken.append)) == [("03e9", {})]
    assert len(broken) == stats.startswith("[[")


def test_what_is_broken_is_told_once(tmp_path):
    lines = [json.dumps(run) for run in a_trace(1, STATS)]
    (tmp_path / "runs.jsonl").write_text("\n".join([lines[0], '{"feedback_stats": {"a"', lines[1]]))
    broken = []
    found = run_files(tmp_path, run_type="llm", on_skip=broken.append)
    assert scores(found) == [("03e9", {"user_score": 0.5})]
    assert [error.where.rpartition(":")[2] for error in broken] == ["2"]


def test_a_user_s_text_is_not_taken_for_feedback(tmp_path):
    quoted = json.dumps({"feedback_stats": STATS})
    runs = a_trace(1, None)
    runs[0]["inputs"] = {"question": quoted}
    assert scores(run_files(write(tmp_path, "jsonl", runs), run_type="llm")) == [("03e9", {})]


def test_descriptions_and_shards_know_the_scores_of_roots(tmp_path):
    path = write(tmp_path, "jsonl", a_trace(1, STATS))
    assert describe_runs(run_files(path, run_type="llm")).counts["feedback scores"] == {"user_score = 0.5": 1}
    [shard] = write_shards(path, tmp_path / "shards").files
    assert b'"trace_scores":{"user_score":0.5}' in shard.ledger.read_bytes()
