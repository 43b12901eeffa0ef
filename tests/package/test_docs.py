"""The documentation: every code block runs, and the whole builds without a warning."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from langsmith_finetune.command.main import command_line
from tests.support.paths import DATA, ROOT
from tests.support.standins.langsmith import LangSmith, trace
from tests.support.standins.openai import OpenAIStandIn

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
HARDWARE = ROOT / "docs" / "hardware.md"
WITH_CODE = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]


def blocks(page: Path) -> str:
    return "\n".join(
        re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    )


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    # Local training for real, on a small model that lies where the hub's name says.
    from langsmith_finetune.providers.local import tiny_model

    runs = [
        run
        for number in range(12)
        for run in trace(
            run_id=f"01a20272-c025-4739-87fb-a057d0d2{number:04}",
            started=datetime(2026, 11, 1, 12, number, tzinfo=UTC),
            extra={"metadata": {"langgraph_node": ["planner", "writer"][number % 2]}},
        )
    ]
    chats = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}]
    projects = {"support-bot": ("22222222-2222-4222-8222-222222222222", datetime(2026, 10, 1, tzinfo=UTC))}
    with (
        LangSmith(runs, projects=projects, datasets={"support-chats": chats}) as langsmith,
        OpenAIStandIn() as host,
    ):
        host.script("succeeded")  # at the first look: a page need not wait
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", langsmith.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_stand_in")
        monkeypatch.setenv("OPENAI_BASE_URL", host.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-stand-in")
        tiny_model("Qwen/Qwen3-0.6B", chats, context=200)  # short answers
        exec(compile(blocks(page), str(page), "exec"), {"__name__": "__main__"})


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
        for command in re.findall(
            r"^langsmith-finetune (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE
        ):
            assert parser.parse_args(shlex.split(command)).run


@pytest.mark.slow
@pytest.mark.parametrize("offers", [{"v1": False}, {"v2": False}], ids=["v2", "v1"])
def test_the_dataset_page_works_on_feedback_of_roots_alone(offers, tmp_path, monkeypatch):
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
        exec(compile(blocks(ROOT / "docs" / "dataset.md"), "dataset.md", "exec"), {"__name__": "__main__"})
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


@pytest.mark.slow
def test_the_documentation_builds_without_a_warning(tmp_path):
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "--fail-on-warning",
        "--keep-going",
        "-q",
        "docs",
        str(tmp_path),
    ]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "LangSmithRunChatLoader" in (tmp_path / "reference.html").read_text(encoding="utf-8")
