"""The Pythons of this machine, whether they are on the path or among those of pyenv."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def python_at_hand(version: str) -> str | None:
    """The program of a version such as 3.12; None where none runs, as pyenv's stand-ins do not when they are off."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    on_path = [Path(folder, f"python{version}") for folder in os.get_exec_path()]
    for program in (*on_path, *sorted(pyenv.glob(f"{version}.*/bin/python"), reverse=True)):
        if program.is_file() and _says(program) == version:
            return str(program)
    return None


def _says(program: Path) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([program, "-c", code], capture_output=True, text=True, check=False).stdout.strip()
