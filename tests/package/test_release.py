"""What would be released: what is in it, what it says of itself, and its types as they are installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import replace

import pytest
import yaml

from tests.support import distribution
from tests.support.distribution import files_of_sdist, files_of_wheel, pythons_of_the_classifiers
from tests.support.paths import NOTEBOOKS, ROOT, TESTS
from tests.support.pythons import python_at_hand

PROGRAM = TESTS / "package" / "user_program.py"
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return distribution.build(tmp_path_factory.mktemp("built"))


def write_wheel(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.slow
def test_a_release_has_no_fault(built):
    assert distribution.faults(built) == []


INFO = "langsmith_finetune-1.0.0rc1.dist-info"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"tests/conftest.py": b""}, "the wheel holds tests/conftest.py"),
        ({"langsmith_finetune/py.typed": None}, "the wheel lacks langsmith_finetune/py.typed"),
        ({f"{INFO}/licenses/LICENSE": None}, f"the wheel lacks {INFO}/licenses/LICENSE"),
        ({"langsmith_finetune/jsonl.py": b"x = 1"}, "the wheel's RECORD has another hash of langsmith_finetune/jsonl.py"),
        ({"langsmith_finetune/more.py": b""}, "the wheel holds langsmith_finetune/more.py, and this folder does not"),
        ({"langsmith_finetune/weights": os.urandom(1_000_000)}, "bytes, and may have 999,999"),
    ],
    ids=["tests", "py.typed", "licence", "changed", "more", "size"],
)  # fmt: skip
def test_a_fault_of_a_wheel_is_found(built, tmp_path, change, fault):
    files = files_of_wheel(built.wheel) | change
    files = {name: data for name, data in files.items() if data is not None}
    wheel = write_wheel(tmp_path / built.wheel.name, files)
    found = distribution.faults(replace(built, wheel=wheel))
    assert [each for each in found if fault in each]


@pytest.mark.slow
def test_a_fault_of_an_sdist_is_found(built, tmp_path):
    files = files_of_sdist(built.sdist) | {"notebooks/runs/walkthrough.ipynb": b""}
    del files["LICENSE"]
    sdist = tmp_path / built.sdist.name
    with tarfile.open(sdist, "w:gz") as archive:
        for name in files:
            archive.addfile(tarfile.TarInfo(f"langsmith_finetune-1.0.0rc1/{name}"))
    found = distribution.faults(replace(built, sdist=sdist))
    assert found == ["the sdist holds notebooks/runs/walkthrough.ipynb", "the sdist lacks LICENSE"]


# --- the types -------------------------------------------------------------------------------------------

TYPED = """\
# pyright: strict
from typing import assert_type

from langsmith_finetune import check
from langsmith_finetune.targets import CheckReport

assert_type(check("train.jsonl", "openai"), CheckReport)
check("train.jsonl", target=1)  # the mistake of this program
"""


@pytest.fixture
def installed(built, tmp_path):
    """A program beside an environment that holds the wheel alone: its Python."""
    venv.create(tmp_path / "env", with_pip=False)
    (site,) = (tmp_path / "env").rglob("site-packages")
    with zipfile.ZipFile(built.wheel) as archive:
        archive.extractall(site)
    (tmp_path / "program.py").write_text(TYPED, encoding="utf-8")
    return tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"


def checked(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_knows_the_types_of_the_wheel_by_its_py_typed(installed, tmp_path):
    mypy = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache")]
    mypy += ["--python-executable", str(installed), "program.py"]
    said = checked(mypy, tmp_path)
    assert "program.py:8: error" in said
    assert "Found 1 error" in said
    (marker,) = (tmp_path / "env").rglob("py.typed")
    marker.unlink()
    assert "missing library stubs or py.typed marker" in checked(mypy, tmp_path)


@pytest.mark.slow
def test_pyright_knows_the_types_of_the_wheel(installed, tmp_path):
    pyright = [sys.executable, "-m", "pyright", "--pythonpath", str(installed), "program.py"]
    said = checked(pyright, tmp_path)
    if "program.py" not in said:
        pytest.skip(f"pyright cannot be had: {said.strip()[-200:]}")
    assert "program.py:8:" in said
    assert "1 error, 0 warnings" in said


# --- the program of a user -------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_program_of_a_user_runs(tmp_path):
    shutil.copy(PROGRAM, tmp_path)
    runs = NOTEBOOKS / "data" / "calculator_runs.jsonl"
    command = [sys.executable, "-P", "-W", "error", PROGRAM.name, str(runs)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "wrote 16 lines" in done.stdout


# --- how it is released ----------------------------------------------------------------------------------


def test_a_python_at_hand_runs_and_another_is_said_to_be_missing():
    here = "{}.{}".format(*sys.version_info)
    program = python_at_hand(here)
    assert program is None or checked([program, "--version"], ROOT).startswith(f"Python {here}.")
    assert python_at_hand("2.99") is None


def test_the_workflow_takes_each_action_by_its_commit_and_no_right_that_it_does_not_need():
    text = WORKFLOW.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    assert "secrets." not in text
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    reads = {"contents": "read"}
    assert rights == {"test": reads, "build": reads, "publish": {"id-token": "write"}}
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == pythons_of_the_classifiers()
    steps = workflow["jobs"]["publish"]["steps"]
    assert not any("run" in step for step in steps)  # nothing of ours runs where the right to publish is
