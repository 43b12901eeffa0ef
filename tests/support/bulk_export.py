"""Parquet files as LangSmith's bulk export writes them: https://docs.langchain.com/langsmith/data-export"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

FORMATS = ("v1", "v2_beta")

_TEXTS = "id tenant_id session_id trace_id parent_run_id reference_example_id name run_type status dotted_order trace_tier error"
_JSON = "inputs outputs extra events tags feedback_stats parent_run_ids"
_TIMES = "start_time end_time first_token_time"
_COUNTS = "total_tokens prompt_tokens completion_tokens"
_COSTS = "total_cost prompt_cost completion_cost"

ORDER = [
    "id",
    "tenant_id",
    "session_id",
    "trace_id",
    "parent_run_id",
    "parent_run_ids",
    "reference_example_id",
    "name",
    "run_type",
    "start_time",
    "end_time",
    "status",
    "is_root",
    "dotted_order",
    "trace_tier",
    "inputs",
    "outputs",
    "error",
    "extra",
    "events",
    "tags",
    "feedback_stats",
    "total_tokens",
    "prompt_tokens",
    "completion_tokens",
    "total_cost",
    "prompt_cost",
    "completion_cost",
    "first_token_time",
]


def schema(version: str) -> pa.Schema:
    """The 29 columns; the versions differ in their timestamps."""
    time = pa.timestamp("ns") if version == "v1" else pa.timestamp("us", "UTC")
    kinds: dict[str, pa.DataType] = {"is_root": pa.bool_()}
    for names, kind in (
        (_TEXTS, pa.string()),
        (_JSON, pa.string()),
        (_TIMES, time),
        (_COUNTS, pa.int64()),
        (_COSTS, pa.float64()),
    ):
        kinds |= dict.fromkeys(names.split(), kind)
    return pa.schema([(name, kinds[name]) for name in ORDER])


def table(runs: Iterable[dict[str, Any]], version: str = "v2_beta") -> pa.Table:
    """The runs as an export has them: payloads as JSON text."""
    rows = []
    for run in runs:
        row = {name: run.get(name) for name in ORDER}
        for name in _JSON.split():
            if row[name] is not None and not isinstance(row[name], str):
                row[name] = json.dumps(row[name])
        for name in _TIMES.split():
            row[name] = _moment(row[name], aware=version != "v1")
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=schema(version))


def _moment(value: Any, *, aware: bool) -> datetime | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is None:
        return None
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value if aware else value.replace(tzinfo=None)


def write(
    path: Path,
    runs: Iterable[dict[str, Any]],
    *,
    version: str = "v2_beta",
    compression: Literal["zstd", "gzip", "snappy", "none"] = "zstd",
    rows_per_group: int = 1000,
) -> Path:
    """Write one file of an export."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table(runs, version), path, compression=compression, row_group_size=rows_per_group)
    return path


def folder(root: Path, *, project: str, day: int = 1) -> Path:
    """Where an export puts the files of a project and a day."""
    parts = f"export_id=e1/tenant_id=t1/session_id={project}/resource=runs/year=2026/month=11/day={day:02}"
    return root / parts
