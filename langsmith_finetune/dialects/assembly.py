"""Puts a conversation together: what was sent, what was answered, and the settings beside them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Message, nameless
from langsmith_finetune.dialects import gemini, langchain, openai_chat, openai_responses
from langsmith_finetune.dialects.checked import list_at, malformed
from langsmith_finetune.dialects.content import kind_of
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.endings import ENDINGS, note_ending
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.tools import add_request_settings, note_missing_tools
from langsmith_finetune.dialects.turns import Turns
from langsmith_finetune.runs.fields import RunPayload


def _note_agents(run: RunPayload, conversation: Conversation, notes: Notes) -> None:
    """OpenAI's agents over chat completions: messages under `input`, and no tools anywhere.

    Those of 2025 do not name themselves, but the span that each run was.
    """
    if run.invocation("tools") is None and not conversation.tools:
        notes.add(
            "tools_missing",
            "OpenAI's agents do not post the tools of a chat completion, nor of any call in late 2025",
        )
    note_ending("metadata", {key: run.metadata.get(key) for key in ("incomplete_details", "status")}, notes)
    settings = run.invocation("model_config")
    if isinstance(settings, OBJECT) and settings.get("tool_choice") not in (None, "auto"):
        notes.add("tool_choice", "the call named a tool_choice")
    if run.metadata.get("output_type") not in (None, "str", "text"):  # in Python, in JavaScript
        notes.add("response_format", "the agent has an output_type")


def read_request(run: RunPayload, notes: Notes) -> Turns:
    """What went to the model, read from the place it is in."""
    inputs, turns = run.inputs, Turns(notes)
    if inputs.get("messages") is not None:
        if inputs.get("system"):  # Anthropic's place, in a function of the user's own
            turns.add("inputs.system", {"role": "system", "content": inputs["system"]})
        messages = inputs["messages"]
        turns.add_all(
            *_batch(
                messages if isinstance(messages, list) or not isinstance(messages, OBJECT) else [messages]
            )
        )  # Dify's one
    elif inputs.get("contents") is not None:
        gemini.add_contents(run, turns)
    elif inputs.get("input") is not None:
        openai_responses.add_request(run, turns)
    elif "role" in inputs and "content" in inputs:  # OpenAI's agents, where one message is all that was sent
        turns.add("inputs", inputs)
    elif inputs.keys() & {"prompt", "prompts"}:
        raise Unreadable("completion_model", "inputs.prompt holds text, not messages")
    elif "messages" in inputs:
        raise malformed("inputs.messages", "a list", None)
    else:
        raise Unreadable("unknown_shape", "no reader knows inputs of this form")
    if not turns.messages:
        raise malformed("inputs.messages", "a list of at least one message", [])
    return turns


def _batch(messages: Any) -> tuple[str, Any]:
    """The messages, out of the list of batches that LangChain puts around them."""
    where, batch = "inputs.messages", list_at("inputs.messages", messages)
    # A batch is a list of objects; a message may be a list too, but then of texts: ["system", "..."].
    if batch and isinstance(batch[0], (list, tuple)) and not (batch[0] and isinstance(batch[0][0], str)):
        if len(batch) > 1:
            raise Unreadable("malformed", f"inputs.messages holds {len(batch)} batches, a run has one")
        where, batch = "inputs.messages[0]", batch[0]
    return where, batch


def conversation_of(
    run: RunPayload, notes: Notes, turns: Turns, answer: list[Message], *, whole_request: bool = False
) -> Conversation:
    """The conversation of a request and its answer, with its tools and notes.

    Args:
        run: Where they are from.
        notes: Takes what they lack.
        turns: The request.
        answer: The answer; empty if it is among the turns.
        whole_request: The request has all that the model was sent, so tools in its history need no note.
    """
    for message in answer:
        turns.give_ids("outputs", message)
    conversation = Conversation(messages=[*turns.messages, *answer])
    if run.metadata.get("ls_provider") in _NAMELESS:
        for message in conversation.messages:
            if message["role"] == "tool":
                message.pop("name", None)
    note_ending("outputs", run.outputs, notes)
    add_request_settings(conversation, run, notes)
    if "contents" in run.inputs and run.inputs.get("messages") is None:
        gemini.add_settings(conversation, run, notes)
    note_missing_tools(conversation, notes, in_history=not whole_request)
    if run.metadata.get("ls_integration") == "openai-agents-sdk" or "openai_span_id" in run.metadata:
        _note_agents(run, conversation, notes)
    return conversation


_NAMELESS = (
    "anthropic",
    "google",
    "google_ai",
    "google_genai",
    "google_vertexai",
    "amazon_bedrock",
    "cohere",
    "ollama",
)
"""Providers whose APIs have no name for who answers a call, though messages in a run may have one."""


_BESIDE = frozenset({
    # What came with an answer and is no part of it: names, times, counts, prices, how it ended.
    "id", "object", "type", "index", "model", "created", "created_at", "usage", "usage_metadata", "metadata",
    "usageMetadata", "totalUsage", "total_usage", "response_metadata", "responseMetadata", "service_tier",
    "system_fingerprint", "stop_sequence", "stop_details", "container", "diagnostics", "context_management",
    "metrics", "latency_ms", "cost", "timings", "logprobs", "done", "output", "token_usage", "tokenUsage",
    "modelVersion", "model_version", "sdk_http_response", "sdkHttpResponse", "ResponseMetadata", "$metadata",
    # Vercel's AI SDK: what it sent and got, in its provider's form.
    "request", "response", "rawCall", "rawResponse", "rawPrompt", "warnings", "providerMetadata",
    "experimental_providerMetadata",
    # The answer once more, as the SDK parsed it.
    "parsed", "parsed_output", "text_content",
    *ENDINGS,
})  # fmt: skip


def message_of(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The message in outputs that hold more. Whatever is not known to be beside it is in it, for its reader to note."""
    return {"role": "assistant"} | {
        key: value
        for key, value in outputs.items()
        if value is not None and key not in _BESIDE and not isinstance(value, (bool, int, float))
    }


