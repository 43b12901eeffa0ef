"""Writes LangSmith's filter language from plain values.

https://docs.langchain.com/langsmith/trace-query-syntax: functions over fields of a run, such as
`and(eq(name, "ChatOpenAI"), has(tags, "beta"))`. Both read APIs speak it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping

_COMPARED = re.compile(r"\s*(==|!=|>=|<=|>|<)\s*(-?[0-9]+(?:\.[0-9]+)?)\s*")
_FUNCTIONS = {"==": "eq", "!=": "neq", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def quoted(text: str) -> str:
    """A text as the language writes it: as JSON does, which is how the SDK itself escapes a thread's id."""
    return json.dumps(text, ensure_ascii=False)


def all_of(*conditions: str | None) -> str | None:
    """Join conditions that must all hold; None where there are none."""
    return _joined("and", [condition for condition in conditions if condition])


def any_of(conditions: Iterable[str]) -> str | None:
    """Join conditions of which one must hold."""
    return _joined("or", list(conditions))


def equals(field: str, value: str) -> str:
    """A field has this value."""
    return f"eq({field}, {quoted(value)})"


def is_one_of(field: str, values: Iterable[str]) -> str:
    """A field has one of these values."""
    return f"in({field}, [{', '.join(map(quoted, values))}])"


def has_tag(tag: str) -> str:
    """The run itself carries a tag."""
    return f"has(tags, {quoted(tag)})"


def has_metadata(key: str, value: str) -> str:
    """The run's metadata has this value under this key."""
    return f"and({equals('metadata_key', key)}, {equals('metadata_value', value)})"


def names_thread(thread_id: str) -> str:
    """The run's metadata names this thread, under any of the keys that LangSmith looks for."""
    # https://docs.langchain.com/langsmith/threads
    keys = is_one_of("metadata_key", ("session_id", "conversation_id", "thread_id"))
    return f"and({keys}, {equals('metadata_value', thread_id)})"


def has_feedback(feedback: Mapping[str, float | str]) -> str | None:
    """For each key there is a feedback with that score.

    Args:
        feedback: By key, a score, or a comparison with one, such as `">= 0.5"`.

    Raises:
        ValueError: If a value is neither.
    """
    return all_of(*(_scored(key, wanted) for key, wanted in feedback.items()))


def _scored(key: str, wanted: float | str) -> str:
    function, score = "eq", wanted
    if isinstance(wanted, str) and (compared := _COMPARED.fullmatch(wanted)):
        function, score = _FUNCTIONS[compared[1]], json.loads(compared[2])
    if isinstance(score, bool):  # as LangSmith stores a thumb up
        score = int(score)
    if not isinstance(score, (int, float)) or not math.isfinite(score):
        raise ValueError(
            f"feedback[{key!r}] must be a score, such as 1, or a comparison with one, such as '>= 0.5', "
            f"not {wanted!r}"
        )
    return f"and({equals('feedback_key', key)}, {function}(feedback_score, {json.dumps(score)}))"


def _joined(function: str, conditions: list[str]) -> str | None:
    return f"{function}({', '.join(conditions)})" if len(conditions) > 1 else next(iter(conditions), None)
