"""The package as a whole: what it exports, what it loads, what it documents."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import langsmith_finetune

HEAVY = {
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "pandas",
    "pyarrow",
    "numpy",
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


def test_all_names_everything_public_once():
    public = {
        name
        for name, value in vars(langsmith_finetune).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert len(set(langsmith_finetune.__all__)) == len(langsmith_finetune.__all__)
    assert set(langsmith_finetune.__all__) == public


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


@pytest.mark.parametrize("name", langsmith_finetune.__all__)
def test_every_public_name_and_method_is_documented(name):
    thing = getattr(langsmith_finetune, name)
    assert inspect.getdoc(thing)
    if inspect.isclass(thing):
        for method, value in vars(thing).items():
            if callable(value) and not method.startswith("_"):
                assert inspect.getdoc(value), f"{name}.{method}"


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
