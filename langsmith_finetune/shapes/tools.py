"""Tool definitions, in every form that a request writes them, as OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.shapes.canonical import (
    Conversation,
    Function,
    Notes,
    Tool,
    json_at,
    list_at,
    malformed,
    mapping_at,
    text_at,
)
from langsmith_finetune.shapes.run import RunPayload

_FUNCTION_KEYS = frozenset({"name", "description", "parameters", "strict"})


def add_request_settings(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Add the tools that the request offered; note the settings that a training line has no place for."""
    inputs = run.inputs if isinstance(run.inputs, Mapping) else {}
    nested = inputs.get("model_parameters")
    places = (inputs, nested if isinstance(nested, Mapping) else {})

    def setting(key: str) -> Any:
        found = next((place[key] for place in places if place.get(key) is not None), None)
        return found if found is not None else run.invocation(key)

    tools = setting("tools")
    if tools is not None:
        conversation.tools = tools_from("tools", tools, notes)
    functions = setting("functions")
    if functions is not None:
        conversation.functions = [
            function_from(f"functions[{i}]", f, notes) for i, f in enumerate(list_at("functions", functions))
        ]
    parallel = setting("parallel_tool_calls")
    # The API refuses the setting without tools, so a default of the caller's never went over the wire.
    if isinstance(parallel, bool) and conversation.tools:
        conversation.parallel_tool_calls = parallel
    for choice in (setting("tool_choice"), setting("function_call")):
        if choice not in (None, "auto"):
            notes.add("tool_choice", "the call named tool_choice or function_call")
    if setting("response_format") not in (None, {"type": "text"}):
        notes.add("response_format", "the call named a response_format")


def tools_from(where: str, tools: Any, notes: Notes) -> list[Tool]:
    """Definitions in OpenAI's chat form (`function` inside), its flat Responses form, or Anthropic's."""
    found: list[Tool] = []
    for index, tool in enumerate(list_at(where, tools)):
        at = f"{where}[{index}]"
        definition = mapping_at(at, tool)
        kind = definition.get("type", "function")
        if isinstance(definition.get("function"), Mapping):
            found.append({"type": "function", "function": function_from(at, definition["function"], notes)})
        elif "name" in definition and (kind == "function" or "input_schema" in definition):
            found.append({"type": "function", "function": function_from(at, definition, notes)})
        elif isinstance(kind, str) and kind != "function":
            notes.add("server_tool_dropped", at)
        else:
            raise malformed(f"{at}.function", "a function's definition", definition.get("function"))
    return found


def function_from(where: str, definition: Any, notes: Notes) -> Function:
    """A function's name, description, parameters and strictness; null is absent."""
    definition = mapping_at(where, definition)
    function: Function = {"name": text_at(f"{where}.name", definition.get("name"))}
    if definition.get("description") is not None:
        function["description"] = text_at(f"{where}.description", definition["description"])
    parameters = definition.get("parameters", definition.get("input_schema"))
    if parameters is not None:
        function["parameters"] = json_at(f"{where}.parameters", mapping_at(f"{where}.parameters", parameters))
    if isinstance(definition.get("strict"), bool):
        function["strict"] = definition["strict"]
    known = _FUNCTION_KEYS | {"type", "input_schema"}
    if any(key not in known and value is not None for key, value in definition.items()):
        notes.add("keys_dropped", where)
    return function
