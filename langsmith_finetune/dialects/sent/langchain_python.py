"""What LangChain's chat models in Python change in the messages that they are given.

    [system, system], [user, user]        Anthropic, Bedrock, Gemini: one message of both
    [user, assistant, system, user]       Gemini, Bedrock, Anthropic: the system prompt comes first
    {"content": [text, text]}             Ollama: one text, each part on a line of its own
    ToolMessage(content=[...])            DeepSeek, OpenAI's Responses API before langchain-openai 0.3.34: JSON text
    {"content": "", "tool_calls": [...]}  Cohere: a plan of its own beside the calls; Bedrock: a dot for no text
    tool_calls[0].id                      Mistral: nine letters, made from any other id

Each model is told by its own word for itself, `_type`; LangChain.js has other words.
Source: `_format_messages`, `_messages_to_bedrock`, `_parse_chat_history`, `_convert_messages_to_ollama_messages`,
`_get_request_payload`, `_convert_message_to_mistral_chat_message` and `_construct_responses_api_input` of the packages.
"""

from __future__ import annotations

import hashlib
import itertools
import string
from collections.abc import Callable, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Content, Message
from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.dialects.sent.langchain import answered_fields, model_type
from langsmith_finetune.runs.fields import RunPayload

_JOINED_ROLES = ("system", "user")


def messages_as_sent(history: list[Message], run: RunPayload, notes: Notes) -> list[Message]:
    """The messages of a request as the chat model put them together."""
    match model_type(run):
        case "amazon_bedrock_chat" if "ls_integration" not in run.metadata:  # before 2026
            history = _joined(_system_first(history), _on_lines)
        case "anthropic-chat" | "amazon_bedrock_chat" | "chat-anthropic-vertexai":
            history = _joined(_system_first(history), _parts)
        case "amazon_bedrock_converse_chat":
            history = _system_joined(_joined(_with_dots(history, run), _on_lines))
        case "chat-google-generative-ai":
            _leave_out_texts_beside_calls(history, run, notes)
            history = _system_joined(history)
            if _made_with(run, SYSTEM_AS_USER):
                history = _system_as_user(history)
        case "cohere-chat":
            _plan(history, run)
        case "mistralai-chat" if "ls_provider" in run.metadata:  # since the middle of 2024
            _give_ids_of_mistral(history)
    return history


def note_lost_text(answer: Message, run: RunPayload, notes: Notes) -> None:
    """Note calls of Bedrock's older chat model, which to langchain-aws 0.2.10 dropped the text beside them."""
    if model_type(run) != "amazon_bedrock_chat" or "tool_calls" not in answer or answer["content"]:
        return
    fields = answered_fields(run)
    extra, response = fields.get("additional_kwargs"), fields.get("response_metadata")
    is_later = isinstance(extra, OBJECT) and "thinking" in extra
    is_later = is_later or (isinstance(response, OBJECT) and "model_provider" in response)
    if fields.get("content") == "" and not is_later:
        notes.add("text_missing", "langchain-aws of 2024 drops the text beside calls")


JOINING = frozenset({
    "anthropic-chat", "amazon_bedrock_chat", "chat-anthropic-vertexai", "amazon_bedrock_converse_chat",
    "chat-google-generative-ai",
})  # fmt: skip
"""The models that put messages together."""


def may_be_joined(history: Sequence[Message]) -> bool:
    """True if a model of `JOINING` may send these texts otherwise than one by one, and as they are."""
    roles = [message["role"] for message in history]
    return (
        "system" in roles[1:]
        or any(one == other for one, other in itertools.pairwise(roles))
        or any(_is_blank(message["content"]) for message in history)
    )


def _is_blank(content: Any) -> bool:
    return isinstance(content, str) and (not content or content.isspace())


def _system_first(history: list[Message]) -> list[Message]:
    """The one system prompt of a conversation, wherever it stands, comes first."""
    if not history or history[0]["role"] == "system":
        return history
    system = [message for message in history if message["role"] == "system"]
    return [*system, *(message for message in history if message["role"] != "system")] if system else history


