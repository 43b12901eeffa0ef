"""A conversation as a LangChain chat session, and back."""

from __future__ import annotations

import json
from collections.abc import (
    Mapping,
    Sequence,
)
from typing import Any, cast
from uuid import UUID

from langchain_core.chat_sessions import ChatSession
from langchain_core.load import dumpd
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langsmith_finetune._foundation.json_text import object_of
from langsmith_finetune.chat_format import (
    Content,
    Message,
    Tool,
    ToolCall,
)
from langsmith_finetune.dialects.checked import arguments_text, list_at, mapping_at
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.dataset_example import conversation_from_example
from langsmith_finetune.dialects.langchain import KIND_OF_TYPE, message_from_fields
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.read import refusal
from langsmith_finetune.dialects.tools import function_from, tools_from
from langsmith_finetune.dialects.turns import Turns
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.runs.fields import getter


class RunChatSession(ChatSession, total=False):
    """A chat session that also carries what LangChain's `ChatSession` has no place for.

    `functions` is filled for runs of the legacy functions API only; `tools` for all others.
    """

    tools: Sequence[Tool]
    """The tools that the model was offered, in OpenAI's form."""

    parallel_tool_calls: bool
    """True if the call allowed several calls at once, where it said so."""

    source: RunSource
    """Where the session came from."""


def session_from_conversation(conversation: Conversation) -> RunChatSession:
    """The canonical form as LangChain messages, with the tools beside them."""
    session = RunChatSession(messages=[langchain_message(message) for message in conversation.messages])
    if conversation.tools:
        session["tools"] = conversation.tools
    if conversation.functions:
        session["functions"] = [dict(function) for function in conversation.functions]
    if conversation.parallel_tool_calls is not None:
        session["parallel_tool_calls"] = conversation.parallel_tool_calls
    return session


def langchain_message(message: Message) -> BaseMessage:
    """A message of the OpenAI form as LangChain's."""
    if len(message) == 2 and (kind := _KIND_OF_PLAIN.get(message["role"])) is not None:  # as most
        return kind(content=_langchain_content(message["content"]))
    content, name = _langchain_content(message["content"]), message.get("name")
    named = {} if name is None else {"name": name}
    match message["role"]:
        case "user":
            return HumanMessage(content=content, **named)
        case "assistant":
            return _ai_message(message)
        case "tool":
            return ToolMessage(content=content, **named, tool_call_id=message["tool_call_id"])
        case "function":
            return FunctionMessage(content=content, name=name or "")
        case role:
            extra = {"additional_kwargs": {"__openai_role__": "developer"}} if role == "developer" else {}
            return SystemMessage(content=content, **named, **extra)


_KIND_OF_PLAIN: dict[str, type[BaseMessage]] = {
    "user": HumanMessage,
    "system": SystemMessage,
    "assistant": AIMessage,
}


_CALLING = AIMessage(content="")  # a copy of it costs half of what a new one with calls does


def answer_of_message(message: BaseMessage) -> Message:
    """What a chat model answered, in the OpenAI form. Thinking is left out, as it is for examples by default.

    Raises:
        RunNotUsableError: It holds what the form cannot say; names the field and the type found.
    """
    if type(message) in _ROLE_OF_PLAIN and (plain := _plain(message)):
        return plain
    notes = Notes()
    try:
        answer = message_from_fields("answer", "ai", message.__dict__, notes, is_answer=True)
    except Exception as error:  # noqa: BLE001 - values that are no JSON can raise anything
        raise refusal("", error) from None
    turns = Turns(notes)
    turns.messages.append(answer)
    turns.give_ids("answer", answer)
    return answer


