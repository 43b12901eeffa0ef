"""What the benchmarks found, in one file, `results.json`, which `make bench` writes.

Each benchmark records its part under its name: the date, the machine, the versions, and figures, which are plain numbers under
stable names that end in their unit. `pages.py` puts them into the pages.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("results.json")


def sizes(description: str | None, **usual: int) -> argparse.Namespace:
    """The sizes that a benchmark measures with, which `--NAME` changes on its command line.

    Args:
        description: The docstring of the benchmark.
        usual: The size of each name that its figures are recorded for.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, size in usual.items():
        parser.add_argument(f"--{name}", type=int, default=size, help=f"{size} if it is not given")
    found = parser.parse_args()
    found.usual = all(getattr(found, name) == size for name, size in usual.items())
    return found


def record(
    name: str,
    figures: Mapping[str, float],
    sizes: argparse.Namespace,
    *,
    packages: Iterable[str] = (),
    path: Path = RESULTS,
) -> None:
    """Put what a benchmark found into the file; what others found stays there.

    Args:
        name: The benchmark's.
        figures: Each figure under its name, whose last word is its unit.
        sizes: What it was measured with. With other sizes than the usual ones nothing is recorded.
        packages: Distributions whose versions matter.
        path: The file.
    """
    if not sizes.usual:
        print("\nNot recorded: the figures of the pages are those of the usual sizes.")
        return
    found = load(path)
    found[name] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("langsmith-finetune", *packages)},
        "cpu_seconds": round(cpu_seconds()),
        "figures": {key: float(f"{value:.4g}") for key, value in figures.items()},
    }
    beside = path.with_suffix(".new")
    beside.write_text(
        json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    beside.replace(path)


def load(path: Path = RESULTS) -> dict[str, Any]:
    """What each benchmark found when it ran last."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def machine() -> str:
    """The cores, their kind, and the system."""
    kind = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        named = [line for line in described.read_text().splitlines() if line.startswith("model name")]
        kind = named[0].partition(":")[2].strip() if named else kind
    return f"{os.cpu_count()} cores of {kind}, {platform.system()}"


def cpu_seconds() -> float:
    """CPU seconds of this process and of those that it started and saw end."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
