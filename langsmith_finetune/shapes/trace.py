"""What a call's own run lacks, from the runs above it in its trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from langsmith_finetune.shapes.canonical import Conversation, Notes, Unreadable
from langsmith_finetune.shapes.content import content_from
from langsmith_finetune.shapes.run import RunPayload, getter, payload_of
from langsmith_finetune.shapes.tools import tools_from


def add_from_trace(
    conversation: Conversation, run: RunPayload, trace_runs: Iterable[Any], notes: Notes
) -> None:
    """Add the tools and the system prompt that the producer posted with a run above this one.

    Args:
        conversation: What the run itself says.
        run: The run.
        trace_runs: Other runs of its trace, in any order.
        notes: What it lacks is noted here already; what was found is noted instead.
    """
    lacking = notes.kinds & {"system_missing", "tools_missing"}
    if not lacking:
        return
    above = {payload.id: payload for payload in map(payload_of, trace_runs)}
    parent, seen = run.parent_id, set[str]()
    while parent in above and parent not in seen and lacking:
        seen.add(parent)
        place = above[parent]
        inputs = place.inputs if isinstance(place.inputs, Mapping) else {}
        if "system_missing" in lacking and inputs.get("system"):
            content = content_from("inputs.system", inputs["system"], notes)
            conversation.messages.insert(0, {"role": "system", "content": content})
            notes.replace("system_missing", "found_in_trace", "the system prompt")
            lacking = lacking - {"system_missing"}
        tools = inputs.get("tools") or place.invocation("tools")
        if "tools_missing" in lacking and tools:
            try:
                conversation.tools = tools_from("tools", tools, notes)
            except Unreadable:  # names alone, as OpenAI's agents post them
                tools = None
            if conversation.tools:
                notes.replace("tools_missing", "found_in_trace", "the tools")
                lacking = lacking - {"tools_missing"}
        parent = place.parent_id


def ids_above(run: Any) -> list[str]:
    """The ids of the runs above this one, from its own parent to the root."""
    get = getter(run)
    order = get("dotted_order")
    if isinstance(order, str) and "." in order:
        return [step.rpartition("Z")[2] for step in reversed(order.split(".")[:-1])]
    parents = get("parent_run_ids") or [get("parent_run_id")]
    return [str(parent) for parent in parents if parent]


class TraceRuns:
    """Runs by the trace they belong to, for looking up what a call's own run lacks.

    Args:
        runs: Runs of any number of traces; kept for as long as this is.
    """

    def __init__(self, runs: Iterable[Any] = ()) -> None:
        self._by_trace: dict[str, list[Any]] = {}
        for run in runs:
            self._by_trace.setdefault(str(getter(run)("trace_id")), []).append(run)

    def of(self, run: Any) -> list[Any]:
        """The runs of the trace that this run belongs to."""
        return self._by_trace.get(str(getter(run)("trace_id")), []) if self._by_trace else []
