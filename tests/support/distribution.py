"""The wheel and the sdist of this project: how they are built without a network, and what is wrong with them."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.metadata import Metadata
from trove_classifiers import classifiers

from tests.support.paths import ROOT

MAX_WHEEL_BYTES = 1_000_000
PACKAGE = "langsmith_finetune/"
NEVER = (
    "__pycache__",
    ".venv",
    ".git/",
    "finetune-runs",
    "notebooks/runs",
    "docs/_build",
    ".egg-info",
    ".ipynb_checkpoints",
)


@dataclass(frozen=True)
class Distributions:
    """What is released, and the wheel that the sdist makes."""

    sdist: Path
    wheel: Path
    wheel_of_sdist: Path


def build(folder: Path) -> Distributions:
    """Build by the hatchling that is installed, which needs no network."""
    hatch = [sys.executable, "-m", "hatchling", "build"]
    subprocess.run([*hatch, "-d", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    subprocess.run([*hatch, "-t", "wheel", "-d", "dist"], cwd=source, check=True, capture_output=True)
    (again,) = (source / "dist").iterdir()
    return Distributions(sdist=sdist, wheel=wheel, wheel_of_sdist=again)


def faults(built: Distributions) -> list[str]:
    """What is wrong with a release, one sentence each."""
    wheel, again = files_of_wheel(built.wheel), files_of_wheel(built.wheel_of_sdist)
    return [
        *_faults_of_wheel(wheel, built.wheel),
        *_faults_of_sdist(files_of_sdist(built.sdist)),
        *_differences("the wheel", wheel, "the wheel that the sdist makes", again),
        *_faults_of_metadata(wheel),
    ]


def files_of_wheel(path: Path) -> dict[str, bytes]:
    """The files of a wheel, by name."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files_of_sdist(path: Path) -> dict[str, bytes]:
    """The files of an sdist, by name, without the folder that holds them all."""
    with tarfile.open(path) as archive:
        return {
            member.name.partition("/")[2]: archive.extractfile(member).read()
            for member in archive
            if member.isfile()
        }


def _files_of_tree(folder: str) -> dict[str, bytes]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _faults_of_wheel(files: dict[str, bytes], path: Path) -> Iterator[str]:
    project = _project()
    info = f"langsmith_finetune-{project['version']}.dist-info/"
    if path.name != f"langsmith_finetune-{project['version']}-py3-none-any.whl":
        yield f"the wheel is named {path.name}"
    if (size := path.stat().st_size) >= MAX_WHEEL_BYTES:
        yield f"the wheel has {size:,} bytes, and may have {MAX_WHEEL_BYTES - 1:,}"
    for name in files:
        if not name.startswith((PACKAGE, info)):
            yield f"the wheel holds {name}"
    for name in (f"{PACKAGE}py.typed", f"{info}licenses/LICENSE", f"{info}entry_points.txt"):
        if name not in files:
            yield f"the wheel lacks {name}"
    package = {name: data for name, data in files.items() if name.startswith(PACKAGE)}
    yield from _differences("the wheel", package, "this folder", _files_of_tree(PACKAGE))
    rows = [row.rsplit(",", 2) for row in files[f"{info}RECORD"].decode().splitlines()]
    if {name for name, *_ in rows} != set(files):
        yield "the wheel's RECORD lists other files"
    for name, digest, _ in rows:
        expected = (
            base64.urlsafe_b64encode(hashlib.sha256(files.get(name, b"")).digest()).rstrip(b"=").decode()
        )
        if digest and digest != f"sha256={expected}":
            yield f"the wheel's RECORD has another hash of {name}"


def _faults_of_sdist(files: dict[str, bytes]) -> Iterator[str]:
    for name in files:
        if any(part in name for part in NEVER):
            yield f"the sdist holds {name}"
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "Makefile",
        "CONTRIBUTING.md",
        "tests/conftest.py",
    ):
        if name not in files:
            yield f"the sdist lacks {name}"


def _differences(here: str, ours: dict[str, bytes], there: str, theirs: dict[str, bytes]) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            yield f"{here} holds {name}, and {there} does not"
        elif name not in ours:
            yield f"{there} holds {name}, and {here} does not"
        elif ours[name] != theirs[name]:
            yield f"{name} differs between {here} and {there}"


def _faults_of_metadata(files: dict[str, bytes]) -> Iterator[str]:
    (text,) = [data for name, data in files.items() if name.endswith(".dist-info/METADATA")]
    metadata = Metadata.from_email(text, validate=True)  # raises what an index would refuse
    project = _project()
    version, citation = (
        str(metadata.version),
        yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8")),
    )
    if citation["version"] != version:
        yield f"CITATION.cff has version {citation['version']}, and the package {version}"
    heading = f"## [{version}] - {citation.get('date-released')}\n"
    if heading not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        yield f"CHANGELOG.md has no heading {heading.strip()!r}"
    for name in sorted(set(metadata.classifiers) - classifiers):
        yield f"there is no classifier {name!r}"
    for python in pythons_of_the_classifiers():
        if not metadata.requires_python.contains(python):
            yield f"the classifiers name Python {python}, and requires-python does not allow it"
    if metadata.description != (ROOT / "README.md").read_text(encoding="utf-8"):
        yield "the description is not the README"
    if metadata.license_expression != "MIT" or metadata.license_files != ["LICENSE"]:
        yield "the licence is not that of LICENSE"
    if missing := {*project["optional-dependencies"]} - {*metadata.provides_extra}:
        yield f"the extras {sorted(missing)} are not in the metadata"


def _project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pythons_of_the_classifiers() -> list[str]:
    """The versions of Python that the package says it is for."""
    prefix = "Programming Language :: Python :: "
    return [name.removeprefix(prefix) for name in _project()["classifiers"] if name.startswith(prefix)]