def _ai_message(message: Message) -> AIMessage:
    """Calls whose arguments are a JSON object go to `tool_calls`, all others to `invalid_tool_calls`."""
    valid, invalid = [], []
    extra: dict[str, Any] = {}
    calls = message.get("tool_calls", [])
    for call in calls:
        name, text = call["function"]["name"], call["function"]["arguments"]
        arguments = object_of(text)
        if arguments is not None:
            valid.append({"name": name, "args": arguments, "id": call["id"], "type": "tool_call"})
        else:
            problem = "the arguments are not a JSON object"
            invalid.append({"name": name, "args": text, "id": call["id"], "error": problem})
    if valid and len(message) == 3 and not invalid:  # a role, a content and calls: as most
        return _CALLING.model_copy(
            update={"content": _langchain_content(message["content"]), "tool_calls": valid}
            | {"invalid_tool_calls": [], "additional_kwargs": {}, "response_metadata": {}}
        )
    if valid and invalid:
        extra["tool_calls"] = calls  # LangChain's place for calls as they were made: keeps their order
    if "function_call" in message:
        extra["function_call"] = dict(message["function_call"])
    for key in ("refusal", "reasoning_content"):
        if key in message:
            extra[key] = message[key]
    settings = {
        "name": message.get("name"),
        "tool_calls": valid,
        "invalid_tool_calls": invalid,
        "additional_kwargs": extra,
    }
    given = {key: value for key, value in settings.items() if value}
    return AIMessage(content=_langchain_content(message["content"]), **given)


def _langchain_content(content: Content) -> Any:
    return "" if content is None else content


def session_from_line(where: str, line: Any) -> RunChatSession:
    """A chat session from an OpenAI training line, as LangSmith exports a chat dataset."""
    notes = Notes()
    try:
        line = mapping_at("line", _decoded(line) if isinstance(line, str) else line)
        turns = Turns(notes)
        for index, message in enumerate(list_at("messages", line.get("messages"))):
            turns.add(f"messages[{index}]", message)
        conversation = Conversation(
            messages=turns.messages,
            tools=tools_from("tools", line.get("tools") or [], notes),
            functions=[
                function_from(f"functions[{i}]", function, notes)
                for i, function in enumerate(list_at("functions", line.get("functions") or []))
            ],
        )
        return session_from_conversation(conversation)
    except Exception as error:  # noqa: BLE001 - as for runs, what is no JSON can raise anything
        raise refusal(where, error) from None


def session_from_example(where: str, example: Any) -> RunChatSession:
    """A chat session from an example of a dataset, with the run that it was made from as its source."""
    try:
        get = getter(example)
        told = {name: get(name) for name in ("id", "source_run_id")}
        told |= {name: _without_objects(get(name)) for name in ("inputs", "outputs")}
        conversation, source = conversation_from_example(where, told)
    except Exception as error:  # noqa: BLE001 - see above
        raise refusal(where, error) from None
    session = session_from_conversation(conversation)
    session["source"] = source
    return session


def _without_objects(value: Any) -> Any:
    """The value with messages of LangChain's as what LangChain writes for them."""
    if isinstance(value, BaseMessage):
        return dumpd(value)
    if isinstance(value, dict):
        return {key: _without_objects(each) for key, each in value.items()}
    return [_without_objects(each) for each in value] if isinstance(value, list) else value


def _decoded(line: str) -> Any:
    try:
        line.encode()
        return json.loads(line)
    except UnicodeEncodeError:
        raise Unreadable("malformed", "the line holds bytes that are not UTF-8") from None
    except (ValueError, RecursionError):
        raise Unreadable("malformed", "the line is not JSON, or nested too deeply to be read") from None


NO_ANSWER = "has no assistant message, so there is nothing to learn"


def session_at(index: int, given: Any) -> tuple[str, dict[str, Any], RunSource | None]:
    """A session in the form of LangChain's, and what to call it: also a bare list of messages is one."""
    session = _plain_session(given)
    if session is None or "messages" not in session:
        found = "one without" if session is not None else f"of type {type(given).__name__}"
        raise TypeError(
            f"session {index} is not a chat session, a dict with messages, but {found}. Runs "
            "go through LangSmithRunChatLoader, or straight into examples_from_runs; a single session into a list"
        )
    source = session.get("source")
    if type(source) not in (RunSource, type(None)):
        raise TypeError(f"session {index}: source must be a RunSource, not {type(source).__name__}")
    run_id = source.run_id if source is not None else None
    return str(run_id) if type(run_id) in (str, UUID) else f"session {index}", session, source


def _plain_session(given: Any) -> dict[str, Any] | None:
    """The session as a dict, by the methods of the built-in types alone: others may raise anything."""
    kind = type(given)
    if issubclass(kind, dict):
        return given if kind is dict else dict(dict.items(given))
    if not issubclass(kind, (list, tuple)):
        return None
    messages = [*(list if issubclass(kind, list) else tuple).__iter__(given)]
    is_pair = bool(messages) and issubclass(
        type(messages[0]), str
    )  # a role and a text: no session, a message
    return None if is_pair else {"messages": messages}


