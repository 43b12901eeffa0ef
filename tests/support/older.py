"""Runs that older wrappers posted, captured with the packages of their time."""

from __future__ import annotations

import json
from typing import Any

from tests.support.paths import DATA

OLDER = DATA / "older_wrappers.json"


def names() -> list[str]:
    """The names of the captured runs."""
    return list(json.loads(OLDER.read_text(encoding="utf-8")))


def run(name: str) -> dict[str, Any]:
    """One captured run."""
    found: dict[str, Any] = json.loads(OLDER.read_text(encoding="utf-8"))[name]["run"]
    return found
