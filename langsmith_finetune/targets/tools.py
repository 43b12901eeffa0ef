"""Checks the tools that a line defines, and the calls of them."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NoReturn

from langsmith_finetune._foundation.json_text import DEEPEST, OBJECT, depth_of
from langsmith_finetune._foundation.surrogates import HALF, WHOLE, has_halves_in_json
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.schemas import json_schema

NO_TOOLS = "Leave the line out: this target trains no tool calls"
_CALL_KEYS = frozenset({"id", "type", "function"})
_FUNCTION_KEYS = frozenset({"name", "arguments"})
_TOOL_KEYS = frozenset({"type", "function"})
_DEFINITION_KEYS = frozenset({"name", "description", "parameters", "strict"})


def names_of_tools(tools: Any, field: str, problems: Problems) -> set[str] | None:
    """Check `tools`. Returns the names of the functions; None where there are no definitions to look at."""
    if not isinstance(tools, list):
        problems.say("tools", field, f"is {problems.what(tools)}, not a list", "Write a list of tools")
        return None
    rules = problems.rules
    if not tools:
        fix = "Leave the key out; or call check(..., fix=True)"
        problems.say("tools", field, "is a list of none", fix, warn=True)
    elif not rules.tools:
        problems.say("tools", field, f"is {problems.what(tools)}", NO_TOOLS)
    if rules.max_tools is not None and len(tools) > rules.max_tools:
        problems.say("tools", field, f"is a list of {len(tools)}", f"Offer at most {rules.max_tools}")
    names: set[str] = set()
    for index, tool in enumerate(tools):
        _tool(tool, f"{field}[{index}]", names, problems)
    return names


def read_call(call: Any, field: str, names: set[str] | None, problems: Problems) -> bool:
    """Check a call, but for its id. Returns whether it is one.

    Args:
        call: The call.
        field: Its path.
        names: The tools of the line.
        problems: Takes what is wrong.
    """
    function = call.get("function") if isinstance(call, OBJECT) else None
    if not isinstance(call, OBJECT) or not isinstance(function, OBJECT):
        fix = 'Write {"id", "type": "function", "function": {"name", "arguments"}}'
        problems.say("type", field, f"is {problems.what(call)} without a function", fix)
        return False
    problems.keys(field, call, _CALL_KEYS, "message_key")
    problems.keys(f"{field}.function", function, _FUNCTION_KEYS, "message_key")
    if call.get("type") != "function":
        fix = 'Write "function"; fix=True adds it where it is missing'
        problems.say("type", f"{field}.type", f"is {problems.what(call.get('type'))}", fix)
    name = function.get("name")
    if _is_name(name, f"{field}.function.name", problems) and name not in (names or ()):
        fix = "Add the tool to tools, so that the model learns to call what it is offered"
        what = "is called, but tools is missing" if names is None else "is none of the line's tools"
        problems.say("undefined_tool", f"{field}.function.name", what, fix)
    _arguments(function.get("arguments"), f"{field}.function.arguments", problems)
    return True


def _arguments(arguments: Any, field: str, problems: Problems) -> None:
    if isinstance(arguments, str):
        if arguments == "":
            problems.say("arguments", field, "is empty text", "Write {}; or call check(..., fix=True)")
        elif _is_deep(arguments):
            found = f"is JSON text nested deeper than {DEEPEST} levels"
            problems.say("arguments", field, found, "Leave the line out")
        elif not _is_object(arguments):
            fix = "Leave the line out, or correct it: a model trained on it would learn to fail"
            problems.say("arguments", field, "is not the JSON text of an object", fix)
        elif has_halves_in_json(arguments):
            problems.say("surrogate", field, HALF, WHOLE)
        problems.text(arguments, field)
    elif not isinstance(arguments, OBJECT):
        problems.say("type", field, f"is {problems.what(arguments)}", "Write the JSON text of an object")
    elif not problems.rules.argument_objects:
        fix = "Write it as JSON text; or call check(..., fix=True)"
        problems.say("type", field, "is an object, not its JSON text", fix)


def _tool(tool: Any, field: str, names: set[str], problems: Problems) -> None:
    function = tool.get("function") if isinstance(tool, OBJECT) else None
    if not isinstance(tool, OBJECT) or not isinstance(function, OBJECT):
        fix = 'Write {"type": "function", "function": {"name", "description", "parameters"}}'
        problems.say("tools", field, f"is {problems.what(tool)} without a function", fix)
        return
    at = f"{field}.function"
    problems.keys(field, tool, _TOOL_KEYS, "message_key")
    problems.keys(at, function, _DEFINITION_KEYS, "message_key")
    if tool.get("type") != "function":
        fix = 'Write "function"; fix=True adds it where it is missing'
        problems.say("tools", f"{field}.type", f"is {problems.what(tool.get('type'))}", fix)
    name = function.get("name")
    if _is_name(name, f"{at}.name", problems):
        if name in names:
            what = "is the name of another tool of the line"
            problems.say("tools", f"{at}.name", what, "Keep one definition a name", warn=True)
        names.add(str(name))
    if not isinstance(function.get("description", ""), str):
        what = f"is {problems.what(function['description'])}"
        problems.say("tools", f"{at}.description", what, "Write text, or leave the key out")
    if not isinstance(function.get("strict"), bool | None):
        problems.say(
            "tools", f"{at}.strict", f"is {problems.what(function['strict'])}", "Write true or false"
        )
    parameters = function.get("parameters", {})
    if isinstance(parameters, OBJECT):
        parameters = json_schema(parameters, f"{at}.parameters", problems.of_schema)
    fix = 'Write a JSON Schema of {"type": "object", "properties": {...}}'
    if not isinstance(parameters, OBJECT):
        problems.say("tools", f"{at}.parameters", f"is {problems.what(parameters)}, not an object", fix)
    elif parameters.get("type", "object") != "object":
        problems.say("tools", f"{at}.parameters.type", f"is {problems.what(parameters['type'])}", fix)


def _is_name(name: Any, field: str, problems: Problems) -> bool:
    wanted = problems.rules.function_name
    if isinstance(name, str) and pattern(wanted).fullmatch(name):
        return True
    what = f"is {problems.what(name)} that does not match {wanted}"
    problems.say("function_name", field, what, "Rename the function, in tools and calls alike")
    return False


def _is_deep(text: str) -> bool:
    """True if it is deeper than can be opened again wherever somebody writes it as an object."""
    return text.count("{") + text.count("[") > DEEPEST and depth_of(text) > DEEPEST


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(name: str) -> NoReturn:  # NaN and infinities are not JSON
    raise ValueError(name)


@lru_cache(maxsize=64)
def pattern(text: str) -> re.Pattern[str]:
    """A pattern, compiled once."""
    return re.compile(text)
