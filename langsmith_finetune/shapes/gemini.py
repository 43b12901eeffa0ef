"""`wrap_gemini`, in Python and JavaScript: the contents as messages, the rest of the request in `config`.

    inputs.messages                  [{"role": "user" | "model", "content": text or parts}]
    inputs.config                    system_instruction, tools[].function_declarations, tool_config, ...
    outputs                          {"content", "role", "finish_reason", "tool_calls"}; streamed without role

The wrapper loses parts before it posts: those given as objects are left out, which shows where a message is
left empty; a stream keeps its text alone, calls are left out; thoughts that were asked for are mixed into the
answer. Such runs are refused. Sources: https://ai.google.dev/api/generate-content, `langsmith.wrappers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.shapes.canonical import (
    OBJECT,
    Conversation,
    Message,
    Notes,
    Tool,
    Unreadable,
    json_at,
    list_at,
    malformed,
    mapping_at,
)
from langsmith_finetune.shapes.content import content_from
from langsmith_finetune.shapes.messages import Turns
from langsmith_finetune.shapes.run import RunPayload
from langsmith_finetune.shapes.tools import function_from, refuse_kept_elsewhere

_SNAKE = str.maketrans({letter: f"_{letter.lower()}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"})
# The keywords of Gemini's schema that Python's SDK writes otherwise than JSON Schema does.
_KEYWORD = {
    "any_of": "anyOf", "max_items": "maxItems", "min_items": "minItems", "max_length": "maxLength",
    "min_length": "minLength", "max_properties": "maxProperties", "min_properties": "minProperties",
    "additional_properties": "additionalProperties", "defs": "$defs", "ref": "$ref",
    "property_ordering": "propertyOrdering",
}  # fmt: skip


def is_gemini(run: RunPayload) -> bool:
    """Whether `wrap_gemini` posted the run: its metadata says so, or a config that nobody else writes."""
    if run.metadata.get("ls_provider") == "google" and "ls_invocation_params" in run.metadata:
        return True
    config = run.inputs.get("config")
    return isinstance(config, OBJECT) and _setting(config, "system_instruction") is not None


def add_request(run: RunPayload, turns: Turns) -> None:
    """Read the system instruction and the contents."""
    config = _config(run)
    refuse_kept_elsewhere(_setting(config, "cached_content"))
    system = _setting(config, "system_instruction")
    if system:
        turns.messages.append({"role": "system", "content": _instruction(system, turns.notes)})
    for index, found in enumerate(list_at("inputs.messages", run.inputs.get("messages"))):
        where = f"inputs.messages[{index}]"
        message = mapping_at(where, found)
        if not message.get("content"):
            raise Unreadable("lost_at_source", f"{where} was posted without its parts, as wrap_gemini does")
        role = message.get("role")
        before = len(turns.messages)
        turns.add(where, {**message, "role": "assistant" if role == "model" else role or "user"})
        for added in turns.messages[before:]:
            _drop_made_up_detail(added)


def add_answer(run: RunPayload, turns: Turns) -> None:
    """Check that the answer is whole; and give its calls ids that no call before them has."""
    outputs, config = run.outputs, _config(run)
    streamed_in_python = "role" not in outputs
    if streamed_in_python and _setting(config, "tools"):
        raise Unreadable("lost_at_source", "wrap_gemini posts the text of a stream alone; tools were offered")
    thinking = _setting(config, "thinking_config")
    asked_for_thoughts = isinstance(thinking, Mapping) and _setting(thinking, "include_thoughts") is True
    content = outputs.get("content")
    several = isinstance(content, (list, tuple)) or bool(content and outputs.get("tool_calls"))
    told = isinstance(content, (list, tuple)) and any(
        isinstance(p, Mapping) and "thought" in p for p in content
    )
    if asked_for_thoughts and several and not streamed_in_python and not told:
        raise Unreadable(
            "lost_at_source", "wrap_gemini mixes the thoughts that were asked for into the answer"
        )
    calls = outputs.get("tool_calls")
    message = {key: outputs[key] for key in ("content", "tool_calls") if outputs.get(key)}
    if calls:
        message["tool_calls"] = _with_ids(list_at("outputs.tool_calls", calls), turns)
    turns.add("outputs", {"role": outputs.get("role", "assistant"), **message})
    _drop_made_up_detail(turns.messages[-1])
    candidates = _setting(config, "candidate_count")
    if isinstance(candidates, int) and candidates > 1:
        turns.notes.add(
            "other_candidates", "config.candidate_count asked for more; the wrapper posts the first"
        )


def add_settings(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Add the declared functions; note the settings that a training line has no place for."""
    config = _config(run)
    for index, found in enumerate(list_at("inputs.config.tools", _setting(config, "tools") or [])):
        where = f"inputs.config.tools[{index}]"
        if isinstance(found, str):
            raise Unreadable("lost_at_source", f"{where} is a Python function, called unseen by the SDK")
        tool = mapping_at(where, found)
        declared = list_at(where, _setting(tool, "function_declarations") or [])
        for place, function in enumerate(declared):
            conversation.tools.append(_tool(f"{where}.function_declarations[{place}]", function, notes))
        if any(value is not None for key, value in tool.items() if _snake(key) != "function_declarations"):
            notes.add("server_tool_dropped", where)
    calling = _setting(config, "tool_config")
    calling = _setting(calling, "function_calling_config") if isinstance(calling, Mapping) else None
    if isinstance(calling, Mapping) and calling.get("mode") not in (None, "AUTO", "MODE_UNSPECIFIED"):
        notes.add("tool_choice", "the call set a function calling mode")
    for key in ("response_schema", "response_json_schema"):
        if _setting(config, key) is not None:
            notes.add("response_format", f"the call named a {key}")
    if _setting(config, "response_mime_type") not in (None, "text/plain"):
        notes.add("response_format", "the call named a response_mime_type")


