"""Says if a job that a host shows can be the one that was asked for.

What is shown and contradicts the request says no, wherever in the answer it stands. What is absent, or still
chosen by the host (`"auto"`, -1), says nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_values import id_from, number_from
from langsmith_finetune.providers.values import JobRequest

_NOT_SETTINGS = frozenset({"metadata", "error", "events", "status", "integrations", "usage_metrics"})
_DEEPEST = 4
_CHOSEN_BY_HOST = ("auto", "", -1)
_SAME_METHOD = {
    "sft": "supervised",
    "supervised": "supervised",
    "dpo": "dpo",
    "reinforcement": "reinforcement",
}


def settings_agree(
    request: JobRequest, job: Mapping[str, Any], names: Mapping[str, Sequence[str]] | None = None
) -> bool:
    """True if the parameters and the seed that a job shows, in any of its objects, agree with the request.

    Args:
        request: What was asked for.
        job: What the host shows.
        names: A parameter's names at this host, where it has others than ours.
    """
    shown = defaultdict(list)
    for name, value in _settings(job):
        shown[name].append(value)
    asked = {**request.parameters, "seed": request.seed}
    return not any(
        contradicts(value, other)
        for name, value in asked.items()
        for host_name in (names or {}).get(name, (name,))
        for other in shown[host_name]
    )


def method_agrees(request: JobRequest, method: Any) -> bool:
    """True if a `method` that a job shows is the request's: a word, or an object with a type or a key of its own."""
    if isinstance(method, Mapping):
        types = [method[name] for name in ("type", "method") if name in method]
        types = types or [name for name in method if name in _SAME_METHOD]
    else:
        types = [method]
    words = [_SAME_METHOD.get(word.lower(), word) for word in types if isinstance(word, str) and word]
    return not words or request.method in words


def file_agrees(shown: Mapping[str, Any], name: str, wanted: set[str] | None) -> bool:
    """True if the file that a job shows is one of those wanted.

    Args:
        shown: The job.
        name: Such as `"validation_file"`.
        wanted: The ids that the request's file has at the host; None where the request has no such file.
    """
    if name not in shown:
        return True
    file_id = id_from(shown[name])
    return file_id is None if wanted is None else file_id in wanted


def last_part_agrees(shown: Any, wanted: str) -> bool:
    """True if a name that a job shows, such as `accounts/me/models/m`, ends like the one wanted.

    Hosts add and drop what stands before it, and some a word after it.
    """
    if not isinstance(shown, str) or not shown:
        return True
    one, other = (name.rsplit("/", 1)[-1].lower() for name in (shown, wanted))
    return one.startswith(other) or other.startswith(one)


def text_agrees(shown: Mapping[str, Any], name: str, wanted: str | None) -> bool:
    """True if a text that a job shows, such as a suffix, is the one wanted; null is none."""
    if name not in shown or not isinstance(shown[name], str | None):
        return True
    return (shown[name] or None) == (wanted or None)


def contradicts(asked: Any, shown: Any) -> bool:
    """True if a value that is shown speaks against the one asked for. Numbers are compared as numbers.

    Example:
        >>> contradicts(3, 3.0), contradicts(3, "4"), contradicts(3, "auto"), contradicts({"a": 1}, {"a": 2, "b": 1})
        (False, True, False, True)
    """
    if asked is None or shown is None or asked in _CHOSEN_BY_HOST or shown in _CHOSEN_BY_HOST:
        return False
    if isinstance(asked, Mapping) and isinstance(shown, Mapping):
        return any(contradicts(value, shown[name]) for name, value in asked.items() if name in shown)
    if isinstance(asked, list | tuple) and isinstance(shown, list):
        return len(asked) != len(shown) or any(map(contradicts, asked, shown))
    kinds: tuple[Callable[[Any], bool | float | str | None], ...] = (_number, _text)
    if isinstance(asked, bool) or isinstance(shown, bool):
        kinds = (_truth,)
    for kind in kinds:
        one, other = kind(asked), kind(shown)
        if one is not None and other is not None:
            return not _equal(one, other)
    return False


def _equal(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6)  # a rate may have gone through 32 bits
    return one == other


def _settings(shown: Mapping[str, Any], deep: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in shown.items():
        if name in _NOT_SETTINGS:
            continue
        yield name, value
        if isinstance(value, Mapping) and deep < _DEEPEST:
            yield from _settings(value, deep + 1)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return number_from(value)


def _truth(value: Any) -> bool | None:
    words = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    return words.get(str(value).lower()) if isinstance(value, str | int | float) else None


def _text(value: Any) -> str | None:
    return value.strip().lower() if isinstance(value, str) else None
