"""Chooses the reader of a run by the key that its answer is under.

A reader is a pure function `read(run, notes) -> Conversation`. Which one reads a run is looked up, never tried:
a further producer costs a row in `READERS`, or, where several answer under one key, one in `_MESSAGE_READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects import gemini, langchain, ollama, openai_chat, openai_responses, vercel
from langsmith_finetune.dialects import stream_events as events
from langsmith_finetune.dialects.assembly import (
    answer_from_message,
    conversation_of,
    message_of,
    read_request,
    read_trajectory,
    text_answer,
)
from langsmith_finetune.dialects.checked import list_at, mapping_at, text_at
from langsmith_finetune.dialects.content import kind_of
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.endings import note_ending
from langsmith_finetune.dialects.losses.lost_media import is_repr
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.openai_chunks import message_of_chunks
from langsmith_finetune.dialects.sent.langchain import as_sent
from langsmith_finetune.dialects.sent.langchain_fields import fields_as_sent
from langsmith_finetune.dialects.sent.langchain_python import messages_as_sent, note_lost_text
from langsmith_finetune.dialects.sent.langchain_tools import tools_as_sent
from langsmith_finetune.dialects.sent.vercel import provider_of
from langsmith_finetune.dialects.tools import note_missing_calls, note_missing_tools
from langsmith_finetune.dialects.turns import Turns
from langsmith_finetune.runs.fields import RunPayload

Reader: TypeAlias = Callable[[RunPayload, Notes], Conversation]


def read_choices(run: RunPayload, notes: Notes) -> Conversation:
    """A chat completion: `wrap_openai`, LiteLLM, a `@traceable` function that returns one."""
    choices = run.outputs["choices"]
    if not isinstance(choices, list) and isinstance(choices, OBJECT):  # Dify's one choice is the message
        turns = read_request(run, notes)
        said = answer_from_message("outputs.choices", choices, turns)
        return conversation_of(run, notes, turns, [said])
    answer = openai_chat.answer_from(run, notes)  # first: it tells a completion model
    if answer[0]["content"] == "redacted-by-litellm":
        raise Unreadable("hidden", "LiteLLM was told to leave messages out of its logs")
    return conversation_of(run, notes, read_request(run, notes), answer, whole_request=True)


def read_generations(run: RunPayload, notes: Notes) -> Conversation:
    """A chat model of LangChain's, in Python or JavaScript, of any age."""
    answer = langchain.answer_from(run, notes)
    run = fields_as_sent(run, notes)
    turns = read_request(run, notes)
    instructions = run.invocation("instructions")  # a setting of the Responses API
    if instructions:
        said = text_at("invocation_params.instructions", instructions)
        turns.messages.insert(0, {"role": "system", "content": said})
    conversation = conversation_of(run, notes, turns, answer, whole_request=True)
    asked = messages_as_sent(conversation.messages[:-1], run, notes)
    conversation.messages = [*as_sent(asked, run, notes), conversation.messages[-1]]
    tools_as_sent(conversation, run, notes)
    note_lost_text(conversation.messages[-1], run, notes)
    if run.metadata.get("ls_provider") == "perplexity":
        note_missing_calls(conversation, notes)  # its chat model reads none
    if not (conversation.tools or conversation.functions or run.has_settings):
        notes.add(
            "tools_missing", "the run came without its settings, where LangChain's tracer posts the tools"
        )
    return conversation


def read_messages(run: RunPayload, notes: Notes) -> Conversation:
    """`messages` as the answer: one message, or all that came of the call, with the tools' answers."""
    return read_trajectory("outputs.messages", run.outputs["messages"], run, notes)


def read_named_message(run: RunPayload, notes: Notes) -> Conversation:
    """`message` as the answer."""
    turns = read_request(run, notes)
    message = mapping_at("outputs.message", run.outputs["message"])
    return conversation_of(run, notes, turns, [answer_from_message("outputs.message", message, turns)])


def read_llm_output(run: RunPayload, notes: Notes) -> Conversation:
    """`llm_output` as the answer: Vercel's AI SDK 3 and 4, by LangSmith's exporter of its telemetry."""
    operation = run.metadata.get("ai.operationId")
    if isinstance(operation, str) and not operation.endswith((".doGenerate", ".doStream")):
        raise Unreadable("not_llm", "the exporter posts the run around the model's calls as one of them")
    turns = read_request(run, notes)
    message = mapping_at("outputs.llm_output", run.outputs["llm_output"])
    answer = answer_from_message("outputs.llm_output", message, turns)
    if "tool_calls" in answer and not answer["content"]:
        notes.add(
            "text_missing", "LangSmith's exporter for the AI SDK posts calls without the text beside them"
        )
    return conversation_of(run, notes, turns, [answer], whole_request=True)


