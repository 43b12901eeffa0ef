"""What a kernel of Jupyter's is sent: cards, plots and tables, and nothing on stderr."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest

import langsmith_finetune
from tests.support.paths import NOTEBOOKS, python_path

pytest.importorskip("ipykernel")
nbclient = pytest.importorskip("nbclient")

READ = """
import time
from langsmith_finetune import *
from langsmith_finetune.testing import FakeProvider

def slowly(things):
    for thing in things:
        time.sleep(0.02)
        yield thing

examples = examples_from_runs(slowly(run_files("runs.jsonl", run_type="llm")))
written = write_jsonl(slowly(examples), "train.jsonl")
"""
WARN = 'list(training_examples([{"messages": [("user", "Hi")]}]))'
TRAIN = """
provider = FakeProvider(training_seconds=2, steps=20)
job = FineTuneJob.create("train.jsonl", model="m", provider=provider, name="bot")
model = job.wait(poll_seconds=0.2)
"""
AWAIT = "await job"
SILENT = "job.wait(progress=False) and None"
SHOWN = [
    "written",
    "job",
    "job.plot()",
    "FineTuneJob.list()",
    "job.events()[:2]",
    "next(iter(examples_from_runs(runs)))",
]
RUNS = 'runs = list(run_files("runs.jsonl", run_type="llm"))'
LIBRARIES = "import tqdm.auto"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The outputs of each cell, by its source; the card of a cell is in its last state."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "runs.jsonl").write_bytes((NOTEBOOKS / "data" / "calculator_runs.jsonl").read_bytes())
    sources = [READ, WARN, TRAIN, AWAIT, SILENT, RUNS, *SHOWN, LIBRARIES]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    settings = {
        "LANGSMITH_FINETUNE_JOURNAL": str(folder / "journal"),
        "PYTHONPATH": python_path(Path(langsmith_finetune.__file__).parents[1]),
    }
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, **settings})
    return {cell.source: cell.outputs for cell in notebook.cells}


def card(outputs):
    [output] = [output for output in outputs if output.output_type == "display_data"]
    assert output.data["text/html"].startswith("<div ")
    return output.data["text/plain"]


@pytest.mark.slow
def test_nothing_is_written_to_stderr(cells):
    streams = [output for outputs in cells.values() for output in outputs if output.output_type == "stream"]
    assert streams == []


@pytest.mark.slow
def test_reading_and_writing_share_one_card(cells):
    assert card(cells[READ]).splitlines() == ["runs converted: 21", "lines of train.jsonl: 21"]


@pytest.mark.slow
def test_warning_of_the_library_is_in_a_card(cells):
    assert card(cells[WARN]).startswith("warning: ")


@pytest.mark.slow
@pytest.mark.parametrize("source", [TRAIN, AWAIT], ids=["wait", "await"])
def test_job_has_one_card_with_its_curve(cells, source):
    assert ": succeeded, step 20 of 20, train loss 0.05" in card(cells[source])
    [output] = [output for output in cells[source] if output.output_type == "display_data"]
    assert "<svg" in output.data["text/html"]
    assert "train loss: 1 at step 1, 0.05 at step 20" in output.data["text/html"]


@pytest.mark.slow
def test_progress_that_is_switched_off_shows_nothing(cells):
    assert cells[SILENT] == []


@pytest.mark.slow
@pytest.mark.parametrize("source", SHOWN)
def test_last_line_of_a_cell_shows_itself(cells, source):
    [output] = cells[source]
    form = "image/png" if "plot" in source else "text/html"
    assert form in output.data
    assert "object at 0x" not in output.data["text/plain"]
