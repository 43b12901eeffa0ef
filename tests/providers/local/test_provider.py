import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from langsmith_finetune.errors import InvalidExampleError, JobFailedError, NotSupportedError, ProviderError
from langsmith_finetune.jobs.digests import sha256_of_folder
from langsmith_finetune.jobs.job import FineTuneJob
from langsmith_finetune.providers.local import LocalProvider
from langsmith_finetune.providers.local.run_folder import RunFolder, write_json
from langsmith_finetune.providers.values import JobRequest
from tests.support.by_hand import created
from tests.support.local_calculator import asked, lines, trained, untrained, write_lines

LONG = {"max_steps": 100_000, "batch_size": 2}


@pytest.fixture
def provider(tmp_path):
    provider = LocalProvider(tmp_path / "runs")
    yield provider
    for run in provider.runs_dir.glob("ft-*"):
        provider.cancel_job(run.name)  # a failed test must leave no training behind


@pytest.fixture
def train_file(tmp_path):
    return write_lines(tmp_path / "train.jsonl")


def create(file, provider, parameters=LONG, **more):
    return FineTuneJob.create(file, model=untrained(), provider=provider, parameters=parameters, **more)


def process_of(job):
    return json.loads((job.provider.runs_dir / job.id / "process.json").read_text())


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def wait_until_it_trains(job):
    wait_until(lambda: (job.refresh().step or 0) > 0 or job.status in {"failed", "cancelled"})
    assert job.status == "running", job.info


@pytest.mark.slow
def test_trained_model_answers_each_question_with_its_call():
    job, model = trained()
    chat = model.chat_model(temperature=0).bind_tools([line["tools"][0] for line in lines()[:1]])
    right = 0
    for question, arguments in asked():
        message = chat.invoke([("system", "You are an accounting assistant."), ("user", question)])
        right += [(call["name"], call["args"]) for call in message.tool_calls] == [("Calculator", arguments)]
    assert right == 20
    assert model.job_id == job.id
    assert Path(model.id).parent.name == job.id

    losses = [event.metrics["train_loss"] for event in job.events() if "train_loss" in event.metrics]
    assert len(losses) == job.info.total_steps == job.info.step == 240
    assert losses[0] > 1
    assert losses[-1] < 0.05
    assert job.info.trained_tokens > 0
    assert job.info.created_at < job.info.finished_at
    ids = [event.id for event in job.events()]
    assert len(set(ids)) == len(ids)
    assert job.provider.job_events(job.id, newest=2) == job.events()[-2:]
    assert job.provider.job_events(job.id, newest=0) == []


