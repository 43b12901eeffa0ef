"""Fast path for runs that offer tools: texts, calls and their answers, in the forms of OpenAI and of LangChain for it.

What is read here, the readers would read to the same conversation and without a note; tests hold the two equal. Calls
and tools are read by the readers' own functions, the tools once for each list of them.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, TypeAlias, cast

from langsmith_finetune._foundation.json_text import object_and_text
from langsmith_finetune.chat_format import Message, Tool, ToolCall
from langsmith_finetune.dialects.checked import arguments_text
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.fast_forms import ROLE_OF_CLASS
from langsmith_finetune.dialects.fast_path import (
    MODELS,
    NotPlain,
    RunDecoder,
    asked_and_answered,
    plain_source,
)
from langsmith_finetune.dialects.fast_tool_forms import (
    CALLED,
    ParsedCall,
    RawCall,
    ToolInputs,
    ToolMessage,
    ToolOutputs,
    ToolRun,
    ToolSettings,
)
from langsmith_finetune.dialects.losses.lost_media import CUT
from langsmith_finetune.dialects.losses.merged_calls import JOINED_IDS
from langsmith_finetune.dialects.losses.pushed_answer import COUNTED
from langsmith_finetune.dialects.notes import MARKS, Notes
from langsmith_finetune.dialects.tools import NO_CHOICE, tools_from
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.runs.placeholders import given, is_placeholder

_TYPES = frozenset({"openai-chat", "azure-openai-chat"})
"""LangChain's chat models that send messages and tools as they are."""

_SETTINGS = frozenset({"tools", "parallel_tool_calls", "tool_choice"})
_LONGEST = 400_000
"""Characters of a run; a larger one is counted with care."""

_LARGE = re.compile(r"\d{16}")
_RUN = RunDecoder(ToolRun, ToolInputs, ToolOutputs, ToolSettings)


def offers_tools(run: Any) -> bool:
    """True if a run shows at a glance that tools were offered."""
    kind = type(run)
    if kind is bytes:
        return b'"tools":[' in run or b'"tools": [' in run
    if kind is not dict and (kind.__module__, kind.__name__) not in MODELS:
        return False  # whatever it is, it may do anything when it is asked
    fields = run if kind is dict else run.__dict__
    inputs, extra = fields.get("inputs"), fields.get("extra")
    for place in (inputs, extra):
        if type(place) is str and '"tools":' in place:
            return True
        if type(place) is bytes and b'"tools":' in place:
            return True
    params = extra.get("invocation_params") if type(extra) is dict else None
    # The truth of other types is not asked for: it may raise.
    return any(
        type(place) is dict and type(tools := place.get("tools")) is list and bool(tools)
        for place in (inputs, params)
    )


def read_with_tools(run: Any) -> tuple[Conversation, RunSource] | None:
    """A plain run with tools as its conversation, and where it came from; None where it is not plain.

    Args:
        run: A run, a dict of one, its JSON text as bytes, or a row whose fields are JSON text.
    """
    try:
        found = _RUN(run)
        return _conversation(found), plain_source(found)
    except Exception:  # noqa: BLE001 - text and objects can raise anything; the readers say what is wrong
        return None


def _conversation(run: ToolRun) -> Conversation:
    asked, answer, is_choice = asked_and_answered(run, settings=_SETTINGS)
    settings = _settings(run, is_choice=is_choice)
    tools, names = _tools(settings.get("tools"))
    if settings.get("tool_choice") not in NO_CHOICE:
        raise NotPlain  # which is noted
    parallel = settings.get("parallel_tool_calls")
    if parallel is not None and type(parallel) is not bool:
        raise NotPlain
    messages = [_message(message, is_answer=False) for message in asked]
    said = _message(answer.message, is_answer=True)
    if messages and any(message["role"] == "system" for message in messages[1:]) and not is_choice:
        raise NotPlain
    _check_answer(said, answer, run, names, messages)
    size = sum(_size(message) for message in (*messages, said))
    if size > _LONGEST:
        raise NotPlain
    return Conversation(messages=[*messages, said], tools=tools, parallel_tool_calls=parallel)


