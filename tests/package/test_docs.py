"""The documentation: every code block runs, and the whole builds without a warning."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.standins.langsmith import LangSmith, trace
from tests.support.standins.openai import OpenAIStandIn

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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
