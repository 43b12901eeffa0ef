"""Converts the schema of a tool's parameters to JSON Schema, from what Google's SDKs and Arrow make of it.

Google's Schema writes types in capitals (`OBJECT`), its protobuf classes write `type_` and numbers. Arrow gives
every schema of a column the keys of all others, null where it had none. Sources:
https://ai.google.dev/api/caching#Schema, https://json-schema.org/draft/2020-12/json-schema-validation
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from langsmith_finetune._foundation.json_schema import A_SCHEMA, KEYWORDS, OF_NAMES, OF_SCHEMAS
from langsmith_finetune._foundation.safe_words import KNOWN

Tell: TypeAlias = Callable[[str, str, str], None]
"""Takes what was changed, one of the names below; the field; and how it is put right."""

TYPES = "schema types written as JSON Schema's"
NULLS = "null in a schema dropped"

_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_NUMBERED = dict(enumerate(_TYPES[:6], start=1))  # google.ai.generativelanguage.Type
_NO_TYPE = ("TYPE_UNSPECIFIED", 0)
_WRITTEN = {name: kind for kind in _TYPES for name in (kind.upper(), kind.title())}
_OF_PROTOBUF = {"type_": "type", "format_": "format"}
_KEYWORDS = KEYWORDS | _OF_PROTOBUF
_ODD = re.compile(f':null|"(?:type_|format_)":|"(?:{"|".join(_WRITTEN)}|TYPE_UNSPECIFIED)"'.encode())
_NESTED = OF_SCHEMAS | A_SCHEMA
_NULL_IS_A_VALUE = frozenset({"default", "const", "example"})


def holds_nothing(value: Any) -> bool:
    """True if a value is null, or an object of nulls alone, as Arrow makes one of a missing struct."""
    if isinstance(value, Mapping):
        return bool(value) and all(holds_nothing(inner) for inner in value.values())
    return value is None


def json_schema(schema: Any, at: str, tell: Tell) -> Any:
    """The schema as JSON Schema has it; itself where that is what it is.

    Args:
        schema: A schema; anything else is returned as it is.
        at: Its path.
        tell: Called with each change.

    Example:
        >>> json_schema({"type_": "OBJECT", "items": None, "default": None}, "", lambda *change: None)
        {'type': 'object', 'default': None}
    """
    try:
        if not _ODD.search(msgspec.json.encode(schema)):
            return schema  # ten times as fast as looking, and nearly always so
    except (TypeError, ValueError):
        pass
    return _walked(schema, at, tell)


def _walked(schema: Any, at: str, tell: Tell, *, of_google: bool = False) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    found: dict[Any, Any] = {}
    is_changed = False
    of_google = of_google or _is_googles(schema)
    names = _KEYWORDS if of_google else _OF_PROTOBUF
    for key, value in schema.items():
        name = names.get(key, key)
        if name in schema:
            name = key
        field = f"{at}.{name if name in _NAMED else '?'}"
        if name != key:
            tell(TYPES, f"{at}.{key}", f'Write "{name}"')
        if value is None if name in OF_NAMES else (_says_nothing(value) and name not in _NULL_IS_A_VALUE):
            tell(NULLS, field, "Remove the key")
        elif name == "type" and _is_one_of(value, _NO_TYPE):
            tell(TYPES, field, "Remove the key")
        else:
            found[name] = _keyword(name, value, field, tell, of_google=of_google, numbered=key == "type_")
            is_changed = is_changed or name != key or found[name] is not value
    return found if is_changed or len(found) != len(schema) else schema


_NAMED = KNOWN | OF_NAMES | _NESTED | {"enum", "format", "title", "default", "required", "nullable"}
"""Keys that may be said aloud; another may be somebody's."""


def _is_googles(schema: Mapping[Any, Any]) -> bool:
    kind = schema.get("type_", schema.get("type"))
    return "type_" in schema or (isinstance(kind, str) and kind in _WRITTEN)


def _keyword(name: Any, value: Any, field: str, tell: Tell, *, of_google: bool, numbered: bool) -> Any:
    if name == "type":
        return _type(value, field, tell, numbered=numbered)
    if name in OF_NAMES and isinstance(value, Mapping):
        named = {}
        for key, inner in value.items():
            at = f"{field}.{key if key in KNOWN else '?'}"
            if _says_nothing(inner):
                tell(NULLS, at, "Remove the key")
            else:
                named[key] = _walked(inner, at, tell, of_google=of_google)
        same = len(named) == len(value) and all(named[key] is value[key] for key in named)
        return value if same else named
    if name in _NESTED and isinstance(value, Mapping):
        return _walked(value, field, tell, of_google=of_google)
    if name in _NESTED and isinstance(value, list):
        listed = [
            _walked(inner, f"{field}[{index}]", tell, of_google=of_google)
            for index, inner in enumerate(value)
        ]
        return value if all(a is b for a, b in zip(listed, value, strict=True)) else listed
    return value


def _says_nothing(schema: Any) -> bool:
    return holds_nothing(schema) and not (isinstance(schema, Mapping) and _NULL_IS_A_VALUE & schema.keys())


def _type(value: Any, field: str, tell: Tell, *, numbered: bool) -> Any:
    if isinstance(value, list):
        listed = [
            _type(inner, f"{field}[{index}]", tell, numbered=numbered) for index, inner in enumerate(value)
        ]
        return value if listed == value else listed
    wanted = _WRITTEN.get(value) if isinstance(value, str) else None
    if numbered and type(value) is int:
        wanted = _NUMBERED.get(value)
    if wanted is None:
        return value
    tell(TYPES, field, f'Write "{wanted}"')
    return wanted


def _is_one_of(value: Any, values: tuple[Any, ...]) -> bool:
    return type(value) in (str, int) and value in values
