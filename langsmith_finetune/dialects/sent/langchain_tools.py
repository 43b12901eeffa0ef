"""What LangChain's chat models in Python change in the tools that they are given.

    Ollama      its client knows four keywords of a property, and leaves out all others
    Bedrock     a type that may be null is that type alone
    Gemini      a schema of Google's own, that lacks most keywords

The versions of the packages differ in what they change, and a run does not tell its version: this is noted.
Source: `ollama.Tool`, `_strip_null_anyof` of langchain-aws, `convert_to_genai_function_declarations`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.dialects.sent.langchain import model_type
from langsmith_finetune.runs.fields import RunPayload


def tools_as_sent(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Change the tools as the chat model does, and note whose parameters its versions send otherwise.

    Args:
        conversation: Its tools are as the run holds them.
        run: A run of LangChain's.
        notes: Takes the note.
    """
    known = _KNOWN.get(model_type(run) or "")
    if known is None:
        return
    keywords, change = known
    if change is _by_gemini and "ls_integration" in run.metadata:
        change = _by_gemini_of_2026
    for index, tool in enumerate(conversation.tools):
        function = tool["function"]
        schema = function.get("parameters")
        if schema is None or _is_plain(schema, keywords):
            continue
        notes.add("schema_changed", f"tools[{index}]")
        if change is not _by_bedrock or "lc_versions" in run.metadata:
            function["parameters"] = change(schema)


_PLAIN = frozenset({"type", "description", "properties", "required", "items", "enum"})


def _is_plain(schema: Any, keywords: frozenset[str] | None) -> bool:
    """True if every version sends a schema as it is.

    Args:
        schema: JSON Schema.
        keywords: What may be in it; None where all may, but for types that can be null.
    """
    if not isinstance(schema, Mapping):
        return True
    if isinstance(schema.get("type"), list):
        return False
    if keywords is None:
        if any(isinstance(one, Mapping) and one.get("type") == "null" for one in schema.get("anyOf") or ()):
            return False
    elif not keywords.issuperset(schema):
        return False
    inner = [schema.get("items"), *(schema.get("anyOf") or ())]
    for key in ("properties", "$defs"):
        if isinstance(schema.get(key), Mapping):
            inner += schema[key].values()
    return all(_is_plain(one, keywords) for one in inner)


def _by_ollama(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as Ollama's client of 2025 and later knows them."""
    found = {key: value for key, value in schema.items() if key in _OF_PARAMETERS and value is not None}
    if isinstance(schema.get("properties"), Mapping):
        found["properties"] = {
            name: {key: value for key, value in one.items() if key in _OF_PROPERTY and value is not None}
            for name, one in schema["properties"].items()
            if isinstance(one, Mapping)
        }
    return found


def _by_bedrock(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without types that may be null, as langchain-aws of late 2026 has them."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "anyOf" and isinstance(value, list):
            others = [
                _inside(one) for one in value if not (isinstance(one, dict) and one.get("type") == "null")
            ]
            if len(others) == 1 and isinstance(others[0], dict):
                found |= others[0]
            else:
                found[key] = others or value
        elif key == "type" and isinstance(value, list):
            types = [one for one in value if one != "null"]
            found[key] = types[0] if len(types) == 1 else types or value
        else:
            found[key] = [_inside(one) for one in value] if isinstance(value, list) else _inside(value)
    return found


def _inside(value: Any) -> Any:
    return _by_bedrock(value) if isinstance(value, dict) else value


def _by_gemini_of_2026(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same, but that only the parameters themselves may be null, and no property of theirs."""
    found = _by_gemini(schema)
    for one in found.get("properties", {}).values():
        for key in ("properties", "items"):
            if key in one:
                one[key] = _without_null(one[key])
    return found


def _without_null(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: _without_null(inner) for key, inner in value.items() if not (key == "nullable" and inner is True)
    }


def _by_gemini(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as langchain-google-genai has them since 2.1: types, descriptions and enums alone."""
    found = {key: schema[key] for key in ("type", "description", "required") if schema.get(key)}
    if isinstance(schema.get("properties"), Mapping):
        found["properties"] = {
            name: _property_by_gemini(one)
            for name, one in schema["properties"].items()
            if isinstance(one, dict)
        }
    return found


def _property_by_gemini(given: dict[str, Any]) -> dict[str, Any]:
    kinds = [one for one in given.get("anyOf") or () if isinstance(one, dict)]
    others = [one for one in kinds if one.get("type") != "null"]
    if kinds and len(others) == len(kinds):
        return given  # several types, none of them null
    schema = others[-1] if others else given
    found = {key: schema.get(key) or given.get(key) for key in ("type", "enum", "description")}
    found = {key: value for key, value in found.items() if value}
    if len(others) < len(kinds):
        found["nullable"] = True
    if found.get("type") == "array" and isinstance(schema.get("items"), dict):
        found["items"] = _property_by_gemini(schema["items"])
    inner = schema.get("properties")
    if found.get("type") == "object" and isinstance(inner, Mapping):
        found["properties"] = {
            name: _property_by_gemini(one) for name, one in inner.items() if isinstance(one, dict)
        }
        found["required"] = [
            name for name, one in inner.items() if isinstance(one, dict) and "default" not in one
        ]
    return found


_OF_PARAMETERS = frozenset({"type", "$defs", "items", "required", "properties"})
_OF_PROPERTY = frozenset({"type", "items", "description", "enum"})


_KNOWN: dict[str, tuple[frozenset[str] | None, Callable[[Mapping[str, Any]], dict[str, Any]]]] = {
    "amazon_bedrock_converse_chat": (None, _by_bedrock),
    "chat-google-generative-ai": (_PLAIN, _by_gemini),
    "chat-ollama": (_PLAIN - {"items", "enum"}, _by_ollama),
}
