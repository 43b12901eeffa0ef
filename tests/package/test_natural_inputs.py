"""What people have at hand is taken: tables, lines, files, days, text for times, numpy's numbers, paths."""

from __future__ import annotations

import gzip
import json
import math
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from langsmith_finetune import (
    FineTuneJob,
    InvalidExampleError,
    LangSmithRunChatLoader,
    TrainingExample,
    check,
    convert_messages_for_finetuning,
    examples_from_runs,
    read_jsonl,
    run_files,
    save_runs,
    select_runs,
    training_examples,
    write_jsonl,
)
from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.form_kinds import time_from
from langsmith_finetune.cost import count_tokens, estimate_cost
from langsmith_finetune.dataset import (
    DatasetReport,
    describe_examples,
    describe_runs,
    drop_duplicates,
    fit_length,
    fold_traces,
    labels_from_scores,
    preferences_from_candidates,
    preferences_from_corrections,
    redact,
    split_side,
    to_hf_dataset,
    train_validation_split,
)
from langsmith_finetune.runs import RunSource
from langsmith_finetune.targets import fix_examples, to_target
from langsmith_finetune.testing import FakeProvider
from tests.support.messages import HELLO
from tests.support.payloads import wrap_openai_run

RUN = wrap_openai_run(HELLO) | {"trace_id": str(uuid.UUID(int=1)), "prompt_tokens": 5}
OTHER = {"id": "e7c1", "run_type": "chain", "start_time": "2026-11-02T00:00:00"}
PREFERENCE = {
    "input": {"messages": HELLO["messages"][:1]},
    "preferred_output": HELLO["messages"][1:],
    "non_preferred_output": [{"role": "assistant", "content": "What?"}],
}
LABEL = {"prompt": HELLO["messages"][:1], "completion": HELLO["messages"][1:], "label": True}

# --- tables of runs ---


def test_a_table_of_runs_is_taken_where_runs_are(tmp_path):
    table = pd.DataFrame([RUN, OTHER])  # what the one lacks is NaN in the other
    [example] = examples_from_runs(table)
    assert example.line == HELLO
    assert example.source.prompt_tokens == 5
    loader = LangSmithRunChatLoader(table)
    assert len(loader.load()) == len(loader.load()) == 1
    assert [error.reason for error in loader.skipped] == ["not_llm"]
    assert describe_runs(table).count == 2
    assert save_runs(table, tmp_path / "runs.jsonl") == 2
    assert [row["id"] for row in run_files(tmp_path / "runs.jsonl")] == [RUN["id"], "e7c1"]
    assert list(preferences_from_candidates(table, lambda *_: 1.0)) == []
    feedback = pd.DataFrame([{"run_id": RUN["id"], "correction": "Bye", "score": math.nan}])
    [pair] = preferences_from_corrections(table, feedback)
    assert pair.line["preferred_output"][0]["content"] == "Bye"


def test_a_table_of_runs_with_times_and_whole_numbers_says_them_exactly():
    rows = [
        RUN
        | {"start_time": pd.Timestamp("2026-11-01T10:00:00Z"), "end_time": pd.NaT, "tags": np.array(["a"])}
    ]
    table = pd.DataFrame([*rows, {"id": "x", "prompt_tokens": None}])
    assert table["prompt_tokens"].dtype == float
    [example] = examples_from_runs(table)
    assert example.source.start_time == "2026-11-01T10:00:00+00:00"
    assert example.source.prompt_tokens == 5


def test_a_table_of_pyarrow_with_json_text_is_taken():
    fields = {key: json.dumps(value) if isinstance(value, dict) else value for key, value in RUN.items()}
    table = pa.Table.from_pylist(
        [{key: value for key, value in fields.items() if isinstance(value, (str, int))}]
    )
    [example] = examples_from_runs(table)
    assert example.line == HELLO


# --- lines, tables of lines and files, where examples are ---

