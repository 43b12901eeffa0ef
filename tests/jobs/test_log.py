import json
import sys

import pytest

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.jobs.log import metrics_of
from langsmith_finetune.providers.openai.answers import checkpoint_from_answer, job_event_from_answer
from tests.support.jobs import JOBS, connect, create, journal, provider, server, train
from tests.support.standins.openai import error

__all__ = ["connect", "create", "journal", "provider", "server", "train"]


@pytest.fixture
def job(create):
    job = create()
    job.wait(progress=False)
    return job


def test_the_newest_events_take_one_page(server, job):
    server.page_items = 2
    assert [event.message for event in job.events(newest=2)] == [
        "New fine-tuned model created",
        "The job has successfully completed",
    ]
    assert server.count("GET", f"{JOBS}/{job.id}/events") == 1
    assert len(job.events()) == 7


def test_the_numbers_are_records_in_the_order_of_the_steps(job):
    assert job.metrics() == [
        {"step": n, "train_loss": 1 / n, "train_mean_token_accuracy": 0.5} for n in (1, 2, 3)
    ]


def test_numbers_of_one_step_told_apart_are_one_record():
    told = [
        {"id": "1", "data": {"step": 2, "train_loss": 0.5}},
        {"id": "2", "data": {"step": 1, "train_loss": 1.0}},
        {"id": "3", "data": {"step": 2, "valid_loss": 0.7}},
        {"id": "4", "message": "words", "data": {}},
        {"id": "5", "data": {"loss": 1.0}},
    ]
    assert metrics_of(map(job_event_from_answer, told)) == [
        {"step": 1, "train_loss": 1.0},
        {"step": 2, "train_loss": 0.5, "valid_loss": 0.7},
    ]


def test_the_numbers_are_a_table_by_step(job):
    frame = job.metrics(as_frame=True)
    assert list(frame.index) == [1, 2, 3]
    assert frame.loc[3, "train_loss"] == pytest.approx(1 / 3)


def test_job_without_metrics_has_empty_table_and_no_plot(create):
    job = create()
    assert job.metrics() == []
    assert job.metrics(as_frame=True).empty
    with pytest.raises(ValueError, match="has not reported a loss yet") as caught:
        job.plot()
    assert str(caught.value) == f"{job.id} has not reported a loss yet; nothing to plot"


def test_the_losses_are_plotted(job, tmp_path):
    pytest.importorskip("matplotlib")
    plot = job.plot()
    axes = plot.figure.axes[0]
    assert [line.get_label() for line in axes.get_lines()] == ["train_loss"]
    assert list(axes.get_lines()[0].get_xdata()) == [1, 2, 3]
    assert plot.save(tmp_path / "loss.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("module", "ask", "text"),
    [
        (
            "pandas",
            lambda job: job.metrics(as_frame=True),
            'a table needs pandas: pip install "langsmith-finetune[notebook]"',
        ),
        (
            "matplotlib.figure",
            lambda job: job.plot(),
            'a plot needs matplotlib: pip install "langsmith-finetune[notebook]"',
        ),
    ],
)
def test_a_package_that_is_missing_is_named(job, monkeypatch, module, ask, text):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        ask(job)
    assert str(caught.value) == text


def test_checkpoints_come_oldest_first(job):
    points = job.checkpoints()
    assert [point.step for point in points] == [1, 2, 3]
    assert points[2].model == f"{job.info.fine_tuned_model}:ckpt-step-3"
    assert points[2].metrics == {"train_loss": pytest.approx(1 / 3)}


def test_a_checkpoint_as_azure_shows_it_is_read():
    point = checkpoint_from_answer({"id": "ftchkpt-1", "created_at": 1, "step_number": 10, "metrics": None})
    assert (point.id, point.step, point.model, point.metrics) == ("ftchkpt-1", 10, None, {})


def test_everything_is_saved_for_its_owner_alone(job, tmp_path):
    folder = job.save(tmp_path / "log")
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "job.json",
        "events.jsonl",
        "metrics.jsonl",
        "checkpoints.jsonl",
        "results/step_metrics.csv",
    }
    assert (folder / "results/step_metrics.csv").read_text().splitlines()[1] == "1,1.0000,0.5"
    shown = json.loads((folder / "job.json").read_text())
    assert (shown["id"], shown["status"], shown["provider"]) == (job.id, "succeeded", "openai")
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["step"] == 1
    assert len((folder / "events.jsonl").read_text().splitlines()) == 7
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
    assert job.save(folder) == folder


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../evil.csv", "evil.csv"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\evil", "evil"),
        (".bashrc", "bashrc"),
        ("..", "result"),
        ("", "result"),
        ("a b\n\x00c.csv", "a_b_c.csv"),
        ("x" * 300, "x" * 100),
    ],
)
def test_a_files_name_is_not_trusted(server, job, tmp_path, name, kept):
    (result,) = server.jobs[job.id]["result_files"]
    server.files[result]["filename"] = name
    folder = job.save(tmp_path / "log")
    (saved,) = (folder / "results").iterdir()
    assert saved.name == (kept if name else result)
    assert {path.name for path in tmp_path.iterdir()} <= {"log", "train.jsonl", "journal"}


@pytest.mark.parametrize("content", [b"step,loss\n1,2\n", b"c3RlcCxs b3Nz", b"\xff\xfe", b""])
def test_a_result_file_that_is_plain_stays_as_it_is(server, job, tmp_path, content):
    (result,) = server.jobs[job.id]["result_files"]
    server.contents[result] = content
    assert (job.save(tmp_path / "log") / "results/step_metrics.csv").read_bytes() == content


def test_save_works_without_checkpoints_and_files(job, provider, monkeypatch, tmp_path):
    def without(*_):
        raise NotSupportedError("openai", "it")

    monkeypatch.setattr(provider, "checkpoints", without)
    monkeypatch.setattr(provider, "result_files", without)
    folder = job.save(tmp_path / "log")
    assert {path.name for path in folder.iterdir()} == {"job.json", "events.jsonl", "metrics.jsonl"}


# --- pausing -----------------------------------------------------------------------------------------------


def test_a_job_is_paused_and_goes_on(server, create):
    server.script("running", "running")
    job = create()
    job.refresh()
    assert job.pause().status == "paused"
    assert job.status == "paused"
    assert job.resume().status == "running"
    with pytest.raises(ProviderError, match=r"HTTP 400: Job is running, not paused\."):
        job.resume()


def test_openai_deletes_no_jobs(create):
    with pytest.raises(NotSupportedError, match=r"^openai does not support deleting a job$"):
        create().delete()


def test_a_job_that_is_not_there_cannot_be_paused(provider):
    with pytest.raises(ProviderError, match="fine_tune_not_found"):
        provider.pause_job("ftjob-nowhere")


def test_files_that_cannot_be_read_end_the_saving(server, job, tmp_path):
    (result,) = server.jobs[job.id]["result_files"]
    server.fault("GET", f"/v1/files/{result}/content", error(403, "No."))
    with pytest.raises(ProviderError, match="HTTP 403"):
        job.save(tmp_path / "log")
