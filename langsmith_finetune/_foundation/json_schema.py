"""Converts Gemini's schemas to JSON Schema: its types are in capitals, and Python's SDK writes keywords_so.

LangChain of 2024 posts them as protocol buffers: types are numbers, under `type_`, and what is not there is empty.
Source: https://ai.google.dev/api/caching#Schema
"""

from __future__ import annotations

from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT

_TYPES = frozenset({"STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"})
KEYWORDS = {
    "any_of": "anyOf", "max_items": "maxItems", "min_items": "minItems", "max_length": "maxLength",
    "min_length": "minLength", "max_properties": "maxProperties", "min_properties": "minProperties",
    "additional_properties": "additionalProperties", "defs": "$defs", "ref": "$ref",
    "property_ordering": "propertyOrdering",
}  # fmt: skip
OF_NAMES = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
OF_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
A_SCHEMA = frozenset({
    "items", "additionalItems", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames",
    "unevaluatedItems", "unevaluatedProperties",
})  # fmt: skip


def json_schema(schema: Any, *, of_gemini: bool = False) -> Any:
    """A schema with the names of types as JSON Schema has them, at any depth.

    Names of properties, and values such as an enum's, stay as they are.

    Args:
        schema: JSON, free of what is not.
        of_gemini: It is Gemini's own, so that `any_of` is a keyword and null is absent.
    """
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("type_"), int):
        return _of_protocol_buffers(schema)
    named = schema.get("type")
    of_gemini = of_gemini or (isinstance(named, str) and named in _TYPES)
    found: dict[str, Any] = {}
    for written, value in schema.items():
        key = str(KEYWORDS.get(written, written)) if of_gemini else written
        if value is None and of_gemini:
            continue
        if key == "type":
            found[key] = [_lowered(name) for name in value] if isinstance(value, list) else _lowered(value)
        elif key in OF_NAMES and isinstance(value, dict):
            found[key] = {name: json_schema(inner, of_gemini=of_gemini) for name, inner in value.items()}
        elif key in OF_SCHEMAS and isinstance(value, list):
            found[key] = [json_schema(inner, of_gemini=of_gemini) for inner in value]
        elif key in A_SCHEMA and isinstance(value, OBJECT):
            found[key] = json_schema(value, of_gemini=of_gemini)
        else:
            found[key] = value
    return found


_BY_NUMBER = ("", "string", "number", "integer", "boolean", "array", "object", "null")


def _of_protocol_buffers(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose every field is there, most of them empty."""
    number = schema["type_"]
    found: dict[str, Any] = {}
    if 0 < number < len(_BY_NUMBER):
        found["type"] = _BY_NUMBER[number]
    for written, value in schema.items():
        key = written.removesuffix("_")
        if key == "type" or value in (None, "", [], {}, False, 0, "0"):
            continue
        if key == "properties" and isinstance(value, dict):
            found[key] = {name: json_schema(inner, of_gemini=True) for name, inner in value.items()}
        else:
            is_count = key in ("max_items", "min_items") and isinstance(value, str) and value.isdigit()
            found[str(KEYWORDS.get(key, key))] = (
                int(value) if is_count else json_schema(value, of_gemini=True)
            )
    return found


def _lowered(name: Any) -> Any:
    return name.lower() if isinstance(name, str) and name in _TYPES else name
