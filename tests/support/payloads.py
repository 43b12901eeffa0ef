"""Run payloads of a conversation, made with the producers' own serializers."""

from __future__ import annotations

import copy
import json
import warnings
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


def responses_run(line: dict[str, Any]) -> dict[str, Any]:
    """As `wrap_openai` posts a call of the Responses API: items, flat tools."""
    *history, answer = line["messages"]
    items = [item for message in history for item in _items(message)]
    inputs = {"model": "gpt-5", "input": items}
    if line.get("tools"):
        inputs["tools"] = [{"type": "function", **tool["function"]} for tool in line["tools"]]
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": []}
    outputs = {"object": "response", "status": "completed", "output": [reasoning, *_items(answer, said=True)]}
    return _run(inputs, outputs, {})


def openai_agents_run(line: dict[str, Any], *, streamed: bool = False) -> dict[str, Any]:
    """As OpenAI's agents post a chat completion: no tools; a stream's answer as if of the Responses API."""
    *history, answer = line["messages"]
    echo = {"object": "response", "tools": [], "parallel_tool_calls": False, "previous_response_id": None}
    outputs = {**echo, "output": _items(answer, said=True)} if streamed else answer
    run = _run(
        {"input": history}, outputs, {"invocation_params": {"model": "gpt-4o-mini", "model_config": {}}}
    )
    run["extra"]["metadata"] |= {"ls_integration": "openai-agents-sdk", "output_type": "str"}
    return run


def wrap_anthropic_run(line: dict[str, Any]) -> dict[str, Any]:
    """As `wrap_anthropic` posts the call, with its own code making the outputs."""
    *history, answer = line["messages"]
    messages: list[dict[str, Any]] = []
    for message in history:
        if message["role"] == "tool":
            block = {
                "type": "tool_result",
                "tool_use_id": message["tool_call_id"],
                "content": message["content"],
            }
            if messages[-1]["role"] == "user" and isinstance(messages[-1]["content"], list):
                messages[-1]["content"].append(block)
            else:
                messages.append({"role": "user", "content": [block]})
        else:
            messages.append({"role": message["role"], "content": _anthropic_content(message)})
    tools = [
        {"input_schema": tool["function"]["parameters"]}
        | {key: tool["function"][key] for key in ("name", "description")}
        for tool in line.get("tools", ())
    ]
    content = _anthropic_content(answer)
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    fields = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": blocks,
        "stop_reason": "end_turn",
    }
    outputs = _anthropic_wrapper()._process_chat_completion(Dumped(fields))
    if "output" in outputs:  # its orjson has no integers beyond 64 bits; the SDK's object is posted then
        outputs = {"output": fields}
    run = _run({"messages": messages, "model": "claude", **({"tools": tools} if tools else {})}, outputs, {})
    run["extra"]["metadata"] |= {"ls_provider": "anthropic", "ls_invocation_params": {}}
    return run


def wrap_gemini_run(line: dict[str, Any]) -> dict[str, Any]:
    """As `wrap_gemini` posts a call made with dicts, with its own code making inputs and outputs."""
    *history, answer = line["messages"]
    config: dict[str, Any] = {"temperature": None}
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    for message in history:
        if message["role"] == "system":
            config["system_instruction"] = message["content"]
            continue
        parts = _gemini_parts(message, names, camel=True)
        if (
            message["role"] == "tool"
            and contents[-1]["role"] == "user"
            and "functionResponse" in contents[-1]["parts"][0]
        ):
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": "model" if message["role"] == "assistant" else "user", "parts": parts})
    if line.get("tools"):
        config["tools"] = [{"function_declarations": [tool["function"] for tool in line["tools"]]}]
    wrapper = _gemini_wrapper()
    inputs = wrapper._process_gemini_inputs({"contents": contents, "model": "gemini", "config": config})
    content = {"parts": _gemini_parts(answer, names, camel=False)}
    candidate = {"content": content, "finish_reason": "STOP"}
    outputs = wrapper._process_generate_content_response(Dumped({"candidates": [candidate]}))
    run = _run(inputs, outputs, {})
    run["extra"]["metadata"] |= {"ls_provider": "google", "ls_invocation_params": {}}
    return run


def vercel_run(line: dict[str, Any]) -> dict[str, Any]:
    """As `wrapAISDK` posts the call: parts, and calls told twice."""
    *history, answer = line["messages"]
    tools = [
        {"type": "function", "inputSchema": tool["function"]["parameters"]}
        | {key: tool["function"][key] for key in ("name", "description", "strict") if key in tool["function"]}
        for tool in line.get("tools", ())
    ]
    inputs = {
        "messages": [_vercel_message(message, said=False) for message in history],
        "providerOptions": {},
    }
    outputs = _vercel_message(answer, said=True) | {"finishReason": {"unified": "stop"}, "warnings": []}
    run = _run(inputs | ({"tools": tools, "toolChoice": {"type": "auto"}} if tools else {}), outputs, {})
    run["extra"]["metadata"] |= {"ls_integration": "vercel-ai-sdk"}
    return run


def otel_run(line: dict[str, Any]) -> dict[str, Any]:
    """As LangSmith maps a span of OpenTelemetry's conventions for generative AI: parts on both sides."""
    *history, answer = [_otel_message(message) for message in line["messages"]]
    tools = [{"type": "function", **tool["function"]} for tool in line.get("tools", ())]
    params = {"invocation_params": {"tools": tools}} if tools else {}
    return _run({"messages": history}, {"messages": [answer | {"finish_reason": "stop"}]}, params)


