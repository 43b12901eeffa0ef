"""Finds the runs that people corrected: by a correction of the run itself, or else of the root of its trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune.dataset.steps import StepPass
from langsmith_finetune.runs.answered import corrects_answer, may_have_answered
from langsmith_finetune.runs.fields import getter, time_text
from langsmith_finetune.runs.unparsed import opened

NOT_AMONG_THEM = "its run is not among the runs"
_NOT_CLEAR = "not clear which run answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """A better answer, as a person gave it.

    Args:
        run_id: What was corrected: a run, or the root of a trace.
        outputs: The better answer.
        by: Who gave it, by id or kind.
        when: When, ISO 8601; empty where that is not known.
        answered_by: The runs that may have given the answer of the trace, where somebody has looked at all of it.
    """

    run_id: str
    outputs: Any
    by: str
    when: str = ""
    answered_by: tuple[str, ...] | None = None

    @property
    def change(self) -> str:
        """What a pair says of it."""
        return f"corrected by {self.by} at {self.when or 'an unknown time'}"


def correction_from(item: Any) -> Correction | None:
    """The better answer that a feedback gives, if any.

    Args:
        item: A feedback of LangSmith's, or a dict of one.
    """
    get = getter(item)
    outputs = get("correction")
    if not corrects_answer(outputs):
        return None
    who = getter(get("feedback_source") or {})
    ids = get("answered_by")
    return Correction(
        run_id=short_text(get("run_id") or get("trace_id")) or "",
        outputs=outputs,
        by=short_text(who("user_id")) or short_text(who("type")) or "somebody",
        when=time_text(get("modified_at") or get("created_at")) or "",
        answered_by=tuple(map(str, ids)) if isinstance(ids, (list, tuple)) else None,
    )


def later(one: Correction, other: Correction | None) -> Correction:
    """The last of two corrections of the same; the first where they are equally late."""
    return one if other is None or one.when >= other.when else other


@dataclass(slots=True)
class _Trace:
    """A trace whose root was corrected, and what is seen of it."""

    correction: Correction
    all_runs: list[Any] = field(default_factory=list)
    uncorrected: dict[str, Any] = field(default_factory=dict)  # by id, those with no correction of their own


class CorrectedRuns:
    """Says of each run whether it was corrected, and how.

    Args:
        said: Corrections by what they correct. Runs may bring further ones.
        this: The pass of the step that asks; takes corrections for which there is no run.
    """

    def __init__(self, said: Mapping[str, Correction], this: StepPass) -> None:
        self._said, self._pass = said, this
        self._left = dict.fromkeys(said)  # corrections for which no run was seen
        self._waiting: dict[str, _Trace] = {}
        self._returned: dict[str, Any] = {}  # by root
        self._seen: set[str] = set()  # the runs that answered
        self._told: set[str] = set()  # the traces that were reported

    def of(self, run: Any) -> Correction | None:
        """How the run's answer was corrected, so far as that is clear by now."""
        facts = None
        with suppress(Exception):  # one that cannot be read was never corrected, as far as can be told
            facts = _facts(run)
        if facts is None:
            return None
        if facts.id in self._said and not facts.is_llm:  # the root itself, which is no answer of a model's
            self._returned[facts.id] = facts.outputs
            return None
        own = self._latest(facts.id, facts.brought)
        if own is not None:
            self._left.pop(facts.id, None)
        return self._of_trace(facts, run, own)

    def _of_trace(self, facts: _Facts, run: Any, own: Correction | None) -> Correction | None:
        """The run's own correction, or that of the root if this is the run that answered."""
        trace_id = facts.trace_id
        correction = self._latest(trace_id, facts.brought) if trace_id not in ("", facts.id) else None
        if correction is None:
            return own
        self._left.pop(trace_id, None)
        known = (one.answered_by for one in (correction, *facts.brought.get(trace_id, ())))
        ids = next((ids for ids in known if ids is not None), None)
        if ids is None:
            trace = self._waiting.setdefault(trace_id, _Trace(correction))
            trace.correction = later(correction, trace.correction)
            trace.all_runs.append(facts.run)
            if own is None:
                trace.uncorrected[facts.id] = run
        elif len(ids) != 1:
            self._tell(trace_id, ids)
        elif ids[0] != facts.id:
            self._left.setdefault(ids[0])
        else:
            self._seen.add(facts.id)
            return own or correction
        return own

    def at_the_end(self) -> Iterator[tuple[Any, Correction]]:
        """The runs of which it is clear only now; and what was corrected without a run is reported."""
        for trace_id, trace in self._waiting.items():
            ids = may_have_answered(trace.all_runs, self._returned.get(trace_id))
            if len(ids) != 1:
                self._tell(trace_id, ids)
            elif ids[0] in trace.uncorrected:
                yield trace.uncorrected[ids[0]], trace.correction
        for run_id in self._left:
            if run_id not in self._seen:
                self._pass.add(NOT_AMONG_THEM, run_id)

    def _latest(self, corrected: str, brought: Mapping[str, list[Correction]]) -> Correction | None:
        latest = self._said.get(corrected)
        for correction in brought.get(corrected, ()):
            latest = later(correction, latest)
        return latest

    def _tell(self, trace_id: str, ids: tuple[str, ...]) -> None:
        if trace_id in self._told:
            return
        self._told.add(trace_id)
        detail = f"it may be {' or '.join(ids)}" if ids else "no call of its agent ended well"
        self._pass.add(_NOT_CLEAR, trace_id, detail=detail)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a run says of itself."""

    run: Any
    id: str
    trace_id: str
    is_llm: bool
    outputs: Any
    brought: dict[str, list[Correction]]


def _facts(run: Any) -> _Facts:
    run = opened(run)
    get = getter(run)
    return _Facts(
        run,
        short_text(get("id")) or "",
        short_text(get("trace_id")) or "",
        (short_text(get("run_type")) or "llm").lower() == "llm",
        get("outputs"),
        _brought(get("corrections")),
    )


def _brought(items: Any) -> dict[str, list[Correction]]:
    """The corrections that a run brings along, by what they correct."""
    found: dict[str, list[Correction]] = {}
    for item in items if isinstance(items, (list, tuple)) else ():
        with suppress(Exception):  # one that cannot be read corrects nothing
            if correction := correction_from(item):
                found.setdefault(correction.run_id, []).append(correction)
    return found
