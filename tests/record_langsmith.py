"""Record the cassettes of select_runs: `python -m tests.record_langsmith`, which `make record` runs.

From the stand-in, unless LANGSMITH_API_KEY and LANGSMITH_RECORD_PROJECT say which live project to read. Its
runs go into the cassette whole, so it must hold nothing but made-up data. The first line of a cassette says
where it is from.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import langsmith
import vcr

from langsmith_finetune.runs.select import select_runs

from .standins.langsmith import KEY, PROJECT_ID, LangSmith
from .vcr_config import same_body, tidy_response

HERE = Path(__file__).parent
CASSETTES = HERE / "cassettes"
LIVE = "https://api.smith.langchain.com"
OFFERS: dict[str, dict[str, Any]] = {
    "langsmith_v2_selection": {},
    "langsmith_v1_selection": {"v2": False, "version": "0.13.37"},
}


def posted_runs() -> list[dict[str, Any]]:
    """Real payloads, as the SDK posted them, in the stand-in's project."""
    runs = []
    for name in ("langchain_openai", "wrap_openai_chat"):
        cases = json.loads((HERE / f"data/run_shapes/{name}.json").read_text(encoding="utf-8"))["cases"]
        runs += [captured["run"] for case in cases for captured in case["runs"]]
    common = {"parent_run_id": None, "error": None}
    return [common | run | {"session_id": PROJECT_ID} for run in runs]


@contextmanager
def cassette(name: str, mode: vcr.mode) -> Iterator[Any]:
    """Record or replay one cassette; the stand-in's address becomes LangSmith's own."""
    tape = vcr.VCR(
        match_on=["method", "scheme", "host", "port", "path", "query", "meaningful_body"],
        decode_compressed_response=True,
        before_record_request=_from_langsmith,
        before_record_response=tidy_response,
    )
    tape.register_matcher("meaningful_body", same_body)
    with tape.use_cassette(str(CASSETTES / f"{name}.yaml"), record_mode=mode) as recorded:
        yield recorded


def _from_langsmith(request: Any) -> Any:
    _, _, path, query, _ = urlsplit(request.uri)
    request.uri = urlunsplit((*urlsplit(LIVE)[:2], path, query, ""))
    # No key can stay in a cassette that has no headers.
    request.headers = {"content-type": "application/json"}
    return request


def select(url: str, key: str, project: str = "support-bot") -> list[Any]:
    """The recorded selection."""
    with langsmith.Langsmith(api_key=key, base_url=url) as client:
        end = datetime(2026, 12, 1, tzinfo=UTC)
        return list(select_runs(client, project_name=project, end_time=end))


def record(name: str) -> None:
    """Record one cassette."""
    path = CASSETTES / f"{name}.yaml"
    path.unlink(missing_ok=True)
    key, project = os.environ.get("LANGSMITH_API_KEY"), os.environ.get("LANGSMITH_RECORD_PROJECT")
    if key and project and name == "langsmith_v2_selection":
        source = "the live LangSmith"
        with cassette(name, vcr.mode.NEW_EPISODES):
            select(LIVE, key, project)
    else:
        source = "the stand-in in tests/standins/langsmith.py, not from the live LangSmith"
        with LangSmith(posted_runs(), **OFFERS[name]) as server, cassette(name, vcr.mode.NEW_EPISODES):
            select(server.url, KEY)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        f"# Recorded from {source}, by langsmith {langsmith.__version__}.\n{text}", encoding="utf-8"
    )


if __name__ == "__main__":
    for cassette_name in OFFERS:
        record(cassette_name)