def read_candidates(run: RunPayload, notes: Notes) -> Conversation:
    """`candidates` as the answer: a function around Google's SDK for Gemini, in Python or JavaScript."""
    return _read_candidates("outputs", [run.outputs], run, notes)


def _read_candidates(where: str, responses: Sequence[Any], run: RunPayload, notes: Notes) -> Conversation:
    turns = Turns(notes)
    gemini.add_contents(run, turns)
    gemini.add_candidate(where, responses, turns)
    return _of_gemini(run, notes, turns)


def read_outputs(run: RunPayload, notes: Notes) -> Conversation:
    """`outputs` as the answer: what a traced function in JavaScript returned that was no object."""
    return read_output(replace(run, outputs={"output": run.outputs["outputs"]}), notes)


def read_response(run: RunPayload, notes: Notes) -> Conversation:
    """`response` as the answer: the last event of a stream, which older `wrapOpenAI` posts of answers cut off."""
    return read_output(replace(run, outputs=events.response_of("outputs", [run.outputs])), notes)


def read_text(run: RunPayload, notes: Notes) -> Conversation:
    """`text` as the answer: the model's node in a workflow of Dify's."""
    said = text_answer(text_at("outputs.text", run.outputs["text"]), notes)
    return conversation_of(run, notes, read_request(run, notes), [said])


def read_output(run: RunPayload, notes: Notes) -> Conversation:
    """`output` as the answer: what a function returned that was no dict, or items of the Responses API."""
    output = run.outputs["output"]
    if output is None:
        raise Unreadable("empty_output", "outputs.output is null")
    if isinstance(output, OBJECT):  # Bedrock's answer, or a wrapper whose own code for outputs failed
        note_ending("outputs", run.outputs, notes)
        return reader_of(output)(replace(run, outputs=output), notes)
    if isinstance(output, str):
        if is_repr(output):
            raise Unreadable(
                "lost_at_source", "outputs.output is what Python calls an object, not what it holds"
            )
        conversation = conversation_of(run, notes, read_request(run, notes), [text_answer(output, notes)])
        note_missing_calls(conversation, notes)
        return conversation
    return _read_list(list_at("outputs.output", output), run, notes)


