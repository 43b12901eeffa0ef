"""Files that appear whole or not at all, whatever kills their writer."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from langsmith_finetune import InvalidExampleError, TrainingExample, write_jsonl
from langsmith_finetune._foundation import files as module
from langsmith_finetune._foundation.files import atomic_pair, atomic_write, finish_pair
from langsmith_finetune.ledger import Ledger
from langsmith_finetune.runs import RunSource

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a killed process is a fork")

STEPS = ("replace", "fsync", "unlink", "open")


def example(text: str, user: str) -> TrainingExample:
    line = {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": text}]}
    return TrainingExample(line=line, source=RunSource(run_id=f"run-{text}", user_id=user))


def killed_at(step: int, work) -> bool:
    """Do some work in a process that dies before its n-th step at the file system; False once it gets through."""
    if (child := os.fork()) == 0:
        left = step

        def counted(function):
            def call(*args, **kwargs):
                nonlocal left
                if left == 0:
                    os._exit(9)
                left -= 1
                return function(*args, **kwargs)

            return call

        for name in STEPS:
            setattr(os, name, counted(getattr(os, name)))
        try:
            work()
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 9)
    return code == 9


def states_after_kills(folder: Path, prepare, work, look) -> list:
    """What is there after the work was killed before each of its steps in turn, and once it was done."""
    found = []
    for step in range(100):
        for path in folder.iterdir():
            path.unlink()
        prepare()
        was_killed = killed_at(step, work)
        found.append(look())
        assert not list(folder.glob(".*.replacing"))
        if not was_killed:
            return found
    raise AssertionError("the work never ended")


@pytest.mark.slow
def test_erase_killed_anywhere_never_hides_a_user(tmp_path):
    path = tmp_path / "train.jsonl"

    def look():
        seen = Ledger(tmp_path).seen(user_ids=["ada"]).files
        lines = Ledger.verify(path)
        in_file = b"secret" in path.read_bytes()
        assert bool(seen) == in_file
        return lines

    states = states_after_kills(
        tmp_path,
        lambda: write_jsonl([example("secret", "ada"), example("other", "bob")], path),
        lambda: Ledger.erase(path, user_ids=["ada"]),
        look,
    )
    assert set(states) == {1, 2}
    assert states == sorted(states, reverse=True)


@pytest.mark.slow
def test_write_killed_anywhere_leaves_the_old_pair_or_the_new(tmp_path):
    path = tmp_path / "train.jsonl"

    def look():
        lines = Ledger.verify(path)
        seen = Ledger(path).seen(user_ids=["ada"]).files
        assert bool(seen) == (lines == 2)
        return lines

    states = states_after_kills(
        tmp_path,
        lambda: write_jsonl([example("old", "bob")], path),
        lambda: write_jsonl([example("new", "ada"), example("more", "ada")], path),
        look,
    )
    assert states[0] == 1
    assert states[-1] == 2


@pytest.mark.slow
def test_killed_write_leaves_no_ledger_of_other_lines(tmp_path):
    path = tmp_path / "train.jsonl"

    def look():
        finish_pair(path)
        has_ledger = (tmp_path / "train.ledger.jsonl").exists()
        assert has_ledger == (b"old" in path.read_bytes())
        return has_ledger

    states = states_after_kills(
        tmp_path,
        lambda: write_jsonl([example("old", "bob")], path),
        lambda: write_jsonl([example("new", "ada").line], path),
        look,
    )
    assert states == sorted(states, reverse=True)
    assert set(states) == {True, False}


def test_next_write_removes_what_killed_writers_left(tmp_path):
    def write():
        with atomic_write(tmp_path / "a.jsonl") as file:
            file.write(b"private")
            file.flush()
            os._exit(9)

    for _ in range(3):
        if (child := os.fork()) == 0:
            write()
        os.waitpid(child, 0)
    left = list(tmp_path.iterdir())
    assert len(left) == 1  # each removes that of the one before
    assert left[0].stat().st_mode & 0o777 == 0o600
    with atomic_write(tmp_path / "b.jsonl") as file:
        file.write(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["b.jsonl"]


def test_next_write_leaves_what_another_process_is_writing(tmp_path):
    with atomic_write(tmp_path / "a.jsonl") as file:
        file.write(b"a")
        if (child := os.fork()) == 0:
            with atomic_write(tmp_path / "b.jsonl") as other:
                other.write(b"b")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "a.jsonl").read_bytes() == b"a"
    assert (tmp_path / "b.jsonl").read_bytes() == b"b"


def test_other_hidden_files_are_left_alone(tmp_path):
    names = [".train.jsonl.backup_1", ".unfinished", ".a.unfinished", "x.12345678.unfinished"]
    for name in names:
        (tmp_path / name).write_text("mine")
    with atomic_write(tmp_path / "train.jsonl") as file:
        file.write(b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "train.jsonl"])


def test_interrupted_pair_keeps_the_old_files(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    with atomic_pair(first, second) as (one, two):
        one.write(b"1")
        two.write(b"2")

    def write():
        with atomic_pair(first, second) as (one, _):
            one.write(b"3")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == [("a", b"1"), ("b", b"2")]


def test_pair_interrupted_after_its_mark_is_finished_next(tmp_path, monkeypatch):
    first, second = tmp_path / "a", tmp_path / "b"

    def interrupted(*_):
        raise KeyboardInterrupt

    def write(patch):
        with atomic_pair(first, second) as (one, two):
            one.write(b"1")
            two.write(b"2")
            patch.setattr(module, "_finish", interrupted)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        write(patch)
    finish_pair(first)
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == [("a", b"1"), ("b", b"2")]


@pytest.mark.parametrize(
    "mark",
    [
        [["../other", ".other.abcdefgh.unfinished"]],
        [["a", "../b.abcdefgh.unfinished"]],
        [["a", ".a.abcdefgh.unfinished"], ["/etc/passwd", None]],
        [["b", ".b.abcdefgh.unfinished"]],
        {"a": None},
        [],
        7,
    ],
)
def test_mark_of_somebody_else_is_refused(tmp_path, mark):
    (tmp_path / ".a.replacing").write_text(json.dumps(mark) + "\n")
    with pytest.raises(InvalidExampleError) as raised:
        finish_pair(tmp_path / "a")
    assert str(raised.value) == (
        "a: was being replaced when the process ended, and the rest cannot be done now (its mark is damaged). Try "
        "again as a user who may write in its folder, or remove .a.replacing and write both files again"
    )


def test_torn_mark_promises_nothing(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / ".a.replacing").write_bytes(b'[["a", ".a.abcdefgh.unfinished"]')
    finish_pair(tmp_path / "a")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"old")]


def test_erase_through_a_link_erases_the_file_it_names(tmp_path, caplog):
    data, link = tmp_path / "data", tmp_path / "train.jsonl"
    data.mkdir()
    link.symlink_to(data / "real.jsonl")
    write_jsonl([example("secret", "ada"), example("other", "bob")], link)
    assert link.is_symlink()
    with caplog.at_level(logging.WARNING):
        erased = Ledger.erase(link, user_ids=["ada"])
    assert b"secret" not in (data / "real.jsonl").read_bytes()
    assert link.is_symlink()
    assert erased.path == (data / "real.jsonl").resolve()
    assert Ledger.verify(link) == 1
    assert [record.getMessage() for record in caplog.records] == [
        f"train.jsonl is a link; the file that it names was erased: {erased.path}"
    ]


def test_erase_counts_other_names_of_the_file(tmp_path, caplog):
    path = tmp_path / "train.jsonl"
    write_jsonl([example("secret", "ada")], path)
    (tmp_path / "backup.jsonl").hardlink_to(path)
    with caplog.at_level(logging.WARNING):
        erased = Ledger.erase(path, user_ids=["ada"])
    assert erased.other_names == 1
    assert [record.getMessage() for record in caplog.records] == [
        "train.jsonl has 1 other names, which keep the removed lines"
    ]


def test_two_processes_that_write_one_pair_leave_one_of_the_two(tmp_path):
    path = tmp_path / "train.jsonl"
    children = []
    for number in range(4):
        if (child := os.fork()) == 0:
            for _ in range(10):
                write_jsonl([example(f"{number}", f"user {number}")] * (number + 1), path)
            os._exit(0)
        children.append(child)
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    assert Ledger.verify(path) in (1, 2, 3, 4)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.jsonl", "train.ledger.jsonl"]


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_pair_that_cannot_be_finished_says_so(tmp_path):
    path = tmp_path / "train.jsonl"
    write_jsonl([example("a", "ada")], path)
    (tmp_path / ".train.jsonl.replacing").write_text(
        '[["train.jsonl", ".train.jsonl.abcdefgh.unfinished"], ["train.ledger.jsonl", null]]\n'
    )
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InvalidExampleError, match="the rest cannot be done now"):
            Ledger(path)
    finally:
        tmp_path.chmod(0o700)
