"""Runs that older wrappers posted, captured with the packages of their time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "older_wrappers.json"


def names() -> list[str]:
    """The names of the captured runs."""
    return list(json.loads(DATA.read_text(encoding="utf-8")))


def run(name: str) -> dict[str, Any]:
    """One captured run."""
    found: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))[name]["run"]
    return found
