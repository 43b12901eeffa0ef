"""Where things lie: the checkout, the tests' own data, and recordings beside the project that are not part of it."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
DATA = TESTS / "data"
CASSETTES = TESTS / "cassettes"
NOTEBOOKS = ROOT / "notebooks"
SHARED = ROOT.parent / "shared"


def python_path(*folders: str | Path) -> str:
    """The PYTHONPATH of a process that is to import from folders, before those that this one was told."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
