"""Model folders that others made, and run folders as a crash leaves them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from langsmith_finetune.cost.tokens import token_counter
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.jobs.digests import sha256_of_folder
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.local import LocalChatModel, LocalProvider
from langsmith_finetune.providers.local.process import record_process
from langsmith_finetune.providers.local.run_folder import RunFolder, now, write_json
from langsmith_finetune.providers.values import JobRequest
from tests.support.local_calculator import untrained, write_lines


@pytest.fixture
def train_file(tmp_path):
    return write_lines(tmp_path / "train.jsonl")


def changed(file, **more):
    file.write_text(json.dumps(json.loads(file.read_text()) | more))


@pytest.fixture
def evil(tmp_path):
    """A model folder that needs code of its own, which would leave a canary."""
    folder = tmp_path / "evil"
    shutil.copytree(untrained(), folder)
    code = f"import pathlib\npathlib.Path({str(tmp_path / 'canary')!r}).touch()\nclass It: pass\nIt2 = It\n"
    (folder / "modeling_evil.py").write_text(code)
    changed(
        folder / "config.json",
        model_type="evil",
        architectures=["It"],
        auto_map={"AutoConfig": "modeling_evil.It", "AutoModelForCausalLM": "modeling_evil.It2"},
    )
    changed(
        folder / "tokenizer_config.json",
        tokenizer_class="It",
        auto_map={"AutoTokenizer": ["modeling_evil.It", "modeling_evil.It"]},
    )
    return folder


def not_run(folder):
    return (
        f"local: the model folder {folder} brings code of its own, and its code is not run. Take a model that "
        "transformers has built in"
    )


def test_a_model_folders_own_code_is_refused_at_every_door(evil, train_file, tmp_path):
    provider = LocalProvider(tmp_path / "runs")
    for ask in (
        lambda: FineTuneJob.create(train_file, model=evil, provider=provider),
        lambda: FineTuneJob.plan(train_file, model=evil, provider=provider),
        lambda: LocalChatModel(model=str(evil)).invoke("hi"),
        lambda: token_counter(evil),
    ):
        with pytest.raises(ProviderError) as caught:
            ask()
        assert str(caught.value) == not_run(evil)
    assert not (tmp_path / "canary").exists()
    assert not provider.runs_dir.exists()
    assert FineTuneJob.list() == []


@pytest.mark.slow
def test_the_training_process_does_not_run_a_model_folders_code(evil, train_file, tmp_path):
    run = RunFolder(tmp_path / "ft-0123456789abcdef-1")
    run.path.mkdir()
    shutil.copy(train_file, run.training_file)
    request = {"model": "evil", "model_path": str(evil), "parameters": {"max_steps": 1}, "seed": None}
    write_json(run.request_file, request | {"training_name": "train.jsonl", "suffix": None})
    command = [sys.executable, "-m", "langsmith_finetune.providers.local.train", str(run.path)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)
    assert done.returncode == 1
    assert json.loads(run.status_file.read_text())["error"] == not_run(evil).removeprefix("local: ")
    assert not (tmp_path / "canary").exists()


def test_code_that_transformers_need_not_run_is_left_alone(tmp_path):
    folder = tmp_path / "known"
    shutil.copytree(untrained(), folder)
    (folder / "modeling_evil.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
    changed(folder / "config.json", auto_map={"AutoModelForCausalLM": "modeling_evil.It"})
    assert LocalChatModel(model=str(folder), max_tokens=2).invoke("hi").usage_metadata["output_tokens"] == 2
    assert not (tmp_path / "canary").exists()


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickled_weights_are_refused_by_name_and_not_read(train_file, tmp_path):
    folder, adapter = tmp_path / "pickled", tmp_path / "adapter"
    shutil.copytree(untrained(), folder)
    (folder / "model.safetensors").unlink()
    torch.save({"x": Canary(tmp_path / "canary")}, folder / "pytorch_model.bin")
    shutil.copytree(untrained(), adapter)
    (adapter / "model.safetensors").unlink()
    torch.save({"x": Canary(tmp_path / "canary")}, adapter / "adapter_model.bin")
    (adapter / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": str(untrained())})
    )
    for model, name in ((folder, "pytorch_model.bin"), (adapter, "adapter_model.bin")):
        text = (
            f"local: the model folder {model} has its weights in {name}, a pickle, which can run code and is not "
            "read. Save the model as safetensors"
        )
        for ask in (
            lambda model=model: FineTuneJob.create(train_file, model=model, provider=LocalProvider(tmp_path)),
            lambda model=model: LocalChatModel(model=str(model)).invoke("hi"),
        ):
            with pytest.raises(ProviderError) as caught:
                ask()
            assert str(caught.value) == text
    assert not (tmp_path / "canary").exists()


# --- run folders -------------------------------------------------------------------------------------------


def request_for(train_file):
    return JobRequest(
        training_file=train_file,
        training_sha256="0" * 64,
        model=str(untrained()),
        model_sha256=sha256_of_folder(untrained()),
        parameters={"max_steps": 100_000},
    )


@pytest.fixture
def request_(train_file):
    return request_for(train_file)


def run_folder(runs, request, attempt=1, status="succeeded"):
    """A run as a process leaves it that is over."""
    run = RunFolder(runs / f"ft-{request.fingerprint[:16]}-{attempt}")
    run.path.mkdir(parents=True)
    write_json(
        run.request_file,
        {"fingerprint": request.fingerprint, "created_at": now(), "model": request.model},
    )
    run.write_status(status, status, fine_tuned_model=str(run.path / "model"), finished_at=now())
    write_json(run.process_file, {"pid": 2**22 + 1, "created": 1.0, "starting": False})
    run.add_event("step 1/2", step=1, total_steps=2, metrics={"train_loss": 0.5})
    return run


def _empty(file):
    file.write_bytes(b"")


def _zeros(file):
    file.write_bytes(bytes(4096))


def _torn(file):
    file.write_bytes(file.read_bytes()[:17])


def _folder(file):
    file.unlink()
    file.mkdir()


def _gone(file):
    file.unlink()


def _list(file):
    file.write_text("[1, 2]")


def _deep(file):
    file.write_text("[" * 200_000)


def _bytes(file):
    file.write_bytes(b'{"status": "\xff\xfe"}')


BROKEN = {
    _empty: "is empty",
    _zeros: "holds nothing but zeros",
    _torn: "is not JSON",
    _folder: "cannot be read (Is a directory)",
    _gone: "is missing",
    _list: "is not a JSON object",
    _deep: "is nested too deeply",
    _bytes: "is not JSON",
}


@pytest.mark.parametrize("name", ["status.json", "request.json"])
@pytest.mark.parametrize("breaks", BROKEN)
def test_a_file_that_a_crash_left_is_read_as_what_it_is(tmp_path, request_, breaks, name):
    provider = LocalProvider(tmp_path / "runs")
    run = run_folder(provider.runs_dir, request_)
    breaks(run.path / name)
    (job,) = provider.find_jobs(request_)
    assert job == provider.retrieve_job(run.id) == provider.cancel_job(run.id)
    assert (job.status, job.provider_status) == ("failed", "unreadable")
    assert job.error == (
        f"{name} {BROKEN[breaks]} in {run.path}, as after a crash of the machine. What the folder holds besides is "
        "untouched"
    )
    assert [event.step for event in provider.job_events(run.id)] == [1]


@pytest.mark.parametrize("breaks", BROKEN)
def test_unreadable_process_is_over_and_nothing_is_stopped(tmp_path, request_, breaks):
    provider = LocalProvider(tmp_path / "runs")
    run = run_folder(provider.runs_dir, request_, status="running")
    breaks(run.process_file)
    assert provider.retrieve_job(run.id).provider_status == "died while running"


ODD = [None, True, -1, 1e400, float("nan"), 10**30, "x", "9999-99-99", [], {}, [{}], {"a": []}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_fields_of_odd_types_are_left_out(tmp_path, request_, odd):
    provider = LocalProvider(tmp_path / "runs")
    run = run_folder(provider.runs_dir, request_)
    for file in (run.status_file, run.request_file, run.process_file):
        content = json.loads(file.read_text())
        for name in [*content, "metrics", "step", "trained_tokens", "error", "total_steps", "host"]:
            file.write_text(json.dumps(content | {name: odd}))
            assert provider.retrieve_job(run.id).status in {"succeeded", "failed"}
            provider.find_jobs(request_)
            provider.cancel_job(run.id)
        file.write_text(json.dumps(content))
    event = {"created_at": now(), "level": "info", "message": "", "step": 2, "total_steps": 2, "metrics": {}}
    for name in event:
        with run.events_file.open("a") as file:
            file.write(json.dumps(event | {name: odd}) + "\n")
    events = provider.job_events(run.id)
    assert len(events) == 6
    assert all(isinstance(number, (int, float)) for event in events for number in event.metrics.values())


def test_torn_lines_between_events_are_skipped_over(tmp_path, request_):
    provider = LocalProvider(tmp_path / "runs")
    run = run_folder(provider.runs_dir, request_)
    with run.events_file.open("ab") as file:
        file.write(b'{"created_at": "2026-\n' + bytes(100) + b'\n\xff\n[]\n"x"\n' + b"[" * 100_000 + b"\n")
    run.add_event("step 2/2", step=2, total_steps=2)
    with run.events_file.open("ab") as file:
        file.write(b'{"created_at": "')
    assert [event.step for event in provider.job_events(run.id)] == [1, 2]
    _folder(run.events_file)
    assert provider.job_events(run.id) == []


def test_living_training_with_spoiled_status_is_unknown(tmp_path, request_):
    provider = LocalProvider(tmp_path / "runs")
    run = run_folder(provider.runs_dir, request_)
    record_process(run, os.getpid(), starting=True)
    _torn(run.status_file)
    assert provider.retrieve_job(run.id).status == "unknown"


def test_next_job_skips_number_of_an_unreadable_folder(tmp_path, train_file):
    provider = LocalProvider(tmp_path / "runs")
    job = FineTuneJob.create(train_file, model=untrained(), provider=provider, parameters={"max_steps": 9**6})
    job.cancel()
    _empty(provider.runs_dir / job.id / "request.json")
    again = FineTuneJob.create(
        train_file, model=untrained(), provider=provider, parameters={"max_steps": 9**6}
    )
    again.cancel()
    assert (job.id[-2:], again.id[-2:]) == ("-1", "-2")


@pytest.mark.slow
def test_jobs_are_found_among_thousands_of_broken_folders(tmp_path, request_):
    provider = LocalProvider(tmp_path / "runs")
    whole = run_folder(provider.runs_dir, request_, attempt=3000)
    for number in range(1, 3000):
        folder = provider.runs_dir / f"ft-{request_.fingerprint[:16]}-{number}"
        folder.mkdir()
        (folder / "request.json").touch()
    (provider.runs_dir / f"ft-{request_.fingerprint[:16]}-3001").touch()  # a file, not a folder
    jobs = provider.find_jobs(request_)
    assert len(jobs) == 3000
    assert [job.id for job in jobs if job.status == "succeeded"] == [whole.id] == [jobs[0].id]


def test_a_folder_that_a_killed_process_was_filling_is_removed(tmp_path, train_file):
    provider = LocalProvider(tmp_path / "runs")
    code = f"""
import sys, time
from pathlib import Path
from langsmith_finetune._foundation.scratch import scratch_folder
with scratch_folder(".new-", Path({str(provider.runs_dir)!r})) as folder:
    (folder / "training.jsonl").write_text("secret")
    print(folder, flush=True)
    time.sleep(60)
"""
    provider.runs_dir.mkdir()
    makers = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    killed, living = (Path(maker.stdout.readline().strip()) for maker in makers)
    try:
        makers[0].send_signal(signal.SIGKILL)
        makers[0].wait()
        assert killed.is_dir()
        job = FineTuneJob.create(
            train_file, model=untrained(), provider=provider, parameters={"max_steps": 9**6}
        )
        job.cancel()
        assert not killed.exists()
        assert (living / "training.jsonl").read_text() == "secret"
    finally:
        makers[1].kill()
        for maker in makers:
            maker.wait()
            maker.stdout.close()


def test_a_run_folder_keeps_its_status_over_many_writers(tmp_path):
    run = RunFolder(tmp_path)
    began = time.monotonic()
    for step in range(50):
        run.write_status("running", "training", step=step)
    assert json.loads(run.status_file.read_text())["step"] == 49
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]
    assert time.monotonic() - began < 30
