"""Tool definitions, in every form that a request writes them, as OpenAI's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.shapes.canonical import (
    OBJECT,
    Conversation,
    Function,
    Notes,
    Tool,
    Unreadable,
    json_at,
    list_at,
    malformed,
    mapping_at,
    text_at,
)
from langsmith_finetune.shapes.run import RunPayload

_FUNCTION_KEYS = frozenset(
    {"name", "description", "parameters", "strict", "type", "input_schema", "inputSchema"}
)
SETTINGS = frozenset({
    "conversation", "function_call", "functions", "parallel_tool_calls", "previous_response_id",
    "response_format", "tool_choice", "tools",
})  # fmt: skip
"""The settings of a call that are looked at here."""

_NO_CHOICE: tuple[Any, ...] = (None, "auto", {"type": "auto"})
_NO_FORMAT: tuple[Any, ...] = (None, {"type": "text"})


def add_request_settings(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Add the tools that the request offered; note the settings that a training line has no place for.

    Raises:
        Unreadable: The request went on from something that is kept at the provider.
    """
    inputs = run.inputs if isinstance(run.inputs, OBJECT) else {}
    params, options = run.extra.get("invocation_params"), run.extra.get("options")
    places = [  # the third is LiteLLM's
        place
        for place in (inputs, params, inputs.get("model_parameters"), options)
        if isinstance(place, OBJECT)
    ]
    if all(map(SETTINGS.isdisjoint, places)):
        return  # as in most calls: nothing but messages and a model

    def setting(key: str) -> Any:
        for place in places:
            value = place.get(key)
            if value is not None:
                return value
        return None

    refuse_kept_elsewhere(setting("previous_response_id"), run.invocation("conversation"))
    tools = setting("tools")
    if tools is not None:
        conversation.tools = tools_from("tools", tools, notes)
    functions = setting("functions")
    if functions is not None:
        conversation.functions = [
            function_from(f"functions[{i}]", f, notes) for i, f in enumerate(list_at("functions", functions))
        ]
    choice = setting("tool_choice")
    parallel = setting("parallel_tool_calls")
    if isinstance(choice, Mapping) and choice.get("disable_parallel_tool_use") is True:
        parallel, choice = False, {"type": choice.get("type")}  # Anthropic's place for the same
    # The API refuses the setting without tools, so a default of the caller's never went over the wire.
    if isinstance(parallel, bool) and conversation.tools:
        conversation.parallel_tool_calls = parallel
    _note_unseen((choice, setting("function_call")), setting("response_format"), notes)


def _note_unseen(choices: tuple[Any, Any], response_format: Any, notes: Notes) -> None:
    """Note the settings that a training line has no place for."""
    if any(choice not in _NO_CHOICE for choice in choices):
        notes.add("tool_choice", "the call named tool_choice or function_call")
    if response_format not in _NO_FORMAT:
        notes.add("response_format", "the call named a response_format")


def refuse_kept_elsewhere(*references: Any) -> None:
    """Refuse a call that went on from a conversation, an answer or a prompt kept at the provider."""
    if any(references):
        raise Unreadable(
            "kept_elsewhere",
            "the call went on from previous_response_id, a conversation or a prompt that the provider keeps",
        )


def note_missing_tools(conversation: Conversation, notes: Notes, *, in_history: bool) -> None:
    """Note calls of tools that the run does not name.

    Args:
        conversation: What was read.
        notes: Takes the note.
        in_history: Calls in the history count too. They do not where the producer posts the whole request:
            a last turn may well have been asked without tools.
    """
    if conversation.tools or conversation.functions:
        return
    messages = conversation.messages if in_history else conversation.messages[-1:]
    if any("tool_calls" in message or "function_call" in message for message in messages):
        notes.add("tools_missing", "tools are called, but the run names none")


def tools_from(where: str, tools: Any, notes: Notes) -> list[Tool]:
    """Definitions in OpenAI's chat form (`function` inside), or flat: Responses, Anthropic, Vercel's SDK."""
    found: list[Tool] = []
    for index, tool in enumerate(list_at(where, tools)):
        at = f"{where}[{index}]"
        definition = mapping_at(at, tool)
        kind = definition.get("type", "function")
        if isinstance(definition.get("function"), OBJECT):
            found.append({"type": "function", "function": function_from(at, definition["function"], notes)})
        elif "name" in definition and (kind in ("function", None) or "input_schema" in definition):
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
    notes.spend(1 + (len(function["name"]) + len(function.get("description", ""))) // 100)
    for key in ("parameters", "input_schema", "inputSchema"):
        if definition.get(key) is not None:
            schema = mapping_at(f"{where}.{key}", definition[key])
            function["parameters"] = json_at(f"{where}.{key}", schema, notes)
            break
    if isinstance(definition.get("strict"), bool):
        function["strict"] = definition["strict"]
    if any(key not in _FUNCTION_KEYS and value is not None for key, value in definition.items()):
        notes.add("keys_dropped", where)
    return function
