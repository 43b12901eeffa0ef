"""What LangChain's chat models change in the messages that they are given.

    names              left out, where the provider's API or the chat model has no place for them
    system messages    joined at the start, where the API takes one system prompt beside the messages
    parts of a message one message each, to Ollama from JavaScript
    answers of tools   as JSON text, where they are blocks of text, to the Responses API from JavaScript
    text beside calls  left out of a history, to Mistral and by OpenAI's chat model before 1.2, in JavaScript
    calls              left out of a history, by Ollama's chat model before 1.0, in JavaScript

The tracer writes down the messages before any of it is done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT, compact_json
from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.checked import json_at, mapping_at
from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.runs.fields import RunPayload

_WITHOUT_NAMES = ("anthropic", "google", "amazon_bedrock", "bedrock", "vertex")  # their APIs have no place
_WITHOUT_NAMES_IN_JAVASCRIPT = ("cohere", "mistral", "ollama")
_WITHOUT_NAMES_IN_PYTHON = (
    *("cohere", "fireworks", "groq", "huggingface", "litellm", "mistral", "ollama", "openrouter"),
    "perplexity",
)
_ONE_SYSTEM_PROMPT = ("anthropic", "amazon_bedrock", "bedrock", "google")
_BY_OPENAI = ("openai", "azure", "deepseek", "xai")
_VERSION = re.compile(r"(\d+)\.(\d+)\.")


def as_sent(history: list[Message], run: RunPayload, notes: Notes) -> list[Message]:
    """The messages of a call, as the chat model of its provider sends them."""
    provider, javascript = _provider(run), is_javascript(run)
    response = _is_response(run)
    _leave_out_names(history, provider, javascript=javascript, response=response)
    if provider.startswith(_ONE_SYSTEM_PROMPT):
        history = with_one_system_prompt(history)
    if javascript and provider == "google_genai":
        _note_of_old_gemini(history, run, notes)
    if javascript and provider == "ollama":
        history = [one for message in history for one in _a_message_each(message)]
        if not _tells_provider(run):
            _note_of_old_ollama(history, run, notes)
    if javascript and response:
        _write_answers_as_json(history, run, notes)
    elif javascript:
        _leave_out_texts_beside_calls(history, provider, run, notes)
    return history


def model_type(run: RunPayload) -> str | None:
    """The word of a chat model of LangChain's for what it is."""
    for place in ("invocation_params", "metadata"):
        settings = run.extra.get(place)
        if isinstance(settings, OBJECT) and isinstance(settings.get("_type"), str):
            return str(settings["_type"])
    return None


def _provider(run: RunPayload) -> str:
    """Who answers, which runs of before the middle of 2024 do not tell."""
    provider = run.metadata.get("ls_provider")
    if provider is None:
        return _PROVIDER_OF.get(model_type(run) or "", "")
    return provider if isinstance(provider, str) else ""


_PROVIDER_OF = {
    "amazon_bedrock_chat": "amazon_bedrock", "anthropic-chat": "anthropic", "chat-google-generative-ai": "google_genai",
    "cohere-chat": "cohere", "fireworks-chat": "fireworks", "groq-chat": "groq", "mistralai-chat": "mistral",
    "ollama-chat": "ollama",
}  # fmt: skip


def _leave_out_names(history: list[Message], provider: str, *, javascript: bool, response: bool) -> None:
    unsent = _WITHOUT_NAMES + (_WITHOUT_NAMES_IN_JAVASCRIPT if javascript else _WITHOUT_NAMES_IN_PYTHON)
    is_unsent = provider.startswith(unsent)
    for message in history:
        if message["role"] in ("system", "user", "assistant"):
            if response or is_unsent:
                message.pop("name", None)
        elif message["role"] == "tool" and response:
            message.pop("name", None)  # those of other APIs are looked after where all runs are read


def with_one_system_prompt(history: list[Message]) -> list[Message]:
    """System messages are the parts of one, wherever they stand."""
    said = [message for message in history if message["role"] == "system"]
    if not said or (len(said) == 1 and history[0] is said[0]):
        return history
    parts = [part for message in said for part in _parts(message)]
    first = said[0] if len(said) == 1 else Message(role="system", content=parts)
    return [first, *(one for one in history if one["role"] != "system")]


def _parts(message: Message) -> list[dict[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content or ""}]


def _a_message_each(message: Message) -> Iterator[Message]:
    content = message["content"]
    if message["role"] == "tool" or not isinstance(content, list) or "tool_calls" in message:
        yield message
        return
    for part in content:
        alone = part["text"] if part["type"] == "text" else [part]
        yield {**message, "content": alone}