def _config(run: RunPayload) -> Mapping[str, Any]:
    config = run.inputs.get("config")
    return {} if config is None else mapping_at("inputs.config", config)


def _snake(key: Any) -> Any:
    return key.translate(_SNAKE) if isinstance(key, str) else key


def _setting(settings: Mapping[str, Any], key: str) -> Any:
    """A setting as Python's SDK or as JavaScript's spells it."""
    if settings.get(key) is not None:
        return settings[key]
    first, *rest = key.split("_")
    return settings.get(first + "".join(word.capitalize() for word in rest))


def _instruction(system: Any, notes: Notes) -> Any:
    """Text, a part, several, or a content that holds them."""
    where = "inputs.config.system_instruction"
    if isinstance(system, Mapping) and system.get("parts") is not None:
        system = system["parts"]
    if isinstance(system, Mapping):
        system = [system]
    if isinstance(system, (list, tuple)):
        system = [_text_part(f"{where}[{i}]", part) for i, part in enumerate(system)]
    return content_from(where, system, notes) or ""


def _text_part(where: str, part: Any) -> Any:
    if isinstance(part, Mapping):
        if part.get("parts") is not None:
            raise malformed(where, "a part with text", part)
        return {"type": "text", "text": part.get("text")}
    return part


def _drop_made_up_detail(message: Message) -> None:
    """The wrapper says `"detail": "high"` of every image; nobody asked for it."""
    for part in message["content"] if isinstance(message["content"], list) else ():
        if part["type"] == "image_url":
            part["image_url"].pop("detail", None)


def _with_ids(calls: Any, turns: Turns) -> list[Any]:
    """Gemini need not give a call an id; Python's wrapper makes `call_0` and so on, anew in each answer."""
    taken = {call["id"] for message in turns.messages for call in message.get("tool_calls", ())}
    told = [mapping_at(f"outputs.tool_calls[{i}]", call) for i, call in enumerate(calls)]
    ids = [call.get("id") for call in told]
    if all(isinstance(call_id, str) and call_id not in taken for call_id in ids):
        return told
    turns.notes.add("ids_made", "outputs.tool_calls")
    return [{**call, "id": turns.new_id()} for call in told]


def _tool(where: str, declaration: Any, notes: Notes) -> Tool:
    declaration = mapping_at(where, declaration)
    said = {key: declaration.get(key) for key in ("name", "description")}
    function = function_from(where, said, notes)
    plain = _setting(declaration, "parameters_json_schema")
    if plain is not None:
        at = f"{where}.parameters_json_schema"
        function["parameters"] = json_at(at, mapping_at(at, plain), notes)
    elif declaration.get("parameters") is not None:
        at = f"{where}.parameters"
        schema = json_at(at, mapping_at(at, declaration["parameters"]), notes)
        function["parameters"] = _json_schema(schema)
    known = {"name", "description", "parameters", "parameters_json_schema"}
    if any(value is not None and _snake(key) not in known for key, value in declaration.items()):
        notes.add("keys_dropped", where)
    return {"type": "function", "function": function}


def _json_schema(schema: Any) -> Any:
    """Gemini's schema as JSON Schema: its types are in capitals, and Python's SDK writes keywords_so.

    Source: https://ai.google.dev/api/caching#Schema
    """
    if not isinstance(schema, dict):
        return schema
    lowered: dict[str, Any] = {}
    for found, value in schema.items():
        key = str(_KEYWORD.get(found, found))
        if value is None:
            continue
        if key == "type" and isinstance(value, str):
            lowered[key] = value.lower()
        elif key in ("properties", "$defs") and isinstance(value, dict):
            lowered[key] = {name: _json_schema(inner) for name, inner in value.items()}
        elif key in ("items", "additionalProperties"):
            lowered[key] = _json_schema(value)
        elif key == "anyOf" and isinstance(value, list):
            lowered[key] = [_json_schema(inner) for inner in value]
        else:
            lowered[key] = value
    return lowered
