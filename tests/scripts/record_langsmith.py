"""Record the cassettes of select_runs: `python -m tests.scripts.record_langsmith`, which `make record` runs.

From the stand-in, unless LANGSMITH_API_KEY and LANGSMITH_RECORD_PROJECT say which live project to read. Its
runs go into the cassette whole, so it must hold nothing but made-up data.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

import langsmith

from langsmith_finetune.runs.select import select_runs
from tests.support.paths import CASSETTES, DATA
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith
from tests.support.tape import about, recorded

LIVE = "https://api.smith.langchain.com"
OFFERS: dict[str, dict[str, Any]] = {
    "langsmith_v2_selection": {},
    "langsmith_v1_selection": {"v2": False, "version": "0.13.37"},
}


def posted_runs() -> list[dict[str, Any]]:
    """Real payloads, as the SDK posted them, in the stand-in's project."""
    runs = []
    for name in ("langchain_openai", "wrap_openai_chat"):
        cases = json.loads((DATA / f"run_shapes/{name}.json").read_text(encoding="utf-8"))["cases"]
        runs += [captured["run"] for case in cases for captured in case["runs"]]
    common = {"parent_run_id": None, "error": None}
    return [common | run | {"session_id": PROJECT_ID} for run in runs]


def select(url: str, key: str, project: str) -> list[Any]:
    """The recorded selection."""
    with langsmith.Langsmith(api_key=key, base_url=url) as client:
        end = datetime(2026, 12, 1, tzinfo=UTC)
        return list(select_runs(client, project_name=project, end_time=end))


def record(name: str) -> None:
    """Record one cassette."""
    path = CASSETTES / f"{name}.yaml"
    key, project = os.environ.get("LANGSMITH_API_KEY"), os.environ.get("LANGSMITH_RECORD_PROJECT")
    if key and project and name == "langsmith_v2_selection":
        with recorded(path, about(LIVE, ["langsmith"], project=project), {key: KEY}) as written:
            written["outcome"] = {"runs": len(select(LIVE, key, project))}
        return
    header = about("stand-in", ["langsmith"], project="support-bot")
    with (
        LangSmith(posted_runs(), **OFFERS[name]) as server,
        recorded(path, header, {server.url: LIVE}) as written,
    ):
        written["outcome"] = {"runs": len(select(server.url, KEY, "support-bot"))}


if __name__ == "__main__":
    for cassette_name in OFFERS:
        record(cassette_name)
