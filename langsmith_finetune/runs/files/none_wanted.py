"""Says which condition left nothing of the runs in files, and what these have instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune.runs.fields import role_of
from langsmith_finetune.runs.files.run_file import Wanted, decoded, moment
from langsmith_finetune.runs.role_filter import Roles

MOST_LOOKED_AT = 1000
"""Runs that are looked at for the reason."""


def why_none_wanted(runs: Iterable[Mapping[str, Any]], wanted: Wanted) -> str:
    """Why none of some runs is wanted: the condition that the last of them fell for, and what they have there.

    Args:
        runs: The first runs of the files.
        wanted: The conditions.

    Example:
        >>> why_none_wanted([{"id": "d2a3", "run_type": "chain"}], Wanted(run_type="llm"))
        "of 1 run, run_type='llm' leaves none: it is chain (1)"
    """
    conditions = [*_conditions(wanted)]
    reached: list[Counter[str]] = [Counter() for _ in conditions]
    count = 0
    for count, run in enumerate(runs, start=1):  # noqa: B007 - how many there were
        for (_, value_of, fits), values in zip(conditions, reached, strict=True):
            value = _quietly(value_of, run)
            if value is None or not fits(value):
                values[short_text(value) or "not told"] += 1
                break
    if not count:
        return "the files hold no runs"
    last = max((index for index, values in enumerate(reached) if values), default=None)
    if last is None:
        return f"the first {count:,} runs can be read, and meet the conditions, only now"
    left = reached[last].total()
    of = f"of {left:,} run{'s' * (left != 1)}" + (
        f" that meet {', '.join(name for name, _, _ in conditions[:last])}" if last else ""
    )
    most = ", ".join(f"{value} ({number:,})" for value, number in reached[last].most_common(5))
    return f"{of}, {conditions[last][0]} leaves none: {'it is' if left == 1 else 'they are'} {most}"


_Condition = tuple[str, Callable[[Mapping[str, Any]], Any], Callable[[Any], bool]]


def _conditions(wanted: Wanted) -> Iterator[_Condition]:
    """Each condition as it was given, what it looks at in a run, and whether that fits."""
    if wanted.project_id:
        yield _equal(
            "project_id", wanted.project_id, lambda run: run.get("project_id") or run.get("session_id")
        )
    if wanted.run_type:
        yield _equal("run_type", wanted.run_type, lambda run: str(run["run_type"]).lower())
    if wanted.status:
        yield _equal("status", wanted.status, lambda run: str(run["status"]).lower())
    if (since := wanted.start_time) is not None:
        yield (
            f"start_time={since.isoformat()}",
            lambda run: run.get("start_time"),
            lambda at: _at(at) >= since,
        )
    if (until := wanted.end_time) is not None:
        yield f"end_time={until.isoformat()}", lambda run: run.get("start_time"), lambda at: _at(at) < until
    roles = wanted.roles or Roles()
    if names := roles.agents:
        yield f"agents={[*names]}", lambda run: _role(run).agent, names.__contains__
    if nodes := roles.nodes:
        yield f"nodes={[*nodes]}", lambda run: _role(run).node, nodes.__contains__
    if types := roles.agent_types:
        yield f"agent_types={[*types]}", lambda run: _role(run).agent_type or "root", types.__contains__


def _equal(name: str, wanted: str, value_of: Callable[[Mapping[str, Any]], Any]) -> _Condition:
    return f"{name}={wanted!r}", value_of, lambda value: value == wanted


def _at(value: Any) -> Any:
    return moment(value)


def _role(run: Mapping[str, Any]) -> Any:
    return role_of(
        {name: decoded(run.get(name)) for name in ("extra", "metadata")} | {"name": run.get("name")}
    )


def _quietly(value_of: Callable[[Mapping[str, Any]], Any], run: Mapping[str, Any]) -> Any:
    try:
        return value_of(run)
    except Exception:  # noqa: BLE001 - a field may hold anything
        return None
