"""Reads Vercel's AI SDK, as `wrapAISDK` posts the calls of its models.

    inputs.messages   [{"role", "content": [parts], "tool_calls"?}], tools, toolChoice, responseFormat
    outputs           {"content": parts or text, "role", "tool_calls", "finishReason"}

LangSmith's telemetry for AI SDK 7 posts the same messages; the system prompt and the tools are among the
settings of the call, and the answer holds what the tools said to it, before the model read it.

Images were files before the wrapper saw them, and are images again on the wire: they are read as images.
Sources: `langsmith/experimental/vercel`, and what `@ai-sdk/openai` sends,
https://ai-sdk.dev/docs/reference/ai-sdk-core/model-message
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.checked import list_at, mapping_at
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.dialects.sent.langchain import with_one_system_prompt
from langsmith_finetune.dialects.sent.vercel import (
    KEEP_PARTS,
    change_schemas,
    name_answers,
    provider_of,
    with_answers_in_parts,
)
from langsmith_finetune.dialects.tools import refuse_kept_elsewhere
from langsmith_finetune.dialects.turns import Turns
from langsmith_finetune.runs.fields import RunPayload


def add_request(run: RunPayload, turns: Turns) -> None:
    """Read the prompt that the SDK made."""
    refuse_kept_elsewhere(
        _openai_options(run).get("previousResponseId"), _openai_options(run).get("conversation")
    )
    for key in ("instructions", "system"):
        said = run.invocation(key)
        for message in said if isinstance(said, (list, tuple)) else [said]:
            if message:
                message_dict = {"role": "system", "content": message} if isinstance(message, str) else message
                turns.add(f"invocation_params.{key}", message_dict)
    provider = provider_of(run)
    for index, found in enumerate(list_at("inputs.messages", run.inputs.get("messages"))):
        where = f"inputs.messages[{index}]"
        message = {k: v for k, v in mapping_at(where, found).items() if k != "providerOptions"}
        if provider in ("anthropic", "bedrock", "responses"):
            message = with_answers_in_parts(message)
        add_message(where, message, turns, provider)
    if provider in ("anthropic", "bedrock", "google"):
        turns.messages = with_one_system_prompt(turns.messages)
    elif provider == "mistral":
        name_answers(turns.messages)


def add_message(where: str, message: Mapping[str, Any], turns: Turns, provider: str | None) -> None:
    """Read one message, with files as what they are on the wire, and an assistant's texts as one in chat completions."""
    content = message.get("content")
    if isinstance(content, (list, tuple)):
        parts = [_on_the_wire(place, part, turns.notes) for place, part in enumerate(content)]
        message = {**message, "content": parts}
    turns.add(where, message)
    if message.get("role") == "assistant" and provider not in KEEP_PARTS:
        _join_texts(turns.messages[-1])


def add_answer(message: Mapping[str, Any], turns: Turns, provider: str | None) -> None:
    """Read what the model said, without what its tools answered in the same step."""
    content = message.get("content")
    if isinstance(content, (list, tuple)):
        message = {**message, "content": [part for part in content if not _is_answer_of_tool(part)]}
    add_message("outputs", message, turns, provider)


def _is_answer_of_tool(part: Any) -> bool:
    return (
        isinstance(part, Mapping)
        and part.get("type") in ("tool-result", "tool-error")
        and not part.get("providerExecuted")
    )


def add_settings(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Note what the SDK's settings ask for beyond a training line."""
    if provider_of(run) == "google":
        change_schemas(conversation, notes)
    choice = run.inputs.get("toolChoice") or run.invocation("toolChoice")
    if choice not in (None, "auto") and not (isinstance(choice, Mapping) and choice.get("type") == "auto"):
        notes.add("tool_choice", "the call named a toolChoice")
    wanted = run.inputs.get("responseFormat") or run.invocation("responseFormat")
    if wanted is not None and not (isinstance(wanted, Mapping) and wanted.get("type") == "text"):
        notes.add("response_format", "the call named a responseFormat")
    parallel = _openai_options(run).get("parallelToolCalls")
    if isinstance(parallel, bool) and conversation.tools:
        conversation.parallel_tool_calls = parallel


def _openai_options(run: RunPayload) -> Mapping[str, Any]:
    return _openai(run.inputs.get("providerOptions") or run.invocation("providerOptions"))


def _openai(options: Any) -> Mapping[str, Any]:
    found = options.get("openai") if isinstance(options, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _on_the_wire(place: int, part: Any, notes: Notes) -> Any:
    if not isinstance(part, Mapping):
        return part
    if part.get("type") in ("text", "tool-call", "tool-result", "reasoning"):
        return {key: value for key, value in part.items() if key != "providerOptions"}
    file = part.get("file")
    if (
        part.get("type") != "file"
        or not isinstance(file, Mapping)
        or not isinstance(file.get("file_data"), str)
    ):
        return part
    data: str = file["file_data"]
    notes.spend(1 + len(data) // 100)
    kind, _, encoded = data.partition(";base64,")
    if data.startswith(("data:image/", "http://", "https://")):  # only images may go by address
        image: dict[str, Any] = {"url": data}
        detail = _openai(part.get("providerOptions")).get("imageDetail")
        if detail is not None:
            image["detail"] = detail
        return {"type": "image_url", "image_url": image}
    if kind in ("data:audio/wav", "data:audio/mp3", "data:audio/mpeg"):
        audio_format = "wav" if kind.endswith("wav") else "mp3"
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": audio_format}}
    name = file.get("filename")
    return {"type": "file", "file": {"filename": name or f"part-{place}.pdf", "file_data": data}}


def _join_texts(message: Message) -> None:
    parts = message["content"]
    if isinstance(parts, list) and all(part["type"] == "text" for part in parts):
        message["content"] = "".join(str(part["text"]) for part in parts)
