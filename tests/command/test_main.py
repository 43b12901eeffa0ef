"""The command line as a whole: help, errors, exit codes, and what goes where."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tomllib

import pytest

from langsmith_finetune import FineTuneError
from langsmith_finetune.command import describe, jobs, main
from langsmith_finetune.command.main import COMMANDS
from tests.support.paths import ROOT
from tests.support.shell import shell

__all__ = ["shell"]


def test_entry_point_of_the_package_is_main():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    scripts = pyproject["project"]["scripts"]
    assert list(scripts) == ["langsmith-finetune"]
    entry = importlib.metadata.EntryPoint(
        "langsmith-finetune", scripts["langsmith-finetune"], "console_scripts"
    )
    assert entry.load() is main.main


def test_python_m_is_the_same_command():
    command = [sys.executable, "-m", "langsmith_finetune", "jobs", "list", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert done.stderr.startswith("no job was created on this machine, as /")


def test_pipe_that_takes_ascii_alone_gets_escapes(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "?"}], "你好": 1}\n', encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "langsmith_finetune",
        "check",
        path,
        "--target",
        "openai",
        "--show-content",
    ]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    assert "\\u4f60\\u597d" in done.stdout


def test_version_is_that_of_the_package(shell):
    ran = shell("--version")
    assert (ran.code, ran.out) == (
        0,
        f"langsmith-finetune {importlib.metadata.version('langsmith-finetune')}\n",
    )


def test_help_of_each_command_loads_no_client_and_nothing_heavy():
    code = (
        "import sys\n"
        "from langsmith_finetune.command.main import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "--provider-setting" in done.stdout
    assert {"torch", "transformers", "openai", "httpx2", "pandas"}.isdisjoint(done.stderr.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__.rpartition(".")[2])
def test_help_says_what_a_command_does(command, shell):
    name = command.__name__.rpartition(".")[2]
    assert command.HELP in shell("--help").out
    ran = shell(name, "--help")
    assert ran.code == 0
    assert f"usage: langsmith-finetune {name}" in ran.out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "error: the following arguments are required: COMMAND (see langsmith-finetune --help)\n"),
        (["trian"], "error: argument COMMAND: invalid choice: 'trian'"),
        (
            ["check", "x.jsonl"],
            "error: the following arguments are required: --target (see langsmith-finetune check",
        ),
        (["check", "x.jsonl", "--targ", "openai"], "required: --target"),
        (["check", "x.jsonl", "--target", "opanai"], "invalid choice: 'opanai'"),
        (
            ["describe", "--project", "p", "--since", "yesterday"],
            "'yesterday' is no time, such as 2026-11-01",
        ),
        (
            ["describe", "--project", "p", "--feedback", "user_score"],
            "'user_score' is no condition on feedback",
        ),
        (
            ["describe", "--project", "p", "--feedback", "user_score=good"],
            "'good' is no score, such as 1 or 0.8",
        ),
        (["describe", "--project", "p", "--error", "maybe"], "'maybe' is not one of yes, no, any"),
        (["evaluate", "h.jsonl"], "required: --model"),
        (["evaluate", "h.jsonl", "--model", "after"], "'after' is not of the form NAME=VALUE"),
        (
            ["evaluate", "h.jsonl", "--model", "a=b", "--price", "a=1"],
            "'a=1' is not of the form NAME=IN,OUT, such as after=0.4,1.6",
        ),
        (
            ["evaluate", "h.jsonl", "--model", "a=b", "--answers", "some"],
            "'some' is not all, last, or a number",
        ),
        (["serve", "m", "--server", "vlm"], "invalid choice: 'vlm'"),
        (["describe"], "error: give one of --project, --project-id, --runs, --examples\n"),
        (["describe", "--project", "p", "--examples", "a.jsonl"], "error: give one of --project, "),
        (["describe", "--project", "p", "--project-id", "1"], "not allowed with argument --project"),
        (
            ["export", "--project", "p", "--out", "x", "--fold", "all"],
            "'all' is not one of trace, thread, no",
        ),
        (
            ["plan", "x.jsonl", "--provider", "local", "--model", "m", "--set", "n"],
            "'n' is not of the form NAME=VALUE",
        ),
        (
            ["plan", "x", "--provider", "openai", "--model", "m", "--provider-setting", "api_key=sk-1"],
            "api_key is no setting of the command line: keys come from the environment",
        ),
        (["jobs", "show"], "error: jobs show needs a JOB, by its name or id\n"),
        (["jobs", "list", "mine"], "error: jobs list takes no JOB\n"),
        (
            ["train", "--provider", "local", "--model", "m"],
            "error: give one of FILE, --project, --project-id, --runs\n",
        ),
    ],
)
def test_wrong_command_line_is_one_line_and_exit_code_2(argv, words, shell):
    ran = shell(*argv)
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out == ""


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (
            ["check", "none.jsonl", "--target", "openai"],
            "error: none.jsonl: No such file or directory\n",
        ),
        (["describe", "--runs", "none.jsonl"], "error: there is no file or folder none.jsonl\n"),
        (
            ["jobs", "show", "mine"],
            "error: no job 'mine' was created on this machine; name its provider with --provider\n",
        ),
        (
            ["plan", "x", "--provider", "together", "--model", "m", "--provider-setting", "flavor=l4"],
            "error: together has no setting 'flavor', but base_url, project_id\n",
        ),
        (
            ["plan", "x", "--provider", "local", "--model", "m", "--provider-setting", "processes=two"],
            "error: the setting processes of local must be a whole number, not 'two'\n",
        ),
        (
            ["describe", "--runs", "x", "--limit", "3", "--tag", "beta"],
            "error: --runs takes no --limit: that is a condition of --project\n",
        ),
    ],
)
def test_error_is_one_line_on_stderr_and_exit_code_1(argv, line, shell):
    ran = shell(*argv)
    assert (ran.code, ran.out, ran.err) == (1, "", line)


@pytest.fixture
def raising(monkeypatch):
    def raising(error):
        def run(args, out):
            raise error

        monkeypatch.setattr(jobs, "run", run)

    return raising


def test_debug_shows_the_traceback(raising, shell):
    raising(FineTuneError("it is so"))
    assert shell("jobs", "list").err == "error: it is so\n"
    ran = shell("jobs", "list", "--debug")
    assert ran.err.startswith("Traceback (most recent call last)")
    assert ran.err.endswith("\nerror: it is so\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FineTuneError("two\nlines, \x1b[2Jgone"), "error: two lines, \\x1b[2Jgone\n"),
        (KeyError("model"), "error: KeyError: 'model'\n"),
        (RuntimeError(), "error: RuntimeError\n"),
        (ValueError("unknown provider=: give it"), "error: unknown --provider: give it\n"),
        (ValueError("attach('a', provider=...)"), "error: attach('a', provider=...)\n"),
    ],
)
def test_error_s_text_is_safe_to_print(error, line, raising, shell):
    raising(error)
    assert shell("jobs", "list").err == line


def test_interrupt_is_exit_code_130(raising, shell):
    raising(KeyboardInterrupt())
    ran = shell("jobs", "list")
    assert (ran.code, ran.err) == (130, "interrupted\n")


def test_warning_is_one_line(monkeypatch, shell):
    import warnings

    def run(args, out):
        warnings.simplefilter("always")
        warnings.warn("old, \x1b[2J", stacklevel=1)
        return 0

    monkeypatch.setattr(describe, "run", run)
    assert shell("describe", "--project", "p").err == "warning: old, \\x1b[2J\n"


def test_escape_sequences_in_the_command_line_are_not_printed(shell):
    assert "\x1b" not in shell("check", "x", "--target", "openai", "--\x1b[2J").err


def test_reader_that_leaves_is_no_error():
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "langsmith_finetune", "jobs", "list", "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert done.returncode == 141
    assert "Error" not in done.stderr
