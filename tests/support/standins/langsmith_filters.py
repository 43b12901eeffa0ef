"""LangSmith's filter language, read and evaluated: the stand-in's own, to judge ours by.

`and(eq(name, "x"), has(tags, 'y'))`: functions, field names, texts in either quotes, numbers, lists. A
condition on feedback or metadata looks at all entries of a run; several of them in one `and` must be met by
one entry, as in `and(eq(feedback_key, "score"), eq(feedback_score, 1))`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "/": "/"}
COMPARE = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda found, wanted: found in wanted,
}
FIELDS = {"id", "name", "run_type", "status", "start_time", "end_time", "trace_id"}
ENTRIES = {
    "feedback_key": ("feedback", "key"),
    "feedback_score": ("feedback", "score"),
    "metadata_key": ("metadata", "key"),
    "metadata_value": ("metadata", "value"),
}


class Malformed(Exception):  # noqa: N818 - becomes an answer
    pass


@dataclass(frozen=True)
class Name:
    text: str


@dataclass(frozen=True)
class Function:
    name: str
    args: list[Any]


def parse(text: str) -> Any:
    value, at = _value(text, _space(text, 0))
    if _space(text, at) != len(text):
        raise Malformed(f"something follows the filter at {at}")
    return value


def _space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\n":
        at += 1
    return at


def _value(text: str, at: int) -> tuple[Any, int]:
    first = text[at : at + 1]
    if first in ("'", '"') and first:
        return _text(text, at + 1, first)
    if first == "[":
        return _several(text, at + 1, "]")
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] in "_.+-"):
        end += 1
    word = text[at:end]
    if not word:
        raise Malformed(f"cannot parse the filter at {at}")
    if text[end : end + 1] == "(":
        args, end = _several(text, end + 1, ")")
        return Function(word, args), end
    if word in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[word], end
    if word[0].isdigit() or word[0] == "-":
        return float(word), end
    return Name(word), end


def _several(text: str, at: int, closing: str) -> tuple[list[Any], int]:
    values = []
    while True:
        value, at = _value(text, _space(text, at))
        values.append(value)
        at = _space(text, at)
        if text[at : at + 1] == closing:
            return values, at + 1
        if text[at : at + 1] != ",":
            raise Malformed(f"expected , or {closing} at {at}")
        at += 1


def _text(text: str, at: int, quote: str) -> tuple[str, int]:
    found: list[str] = []
    while True:
        char = text[at : at + 1]
        if not char or char in "\n\r":
            raise Malformed("a text does not end")
        if char == quote:
            return "".join(found), at + 1
        if char == "\\":
            escaped = text[at + 1]
            if escaped == "u":
                found.append(chr(int(text[at + 2 : at + 6], 16)))
                at += 6
                continue
            if escaped not in ESCAPES:
                raise Malformed(f"unknown escape \\{escaped}")
            found.append(ESCAPES[escaped])
            at += 2
            continue
        found.append(char)
        at += 1


Accepts = Callable[[dict[str, Any]], bool]


def compiled(text: str | None) -> Accepts:
    """Whether a run meets the filter. A run is a dict of its fields, with `feedback` as a list of entries."""
    if text is None:
        return lambda _: True
    return _condition(parse(text))


def _condition(node: Any) -> Accepts:
    if not isinstance(node, Function):
        raise Malformed("a filter is a function")
    if node.name == "and":
        return _all(node.args)
    if node.name == "or":
        parts = [_condition(arg) for arg in node.args]
        return lambda run: any(part(run) for part in parts)
    if node.name == "not":
        [part] = map(_condition, node.args)
        return lambda run: not part(run)
    return _all([node])


def _all(nodes: list[Any]) -> Accepts:
    parts: list[Accepts] = []
    joint: dict[str, list[tuple[str, Callable[[Any], bool]]]] = {}
    for node in nodes:
        if isinstance(node, Function) and node.name not in ("and", "or", "not"):
            field, test = _comparison(node)
            if field in ENTRIES:
                kind, part = ENTRIES[field]
                joint.setdefault(kind, []).append((part, test))
            else:
                parts.append(lambda run, field=field, test=test: test(run[field]))
        else:
            parts.append(_condition(node))
    for kind, tests in joint.items():
        parts.append(
            lambda run, kind=kind, tests=tests: any(
                all((found := entry.get(part)) is not None and test(found) for part, test in tests)
                for entry in _entries(run, kind)
            )
        )
    return lambda run: all(part(run) for part in parts)


def _entries(run: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    if kind == "feedback":
        return run.get("feedback", [])
    metadata = (run.get("extra") or {}).get("metadata") or {}
    return [{"key": key, "value": value} for key, value in metadata.items()]


def _comparison(node: Function) -> tuple[str, Callable[[Any], bool]]:
    if len(node.args) != 2 or not isinstance(node.args[0], Name):
        raise Malformed(f"{node.name} compares a field with a value")
    field, wanted = node.args[0].text, node.args[1]
    if node.name == "has" and field == "tags":
        return field, lambda tags: wanted in (tags or [])
    if field == "error" and wanted is not None:
        raise Malformed("error cannot be compared with a boolean")
    if field not in FIELDS and field not in ENTRIES and field != "error":
        raise Malformed(f"unknown field {field}")
    if node.name not in COMPARE:
        raise Malformed(f"unknown function {node.name}")
    compare = COMPARE[node.name]
    if field.endswith("_time"):
        moment = time_of(wanted)
        return field, lambda found: compare(time_of(found), moment)
    return field, lambda found: compare(found, wanted)


def time_of(text: Any) -> Any:
    if text is None or isinstance(text, datetime):
        return text
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
