"""Removes arguments that nobody gave, which some SDKs post as the text of a placeholder.

    "tools": "<openai.Omit object at 0x7f48f2a36690>", "stop": "NOT_GIVEN"

langsmith 0.3 to 0.4.31 posts one for every argument left out of a call of the SDKs of 2025, whose clients
hold their place by objects (`openai.Omit`, `anthropic.NotGiven`). `wrap_anthropic` makes a system message of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.json_text import DEEPEST, OBJECT

if TYPE_CHECKING:
    from langsmith_finetune.runs.fields import RunPayload

_CLASSES = "NotGiven|NOT_GIVEN|not_given|Omit|OMIT|omit|Unset|UNSET|PydanticUndefined(?:Type)?|_MISSING_TYPE"
_PLACEHOLDER = re.compile(
    rf"<(?:class ')?(?:\w+\.)*(?:{_CLASSES}|object)(?:\(\))? object at 0x[0-9a-fA-F]+>"
    rf"|<(?:class ')?(?:\w+\.)*(?:{_CLASSES})(?:\(\))?'?>"
    rf"|(?:\w+\.)+(?:{_CLASSES})(?:\(\))?"
    rf"|(?:{_CLASSES})\(\)"
    r"|NOT_GIVEN|NotGiven|PydanticUndefined|~\?~unset~\?~sentinel~\?~"
)
_LONGEST = 120

_SAID = frozenset({
    "content", "text", "input", "output", "outputs", "arguments", "args", "result", "response", "data", "value",
    "summary", "partial_json",
})  # fmt: skip
"""Where a text is what somebody said, whatever it says."""

_OPAQUE = frozenset({
    "arguments", "args", "input", "response", "result", "parameters", "input_schema", "inputSchema", "schema",
    "parameters_json_schema", "parametersJsonSchema", "json_schema", "value",
    "usage", "usage_metadata", "token_usage", "tokenUsage",
})  # fmt: skip
"""Where an object is the caller's own (arguments, schemas, answers of tools), or counts that nobody reads."""

_FIRST, _LAST = frozenset("<NnOoUP_~"), frozenset("nNtTdeE)>~")
"""What a placeholder begins with, unless its class is named by the way to it, and what it ends with."""
_NO_OBJECTS = frozenset({int, float, bool, type(None)})
_TEXT_OR_NONE = frozenset({str, *_NO_OBJECTS})
_MANY = 100_000  # objects and lists; what holds itself has more


def name_arguments(run: RunPayload) -> None:
    """Tell a function's arguments apart where JavaScript, which does not know their names, posts a list of them.

        {"args": [[{"role": "user", ...}], [{"type": "function", ...}], "You are terse."]}

    The messages and the tools show what they are; another stays as one that is to be read.
    """
    inputs = run.inputs
    if not (isinstance(inputs, OBJECT) and inputs.keys() == {"args"} and isinstance(inputs["args"], list)):
        return
    named: dict[str, Any] = {}
    for index, argument in enumerate(inputs["args"]):
        first = argument[0] if isinstance(argument, list) and argument else None
        name = f"argument {index}"
        if isinstance(first, OBJECT):
            if ("role" in first or first.get("type") == "constructor") and "messages" not in named:
                name = "messages"
            elif _is_tool(first) and "tools" not in named:
                name = "tools"
        named[name] = argument
    if "messages" in named:
        run.inputs = named


def _is_tool(item: Mapping[str, Any]) -> bool:
    return item.get("type") == "function" or not item.keys().isdisjoint(_TOOL)


_TOOL = frozenset({"input_schema", "functionDeclarations", "toolSpec", "function"})


def is_placeholder(value: Any) -> bool:
    """True if a value is the text, or LangChain's telling, of an object that stands for "not given"."""
    if isinstance(value, str):
        if not value or value[-1] not in _LAST or (value[0] not in _FIRST and "." not in value):
            return False  # as nearly all are
        return len(value) <= _LONGEST and _PLACEHOLDER.fullmatch(value) is not None
    if isinstance(value, OBJECT) and value.get("type") == "not_implemented":
        path = value.get("id")
        name = path[-1] if isinstance(path, (list, tuple)) and path else None
        return is_placeholder(value.get("repr")) or (isinstance(name, str) and is_placeholder(f"<{name}>"))
    return False


