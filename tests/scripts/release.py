"""Check what would be released: build it, look into it, install it as users do, and use it there.

    python -m tests.scripts.release [build] [installs] [extras] [bounds]

    build     the sdist and the wheel, by the build system that pyproject.toml asks for; what is in them. They stay in dist/
    installs  the wheel in an empty environment of each Python at hand, with its dependencies at their lower bounds and at
              their newest: `tests/package/user_program.py` runs there, and mypy and pyright check its types
    extras    each extra alone at its lower bounds, on each Python at hand: what it is for runs there (`make extras` has them
              at their newest)
    bounds    the fast tests with everything that users install at its lower bound, on this Python

Without a word, all four. Packages come by uv, which puts them into environments without a copy. `TORCH` names the build
of PyTorch, which stands at its lower bound nowhere: the extra `local` is tried with that build alone, and on the Pythons
that have it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.scripts.extras import USES, code_of
from tests.support.distribution import Distributions, faults, pythons_of_the_classifiers
from tests.support.paths import NOTEBOOKS, ROOT, TESTS
from tests.support.pythons import python_at_hand

RUNS = NOTEBOOKS / "data" / "calculator_runs.jsonl"
PROGRAM = TESTS / "package" / "user_program.py"
TYPED = (PROGRAM, TESTS / "package" / "typing_api.py")
TORCH = os.environ.get("TORCH", "torch")
STRICT = ("-W", "error", "-W", "ignore:ast.Str is deprecated:DeprecationWarning")
"""Warnings are errors, as in the tests of many users; the one is langsmith's own, in `langsmith.evaluation`."""

LOWEST, NEWEST = "lowest-direct", "highest"
"""What uv calls them."""

