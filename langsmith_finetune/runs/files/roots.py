"""Keeps what was said of the roots of traces, for the llm runs of the same files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune.runs.fields import ids_above
from langsmith_finetune.runs.files.run_file import decoded


class RatedRoots:
    """The feedback of roots, to be given to the runs below them: the JSON text of each, about 200 bytes.

    Args:
        rows: Runs of files. Only roots with feedback are kept.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        self._stats: dict[str, str | bytes] = {}
        for row in rows:
            root_id, stats = _root_id(row), row.get("feedback_stats")
            if root_id is not None and stats:
                text = bytes(stats) if isinstance(stats, msgspec.Raw) else stats
                self._stats[root_id] = (
                    text if isinstance(text, (str, bytes)) else json.dumps(text, default=str)
                )

    def add_to(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run, with `trace_feedback_stats` where the root of its trace has feedback; a saved run has it already."""
        if not self._stats or run.get("trace_feedback_stats"):
            return run
        above = short_text(run.get("trace_id")) or next(reversed(ids_above(run)), None)
        stats = self._stats.get(above) if above is not None and above != run["id"] else None
        if stats is not None and (found := _object(stats)):
            run["trace_feedback_stats"] = found
        return run


def _root_id(row: Mapping[str, Any]) -> str | None:
    run_id, trace_id = short_text(row.get("id") or row.get("run_id")), short_text(row.get("trace_id"))
    is_root = run_id == trace_id if trace_id else not ids_above(row)
    return run_id if is_root else None


def _object(text: Any) -> dict[str, Any] | None:
    """What a text of JSON says, which may be a text itself: a column of an export in a line."""
    try:
        found = decoded(decoded(text))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class RootFields(msgspec.Struct, gc=False):
    """What is looked at to tell a root that has feedback; msgspec passes over the rest."""

    id: Any = None
    run_id: Any = None
    trace_id: Any = None
    parent_run_id: Any = None
    parent_run_ids: Any = None
    dotted_order: Any = None
    feedback_stats: msgspec.Raw | None = None
