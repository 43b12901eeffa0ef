"""The walkthrough, executed from top to bottom as a newcomer does."""

from __future__ import annotations

import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.support.paths import NOTEBOOKS


def test_it_is_committed_without_outputs():
    notebook = nbformat.read(NOTEBOOKS / "walkthrough.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.slow
def test_it_ends_with_the_tuned_model_s_right_answers(tmp_path):
    for name in ("walkthrough.ipynb", "run.py", "data"):
        source = NOTEBOOKS / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    command = [sys.executable, "run.py", "walkthrough.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == ""  # no warnings of other packages
    assert "warning" not in done.stdout.lower()
    assert "20 llm runs of traces that did not fail" in done.stdout
    assert "56 除以 7 等于多少？  8\n" in done.stdout
    assert "20 of 20 training questions are answered rightly" in done.stdout
    assert "should be 24. The model says:" in done.stdout
    executed = nbformat.read(tmp_path / "runs" / "walkthrough.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "the loss plot"
