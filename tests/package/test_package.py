"""The package as a whole: what it exports, what it loads, what it documents."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from types import FunctionType

import pytest

import langsmith_finetune
from tests.scripts.extras import USES, code_of
from tests.support.paths import ROOT, TESTS

PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "notebooks").glob("*.ipynb")),
]
ERRORS = {name for name in langsmith_finetune.__all__ if name.endswith("Error")}

HEAVY = {
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "pandas",
    "pyarrow",
    "numpy",
    "scipy",
    "ray",
    "fsspec",
    "rensa",
    "tiktoken",
    "matplotlib",
    "openai",
    "langchain_openai",
}


MODULES = sorted(
    found.name for found in pkgutil.walk_packages(langsmith_finetune.__path__, "langsmith_finetune.")
)


ROOT_NAMES = {
    *("select_runs", "run_files", "save_runs"),
    *("LangSmithRunChatLoader", "LangSmithDatasetChatLoader"),
    *("training_examples", "examples_from_runs", "convert_messages_for_finetuning"),
    *("TrainingExample", "PreferenceExample", "LabelExample", "write_jsonl", "read_jsonl", "check"),
    *("FineTuneJob", "FineTunedModel", "Provider", "evaluate", "aevaluate"),
    *("FineTuneError", "InvalidExampleError", "JobFailedError", "JobTimeoutError", "NotSupportedError"),
    *("ProviderError", "RunNotUsableError"),
    *("finetune", "afinetune"),
}
ROOMS = (
    "cost",
    "dataset",
    "evaluation",
    "jobs",
    "ledger",
    "pipeline",
    "providers",
    "runs",
    "serving",
    "targets",
    "testing",
)
# Modules that are imported by their own path: each provider, and files that are no rooms.
OWN_PATH = {"chat_format", "jsonl", "sessions"}
DOORS = {"langsmith_finetune", *(f"langsmith_finetune.{room}" for room in ROOMS)}
LAZY_DOORS = sorted(DOORS - {"langsmith_finetune.testing"})


def test_root_has_the_names_of_the_path_and_nothing_else():
    assert set(langsmith_finetune.__all__) == ROOT_NAMES
    rooms = {name for name in dir(langsmith_finetune) if inspect.ismodule(getattr(langsmith_finetune, name))}
    assert set(dir(langsmith_finetune)) - rooms == ROOT_NAMES
    assert rooms == {*ROOMS, *OWN_PATH, "errors"}


@pytest.mark.parametrize("name", LAZY_DOORS)
def test_door_says_the_same_to_type_checkers_and_to_python(name):
    module = importlib.import_module(name)
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    homes = {
        (imported.module, alias.name)
        for imported in checked.body
        for alias in imported.names
        if imported.module
    }
    (looked_up,) = [node.value for node in checked.orelse if isinstance(node, ast.Assign)]
    mapped = ast.literal_eval(looked_up.args[1])
    assert homes == {(home, each) for home, names in mapped.items() for each in names}
    assert sorted(module.__all__) == sorted(each for _, each in homes)
    for each in module.__all__:
        assert getattr(module, each) is not None


@pytest.mark.parametrize("name", sorted(DOORS))
def test_no_name_of_a_door_is_that_of_a_module_behind_it(name):
    module = importlib.import_module(name)
    behind = {found.name for found in pkgutil.iter_modules(module.__path__)}
    assert behind.isdisjoint(module.__all__)


def test_a_name_has_one_home():
    homes: dict[str, object] = {}
    for door in sorted(DOORS):
        module = importlib.import_module(door)
        for name in module.__all__:
            thing = getattr(module, name)
            assert homes.setdefault(name, thing) is thing, name


def test_an_unknown_name_is_refused_by_the_door():
    with pytest.raises(AttributeError) as caught:
        langsmith_finetune.nothing  # noqa: B018
    assert str(caught.value) == "module 'langsmith_finetune' has no attribute 'nothing'"


IMPORT = re.compile(
    r"^[> ]*(?:from (langsmith_finetune[\w.]*) import|import (langsmith_finetune[\w.]*))", re.MULTILINE
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_imports_from_doors_alone(page):
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    allowed = DOORS | {f"langsmith_finetune.{name}" for name in OWN_PATH}
    for given in IMPORT.findall(text):
        (path,) = filter(None, given)
        is_provider = re.fullmatch(r"langsmith_finetune\.providers\.[a-z]+", path)
        assert is_provider or path in allowed, path


def test_every_name_of_a_door_is_in_the_reference():
    pages = sorted((ROOT / "docs" / "reference").glob("*.md"))
    reference = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    root = importlib.import_module("langsmith_finetune")
    for door in sorted(DOORS):
        for name in importlib.import_module(door).__all__:
            if door == root.__name__ or name not in root.__all__:
                assert f":: {door}.{name}\n" in reference or name in ERRORS, f"{door}.{name}"


def test_importing_the_loader_loads_no_client():
    code = "import sys, langsmith_finetune.loaders; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"httpx2", "openai", "langsmith_client"}.isdisjoint(loaded.stdout.split())


def test_importing_the_root_loads_no_other_module_of_ours():
    code = "import sys, langsmith_finetune; print(*(name for name in sys.modules if 'finetune' in name))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) == {
        "langsmith_finetune", "langsmith_finetune._foundation", "langsmith_finetune._foundation.doors",
    }  # fmt: skip


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, langsmith_finetune; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(loaded.stdout.split())


def test_importing_the_package_starts_nothing():
    code = (
        "import threading, socket\n"
        "def refuse(*_): raise SystemExit('a socket was opened')\n"
        "socket.socket.connect = refuse\n"
        "import langsmith_finetune\n"
        "assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PUBLIC = sorted({(door, name) for door in DOORS for name in importlib.import_module(door).__all__})


@pytest.mark.parametrize(("door", "name"), PUBLIC)
def test_every_public_name_and_method_is_documented(door, name):
    thing = getattr(importlib.import_module(door), name)
    if not isinstance(thing, (type, FunctionType)):
        return  # a constant
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for method, value in vars(thing).items():
            if callable(value) and not method.startswith(("_", "test_")):
                assert inspect.getdoc(value), f"{name}.{method}"


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


LIKE_AN_IMPORT = re.compile(
    r"^\s*from tests[\w.]* import (?:\([^)]*|.*)|^\s*from tests[\w.]*\.test_", re.MULTILINE
)


def test_no_test_module_imports_another():
    for path in sorted(TESTS.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not any("test_" in found for found in LIKE_AN_IMPORT.findall(text)):
            continue  # reading them all as Python takes seconds
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tests"):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                assert not any(".test_" in name for name in names), f"{path}: {names}"


def test_tree_of_the_readme_names_what_there_is():
    tree = (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .split("```\nlangsmith_finetune/\n")[1]
        .split("```")[0]
    )
    named, folder = set(), ""
    for line in tree.splitlines():
        if not line.startswith("  "):
            break
        indent = len(line) - len(line.lstrip())
        for word in line.split("  ")[1 if indent == 2 else 2].split() if indent in (2, 4) else ():
            if indent == 2:
                folder = word
            path = f"langsmith_finetune/{word if indent == 2 else folder + word}"
            assert (ROOT / path).exists(), path
            if indent == 2:
                named.add(word.rstrip("/"))
    modules = {found.name for found in pkgutil.iter_modules(langsmith_finetune.__path__)}
    assert {name.removesuffix(".py") for name in named} == modules


def test_contributing_draws_the_ladder_that_lint_enforces():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = contracts["contracts"][0]["layers"]
    built = [[room for room in layer.replace("|", " ").split() if "(" not in room] for layer in layers]
    drawn = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("```\n")[1].splitlines()
    assert [line.split() for line in drawn] == [line for line in built if line]


def test_public_types_are_checked_with_the_library():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "tests/package/typing_api.py" in pyproject["tool"]["mypy"]["files"]


@pytest.mark.slow
@pytest.mark.parametrize("extra", USES)
def test_use_of_each_extra_runs_where_all_are_installed(extra, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    exec(compile(code_of(extra), extra, "exec"), {})
