"""Where things lie: the checkout, the tests' own data, and recordings beside the project that are not part of it."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
DATA = TESTS / "data"
CASSETTES = TESTS / "cassettes"
NOTEBOOKS = ROOT / "notebooks"
SHARED = ROOT.parent / "shared"