def answer_from_message(where: str, message: Mapping[str, Any], turns: Turns) -> Message:
    """The model's message, in any dialect; not yet among the turns."""
    kind = kind_of(message)
    if kind == "constructor" or (kind in langchain.KIND_OF_TYPE and "role" not in message):
        return langchain.answer_message(where, message, turns.notes)
    note_ending(where, message, turns.notes)
    before = len(turns.messages)
    turns.add(where, message_of(message))
    added, turns.messages = turns.messages[before:], turns.messages[:before]
    if len(added) != 1:
        raise Unreadable("malformed", f"{where} must be one message, found {len(added)}")
    if added[0]["role"] != "assistant":
        raise malformed(f"{where}.role", '"assistant"', added[0]["role"], openai_chat.ROLES)
    return added[0]


def text_answer(text: str, notes: Notes) -> Message:
    """A text as the model's message."""
    notes.spend(len(text) // 100)
    return {"role": "assistant", "content": text}


def read_trajectory(where: str, messages: Any, run: RunPayload, notes: Notes) -> Conversation:
    """An answer of one message or of many: several calls with the answers of tools between them."""
    turns = read_request(run, notes)
    asked = list(turns.messages)
    found = list_at(where, messages)
    if not found:
        raise Unreadable("empty_output", f"{where} is an empty list")
    if len(found) > 1 and all(isinstance(m, Mapping) and "finish_reason" in m for m in found):
        notes.add("other_candidates", f"{where} holds {len(found)}")  # OpenTelemetry: one for each choice
        found = found[:1]
    if isinstance(found[0], (list, tuple)) and not (found[0] and isinstance(found[0][0], str)):
        raise malformed(f"{where}[0]", "a message", found[0])
    for index, message in enumerate(found):
        is_last = index == len(found) - 1
        if is_last and isinstance(message, OBJECT) and message.get("role", "assistant") == "assistant":
            answer = answer_from_message(f"{where}[{index}]", message, turns)
            turns.messages.append(answer)
        else:
            turns.add(f"{where}[{index}]", message)
    said = turns.messages[len(asked) :]
    if [*map(nameless, said[: len(asked)])] == [*map(nameless, asked)]:
        said = said[len(asked) :]  # the outputs repeat the inputs, as a graph's state does
        turns.messages = asked + said
    last = said[-1]["role"] if said else None
    if last != "assistant":
        raise malformed(f"the role of the last of {where}", '"assistant"', last, openai_chat.ROLES)
    if any(one["role"] == other["role"] == "assistant" for one, other in pairwise(said)):
        raise Unreadable(
            "malformed", f"{where} has two assistant messages in a row; cannot tell which is the answer"
        )
    conversation = conversation_of(run, notes, turns, [])
    conversation.said = len(said)
    return conversation
