"""Shards of training lines: on one machine, on several processes, and on Ray while a worker is killed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from langsmith_finetune import examples_from_runs, write_jsonl
from langsmith_finetune.dataset.shards import examples_of_file, write_shards
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.runs.files.read import run_files
from langsmith_finetune.runs.files.save import save_runs
from tests.support import bulk_export
from tests.support.exports import NOON, OTHER, PROJECT, a_run, put, s3
from tests.support.paths import ROOT, python_path

__all__ = ["s3"]  # a fixture

FILES = 12


@pytest.fixture
def export(tmp_path):
    """Files of an export, among them one that is damaged, and runs that cannot be used."""
    root = tmp_path / "export"
    for number in range(FILES):
        path = bulk_export.folder(root, project=PROJECT, day=number + 1) / "0.parquet"
        runs = [
            *(a_run(100 * number + n, extra={"metadata": {"thread_id": str(number)}}) for n in range(20)),
            a_run(100 * number + 50, run_type="chain"),
            a_run(100 * number + 51, outputs={}),
            a_run(100 * number + 52, extra="{"),
        ]
        bulk_export.write(path, runs, version=bulk_export.FORMATS[number % 2])
    path.write_bytes(path.read_bytes()[:-9])
    return root


SKIPPED = {"hidden": FILES - 1, "malformed": FILES - 1, "unreadable": 1}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def no_nineteen(file, on_skip, examples=examples_of_file):
    """As `examples`, without the one that is number 19."""
    for example in examples(file, on_skip):
        if example.line["messages"][-1]["content"].endswith("19"):
            on_skip(InvalidExampleError(example.source.run_id, "", "is number 19", "Leave it out"))
        else:
            yield example


def slow_examples(file, on_skip, *, marks: Path):
    """As `examples_of_file`, but leaving a mark of who works, and slowly."""
    (marks / str(os.getpid())).touch()
    for example in examples_of_file(file, on_skip):
        time.sleep(0.02)
        yield example


def test_shards_hold_together_what_one_file_would(export, tmp_path):
    written = write_shards(export, tmp_path / "shards")
    runs = run_files(export, run_type="llm", on_skip=lambda _: None)
    whole = write_jsonl(examples_from_runs(runs, on_skip=lambda _: None), tmp_path / "whole.jsonl")
    assert b"".join(file.path.read_bytes() for file in written.files) == whole.path.read_bytes()
    assert written.count == whole.count == 20 * (FILES - 1)
    assert [file.path.name for file in written.files] == [f"part-{n:05}.jsonl" for n in range(FILES)]
    assert written.skipped == SKIPPED


def test_everything_left_out_is_listed_without_content(export, tmp_path):
    write_shards(export, tmp_path / "shards", no_nineteen)
    skipped = (tmp_path / "shards" / "part-00000.skipped.jsonl").read_text()
    listed = [json.loads(line) for line in skipped.splitlines()]
    assert [(entry["reason"], entry["detail"]) for entry in listed] == [
        ("unreadable", "is number 19"),
        ("hidden", "inputs or outputs are {}, as LANGSMITH_HIDE_INPUTS and _OUTPUTS leave them"),
        ("malformed", "extra is not JSON at column 2"),
    ]
    assert listed[0]["run"].endswith("13")  # 19 in hexadecimal
    assert listed[2]["run"] == a_run(52)["id"]
    last = json.loads((tmp_path / "shards" / f"part-{FILES - 1:05}.skipped.jsonl").read_text())
    assert last["run"].endswith("day=12/0.parquet")
    assert (last["reason"], last["detail"]) == ("unreadable", "is damaged, or not Parquet (ArrowInvalid)")


def test_conditions_and_steps_of_ones_own_go_into_the_function(export, tmp_path):
    later = partial(examples_of_file, start_time=NOON.replace(hour=13), project_id=PROJECT)
    written = write_shards(export, tmp_path / "shards", later)
    assert written.count == 20 * (FILES - 2)
    assert write_shards(export, tmp_path / "none", partial(later, project_id=OTHER)).count == 0


@pytest.mark.slow
def test_two_processes_make_the_same_bytes_as_one(export, tmp_path):
    write_shards(export, tmp_path / "one", no_nineteen)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        written = write_shards(export, tmp_path / "two", no_nineteen, map=pool.map)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert written.skipped == {**SKIPPED, "unreadable": SKIPPED["unreadable"] + FILES - 1}


def test_json_lines_make_shards_too(tmp_path):
    save_runs([a_run(1)], tmp_path / "runs.jsonl.gz")
    assert write_shards(tmp_path / "runs.jsonl.gz", tmp_path / "shards").count == 1


@pytest.mark.slow
def test_shards_are_written_to_object_storage(export, tmp_path, s3, monkeypatch):
    store, endpoint = s3
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{endpoint}")
    for path in export.rglob("*.parquet"):
        put(store, path, f"exports/shards/{path.relative_to(export)}")
    write_shards(export, tmp_path / "here")
    written = write_shards("s3://exports/shards", "s3://exports/out/", map=map)
    assert [str(file.path) for file in written.files[:2]] == [
        "exports/out/part-00000.jsonl",
        "exports/out/part-00001.jsonl",
    ]
    for name, data in contents(tmp_path / "here").items():
        with store.open_input_stream(f"exports/out/{name}") as file:
            there = file.read()
        assert there == data.replace(str(export).encode(), b"exports/shards")
    assert written.files[0].ledger in (None, written.files[0].path.with_name("part-00000.ledger.jsonl"))


def test_a_maker_that_dies_leaves_no_half_a_shard(export, tmp_path):
    def dying(file, on_skip):
        yield from list(examples_of_file(file, on_skip))[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_shards(export, tmp_path / "shards", dying)
    assert contents(tmp_path / "shards") == {}


def test_without_ray_the_error_says_what_to_install(monkeypatch):
    from langsmith_finetune.dataset.on_ray import ray_map

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        ImportError, match=r'sharing work on Ray needs ray: pip install "langsmith-finetune\[ray\]"'
    ):
        ray_map(str, [1])


# In a process of its own, so that what Ray starts ends with it: the session's id finds it all. Ray takes the
# machine's own address where it is told loopback, unless it is held to its word.
ON_RAY = """
import os, sys
from functools import partial
from pathlib import Path
import ray
from ray._private import services
from langsmith_finetune.dataset.on_ray import ray_map
from langsmith_finetune.dataset.shards import write_shards
from tests.dataset.test_shards import no_nineteen, slow_examples

