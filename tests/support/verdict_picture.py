"""What a picture of the walkthrough's verdict says in its metadata."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.paths import ROOT

PICTURE = ROOT / "docs" / "verdict.svg"
"""The one that the pages show."""


def verdict_of(path: Path) -> str:
    """The verdict, in words."""
    return _between("<title>", "</title>", path)


def losses_of(path: Path) -> dict[str, dict[int, float]]:
    """The losses, by name and step."""
    parts = _between("<dc:description>", "</dc:description>", path).split("; ")
    return {
        name: {int(step): float(loss) for loss, step in re.findall(r"([\d.]+) at step (\d+)", points)}
        for name, points in (part.split(": ") for part in parts)
    }


def _between(start: str, end: str, path: Path) -> str:
    return path.read_text(encoding="utf-8").split(start)[1].split(end)[0]