@pytest.mark.slow
def test_everything_in_a_run_folder_is_its_owners_alone():
    job, _ = trained()
    run = job.provider.runs_dir / job.id
    for path in (job.provider.runs_dir, run, *run.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert (job.provider.runs_dir / ".gitignore").read_text().endswith("*\n")
    assert not [path for path in job.provider.runs_dir.iterdir() if path.name.startswith(".new-")]
    assert not [path for path in run.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]


@pytest.mark.slow
def test_same_request_returns_to_its_job_until_cancelled(provider, train_file):
    job = create(train_file, provider)
    wait_until_it_trains(job)
    again = create(train_file, provider)
    assert again.id == job.id
    assert again.status == "running"
    assert again.info.total_steps == 100_000
    assert again.info.metrics["train_loss"] > 0

    assert job.cancel().status == "cancelled"
    assert job.cancel().status == "cancelled"
    with pytest.raises(JobFailedError, match="was cancelled"):
        job.wait(progress=False)
    other = create(train_file, provider)
    assert other.id != job.id
    assert [status.id for status in provider.find_jobs(request_for(train_file))] == [other.id, job.id]
    other.cancel()


def test_force_new_starts_a_second_job_beside_the_first(provider, train_file):
    first, second = create(train_file, provider), create(train_file, provider, force_new=True)
    assert (first.id[-2:], second.id[-2:]) == ("-1", "-2")
    assert process_of(first)["pid"] != process_of(second)["pid"]
    for job in (first, second):
        assert job.cancel().status == "cancelled"


def test_many_creators_at_once_start_one_job(provider, train_file):
    untrained()
    others = [provider, LocalProvider(provider.runs_dir)]
    gate = threading.Barrier(6)

    def create_one(number):
        gate.wait()
        return create(train_file, others[number % 2])

    with ThreadPoolExecutor(6) as pool:
        jobs = list(pool.map(create_one, range(6)))
    assert len({job.id for job in jobs}) == 1
    assert [path.name for path in provider.runs_dir.glob("ft-*")] == [jobs[0].id]
    jobs[0].cancel()


@pytest.mark.slow
def test_killed_training_failed_and_names_its_log(provider, train_file):
    job = create(train_file, provider)
    wait_until_it_trains(job)
    os.kill(process_of(job)["pid"], signal.SIGKILL)
    wait_until(lambda: job.refresh().status == "failed")
    log = provider.runs_dir / job.id / "log.txt"
    assert job.info.provider_status == "died while training"
    assert job.info.error == (
        "the training process died while training, without a word: it was killed, or memory ran out. "
        "The same create, or job.resume(), lets it go on from its last checkpoint. "
        f"Its last output is in {log}"
    )
    assert job.info.resumable
    assert log.exists()
    assert job.cancel().status == "failed"


@pytest.mark.slow
def test_a_training_outlives_the_kernel_that_started_it(provider, train_file):
    code = (
        "from langsmith_finetune.jobs.job import FineTuneJob; "
        "from langsmith_finetune.providers.local import LocalProvider; "
        f"job = FineTuneJob.create({str(train_file)!r}, model={str(untrained())!r}, "
        f"provider=LocalProvider({str(provider.runs_dir)!r}), parameters={LONG!r}); "
        "print(job.id)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    job = FineTuneJob.attach(done.stdout.strip(), provider=provider)
    wait_until_it_trains(job)
    job.cancel()
    wait_until(lambda: job.refresh().status == "cancelled")


def test_reused_process_id_is_not_taken_for_the_training(provider, train_file):
    job = create(train_file, provider)
    record = process_of(job)
    job.cancel()
    run = RunFolder(provider.runs_dir / job.id)
    run.cancelled_file.unlink()
    run.write_status("running", "training")
    write_json(run.process_file, record | {"pid": os.getpid()})
    assert job.refresh().status == "failed"
    job.cancel()  # and it must not end this process

    write_json(run.process_file, record | {"host": "another-machine"})
    assert job.refresh().status == "running"


def test_folder_of_a_dead_maker_is_a_failed_job(provider, train_file):
    job = create(train_file, provider)
    record = process_of(job)
    job.cancel()
    run = RunFolder(provider.runs_dir / job.id)
    run.cancelled_file.unlink()
    run.write_status("validating", "starting")
    write_json(run.process_file, record | {"starting": True})
    assert job.refresh().status == "failed"
    assert job.info.provider_status == "died while starting"


def request_for(train_file, **changes):
    settings = {
        "training_file": train_file,
        "training_sha256": hashlib.sha256(train_file.read_bytes()).hexdigest(),
        "model": str(untrained()),
        "model_sha256": sha256_of_folder(untrained()),
        "parameters": LONG,
    }
    return JobRequest(**(settings | changes))


def test_file_changed_during_creation_is_not_trained_on(provider, train_file):
    request = request_for(train_file)
    write_lines(train_file, lines()[:3])
    with pytest.raises(ProviderError) as caught:
        created(provider, request)
    assert str(caught.value) == "local: train.jsonl changed while the job was created. Create it again"
    assert list(provider.runs_dir.iterdir()) == [provider.runs_dir / ".gitignore"]


def test_bad_line_is_known_before_anything_is_started(provider, train_file):
    bad = {"messages": [{"role": "user", "content": "hi"}]}
    write_lines(train_file, [lines()[0], bad])
    with pytest.raises(InvalidExampleError, match=r"^train\.jsonl:2: messages: has no assistant message"):
        create(train_file, provider, check=False)
    assert provider.find_jobs(request_for(train_file)) == []


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"epochs": 3},
            "parameters has no 'epochs'; is 'n_epochs' meant? the local provider knows n_epochs, max_steps, ",
        ),
        ({"max_steps": 1.5}, "parameters['max_steps'] must be a whole number from 1, got 1.5"),
        ({"batch_size": True}, "parameters['batch_size'] must be a whole number from 1, got True"),
        ({"learning_rate": 0}, "parameters['learning_rate'] must be a positive number, got 0"),
        ({"warmup_steps": -1}, "parameters['warmup_steps'] must be a whole number from 0, got -1"),
        ({"gradient_checkpointing": 1}, "parameters['gradient_checkpointing'] must be a bool, got 1"),
        ({"lora": 16}, "parameters['lora'] must be a bool or a dict such as {'r': 16}, got 16"),
        (
            {"lora": {"rank": 8}},
            "parameters['lora'] has no 'rank'; the local provider knows r, alpha, dropout",
        ),
        ({"lora": {"r": "8"}}, "parameters['lora']['r'] must be a whole number from 1, got '8'"),
    ],
)
def test_unknown_or_mistyped_parameter_is_refused(provider, train_file, parameters, text):
    with pytest.raises(ValueError) as caught:
        create(train_file, provider, parameters)
    assert str(caught.value).startswith(text)


