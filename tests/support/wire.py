"""What was on the wire, in OpenAI chat form: the measure that examples are held against.

Written apart from the library on purpose, from the providers' request and answer formats alone.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.paths import DATA

MADE_IDS = ("gemini", "ollama")
"""APIs whose calls need no ids."""

WIRE = DATA / "wire"


def cases(*prefixes: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(name, run, wire) of each captured call whose scenario's name starts with one of the prefixes."""
    found = []
    for path in sorted(WIRE.glob("*.json")):
        if path.name.startswith(prefixes):
            for index, case in enumerate(json.loads(path.read_text(encoding="utf-8"))["cases"]):
                found.append((f"{path.stem}[{index}]", case["run"], case["wire"]))
    return found


def comparable(
    messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, *, made_ids: bool = False
) -> dict[str, Any]:
    """A conversation with everything that means the same written the same way.

    Developer counts as system; absent, null and empty are the same; one text part is its text; arguments
    are compared as JSON; legacy functions are tools, and their calls, which have no ids, get one from
    their place. With `made_ids`, so do all calls: Gemini's need none.
    """
    legacy_id = None
    places: dict[str, str] = {}
    out = []
    for index, message in enumerate(messages):
        role = {"developer": "system", "function": "tool"}.get(message["role"], message["role"])
        calls = message.get("tool_calls") or []
        if message.get("function_call"):
            legacy_id = f"call_{index}"
            calls = [{"id": legacy_id, "function": message["function_call"]}]
        answers = legacy_id if message["role"] == "function" else message.get("tool_call_id")
        for call in calls if made_ids else ():
            places.setdefault(call["id"], f"place {len(places)}")
        out.append(
            {
                "role": role,
                "content": _content(message.get("content")),
                "name": message.get("name") or None,
                "calls": [
                    (
                        places.get(call["id"], call["id"]),
                        call["function"]["name"],
                        _arguments(call["function"]["arguments"]),
                    )
                    for call in calls
                ],
                "answers": places.get(answers, answers),
            }
        )
    return {"messages": out, "tools": [_tool(tool) for tool in tools or []]}


def sent_and_received(wire: dict[str, Any]) -> dict[str, Any]:
    """The request and the answer of a call of any of the seven APIs, comparable."""
    read = {
        "chat": _chat, "responses": _responses, "anthropic": _anthropic, "gemini": _gemini,
        "bedrock": _bedrock, "ollama": _ollama, "cohere2": _cohere,
    }[wire["api"]]  # fmt: skip
    messages, tools = read(wire["request"], wire["response"])
    return comparable(messages, tools, made_ids=wire["api"] in MADE_IDS)