if __name__ == "__main__":
    export, folder, marks, own = map(Path, sys.argv[1:])
    services.resolve_ip_for_localhost = lambda host: host
    ray.init(num_cpus=2, _node_ip_address="127.0.0.1", _temp_dir=str(own), include_dashboard=False,
             object_store_memory=80_000_000, log_to_driver=False, logging_level="ERROR")
    assert ray.util.get_node_ip_address() == "127.0.0.1"
    slow = partial(no_nineteen, examples=partial(slow_examples, marks=marks))
    print(dict(write_shards(export, folder, slow, map=ray_map).skipped))
    ray.shutdown()
"""


def children_of_session(session: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getsid(int(entry.name)) == session:
                    found.add(int(entry.name))
            except ProcessLookupError:
                continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds Ray's processes through /proc")
def test_a_killed_worker_of_ray_changes_nothing(export, tmp_path):
    pytest.importorskip("ray.data", reason="ray is not installed")
    marks = tmp_path / "marks"
    marks.mkdir()
    expected = write_shards(export, tmp_path / "one", no_nineteen)
    own = tempfile.mkdtemp(prefix="ray")  # a short name, for sockets lie in it
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    environment |= {"PYTHONPATH": python_path(ROOT, *sys.path), "HOME": own}
    ray = subprocess.Popen(
        [sys.executable, "-c", ON_RAY, export, tmp_path / "ray", marks, own],
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(600):
            if len(workers := [int(mark.name) for mark in marks.iterdir()]) == 2 or ray.poll() is not None:
                break
            time.sleep(0.1)
        assert len(workers) == 2, ray.communicate()
        time.sleep(0.2)  # in the midst of a file
        os.kill(workers[0], signal.SIGKILL)
        said, errors = ray.communicate(timeout=50)
        assert ray.returncode == 0, errors
    finally:
        for _ in range(50):
            if not (left := children_of_session(ray.pid)):
                break
            time.sleep(0.1)
        for process in left:
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(own)
    assert not left
    assert len(list(marks.iterdir())) > 2  # another took over
    assert said.strip().endswith(str(dict(expected.skipped)))
    assert contents(tmp_path / "ray") == contents(tmp_path / "one")
