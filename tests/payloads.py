"""Run payloads of a conversation, made with the producers' own serializers."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage


def wrap_openai_run(line: dict[str, Any]) -> dict[str, Any]:
    """As `wrap_openai` posts the call: the request flat, the answer as the SDK dumps it."""
    *history, answer = line["messages"]
    extras = {"refusal": None, "annotations": [], "audio": None, "function_call": None, "tool_calls": None}
    inputs = {"model": "gpt-4o-mini", "messages": history, **_tools(line)}
    return _run(inputs, {"choices": [{"index": 0, "finish_reason": "stop", "message": extras | answer}]}, {})


def wrap_openai_streamed_run(line: dict[str, Any]) -> dict[str, Any]:
    """The same streamed: each call keeps its index, and no text is "" instead of null."""
    *history, answer = line["messages"]
    message = {**answer, "content": answer["content"] or ""}
    if "tool_calls" in answer:
        message["tool_calls"] = [{"index": i, **call} for i, call in enumerate(answer["tool_calls"])]
    inputs = {"model": "gpt-4o-mini", "messages": history, "stream": True, **_tools(line)}
    return _run(inputs, {"object": "chat.completion.chunk", "choices": [{"message": message}]}, {})


def langchain_run(line: dict[str, Any], *, nested: bool = True) -> dict[str, Any]:
    """As LangChain's tracer posts the call: real message objects through its real serializer."""
    *history, answer = [dumpd(_message(message)) for message in line["messages"]]
    generation = {"text": "", "type": "ChatGeneration", "message": answer}
    inputs = {"messages": [history] if nested else history}
    outputs = {"generations": [[generation]] if nested else [generation], "type": "LLMResult"}
    params = {"model": "gpt-4o-mini", "_type": "openai-chat", **_tools(line)}
    return _run(inputs, outputs, {"invocation_params": params})


def legacy_functions_run(line: dict[str, Any]) -> dict[str, Any]:
    """A run of `wrap_openai` with one tool's call, told in the legacy functions API."""
    run = wrap_openai_run(line)
    answer = run["outputs"]["choices"][0]["message"]
    answer["function_call"] = answer.pop("tool_calls")[0]["function"]
    run["inputs"]["functions"] = [tool["function"] for tool in run["inputs"].pop("tools", [])]
    return run


def _tools(line: dict[str, Any]) -> dict[str, Any]:
    return {key: line[key] for key in ("tools", "parallel_tool_calls") if key in line}


def _run(inputs: Any, outputs: Any, extra: Any) -> dict[str, Any]:
    run = {
        "id": "01a20272-c025-7739-87fb-a057d0d22583",
        "trace_id": "01a20272-0000-7739-87fb-a057d0d22583",
        "name": "ChatOpenAI",
        "run_type": "llm",
        "start_time": "2026-11-22T08:51:21+00:00",
        "end_time": "2026-11-22T08:51:22+00:00",
        "inputs": inputs,
        "outputs": outputs,
        "extra": {"metadata": {"ls_model_name": "gpt-4o-mini", "thread_id": "t-1"}, **extra},
    }
    return json.loads(json.dumps(run))


def _message(message: dict[str, Any]) -> BaseMessage:
    content = message["content"] if message["content"] is not None else ""
    match message["role"]:
        case "system":
            return SystemMessage(content)
        case "user":
            return HumanMessage(content, name=message.get("name"))
        case "tool":
            # The name is what agents add; it never goes over the wire.
            return ToolMessage(content, tool_call_id=message["tool_call_id"], name="added_by_the_agent")
    # As langchain-openai makes it from an answer: parsed where it is an object, invalid otherwise. An
    # answer with both keeps no order between the two but the raw one.
    valid, invalid = [], []
    for call in message.get("tool_calls", []):
        name, text = call["function"]["name"], call["function"]["arguments"]
        try:
            args = json.loads(text, parse_constant=float)
        except ValueError:
            args = None
        if isinstance(args, dict) and "NaN" not in text:
            valid.append({"name": name, "args": args, "id": call["id"], "type": "tool_call"})
        else:
            invalid.append({"name": name, "args": text, "id": call["id"], "error": "not an object"})
    raw = {"tool_calls": message["tool_calls"]} if valid and invalid else {}
    return AIMessage(content, tool_calls=valid, invalid_tool_calls=invalid, additional_kwargs=raw)
