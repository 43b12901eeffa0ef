"""Reads lists of messages, in every dialect of requests and answers.

A message is told by its own form, whoever wrote the list around it:

    {"role", "content"}                    OpenAI
    {"role", "content": [blocks]}          with calls and their answers as blocks: Anthropic, Vercel's AI SDK,
                                           LangChain's standard content, wrap_gemini
    {"role", "parts": [blocks]}            OpenTelemetry's semantic conventions for generative AI
    {"lc": 1, "type": "constructor", ...}  LangChain, serialized; {"type": "human", ...} dumped
    ["role", "content"]                    a tuple that went through JSON

Sources: https://docs.langchain.com/langsmith/log-llm-trace,
https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use,
https://ai-sdk.dev/docs/reference/ai-sdk-core/model-message,
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Message, ToolCall
from langsmith_finetune.dialects.blocks import typed_blocks
from langsmith_finetune.dialects.checked import (
    arguments_text,
    list_at,
    malformed,
    mapping_at,
    text_at,
)
from langsmith_finetune.dialects.content import REASONING, content_from, kind_of
from langsmith_finetune.dialects.langchain import KIND_OF_TYPE, kind_and_fields, message_from_fields
from langsmith_finetune.dialects.message_forms import answer_content, from_tuple, parts_of
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.ollama import with_images
from langsmith_finetune.dialects.openai_chat import (
    calls_at,
    id_at,
    message_from,
    note_key,
    role_at,
    tidy_content,
    tool_call_from,
)

_CALLS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # kind of block: where its id, its name and its arguments are
    "tool_use": ("id", "name", ("input",)),  # Anthropic
    "tool-call": ("toolCallId", "toolName", ("input", "args")),  # Vercel's AI SDK, 5 on and before
    "tool_call": ("id", "name", ("args", "arguments")),  # LangChain's standard content; OpenTelemetry
    "invalid_tool_call": ("id", "name", ("args",)),
    "function_call": ("call_id", "name", ("arguments",)),  # the Responses API, kept by LangChain
}
_ANSWERS = frozenset({"tool_result", "tool-result", "tool_call_response", "function_response"})
_SPLIT = _ANSWERS | _CALLS.keys()
_KEYS = frozenset({
    "role", "content", "parts", "tool_calls", "name", "refusal",
    # Metadata around a message, not part of it.
    "id", "type", "index", "status", "phase", "finish_reason", "tool_name", "usage_metadata", "providerOptions", "providerMetadata",
})  # fmt: skip


class Turns:
    """The messages read so far, and which calls among them still wait for an answer.

    Args:
        notes: Takes what is left out.
    """

    def __init__(self, notes: Notes) -> None:
        self.messages: list[Message] = []
        self.notes = notes
        self._made = 0
        self._waiting: dict[str, str] = {}

    def new_id(self) -> str:
        """An id for a call that has none, from its place among those."""
        taken = {call["id"] for message in self.messages for call in message.get("tool_calls", ())}
        self.notes.spend(len(self.messages) + len(taken))
        while f"call_{self._made}" in taken:
            self._made += 1
        self._made += 1
        return f"call_{self._made - 1}"

    def add_all(self, where: str, messages: Any) -> None:
        """Read a list of messages."""
        for index, message in enumerate(list_at(where, messages)):
            self.add(f"{where}[{index}]", message)

    def add(self, where: str, message: Any) -> None:
        """Read one message, which may be several turns in a chat line: Anthropic's answers of tools are."""
        self.notes.spend(1)
        if isinstance(message, (list, tuple)):
            message = from_tuple(where, message)
        message = mapping_at(where, message)
        if message.get("images"):
            message = with_images(where, message, self.notes)
        kind = kind_of(message)
        content = message.get("content")
        if kind == "constructor" or (kind in KIND_OF_TYPE and "role" not in message):
            self._add_langchain(where, *kind_and_fields(where, message))
        elif "parts" in message:
            self._split(
                where, message, self._typed(f"{where}.parts", parts_of(f"{where}.parts", message["parts"]))
            )
        elif isinstance(content, (list, tuple)) and has_blocks(
            blocks := self._typed(f"{where}.content", content)
        ):
            self._split(where, message, blocks)
        else:
            self._append(where, message_from(where, message, self.notes), message.get("tool_name"))

    def _typed(self, where: str, blocks: Sequence[Any]) -> list[Any]:
        return typed_blocks(where, blocks, self.notes)

    def _add_langchain(self, where: str, kind: str, fields: Mapping[str, Any]) -> None:
        content = fields.get("content")
        if kind == "human" and isinstance(content, (list, tuple)):
            content = self._typed(f"{where}.content", content)
            if has_blocks(content):  # Anthropic's answers of tools, which ChatAnthropic takes as they are
                self._split(where, {"role": "user", "name": fields.get("name")}, content)
                return
        self._append(where, message_from_fields(where, kind, fields, self.notes), fields.get("name"))

    def _append(self, where: str, message: Message, tool: Any = None) -> None:
        self.messages.append(message)
        self.give_ids(where, message, tool)

    def give_ids(self, where: str, message: Message, tool: Any = None) -> None:
        """Give the calls of a message ids from their place, where they have none; and what answers one, its.

        Args:
            where: The message, for error texts.
            message: The next one after those read so far.
            tool: The name of the function that it answers for, where it says so.
        """
        calls = message.get("tool_calls")
        if calls:
            for call in calls:
                if not call["id"]:
                    self.notes.add("ids_made", where)
                    call["id"] = self.new_id()
            self._waiting = {call["id"]: call["function"]["name"] for call in calls}
        elif message["role"] == "tool":
            if not message["tool_call_id"]:
                message["tool_call_id"] = self._first_waiting(where, tool)
            self._waiting.pop(message["tool_call_id"], None)

    def _split(self, where: str, message: Mapping[str, Any], blocks: Sequence[Any]) -> None:
        """A turn for each answer of a tool, and one for each stretch of anything else."""
        role = role_at(f"{where}.role", message.get("role"))
        for key, value in message.items():
            if key not in _KEYS and value:
                note_key(where, key, value, self.notes)
        stretch: list[tuple[str, Any]] = []
        content = f"{where}.parts" if "parts" in message else f"{where}.content"
        found_answers = False
        for index, block in enumerate(blocks):
            at = f"{content}[{index}]"
            if isinstance(block, OBJECT) and kind_of(block) in _ANSWERS:
                if stretch:
                    self._add_turn(where, role, message, stretch)
                    stretch = []
                self._add_answer(at, block)
                found_answers = True
            else:
                stretch.append((at, block))
        if stretch or not found_answers:
            if role == "tool":
                raise malformed(content, "answers of tools alone", stretch[0][1] if stretch else blocks)
            self._add_turn(where, role, message, stretch)

    def _add_turn(
        self, where: str, role: str, message: Mapping[str, Any], blocks: list[tuple[str, Any]]
    ) -> None:
        """One turn: its blocks are content or calls."""
        calls: list[ToolCall] = []
        content: list[Any] = []
        for at, block in blocks:
            if isinstance(block, OBJECT) and kind_of(block) in _CALLS:
                self.notes.spend(1)
                calls.append(self._call(at, block))
            elif isinstance(block, OBJECT) and kind_of(block) in REASONING:
                self.notes.thought(at, block)
            else:
                content.append(block)
        turn: Message = {"role": role, "content": content_from(f"{where}.content", content, self.notes)}
        if message.get("name") not in (None, "") and role != "tool":
            turn["name"] = text_at(f"{where}.name", message["name"])
        if role == "assistant" and message.get("refusal") is not None:
            turn["refusal"] = text_at(f"{where}.refusal", message["refusal"])
        if calls and role != "assistant":
            raise Unreadable("malformed", f"{where} calls a tool, which only an assistant message does")
        calls = self._told_twice(where, message, calls)
        if calls:
            turn["tool_calls"] = calls
        tidy_content(turn, self.notes)
        self._append(where, turn)

    def _told_twice(self, where: str, message: Mapping[str, Any], calls: list[ToolCall]) -> list[ToolCall]:
        """Calls told as blocks and in `tool_calls` too: the latter are in the form of the wire."""
        if not message.get("tool_calls"):
            return calls
        listed = [
            tool_call_from(f"{where}.tool_calls[{i}]", call, self.notes)
            for i, call in enumerate(calls_at(f"{where}.tool_calls", message["tool_calls"]))
        ]
        if calls and [call["id"] for call in calls] != [call["id"] for call in listed]:
            raise Unreadable("malformed", f"{where} has other calls in its content than in tool_calls")
        return listed

    def _call(self, where: str, block: Mapping[str, Any]) -> ToolCall:
        if block.get("providerExecuted"):
            raise Unreadable("not_expressible", f"{where} is a call of a tool that ran at the provider")
        id_key, name_key, argument_keys = _CALLS[str(block["type"])]
        arguments = next((block[key] for key in argument_keys if block.get(key) is not None), None)
        name = text_at(f"{where}.{name_key}", block.get(name_key))
        return {
            "id": id_at(f"{where}.{id_key}", block.get(id_key)),
            "type": "function",
            "function": {
                "name": name,
                "arguments": arguments_text(f"{where}.{argument_keys[0]}", arguments or {}, self.notes)
                if arguments != ""
                else "",
            },
        }

    def _add_answer(self, where: str, block: Mapping[str, Any]) -> None:
        self.notes.spend(1)
        if block.get("is_error") is True or block.get("isError") is True:
            self.notes.add("keys_dropped", where)
        call_id = next(
            (
                block[key]
                for key in ("tool_use_id", "toolCallId", "tool_call_id", "id")
                if block.get(key) is not None
            ),
            None,
        )
        if call_id is None:
            call_id = self._first_waiting(where, block.get("name"))
        call_id = text_at(f"{where}.id", call_id)
        self._waiting.pop(call_id, None)
        content = answer_content(where, block, self.notes)
        self.messages.append({"role": "tool", "content": content, "tool_call_id": call_id})

    def _first_waiting(self, where: str, name: Any) -> str:
        """The call that an answer without an id answers: the first of its name that has none yet."""
        self.notes.spend(len(self._waiting))
        for call_id, called in self._waiting.items():
            if name is None or called == name:
                return call_id
        raise Unreadable("malformed", f"{where} answers a call that nobody made")


def has_blocks(content: Sequence[Any]) -> bool:
    """True if a list of blocks holds calls or answers of tools."""
    return any(isinstance(block, OBJECT) and kind_of(block) in _SPLIT for block in content)
