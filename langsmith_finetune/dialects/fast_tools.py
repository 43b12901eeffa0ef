"""Fast path, for runs that offer tools: texts, calls and their answers.

Calls and tools are read by the readers' own functions, the tools once for each list of them.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

from langsmith_finetune._foundation.json_text import DEEPEST, object_and_text, pure_json
from langsmith_finetune._foundation.known_tools import LONGEST, Kept, KnownTools, exact_key
from langsmith_finetune.chat_format import Message, ToolCall
from langsmith_finetune.dialects.checked import ESCAPED, arguments_text
from langsmith_finetune.dialects.fast_forms import CALLED, ROLE_OF_CLASS, ParsedCall, PlainMessage, RawCall
from langsmith_finetune.dialects.fast_run import FoundRun, NotPlain
from langsmith_finetune.dialects.losses.lost_media import CUT
from langsmith_finetune.dialects.losses.merged_calls import JOINED_IDS
from langsmith_finetune.dialects.losses.pushed_answer import COUNTED
from langsmith_finetune.dialects.notes import MARKS, Notes
from langsmith_finetune.dialects.tools import NO_CHOICE, tools_from
from langsmith_finetune.runs.placeholders import given, is_placeholder

NO_ANSWER = ("", "redacted-by-litellm")
"""Texts that are no answer."""

_TYPES = frozenset({"openai-chat", "azure-openai-chat"})
"""LangChain's chat models that send messages and tools as they are."""

_PROVIDERS = frozenset({"openai", "azure"})
_LONGEST = 400_000
"""Characters of a run; a larger one is counted with care."""

_LARGE = re.compile(r"\d{16}")


class Offered(NamedTuple):
    """What the call was free to use."""

    tools: KnownTools
    parallel_tool_calls: bool | None


def offered_tools(run: FoundRun, *, is_choice: bool, is_text: bool) -> Offered | None:
    """The tools that a call offered; None where it has no word about tools.

    Args:
        run: The run.
        is_choice: It is in OpenAI's form, which has them beside the messages. LangChain has them among its settings.
        is_text: It was JSON text.

    Raises:
        NotPlain: It says more than that.
    """
    inputs = run.inputs
    params = run.extra.invocation_params if run.extra is not None else None
    in_inputs = _has_tools(inputs)
    if params is None or not _has_tools(params):
        if not in_inputs:
            return None
        if not is_choice:
            raise NotPlain
        place: Any = inputs
    elif in_inputs or is_choice:
        raise NotPlain  # each place has a word
    else:
        place = params
        if params.model_type not in _TYPES:
            raise NotPlain
        runtime = run.extra.runtime if run.extra is not None else None
        if runtime is not None and runtime.sdk == "langsmith-js":
            raise NotPlain
    for metadata in (run.metadata, run.extra.metadata if run.extra is not None else None):
        if type(metadata) is dict and str(metadata.get("ls_provider") or "openai") not in _PROVIDERS:
            raise NotPlain
    if place.tool_choice not in NO_CHOICE:
        raise NotPlain  # which is noted
    return Offered((_tools_of_text if is_text else _tools)(place.tools), place.parallel_tool_calls)


def _has_tools(place: Any) -> bool:
    return not (place.tools is None and place.parallel_tool_calls is None and place.tool_choice is None)


_TOOLS: Kept[bytes, KnownTools] = Kept()
_TEXTS: Kept[bytes, KnownTools] = Kept()


def _tools_of_text(raw: Any) -> KnownTools:
    """The tools that a JSON text names; the text is parsed once for each text."""
    text = bytes(raw)  # None raises, as of a setting without tools
    known = _TEXTS.get(text)
    return known or _TEXTS.keep(text, _tools(msgspec.json.decode(text)))


def _tools(found: Any) -> KnownTools:
    """The tools that a list names; it is read once for each list."""
    if type(found) is not list or not found or (key := exact_key(found)) is None:
        raise NotPlain
    if (known := _TOOLS.get(key)) is not None:
        return known
    notes = Notes()
    if given(found) is not found:
        raise NotPlain
    tools = tools_from("tools", found, notes)
    if notes.kinds or not tools:
        raise NotPlain
    known = KnownTools(tools)
    if len(known.json) > LONGEST:
        raise NotPlain
    return _TOOLS.keep(key, known)


