"""`train` and `jobs`: jobs that are created once, confirmed, waited for and returned to."""

from __future__ import annotations

import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from langsmith_finetune import FineTuneJob
from langsmith_finetune.command import main
from langsmith_finetune.command.options.provider import PROVIDERS, provider_of
from langsmith_finetune.providers.local import LocalProvider, tiny_model
from tests.support.paths import ROOT, python_path
from tests.support.rated_project import LIKED, langsmith
from tests.support.shell import shell
from tests.support.standins.openai import OpenAIStandIn

__all__ = ["langsmith", "shell"]

CHATS = [
    {
        "messages": [
            {"role": "user", "content": f"What is {n} times 7?"},
            {"role": "assistant", "content": f"It is {n * 7}."},
        ]
    }
    for n in range(12)
]
TRAIN = ("train", "--project", "support-bot", "--feedback", "user_score=1")
AT_HOST = ("--provider", "openai", "--model", "gpt-4.1-mini-2025-04-14", "--set", "n_epochs=3")


@pytest.fixture
def host(monkeypatch, clock, in_2026):
    with OpenAIStandIn() as host:
        monkeypatch.setenv("OPENAI_BASE_URL", host.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up-0123456789")
        yield host


class Terminal:
    """A stdin that somebody types into."""

    def __init__(self, typed):
        self.typed = typed

    def isatty(self):
        return True

    def readline(self):
        return self.typed


def test_whole_path_at_a_host_is_one_command(langsmith, host, shell):
    ran = shell(*TRAIN, *AT_HOST, "--yes", "--json")
    assert ran.code == 0
    found = ran.document
    assert found["model"] == next(iter(host.jobs.values()))["fine_tuned_model"]
    assert found["job"]["status"] == "succeeded"
    assert f"{LIKED} runs read" in ran.err
    assert "price: about $" in ran.err
    assert f"in Python: FineTuneJob.attach('{found['job']['id']}', provider=OpenAIProvider())" in ran.err


def test_same_command_returns_to_the_job(langsmith, host, shell):
    first = shell(*TRAIN, *AT_HOST, "--yes")
    langsmith.runs.clear()
    again = shell(*TRAIN, *AT_HOST)
    assert again.code == 0
    assert again.out == first.out
    assert len(host.jobs) == 1
    assert shell(*TRAIN, *AT_HOST, "--dry-run").err.endswith(" is there: the command returns to it\n")


def test_name_returns_to_the_job(langsmith, host, shell):
    assert shell(*TRAIN, *AT_HOST, "--yes", "--name", "support").code == 0
    assert shell(*TRAIN, *AT_HOST, "--name", "support").code == 0
    other = shell("train", "--project", "support-bot", *AT_HOST, "--yes", "--name", "support")
    assert other.code == 1
    assert "error: the name 'support' stands for a job of " in other.err
    assert "Give another --name, or" in other.err
    assert len(host.jobs) == 1


def test_price_is_confirmed_before_anything_is_sent(langsmith, host, shell):
    ran = shell(*TRAIN, *AT_HOST)
    assert ran.code == 4
    assert "not confirmed, so nothing was sent: openai charges for training (the price: about $" in ran.err
    assert "--yes confirms" in ran.err
    assert (len(host.uploads), len(host.jobs), ran.out) == (0, 0, "")


@pytest.mark.parametrize(
    ("typed", "code_and_jobs"), [("y\n", (0, 1)), ("no\n", (4, 0)), ("\n", (4, 0)), ("", (4, 0))]
)
@pytest.mark.usefixtures("langsmith")
def test_question_on_a_terminal_takes_yes_alone(typed, code_and_jobs, host, shell, monkeypatch):
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    ran = shell(*TRAIN, *AT_HOST)
    assert (ran.code, len(host.jobs)) == code_and_jobs
    assert "openai charges for training. The price: about $" in ran.err
    assert "Create the job? [y/N]\n" in ran.err


def test_dry_run_shows_the_plan_and_sends_nothing(langsmith, host, shell, tmp_path):
    ran = shell(*TRAIN, *AT_HOST, "--dry-run", "--json")
    assert ran.code == 0
    assert ran.document["provider"] == "openai"
    assert ran.document["usd"] > 0
    assert (tmp_path / ran.document["training_file"]).exists()
    assert len(host.requests) == 0


def test_price_above_the_bound_is_refused(langsmith, host, shell):
    ran = shell(*TRAIN, *AT_HOST, "--yes", "--max-cost-usd", "0.000001")
    assert ran.code == 1
    assert "That is more than --max-cost-usd=1e-06; nothing was sent" in ran.err
    assert len(host.jobs) == 0


def test_file_is_trained_on_as_it_is(host, shell, tmp_path):
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in CHATS))
    for _ in range(2):
        assert shell("train", "train.jsonl", *AT_HOST, "--yes", "--name", "mine").code == 0
    assert shell("train", "train.jsonl", *AT_HOST).code == 0  # it is paid for, so nobody is asked
    assert len(host.jobs) == 1


