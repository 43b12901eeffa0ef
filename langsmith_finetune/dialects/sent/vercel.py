"""What the providers of Vercel's AI SDK change in a prompt.

    answers in parts   sent as parts to Anthropic, Bedrock and the Responses API; as JSON text to others
    names              beside what tools answered, for Mistral
    parameters         a schema of Google's own, which has few keywords

Source: `@ai-sdk/anthropic`, `@ai-sdk/mistral`, `convertJSONSchemaToOpenAPISchema` of `@ai-sdk/google`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.runs.fields import RunPayload

_BY_NAME = {
    "anthropic.": "anthropic",
    "google.": "google",
    "mistral.": "mistral",
    "openai.responses": "responses",
    "amazon-bedrock": "bedrock",
}
"""How the run of a model's call begins, which has the name of its provider unless the application gives another."""

KEEP_PARTS = frozenset({"anthropic", "bedrock", "google", "responses"})
"""Providers whose APIs have several texts in one message of the model's."""


def provider_of(run: RunPayload) -> str | None:
    """Who answered, where the answer or the run's name tells; OpenAI's Responses API by its own name."""
    metadata = run.outputs.get("providerMetadata")
    if isinstance(metadata, Mapping):
        openai = metadata.get("openai")
        if isinstance(openai, Mapping) and "responseId" in openai:
            return "responses"
        for name in ("anthropic", "bedrock", "google"):
            if name in metadata:
                return name
    return next((name for start, name in _BY_NAME.items() if run.name.startswith(start)), None)


def with_answers_in_parts(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answers of tools that are parts, as parts."""
    content = message.get("content")
    if message.get("role") != "tool" or not isinstance(content, (list, tuple)):
        return message
    return {**message, "content": [_in_parts(part) for part in content]}


def _in_parts(part: Any) -> Any:
    output = part.get("output") if isinstance(part, Mapping) else None
    if not isinstance(output, Mapping) or output.get("type") != "content":
        return part
    value = output.get("value")
    if not isinstance(value, (list, tuple)) or not value:
        return part
    if any(not isinstance(one, Mapping) or one.get("type") not in ("text", "media") for one in value):
        return part
    return {**{key: value_of for key, value_of in part.items() if key != "output"}, "content": value}


def name_answers(messages: list[Message]) -> None:
    """Put the name of the function beside what it answered."""
    names: dict[str, str] = {}
    for message in messages:
        names |= {call["id"]: call["function"]["name"] for call in message.get("tool_calls", ())}
        if message["role"] == "tool" and message["tool_call_id"] in names:
            message["name"] = names[message["tool_call_id"]]


def change_schemas(conversation: Conversation, notes: Notes) -> None:
    """Put parameters as Google's schema has them; note those that versions of the SDK change each in its own way."""
    for index, tool in enumerate(conversation.tools):
        function = tool["function"]
        schema = function.get("parameters")
        if schema is None:
            continue
        if not _is_plain(schema):
            notes.add("schema_changed", f"tools[{index}]")
        elif _is_empty(schema):
            del function["parameters"]
        else:
            function["parameters"] = _changed(schema)


_KEPT = ("type", "description", "required", "format", "properties", "items", "minLength", "enum")
_CHANGED = frozenset({"$ref", "allOf", "anyOf", "oneOf", "const"})


def _is_plain(schema: Any) -> bool:
    """True if every version makes the same of a schema."""
    if not isinstance(schema, Mapping) or not _CHANGED.isdisjoint(schema):
        return False
    enum = schema.get("enum")
    if "enum" in schema and not (
        isinstance(enum, list) and enum and all(isinstance(one, str) for one in enum)
    ):
        return False
    if "type" in schema and not isinstance(schema["type"], str):
        return False
    properties = schema.get("properties")
    inner = list(properties.values()) if isinstance(properties, Mapping) else []
    if "items" in schema:
        inner.append(schema["items"])
    return all(_is_plain(one) for one in inner)


def _is_empty(schema: Mapping[str, Any]) -> bool:
    return bool(
        schema.get("type") == "object"
        and not schema.get("properties")
        and not schema.get("additionalProperties")
    )


def _changed(schema: Mapping[str, Any]) -> dict[str, Any]:
    if _is_empty(schema):
        described = {"description": schema["description"]} if schema.get("description") else {}
        return {"type": "object", **described}
    found = {key: schema[key] for key in _KEPT if schema.get(key) is not None}
    if isinstance(found.get("properties"), Mapping):
        found["properties"] = {name: _changed(one) for name, one in found["properties"].items()}
    if isinstance(found.get("items"), Mapping):
        found["items"] = _changed(found["items"])
    return {key: value for key, value in found.items() if value != ""}