UV = [sys.executable, "-m", "uv", "--quiet"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
ENVIRONMENT |= {"UV_PYTHON_DOWNLOADS": "never", "OMP_NUM_THREADS": "1"}
if "PIP_FIND_LINKS" in ENVIRONMENT:
    ENVIRONMENT["UV_FIND_LINKS"] = ENVIRONMENT["PIP_FIND_LINKS"]


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def call(command: list[str], cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(
            f"{' '.join(command)}\n{done.stdout[-5000:]}\n{done.stderr[-5000:]}\nended with {done.returncode}"
        )
    return done.stdout


def build(folder: Path) -> Distributions:
    """Build as an index's users do: the build system comes from the network."""
    call([*UV, "build", "--out-dir", str(folder / "dist"), str(ROOT)], ROOT)  # the wheel comes of the sdist
    call([*UV, "build", "--wheel", "--out-dir", str(folder / "tree"), str(ROOT)], ROOT)
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    (of_sdist,), (of_tree,) = (folder / "dist").glob("*.whl"), (folder / "tree").glob("*.whl")
    return Distributions(sdist=sdist, wheel=of_tree, wheel_of_sdist=of_sdist)


def check_build(built: Distributions) -> None:
    if found := faults(built):
        sys.exit("\n".join(found))
    call([*UV, "tool", "run", "twine", "check", "--strict", str(built.sdist), str(built.wheel)], ROOT)
    for path in (built.sdist, built.wheel):
        say(f"{path.name}: {path.stat().st_size:,} bytes, nothing to find fault with")


def keep(built: Distributions) -> None:
    """Leave in dist/ what is tried here, for it is what is published."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    (ROOT / "dist").mkdir()
    for path in (built.sdist, built.wheel_of_sdist):
        shutil.copy(path, ROOT / "dist")


def pythons() -> dict[str, str]:
    """The Pythons of the classifiers that are at hand, with a word about the others."""
    found = {version: python_at_hand(version) for version in pythons_of_the_classifiers()}
    for version, program in found.items():
        say(f"Python {version}: {program or 'MISSING, so not tried'}")
    return {version: program for version, program in found.items() if program}


def environment(folder: Path, program: str, wheel: Path, extra: str, bounds: str) -> str:
    """An empty environment with the wheel: its Python."""
    call([*UV, "venv", "--clear", "--python", program, str(folder)], folder.parent)
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    # What the wheel asks for is asked for directly, too: uv takes the lower bounds of nothing else.
    direct = [*requirements(extra), *([TORCH] if extra == "local" else [])]
    wanted = f"langsmith-finetune[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
    call([*UV, "pip", "install", "--python", python, "--resolution", bounds, wanted, *direct], folder.parent)
    return python


def requirements(*extras: str) -> list[str]:
    """What the package asks for, by itself and for extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [
        *project["dependencies"],
        *(text for extra in extras if extra for text in project["optional-dependencies"][extra]),
    ]


def versions(python: str) -> str:
    """What stands at which version, of what the project names itself."""
    listed = call([*UV, "pip", "freeze", "--python", python], ROOT)
    named = {Requirement(text).name for text in requirements()}
    pairs = [line.split("==") for line in listed.splitlines() if "==" in line]
    return ", ".join(f"{name} {version}" for name, version in pairs if name in named)


def installs(wheel: Path, folder: Path) -> None:
    """The user's program, run and checked, away from this clone."""
    for version, program in pythons().items():
        for bounds in (LOWEST, NEWEST):
            here = folder / f"{version}-{bounds}"
            here.mkdir()
            python = environment(here / "env", program, wheel, "", bounds)
            for source in TYPED:
                shutil.copy(source, here)
            say(f"Python {version}, {bounds}: {versions(python)}")
            run = [python, "-P", *STRICT, PROGRAM.name, str(RUNS)]
            say(call(run, here, LANGSMITH_FINETUNE_JOURNAL=str(here / "journal")).splitlines()[-1])
            call([str(Path(python).with_name("langsmith-finetune")), "--help"], here)
            if bounds == NEWEST:
                check_types(python, here)
            shutil.rmtree(here)


def check_types(python: str, here: Path) -> None:
    """What two checkers say of programs that use the package as it is installed, which takes its `py.typed`."""
    names = [source.name for source in TYPED]
    mypy = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "--python-executable", python]
    say("mypy: " + call([*mypy, *names], here).splitlines()[-1])
    pyright = [sys.executable, "-m", "pyright", "--pythonpath", python, *names]
    say("pyright: " + call(pyright, here).splitlines()[-1])


def extras(wheel: Path, folder: Path) -> None:
    """Each extra alone, at its lower bounds. All are tried before the first failure is raised."""
    failed = []
    for version, program in pythons().items():
        for extra in filter(None, USES):
            if extra == "local" and version != "{}.{}".format(*sys.version_info):
                continue
            try:
                python = environment(folder / "env", program, wheel, extra, LOWEST)
                call([python, "-P", "-c", code_of(extra)], folder)
            except SystemExit as error:
                failed.append(f"Python {version}, {extra}: {error}")
            else:
                say(f"Python {version}, {extra}: its use runs at its lower bounds")
    shutil.rmtree(folder / "env")
    if failed:
        sys.exit("\n".join(failed))


def bounds(wheel: Path, folder: Path) -> None:
    """The fast tests, with what users install at its lower bound and what the tests need at its newest."""
    users = [extra for extra in USES if extra]
    asked = folder / "asked.txt"
    asked.write_text("\n".join([*requirements(*users, "dev"), TORCH]) + "\n", encoding="utf-8")
    compiling = [*UV, "pip", "compile", "--resolution", LOWEST, "--no-annotate", "--no-header"]
    pinned = call([*compiling, "--python", sys.executable, str(asked)], folder)
    named = {canonicalize_name(Requirement(text).name) for text in requirements(*users)}
    lowest = [line for line in pinned.splitlines() if canonicalize_name(Requirement(line).name) in named]
    say(", ".join(lowest))
    (folder / "lowest.txt").write_text("\n".join(lowest), encoding="utf-8")
    call([*UV, "venv", "--python", sys.executable, "env"], folder)
    python = str(folder / "env" / "bin" / "python")
    wanted = f"langsmith-finetune[{','.join(users)},dev] @ {wheel.as_uri()}"
    call([*UV, "pip", "install", "--python", python, "--constraints", "lowest.txt", wanted, TORCH], folder)
    tests = [python, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", "-n", "auto"]
    say(call(tests, ROOT).splitlines()[-1])
    shutil.rmtree(folder / "env")


def main(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        folder = Path(name)
        built = build(folder)
        check_build(built)
        keep(built)
        for step in (installs, extras, bounds):
            if not steps or step.__name__ in steps:
                step(built.wheel_of_sdist, folder)


if __name__ == "__main__":
    main(sys.argv[1:])
