"""What the pages name is there: functions and their arguments, commands and flags, extras, files, variables."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit

import pytest

from langsmith_finetune.command import exits
from langsmith_finetune.command.main import COMMANDS, command_line, main
from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
GUIDES = [page for page in PAGES if page.parent.name == "docs"]
FENCE = re.compile(r"^(`{3,})([^\n]*)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
OF_OTHERS = {
    *(
        "--full",
        "--quantize",
        "--tool-call-parser",
        "--served-model-name",
        "--no-deps",
    ),  # flags of other programs
    *("--reasoning-parser", "--chat-template", "--fail-on-warning"),
}
"""Flags that the pages name and that are of other programs."""
VARIABLES_OF_OTHERS = {
    "AWS_ENDPOINT_URL",
    "RECORD_MODEL_AZURE",
    "LANGSMITH_RECORD_PROJECT",
    "WALKTHROUGH_MODEL",
    "TEMPLATE",
}


@cache
def fences(page):
    """The blocks of a page: their language, and what they hold."""
    return [(found[2], found[3]) for found in FENCE.finditer(page.read_text(encoding="utf-8"))]


@cache
def inline(page):
    """The code in a page's sentences and tables, without line breaks."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(found.split()).replace("\\|", "|") for found in INLINE.findall(text)]


