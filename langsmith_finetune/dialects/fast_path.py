"""Fast path for the most common runs: texts, calls and their answers, in the forms of OpenAI and of LangChain for it.

What is read here, the readers would read to the same conversation and without a note; tests hold the two equal. This
only saves time. A run that is in the least unlike the forms is not read here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from langsmith_finetune._foundation.json_text import LARGEST
from langsmith_finetune._foundation.known_tools import KnownTools
from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.fast_forms import ROLE_OF_CLASS, PlainMessage
from langsmith_finetune.dialects.fast_run import (
    FoundRun,
    NotPlain,
    asked_and_answered,
    plain_run,
    plain_source,
)
from langsmith_finetune.dialects.fast_tools import NO_ANSWER, ended_in_call, offered_tools, read_with_tools
from langsmith_finetune.dialects.losses.lost_media import CUT
from langsmith_finetune.dialects.notes import MARKS
from langsmith_finetune.dialects.sent.langchain_python import JOINING, may_be_joined
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.runs.placeholders import is_placeholder


class FastReading(NamedTuple):
    """What a plain run says.

    Args:
        messages: The run's own, the answer last, in the form of a training line.
        tools: Those that were offered, which other runs may have offered too.
        parallel_tool_calls: As the call set it.
        source: Where the run is from; it has no notes.
    """

    messages: list[Message]
    tools: KnownTools | None
    parallel_tool_calls: bool | None
    source: RunSource

    def conversation(self) -> Conversation:
        """The same in the canonical form, with tools of its own."""
        tools = [] if self.tools is None else self.tools.copy()
        return Conversation(messages=self.messages, tools=tools, parallel_tool_calls=self.parallel_tool_calls)


def read_fast(run: Any) -> FastReading | None:
    """What a plain run says; None where it is not plain.

    Args:
        run: A run, a dict of one, its JSON text as bytes, or a row whose fields are JSON text.
    """
    try:
        found, is_text = plain_run(run)
        asked, answer, is_choice = asked_and_answered(found)
        offered = offered_tools(found, is_choice=is_choice, is_text=is_text)
        if offered is None:
            messages = _texts(found, asked, answer)
            return FastReading(messages, None, None, plain_source(found))
        messages = read_with_tools(found, asked, answer, offered, is_choice=is_choice, is_text=is_text)
        return FastReading(messages, offered.tools, offered.parallel_tool_calls, plain_source(found))
    except Exception:  # noqa: BLE001 - text and objects can raise anything; the readers say what is wrong
        return None


def _texts(run: FoundRun, asked: list[Any], answer: Any) -> list[Message]:  # noqa: C901, PLR0912 - see below
    """One pass over what was said, in one piece: this loop is what reading in bulk costs."""
    messages: list[Message] = []
    size = 0
    for message in (*asked, answer.message):
        if type(message) is list or message.tool_calls or message.tool_call_id is not None:
            raise NotPlain
        fields = message.kwargs
        if fields is None:
            role, text = message.role, message.content
            if message.type is not None or message.id is not None:
                raise NotPlain
            if role == "system" and is_placeholder(text):
                raise NotPlain
        else:
            role, text = ROLE_OF_CLASS.get(message.id[-1] if message.id else ""), fields.content
            if message.type is None or message.role is not None or message.content is not None:
                raise NotPlain
            if fields.tool_calls or not (fields.tool_call_id is fields.name is fields.artifact is None):
                raise NotPlain
            if fields.additional_kwargs is not None and fields.additional_kwargs.tool_calls:
                raise NotPlain
            if role == "system" and (messages or _is_of_old_javascript(run, message)):
                raise NotPlain  # some chat models join it to another
        if (
            role is None
            or role == "tool"
            or text is None
            or (("[" in text or "<" in text) and (CUT in text or MARKS.search(text)))
        ):
            raise NotPlain
        size += 100 + len(text)
        messages.append({"role": role, "content": text})
    if role != "assistant" or text in NO_ANSWER or size > LARGEST or ended_in_call(run, answer):
        raise NotPlain
    if messages.index(messages[-1]) < len(messages) - 1:
        raise NotPlain  # an earlier message says the same
    params = run.extra.invocation_params if run.extra is not None else None
    if params is not None and params.model_type in JOINING and may_be_joined(messages[:-1]):
        raise NotPlain  # LangChain's chat model may put messages together, or change their order
    return messages


def _is_of_old_javascript(run: FoundRun, message: PlainMessage) -> bool:
    return message.id is not None and message.id[0] == "langchain_core" and run.outputs.llm_output_js is None