def _chat(request: dict[str, Any], response: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    tools = request.get("tools") or [{"function": f} for f in request.get("functions") or []]
    return [*request["messages"], response["choices"][0]["message"]], tools


def _responses(request: dict[str, Any], response: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    messages: list[dict[str, Any]] = []
    if request.get("instructions"):
        messages.append({"role": "system", "content": request["instructions"]})
    items = request["input"]
    if isinstance(items, str):
        items = [{"role": "user", "content": items}]
    for item in [*items, *response["output"]]:
        match item.get("type", "message"):
            case "message":
                content = _responses_content(item["content"])
                if isinstance(content, list):
                    content = [part for part in content if part["type"] != "refusal"]
                messages.append({"role": item["role"], "content": content})
            case "function_call":
                function = {"name": item["name"], "arguments": item["arguments"]}
                if messages[-1]["role"] != "assistant":
                    messages.append({"role": "assistant", "content": None})
                messages[-1].setdefault("tool_calls", []).append(
                    {"id": item["call_id"], "function": function}
                )
            case "function_call_output":
                output = _responses_content(item["output"])
                messages.append({"role": "tool", "content": output, "tool_call_id": item["call_id"]})
    tools = [tool for tool in request.get("tools") or [] if tool["type"] == "function"]
    return messages, [{"function": tool} for tool in tools]


def _responses_content(content: Any) -> Any:
    if isinstance(content, str):
        return content
    parts = []
    for part in content:
        if part["type"] == "input_image":
            image = {"url": part["image_url"], "detail": part.get("detail")}
            parts.append({"type": "image_url", "image_url": image})
        elif part["type"] == "input_file":
            file = {key: part[key] for key in ("filename", "file_data") if key in part}
            parts.append({"type": "file", "file": file})
        elif part["type"] == "refusal":
            parts.append(part)
        else:
            parts.append({"type": "text", "text": part["text"]})
    return parts


def _anthropic(request: dict[str, Any], response: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    messages = []
    if request.get("system"):
        messages.append({"role": "system", "content": request["system"]})
    for message in [*request["messages"], {"role": "assistant", "content": response["content"]}]:
        content, calls = message["content"], []
        if isinstance(content, list):
            for block in content:
                if block["type"] == "tool_result":
                    told = block.get("content")
                    told = [_anthropic_part(one) for one in told] if isinstance(told, list) else told
                    messages.append({"role": "tool", "content": told, "tool_call_id": block["tool_use_id"]})
                elif block["type"] == "tool_use":
                    function = {"name": block["name"], "arguments": json.dumps(block["input"])}
                    calls.append({"id": block["id"], "function": function})
            parts = ("text", "image", "document")
            content = [_anthropic_part(block) for block in content if block["type"] in parts]
        if content or calls:
            messages.append({"role": message["role"], "content": content, "tool_calls": calls})
    tools = [
        {"function": {**tool, "parameters": tool["input_schema"]}} for tool in request.get("tools") or []
    ]
    return messages, tools


def _anthropic_part(block: dict[str, Any]) -> dict[str, Any]:
    if block["type"] == "text":
        return {"type": "text", "text": block["text"]}
    source = block["source"]
    data = f"data:{source.get('media_type')};base64,{source.get('data')}"
    if block["type"] == "document":
        return {"type": "file", "file": {"file_data": data}}
    return {"type": "image_url", "image_url": {"url": source.get("url") or data}}


def _gemini(request: dict[str, Any], response: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    messages: list[dict[str, Any]] = []
    if request.get("systemInstruction"):
        parts = [{"type": "text", "text": part["text"]} for part in request["systemInstruction"]["parts"]]
        messages.append({"role": "system", "content": parts})
    unanswered: list[tuple[str, str]] = []
    for index, turn in enumerate([*request["contents"], response["candidates"][0]["content"]]):
        content, calls = [], []
        for place, part in enumerate(turn["parts"]):
            if "functionCall" in part:
                call_id, name = f"{index}.{place}", part["functionCall"]["name"]
                unanswered.append((call_id, name))
                function = {"name": name, "arguments": json.dumps(part["functionCall"]["args"])}
                calls.append({"id": call_id, "function": function})
            elif "functionResponse" in part:
                answer = part["functionResponse"]
                call_id = next(known for known, name in unanswered if name == answer["name"])
                unanswered.remove((call_id, answer["name"]))
                told = _gemini_answer(answer["response"])
                messages.append({"role": "tool", "content": told, "tool_call_id": call_id})
            elif not part.get("thought"):
                content.append(_gemini_part(part))
        if content or calls:
            role = "assistant" if turn["role"] == "model" else turn["role"]
            messages.append({"role": role, "content": content, "tool_calls": calls})
    tools = [
        {"function": {**declared, "parameters": _lowered(_declared_parameters(declared))}}
        for tool in request.get("tools") or []
        for declared in tool.get("functionDeclarations", ())
    ]
    return messages, tools


def _gemini_answer(response: dict[str, Any]) -> Any:
    """What a tool said, out of its envelope: "output" in Python; "result", or "error", in JavaScript."""
    told = response.get("output", response.get("result"))
    if isinstance(told, list) and all(one.keys() <= {"text", "inlineData"} for one in told):
        return [_gemini_part(part) for part in told]
    if response.keys() == {"error"}:
        told = response["error"]["details"]
    if response.keys() == {"name", "content"}:  # Vercel's AI SDK
        told = response["content"]
        return told if isinstance(told, str) else _compact(told)
    return told if isinstance(told, str) else json.dumps(response)


def _gemini_part(part: dict[str, Any]) -> dict[str, Any]:
    if "inlineData" not in part:
        return {"type": "text", "text": part["text"]}
    data = part["inlineData"]
    mime_type = data.get("mimeType") or data["mime_type"]
    url = f"data:{mime_type};base64,{data['data'].replace('-', '+').replace('_', '/')}"
    if mime_type.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"file_data": url}}


def _bedrock(request: dict[str, Any], response: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    messages: list[dict[str, Any]] = []
    system = [
        {"type": "text", "text": block["text"]} for block in request.get("system", ()) if "text" in block
    ]
    if system:
        messages.append({"role": "system", "content": system})
    for message in [*request["messages"], response["output"]["message"]]:
        content, calls = [], []
        for block in message["content"]:
            if "toolUse" in block:
                call = block["toolUse"]
                function = {"name": call["name"], "arguments": json.dumps(call["input"])}
                calls.append({"id": call["toolUseId"], "function": function})
            elif "toolResult" in block:
                answer = block["toolResult"]
                told = [_bedrock_part(part) for part in answer["content"]]
                messages.append({"role": "tool", "content": told, "tool_call_id": answer["toolUseId"]})
            elif "image" in block or "text" in block:
                content.append(_bedrock_part(block))
        if content or calls:
            messages.append({"role": message["role"], "content": content, "tool_calls": calls})
    tools = [
        {"function": {**tool["toolSpec"], "parameters": tool["toolSpec"]["inputSchema"]["json"]}}
        for tool in request.get("toolConfig", {}).get("tools", ())
        if "toolSpec" in tool
    ]
    return messages, tools


def _bedrock_part(block: dict[str, Any]) -> dict[str, Any]:
    if "image" in block:
        image = block["image"]
        url = f"data:image/{image['format']};base64,{image['source']['bytes']}"
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "text", "text": block["text"] if "text" in block else _compact(block["json"])}


def _ollama(request: dict[str, Any], response: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    messages: list[dict[str, Any]] = []
    waiting: list[str] = []
    for index, message in enumerate([*request["messages"], response["message"]]):
        content = [{"type": "text", "text": message["content"]}] if message.get("content") else []
        for image in message.get("images") or ():
            kind = "png" if image.startswith("iVBOR") else "jpeg"
            content.append({"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{image}"}})
        calls = []
        for place, call in enumerate(message.get("tool_calls") or ()):
            function = call["function"]
            told = {"name": function["name"], "arguments": json.dumps(function["arguments"])}
            calls.append({"id": f"{index}.{place}", "function": told})
            waiting.append(f"{index}.{place}")
        read = {"role": message["role"], "content": content, "tool_calls": calls}
        messages.append(read | ({"tool_call_id": waiting.pop(0)} if message["role"] == "tool" else {}))
    return messages, request.get("tools") or []


def _cohere(request: dict[str, Any], response: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    messages = []
    for message in [*request["messages"], response["message"]]:
        content = message.get("content") or message.get("tool_plan")  # what the model says before it calls
        if message["role"] == "tool":  # documents, each in an envelope
            content = "".join(_document(part) for part in content)
        messages.append({**message, "content": content})
    return messages, request.get("tools") or []


def _document(part: dict[str, Any]) -> str:
    data = part["document"]["data"] if "document" in part else part["text"]
    data = json.loads(data) if isinstance(data, str) else data
    output: str = data["output"]
    return output


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _declared_parameters(declared: dict[str, Any]) -> Any:
    keys = ("parameters", "parametersJsonSchema", "parameters_json_schema")
    return next((declared[key] for key in keys if declared.get(key)), None)


def _lowered(schema: Any) -> Any:
    """Gemini writes the names of types in capitals; over protocol buffers, their numbers."""
    if isinstance(schema, list):
        return [_lowered(item) for item in schema]
    if isinstance(schema, dict):
        return {
            key: _type(value) if key == "type" and isinstance(value, (str, int)) else _lowered(value)
            for key, value in schema.items()
        }
    return schema


def _type(name: str | int) -> str:
    return name.lower() if isinstance(name, str) else _TYPES[name]


_TYPES = ("", "string", "number", "integer", "boolean", "array", "object")


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _content(content: Any) -> Any:
    if isinstance(content, list):
        content = [_part(part) for part in content]
        if len(content) == 1 and content[0]["type"] == "text":
            return content[0]["text"] or None
    return content or None


def _part(part: dict[str, Any]) -> dict[str, Any]:
    """A part without marks beside it. An image's detail is "auto" where none is given."""
    part = {key: value for key, value in part.items() if key in (part["type"], "type")}
    if part["type"] == "image_url":
        image = part["image_url"]
        image = {"url": image} if isinstance(image, str) else dict(image)
        part["image_url"] = {key: value for key, value in image.items() if value not in (None, "auto")}
    return part


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    return {key: function.get(key) or None for key in ("name", "description", "parameters", "strict")}
