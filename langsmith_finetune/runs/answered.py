"""Finds the llm run that gave the answer of its trace: users judge the answer, which is the trace's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT, short_text
from langsmith_finetune.runs.fields import getter, role_of
from langsmith_finetune.runs.files.run_file import moment
from langsmith_finetune.runs.roles import Role
from langsmith_finetune.runs.unparsed import opened


def may_have_answered(runs: Iterable[Any], returned: Any = None) -> tuple[str, ...]:
    """The ids of the llm runs of one trace that may have given its answer; one if it is clear which.

    It is the last call of the root agent. Calls of sub-agents and of middleware, and those that failed, are not asked.
    Where the calls are of several nodes, or of no agent that is known, what the trace returned decides: it is the last
    call whose text the root returned. Of calls that went on at the same time, none is the last.

    Args:
        runs: The llm runs of the trace, in any order.
        returned: The outputs of its root, if they are at hand.

    Example:
        >>> def call(name, start, said):
        ...     outputs = {"choices": [{"message": {"role": "assistant", "content": said}}]}
        ...     return {"id": name, "start_time": f"2026-11-22T08:00:{start}", "end_time": f"2026-11-22T08:00:{start}",
        ...         "outputs": outputs}
        >>> calls = [call("question", "01", "What is 6 * 7?"), call("answer", "02", "42"), call("title", "03", "Sums")]
        >>> may_have_answered(calls, {"output": "42"})
        ('answer',)
        >>> may_have_answered(calls)
        ('question', 'answer', 'title')
    """
    calls = sorted((call for run in runs if (call := _call(run)) is not None), key=lambda call: call.start)
    if len(calls) < 2:
        return tuple(call.id for call in calls)
    texts = frozenset(islice(_returned(returned), _MOST_TEXTS))
    if texts and (said := [call for call in calls if not texts.isdisjoint(call.texts)]):
        return _last(said)
    agents = [call for call in calls if call.role.agent_type == "root"]
    ways = {(call.role.agent, call.role.node, call.role.namespace) for call in agents}
    if len(ways) == 1:
        last = _last(agents)
        later = [call.id for call in calls if call.role.agent_type is None and call.end > agents[-1].start]
        return (*last, *later)
    return tuple(call.id for call in calls)


def corrects_answer(correction: Any) -> bool:
    """True if a correction of a feedback says a better answer; LangSmith's evaluators are given better scores."""
    if correction is None:
        return False
    return not (isinstance(correction, OBJECT) and correction.keys() <= {"score", "value"})


@dataclass(frozen=True, slots=True)
class _Call:
    id: str
    role: Role
    start: datetime
    end: datetime
    texts: frozenset[str]


_FIRST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
_MOST_TEXTS = 10_000


def _call(run: Any) -> _Call | None:
    """What decides, of a run that may have answered."""
    with suppress(Exception):  # one that cannot be read answered nothing that can be used
        run = opened(run)
        get, role = getter(run), role_of(run)
        run_id, failed = (
            short_text(get("id")),
            get("error") or (short_text(get("status")) or "").lower() == "error",
        )
        if not run_id or failed or (short_text(get("run_type")) or "llm").lower() != "llm":
            return None
        if role.agent_type not in (None, "root"):
            return None
        start, end = moment(get("start_time")) or _FIRST, moment(get("end_time")) or _LATEST
        texts = frozenset(islice(_said(get("outputs")), _MOST_TEXTS))
        return _Call(run_id, role, start, max(start, end), texts)
    return None


def _last(calls: list[_Call]) -> tuple[str, ...]:
    """The last call, and those that had not ended when it began."""
    last = calls[-1]
    return (*(call.id for call in calls[:-1] if call.end > last.start or call.start == last.start), last.id)


def _said(outputs: Any) -> Iterator[str]:
    """The texts of an answer, in whatever form."""
    return (text for key, text in _texts(outputs) if key in ("content", "text", "output", "output_text"))


def _returned(outputs: Any) -> Iterator[str]:
    """The texts that a root returned. Of a list of messages, as agents return it, the last is the answer."""
    messages = outputs.get("messages") if isinstance(outputs, Mapping) else outputs
    if isinstance(messages, list) and messages:
        return (text for _, text in _texts(messages[-1]))
    return (text for _, text in _texts(outputs))


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """The texts in a value that are not empty, each with the key above it."""
    left = [("output", value)]
    while left:
        key, value = left.pop()
        if isinstance(value, str):
            if text := value.strip():
                yield key, text
        elif isinstance(value, Mapping):
            left += ((name, inner) for name, inner in value.items() if isinstance(name, str))
        elif isinstance(value, (list, tuple)):
            left += ((key, inner) for inner in value)
