"""A conversation: what went to the model and what came back, in OpenAI's chat form.

Every reader turns a payload into a `Conversation`. Its dicts hold only the keys of `chat_format`; what a payload
says beyond them is in a note, or was never part of the conversation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from langsmith_finetune.chat_format import Function, Message, Tool


@dataclass(slots=True, kw_only=True)
class Conversation:
    """What went to the model and what came back: the answer is the last message.

    Of the messages, the last `said` came of the call: one, or several with the answers of tools between them.
    """

    messages: list[Message]
    said: int = 1
    tools: list[Tool] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    parallel_tool_calls: bool | None = None
