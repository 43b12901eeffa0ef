"""Converts tool definitions, in every form that requests have, to OpenAI's."""

from __future__ import annotations

import marshal
from collections.abc import Mapping
from typing import Any, cast

from langsmith_finetune._foundation.json_schema import json_schema
from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune._foundation.known_tools import LONGEST, Kept, exact_key
from langsmith_finetune.chat_format import Function, Tool
from langsmith_finetune.dialects.checked import json_at, list_at, malformed, mapping_at, text_at
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.runs.fields import RunPayload

_SCHEMAS = (
    "parameters_json_schema", "parametersJsonSchema", "parameters", "input_schema", "inputSchema",
)  # fmt: skip
_FUNCTION_KEYS = frozenset({"cache_control", "name", "description", "strict", "type", *_SCHEMAS})
_DECLARATIONS = ("function_declarations", "functionDeclarations")
FORMATS = frozenset({
    "response_format", "response_schema", "responseSchema", "response_json_schema", "responseJsonSchema",
    "response_mime_type", "responseMimeType", "output_format", "outputFormat", "output_config", "outputConfig",
    "format",
})  # fmt: skip
"""Settings that hold the answer to a format: OpenAI's, Gemini's, Anthropic's, Bedrock's, Ollama's."""

SETTINGS = FORMATS | frozenset({
    "generationConfig", "generation_config",
    "conversation", "function_call", "functions", "parallel_tool_calls", "previous_response_id",
    "toolConfig", "tool_choice", "tool_config", "tools",
})  # fmt: skip
"""The settings of a call that are looked at here."""

NO_CHOICE: tuple[Any, ...] = (None, "auto", {"type": "auto"})
"""Words for a choice that is left to the model."""

_NO_FORMAT: tuple[Any, ...] = (None, "text", "text/plain", {"type": "text"})