def test_what_the_provider_cannot_do_is_refused_by_name(provider, train_file):
    with pytest.raises(NotSupportedError) as caught:
        created(provider, request_for(train_file, method="reinforcement"))
    assert (
        str(caught.value) == "local does not support method='reinforcement'; it trains dpo, kto, supervised"
    )
    with pytest.raises(ValueError, match=r"suffix must be letters, digits, .* got '\.\./x'"):
        create(train_file, provider, suffix="../x")
    for model in ("./nowhere", "~/nowhere", "/no/where", "runs/ft-1/model", "my model", "a\\b", "org/"):
        for ask in (FineTuneJob.plan, FineTuneJob.create):
            with pytest.raises(ProviderError) as missing:
                ask(train_file, model=model, provider=provider)
            assert str(missing.value) == (
                f"local: there is no model folder {model!r}. Give a folder, or a name on the Hugging Face Hub"
            )
    assert FineTuneJob.list() == []


def test_a_new_object_creates_the_job_of_the_number_it_is_given(tmp_path, train_file):
    request = request_for(train_file)
    runs = tmp_path / "runs"
    try:
        second = created(LocalProvider(runs), request, attempt=2)
        assert (second.id[-2:], second.attempt) == ("-2", 2)
        assert created(LocalProvider(runs), request, attempt=2).id == second.id
        third = created(LocalProvider(runs), request, attempt=3)
        assert [job.attempt for job in LocalProvider(runs).find_jobs(request)] == [3, 2]
    finally:
        for job in LocalProvider(runs).find_jobs(request):
            LocalProvider(runs).cancel_job(job.id)
    assert {path.name for path in runs.glob("ft-*")} == {second.id, third.id}


def test_next_job_after_a_deletion_takes_a_free_number(provider, train_file):
    first, second = create(train_file, provider), create(train_file, provider, force_new=True)
    for job in (first, second):
        job.cancel()
    shutil.rmtree(provider.runs_dir / first.id)
    third = create(train_file, provider)
    assert third.id[-2:] == "-3"
    third.cancel()


@pytest.mark.parametrize(
    "job_id", ["ft-0123456789abcdef-1", "../runs", "/etc", "", "ft-0123456789abcdef-1/.."]
)
def test_foreign_id_is_refused_and_makes_no_path(provider, job_id):
    for ask in (provider.retrieve_job, provider.job_events, provider.cancel_job):
        with pytest.raises(ProviderError) as caught:
            ask(job_id)
        assert str(caught.value) == f"local: there is no job {job_id!r} in {provider.runs_dir}"


@pytest.mark.slow
def test_import_loads_no_torch_and_names_a_missing_extra():
    code = """
import sys, importlib.abc
class Blocked(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "trl", "psutil"}:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Blocked())
from langsmith_finetune.providers.local import LocalProvider, LocalChatModel, tiny_model
for make in (LocalProvider, lambda: LocalChatModel(model="x"), lambda: tiny_model("x", [])):
    try:
        make()
    except ImportError as error:
        print(error)
print("transformers" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    text = (
        "training and answering on this machine needs torch, trl, psutil: "
        'pip install "langsmith-finetune[local]"'
    )
    assert done.stdout.splitlines() == [text, text, text, "False"]
