"""Nothing of ours calls, or tells others to call, what LangSmith's SDK says will go away."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import langsmith

from tests.support.paths import NOTEBOOKS, ROOT

SDK = Path(langsmith.__file__).parent
OURS = [
    ROOT / "README.md",
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "langsmith_finetune").rglob("*.py"),
    *(ROOT / "benchmarks").rglob("*.py"),
    *(ROOT / "tests" / "scripts").glob("*.*"),
    *NOTEBOOKS.glob("*.py"),
    *NOTEBOOKS.glob("*.ipynb"),
]


def deprecated_in(path: Path) -> set[str]:
    """The functions of a file that the SDK marks as deprecated."""
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(
            re.search(r"\bdeprecated\(|\b_deprecated\(", ast.unparse(mark)) for mark in node.decorator_list
        )
    }


def deprecated_calls() -> set[str]:
    """What they are called by: `list_runs` of a client, `sessions.create` of a client's resource."""
    found = deprecated_in(SDK / "client.py") | deprecated_in(SDK / "async_client.py")
    resources = SDK / "resources"
    for path in resources.rglob("*.py"):
        parts = path.relative_to(resources).with_suffix("").parts
        resource = ".".join(dict.fromkeys(parts))  # annotation_queues/annotation_queues.py is one
        found |= {f"{resource}.{name}" for name in deprecated_in(path)}
    return found


CALLS = deprecated_calls()
CALL = re.compile(rf"\.({'|'.join(sorted(map(re.escape, CALLS)))})\b")


def test_the_sdk_says_what_is_deprecated():
    assert {
        "list_runs",
        "read_run",
        "list_threads",
        "annotation_queues.runs.list",
        "sessions.create",
    } <= CALLS
    assert CALL.search("client.list_runs(id=ids)")
    assert CALL.search("self._client.annotation_queues.runs.list(queue_id)")
    assert not CALL.search("client.annotation_queues.items.list(queue_id)")


def test_no_deprecated_call_of_the_sdk_is_made_or_advised():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line}"
        for path in OURS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if CALL.search(line)
        and "gone after 2027-01-31" not in line  # as the way of before, for those who leave it
    ]
    assert found == []