@cache
def public():
    """Every public name, with what it stands for."""
    names = {}
    doors = [
        ROOT / "langsmith_finetune" / "__init__.py",
        *(ROOT / "langsmith_finetune").rglob("*/__init__.py"),
    ]
    for door in doors:
        path = ".".join(door.parent.relative_to(ROOT).parts)
        module = import_module(path)
        names |= {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    for path in (
        "jsonl",
        "sessions",
        "chat_format",
        "errors",
        *(f"providers.{each}" for each in ("crusoe", "nebius")),
    ):
        module = import_module(f"langsmith_finetune.{path}")
        names |= {
            name: thing
            for name, thing in vars(module).items()
            if not name.startswith("_") and getattr(thing, "__module__", None) == module.__name__
        }
    return names


def arguments_of(thing):
    """The names that may be given to it; None where any may."""
    try:
        parameters = inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return None
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return None
    return set(parameters)


@cache
def all_arguments():
    """The names of all arguments, fields and settings of what is public."""
    found = set()
    for thing in public().values():
        members = [thing, *(vars(thing).values() if inspect.isclass(thing) else ())]
        for member in members:
            member = getattr(member, "__func__", member)  # noqa: PLW2901 - of a class method
            if callable(member):
                found |= arguments_of(member) or set()
                with_extra = getattr(member, "__wrapped__", member)
                if inspect.isfunction(with_extra):
                    found |= set(inspect.signature(with_extra).parameters)
        found |= set(getattr(thing, "__annotations__", {}))
    return found


def parsers(parser):
    """A parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


FLAGS = {
    flag for parser in parsers(command_line()) for action in parser._actions for flag in action.option_strings
}
SUBCOMMANDS = {command.__name__.rpartition(".")[2] for command in COMMANDS}
TARGETS = set(re.findall(r"^([\w.-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
EXTRAS = set(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
)


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_every_block_says_what_it_is(page):
    assert "" not in {language for language, _ in fences(page)}


def test_code_of_a_page_uses_no_name_that_the_page_does_not_make(tmp_path):
    for page in PAGES:
        code = "\n".join(block for language, block in fences(page) if language in {"python", "py"})
        (tmp_path / f"{page.stem}.py").write_text(code, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select=F821,E9", "."]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def commands_of(page):
    """The lines that a page would have somebody type, wherever they stand."""
    for language, block in fences(page):
        if language in {"sh", ""}:
            yield from block.replace("\\\n", " ").splitlines()
    yield from inline(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_would_have_typed_is_there(page):
    for command in commands_of(page):
        if found := re.fullmatch(r"(?:\w+=\S+ )*make ([\w-]+)(?: \w+=.*)?", command):
            assert found[1] in TARGETS, command
        for extra in re.findall(r"(?:langsmith-finetune|\.)\[([\w,]+)\]", command):
            assert set(extra.split(",")) <= EXTRAS, command
        for module in re.findall(r"python -m (tests\.[\w.]+)", command):
            assert (ROOT / Path(*module.split("."))).with_suffix(".py").exists(), command
        for script in re.findall(
            r"\b((?:tests|benchmarks|docs|notebooks|langsmith_finetune)/[\w/.-]+)", command
        ):
            stands_for_many = any(part.isupper() for part in Path(script).parts)  # COMMIT
            made_of = script.rstrip(".").replace("notebooks/runs/", "notebooks/")
            assert stands_for_many or (ROOT / made_of).exists(), command
        words = command.removeprefix("langsmith-finetune ").split()
        if re.search(r"\.\.\.|COMMAND", command) or len(words) < 2 or words[-1].startswith("--"):
            continue
        if command.startswith("langsmith-finetune ") or (words[0] in SUBCOMMANDS and "(" not in command):
            assert command_line().parse_args(shlex.split(" ".join(words))).run, command
        for flag in re.findall(r"(?:^|\s)(--[a-z][\w-]*)", command if command.startswith("-") else ""):
            assert flag in FLAGS | OF_OTHERS, command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_sentence_imports_is_offered(page):
    for code in inline(page):
        if re.match(r"from langsmith_finetune[\w.]* import ", code):
            exec(compile(code, page.name, "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_calls_in_sentences_have_arguments_that_there_are(page):
    for code in inline(page):
        if re.fullmatch(r"\w+=", code):
            assert code[:-1] in all_arguments(), code
            continue
        try:
            call = ast.parse(re.sub(r"=(?=[,)])", "=...", code), mode="eval").body
        except SyntaxError:
            continue
        if not isinstance(call, ast.Call):
            continue
        *before, name = ast.unparse(call.func).split(".")
        thing = public().get(name)
        if before and before[-1] in public():
            thing = getattr(public()[before[-1]], name)  # which there must be
        elif before:
            continue
        taken = None if thing is None else arguments_of(thing)
        if taken is not None:
            given = {keyword.arg for keyword in call.keywords} - {None}
            assert given <= taken, code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_members_in_sentences_are_there(page):
    for code in inline(page):
        found = re.fullmatch(r"([A-Z]\w+)\.(\w+)(?:\(.*\))?", code)
        if found and (thing := public().get(found[1])) is not None:
            fields = (
                {field.name for field in dataclasses.fields(thing)} if dataclasses.is_dataclass(thing) else ()
            )
            assert hasattr(thing, found[2]) or found[2] in fields, code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_variables_that_a_page_names_are_read(page):
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "langsmith_finetune").rglob("*.py")
    )
    source += "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "reliability").glob("*.py")
    )
    for code in inline(page):
        if re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", code) and code not in public():
            assert code in source or code in VARIABLES_OF_OTHERS or code in os.environ, code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_are_well_formed_and_lead_to_files_that_are_there(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            parts = urlsplit(link)
            assert (parts.scheme, bool(parts.netloc)) == ("https", True), link
        elif not link.startswith("#"):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_errors_that_the_page_for_agents_quotes_are_raised():
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "langsmith_finetune").rglob("*.py")
    )
    page = (ROOT / "docs" / "coding_agents.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| You see \|.*?\n\n", page + "\n\n", re.DOTALL | re.MULTILINE)
    for row in table.splitlines()[2:-1]:
        for piece in re.split(r"\.\.\.|train\.jsonl:17|\[local\]", re.findall(r"`([^`]+)`", row)[0]):
            said = piece.strip(" :()\"'")
            assert said in source, said


def test_exit_codes_of_the_page_are_those_of_the_command_line():
    page = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    assert told == {value for name, value in vars(exits).items() if name.isupper()}


def test_the_first_result_of_the_quick_start_comes_as_it_is_typed(tmp_path, monkeypatch, capsys):
    (block,) = [
        block
        for language, block in fences(ROOT / "docs" / "tutorial.md")
        if language == "sh" and "langsmith-finetune" in block
    ]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notebooks").symlink_to(ROOT / "notebooks")
    for key in [name for name in os.environ if name.endswith(("_KEY", "_TOKEN"))]:
        monkeypatch.delenv(key)
    for command in block.replace("\\\n", " ").splitlines():
        assert main(shlex.split(command)[1:]) == 0, command
    said = capsys.readouterr().out
    for words in ("140 runs", "train.jsonl for together: ", "nothing was sent", "price: about $"):
        assert words in said


def values_in_the_code():
    """Numbers that a page says, and the same from the code: the page, its words, the value in the page's unit."""
    from langsmith_finetune import evaluate, testing
    from langsmith_finetune._foundation import json_line, json_text, retry
    from langsmith_finetune.command.options.provider import PROVIDERS
    from langsmith_finetune.cost import prices
    from langsmith_finetune.providers import Status
    from langsmith_finetune.providers.http import transport
    from langsmith_finetune.providers.local import batching, checkpoints
    from langsmith_finetune.runs.files import read
    from langsmith_finetune.runs.langsmith import progress
    from langsmith_finetune.targets import TARGETS, checker

    defaults = {name: each.default for name, each in inspect.signature(evaluate).parameters.items()}
    return [
        ("files", "A line of more than {} MB", read.LONGEST_LINE >> 20),
        ("jobs", "silent for {} hours", retry._LONGEST_SILENCE_SECONDS / 3600),
        ("jobs", "{} minutes after it was asked for", retry.SETTLED_SECONDS / 60),
        ("reliability", "waited for, for {} minutes after it was asked for", retry.SETTLED_SECONDS / 60),
        ("reliability", "refused after {} MiB", transport.LONGEST_ANSWER_BYTES >> 20),
        ("reliability", "MiB, {} minutes", transport.LONGEST_ANSWER_SECONDS / 60),
        ("checking", "the first {} are kept", checker.KEPT),
        ("checking", "more than {} levels of nesting", json_line.DEEPEST),
        ("checking", "nested deeper than {} levels have no row", json_text.DEEPEST),
        ("counting", "read more than {} year ago", prices._OLDEST_DAYS / 365),
        ("evaluation", "up to `batch_size={}` prompts", defaults["batch_size"]),
        ("evaluation", "asked `max_concurrency={}` questions", defaults["max_concurrency"]),
        ("local", "put up to {} prompts through", batching._TOGETHER),
        ("local", "written every {} minutes", checkpoints._SECONDS / 60),
        ("selecting", "stays within {} MB", progress.PAGE_BYTES / 1e6),
        ("comparison", "at one of {} hosts", len(PROVIDERS) - 1),
        ("comparison", "converted for {} targets", len(TARGETS)),
        ("write_a_provider", "one of the {} words of `Status`", len(get_args(Status))),
        ("testing", "{} names of `langsmith_finetune.testing`", len(testing.__all__)),
    ]


WORDS = dict(
    enumerate(
        [
            "no",
            "a",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
)


def test_numbers_that_the_code_decides_are_those_of_the_code():
    for name, words, value in values_in_the_code():
        page = " ".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8").split())
        told = re.findall(re.escape(words).replace(r"\{\}", r"([\w,]+)"), page)
        assert told, (name, words)
        for number in told:
            assert number.lower() in {f"{value:,.0f}", WORDS.get(value)}, (name, words, number, value)
