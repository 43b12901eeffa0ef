"""The fields of a run, whichever API, version or file it came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from langsmith_finetune._foundation.json_text import OBJECT, short_text
from langsmith_finetune.examples.source import Note, RunSource
from langsmith_finetune.runs.placeholders import is_placeholder
from langsmith_finetune.runs.roles import Role, role_from


@dataclass(slots=True)  # not frozen: that triples what making one costs
class RunPayload:
    """The parts of a run that a reader looks at. `inputs` to `extra` are untrusted."""

    id: str
    run_type: str
    inputs: Any
    outputs: Any
    extra: Mapping[str, Any]
    metadata: Mapping[str, Any]
    failed: bool
    ended: bool
    events: Any = None
    attached: bool = False
    first_token_time: Any = None
    serialized: Any = None
    name: str = ""

    def invocation(self, key: str) -> Any:
        """A setting of the call, from the places where producers put it."""
        for place in ("invocation_params", "options"):
            settings = self.extra.get(place)
            if settings is not None and isinstance(settings, OBJECT) and settings.get(key) is not None:
                return settings[key]
        return None

    @property
    def settings(self) -> list[Mapping[str, Any]]:
        """The places where producers put the settings of a call, the nearest to the wire first."""
        inputs = self.inputs if isinstance(self.inputs, OBJECT) else {}
        params, options = self.extra.get("invocation_params"), self.extra.get("options")
        found = (inputs, params, inputs.get("model_parameters"), options)  # the third is LiteLLM's
        return [place for place in found if place is not None and isinstance(place, OBJECT)]

    @property
    def settings_everywhere(self) -> list[Mapping[str, Any]]:
        """`settings`, and what LangChain's model was made with."""
        if self.serialized is None or not isinstance(self.serialized, OBJECT):
            return self.settings
        made_with = self.serialized.get("kwargs")
        return [*self.settings, made_with] if isinstance(made_with, OBJECT) else self.settings

    @property
    def has_settings(self) -> bool:
        """The settings of the call came with the run; exports that leave out `extra` drop them."""
        return any(isinstance(self.extra.get(place), OBJECT) for place in ("invocation_params", "options"))

    @property
    def streamed(self) -> bool:
        """The answer came in pieces: the tracers log the time of the first."""
        if self.first_token_time is not None:
            return True
        events = self.events if isinstance(self.events, (list, tuple)) else ()
        return any(isinstance(event, Mapping) and event.get("name") == "new_token" for event in events)


def is_id(run: Any) -> bool:
    """True if this is a run's id."""
    return issubclass(type(run), (str, UUID))  # not isinstance, which asks objects that may raise anything


def getter(run: Any) -> Any:
    """How to ask a run for its fields, whether it is an object or a dict."""
    if isinstance(run, OBJECT):
        return run.get
    return lambda name, default=None: getattr(run, name, default)


def payload_of(run: Any) -> RunPayload:
    """The payload of a v1 `Run`, a v2 `Run`, or a dict of either."""
    get = getter(run)
    extra = get("extra")
    if not isinstance(extra, OBJECT):
        extra = {}
    status = (short_text(get("status")) or "").lower()
    return RunPayload(
        short_text(get("id")) or "",
        (short_text(get("run_type")) or "").lower(),  # v2 writes LLM
        get("inputs"),
        get("outputs"),
        extra,
        metadata_of(extra, get("metadata")),
        bool(get("error")) or status == "error",
        get("end_time") is not None or status == "success",
        get("events"),
        bool(get("attachments")),
        get("first_token_time"),
        get("serialized") or get("manifest"),
        short_text(get("name")) or "",
    )


def source_of(run: Any, notes: Callable[[Role], tuple[Note, ...]] | None = None) -> RunSource:
    """Where an example made from this run came from.

    Args:
        run: The run.
        notes: Says what there is to say about it, now that the part is known which its call plays.
    """
    get = getter(run)
    extra, stats, of_trace = get("extra"), get("feedback_stats"), get("trace_feedback_stats")
    metadata = metadata_of(extra if isinstance(extra, OBJECT) else {}, get("metadata"))
    role = role_from(metadata, get("name"))
    return RunSource(
        run_id=short_text(get("id")) or "",
        trace_id=short_text(get("trace_id")),
        thread_id=given_text(get("thread_id") or metadata.get("thread_id") or metadata.get("session_id")),
        user_id=given_text(metadata.get("user_id")),
        project_id=short_text(get("project_id") or get("session_id")),
        start_time=time_text(get("start_time")),
        model=given_text(metadata.get("ls_model_name")),
        example_id=short_text(get("reference_example_id")),
        prompt_tokens=count_from(get("prompt_tokens")),
        completion_tokens=count_from(get("completion_tokens")),
        agent=role.agent,
        node=role.node,
        agent_type=role.agent_type,
        namespace=role.namespace,
        scores=scores_from(stats) if stats else {},
        trace_scores=scores_from(of_trace) if of_trace else {},
        notes=notes(role) if notes is not None else (),
    )


def role_of(run: Any) -> Role:
    """The part that a run's call plays in its application."""
    get = getter(run)
    extra = get("extra")
    return role_from(metadata_of(extra if isinstance(extra, OBJECT) else {}, get("metadata")), get("name"))


def trace_id_of(run: Any) -> str | None:
    """The trace that a run belongs to."""
    return short_text(getter(run)("trace_id"))


def ids_above(run: Any) -> list[str]:
    """The ids of the runs above this one: its own parent first, so far as the run tells.

    `dotted_order` tells them all: `<time>Z<root's id>. ... .<time>Z<own id>`.
    """
    get = getter(run)
    order = get("dotted_order")
    if isinstance(order, str) and "." in order:
        return [step.rpartition("Z")[2] for step in reversed(order.split(".")[:-1])]
    others = get("parent_run_ids")
    parents = [get("parent_run_id"), *(others if isinstance(others, (list, tuple)) else ())]
    return list(dict.fromkeys(found for found in map(short_text, parents) if found))


def metadata_of(extra: Mapping[str, Any], outer: Any) -> Mapping[str, Any]:
    """Metadata sits in `extra` for v1, and at the top for v2, where `extra` may hold it too."""
    inner = extra.get("metadata")
    if outer is None or not isinstance(outer, OBJECT):
        return inner if isinstance(inner, OBJECT) else {}
    return {**inner, **outer} if isinstance(inner, OBJECT) else outer


def given_text(value: Any) -> str | None:
    """`short_text` of what a caller may have left out."""
    return None if value is None or is_placeholder(value) else short_text(value)


def time_text(value: Any) -> str | None:
    """A time in ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else short_text(value)


def count_from(value: Any) -> int | None:
    """A number of tokens."""
    return value if value is not None and type(value) is int and 0 <= value < 1 << 63 else None


def scores_from(stats: Any) -> dict[str, float]:
    """The averages in `feedback_stats`, by key."""
    scores: dict[str, float] = {}
    for key, stat in stats.items() if isinstance(stats, OBJECT) else ():
        average = stat.get("avg") if isinstance(stat, Mapping) else getattr(stat, "avg", None)
        if isinstance(key, str) and isinstance(average, (int, float)) and abs(average) < 1e300:
            scores[key] = float(average)
    return scores
