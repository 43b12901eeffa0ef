"""Takes what a call's own run lacks from the runs above it in its trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from langsmith_finetune.dialects.content import content_from
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.tools import tools_from
from langsmith_finetune.examples.source import NoteKind
from langsmith_finetune.runs.fields import ids_above, payload_of, trace_id_of
from langsmith_finetune.runs.placeholders import forget_placeholders
from langsmith_finetune.runs.unparsed import opened


def add_from_trace(conversation: Conversation, run: Any, trace_runs: Iterable[Any], notes: Notes) -> None:
    """Add the tools and the system prompt that the producer posted with a run above this one.

    Args:
        conversation: What the run itself says.
        run: The run.
        trace_runs: Other runs of its trace, in any order.
        notes: What it lacks is noted here already; what was found is noted instead.
    """
    missing = lacking(notes)
    if not missing:
        return
    others = {payload_of(other).id: other for other in trace_runs}
    parent = next(iter(ids_above(run)), None)
    # Each is taken out as it is passed, so that a trace which runs in a circle ends too.
    while missing and (other := others.pop(parent or "", None)) is not None:
        place, parent = payload_of(other), next(iter(ids_above(other)), None)
        forget_placeholders(place)
        inputs = place.inputs if isinstance(place.inputs, Mapping) else {}
        if "system_missing" in missing and inputs.get("system"):
            content = content_from("inputs.system", inputs["system"], notes)
            conversation.messages.insert(0, {"role": "system", "content": content})
            notes.replace("system_missing", "found_in_trace", "the system prompt")
            missing = missing - {"system_missing"}
        tools = inputs.get("tools") or place.invocation("tools")
        if "tools_missing" in missing and tools:
            try:
                conversation.tools = tools_from("tools", tools, notes)
            except Unreadable:  # names alone, as OpenAI's agents post them
                tools = None
            if conversation.tools:
                notes.replace("tools_missing", "found_in_trace", "the tools")
                missing = missing - {"tools_missing"}


def lacking(notes: Notes) -> set[NoteKind]:
    """What a run lacks that another run of its trace may have."""
    return notes.kinds & {"system_missing", "tools_missing"}


class TraceRuns:
    """Runs by the trace they belong to, for looking up what a call's own run lacks.

    Args:
        runs: Runs of any number of traces; kept for as long as this is.
    """

    def __init__(self, runs: Iterable[Any] = ()) -> None:
        self._by_trace: dict[str | None, list[Any]] = {}
        for run in runs:
            with suppress(Exception):  # one that cannot be read has nothing for others
                found = opened(run)
                payload_of(found), ids_above(found)
                self._by_trace.setdefault(trace_id_of(found), []).append(found)

    def of(self, run: Any) -> list[Any]:
        """The runs of the trace that this run belongs to."""
        if self._by_trace:
            with suppress(Exception):  # the readers say what is wrong with it
                return self._by_trace.get(trace_id_of(opened(run)), [])
        return []

    def __bool__(self) -> bool:
        return bool(self._by_trace)