def add_request_settings(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Add the tools that the request offered; note the settings that a training line has no place for.

    Raises:
        Unreadable: The request went on from something that is kept at the provider.
    """
    places = run.settings
    if all(map(SETTINGS.isdisjoint, places)):
        return  # as in most calls: nothing but messages and a model

    found: dict[str, Any] = {}
    for place in reversed(places):  # so that the nearest to the wire has the last word
        found |= {key: place[key] for key in SETTINGS.intersection(place) if place[key] is not None}
    setting = found.get
    refuse_kept_elsewhere(setting("previous_response_id"), run.invocation("conversation"))
    configs = [found[key] for key in _CONFIGS if key in found and isinstance(found[key], OBJECT)]
    config: Mapping[str, Any] = configs[0] if configs else {}
    tools = setting("tools")
    if tools is None:
        tools = config.get("tools")  # Bedrock's place
    if tools is not None:
        conversation.tools = tools_from("tools", tools, notes)
    functions = setting("functions")
    if functions is not None:
        conversation.functions = [
            function_from(f"functions[{i}]", f, notes) for i, f in enumerate(list_at("functions", functions))
        ]
    choice = setting("tool_choice")
    parallel = setting("parallel_tool_calls")
    if choice is not None and isinstance(choice, Mapping) and choice.get("disable_parallel_tool_use") is True:
        parallel, choice = False, {"type": choice.get("type")}  # Anthropic's place for the same
    _add_parallel(conversation, parallel)
    _note_choice((choice, setting("function_call")), notes)
    for place in places:
        _note_format(place, notes)
    note_tool_config(config, notes)


def _add_parallel(conversation: Conversation, parallel: Any) -> None:
    # The API refuses the setting without tools, so a default of the caller's never went over the wire.
    if isinstance(parallel, bool) and conversation.tools:
        conversation.parallel_tool_calls = parallel


def _note_choice(choices: tuple[Any, Any], notes: Notes) -> None:
    if any(choice not in NO_CHOICE for choice in choices):
        notes.add("tool_choice", "the call named tool_choice or function_call")


def _note_format(settings: Mapping[str, Any], notes: Notes) -> None:
    """Note that the answer was held to a format."""
    if _HOLD_FORMATS.isdisjoint(settings):
        return
    for key in ("generationConfig", "generation_config"):  # LangChain.js with Gemini
        if isinstance(nested := settings.get(key), OBJECT):
            _note_format({name: value for name, value in nested.items() if name in FORMATS}, notes)
    for key in [name for name in settings if name in FORMATS]:
        value = settings[key]
        if key in ("output_config", "outputConfig"):  # which holds other settings too
            value = (
                next((value[part] for part in _PARTS if value.get(part)), None)
                if isinstance(value, OBJECT)
                else None
            )
        elif key == "format" and not (value == "json" or isinstance(value, OBJECT)):
            continue  # Ollama's are these; a function of the user's may call anything a format
        if value and value not in _NO_FORMAT:
            notes.add("response_format", f"the call named a {key}")


_HOLD_FORMATS = FORMATS | {"generationConfig", "generation_config"}
_PARTS = ("format", "textFormat", "text_format")


def note_tool_config(config: Mapping[str, Any], notes: Notes) -> None:
    """Note that Bedrock's or Gemini's configuration of tools forced or forbade them."""
    if not config:
        return
    choice = config.get("toolChoice")
    calling = config.get("function_calling_config") or config.get("functionCallingConfig")
    mode = calling.get("mode") if isinstance(calling, OBJECT) else None
    if mode not in (None, "AUTO", "MODE_UNSPECIFIED") or (
        isinstance(choice, OBJECT) and "auto" not in choice
    ):
        notes.add("tool_choice", "the call named how tools are to be called")


_CONFIGS = ("toolConfig", "tool_config")


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


def note_missing_calls(conversation: Conversation, notes: Notes) -> None:
    """Note an answer of text alone where tools were offered, and the producer posts nothing but text."""
    answer = conversation.messages[-1]
    if (conversation.tools or conversation.functions) and not answer.keys() & {"tool_calls", "function_call"}:
        notes.add("calls_missing", "tools were offered, and the producer posts the text of the answer alone")


def tools_from(where: str, tools: Any, notes: Notes) -> list[Tool]:
    """Definitions, with the function inside (OpenAI, Bedrock, Gemini) or flat (Responses, Anthropic, Vercel).

    The calls of one project offer the same few lists, each of which is read once and copied from then on.
    """
    key = exact_key(tools)
    if key is None:
        return _read_tools(where, tools, notes)
    if (known := _KNOWN.get((where, key))) is not None:
        written, taken = known
        taken.tell(notes)
        return cast("list[Tool]", marshal.loads(written))  # noqa: S302 - by us, below
    taken = Notes()
    found = _read_tools(where, tools, taken)
    taken.tell(notes)
    written = marshal.dumps(found, 4)
    if len(written) <= LONGEST:  # a short key may tell of one value in many places
        _KNOWN.keep((where, key), (written, taken))
    return found


_KNOWN: Kept[tuple[str, bytes], tuple[bytes, Notes]] = Kept()


def _read_tools(where: str, tools: Any, notes: Notes) -> list[Tool]:
    found: list[Tool] = []
    for index, tool in enumerate(list_at(where, tools)):
        at = f"{where}[{index}]"
        definition = mapping_at(at, tool)
        kind = definition.get("type", "function")
        if kind == "builtin_function":  # Moonshot's $web_search
            notes.add("server_tool_dropped", at)
        elif isinstance(definition.get("function"), OBJECT):
            found.append({"type": "function", "function": function_from(at, definition["function"], notes)})
        elif isinstance(definition.get("toolSpec"), OBJECT):
            found.append({"type": "function", "function": function_from(at, definition["toolSpec"], notes)})
        elif kind == "not_implemented":
            notes.add("tools_missing", f"{at} is an object that LangChain could not write down")
        elif isinstance(definition.get("cachePoint"), OBJECT):
            continue  # it marks what is to be cached, and offers nothing
        elif not definition.keys().isdisjoint(_GEMINI):
            found += _declared(at, definition, notes)
        elif "name" in definition and (kind in ("function", None) or "input_schema" in definition):
            found.append({"type": "function", "function": function_from(at, definition, notes)})
        elif isinstance(kind, str) and kind != "function":
            notes.add("server_tool_dropped", at)
        else:
            raise malformed(f"{at}.function", "a function's definition", definition.get("function"))
    return found


_GEMINI = frozenset({
    *_DECLARATIONS, "google_search", "googleSearch", "google_search_retrieval", "googleSearchRetrieval",
    "code_execution", "codeExecution", "url_context", "urlContext", "google_maps", "googleMaps",
    "enterprise_web_search", "enterpriseWebSearch", "computer_use", "computerUse", "file_search",
    "fileSearch", "retrieval", "mcp_servers", "mcpServers",
})  # fmt: skip


def _declared(where: str, tool: Mapping[str, Any], notes: Notes) -> list[Tool]:
    """The functions that one tool of Gemini's declares; what else it is runs at the provider."""
    found: list[Tool] = []
    for key in _DECLARATIONS:
        for place, declaration in enumerate(list_at(f"{where}.{key}", tool.get(key) or [])):
            function = function_from(f"{where}.{key}[{place}]", declaration, notes, of_gemini=True)
            found.append({"type": "function", "function": function})
    if any(value is not None for key, value in tool.items() if key not in _DECLARATIONS):
        notes.add("server_tool_dropped", where)
    return found


def function_from(where: str, definition: Any, notes: Notes, *, of_gemini: bool = False) -> Function:
    """A function's name, description, parameters and strictness; null is absent.

    Args:
        where: The field, for error texts.
        definition: The function's object, in any dialect.
        notes: Takes what is left out.
        of_gemini: Its parameters are a schema of Gemini's, wherever no type shows it.
    """
    definition = mapping_at(where, definition)
    function: Function = {"name": text_at(f"{where}.name", definition.get("name"))}
    if definition.get("description") is not None:
        function["description"] = text_at(f"{where}.description", definition["description"])
    notes.spend(1 + (len(function["name"]) + len(function.get("description", ""))) // 100)
    for key in _SCHEMAS:
        if definition.get(key) is not None:
            schema = mapping_at(f"{where}.{key}", definition[key])
            if schema.keys() == {"json"} and isinstance(schema["json"], OBJECT):
                schema = schema["json"]  # Bedrock
            found = json_at(f"{where}.{key}", schema, notes)
            function["parameters"] = json_schema(found, of_gemini=of_gemini and key == "parameters")
            break
    if isinstance(definition.get("strict"), bool):
        function["strict"] = definition["strict"]
    if any(key not in _FUNCTION_KEYS and value is not None for key, value in definition.items()):
        notes.add("keys_dropped", where)
    return function