def test_failed_job_is_exit_code_5_with_the_reason(langsmith, host, shell):
    host.script({"status": "failed", "error": {"code": "x", "message": "moderated\x1b[2J", "param": None}})
    ran = shell(*TRAIN, *AT_HOST, "--yes")
    assert ran.code == 5
    assert re.search(r"^error: job \S+ failed: .*moderated\\x1b\[2J", ran.err, re.MULTILINE)


def test_time_out_is_exit_code_6_and_the_job_goes_on(langsmith, host, shell):
    host.script("running")
    ran = shell(*TRAIN, *AT_HOST, "--yes", "--timeout", "1")
    assert ran.code == 6
    assert "was still running after" in ran.err
    assert len(host.jobs) == 1


def test_interrupt_says_how_to_go_on(langsmith, host, shell, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(FineTuneJob, "wait", interrupted)
    ran = shell(*TRAIN, *AT_HOST, "--yes")
    (job_id,) = host.jobs
    assert ran.code == 130
    assert ran.err.endswith(
        f"interrupted; job {job_id} goes on. The same command returns to it, and "
        f"langsmith-finetune jobs cancel {job_id} stops it\n"
    )
    monkeypatch.setattr("langsmith_finetune.pipeline.begin.write_training_files", interrupted)
    ran = shell(*TRAIN, *AT_HOST, "--yes", "--limit", "5")
    assert (ran.code, ran.err) == (130, "interrupted. The same command goes on where this one stopped\n")


def test_key_is_never_printed(langsmith, host, shell, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-9876543210")
    ran = shell(*TRAIN, *AT_HOST, "--yes", "--debug")
    assert "sk-wrong-9876543210" not in ran.out + ran.err


def test_jobs_are_listed_shown_cancelled_and_their_logs_read(langsmith, host, shell):
    none = shell("jobs", "list")
    assert (none.code, none.out) == (0, "")
    assert none.err.startswith("no job was created on this machine, as ")
    assert shell("jobs", "list", "--json").document == []
    host.script("running")
    shell(*TRAIN, *AT_HOST, "--yes", "--timeout", "1", "--name", "support")
    (job_id,) = host.jobs
    (line,) = shell("jobs", "list").out.splitlines()
    assert line.split("\t")[1:5] == ["support", "openai", job_id, "running"]
    (row,) = shell("jobs", "list", "--json", "--provider", "openai").document
    assert (row["job_id"], row["names"]) == (job_id, "support")
    assert shell("jobs", "list", "--provider", "together").out == ""
    for word in ("support", job_id):
        assert f"id: {job_id}\nstatus: running" in shell("jobs", "show", word).out
    events = shell("jobs", "logs", "support", "--json").document
    assert events
    assert len(shell("jobs", "logs", "support", "--last", "1").out.splitlines()) == 1
    assert shell("jobs", "cancel", "support", "--json").document["status"] in ("cancelled", "cancelling")


def test_job_at_another_address_is_not_asked_of_this_one(langsmith, host, shell, monkeypatch):
    shell(*TRAIN, *AT_HOST, "--yes", "--name", "support")
    home = FineTuneJob.list()[0].home
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    ran = shell("jobs", "show", "support")
    assert ran.code == 1
    assert ran.err == (
        f"error: job 'support' is at {home}, but openai is now at http://127.0.0.1:9/v1/: give --provider-setting, "
        "or set what it was created with\n"
    )


def test_table_is_for_terminals(langsmith, host, shell, monkeypatch):
    shell(*TRAIN, *AT_HOST, "--yes", "--name", "support")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    head, row = shell("jobs", "list").out.splitlines()
    assert head.split() == [
        "created_at",
        "names",
        "provider",
        "job_id",
        "status",
        "model",
        "fine_tuned_model",
    ]
    assert head.index("provider") == row.index("openai")


@pytest.mark.parametrize("name", PROVIDERS)
def test_each_provider_is_made_by_its_name_and_settings(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    usual = {"azure": [("endpoint", "https://made-up.openai.azure.com")], "fireworks": [("account_id", "me")]}
    provider = provider_of(name, usual.get(name, []))
    assert provider.name == name
    assert PROVIDERS[name].settings.keys() <= inspect.signature(type(provider)).parameters.keys()


@pytest.fixture
def trained(langsmith, tmp_path, monkeypatch):
    """Calls the command in a process of its own, with a tiny model where the name of the Hub says."""
    monkeypatch.chdir(tmp_path)
    tiny_model("tiny", CHATS, context=200)
    command = [sys.executable, "-m", "langsmith_finetune", *TRAIN, "--provider", "local", "--model", "tiny"]
    environment = {**os.environ, "PYTHONPATH": python_path(ROOT)}

    def trained(*flags, start=subprocess.run, **settings):
        return start([*command, *flags], cwd=tmp_path, env=environment, text=True, **settings)

    return trained


@pytest.mark.slow
def test_whole_path_on_this_machine_is_one_command(trained, langsmith, tmp_path):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    first = trained("--set", "max_steps=3", **pipes)
    assert first.returncode == 0, first.stderr
    assert f"{LIKED} runs read" in first.stderr
    folder = first.stdout.strip()
    assert (tmp_path / folder / "model.safetensors").exists()

    langsmith.runs.clear()
    again = trained("--set", "max_steps=3", **pipes)
    assert (again.returncode, again.stdout) == (0, first.stdout)
    (record,) = FineTuneJob.list(LocalProvider())
    assert main.main(["jobs", "show", record.names[0]]) == 0
    model = FineTuneJob.attach(record.job_id, provider=LocalProvider()).wait(progress=False).chat_model()
    assert model.invoke("What is 3 times 7?") is not None


@pytest.mark.slow
def test_interrupted_training_goes_on_in_its_own_process(trained, tmp_path):
    flags = ("--set", "max_steps=100000", "--name", "support")
    process = trained(*flags, start=subprocess.Popen, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        begun = time.monotonic()
        while not any(record.job_id for record in FineTuneJob.list()) and time.monotonic() < begun + 120:
            time.sleep(0.2)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    (record,) = FineTuneJob.list()
    assert process.returncode == 130, err
    assert (out, f"interrupted; job {record.job_id} goes on. The same command returns to it" in err) == (
        "",
        True,
    )
    assert "Traceback" not in err
    job = FineTuneJob.attach("support", provider=LocalProvider(tmp_path / "finetune-runs"))
    assert job.status in ("queued", "running", "validating")
    assert main.main(["jobs", "cancel", "support"]) == 0
    assert job.refresh().status in ("cancelled", "cancelling")