STEPS = {
    "fold_traces": fold_traces,
    "drop_duplicates": drop_duplicates,
    "redact": redact,
    "train_validation_split": lambda given: train_validation_split(given)[0],
    "fit_length": lambda given: fit_length(given, 100, lambda _: 1),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_takes_lines_tables_and_files(step, tmp_path):
    other = {"messages": [{"role": "user", "content": "Who?"}, HELLO["messages"][1]]}
    path = write_jsonl([HELLO, other], tmp_path / "train.jsonl").path
    expected = [TrainingExample(line=HELLO), TrainingExample(line=other)]
    for given in (
        [HELLO, other], expected, [HELLO, expected[1]], pd.DataFrame([HELLO, other]), path, str(path),
        read_jsonl(path), (line for line in [HELLO, other]),
    ):  # fmt: skip
        made = list(STEPS[step](given))
        assert made == expected, type(given)


@pytest.mark.parametrize("line", [PREFERENCE, LABEL])
def test_steps_for_all_kinds_take_their_lines(line):
    report = DatasetReport()
    [redacted] = redact([line], report=report)
    [kept] = [*train_validation_split([line], report=report)[0], *train_validation_split([line])[1]]
    assert redacted.line == kept.line == line
    assert split_side(line) in ("train", "validation")


def test_other_functions_of_examples_take_tables_and_files(tmp_path):
    path = write_jsonl([HELLO, HELLO], tmp_path / "train.jsonl").path
    table = pd.DataFrame([HELLO, HELLO])
    assert describe_examples(path).count == describe_examples(table).count == 2
    assert len(to_hf_dataset(path)) == len(to_hf_dataset(table)) == 2
    assert check(table, "openai", ignore=["too_few"]).lines == check(path, "openai").lines == 2
    assert count_tokens(table).total == count_tokens([HELLO, HELLO]).total
    assert write_jsonl(table, tmp_path / "again.jsonl").count == 2
    assert list(fix_examples(table, "openai")) == [HELLO, HELLO]
    assert (tmp_path / "again.jsonl").read_bytes() == path.read_bytes()


def test_examples_of_a_file_are_read_again_with_each_pass(tmp_path):
    path = write_jsonl([HELLO, HELLO], tmp_path / "train.jsonl").path
    report = DatasetReport()
    assert len(list(drop_duplicates(str(path), report=report))) == 1
    assert report.read["drop_duplicates"] == 2


def test_a_file_of_other_lines_is_refused_by_its_line(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"text": "Hi"}\n')
    with pytest.raises(InvalidExampleError, match=r"^train.jsonl:1: messages: "):
        list(redact(tmp_path / "train.jsonl"))


# --- arrays of runs ---


@pytest.mark.slow
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ending", [".json", ".json.gz", ".jsonl"])
def test_an_array_of_runs_is_read_like_lines(tmp_path, indent, ending):
    rows = [RUN | {"name": 'a "]}, {[ \\'}, OTHER, RUN | {"id": "big", "tags": ["x" * 300_000] * 8}]
    data = json.dumps(rows, indent=indent).encode()
    path = tmp_path / f"runs{ending}"
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else b"\xef\xbb\xbf \n" + data)
    assert [row["id"] for row in run_files(path)] == [RUN["id"], "e7c1", "big"]
    assert [row["tags"][0][:2] for row in run_files(path) if row.get("tags")] == ["xx"]
    assert len(list(examples_from_runs(run_files(path, run_type="llm")))) == 2


def test_an_empty_array_holds_no_runs(tmp_path):
    for text in ("[]", "[ \n ]"):
        (tmp_path / "runs.json").write_text(text)
        assert list(run_files(tmp_path / "runs.json")) == []


def test_what_is_wrong_in_an_array_is_told_by_its_place(tmp_path):
    path = tmp_path / "runs.json"
    path.write_text(json.dumps([RUN, 5, "a, b", {"id": "x"}, OTHER])[:-1] + ", {broken: 1}]")
    skipped = []
    assert [row["id"] for row in run_files(path, on_skip=skipped.append)] == [RUN["id"], "e7c1"]
    assert [error.where for error in skipped] == [f"{path}[{n}]" for n in (1, 2, 3, 5)]
    path.write_text(json.dumps([RUN, OTHER])[:-20])
    skipped = []
    assert [row["id"] for row in run_files(path, on_skip=skipped.append)] == [RUN["id"]]
    assert [str(error).partition(": ")[2] for error in skipped] == [
        "the file breaks off here or is damaged (EOFError). Write or copy it again"
    ]
    with pytest.raises(InvalidExampleError, match=r"runs.json\[1\]: the file breaks off"):
        list(run_files(path))


# --- times ---


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:30", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        (" 2026-11-01T10:30:00Z ", datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        ("2026-11-01T10:30+02:00", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        (date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)),
        (datetime(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)),  # noqa: DTZ001 - the case
        (datetime(2026, 11, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 10, 31, 23, tzinfo=UTC)),
        (pd.Timestamp("2026-11-01"), datetime(2026, 11, 1, tzinfo=UTC)),
        (np.datetime64("2026-11-01T10:30"), datetime(2026, 11, 1, 10, 30, tzinfo=UTC)),
        (np.datetime64("2026-11-01"), datetime(2026, 11, 1, tzinfo=UTC)),
        ("yesterday", None), ("", None), (5, None), (None, None), (pd.NaT, None), (np.datetime64("NaT"), None),
    ],
)  # fmt: skip
def test_a_time_may_be_given_in_each_of_these_ways(given, expected):
    assert time_from(given) == expected