def _settings(run: ToolRun, *, is_choice: bool) -> Mapping[str, Any]:
    """The settings of the call, which stand in one place."""
    inputs = {name: getattr(run.inputs, name) for name in _SETTINGS}
    inner = run.extra.metadata if run.extra is not None else None
    for metadata in (run.metadata, inner):
        if type(metadata) is dict and (
            "openai_span_id" in metadata or str(metadata.get("ls_provider") or "openai") not in _PROVIDERS
        ):
            raise NotPlain
    params = run.extra.invocation_params if run.extra is not None else None
    if is_choice:
        if type(params) is dict and not _SETTINGS.isdisjoint(params):
            raise NotPlain  # each place has a word
        return inputs
    if any(value is not None for value in inputs.values()) or type(params) is not dict:
        raise NotPlain
    runtime = run.extra.runtime if run.extra is not None else None
    if params.get("_type") not in _TYPES or not (runtime is None or type(runtime) is dict):
        raise NotPlain
    if type(runtime) is dict and runtime.get("sdk") == "langsmith-js":
        raise NotPlain
    return params


_PROVIDERS = frozenset({"openai", "azure"})
_TOOLS: dict[bytes, tuple[bytes, frozenset[str]]] = {}
_MOST_TOOLS, _LONGEST_TOOLS = 64, 50_000


def _tools(given_tools: Any) -> tuple[list[Tool], frozenset[str]]:
    """The tools, a list of the run's own; and their names."""
    if type(given_tools) is not list or not given_tools or not _is_small(given_tools):
        raise NotPlain
    key = marshal.dumps(given_tools, 2)  # tells 1, 1.0 and True apart, and refuses what is not Python's own
    if (known := _TOOLS.get(key)) is None:
        notes = Notes()
        if given(given_tools) is not given_tools:
            raise NotPlain
        found = tools_from("tools", given_tools, notes)
        if notes.kinds or not found:
            raise NotPlain
        known = (marshal.dumps(found, 2), frozenset(tool["function"]["name"] for tool in found))
        if len(_TOOLS) >= _MOST_TOOLS:
            _TOOLS.clear()
        _TOOLS[key] = known
    return cast("list[Tool]", marshal.loads(known[0])), known[1]  # noqa: S302 - by us, above


def _is_small(tools: list[Any]) -> bool:
    """True if writing the tools out takes little: a value may stand in many places, or in itself."""
    left = _LONGEST_TOOLS
    waiting: list[Any] = [tools]
    while waiting:
        found = waiting.pop()
        values = found
        if type(found) is dict:
            values = found.values()
            for name in found:
                left -= len(name) if type(name) is str else _LONGEST_TOOLS
        left -= len(found)
        if left < 0:
            return False
        for value in values:
            kind = type(value)
            if kind is str:
                left -= len(value)
            elif kind is dict or kind is list:
                waiting.append(value)
            elif (kind is int and value.bit_length() > 64) or kind not in _SHORT:
                return False
    return left >= 0


_SHORT = frozenset({bool, int, float, NoneType})


def _message(message: ToolMessage | list[ToolMessage], *, is_answer: bool) -> Message:
    """One message of either form."""
    if isinstance(message, list):
        raise NotPlain
    role, text, call_id, calls = (_of_openai if message.kwargs is None else _of_langchain)(message, is_answer)
    if role is None or (calls and role != "assistant") or (call_id is not None) != (role == "tool"):
        raise NotPlain
    if text is None and not calls:
        raise NotPlain
    if text:
        if ("[" in text or "<" in text) and (CUT in text or MARKS.search(text)):
            raise NotPlain
        if role == "system" and is_placeholder(text):
            raise NotPlain
    if calls:
        return {"role": role, "content": text or None, "tool_calls": calls}
    if role != "tool":
        return {"role": role, "content": text}
    if not call_id or is_placeholder(call_id):
        raise NotPlain
    return {"role": role, "content": text, "tool_call_id": call_id}


