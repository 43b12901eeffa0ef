"""The ledger: from which runs a line is, who saw a run or a user, and the file without them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import InvalidExampleError, PreferenceExample, TrainingExample, write_jsonl
from langsmith_finetune.ledger.ledger import Ledger
from langsmith_finetune.providers import JobInfo
from langsmith_finetune.runs import Note, RunSource
from tests.support.messages import CALL, HELLO

ADA = hashlib.sha256(b"ada").hexdigest()


def example(run, user=None, line=HELLO, **more):
    return TrainingExample(line=line, source=RunSource(run_id=run, trace_id=f"t-{run}", user_id=user), **more)


def rows(path):
    return [json.loads(row) for row in path.read_bytes().splitlines()]


def job(job_id="ftjob-1", status="running", model=None):
    return JobInfo(id=job_id, status=status, provider_status=status, model="base", fine_tuned_model=model)


def test_ledger_has_each_line_in_order_and_its_file(tmp_path):
    source = RunSource(
        run_id="r1",
        trace_id="t1",
        thread_id="th",
        user_id="ada",
        project_id="p",
        start_time="2026-11-22T08:51:21",
        model="gpt-4.1",
        example_id="e",
        scores={"stars": 0.5, "odd": float("nan")},
        notes=(Note(run_id="r1", kind="tool_choice", detail="secret detail"),),
    )
    examples = [
        TrainingExample(
            line=CALL, source=source, merged=(RunSource(run_id="r0"),), changes=("folded 2 calls",)
        ),
        HELLO,
    ]
    written = write_jsonl(examples, tmp_path / "train.jsonl")
    first, second, closing = rows(written.ledger)
    data = written.path.read_bytes().splitlines()
    assert first == {
        "line_sha256": hashlib.sha256(data[0]).hexdigest(),
        "sources": [
            {
                "run": "r1",
                "trace": "t1",
                "thread_sha256": hashlib.sha256(b"th").hexdigest(),
                "user_sha256": ADA,
                "project": "p",
                "start_time": "2026-11-22T08:51:21",
                "model": "gpt-4.1",
                "example": "e",
                "scores": {"stars": 0.5},
                "notes": ["tool_choice"],
            },
            {"run": "r0", "role": "merged"},
        ],
        "changes": ["folded 2 calls"],
    }
    assert second == {"line_sha256": hashlib.sha256(data[1]).hexdigest(), "sources": []}
    assert closing == {"file": "train.jsonl", "lines": 2, "sha256": written.sha256}
    assert b"ada" not in written.ledger.read_bytes()
    assert b"secret" not in written.ledger.read_bytes()
    assert stat.S_IMODE(written.ledger.stat().st_mode) == 0o600


def test_the_file_s_bytes_do_not_depend_on_the_ledger(tmp_path):
    with_sources = write_jsonl([example("r1"), example("r2", line=CALL)], tmp_path / "a.jsonl")
    without = write_jsonl([HELLO, CALL], tmp_path / "b.jsonl")
    assert with_sources.sha256 == without.sha256


def test_a_preference_names_both_runs(tmp_path):
    line = {
        "input": {"messages": HELLO["messages"][:1]},
        "preferred_output": HELLO["messages"][1:],
        "non_preferred_output": HELLO["messages"][1:],
    }
    preference = PreferenceExample(
        line=line, source=RunSource(run_id="good"), rejected_source=RunSource(run_id="bad", user_id="ada")
    )
    path = write_jsonl([preference], tmp_path / "pairs.jsonl").path
    assert Ledger.sources_of(path, 1) == (
        {"run": "good"},
        {"run": "bad", "user_sha256": ADA, "role": "rejected"},
    )
    assert Ledger(path).seen(user_ids=["ada"]).files[0].lines == (1,)


def test_by_default_only_what_knows_its_runs_gets_a_ledger(tmp_path):
    path = tmp_path / "train.jsonl"
    ledger = tmp_path / "train.ledger.jsonl"
    assert write_jsonl([HELLO], path).ledger is None
    assert list(tmp_path.iterdir()) == [path]
    assert write_jsonl([HELLO, example("r1")], path).ledger == ledger
    assert len(rows(ledger)) == 3
    assert write_jsonl([example("r1")], path, ledger=False).ledger is None
    assert list(tmp_path.iterdir()) == [path]  # the old one told of another file
    assert write_jsonl([HELLO], path, ledger=True).ledger == ledger
    assert rows(ledger)[0]["sources"] == []


def test_interrupted_write_leaves_file_and_ledger_unchanged(tmp_path):
    def interrupted():
        yield example("r2")
        raise KeyboardInterrupt

    written = write_jsonl([example("r1")], tmp_path / "train.jsonl")
    with pytest.raises(KeyboardInterrupt):
        write_jsonl(interrupted(), written.path)
    assert Ledger.verify(written.path) == 1
    assert sorted(tmp_path.iterdir()) == [written.path, written.ledger]


def test_exposure_names_files_jobs_and_models(tmp_path):
    (tmp_path / "deep").mkdir()
    train = write_jsonl(
        [example("r1", "ada"), example("r2"), example("r3", "ada", CALL)], tmp_path / "train.jsonl"
    )
    write_jsonl([example("r4", "bob", CALL)], tmp_path / "deep" / "other.jsonl")
    for status in (job(), job(status="succeeded", model="ft:base:1")):
        assert Ledger.record_job(train.path, status, provider="openai", sha256=train.sha256)

    seen = Ledger(tmp_path).seen(user_ids=["ada"])
    assert [(file.path, file.sha256, file.lines, file.replaced) for file in seen.files] == [
        (train.path, train.sha256, (1, 3), False)
    ]
    assert seen.jobs == (
        {
            "provider": "openai",
            "job_id": "ftjob-1",
            "model": "base",
            "file_sha256": train.sha256,
            "role": "training",
            "status": "succeeded",
            "fine_tuned_model": "ft:base:1",
        },
    )
    assert seen.models == ("ft:base:1",)
    assert Ledger(tmp_path).seen(run_ids=["t-r2"]).files[0].lines == (2,)
    assert [file.path.name for file in Ledger(tmp_path).seen(user_ids=["bob"]).files] == ["other.jsonl"]
    assert Ledger(tmp_path).seen(user_ids=["bob"]).jobs == ()
    assert Ledger(train.path).seen(run_ids=["r4"]).files == ()
    assert Ledger(train.ledger, train.path).seen(run_ids=["r1"]) == Ledger(train.path).seen(run_ids=["r1"])


def test_model_is_named_after_its_lines_were_erased(tmp_path):
    train = write_jsonl([example("r1", "ada"), example("r2", line=CALL)], tmp_path / "train.jsonl")
    Ledger.record_job(train.path, job(status="succeeded", model="ft:old"), provider="openai")
    erased = Ledger.erase(train.path, user_ids=["ada"])
    Ledger.record_job(train.path, job("ftjob-2", "succeeded", "ft:new"), provider="openai")

    seen = Ledger(tmp_path).seen(user_ids=["ada"])
    assert [(file.path, file.sha256, file.replaced) for file in seen.files] == [
        (train.path, train.sha256, True)
    ]
    assert seen.models == ("ft:old",)
    other = Ledger(tmp_path).seen(run_ids=["r2"])
    assert {file.sha256: file.replaced for file in other.files} == {train.sha256: True, erased.sha256: False}
    assert other.models == ("ft:old", "ft:new")
    assert Ledger(train.path).seen(user_ids=["ada"]) == seen  # a file's kept ledgers are opened with it


def test_files_of_the_same_bytes_share_their_jobs(tmp_path):
    one = write_jsonl([example("r1")], tmp_path / "one.jsonl").path
    write_jsonl([example("r2")], tmp_path / "two.jsonl")
    Ledger.record_job(one, job(status="succeeded", model="m1"), provider="openai")
    assert Ledger(tmp_path).seen(run_ids=["r2"]).models == ("m1",)  # it learned that very line


def test_copies_of_a_file_are_both_named(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_jsonl([example("r1")], tmp_path / folder / "train.jsonl")
    seen = Ledger(tmp_path).seen(run_ids=["r1"])
    assert [file.path for file in seen.files] == [tmp_path / f / "train.jsonl" for f in ("a", "b")]


def test_exposure_follows_models_tuned_further(tmp_path):
    first = write_jsonl([example("r1", "ada")], tmp_path / "first.jsonl").path
    second = write_jsonl([example("r2", "bob", CALL)], tmp_path / "second.jsonl").path
    line = {"messages": [{"role": "assistant", "content": "Yes."}]}
    third = write_jsonl([example("r3", "eve", line)], tmp_path / "third.jsonl").path
    Ledger.record_job(second, replace(job("ft-2", "succeeded", "m2"), model="m1"), provider="openai")
    Ledger.record_job(first, job("ft-1", "succeeded", "m1"), provider="openai")
    Ledger.record_job(third, job("ft-3", "succeeded", "m3"), provider="openai")
    Ledger.record_job(first, job("ft-3", "succeeded", "m3"), provider="openai", role="validation")
    seen = Ledger(tmp_path).seen(user_ids=["ada"])
    assert seen.models == ("m1", "m2")  # m3 was measured on her lines, and learned nothing from them
    assert [(row["job_id"], row["role"]) for row in seen.jobs] == [
        ("ft-1", "training"),
        ("ft-3", "validation"),
        ("ft-2", "training"),
    ]
    assert Ledger(tmp_path).seen(user_ids=["bob"]).models == ("m2",)


def test_ids_may_hold_anything(tmp_path):
    source = RunSource(run_id="r\ud83c", trace_id="t\n\u2028", user_id="\ud83c")
    path = write_jsonl(
        [TrainingExample(line=HELLO, source=source), example("ü")], tmp_path / "train.jsonl"
    ).path
    before = rows(tmp_path / "train.ledger.jsonl")
    assert Ledger.sources_of(path, 1)[0]["run"] == "r\ud83c"
    assert Ledger(path).seen(user_ids=["\ud83c"]).files[0].lines == (1,)
    assert Ledger.erase(path, run_ids=["ü"]).removed == (2,)
    assert rows(tmp_path / "train.ledger.jsonl")[0] == before[0]


@pytest.mark.slow
@given(
    users=st.lists(st.sampled_from(["ada", "bob", None]), max_size=6),
    bom=st.booleans(),
    crlf=st.booleans(),
)
def test_erase_keeps_other_lines_byte_for_byte(tmp_path_factory, users, bom, crlf):
    folder = tmp_path_factory.mktemp("rebuild")
    examples = [
        example(f"r{i}", user, {"messages": [{"role": "assistant", "content": "ü" * i}]})
        for i, user in enumerate(users)
    ]
    path = write_jsonl(examples, folder / "train.jsonl", ledger=True).path
    kept = [
        data
        for data, user in zip(path.read_bytes().splitlines(keepends=True), users, strict=True)
        if user != "ada"
    ]
    if bom or crlf:  # as other tools change the bytes, but not the text
        data = path.read_bytes().replace(b"\n", b"\r\n" if crlf else b"\n")
        path.write_bytes((b"\xef\xbb\xbf" if bom and data else b"") + data)
        *told, closing = rows(folder / "train.ledger.jsonl")
        closing["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        (folder / "train.ledger.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in [*told, closing])
        )
    erased = Ledger.erase(path, user_ids=["ada"])
    expected = b"".join(kept).replace(b"\n", b"\r\n" if crlf else b"\n")
    assert path.read_bytes() == (b"\xef\xbb\xbf" if bom and users else b"") + expected
    assert erased.removed == tuple(i for i, user in enumerate(users, start=1) if user == "ada")
    assert (erased.count, erased.sha256) == (len(kept), hashlib.sha256(path.read_bytes()).hexdigest())
    assert Ledger.verify(path) == len(kept)
    assert Ledger(path).seen(user_ids=["ada"]).files == ()


def test_erasing_reaches_merged_runs_and_can_write_elsewhere(tmp_path):
    merged = TrainingExample(line=CALL, source=RunSource(run_id="r1"), merged=(RunSource(run_id="r0"),))
    path = write_jsonl([merged, example("r2")], tmp_path / "train.jsonl").path
    before = path.read_bytes()
    erased = Ledger.erase(path, run_ids=["r0"], to=tmp_path / "clean.jsonl")
    assert (erased.removed, erased.path.read_bytes()) == ((1,), before.splitlines(keepends=True)[1])
    assert path.read_bytes() == before
    assert [Ledger.verify(found) for found in (path, erased.path)] == [2, 1]


def _change(path, old, new):
    path.write_bytes(path.read_bytes().replace(old, new, 1))


TAMPERED = {
    "a line was edited": (
        lambda path, ledger: _change(path, b"Hello", b"Hullo"),
        "train.jsonl:1: is not the line that the ledger tells of in train.ledger.jsonl",
    ),
    "a line was added": (
        lambda path, ledger: path.write_bytes(path.read_bytes() + b"{}\n"),
        "train.jsonl:3: has no row in train.ledger.jsonl",
    ),
    "a line was removed": (
        lambda path, ledger: path.write_bytes(path.read_bytes().splitlines(keepends=True)[0]),
        "train.ledger.jsonl: has more rows than train.jsonl has (1)",
    ),
    "line ends were changed": (
        lambda path, ledger: path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")),
        "train.ledger.jsonl: sha256: is not that of train.jsonl",
    ),
    "the ledger was cut off": (
        lambda path, ledger: ledger.write_bytes(b"".join(ledger.read_bytes().splitlines(keepends=True)[:-1])),
        "train.ledger.jsonl: has no closing row, so it is not whole",
    ),
    "the ledger was cut off within a row": (
        lambda path, ledger: ledger.write_bytes(ledger.read_bytes()[:-9]),
        "train.ledger.jsonl:3: is not a JSON object",
    ),
    "a row is something else": (
        lambda path, ledger: _change(ledger, b'"line_sha256"', b'"lime_sha256"'),
        "train.ledger.jsonl:1: is not a ledger's row",
    ),
    "a row's run is missing": (
        lambda path, ledger: _change(ledger, b'"run"', b'"ran"'),
        "train.ledger.jsonl:1: is not a ledger's row",
    ),
    "rows follow the end": (
        lambda path, ledger: ledger.write_bytes(ledger.read_bytes() + ledger.read_bytes()),
        "train.ledger.jsonl:4: comes after the closing row",
    ),
}


@pytest.mark.parametrize(("tamper", "text"), TAMPERED.values(), ids=TAMPERED)
def test_ledger_of_another_file_is_left_alone(tmp_path, tamper, text):
    written = write_jsonl([example("r1"), example("r2", line=CALL)], tmp_path / "train.jsonl")
    tamper(written.path, written.ledger)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for question in (
        lambda: Ledger.verify(written.path),
        lambda: Ledger.erase(written.path, run_ids=["r1"]),
    ):
        with pytest.raises(InvalidExampleError) as caught:
            question()
        assert (
            str(caught.value) == f"{text}. Write file and ledger together, with write_jsonl(examples, path)"
        )
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("cut", [1, 9, 200])
def test_a_ledger_that_was_cut_off_answers_nothing(tmp_path, caplog, cut):
    written = write_jsonl([example("r1")], tmp_path / "train.jsonl")
    text = "train.ledger.jsonl: has no closing row, so it is not whole"
    written.ledger.write_bytes(written.ledger.read_bytes()[:-cut].rpartition(b"\n")[0])
    with pytest.raises(InvalidExampleError, match=f"^{text}"):
        Ledger(tmp_path).jobs()
    with pytest.raises(InvalidExampleError, match=f"^{text}"):
        Ledger(tmp_path).seen(run_ids=["r1"])
    assert not Ledger.record_job(written.path, job(), provider="openai")
    assert text in caplog.text


def test_what_is_not_there_is_named(tmp_path):
    path = write_jsonl([HELLO], tmp_path / "train.jsonl").path
    with pytest.raises(FileNotFoundError) as caught:
        Ledger(path)
    assert str(caught.value) == (
        "there is no ledger train.ledger.jsonl beside train.jsonl: write_jsonl(examples, path) writes it, for "
        "examples that know their runs"
    )
    path = write_jsonl([example("r1")], path).path
    with pytest.raises(IndexError, match=r"^train\.jsonl has no line 2$"):
        Ledger.sources_of(path, 2)
    with pytest.raises(TypeError) as wrong:
        Ledger(path).seen(user_ids="ada")
    assert str(wrong.value) == (
        'user_ids must be a list of texts, such as ["user-17"], not one text: put it into a list'
    )


def test_a_job_is_recorded_once_however_often_it_is_looked_at(tmp_path):
    path = write_jsonl([example("r1")], tmp_path / "train.jsonl").path
    for _ in range(3):
        assert Ledger.record_job(path, job(), provider="openai")
    jobs = tmp_path / "train.jobs.jsonl"
    assert len(rows(jobs)) == 1
    assert stat.S_IMODE(jobs.stat().st_mode) == 0o600
    assert Ledger.record_job(path, job(), provider="openai", role="validation")
    assert [row["role"] for row in Ledger(path).jobs()] == ["training", "validation"]


def test_recording_never_costs_the_job(tmp_path, caplog):
    path = tmp_path / "train.jsonl"
    write_jsonl([HELLO], path)
    assert Ledger.record_job(path, job(), provider="openai") is False  # no ledger, nothing to say
    assert caplog.text == ""
    write_jsonl([example("r1")], path)
    assert Ledger.record_job(path, job(), provider="openai", sha256="0" * 64) is False
    assert (
        "job ftjob-1 is not in the ledger of train.jsonl: train.ledger.jsonl: sha256: is not that of the file"
        in caplog.text
    )
    (tmp_path / "train.jobs.jsonl").write_text("{}\n")
    assert Ledger.record_job(path, job(), provider="openai") is False
    assert "train.jobs.jsonl:1: is not a job's row. Remove the row, or the file" in caplog.text


def test_where_files_cannot_be_linked_the_ledger_is_copied(tmp_path, monkeypatch):
    def no_links(self, target):
        raise OSError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    written = write_jsonl([example("r1")], tmp_path / "train.jsonl")
    assert Ledger.record_job(written.path, job(), provider="openai")
    kept = tmp_path / f"train.{written.sha256[:12]}.ledger.jsonl"
    assert kept.read_bytes() == written.ledger.read_bytes()


def test_unfinished_row_is_passed_over_but_a_whole_one_read(tmp_path):
    path = write_jsonl([example("r1")], tmp_path / "train.jsonl").path
    assert Ledger.record_job(path, job("one"), provider="openai")
    jobs = tmp_path / "train.jobs.jsonl"
    whole = jobs.read_bytes()
    for cut in range(len(whole)):
        jobs.write_bytes(whole + whole[:cut])
        assert [row["job_id"] for row in Ledger(path).jobs()] == ["one"]
    jobs.write_bytes(whole.rstrip())
    assert Ledger.record_job(path, job("two"), provider="openai")
    assert [row["job_id"] for row in Ledger(path).jobs()] == ["one", "two"]


def _record_many(path, name):
    for number in range(50):
        Ledger.record_job(path, job(f"{name}-{number}"), provider="openai", sha256=None)


@pytest.mark.slow
def test_two_processes_can_record_jobs_at_once(tmp_path):
    path = write_jsonl([example("r1")], tmp_path / "train.jsonl").path
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_record_many, args=(path, name)) for name in ("a", "b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {row["job_id"] for row in Ledger(path).jobs()} == {f"{n}-{i}" for n in "ab" for i in range(50)}
    assert len(rows(tmp_path / "train.jobs.jsonl")) == 100


def test_a_file_named_like_a_kept_ledger_is_a_file_of_its_own(tmp_path):
    path = write_jsonl([example("r1", "ada")], tmp_path / "train.0123456789ab.jsonl").path
    assert Ledger.record_job(path, job(status="succeeded", model="ft:1"), provider="openai")
    seen = Ledger(tmp_path).seen(user_ids=["ada"])
    assert [(file.path, file.replaced) for file in seen.files] == [(path, False)]
    assert seen.models == ("ft:1",)


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX's")
def test_the_rebuilt_files_are_their_owner_s_alone(tmp_path):
    path = write_jsonl([example("r1")], tmp_path / "train.jsonl").path
    Ledger.erase(path, run_ids=["r1"])
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
