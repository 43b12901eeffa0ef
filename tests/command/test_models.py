"""`evaluate` and `serve`: what becomes of a tuned model."""

from __future__ import annotations

import json
import subprocess
from typing import get_args

import pytest

from langsmith_finetune.command import serve
from langsmith_finetune.command.options.model import model_of
from langsmith_finetune.evaluation import evaluate
from langsmith_finetune.jobs import FineTuneJob
from langsmith_finetune.providers.local import tiny_model
from langsmith_finetune.serving import Server, serve_command
from langsmith_finetune.testing import FakeProvider
from tests.support.evaluations import sum_lines
from tests.support.shell import shell

__all__ = ["shell"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "tiny"
    return tiny_model(path, sum_lines(12), context=1)  # of the longest line, for short answers


@pytest.fixture
def heldout(tmp_path):
    path = tmp_path / "heldout.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in sum_lines(3)))
    return path


def test_evaluate_prints_the_verdict_and_keeps_the_answers(shell, folder, heldout):
    ran = shell(
        "evaluate", heldout, "--model", f"before={folder}", "--model", f"after={folder}", "--answers", "last"
    )
    again = evaluate({"before": folder, "after": folder}, heldout, answers="last", progress=False)
    assert (ran.code, ran.out) == (0, f"{again}\n")
    assert "3 answers in 3 conversations\n" in ran.err
    assert (heldout.parent / "heldout.evaluation").is_dir()


def test_evaluate_prints_json_and_markdown(shell, folder, heldout):
    argv = ("evaluate", heldout, "--model", f"one={folder}", "--model", f"two={folder}")
    assert shell(*argv, "--json").document["models"] == ["one", "two"]
    assert "| one |" in shell(*argv, "--markdown").out


def test_evaluate_ends_with_a_code_of_its_own_where_the_model_is_not_better(shell, folder, heldout):
    ran = shell(
        "evaluate", heldout, "--model", f"one={folder}", "--model", f"two={folder}", "--better-by", "0"
    )
    assert ran.code == 7
    assert "two is not shown to be better than one" in ran.err
    assert "no difference can be shown" in ran.out


def test_evaluate_asks_no_host_without_a_word(shell, folder, heldout, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    argv = ("evaluate", heldout, "--model", f"before={folder}", "--model", "after=openai:gpt-4.1-mini")
    ran = shell(*argv)
    assert (ran.code, ran.out) == (4, "")
    assert "not confirmed, so nothing was asked: hosts charge for answers. --yes confirms" in ran.err
    shown = shell(*argv, "--dry-run", "--price", "after=0.4,1.6", "--json")
    assert (shown.code, shown.document["conversations"]) == (0, 3)
    assert 0 < shown.document["usd"] < 0.01
    dear = shell(*argv, "--price", "after=400,1600", "--max-usd", "0.0001")
    assert dear.code == 1
    assert "max-usd" in dear.err or "max_usd" in dear.err


def test_serve_prints_the_command_where_the_program_is_missing(shell, folder, monkeypatch):
    monkeypatch.setattr(serve.shutil, "which", lambda _: None)
    ran = shell("serve", folder, "--server", "transformers", "--port", "8123")
    command = serve_command(folder, "transformers", port=8123)
    assert (ran.code, ran.out) == (1, f"{command}\n")
    assert "is not installed here: run the command where it is" in ran.err
    assert shell("serve", folder, "--server", "transformers", "--dry-run").code == 0


def test_serve_runs_the_command_where_the_program_is_there(shell, folder, monkeypatch):
    started = []
    monkeypatch.setattr(serve.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(
        serve.subprocess,
        "run",
        lambda argv, check: started.append(argv) or subprocess.CompletedProcess(argv, 3),
    )
    ran = shell("serve", folder, "--server", "transformers")
    assert (ran.code, ran.out) == (3, "")
    assert started == [serve_command(folder, "transformers").argv]
    assert "it will answer at http://127.0.0.1:" in ran.err
    assert shell("serve", folder, "--server", "transformers", "--json").document["server"] == "transformers"
    assert len(started) == 1


def test_servers_are_those_of_the_function():
    assert get_args(Server) == serve.SERVERS


def test_model_is_a_jobs_by_its_name_a_folder_or_what_others_know(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert model_of("folder") == "folder"
    assert model_of("openai:gpt-4.1-mini") == "openai:gpt-4.1-mini"
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in sum_lines(12)))
    job = FineTuneJob.create(path, model="fake", provider=FakeProvider(), name="mine")
    with pytest.raises(ValueError, match="the command line knows no provider 'fake': one of local, openai"):
        model_of("mine")
    assert job.id