class Dumped:
    """An answer as the wrappers meet it: they ask it for its dump."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields

    def model_dump(self) -> dict[str, Any]:
        return copy.deepcopy(self.fields)


def _anthropic_wrapper() -> Any:
    with warnings.catch_warnings(action="ignore"):  # langsmith.wrappers warns of its move
        from langsmith.wrappers import _anthropic
    return _anthropic


def _gemini_wrapper() -> Any:
    with warnings.catch_warnings(action="ignore"):
        from langsmith.wrappers import _gemini
    return _gemini


def _items(message: dict[str, Any], *, said: bool = False) -> list[dict[str, Any]]:
    content = message["content"]
    if message["role"] == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": content}]
    if isinstance(content, list):
        content = [
            {"type": "input_image", "image_url": part["image_url"]["url"], **_detail(part)}
            if part["type"] == "image_url"
            else {"type": "input_text", "text": part["text"]}
            for part in content
        ]
    items: list[dict[str, Any]] = []
    if said and content is not None:
        text = {"type": "output_text", "text": content, "annotations": [], "logprobs": []}
        items.append(
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [text], "status": "completed"}
        )
    elif content is not None:
        items.append({"role": message["role"], "content": content})
    items += [
        {"type": "function_call", "id": "fc_1", "call_id": call["id"], **call["function"]}
        for call in message.get("tool_calls", ())
    ]
    return items


def _detail(part: dict[str, Any]) -> dict[str, Any]:
    return {"detail": part["image_url"]["detail"]} if "detail" in part["image_url"] else {}


def _anthropic_content(message: dict[str, Any]) -> Any:
    content = message["content"]
    if "tool_calls" in message:
        return [
            *([{"type": "text", "text": content}] if content else []),
            *(
                {"type": "tool_use", "id": call["id"], "caller": {"type": "direct"}}
                | {"name": call["function"]["name"], "input": json.loads(call["function"]["arguments"])}
                for call in message["tool_calls"]
            ),
        ]
    if isinstance(content, list):
        return [
            {"type": "image", "source": _anthropic_source(part["image_url"]["url"])}
            if part["type"] == "image_url"
            else part
            for part in content
        ]
    return content


def _anthropic_source(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"type": "url", "url": url}
    media_type, _, data = url.removeprefix("data:").partition(";base64,")
    return {"type": "base64", "media_type": media_type, "data": data}


def _gemini_parts(message: dict[str, Any], names: dict[str, str], *, camel: bool) -> list[dict[str, Any]]:
    content = message["content"]
    if message["role"] == "tool":
        answer = {"name": names[message["tool_call_id"]], "response": {"output": content}}
        return [{"functionResponse": answer}]
    parts: list[dict[str, Any]] = []
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
        if part["type"] == "text":
            parts.append({"text": part["text"]})
        else:
            media_type, _, data = part["image_url"]["url"].removeprefix("data:").partition(";base64,")
            parts.append({"inline_data": {"mime_type": media_type, "data": data}})
    for call in message.get("tool_calls", ()):
        names[call["id"]] = call["function"]["name"]
        told = {"name": call["function"]["name"], "args": json.loads(call["function"]["arguments"])}
        parts.append({"functionCall" if camel else "function_call": told})
    return parts


def _vercel_message(message: dict[str, Any], *, said: bool) -> dict[str, Any]:
    content = message["content"]
    if message["role"] == "tool":
        output = {"type": "text", "value": content}
        block = {
            "type": "tool-result",
            "toolCallId": message["tool_call_id"],
            "toolName": "f",
            "output": output,
        }
        return {"role": "tool", "content": [block]}
    if message["role"] == "system":
        return message
    parts: list[dict[str, Any]] = []
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
        if part["type"] == "text":
            parts.append({"type": "text", "text": part["text"]})
        else:
            options = {"openai": {"imageDetail": part["image_url"].get("detail")}}
            file = {"file_data": part["image_url"]["url"]}
            parts.append({"type": "file", "file": file, "providerOptions": options})
    for call in message.get("tool_calls", ()):
        text = call["function"]["arguments"]
        told = {"toolCallId": call["id"], "toolName": call["function"]["name"]}
        parts.append({"type": "tool-call", **told, "input": text if said else json.loads(text)})
    told_again = {"tool_calls": message["tool_calls"]} if "tool_calls" in message else {}
    return {"role": message["role"], "content": parts, **told_again}


def _otel_message(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if message["role"] == "tool":
        answer = {"type": "tool_call_response", "id": message["tool_call_id"], "response": content}
        return {"role": "tool", "parts": [answer]}
    parts: list[dict[str, Any]] = []
    for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or []:
        if part["type"] == "text":
            parts.append({"type": "text", "content": part["text"]})
        else:
            parts.append({"type": "uri", "modality": "image", "uri": part["image_url"]["url"]})
    for call in message.get("tool_calls", ()):
        told = {"id": call["id"], "name": call["function"]["name"]}
        parts.append({"type": "tool_call", **told, "arguments": json.loads(call["function"]["arguments"])})
    return {"role": message["role"], "parts": parts}


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