def read_with_tools(
    run: FoundRun, asked: list[Any], answer: Any, offered: Offered, *, is_choice: bool, is_text: bool
) -> list[Message]:
    """What was said in a run that offers tools, the answer last.

    Raises:
        NotPlain: It says more than that.
    """
    messages: list[Message] = []
    left = _LONGEST
    for message in asked:
        said = _message(message, is_answer=False, is_text=is_text)
        if said["role"] == "system" and messages and not is_choice:
            raise NotPlain
        left -= _size(said)
        messages.append(said)
    said = _message(answer.message, is_answer=True, is_text=is_text)
    _check_answer(said, answer, run, offered.tools.names, messages)
    if left < _size(said):
        raise NotPlain
    messages.append(said)
    return messages


def _message(  # noqa: C901, PLR0912 - in one piece, as the loop over texts
    message: PlainMessage | list[PlainMessage], *, is_answer: bool, is_text: bool
) -> Message:
    """One message of either form."""
    if isinstance(message, list):
        raise NotPlain
    fields = message.kwargs
    if fields is None:
        if message.type is not None or message.id is not None:
            raise NotPlain
        role, text, call_id = message.role, message.content, message.tool_call_id
        calls = [_raw(call) for call in message.tool_calls] if message.tool_calls else None
    else:
        path = message.id
        if message.type is None or message.role is not None or message.content is not None:
            raise NotPlain
        if message.tool_calls is not None or message.tool_call_id is not None or path[0] != "langchain":
            raise NotPlain
        role, text, call_id = ROLE_OF_CLASS.get(path[-1]), fields.content, fields.tool_call_id
        if (fields.name is not None and role != "tool") or (is_answer and fields.artifact is not None):
            raise NotPlain
        calls = _told_calls(fields, is_answer=is_answer, is_text=is_text)
    if text and (
        (("[" in text or "<" in text) and (CUT in text or MARKS.search(text)))
        or (role == "system" and is_placeholder(text))
    ):
        raise NotPlain
    if calls:
        if role != "assistant" or call_id is not None:
            raise NotPlain
        return {"role": role, "content": text or None, "tool_calls": calls}
    if role is None or text is None or (call_id is not None) != (role == "tool"):
        raise NotPlain
    if call_id is None:
        return {"role": role, "content": text}
    if not call_id or is_placeholder(call_id):
        raise NotPlain
    return {"role": role, "content": text, "tool_call_id": call_id}


def _told_calls(fields: Any, *, is_answer: bool, is_text: bool) -> list[ToolCall] | None:
    """The calls of a LangChain message: parsed, and beside that as they were on the wire."""
    extra = fields.additional_kwargs
    raw = [_raw(call) for call in extra.tool_calls] if extra is not None and extra.tool_calls else None
    parsed = [_parsed(call, is_text=is_text) for call in fields.tool_calls] if fields.tool_calls else None
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


def _parsed(call: ParsedCall, *, is_text: bool) -> ToolCall:
    if is_text:
        text = pure_json(call.args)
        if ESCAPED not in text and text.count("{") + text.count("[") < DEEPEST:
            return _call(call.id, call.name, text)
    return _call(call.id, call.name, arguments_text("args", call.args, Notes()))


def _call(call_id: str, name: str, arguments: str) -> ToolCall:
    if not call_id or is_placeholder(call_id) or is_placeholder(name):
        raise NotPlain
    if ("[" in arguments or "<" in arguments) and MARKS.search(arguments):
        raise NotPlain
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def ended_in_call(run: FoundRun, answer: Any) -> bool:
    """True if any place says that the answer ended in a call."""
    fields = answer.message.kwargs
    metadata = fields.response_metadata if fields is not None else None
    for place in (
        answer,
        answer.generation_info,
        answer.generation_info_js,
        metadata,
        run.outputs.llm_output,
    ):
        if place is not None and place.finish_reason == CALLED:
            return True
    return False


def _check_answer(
    said: Message, answer: Any, run: FoundRun, names: frozenset[str], asked: list[Message]
) -> None:
    """See that nothing is odd about the answer: not repeated, not cut off, not put together of two."""
    calls = said.get("tool_calls")
    if said["role"] != "assistant" or said["content"] in NO_ANSWER or said in asked:
        raise NotPlain
    if not calls:
        if ended_in_call(run, answer):
            raise NotPlain  # which the run does not hold
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
    size = 100 + len(message["content"] or "")
    for call in message.get("tool_calls", ()):
        size += 200 + len(call["function"]["arguments"])
    return size