def _system_joined(history: list[Message]) -> list[Message]:
    """All that is the system's, as the parts of one message before all others."""
    system = [message for message in history if message["role"] == "system"]
    if not system or (len(system) == 1 and history[0] is system[0]):
        return history
    first = system[0]
    for other in system[1:]:
        first = {**first, "content": _parts(first["content"], other["content"])}
    return [first, *(message for message in history if message["role"] != "system")]


def _joined(history: list[Message], join: Callable[[Content, Content], Content]) -> list[Message]:
    """The messages, with those in a row that the system or the user said made one."""
    found: list[Message] = []
    for message in history:
        if found and message["role"] == found[-1]["role"] and message["role"] in _JOINED_ROLES:
            found[-1] = {**found[-1], "content": join(found[-1]["content"], message["content"])}
        else:
            found.append(message)
    return found


def _parts(one: Content, other: Content) -> Content:
    return [*_as_parts(one), *_as_parts(other)]


def _on_lines(one: Content, other: Content) -> Content:
    """As LangChain's `merge_message_runs` joins them."""
    if isinstance(one, str) and isinstance(other, str):
        return f"{one}\n{other}" if one and other else one or other
    return _parts(one, other)


def _as_parts(content: Content) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _with_dots(history: list[Message], run: RunPayload) -> list[Message]:
    """Bedrock takes no empty text: langchain-aws since 1.0, which says who answered, sends a dot in its place."""
    response = answered_fields(run).get("response_metadata")
    if not (isinstance(response, OBJECT) and "model_provider" in response):
        return history
    for message in history:
        if message["role"] != "system" and _is_blank(message["content"]):
            message["content"] = _DOT
    return history


_DOT = "."

SYSTEM_AS_USER = "convert_system_message_to_human"
"""A setting of Gemini's chat model, from the time when its models had no system prompt."""


def _made_with(run: RunPayload, setting: str) -> bool:
    return any(place.get(setting) is True for place in run.settings_everywhere)


def _system_as_user(history: list[Message]) -> list[Message]:
    """The system prompt as the first part of what the user says first."""
    if len(history) < 2 or [one["role"] for one in history[:2]] != ["system", "user"]:
        return history
    first, second, *others = history
    return [{**second, "content": _parts(first["content"], second["content"])}, *others]


def _leave_out_texts_beside_calls(history: list[Message], run: RunPayload, notes: Notes) -> None:
    """langchain-google-genai to 4.2, from before runs told versions, sends the calls of a turn alone."""
    if "lc_versions" in run.metadata:
        return
    for message in history:
        if message.get("tool_calls") and message["content"]:
            message["content"] = None
            notes.add(
                "unsent",
                "earlier turns hold text beside calls, which langchain-google-genai to 4.2 leaves out",
            )


def _plan(history: list[Message], run: RunPayload) -> None:
    """Cohere's second API takes a plan beside calls: langchain-cohere sends one of its own where there is no text."""
    extra = answered_fields(run).get("additional_kwargs")
    if not isinstance(extra, OBJECT) or "generation_id" in extra:
        return
    for message in history:
        if message.get("tool_calls") and not message["content"]:
            message["content"] = _PLAN


_PLAN = "I will assist you using the tools provided."


def _give_ids_of_mistral(history: list[Message]) -> None:
    for message in history:
        for call in message.get("tool_calls", ()):
            call["id"] = _id_of_mistral(call["id"])
        if "tool_call_id" in message:
            message["tool_call_id"] = _id_of_mistral(message["tool_call_id"])


def _id_of_mistral(call_id: str) -> str:
    """The id that goes out for another: nine letters and digits are what Mistral takes."""
    letters = string.digits + string.ascii_letters
    if len(call_id) == _LENGTH and call_id.isascii() and call_id.isalnum():
        return call_id
    number, digits = int.from_bytes(hashlib.sha256(call_id.encode()).digest()), ""
    while number:
        number, digit = divmod(number, len(letters))
        digits = letters[digit] + digits
    return digits[:_LENGTH].rjust(_LENGTH, "0")


_LENGTH = 9