def _write_answers_as_json(history: list[Message], run: RunPayload, notes: Notes) -> None:
    """What a tool answered in blocks of text goes to the Responses API as the JSON text of the blocks."""
    if not any(message["role"] == "tool" for message in history):
        return
    texts: dict[Any, str] = {}
    batch = run.inputs.get("messages")
    for message in batch[0] if isinstance(batch, list) and batch and isinstance(batch[0], list) else ():
        fields = message.get("kwargs") if isinstance(message, OBJECT) else None
        if not isinstance(fields, OBJECT):
            continue
        blocks = fields.get("content")
        if isinstance(blocks, list) and blocks and all(_is_text(block) for block in blocks):
            call_id = fields.get("tool_call_id")
            if isinstance(call_id, str):
                texts[call_id] = compact_json(json_at("inputs.messages", blocks, notes))
    for message in history:
        if message["role"] == "tool":
            message["content"] = texts.get(message["tool_call_id"], message["content"])


def _is_text(block: Any) -> bool:
    return isinstance(block, OBJECT) and block.get("type") == "text" and isinstance(block.get("text"), str)


def _note_of_old_gemini(history: list[Message], run: RunPayload, notes: Notes) -> None:
    """@langchain/google-genai to 0.1.4, of 2024, makes the system prompt a part of what the user says first.

    Runs of those and of some that came after have no counts of tokens beside the generations.
    """
    if history[:1] and history[0]["role"] == "system" and not _counts_tokens(run):
        notes.add(
            "turns_joined",
            "@langchain/google-genai of 2024 joins the system prompt to the user's first words",
        )


def _counts_tokens(run: RunPayload) -> bool:
    beside, metadata = run.outputs.get("llmOutput"), answered_fields(run).get("response_metadata")
    return any("tokenUsage" in place for place in (beside, metadata) if isinstance(place, OBJECT))


def _note_of_old_ollama(history: list[Message], run: RunPayload, notes: Notes) -> None:
    """@langchain/ollama before 1.0 sends no calls, and joins thoughts to the answer."""
    if any("tool_calls" in message for message in history):
        notes.add("unsent", "earlier turns hold calls, which @langchain/ollama does not send before 1.0")
    if run.invocation("think"):
        notes.add(
            "reasoning_mixed", "the model thought, and @langchain/ollama before 1.0 joins that to the answer"
        )


def _leave_out_texts_beside_calls(
    history: list[Message], provider: str, run: RunPayload, notes: Notes
) -> None:
    beside = [message for message in history if message.get("tool_calls") and message["content"]]
    if not beside or not (provider == "mistral" or provider in _BY_OPENAI):
        return
    sent = False if provider == "mistral" else _sends_texts_beside_calls(run)
    if sent is None:
        notes.add(
            "unsent", "earlier turns hold text beside calls, which @langchain/openai 1.0 and 1.1 do not send"
        )
    elif not sent:
        for message in beside:
            message["content"] = None


def _sends_texts_beside_calls(run: RunPayload) -> bool | None:
    """True if this version of @langchain/openai does, 1.2 or later; None where the run does not tell.

    Runs tell it since 2026. Those of before 1.0 do not tell the provider with the answer.
    """
    versions = run.metadata.get("versions")
    version = versions.get("@langchain/openai") if isinstance(versions, OBJECT) else None
    if isinstance(version, str) and (found := _VERSION.match(version)):
        return (int(found[1]), int(found[2])) >= (1, 2)
    if "ls_integration" in run.metadata:
        return True
    return None if _tells_provider(run) else False


def _tells_provider(run: RunPayload) -> bool:
    """True if the provider stands beside the answer, as it does since LangChain.js 1.0."""
    metadata = answered_fields(run).get("response_metadata")
    return isinstance(metadata, OBJECT) and "model_provider" in metadata


def is_javascript(run: RunPayload) -> bool:
    """True if the chat model is LangChain.js's, which names its classes otherwise."""
    runtime, path = run.extra.get("runtime"), _answered(run).get("id")
    if isinstance(runtime, OBJECT) and isinstance(runtime.get("sdk"), str):
        return bool(runtime["sdk"] == "langsmith-js")
    return isinstance(path, list) and path[:1] == ["langchain_core"]


def _is_response(run: RunPayload) -> bool:
    """True if OpenAI's Responses API answered."""
    metadata = answered_fields(run).get("response_metadata")
    return isinstance(metadata, OBJECT) and metadata.get("object") == "response"


def answered_fields(run: RunPayload) -> Mapping[str, Any]:
    """The fields of the message that LangChain's tracer posted as the answer."""
    message = _answered(run)
    fields = message.get("kwargs", message)
    return fields if isinstance(fields, OBJECT) else {}


def _answered(run: RunPayload) -> Mapping[str, Any]:
    """The answer as it was posted."""
    found: Any = run.outputs["generations"]
    while isinstance(found, list) and found:
        found = found[0]
    return mapping_at("outputs.generations.message", found["message"])
