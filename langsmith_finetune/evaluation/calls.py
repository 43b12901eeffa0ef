"""Compares tool calls: arguments by what they mean in JSON, calls as a set."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

from langsmith_finetune._foundation.extras import missing
from langsmith_finetune._foundation.json_schema import json_schema
from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.chat_format import Tool
from langsmith_finetune.evaluation.answers import Call


def canonical(value: Any) -> str:
    """One text for all ways to write a JSON value: keys in order, `1.0` as `1`. Types stay apart.

    Args:
        value: JSON.

    Example:
        >>> canonical({"b": 1.0, "a": True}) == canonical({"a": True, "b": 1})
        True
        >>> canonical(1) == canonical("1"), canonical(1) == canonical(True)
        (False, False)
    """
    return compact_json(_in_order(value))


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _in_order(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_in_order(inner) for inner in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def call_text(call: Call) -> tuple[str, str]:
    """A call by what it does: its name, and its arguments in one form; as they were written where they are no object."""
    if call.arguments is None:
        return call.name, f"not an object: {call.text}"
    with suppress(RecursionError):
        return call.name, canonical(call.arguments)
    return call.name, call.text


def same_calls(one: Sequence[Call], other: Sequence[Call]) -> bool:
    """True if both make the same calls, in any order."""
    return Counter(map(call_text, one)) == Counter(map(call_text, other))


def same_names(one: Sequence[Call], other: Sequence[Call]) -> bool:
    """True if both call the same tools as often, whatever the arguments."""
    return Counter(call.name for call in one) == Counter(call.name for call in other)


def holds_calls(wanted: Sequence[Call], made: Sequence[Call]) -> bool:
    """True if every wanted call was made; further calls may have been made too."""
    return not Counter(map(call_text, wanted)) - Counter(map(call_text, made))


def is_valid(call: Call, tools: Sequence[Tool]) -> bool | None:
    """True if a tool of this name was offered and the arguments keep to its schema; None if the schema is none.

    References to other documents are not followed.

    Args:
        call: The call.
        tools: What was offered.
    """
    tool = next((tool for tool in tools if tool["function"]["name"] == call.name), None)
    validator = None if tool is None else _validator(compact_json(tool["function"].get("parameters") or {}))
    if tool is None or call.arguments is None:
        return False
    if validator is None:
        return None
    try:
        return bool(validator.is_valid(dict(call.arguments)))
    except Exception:  # noqa: BLE001 - a schema may refer to what is elsewhere, or to itself without end
        return None


def require_jsonschema() -> None:
    """See that arguments can be checked before anything is asked.

    Raises:
        ImportError: The extra `evaluation` is not installed.
    """
    try:
        import jsonschema  # noqa: F401, PLC0415
    except ImportError as error:
        raise missing("evaluation", "jsonschema", "evaluation") from error


@lru_cache(maxsize=1024)
def _validator(schema_text: str) -> Any:
    """What checks values by a schema; None where the schema is none."""
    from jsonschema import Draft202012Validator, SchemaError, validators  # noqa: PLC0415 - heavy
    from referencing import Registry  # noqa: PLC0415 - heavy

    schema = json_schema({"type": "object", **json.loads(schema_text)})
    kind = validators.validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        return kind(schema, registry=Registry())
    except (SchemaError, RecursionError):
        return None
