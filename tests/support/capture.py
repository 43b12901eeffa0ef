"""The scripts that captured the notebooks' data: run again, and their files looked through for what is of the machine."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support.paths import NOTEBOOKS


def captured_again(script: str, folder: Path, *arguments: str, strict: bool = True) -> str:
    """Run a script of `notebooks/` into a folder, as somebody with keys of their own does, and return what it prints.

    Args:
        script: `capture_app.py`.
        folder: Where its files go.
        arguments: Further ones.
        strict: A warning of any package is an error.
    """
    done = subprocess.run(
        [
            sys.executable,
            *(["-W", "error"] if strict else []),
            NOTEBOOKS / script,
            "--folder",
            folder,
            *arguments,
        ],
        env=os.environ | {"LANGSMITH_API_KEY": "somebodys-key", "OPENAI_API_KEY": "somebodys-key"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def assert_nothing_of_the_machine(path: Path) -> None:
    """No address, setting, version of a commit or path of who captured it is in a file, compressed or not."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    assert not re.search(r"127\.0\.0\.1|localhost|LANGSMITH_|LANGCHAIN_|revision_id|platform", text)
    assert not re.search(r"site-packages|File \\\"(/|[A-Za-z]:)", text)