def forget_placeholders(run: RunPayload) -> None:
    """Leave every argument that nobody gave out of a payload."""
    inner = run.extra.get("metadata")
    parts = [run.inputs, run.outputs, run.extra]
    if run.metadata is not inner:
        parts.append(run.metadata)
    if not _may_hold_some(parts):  # as in nearly all
        run.inputs = _inputs(run.inputs, run.inputs)
        return
    run.inputs = _inputs(run.inputs, given(run.inputs))
    run.outputs, run.extra = given(run.outputs), given(run.extra)
    is_inner = run.metadata is inner and "metadata" in run.extra
    run.metadata = run.extra["metadata"] if is_inner else given(run.metadata)


def given(value: Any) -> Any:
    """A value without the entries whose value is a placeholder; itself where there are none."""
    return _given(value, {}, 0) if _may_hold_some(value) else value


def _may_hold_some(value: Any) -> bool:  # noqa: C901, PLR0912 - one loop, since every value goes through it
    """True if a value must be looked at with care: what was read from JSON seldom must, and is looked over quickly."""
    waiting = [value]
    for place in waiting:
        kind = type(place)
        if kind is list:
            waiting += [item for item in place if type(item) not in _TEXT_OR_NONE]
        elif kind is dict:
            for key, item in place.items():
                kind = type(item)
                if kind is str:
                    if (
                        item
                        and item[-1] in _LAST
                        and (item[0] in _FIRST or "." in item)
                        and key not in _SAID
                        and is_placeholder(item)
                    ):
                        return True
                elif kind is dict:
                    if key not in _OPAQUE:
                        waiting.append(item)
                elif kind is list:
                    if key != "id":  # the path of a class
                        waiting.append(item)
                elif kind not in _NO_OBJECTS:
                    return True
            if place.get("type") == "not_implemented":
                return True
        elif kind not in _NO_OBJECTS:
            return True
        if len(waiting) > _MANY:
            return True
    return False


def _given(value: Any, known: dict[int, Any], depth: int) -> Any:
    """What holds itself, or goes too deep to be believed, is left to the readers as it is."""
    if depth > DEEPEST or not isinstance(value, (dict, list, tuple, Mapping)):
        return value
    if id(value) not in known:
        known[id(value)] = value
        if isinstance(value, (list, tuple)):
            items = [_given(item, known, depth + 1) for item in value]
            changed = any(one is not other for one, other in zip(items, value, strict=True))
            known[id(value)] = items if changed else value
        else:
            known[id(value)] = _given_object(value, known, depth)
    return known[id(value)]


def _given_object(value: Mapping[Any, Any], known: dict[int, Any], depth: int) -> Mapping[Any, Any]:
    changed: dict[Any, Any] = {}
    for key, item in value.items():
        if (key in _SAID and isinstance(item, str)) or (key in _OPAQUE and isinstance(item, OBJECT)):
            continue
        found = None if is_placeholder(item) else _given(item, known, depth + 1)
        if found is not item:
            changed[key] = found
    if not changed:
        return value
    gone = {key for key, found in changed.items() if found is None}
    return {key: changed.get(key, item) for key, item in value.items() if key not in gone}


def _inputs(before: Any, inputs: Any) -> Any:
    """A placeholder as the prompt itself, beside others, or as the system message that `wrap_anthropic` makes of it."""
    if not isinstance(inputs, OBJECT):
        return inputs
    if inputs is not before:
        inputs = {key: value for key, value in inputs.items() if not is_placeholder(value)}
    messages = inputs.get("messages")
    if isinstance(messages, (list, tuple)) and messages and _is_made_of_placeholder(messages[0]):
        inputs = {**inputs, "messages": list(messages[1:])}
    return inputs


def _is_made_of_placeholder(message: Any) -> bool:
    return (
        not isinstance(message, list)
        and isinstance(message, OBJECT)
        and message.get("role") in ("system", "developer")
        and is_placeholder(message.get("content"))
    )
