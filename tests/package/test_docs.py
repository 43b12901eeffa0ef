"""The documentation: every code block runs, and the whole builds without a warning."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from langsmith_finetune import FineTuneJob
from langsmith_finetune.command.main import command_line
from langsmith_finetune.providers.openai import OpenAIProvider
from tests.support import bulk_export
from tests.support.paths import DATA, ROOT
from tests.support.standins.langsmith import LangSmith, trace
from tests.support.standins.openai import OpenAIStandIn
from tests.support.training_here import trained_here

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCS = PAGES[1:]
TUNED = "ft:gpt-4.1-mini-2025-04-14:acme::1"
HARDWARE = ROOT / "docs" / "hardware.md"
WITH_CODE = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]


NOT_PRINTED = {
    "again.md": "a warning, of a project with 80 runs",
    "read_a_dialect.md": "a drawing",
    "write_a_provider.md": "what pytest says, which a test of its own holds",
}
"""Pages whose block of text is no output of their code."""
OF_ANOTHER_PROJECT = ("fold_traces: 1,204 in", "3 of 3 prompts answered")
"""Outputs that need more than a test has: a large project, a server."""


OF_ANOTHER_MODEL = {"serving.md", "wire_exact.md"}
"""Pages whose numbers are those of a model that no test has."""


def shows(page: Path, printed: str) -> None:
    """See that code prints what its page shows; `...` stands for more, and /home/me for any folder."""
    printed = " ".join(printed.split())
    for start, said in re.findall(r"^ *(print\(.*|\)|)? *# (.*)$", blocks(page), re.MULTILINE):
        of_print = r"[\[({\d].*|Counter\(.*|[\w]+[-.][\w.-]+|.* \.\.\."
        if re.fullmatch(of_print if start else r"[\[({].*|\d+: .*", said):  # a value, and no remark
            assert said.removesuffix("...") in printed, (said, printed)
    for shown in re.findall(
        r"^```text\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    ):
        if page.name not in NOT_PRINTED and not shown.startswith(OF_ANOTHER_PROJECT):
            form = re.escape(" ".join(shown.split())).replace(r"\.\.\.", ".*").replace("/home/me", r"\S*")
            if page.name in OF_ANOTHER_MODEL:
                form = re.sub(r"\d+", r"\\d+", form)
            assert re.search(form, printed), (shown, printed)


def blocks(page: Path) -> str:
    return "\n".join(
        re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, request, tmp_path, monkeypatch, capsys):
    if page.name == "jobs.md":  # which bounds the price of a job at OpenAI
        request.getfixturevalue("in_2026")
    # Local training for real, on a small model that lies where the hub's name says.
    from langsmith_finetune.providers.local import tiny_model

    runs = [
        run
        for number in range(12)
        for run in trace(
            run_id=f"01a20272-c025-4739-87fb-a057d0d2{number:04}",
            started=datetime(2026, 11, 1, 12, number, tzinfo=UTC),
            extra={"metadata": {"langgraph_node": ["planner", "writer"][number % 2], "ls_model_name": TUNED}},
        )
    ]
    chats = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}]
    projects = {"support-bot": ("22222222-2222-4222-8222-222222222222", datetime(2026, 10, 1, tzinfo=UTC))}
    with (
        LangSmith(runs, projects=projects, datasets={"support-chats": chats}) as langsmith,
        OpenAIStandIn() as host,
        trained_here(),
    ):
        host.script("succeeded")  # at the first look: a page need not wait
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_stand_in")
        monkeypatch.setenv("OPENAI_BASE_URL", host.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-stand-in")
        tiny_model("Qwen/Qwen3-0.6B", chats, context=200)  # short answers
        bulk_export.write(tmp_path / "exports" / "0.parquet", (r for r in runs if r["run_type"] == "llm"))
        exec(compile(blocks(page), str(page), "exec"), {"__name__": "__main__"})
        shows(page, capsys.readouterr().out)


@pytest.mark.slow
def test_the_code_of_the_page_on_providers_is_a_test_file_that_passes(tmp_path):
    page = ROOT / "docs" / "write_a_provider.md"
    (tmp_path / "test_spool.py").write_text(blocks(page), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "test_spool.py",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    (told,) = re.findall(r"^```text\n(\d+ passed)\n```", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert (ran.returncode, ran.stdout.splitlines()[-1].partition(" in ")[0]) == (0, told)


def test_table_of_models_is_what_the_trainer_does():
    outcomes = json.loads((DATA / "template_outcomes.json").read_text(encoding="utf-8"))
    columns = (("plain", "turns"), ("one call", "agent"), ("two calls", "parallel"), ("reasoning",))
    rows = re.findall(r"^\| [^|]+ \| `(\w+)` \| (.*) \|$", HARDWARE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == 16
    for template, cells in rows:
        done = [all("messages[" not in outcomes[template][case] for case in cases) for cases in columns]
        assert cells.split(" | ") == ["yes" if each else "no" for each in done], template


def test_skill_for_coding_agents_begins_as_agents_read_it():
    text = (ROOT / "docs" / "coding_agents.md").read_text(encoding="utf-8")
    head = text.split("---\n")[1]
    assert head.startswith("name: langsmith-finetune\ndescription: >\n")
    assert "title:" not in head


def test_readme_names_the_addresses_of_the_package_and_no_other_clone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(address in readme for address in project["urls"].values())
    assert project["urls"] or "git clone http" not in readme


def test_commands_of_the_pages_are_read_by_the_command_line():
    parser = command_line()
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for command in re.findall(r"^langsmith-finetune (.*)$", text, re.MULTILINE):
            assert parser.parse_args(shlex.split(command)).run


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_no_line_of_code_is_wider_than_a_phone_shows(page):
    fenced = re.findall(r"^```\w*\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    wide = [line for block in fenced for line in block.splitlines() if len(line) > 80]
    assert wide == []


def test_navigation_has_four_captions_and_every_page_once():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^:caption: (.*)$", index, re.MULTILINE) == ["Start", "Guides", "Reference", "Why"]
    trees = re.findall(r"^```\{toctree\}\n(?::[^\n]*\n)*\n(.*?)^```", index, re.DOTALL | re.MULTILINE)
    listed = [page for tree in trees for page in tree.split()]
    assert sorted(listed) == sorted(
        page.stem for page in (ROOT / "docs").glob("*.md") if page.stem != "index"
    )


def test_dates_of_the_page_on_leaving_openai_are_those_that_create_acts_on():
    page = (ROOT / "docs" / "leaving_openai.md").read_text(encoding="utf-8")
    table = ROOT / "langsmith_finetune" / "providers" / "lifecycle.toml"
    ends = tomllib.loads(table.read_text(encoding="utf-8"))["end"]
    at_openai = {end["date"] for end in ends if end["provider"] == "openai"}
    at_azure = {
        end["date"]
        for end in ends
        if end["provider"] == "azure" and end["what"] == "jobs" and end["models"][0].startswith("gpt-4")
    }
    assert (len(at_openai), len(at_azure)) == (3, 2)
    told = {date.fromisoformat(found) for found in re.findall(r"\d{4}-\d{2}-\d{2}", page)}
    assert at_openai | at_azure <= told


def test_the_page_on_leaving_openai_fetches_what_was_trained_on(tmp_path, monkeypatch):
    page = (ROOT / "docs" / "leaving_openai.md").read_text(encoding="utf-8")
    fetching = page.split("```python\n")[1].split("```")[0]
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    line = json.dumps({"messages": turns}) + "\n"
    train = tmp_path / "train.jsonl"
    train.write_text(line * 10, encoding="utf-8")
    with OpenAIStandIn() as host:
        host.script("succeeded")
        provider = OpenAIProvider(api_key="sk-stand-in", base_url=host.base_url)
        FineTuneJob.create(train, model="gpt-4.1-mini-2025-04-14", provider=provider).wait(progress=False)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("OPENAI_BASE_URL", host.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-stand-in")
        exec(compile(fetching, "leaving_openai.md", "exec"), {})
    [fetched] = [path for path in tmp_path.glob("*.jsonl") if path != train and "ledger" not in path.name]
    assert fetched.read_bytes() == train.read_bytes()


def test_a_page_of_the_reference_is_there_for_each_door():
    tree = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    pages = {page.stem for page in (ROOT / "docs" / "reference").glob("*.md")}
    assert set(re.findall(r"^reference/(\w+)$", tree, re.MULTILINE)) == pages
    rooms = {path.parent.name for path in (ROOT / "langsmith_finetune").glob("*/__init__.py")}
    doors = {room for room in rooms if getattr(import_module(f"langsmith_finetune.{room}"), "__all__", ())}
    assert doors <= pages


def test_citation_and_package_say_the_same():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    told = (cited["title"], cited["version"], cited["license"])
    assert told == (project["name"], project["version"], project["license"])


@pytest.mark.slow
@pytest.mark.parametrize("offers", [{"v1": False}, {"v2": False}], ids=["v2", "v1"])
def test_the_pages_on_data_work_on_feedback_of_roots_alone(offers, tmp_path, monkeypatch):
    thumb = {"key": "user_score"}
    said = {
        "0": [{**thumb, "score": 0}],
        "1": [{**thumb, "score": 1}],
        "2": [{"key": "fix", "correction": "Forty-two"}],
    }
    runs = [
        run
        for number in range(12)
        for run in trace(
            run_id=f"01a20272-c025-4739-87fb-a057d0d2{number:04}",
            started=datetime(2026, 11, 1, 12, number, tzinfo=UTC),
            root={"feedback": said.get(str(number), [])},
            outputs={"choices": [{"message": {"role": "assistant", "content": f"Answer {number}"}}]},
        )
    ]
    projects = {"support-bot": ("22222222-2222-4222-8222-222222222222", datetime(2026, 10, 1, tzinfo=UTC))}
    with LangSmith(runs, projects=projects, **offers) as langsmith:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_stand_in")
        for name in ("dataset.md", "preferences.md"):
            exec(compile(blocks(ROOT / "docs" / name), name, "exec"), {"__name__": "__main__"})
    pairs = [json.loads(line) for line in (tmp_path / "preferences.jsonl").read_text().splitlines()]
    assert [
        (pair["preferred_output"][0]["content"], pair["non_preferred_output"][0]["content"]) for pair in pairs
    ] == [
        ("Forty-two", "Answer 2"),
        ("Answer 1", "Answer 0"),
    ]
    labels = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert [(label["completion"][0]["content"], label["label"]) for label in labels] == [
        ("Answer 1", True),
        ("Answer 0", False),
    ]
    rows = (tmp_path / "train.ledger.jsonl").read_text() + (tmp_path / "validation.ledger.jsonl").read_text()
    assert rows.count('"trace_scores":{"user_score":') == 2
