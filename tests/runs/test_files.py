"""Runs from files: JSON lines and the Parquet of LangSmith's bulk export."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import langsmith.types
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langsmith.schemas import Run

from langsmith_finetune import InvalidExampleError, LangSmithRunChatLoader, examples_from_runs
from langsmith_finetune.runs.files.read import run_files
from langsmith_finetune.runs.files.run_file import FIELDS, JSON_COLUMNS
from langsmith_finetune.runs.files.save import save_runs
from tests.support import bulk_export, corpus
from tests.support.exports import BIG, NOON, OTHER, PROJECT, TIMES, a_run, pa, pq, put, s3
from tests.support.strategies import scaled

__all__ = ["s3"]  # a fixture


def ids(runs) -> list[int]:
    return [UUID(run["id"]).int for run in runs]


def examples(runs) -> list[tuple]:
    return [(example.line, example.source) for example in examples_from_runs(runs, on_skip=lambda _: None)]


# JSON lines


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.gz", "runs.jsonl.zst"])
def test_saved_runs_give_the_same_examples(tmp_path, name):
    runs = corpus.everything()
    assert save_runs(runs, tmp_path / name) == len(runs)
    assert examples(run_files(tmp_path / name)) == examples(runs)
    assert len(examples(runs)) > 100


def test_runs_of_both_sdk_versions_are_saved_like_dicts(tmp_path):
    as_dict = a_run(1)
    attached = {
        "presigned_url": "https://store/?signature=secret",
        "mime_type": "a/b",
        "reader": io.BytesIO(),
    }
    first = Run(**as_dict, attachments={"cat.png": attached})
    metadata = as_dict["extra"]["metadata"]
    second = langsmith.types.Run(
        **{**as_dict, "run_type": "LLM", "status": "SUCCESS", "extra": None, "metadata": metadata}
    )
    save_runs([first, second], tmp_path / "runs.jsonl")
    saved = list(run_files(tmp_path / "runs.jsonl"))
    assert [example.line for example in examples_from_runs(saved)] == [
        example.line for example in examples_from_runs([as_dict, as_dict])
    ]
    assert saved[0]["attachments"] == {"cat.png": None}
    assert "secret" not in (tmp_path / "runs.jsonl").read_text()


def test_only_what_the_library_reads_is_saved_and_read(tmp_path):
    save_runs([a_run(1, serialized={"a": 1}, total_cost=2)], tmp_path / "saved.jsonl")
    (tmp_path / "dumped.jsonl").write_text(json.dumps(a_run(1, serialized={"a": 1}, total_cost=2)) + "\n")
    for run in run_files([tmp_path / "saved.jsonl", tmp_path / "dumped.jsonl"]):
        assert run.keys() <= set(FIELDS)
        assert run["serialized"] == {"a": 1}  # what LangChain's model was made with


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.gz", "runs.jsonl.zst"])
def test_saved_file_is_private_and_always_the_same_bytes(tmp_path, name):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        save_runs([a_run(1)], tmp_path / folder / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o600


def test_an_interrupted_save_leaves_the_older_file_as_it_was(tmp_path):
    path = tmp_path / "runs.jsonl.gz"
    save_runs([a_run(1)], path)

    def interrupted():
        yield a_run(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_runs(interrupted(), path)
    assert ids(run_files(path)) == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["runs.jsonl.gz"]


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(
        InvalidExampleError,
        match=r"run r1: is not JSON \(TypeError\)\. Use text, numbers, lists and dicts only",
    ):
        save_runs([{"id": "r1", "inputs": {"a": b"bytes"}}], tmp_path / "runs.jsonl")
    with pytest.raises(FileNotFoundError, match=r"there is no folder '.*none' to write runs.jsonl into"):
        save_runs([], tmp_path / "none" / "runs.jsonl")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-BIG, BIG)
    | st.floats(allow_nan=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=scaled(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=json_values)
def test_payloads_come_back_as_they_were_saved(tmp_path, payload):
    run = {"id": "r1", "run_type": "llm", "inputs": {"a": payload}, "outputs": {"b": [payload, "\ud800"]}}
    save_runs([run], tmp_path / "runs.jsonl")
    (found,) = run_files(tmp_path / "runs.jsonl")
    assert found["inputs"] == run["inputs"]
    assert found["outputs"] == run["outputs"]


def test_command_line_export_uses_the_names_of_the_api(tmp_path):
    run = a_run(1)
    line = {
        "run_id": run["id"],
        **{key: run[key] for key in ("trace_id", "run_type", "inputs", "outputs", "end_time", "status")},
        "start_time": "2026-11-01T12:01:00.123456789Z",
        "custom_metadata": run["extra"]["metadata"],
        "token_usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
    }
    (tmp_path / "runs.jsonl").write_text("\ufeff" + json.dumps(line) + "\r\n\n")
    (example,) = examples_from_runs(run_files(tmp_path / "runs.jsonl", start_time=NOON))
    assert example.source.run_id == run["id"]
    assert (example.source.model, example.source.prompt_tokens) == ("gpt-4o-mini", 5)


GOOD = json.dumps(a_run(1))
BROKEN_LINES = {
    '{"id": "r", "inputs": {"secret': "the line is not JSON at column",
    "[" * 100_000: "the line is nested deeper than Python can follow. Write one run per line",
    '{"id": "r", "run_type": "llm", "inputs": ' + "9" * 5000 + "}": "the line is not JSON",
    f"[{GOOD}]": "the line is not a run, an object with id and run_type. Write one run per line, as save_runs",
    '{"inputs": {}, "outputs": {}}': "the line is not a run",
    '"text"': "the line is not a run",
}


@pytest.mark.parametrize("line", BROKEN_LINES, ids=range(len(BROKEN_LINES)))
def test_a_broken_line_is_named_and_can_be_skipped(tmp_path, line):
    path = tmp_path / "runs.jsonl"
    path.write_text(f"{GOOD}\n{line}\n{GOOD}\n")
    with pytest.raises(InvalidExampleError) as caught:
        list(run_files(path))
    assert caught.value.where == f"{path}:2"
    assert BROKEN_LINES[line] in str(caught.value)
    assert "secret" not in str(caught.value)
    skipped = []
    assert ids(run_files(path, on_skip=skipped.append)) == [1, 1]
    assert [error.where for error in skipped] == [f"{path}:2"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "not gzip"])
def test_a_damaged_archive_is_named_where_it_breaks_off(tmp_path, damage):
    path = tmp_path / "a.jsonl.gz"
    data = bytearray(gzip.compress("".join(json.dumps(a_run(n)) + "\n" for n in range(3000)).encode()))
    if damage == "cut":
        del data[len(data) // 2 :]
    elif damage == "flipped":
        data[len(data) // 2] ^= 0xFF
    else:
        data[:2] = b"{}"
    path.write_bytes(data)
    save_runs([a_run(7)], tmp_path / "b.jsonl")
    with pytest.raises(InvalidExampleError, match=r"a\.jsonl\.gz:\d+: .*(breaks off|not JSON)"):
        list(run_files(tmp_path))
    skipped = []
    assert ids(run_files(tmp_path, on_skip=skipped.append))[-1] == 7
    assert skipped


def test_a_damaged_zstd_file_is_named_too(tmp_path):
    path = tmp_path / "a.jsonl.zst"
    save_runs((a_run(n) for n in range(3000)), path)
    path.write_bytes(path.read_bytes()[:2000] + b"\0" * 100)
    with pytest.raises(
        InvalidExampleError, match=r"a\.jsonl\.zst:\d+: the file breaks off here or is damaged"
    ):
        list(run_files(path))


# Conditions, which hold alike for both kinds of file


def varied() -> list[dict]:
    return [
        a_run(1),
        a_run(2, session_id=OTHER),
        a_run(3, run_type="chain"),
        a_run(4, status="error", error="boom"),
        a_run(5),
        a_run(6, status=None, start_time=None),
    ]


CONDITIONS = [
    ({}, [1, 2, 3, 4, 5, 6]),
    ({"project_id": PROJECT}, [1, 3, 4, 5, 6]),
    ({"project_id": UUID(OTHER)}, [2]),
    ({"run_type": "LLM"}, [1, 2, 4, 5, 6]),
    ({"run_type": "llm", "status": "success"}, [1, 2, 5]),
    ({"start_time": NOON + timedelta(minutes=2)}, [2, 3, 4, 5]),
    ({"start_time": datetime(2026, 11, 1, 12, 2), "end_time": NOON + timedelta(minutes=4)}, [2, 3]),  # noqa: DTZ001
    ({"end_time": NOON}, []),
]


@pytest.mark.parametrize(("conditions", "expected"), CONDITIONS)
@pytest.mark.parametrize("kind", ["jsonl", "v1", "v2_beta"])
def test_conditions_choose_the_same_runs_from_every_kind_of_file(tmp_path, kind, conditions, expected):
    if kind == "jsonl":
        save_runs(varied(), tmp_path / "runs.jsonl")
    else:
        bulk_export.write(tmp_path / "runs.parquet", varied(), version=kind, rows_per_group=2)
    assert ids(run_files(tmp_path, **conditions)) == expected


def test_what_is_no_time_is_in_no_window(tmp_path):
    save_runs([a_run(1), a_run(2, start_time="soon"), a_run(3, start_time=5)], tmp_path / "runs.jsonl")
    assert ids(run_files(tmp_path, start_time=NOON)) == [1]


def test_condition_on_a_missing_column_is_an_error(tmp_path):
    run = a_run(1)
    del run["status"]
    (tmp_path / "runs.jsonl").write_text(json.dumps(run) + "\n")
    with pytest.raises(
        InvalidExampleError,
        match=r"runs\.jsonl:1: status: is not there, and is asked for\. Export status too, or do not ask for it",
    ):
        list(run_files(tmp_path / "runs.jsonl", status="success"))
    table = bulk_export.table([a_run(1)]).drop_columns(["status", "session_id", "start_time"])
    pq.write_table(table, tmp_path / "runs.parquet")
    with pytest.raises(
        InvalidExampleError,
        match=r"runs\.parquet: lacks the columns start_time, status, session_id\. Export them too",
    ):
        list(
            run_files(tmp_path / "runs.parquet", status="success", project_id=PROJECT, start_time=NOON),
        )


# Parquet


@pytest.mark.slow
@pytest.mark.parametrize("compression", ["zstd", "gzip", "snappy", "none"])
@pytest.mark.parametrize("version", bulk_export.FORMATS)
def test_every_captured_run_survives_an_export(tmp_path, version, compression):
    runs = [
        {**{name: run.get(name) for name in bulk_export.ORDER}, **TIMES, "id": run["id"]}
        for run in corpus.everything()
    ]
    path = bulk_export.write(tmp_path / "runs.parquet", runs, version=version, compression=compression)
    assert len(pq.ParquetFile(path).schema_arrow) == 29
    kind = pq.ParquetFile(path).schema.column(bulk_export.ORDER.index("start_time")).logical_type.to_json()
    assert ('"isAdjustedToUTC":false' in kind) == (version == "v1")
    assert examples(run_files(path)) == examples(runs)


def test_both_doors_read_what_is_yielded(tmp_path):
    path = bulk_export.write(tmp_path / "runs.parquet", [a_run(1), a_run(2, run_type="chain")])
    loader = LangSmithRunChatLoader(runs=run_files(path))
    (session,) = loader.lazy_load()
    assert session["messages"][0].content == "Question 1, 你好?"
    assert loader.skipped.counts == {"not_llm": 1}
    (example,) = examples(run_files(path))
    assert example[1].scores == {"user_score": 1.0}
    assert example[1].start_time == "2026-11-01T12:01:00+00:00"


@pytest.mark.parametrize("version", bulk_export.FORMATS)
def test_nanoseconds_are_cut_to_microseconds(tmp_path, version):
    table = bulk_export.table([a_run(1)], version)
    if version == "v1":
        odd = pa.array([1_793_534_460_123_456_789], pa.timestamp("ns"))
        table = table.set_column(table.schema.get_field_index("start_time"), "start_time", odd)
    pq.write_table(table, tmp_path / "runs.parquet")
    (run,) = run_files(tmp_path / "runs.parquet")
    assert run["start_time"].utcoffset() == timedelta(0)
    if version == "v1":
        assert run["start_time"] == datetime(2026, 11, 1, 12, 1, 0, 123456, tzinfo=UTC)


def test_times_told_in_another_zone_are_the_same_moments(tmp_path):
    table = bulk_export.table([a_run(1), a_run(5)])
    index = table.schema.get_field_index("start_time")
    there = table.column("start_time").cast(pa.timestamp("ms", "Asia/Tokyo"))
    pq.write_table(table.set_column(index, "start_time", there), tmp_path / "runs.parquet")
    (run,) = run_files(tmp_path / "runs.parquet", end_time=NOON + timedelta(minutes=2))
    assert run["start_time"] == NOON + timedelta(minutes=1)


def test_integers_of_any_size_survive(tmp_path):
    run = a_run(1, inputs={"seed": BIG, "messages": []})
    for path in (tmp_path / "runs.jsonl", tmp_path / "runs.parquet"):
        save_runs([run], path) if path.suffix == ".jsonl" else bulk_export.write(path, [run])
        (found,) = run_files(path)
        assert found["inputs"]["seed"] == BIG


def test_payloads_can_stay_text(tmp_path):
    save_runs([a_run(1, outputs=None)], tmp_path / "a.jsonl")
    bulk_export.write(tmp_path / "b.parquet", [a_run(1, outputs=None)])
    for run in run_files(tmp_path, decode=False):
        assert json.loads(run["inputs"]) == a_run(1)["inputs"]
        assert isinstance(run["inputs"], bytes)
        assert run.get("outputs") is None
        assert run["tags"] == ["prod"]
        save_runs([run], tmp_path / "again.jsonl")
        assert next(run_files(tmp_path / "again.jsonl"))["inputs"] == a_run(1)["inputs"]
        (tmp_path / "again.jsonl").unlink()


def test_text_gives_the_same_examples_as_what_it_says(tmp_path):
    path = bulk_export.write(tmp_path / "a.parquet", [{**run, **TIMES} for run in corpus.everything()])
    assert examples(run_files(path, decode=False)) == examples(run_files(path))
    sessions = [session["messages"] for session in LangSmithRunChatLoader(runs=run_files(path)).lazy_load()]
    texts = LangSmithRunChatLoader(runs=run_files(path, decode=False))
    assert [session["messages"] for session in texts.lazy_load()] == sessions


def test_export_is_found_without_leftovers(tmp_path):
    for day in (2, 1):
        bulk_export.write(bulk_export.folder(tmp_path, project=PROJECT, day=day) / "0.parquet", [a_run(day)])
    bulk_export.write(bulk_export.folder(tmp_path, project=OTHER) / "0.parquet", [a_run(3, session_id=OTHER)])
    bulk_export.write(tmp_path / "export_id=e1" / "tmp" / "0.parquet", [a_run(9)])
    bulk_export.write(tmp_path / "export_id=e1" / ".hidden.parquet", [a_run(9)])
    (tmp_path / "export_id=e1" / "_SUCCESS").touch()
    assert ids(run_files(tmp_path)) == [1, 2, 3]
    assert ids(run_files(str(tmp_path) + "/")) == [1, 2, 3]
    assert ids(run_files(tmp_path, project_id=OTHER)) == [3]


def test_project_is_taken_from_the_folder_without_a_column(tmp_path):
    for project in (PROJECT, OTHER):
        path = bulk_export.folder(tmp_path, project=project) / "0.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(bulk_export.table([a_run(1)]).drop_columns(["session_id"]), path)
    (run,) = run_files(tmp_path, project_id=OTHER)
    assert run["session_id"] == OTHER


def test_row_groups_without_a_wanted_run_are_not_read(tmp_path):
    path = bulk_export.write(tmp_path / "runs.parquet", map(a_run, range(100)), rows_per_group=10)
    data = bytearray(path.read_bytes())
    pages = pq.ParquetFile(path).metadata
    inputs = bulk_export.ORDER.index("inputs")
    for group in (*range(5), *range(6, 10)):  # all but the sixth are damaged
        column = pages.row_group(group).column(inputs)
        start = column.dictionary_page_offset or column.data_page_offset
        data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    window = {"start_time": NOON + timedelta(minutes=50), "end_time": NOON + timedelta(minutes=60)}
    assert ids(run_files(path, **window)) == list(range(50, 60))
    skipped = []
    assert ids(run_files(path, on_skip=skipped.append)) == list(range(50, 60))
    assert [error.where for error in skipped] == [
        f"{path}, row group {n}" for n in (*range(5), *range(6, 10))
    ]
    assert "is damaged, or not Parquet" in str(skipped[0])


def test_columns_that_are_not_needed_are_not_read(tmp_path):
    path = bulk_export.write(tmp_path / "runs.parquet", [a_run(1)])
    column = pq.ParquetFile(path).metadata.row_group(0).column(bulk_export.ORDER.index("total_cost"))
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(data)
    assert ids(run_files(path)) == [1]


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_a_file_that_is_no_parquet_is_named_and_can_be_skipped(tmp_path, damage):
    path = bulk_export.write(tmp_path / "a.parquet", [a_run(1)])
    path.write_bytes({"cut": path.read_bytes()[:-20], "empty": b"", "text": b"{}" * 100}[damage])
    bulk_export.write(tmp_path / "b.parquet", [a_run(2)])
    with pytest.raises(
        InvalidExampleError,
        match=r"a\.parquet: is damaged, or not Parquet \(ArrowInvalid\)\. Export or copy it again, or leave the file out",
    ):
        list(run_files(tmp_path))
    skipped = []
    assert ids(run_files(tmp_path, on_skip=skipped.append)) == [2]
    assert [error.where for error in skipped] == [str(path)]


@pytest.mark.parametrize(
    ("column", "values", "found"),
    [
        ("id", pa.array([7]), "id: is a column of type int64. Export it as LangSmith's bulk export does"),
        ("inputs", pa.array([1.5]), "inputs: is a column of type double"),
        ("start_time", pa.array(["2026"]), "start_time: is a column of type string"),
        ("prompt_tokens", pa.array(["5"]), "prompt_tokens: is a column of type string"),
        ("run_type", pa.array([{"secret": 1}]), "run_type: is a column of type struct<...>"),
    ],
)
def test_a_column_of_a_wrong_type_is_named(tmp_path, column, values, found):
    table = bulk_export.table([a_run(1)])
    pq.write_table(
        table.set_column(table.schema.get_field_index(column), column, values), tmp_path / "r.parquet"
    )
    with pytest.raises(InvalidExampleError) as caught:
        list(run_files(tmp_path / "r.parquet"))
    assert f"{tmp_path}/r.parquet: {found}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("as_type", [pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string())])
def test_text_of_other_widths_is_text_too(tmp_path, as_type):
    table = bulk_export.table([a_run(1), a_run(2, run_type="chain")])
    for name in ("inputs", "outputs", "extra", *(["run_type"] if pa.types.is_dictionary(as_type) else [])):
        index = table.schema.get_field_index(name)
        column = table.column(name)
        column = column.dictionary_encode() if pa.types.is_dictionary(as_type) else column.cast(as_type)
        table = table.set_column(index, name, column)
    pq.write_table(table, tmp_path / "r.parquet")
    (run,) = run_files(tmp_path / "r.parquet", run_type="llm")
    assert run["inputs"] == a_run(1)["inputs"]


def test_missing_columns_are_named(tmp_path):
    pq.write_table(pa.table({"id": ["r1"], "question": ["?"]}), tmp_path / "r.parquet")
    with pytest.raises(
        InvalidExampleError,
        match=r"r\.parquet: lacks the columns inputs, outputs, run_type\. Export them too \(export_fields\), or do not",
    ):
        list(run_files(tmp_path / "r.parquet"))


@pytest.mark.parametrize("column", JSON_COLUMNS)
def test_a_cell_that_is_not_json_costs_its_run_alone(tmp_path, column):
    path = bulk_export.write(
        tmp_path / "r.parquet", [a_run(1), a_run(2, **{column: '{"secret": '}), a_run(3)]
    )
    with pytest.raises(InvalidExampleError) as caught:
        list(run_files(path))
    where = f"{path}, row group 0, run {UUID(int=2)}"
    assert str(caught.value) == f"{where}: {column}: is not JSON. Leave the run out with on_skip="
    skipped = []
    assert ids(run_files(path, on_skip=skipped.append)) == [1, 3]
    assert [error.where for error in skipped] == [where]


def test_text_that_is_not_unicode_costs_its_run_alone(tmp_path):
    table = bulk_export.table([a_run(1), a_run(2)])
    column = pa.array([b"{}", b'{"a": "\xff"}'], pa.binary()).view(pa.string())
    pq.write_table(
        table.set_column(table.schema.get_field_index("inputs"), "inputs", column), tmp_path / "r.parquet"
    )
    skipped = []
    assert ids(run_files(tmp_path / "r.parquet", on_skip=skipped.append)) == [1]
    assert [error.field for error in skipped] == ["inputs"]


def test_times_beyond_the_calendar_are_named(tmp_path):
    table = bulk_export.table([a_run(1)])
    column = pa.array([2**62], pa.timestamp("us", "UTC"))
    pq.write_table(
        table.set_column(table.schema.get_field_index("end_time"), "end_time", column), tmp_path / "r.parquet"
    )
    with pytest.raises(InvalidExampleError, match=r"r\.parquet, row group 0: is damaged"):
        list(run_files(tmp_path / "r.parquet"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its memory there")
def test_memory_does_not_grow_with_a_row_group(tmp_path):
    # 320 MB in a single row group; pyarrow's own scanner holds all of it.
    text = json.dumps({"messages": [{"role": "user", "content": os.urandom(2_000).hex()}]})
    rows = [{**a_run(1), "inputs": text.replace("user", f"user{n}")} for n in range(80_000)]
    path = bulk_export.write(tmp_path / "big.parquet", rows, rows_per_group=100_000)
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
    code = (
        "import re; from pathlib import Path; from langsmith_finetune.runs.files.read import run_files\n"
        "import langsmith_finetune.runs.files.parquet\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1]) // 1024\n"
        f"before = peak(); count = sum(1 for _ in run_files({str(path)!r})); print(count, peak() - before)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    count, megabytes = map(int, said.split())
    assert count == 80_000
    assert megabytes < 180


# Places


def test_a_place_without_runs_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file or folder .*none\.jsonl"):
        list(run_files(tmp_path / "none.jsonl"))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        FileNotFoundError, match=r"holds no files of runs: \.parquet, \.jsonl, \.jsonl\.gz, \.jsonl\.zst"
    ):
        list(run_files(tmp_path))


def test_an_export_is_read_from_object_storage(tmp_path, s3, monkeypatch):
    store, endpoint = s3
    for project, number in ((PROJECT, 1), (OTHER, 2)):
        file = bulk_export.folder(tmp_path, project=project) / "0.parquet"
        bulk_export.write(file, [a_run(number, session_id=project)])
        put(store, file, f"exports/prefix/{file.relative_to(tmp_path)}")
        put(store, file, f"exports/prefix/{file.parent.relative_to(tmp_path)}/tmp/1.parquet")
    save_runs([a_run(3)], tmp_path / "more.jsonl.gz")
    put(store, tmp_path / "more.jsonl.gz", "exports/prefix/more.jsonl.gz")
    assert ids(run_files("exports/prefix", filesystem=store)) == [1, 2, 3]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{endpoint}")
    assert ids(run_files("s3://exports/prefix/")) == [1, 2, 3]
    assert ids(run_files("s3://exports/prefix", project_id=OTHER)) == [2]
    assert ids(run_files("s3://exports/prefix/more.jsonl.gz")) == [3]
    with pytest.raises(FileNotFoundError, match=r"s3://exports/none holds no files of runs"):
        list(run_files("s3://exports/none"))


def test_vanished_object_is_not_called_broken(tmp_path, s3):
    store, _ = s3
    bulk_export.write(tmp_path / "0.parquet", [a_run(1)])
    for number in (0, 1):
        put(store, tmp_path / "0.parquet", f"exports/vanishing/{number}.parquet")
    skipped = []
    runs = run_files("exports/vanishing", filesystem=store, on_skip=skipped.append)
    next(runs)
    store.delete_file("exports/vanishing/1.parquet")
    with pytest.raises(OSError) as caught:
        list(runs)
    assert caught.value.__notes__ == ["while reading exports/vanishing/1.parquet"]
    assert not skipped


def test_broken_stream_of_object_storage_raises(tmp_path, s3):
    store, _ = s3
    save_runs(map(a_run, range(3000)), tmp_path / "runs.jsonl.gz")
    (tmp_path / "runs.jsonl.gz").write_bytes((tmp_path / "runs.jsonl.gz").read_bytes()[:-2000])
    put(store, tmp_path / "runs.jsonl.gz", "exports/cut/runs.jsonl.gz")
    skipped = []
    with pytest.raises(OSError) as caught:
        list(run_files("exports/cut", filesystem=store, on_skip=skipped.append))
    assert caught.value.__notes__[0].startswith("while reading exports/cut/runs.jsonl.gz:")
    assert not skipped


def test_a_broken_file_in_object_storage_is_skipped(tmp_path, s3):
    store, _ = s3
    bulk_export.write(tmp_path / "b.parquet", [a_run(1)])
    (tmp_path / "a.parquet").write_bytes((tmp_path / "b.parquet").read_bytes()[:-20])
    for name in ("a", "b"):
        put(store, tmp_path / f"{name}.parquet", f"exports/broken/{name}.parquet")
    skipped = []
    assert ids(run_files("exports/broken", filesystem=store, on_skip=skipped.append)) == [1]
    assert [error.where for error in skipped] == ["exports/broken/a.parquet"]


def test_other_stores_are_reached_through_fsspec(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    bulk_export.write(tmp_path / "0.parquet", [a_run(1)])
    memory = fsspec.filesystem("memory")
    memory.pipe("/exports/0.parquet", (tmp_path / "0.parquet").read_bytes())
    assert ids(run_files("memory://exports")) == [1]
    assert ids(run_files("/exports", filesystem=memory)) == [1]


def test_missing_pyarrow_reads_json_lines_and_names_the_extra(tmp_path):
    save_runs([a_run(1)], tmp_path / "runs.jsonl.gz")
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from langsmith_finetune.runs.files.read import run_files\n"
        f"assert len(list(run_files({str(tmp_path)!r}))) == 1\n"
        "list(run_files('s3://exports'))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    expected = 'reading Parquet, .zst or object storage needs pyarrow: pip install "langsmith-finetune[bulk]"'
    assert expected in said