def conversation_from_session(where: str, session: Mapping[str, Any]) -> Conversation:
    """What a session's messages and tools say, as they stand."""
    # The notes of the run were taken when it was read; what thinking the messages hold is there on request.
    notes = Notes(keep_reasoning=True)
    try:
        conversation = Conversation(messages=_messages(session["messages"], notes))
        if tools := session.get("tools"):
            conversation.tools = tools_from("tools", tools, notes)
        if functions := session.get("functions"):
            conversation.functions = [
                function_from(f"functions[{i}]", function, notes)
                for i, function in enumerate(list_at("functions", functions))
            ]
    except Unreadable as why:
        field, _, reason = why.detail.partition(" ")
        raise InvalidExampleError(where, field, reason, "Fix the session or leave it out") from None
    except Exception as error:  # noqa: BLE001 - values that are no JSON can raise anything
        reason = f"reading it raised {type(error).__name__}"
        raise InvalidExampleError(where, "messages", reason, "Fix the session or leave it out") from None
    if all(message["role"] != "assistant" for message in conversation.messages):
        raise InvalidExampleError(where, "messages", NO_ANSWER, "Leave the session out")
    parallel = session.get("parallel_tool_calls")
    if type(parallel) is bool:
        conversation.parallel_tool_calls = parallel
    return conversation


def _messages(given: Any, notes: Notes) -> list[Message]:
    """The messages of a session: LangChain's, or `("user", "Hi")` and `{"role": "user", "content": "Hi"}`."""
    if type(given) is list:
        plain = [_plain(message) if type(message) in _ROLE_OF_PLAIN else None for message in given]
        if None not in plain:
            return cast("list[Message]", plain)
    turns = Turns(Notes(keep_reasoning=True))
    for index, message in enumerate(list_at("messages", given)):
        if isinstance(message, BaseMessage):
            if type(message) in _ROLE_OF_PLAIN and (told := _plain(message)):
                turns.messages.append(told)
                continue
            turns.messages.append(_read(index, message, notes))
            turns.give_ids(f"messages[{index}]", turns.messages[-1])
            continue
        turns.add(f"messages[{index}]", message)
        weighted = isinstance(message, dict) and message.get("weight") is not None
        if weighted or turns.notes.kinds & {"keys_dropped", "reasoning_dropped"}:
            raise Unreadable("malformed", f"messages[{index}] holds keys that a chat message does not have")
    return turns.messages


def _read(index: int, message: BaseMessage, notes: Notes) -> Message:
    kind = KIND_OF_TYPE.get(message.type)
    if kind is None:
        raise Unreadable(
            "malformed", f"messages[{index}] is a {type(message).__name__}, which no chat format has"
        )
    return message_from_fields(f"messages[{index}]", kind, message.__dict__, notes)


def _plain(message: BaseMessage) -> Message | None:
    """A message of text and whole calls, as most are; read this way for speed, to the same result."""
    fields = message.__dict__
    role, content = _ROLE_OF_PLAIN[type(message)], fields["content"]
    if type(content) is not str or fields["additional_kwargs"] or fields["name"]:
        return None
    if role == "tool":
        call_id = fields["tool_call_id"]
        return {"role": role, "content": content, "tool_call_id": call_id} if _is_text(call_id) else None
    if role != "assistant" or not (fields["tool_calls"] or fields["invalid_tool_calls"]):
        return {"role": role, "content": content}
    calls = [_plain_call(call) for call in fields["tool_calls"]]
    if None in calls or fields["invalid_tool_calls"] or "tool_call_chunks" in fields:
        return None
    return {"role": role, "content": content or None, "tool_calls": cast("list[ToolCall]", calls)}


def _plain_call(call: Any) -> ToolCall | None:
    name, call_id, arguments = call["name"], call["id"], call["args"]
    if not (_is_text(name) and _is_text(call_id) and type(arguments) is dict):
        return None
    written = arguments_text("args", arguments, Notes())
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": written}}


def _is_text(value: Any) -> bool:
    return type(value) is str and value != ""


_ROLE_OF_PLAIN: dict[type, str] = {
    HumanMessage: "user",
    SystemMessage: "system",
    AIMessage: "assistant",
    ToolMessage: "tool",
}