def test_days_and_text_are_times_where_times_are_asked_for(tmp_path):
    save_runs(
        [RUN | {"id": f"r{n}", "start_time": f"2026-11-0{n}T12:00:00"} for n in (1, 2, 3)],
        tmp_path / "r.jsonl",
    )
    for start, end in (
        ("2026-11-02", "2026-11-03"),
        (date(2026, 11, 2), date(2026, 11, 3)),
        (datetime(2026, 11, 2, tzinfo=UTC), "2026-11-03T00:00:00Z"),
    ):
        assert [run["id"] for run in run_files(tmp_path / "r.jsonl", start_time=start, end_time=end)] == [
            "r2"
        ]
        state = select_runs(project_name="p", start_time=start, end_time=end).state
        assert state == select_runs(project_name="p", start_time="2026-11-02", end_time="2026-11-03").state
    settings = {"provider": "openai", "model": "gpt-4.1-mini", "n_epochs": 1}
    price = estimate_cost(1000, **settings, on="2026-12-01")
    assert price is not None
    assert price == estimate_cost(1000, **settings, on=date(2026, 12, 1))
    assert price == estimate_cost(1000, **settings, on=datetime(2026, 12, 1, tzinfo=UTC))


# --- numbers, texts and paths of other packages ---


class Color(StrEnum):
    """A text."""

    RED = "trace"


def test_numbers_of_numpy_are_numbers():
    examples = [HELLO, HELLO]
    assert list(fit_length(examples, np.int64(100), lambda _: 1))
    assert len(list(drop_duplicates(examples, similarity=None))) == 1
    assert train_validation_split(examples, validation_size=np.float32(0.5), seed=np.int32(7))
    assert split_side(HELLO, seed=np.int64(7)) == split_side(HELLO, seed=7)
    assert check(examples, "openai", fix=np.bool_(True), keep=np.uint8(3)).lines == 2
    assert list(fold_traces(examples, grouped=np.False_, across=Color.RED))
    scored = [TrainingExample(line=HELLO, source=RunSource(run_id="r", scores={"k": 0.7}))]
    assert [
        made.line["label"] for made in labels_from_scores(scored, np.str_("k"), above=Decimal("0.5"))
    ] == [True]


def test_a_function_gets_plain_values():
    @checked()
    def kinds(whole: int, number: float, switch: bool, path: str | Path, text: str) -> list[type]:  # noqa: FBT001
        return [type(each) for each in (whole, number, switch, path, text)]

    found = kinds(np.int64(1), np.float32(0.5), np.True_, PurePosixPath("a"), Color.RED)
    assert found[:3] == [int, float, bool]
    assert isinstance(Path("a"), found[3])
    assert issubclass(found[4], str)


def test_paths_may_be_of_any_kind(tmp_path):
    path = PurePosixPath(tmp_path / "train.jsonl")
    written = write_jsonl([HELLO], path)
    assert list(read_jsonl(path)) == list(read_jsonl(str(path))) == list(read_jsonl(Path(path))) == [HELLO]
    assert check(path, "openai").lines == 1
    provider = FakeProvider(PurePosixPath(tmp_path / "jobs"))
    plan = FineTuneJob.plan(path, model="m", provider=provider, check=False)
    assert plan.training_file == written.path


async def test_a_coroutine_is_checked_when_it_is_awaited():
    @checked()
    async def twice(number: int) -> int:
        return 2 * number

    assert await twice(np.int64(2)) == 4
    with pytest.raises(TypeError, match=r"^number must be a whole number, such as 100, not str$"):
        await twice("2")


def test_a_name_that_only_type_checkers_know_is_a_class():
    @checked()
    def take(value: Unheard, many: list[Unheard], either: far.Away[int] | None = None) -> object:  # noqa: F821
        return value, many, either

    thing = object()
    assert take(thing, [1], thing) == (thing, [1], thing)
    assert take(thing, [1]) == (thing, [1], None)
    with pytest.raises(TypeError, match=r"^value must be an Unheard, not 1$"):
        take(1, [])
    with pytest.raises(TypeError, match=r"^either must be an Away, not str$"):
        take(thing, [], "x")


# --- what one step gave, where the next one asks for something near it ---


def test_a_written_file_is_the_path_of_itself(tmp_path):
    written = write_jsonl([HELLO], tmp_path / "train.jsonl")
    assert list(read_jsonl(written)) == [HELLO]
    assert check(written, "openai").lines == 1
    assert (
        FineTuneJob.plan(written, model="m", provider=FakeProvider(), check=False).training_file
        == written.path
    )
    assert len(list(redact(written))) == 1


def test_a_loader_is_taken_for_its_sessions():
    loader = LangSmithRunChatLoader([RUN])
    assert [example.line for example in training_examples(loader)] == [HELLO]
    assert convert_messages_for_finetuning(loader) == [HELLO["messages"]]


def test_an_example_is_taken_for_its_line():
    assert to_target(TrainingExample(line=HELLO), "gemini") == to_target(HELLO, "gemini")


def test_groups_may_be_numbers_and_ids():
    assert split_side(HELLO, group_by=lambda _: 7) == split_side(HELLO, group_by=lambda _: "7")
    assert split_side(HELLO, group_by=lambda _: uuid.UUID(int=7)) in ("train", "validation")
