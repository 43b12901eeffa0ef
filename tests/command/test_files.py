"""`describe`, `export`, `check`, `fix` and `plan`: from runs to a file that a job takes."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from langsmith_finetune import check, read_jsonl, save_runs, select_runs
from langsmith_finetune.dataset import describe_runs
from tests.support.paths import ROOT
from tests.support.rated_project import LIKED, langsmith, rated_runs
from tests.support.shell import shell

__all__ = ["langsmith", "shell"]

GOOD = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
ODD = {"messages": [{"role": "developer", "content": "Be brief."}, *GOOD["messages"]]}


def written(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_describe_prints_what_the_function_found(langsmith, shell):
    found = describe_runs(select_runs(project_name="support-bot", feedback={"user_score": 1}))
    ran = shell("describe", "--project", "support-bot", "--feedback", "user_score=1")
    assert (ran.code, ran.out, ran.err) == (0, f"{found}\n", "")
    assert found.count == LIKED
    as_json = shell("describe", "--project", "support-bot", "--feedback", "user_score=1", "--json")
    assert as_json.document == found.to_dict()


@pytest.mark.slow
def test_selection_works_in_a_process_that_has_imported_nothing_else(langsmith):
    command = [sys.executable, "-m", "langsmith_finetune", "describe", "--project", "support-bot"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("30 runs\n")


def test_describe_reads_files_of_runs_and_of_examples(shell, tmp_path):
    save_runs(rated_runs(3), tmp_path / "runs.jsonl")
    assert shell("describe", "--runs", "runs.jsonl").out.startswith("3 runs\n")
    written(tmp_path / "train.jsonl", [GOOD])
    assert shell("describe", "--examples", "train.jsonl", "train.jsonl").out.startswith("2 examples\n")


def test_conditions_are_those_of_select_runs(langsmith, shell):
    counts = {
        ("--limit", "7"): 7,
        ("--feedback", "user_score>=1"): LIKED,
        ("--feedback", "user_score<1"): 6,
        ("--since", "2026-11-01T12:10", "--until", "2026-11-01T12:20+00:00"): 10,
        ("--root-error", "yes"): 0,
        ("--root-error", "any", "--error", "any"): 30,
        ("--run-name", "ChatOpenAI", "--run-name", "other"): 30,
        ("--tag", "beta"): 0,
    }
    for flags, count in counts.items():
        found = shell("describe", "--project", "support-bot", "--json", *flags)
        assert found.document["count"] == count, flags


def test_project_that_is_not_there_is_one_line(langsmith, shell):
    ran = shell("describe", "--project", "suport-bot")
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "suport-bot" in ran.err
    assert ran.err.count("\n") == 1


def test_missing_key_is_one_line(langsmith, shell, monkeypatch):
    monkeypatch.delenv("LANGSMITH_API_KEY")
    ran = shell("describe", "--project", "support-bot")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "LANGSMITH_API_KEY" in ran.err


def test_export_writes_a_file_with_its_ledger(langsmith, shell, tmp_path):
    ran = shell(
        *("export", "--project", "support-bot", "--feedback", "user_score=1", "--out", "train.jsonl"),
        *("--validation-size", "0.3", "--target", "openai", "--json"),
    )
    assert ran.code == 0
    files = ran.document
    assert files["runs"] == LIKED
    assert files["training"]["lines"] + files["validation"]["lines"] == LIKED
    assert len(list(read_jsonl("train.jsonl"))) == files["training"]["lines"]
    names = {path.name for path in tmp_path.iterdir()}
    assert {"train.ledger.jsonl", "train.validation.jsonl", "train.validation.ledger.jsonl"} <= names


def test_export_of_nothing_says_why_and_writes_nothing(langsmith, shell, tmp_path):
    ran = shell("export", "--project", "support-bot", "--tag", "beta", "--out", "train.jsonl")
    assert ran.code == 1
    assert ran.err.startswith("error: train.jsonl: no example is left to train on (0 runs read;")
    assert list(tmp_path.glob("*.jsonl")) == []


def test_export_reads_files_of_runs(shell, tmp_path):
    save_runs(rated_runs(3), tmp_path / "runs.jsonl")
    ran = shell(
        "export",
        "--runs",
        "runs.jsonl",
        "--out",
        "train.jsonl",
        "--fold",
        "no",
        "--keep-duplicates",
        "--redact",
    )
    assert ran.code == 0
    assert ran.out.startswith("3 runs read\nredact: 3 in, 3 out\ntrain.jsonl: 3 lines, ")


@pytest.mark.parametrize(("lines", "code"), [([GOOD] * 10, 0), ([GOOD] * 9 + [ODD], 3)])
def test_check_exits_with_3_if_the_target_would_refuse_the_file(lines, code, shell, tmp_path):
    report = check(written(tmp_path / "train.jsonl", lines), "openai")
    ran = shell("check", "train.jsonl", "--target", "openai")
    assert (ran.code, ran.out, ran.err) == (code, f"{report}\n", "")
    as_json = shell("check", "train.jsonl", "--target", "openai", "--json")
    assert as_json.code == code
    assert as_json.document == json.loads(report.to_json())


def test_check_leaves_out_rules(shell, tmp_path):
    written(tmp_path / "train.jsonl", [GOOD])
    assert shell("check", "train.jsonl", "--target", "openai").code == 3
    assert shell("check", "train.jsonl", "--target", "openai", "--ignore", "too_few").code == 0


def test_fix_writes_the_fixed_file(shell, tmp_path):
    written(tmp_path / "train.jsonl", [GOOD] * 9 + [ODD])
    ran = shell("fix", "train.jsonl", "--target", "openai", "--out", "fixed.jsonl")
    assert ran.code == 0
    assert ran.out.endswith("fixed: developer made system 1\nwritten: fixed.jsonl\n")
    assert shell("check", "fixed.jsonl", "--target", "openai").code == 0


@pytest.mark.usefixtures("in_2026")
def test_plan_sends_nothing_and_needs_no_key(shell, tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    written(tmp_path / "train.jsonl", [GOOD] * 10)
    argv = [
        "plan",
        "train.jsonl",
        "--provider",
        "openai",
        "--model",
        "gpt-4.1-mini-2025-04-14",
        "--set",
        "n_epochs=3",
    ]
    ran = shell(*argv)
    assert ran.code == 0
    assert ran.out.startswith("nothing was sent. openai https://api.openai.com/v1")
    found = shell(*argv, "--json").document
    assert found["training_file"] == "train.jsonl"
    assert found["lines"] == 10
    assert found["usd"] == pytest.approx(found["tokens"] * 3 * 5 / 1e6, rel=1e-6)
    assert found["errors"] == {}


@pytest.mark.usefixtures("in_2026")
def test_plan_of_a_file_that_is_refused_names_the_line(shell, tmp_path):
    written(tmp_path / "train.jsonl", [GOOD] * 9 + [ODD])
    ran = shell("plan", "train.jsonl", "--provider", "openai", "--model", "gpt-4.1-mini-2025-04-14")
    assert ran.code == 1
    assert ran.err.startswith("error: train.jsonl:10: messages[0].role: ")
    assert ran.err.count("\n") == 1