def _read_list(output: Sequence[Any], run: RunPayload, notes: Notes) -> Conversation:
    """Items of the Responses API, messages, a role and a text, or the pieces of a stream."""
    first = output[0] if output else {}
    if isinstance(first, OBJECT):
        return _read_objects(output, run, notes)
    turns = read_request(run, notes)
    if len(output) == 2 and first in ("assistant", "ai") and isinstance(output[1], str):
        turns.add("outputs.output", output)
        return conversation_of(run, notes, turns, [])
    if run.streamed and all(isinstance(piece, str) for piece in output):
        notes.spend(sum(1 + len(piece) // 100 for piece in output))  # before they are joined
        conversation = conversation_of(run, notes, turns, [text_answer("".join(output), notes)])
        note_missing_calls(conversation, notes)
        return conversation
    raise Unreadable("unknown_shape", "outputs.output is a list of nothing that a model is known to answer")


def _read_objects(output: Sequence[Any], run: RunPayload, notes: Notes) -> Conversation:
    where = "outputs.output"
    first = output[0] if output else {}
    # Azure's first chunk tells of filters, and its object is "".
    if any(isinstance(one, OBJECT) and one.get("object") == "chat.completion.chunk" for one in output):
        turns = read_request(run, notes)
        answer = message_of_chunks(where, output, notes)
        return conversation_of(run, notes, turns, [answer])
    if "candidates" in first:
        return _read_candidates(where, output, run, notes)
    if first.get("object") == "response" and len(output) == 1:  # streamed by OpenAI's agents of 2025
        run = replace(run, outputs=first)
    if events.is_of_response(first) or events.is_stream(first):
        return _read_events(where, output, run, notes)
    if "done" in first and "message" in first:
        return read_named_message(replace(run, outputs=ollama.joined(where, output, notes)), notes)
    if "role" not in first or kind_of(first) == "message":
        return _read_responses(run, notes)
    return read_trajectory(where, output, run, notes)


def _read_events(where: str, output: Sequence[Any], run: RunPayload, notes: Notes) -> Conversation:
    if events.is_of_response(output[0]):
        return read_output(replace(run, outputs=events.response_of(where, output)), notes)
    return _read_bare(replace(run, outputs=events.joined(where, output, notes)), notes)


def read_message(run: RunPayload, notes: Notes) -> Conversation:
    """The outputs are the message: the answer of many a wrapper and of the agent SDKs."""
    integration = run.metadata.get("ls_integration")
    if integration is None and "ai_sdk_method" in run.metadata:
        integration = "vercel-ai-sdk"  # langsmith 0.3 does not say so
    reader = _MESSAGE_READERS.get(integration) if isinstance(integration, str) else None
    if reader is not None:
        return reader(run, notes)
    if gemini.is_gemini(run):
        return _read_gemini(run, notes)
    return _read_bare(run, notes)


def _read_bare(run: RunPayload, notes: Notes) -> Conversation:
    """`wrap_anthropic`, and what people return from functions of their own."""
    turns = read_request(run, notes)
    conversation = conversation_of(run, notes, turns, [answer_from_message("outputs", run.outputs, turns)])
    if run.inputs.get("mcp_servers"):
        notes.add("server_tool_dropped", "inputs.mcp_servers")
    return conversation


def _read_responses(run: RunPayload, notes: Notes) -> Conversation:
    """The Responses API: `wrap_openai`, OpenAI's agents; and the latter's streamed chat completions."""
    turns = read_request(run, notes)
    openai_responses.add_answer(run, turns)
    conversation = conversation_of(run, notes, turns, [], whole_request=True)
    openai_responses.note_settings(run, conversation, notes)
    return conversation


def _read_claude_agent(run: RunPayload, notes: Notes) -> Conversation:
    """The Claude Agent SDK: neither tools nor the system prompt are posted with the call."""
    conversation = _read_bare(run, notes)
    if conversation.messages[0]["role"] != "system":
        notes.add("system_missing", "the Claude Agent SDK posts the system prompt with the root run alone")
    if not conversation.tools:
        notes.add("tools_missing", "the Claude Agent SDK does not post tools")
    return conversation


def _read_gemini(run: RunPayload, notes: Notes) -> Conversation:
    turns = Turns(notes)
    gemini.add_request(run, turns)
    gemini.add_answer(run, turns)
    return _of_gemini(run, notes, turns)


def _of_gemini(run: RunPayload, notes: Notes, turns: Turns) -> Conversation:
    conversation = Conversation(messages=turns.messages)
    gemini.add_settings(conversation, run, notes)
    note_missing_tools(conversation, notes, in_history=False)
    note_ending("outputs", run.outputs, notes)
    return conversation


def _read_vercel(run: RunPayload, notes: Notes) -> Conversation:
    turns = Turns(notes)
    vercel.add_request(run, turns)
    vercel.add_answer(message_of(run.outputs), turns, provider_of(run))
    conversation = conversation_of(run, notes, turns, [], whole_request=True)
    vercel.add_settings(conversation, run, notes)
    return conversation


_MESSAGE_READERS: dict[str, Reader] = {
    "claude-agent-sdk": _read_claude_agent,
    "vercel-ai-sdk": _read_vercel,
    "vercel-ai-sdk-telemetry": _read_vercel,
}

READERS: dict[str, Reader] = {
    "generations": read_generations,
    "choices": read_choices,
    "output": read_output,
    "messages": read_messages,
    "message": read_named_message,
    "candidates": read_candidates,
    "outputs": read_outputs,
    "llm_output": read_llm_output,
    "content": read_message,
    "role": read_message,
    "tool_calls": read_message,
}


def reader_of(outputs: Mapping[str, Any]) -> Reader:
    """The reader that knows outputs of this form."""
    known = [key for key in outputs if key in READERS]
    if len(known) == 1:
        return READERS[known[0]]
    found = {READERS[key]: key for key in reversed(READERS) if key in known}  # named by its first key
    if read_generations in found:
        found.pop(read_llm_output, None)  # LangChain's own key of this name
    if read_message in found and "stop_reason" in outputs:
        found.pop(read_output, None)  # `wrap_anthropic`: the pieces of a stream beside the whole message
    if events.is_of_response(outputs) and not found:
        return read_response
    if len(found) == 1:
        return next(iter(found))
    if not found and isinstance(outputs.get("text"), str):
        return read_text
    if found:
        keys = ", ".join(sorted(found.values()))
        raise Unreadable("unknown_shape", f"outputs hold an answer under each of {keys}")
    if kind_of(outputs) in langchain.KIND_OF_TYPE:
        return read_message  # dumped, with its fields under `data`
    raise Unreadable("unknown_shape", "no reader knows outputs of this form")
