"""Runs as they lie in files and exports, and a stand-in for object storage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

pa = pytest.importorskip("pyarrow")


pq = pytest.importorskip("pyarrow.parquet")


fs = pytest.importorskip("pyarrow.fs")


PROJECT = "5b1c2d3e-0000-4000-8000-000000000001"


OTHER = "5b1c2d3e-0000-4000-8000-000000000002"


NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


BIG = 2**70 + 1


TIMES = {"start_time": NOON.isoformat(), "end_time": NOON.isoformat()}


def a_run(number: int, **fields) -> dict:
    return {
        "id": str(UUID(int=number)),
        "trace_id": str(UUID(int=number)),
        "session_id": PROJECT,
        "name": "ChatOpenAI",
        "run_type": "llm",
        "status": "success",
        "start_time": (NOON + timedelta(minutes=number)).isoformat(),
        "end_time": (NOON + timedelta(minutes=number, seconds=1)).isoformat(),
        "inputs": {"messages": [{"role": "user", "content": f"Question {number}, 你好?"}]},
        "outputs": {"choices": [{"message": {"role": "assistant", "content": f"Answer {number}"}}]},
        "extra": {"metadata": {"ls_model_name": "gpt-4o-mini", "thread_id": f"t-{number}"}},
        "feedback_stats": {"user_score": {"n": 1, "avg": 1.0}},
        "tags": ["prod"],
        "prompt_tokens": 5,
        "completion_tokens": 3,
        "dotted_order": f"20261101T120000000000Z{UUID(int=number)}",
        **fields,
    }


@pytest.fixture(scope="module")
def s3():
    """A real S3 API on this machine's loopback."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    store = fs.S3FileSystem(
        access_key="testing",
        secret_key="testing",
        scheme="http",
        endpoint_override=f"{host}:{port}",
        region="us-east-1",
        allow_bucket_creation=True,
    )
    store.create_dir("exports")
    yield store, f"{host}:{port}"
    server.stop()


def put(store, local: Path, key: str) -> None:
    fs.copy_files(str(local), key, fs.LocalFileSystem(), store)