_Said: TypeAlias = tuple[str | None, str | None, str | None, list[ToolCall]]
"""A role, a text, the id of the call that is answered, and calls."""


def _of_openai(message: ToolMessage, _: bool) -> _Said:  # noqa: FBT001 - as the other
    if message.type is not None or message.id is not None:
        raise NotPlain
    calls = [_raw(call) for call in message.tool_calls or ()]
    return message.role, message.content, message.tool_call_id, calls


def _of_langchain(message: ToolMessage, is_answer: bool) -> _Said:  # noqa: FBT001 - told by the only caller
    path, fields = message.id, message.kwargs
    if message.type is None or message.role is not None or message.content is not None or not path:
        raise NotPlain
    if message.tool_calls is not None or message.tool_call_id is not None or path[0] != "langchain":
        raise NotPlain
    role = "tool" if path[-1] == "ToolMessage" else ROLE_OF_CLASS.get(path[-1])
    if fields is None or (fields.name is not None and role != "tool"):
        raise NotPlain
    if is_answer and fields.artifact is not None:
        raise NotPlain
    return role, fields.content, fields.tool_call_id, _told_calls(fields, is_answer=is_answer)


def _told_calls(fields: Any, *, is_answer: bool) -> list[ToolCall]:
    """The calls of a LangChain message: parsed, and beside that as they were on the wire."""
    parsed = [_parsed(call) for call in fields.tool_calls or ()]
    extra = fields.additional_kwargs
    raw = [_raw(call) for call in extra.tool_calls or ()] if extra is not None else []
    if not raw or not parsed:
        return raw or parsed
    if [call["id"] for call in raw] != [call["id"] for call in parsed]:
        raise NotPlain
    return raw if is_answer else parsed


def _raw(call: RawCall) -> ToolCall:
    found = object_and_text(call.function.arguments)
    if found is None:
        raise NotPlain  # what is no object is looked at with care
    return _call(call.id, call.function.name, found[1])


def _parsed(call: ParsedCall) -> ToolCall:
    return _call(call.id, call.name, arguments_text("args", call.args, Notes()))


def _call(call_id: str, name: str, arguments: str) -> ToolCall:
    if not call_id or is_placeholder(call_id) or is_placeholder(name):
        raise NotPlain
    if ("[" in arguments or "<" in arguments) and MARKS.search(arguments):
        raise NotPlain
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _check_answer(
    said: Message, answer: Any, run: ToolRun, names: frozenset[str], asked: list[Message]
) -> None:
    """See that nothing is odd about the answer: not repeated, not cut off, not put together of two."""
    calls = said.get("tool_calls")
    if said["role"] != "assistant" or said in asked or said["content"] in ("", "redacted-by-litellm"):
        raise NotPlain
    fields = answer.message.kwargs
    metadata = fields.response_metadata if fields is not None else None
    if metadata is not None and str(metadata.id or "").startswith("resp_"):
        raise NotPlain
    if not calls:
        places = (answer.generation_info, answer.generation_info_js, metadata, run.outputs.llm_output)
        if answer.finish_reason == CALLED or any(one and one.finish_reason == CALLED for one in places):
            raise NotPlain  # in a call that the run does not hold
        return
    own = {call["id"] for call in calls if _is_sound(call, names) and not COUNTED.fullmatch(call["id"])}
    for message in asked:
        if message.get("tool_call_id") in own or any(
            call["id"] in own for call in message.get("tool_calls", ())
        ):
            raise NotPlain


def _is_sound(call: ToolCall, names: frozenset[str]) -> bool:
    """True for a call of a tool that was offered, with arguments.

    Raises:
        NotPlain: It is another.
    """
    arguments = call["function"]["arguments"]
    if call["function"]["name"] not in names or arguments == "{}" or _LARGE.search(arguments):
        raise NotPlain
    if JOINED_IDS.fullmatch(call["id"]):
        raise NotPlain
    return True


def _size(message: Message) -> int:
    calls = message.get("tool_calls", ())
    texts = len(message["content"] or "") + sum(200 + len(call["function"]["arguments"]) for call in calls)
    return 100 + texts
