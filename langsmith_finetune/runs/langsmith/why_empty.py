"""Says why a selection is empty: which condition leaves nothing, and what the project has instead."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from langsmith_finetune._foundation.json_text import OBJECT, short_text
from langsmith_finetune.runs.fields import role_of, scores_from
from langsmith_finetune.runs.langsmith.filters import all_of
from langsmith_finetune.runs.langsmith.projects import if_offered
from langsmith_finetune.runs.langsmith.read_apis import PAGE_SIZE, Answer, RunQuery
from langsmith_finetune.runs.langsmith.request import ApiCall
from langsmith_finetune.runs.langsmith.transport import RequestPlan
from langsmith_finetune.runs.langsmith.window_reader import Condition, Selected, just_before

if TYPE_CHECKING:
    from langsmith.types import Run

_MOST_NAMED = 8
_LONGEST_NAME = 60


def why_empty(selected: Selected, left_out: str) -> RequestPlan[str]:
    """Find the condition that leaves nothing, and which feedback, tags, models and names the project has.

    Six requests, and one for each time that the conditions can be halved: they are not tried one by one.

    Args:
        selected: The project and the conditions.
        left_out: Why what was read was not handed out; empty if nothing was read.
    """
    project = f"the selection from the project {selected.name!r} is empty"
    try:
        if left_out:
            return f"{project}: {left_out}"
        fields = ("ID", "NAME", "TAGS", "METADATA", "START_TIME", "FEEDBACK_STATS")
        some = yield from _look(selected, llm=True, fields=fields)
        if not some.count:
            others = yield from _look(selected, fields=("ID", "RUN_TYPE"))
            return f"{project}: {_without_llm_runs(others.runs)}"
        reason = yield from _blame(selected)
        return f"{project}: {reason}. {_have(some.runs, (yield from _feedback(selected)))}"
    except Exception as error:  # noqa: BLE001 - an empty selection is no error, whatever is found out about it
        return f"{project}, and finding out why failed ({type(error).__name__})"


def _without_llm_runs(others: Sequence[Run]) -> str:
    if not others:
        return "the project has no runs, or none that LangSmith still keeps"
    types = _named(str(run.run_type or "unknown").lower() for run in others)
    return f"the project has no llm runs, which alone hold what a model saw and said, but {types}"


def _blame(selected: Selected) -> RequestPlan[str]:
    """The first condition that, with those before it, leaves nothing."""
    conditions = selected.conditions.each
    fit, fail = 0, len(conditions)  # how many of them leave something, and how many leave nothing
    if not conditions or (yield from _finds(selected, conditions)):
        return "runs that meet the conditions have arrived only now: select again"
    while fail - fit > 1:
        middle = (fit + fail) // 2
        if (yield from _finds(selected, conditions[:middle])):
            fit = middle
        else:
            fail = middle
    to_blame, others = conditions[fit], [each.said for each in conditions[:fit]]
    hint = f" ({to_blame.hint})" if to_blame.hint else ""
    if not others:
        return f"{to_blame.said} leaves none of its llm runs{hint}"
    alone = yield from _finds(selected, [to_blame])
    return (
        f"{to_blame.said} leaves none of the llm runs that meet {', '.join(others)}, and by itself it finds "
        f"{'some' if alone else 'none'}{hint}"
    )


def _have(runs: Sequence[Run], feedback: str) -> str:
    """What the project's runs have that can be asked for."""
    roles = [role_of(run) for run in runs]
    starts = sorted(f"{run.start_time:%Y-%m-%d %H:%M}" for run in runs if run.start_time)
    agents, nodes = _named(role.agent for role in roles), _named(role.node for role in roles)
    own = _written(_scores(runs))
    found = [
        f"feedback {feedback or 'none'}",
        *([f"feedback that feedback= does not look at, on the llm runs themselves, {own}"] if own else []),
        f"tags {_named(tag for run in runs for tag in run.tags or ()) or 'none'}",
        f"models {_named(_model(run) for run in runs) or 'none'}",
        f"names {_named(run.name for run in runs) or 'none'}",
        *([f"agents {agents}"] if agents else []),
        *([f"nodes {nodes}"] if nodes else []),
        *([f"start times from {starts[0]} to {starts[-1]} UTC"] if starts else []),
    ]
    whose = f"{len(runs)} of its" if len(runs) == PAGE_SIZE else f"Its {len(runs)}"
    return f"{whose} llm runs, and the roots above them, have: {'; '.join(found)}"


def _feedback(selected: Selected) -> RequestPlan[str]:
    """The keys of the feedback on roots of traces, which is what `feedback=` looks at."""
    roots = yield from _look(selected, roots=True, fields=("ID", "FEEDBACK_STATS"))
    scores = _scores(roots.runs)
    project = quote(selected.project.id, safe="")
    for version in ("v2", "v1"):
        answer = yield from if_offered(
            ApiCall(f"/api/{version}/sessions/{project}", {"include_stats": "true"})
        )
        if isinstance(answer, dict):
            for key in _keys(answer.get("feedback_stats")):
                scores.setdefault(key, Counter())  # of runs that were not looked at
            break
    return _written(scores)


def _scores(runs: Iterable[Run]) -> dict[str, Counter[str]]:
    """By key of feedback, how many runs have which score."""
    found: dict[str, Counter[str]] = {}
    for run in runs:
        for key in _keys(run.feedback_stats):
            found.setdefault(key, Counter())
        for key, score in scores_from(run.feedback_stats).items():
            found.setdefault(key, Counter())[f"{round(score, 2):g}"] += 1
    return found


def _keys(stats: Any) -> list[str]:
    return [key for key in stats if isinstance(key, str)] if isinstance(stats, OBJECT) else []


def _written(scores: Mapping[str, Counter[str]]) -> str:
    most = {
        key: ", ".join(f"{score} in {count}" for score, count in counts.most_common(3))
        for key, counts in scores.items()
    }
    return _listed([f"{_short(key)} ({said})" if said else _short(key) for key, said in most.items()])


def _finds(selected: Selected, conditions: Sequence[Condition]) -> RequestPlan[bool]:
    """True if a run meets the conditions."""
    answer = yield from _look(selected, conditions, llm=True, fields=("ID",), most=1)
    return answer.count > 0


def _look(
    selected: Selected,
    conditions: Sequence[Condition] = (),
    *,
    llm: bool = False,
    roots: bool = False,
    fields: tuple[str, ...],
    most: int = PAGE_SIZE,
) -> RequestPlan[Answer]:
    """Some of the project's runs that meet conditions, the newest where the server has an order."""
    query = RunQuery(
        project_ids=(selected.project.id,),
        llm=llm,
        roots=roots,
        since=just_before(selected.project.started_at),
        fields=fields,
        page_size=most,
        divisible=True,  # a server that takes too long is not asked again and again
    )
    for each in conditions:
        joined = each.field in ("filter", "trace_filter", "tree_filter")
        value = all_of(getattr(query, each.field), each.value) if joined else each.value
        changed: dict[str, Any] = {each.field: value}
        query = replace(query, **changed)
    return (yield from selected.ask(query))


def _model(run: Run) -> str | None:
    metadata = run.metadata if isinstance(run.metadata, OBJECT) else {}
    return short_text(metadata.get("ls_model_name"))


def _named(names: Iterable[Any]) -> str:
    """The commonest of some names, with their counts."""
    counts = Counter(filter(None, map(short_text, names)))
    return _listed([f"{_short(name)} ({count})" for name, count in counts.most_common()])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} others" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
