"""No file, whatever is in it, brings anything but the library's own errors out of `run_files`."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from langsmith_finetune import InvalidExampleError, examples_from_runs, run_files, save_runs
from langsmith_finetune.runs.files import read as files
from tests.support.exports import a_run

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

from tests.support import bulk_export  # noqa: E402 - needs pyarrow

SECRET = "said in private"
CONDITIONS: list[dict[str, Any]] = [
    {},
    {"run_type": "llm", "status": "success", "project_id": "p", "start_time": datetime(2020, 1, 1, tzinfo=UTC)},
    {"agents": "a"},
    {"agent_types": "root", "decode": False},
]  # fmt: skip


def read(path: Path) -> None:
    """Read a file under all conditions: what cannot be read is skipped, or raised where nobody listens."""
    for conditions in CONDITIONS:
        skipped: list[InvalidExampleError] = []
        runs = run_files(path, **conditions, on_skip=skipped.append)
        list(examples_from_runs(runs, on_skip=lambda _: None))
        for error in skipped:
            assert error.where.startswith(str(path))
            assert SECRET not in str(error)
        if skipped:
            with pytest.raises(InvalidExampleError):
                list(run_files(path, **conditions))


DEEP = 200_000
VALUES = {
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "an open list": b"[" * DEEP,
    "5000 digits": b"9" * 5000,
    "NaN": b"NaN",
    "a number too large": b"1e400",
    "half a pair": b'"\\ud800"',
    "half a word": b"tru",
    "half a word inside": b'{"a":tru}',
    "no UTF-8": b'{"a":"said in private\xff"}',
    "a text": b'"said in private"',
    "a number": b"5",
    "a list": b"[1]",
    "no object of metadata": b'{"metadata":5}',
    "no names in metadata": b'{"metadata":{"lc_agent_name":[1],"langgraph_node":{}}}',
    "no time": b'"2026-13-45"',
    "the first day": b'"0001-01-01T00:00:00+14:00"',
    "the last day": b'"9999-12-31T23:59:59-12:00"',
}
FIELDS = (
    *a_run(1),
    "metadata",
    "custom_metadata",
    "token_usage",
    "attachments",
    "serialized",
    "parent_run_ids",
)


@pytest.mark.parametrize("name", VALUES)
def test_a_line_with_a_strange_value_is_read_or_skipped(name, tmp_path):
    lines = []
    for field in FIELDS:
        run = {key: value for key, value in a_run(1).items() if key != field}
        if field in ("custom_metadata", "token_usage"):
            run["run_id"] = run.pop("id")
        lines.append(json.dumps(run).encode()[:-1] + f', "{field}": '.encode() + VALUES[name] + b"}")
    good = json.dumps(a_run(2)).encode()
    path = tmp_path / "runs.jsonl"
    path.write_bytes(b"\n".join([*lines, good]))
    read(path)
    skipped: list[InvalidExampleError] = []
    runs = list(run_files(path, on_skip=skipped.append))
    assert runs[-1] == a_run(2)
    assert len(runs) + len(skipped) == len(lines) + 1


def test_what_a_line_is_refused_for_is_said(tmp_path):
    path = tmp_path / "runs.jsonl"
    for value, conditions, said in [
        (
            VALUES["deep lists"],
            {},
            "the line is nested deeper than Python can follow. Write one run per line",
        ),
        (b'"no JSON"', {"agents": "a"}, "extra: is not JSON. Leave the run out with on_skip="),
    ]:
        path.write_bytes(json.dumps(a_run(1, extra=0)).encode().replace(b'"extra": 0', b'"extra": ' + value))
        with pytest.raises(InvalidExampleError) as caught:
            list(run_files(path, **conditions))
        assert str(caught.value) == f"{path}:1: {said}"


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.gz", "runs.jsonl.zst"])
def test_a_line_without_an_end_is_skipped_in_bounded_memory(name, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 2000)
    save_runs(
        [a_run(1), a_run(2, error="x" * 10_000), a_run(3), a_run(4, error="x" * 100_000)], tmp_path / name
    )
    skipped: list[InvalidExampleError] = []
    assert [run["id"][-1] for run in run_files(tmp_path / name, on_skip=skipped.append)] == ["1", "3"]
    assert [str(error) for error in skipped] == [
        f"{tmp_path / name}:{number}: the line has more than 2,000 bytes, which no run of LangSmith's has. "
        "Write one run per line"
        for number in (2, 4)
    ]


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.gz", "runs.jsonl.zst", "runs.parquet"])
def test_a_damaged_file_is_read_as_far_as_it_goes(name, tmp_path):
    path, chance = tmp_path / name, random.Random(7)
    if name.endswith(".parquet"):
        bulk_export.write(path, [a_run(1), a_run(2)])
    else:
        save_runs([a_run(number) for number in range(20)], path)
    data = path.read_bytes()
    for number in range(60):
        damaged = bytearray(data)
        if number % 3 == 0:
            del damaged[chance.randrange(len(data)) :]
        for _ in range((1, 5, 50)[number % 3]):
            at = chance.randrange(max(0, len(damaged) - (600, 10**9)[number % 2]), max(1, len(damaged)))
            damaged[at : at + 1] = chance.randbytes(1)
        path.write_bytes(damaged)
        read(path)


def test_a_file_that_is_something_else_is_named(tmp_path):
    for name in ("a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"):
        for data in (b"PAR1", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\0" * 1000, gzip.compress(b"PAR1" * 100)):
            path = tmp_path / name
            path.write_bytes(data)
            with pytest.raises(InvalidExampleError):
                list(run_files(path))
            read(path)


COLUMNS: dict[str, Any] = {
    "integers": lambda: pa.array([1, 2]),
    "nulls": lambda: pa.array([None, None]),
    "numbers": lambda: pa.array([1.5, float("nan")]),
    "bytes": lambda: pa.array([b"\xff", b""]),
    "lists": lambda: pa.array([[1], None]),
    "lists of bytes": lambda: pa.array([[b"\xff"], None]),
    "objects": lambda: pa.array([{"a": [{"b": 2}]}, None]),
    "objects of bytes": lambda: pa.array([{"a": b"\xff"}, None]),
    "times past the calendar": lambda: pa.array([2**62, -(2**62)], pa.timestamp("us", "UTC")),
    "times of a zone": lambda: pa.array([2**50, 1], pa.timestamp("s", "Asia/Tokyo")),
    "objects of such times": lambda: pa.array([{"t": 2**62}, None], pa.struct([("t", pa.timestamp("us"))])),
    "lists of such times": lambda: pa.array([[2**62], None], pa.list_(pa.timestamp("us"))),
    "days": lambda: pa.array([1, 2], pa.date32()),
    "decimal numbers": lambda: pa.array([1, 2], pa.decimal128(38, 0)),
    "maps": lambda: pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    "a dictionary": lambda: pa.array(["x", "y"]).dictionary_encode(),
    "text that is no UTF-8": lambda: pa.array([b"\xff\xfe", b"\xff"], pa.binary()).view(pa.string()),
    "deep text": lambda: pa.array(["[" * 100_000, '{"a":' * 5000]),
    "text of digits": lambda: pa.array(["9" * 5000, '"\\ud800"']),
    "truths": lambda: pa.array([True, False]),
    "views": lambda: pa.array(["1", "2"], pa.string_view()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_type_is_read_or_named(name, tmp_path):
    table, path = bulk_export.table([a_run(1), a_run(2)]), tmp_path / "runs.parquet"
    for column in dict.fromkeys((*table.schema.names, "metadata", "attachments", "manifest", "thread_id")):
        index = table.schema.get_field_index(column)
        made = table if index < 0 else table.remove_column(index)
        pq.write_table(made.append_column(column, COLUMNS[name]()), path)
        read(path)


def test_two_columns_of_a_name_are_named(tmp_path):
    table, path = bulk_export.table([a_run(1)]), tmp_path / "runs.parquet"
    pq.write_table(table.append_column("inputs", table.column("inputs")), path)
    with pytest.raises(InvalidExampleError) as caught:
        list(run_files(path))
    assert str(caught.value) == f"{path}: inputs: is the name of several columns. Keep one of them"


def test_a_column_of_nulls_fits_no_window(tmp_path):
    table, path = bulk_export.table([a_run(1)]), tmp_path / "runs.parquet"
    index = table.schema.get_field_index("start_time")
    pq.write_table(table.set_column(index, "start_time", pa.array([None])), path)
    assert list(run_files(path, start_time=datetime(2020, 1, 1, tzinfo=UTC))) == []
    assert len(list(run_files(path))) == 1


def test_exported_usage_takes_no_other_fields_place(tmp_path):
    run = a_run(1)
    run["run_id"] = run.pop("id")
    run["token_usage"] = {"prompt_tokens": 7, "id": "another", "inputs": {}}
    (tmp_path / "runs.jsonl").write_text(json.dumps(run))
    [found] = run_files(tmp_path / "runs.jsonl")
    assert (found["id"], found["prompt_tokens"], found["inputs"]) == (run["run_id"], 7, run["inputs"])
