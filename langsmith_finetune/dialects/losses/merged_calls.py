"""Finds tool calls of a stream that the tracer put together wrongly.

    two calls as one          {"name": "get_weatherget_weather", "arguments": '{"city":"Paris"}{"city":"Rome"}'}
    a call without arguments  {"name": "get_weather", "input": {}}, though the tool requires a city

The first comes of hosts that number all calls of a stream alike (Gemini's OpenAI endpoint), of wrappers that look
at the number alone, and of `wrapOpenAI` in JavaScript, which looks at none. The second comes of `wrap_anthropic`
of langsmith 0.3 to 0.4.31, which loses the pieces of the arguments. Arguments that are merely no JSON are what the
model wrote.
"""

from __future__ import annotations

import json
import re
from typing import Any

from langsmith_finetune._foundation.json_text import DEEPEST, OBJECT, depth_of
from langsmith_finetune.chat_format import FunctionCall, Message
from langsmith_finetune.dialects.content import kind_of
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.runs.fields import RunPayload

_LONGEST_NAME = 2_000
_SHORTEST_NAME = 3
"""Characters; a name made of shorter ones is more likely a name of its own."""
JOINED_IDS = re.compile(
    r"((?:call|toolu|tooluse|fc|chatcmpl-tool)[_-])[\w.:-]{4,}?\1[\w.:-]{4,}"
    r"|([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}){2,}"
    r"|\w{0,40}?(?:[0-9a-f]{32}){2,}"  # langchain-cohere and -mistralai, which make an id for every piece
)
_DECODER = json.JSONDecoder()


def check_calls(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Refuse an answer whose calls a stream has lost or joined; note calls that lack what their tool requires.

    Raises:
        Unreadable: What the model called is no longer in the run.
    """
    for answer in conversation.messages[-conversation.said :]:
        calls = [(call["id"], call["function"]) for call in answer.get("tool_calls", ())]
        if "function_call" in answer:
            calls.append(("", answer["function_call"]))
        if calls and not _came_whole(run):
            _refuse_joined(calls, _names(conversation, answer))
        for _, call in calls:
            _check_arguments(call, conversation, run, notes)


def holds_several_objects(arguments: str) -> bool:
    """True if a text begins with a JSON object and goes on with another."""
    text = arguments.lstrip()
    if not text.startswith("{") or "{" not in text[1:] or depth_of(text) > DEEPEST:
        return False
    try:
        first, end = _DECODER.raw_decode(text)
    except ValueError:
        return False
    return isinstance(first, dict) and text[end:].lstrip().startswith("{")


def _refuse_joined(calls: list[tuple[str, FunctionCall]], names: set[str]) -> None:
    for call_id, call in calls:
        if holds_several_objects(call["arguments"]):
            what = "the arguments of two"
        elif _is_joined_name(call["name"], names):
            what = "the names of two"
        elif JOINED_IDS.fullmatch(call_id):
            what = "the ids of two"
        else:
            continue
        raise Unreadable("lost_at_source", f"the calls of the stream were joined: one of them has {what}")


def _names(conversation: Conversation, answer: Message) -> set[str]:
    """The functions that the call offered; where the run does not tell, those that were called before."""
    functions = [tool["function"] for tool in conversation.tools] + conversation.functions
    if functions:
        return {function["name"] for function in functions}
    others = (message for message in conversation.messages if message is not answer)
    return {call["function"]["name"] for message in others for call in message.get("tool_calls", ())}


def _is_joined_name(name: str, names: set[str]) -> bool:
    """True if a name is made of several that are known, or of one unknown twice."""
    if name in names or len(name) > _LONGEST_NAME:
        return False
    half = name[: len(name) // 2]
    known = [one for one in {*names, half} if len(one) >= _SHORTEST_NAME and len(set(one)) > 1]
    reached = [True] + [False] * len(name)
    for end in range(1, len(name) + 1):
        reached[end] = any(
            len(one) <= end and reached[end - len(one)] and name.endswith(one, 0, end) for one in known
        )
    return reached[-1]


def _check_arguments(call: FunctionCall, conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    if call["arguments"] not in ("", "{}"):
        return
    properties, required = _wanted(call["name"], conversation)
    if required and _may_have_lost(run):
        raise Unreadable(
            "lost_at_source", "a call of the stream came without the arguments that its tool requires"
        )
    if required or (properties and _has_lost(run)):
        notes.add("arguments_missing", "a call has no arguments, though its tool takes some")


def _wanted(name: str, conversation: Conversation) -> tuple[Any, Any]:
    """The properties of a function's arguments, and those that must be there."""
    functions = [tool["function"] for tool in conversation.tools] + conversation.functions
    schema = next((one.get("parameters") for one in functions if one["name"] == name), None)
    return (schema.get("properties"), schema.get("required")) if isinstance(schema, dict) else (None, None)


def _came_whole(run: RunPayload) -> bool:
    """The server sent an answer, not a stream: whatever a call says, the model said."""
    if _streamed(run):
        return False
    outputs = run.outputs.get("output", run.outputs)
    if isinstance(outputs, OBJECT) and outputs.get("object") == "chat.completion":
        return True
    events = run.events if isinstance(run.events, (list, tuple)) else ()
    return "generations" in run.outputs and any(  # LangChain's tracer logs every piece between them
        isinstance(event, OBJECT) and event.get("name") == "end" for event in events
    )


def _streamed(run: RunPayload) -> bool:
    """The caller asked for a stream, or pieces of one are told of."""
    return run.streamed or run.inputs.get("stream") is True or _is_chunk(run.outputs)


def _is_chunk(outputs: Any) -> bool:
    if outputs.get("object") == "chat.completion.chunk":
        return True
    found = outputs.get("generations")
    while isinstance(found, (list, tuple)) and found:
        found = found[0]
    if not isinstance(found, OBJECT):
        return False
    message = found.get("message")
    path = message.get("id") if isinstance(message, OBJECT) else None
    name = path[-1] if isinstance(path, (list, tuple)) and path else ""
    return found.get("type") == "ChatGenerationChunk" or name == "AIMessageChunk"


def _may_have_lost(run: RunPayload) -> bool:
    """An answer in Anthropic's form may, where the run came without its events, which tell of a stream.

    LangChain.js streams some models (Ollama's, Gemini's) that are asked for no stream, and posts a message that
    is whole: in pieces it is only where its class says so.
    """
    if "generations" in run.outputs:
        return _is_chunk(run.outputs)
    return _streamed(run) or (run.events is None and _is_anthropic(run.outputs))


def _has_lost(run: RunPayload) -> bool:
    """A stream in the form of `wrap_anthropic`, some versions of which lose the arguments of every call."""
    return _is_anthropic(run.outputs) and _streamed(run)


def _is_anthropic(outputs: Any) -> bool:
    message = outputs.get("message", outputs)
    content = message.get("content") if isinstance(message, OBJECT) else None
    blocks = content if isinstance(content, (list, tuple)) else ()
    return any(isinstance(block, OBJECT) and kind_of(block) == "tool_use" for block in blocks)
