"""What was on the wire, in OpenAI chat form: the measure that examples are held against.

Written apart from the library on purpose, from the providers' request and answer formats alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "wire"


def cases(*prefixes: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(name, run, wire) of each captured call whose scenario's name starts with one of the prefixes."""
    found = []
    for path in sorted(DATA.glob("*.json")):
        if path.name.startswith(prefixes):
            for index, case in enumerate(json.loads(path.read_text(encoding="utf-8"))["cases"]):
                found.append((f"{path.stem}[{index}]", case["run"], case["wire"]))
    return found


def comparable(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> dict[str, Any]:
    """A conversation with everything that means the same written the same way.

    Developer counts as system; absent, null and empty are the same; one text part is its text; arguments
    are compared as JSON; legacy functions are tools, and their calls, which have no ids, get one from
    their place.
    """
    legacy_id = None
    out = []
    for index, message in enumerate(messages):
        role = {"developer": "system", "function": "tool"}.get(message["role"], message["role"])
        calls = message.get("tool_calls") or []
        if message.get("function_call"):
            legacy_id = f"call_{index}"
            calls = [{"id": legacy_id, "function": message["function_call"]}]
        out.append(
            {
                "role": role,
                "content": _content(message.get("content")),
                "name": message.get("name") or None,
                "calls": [
                    (call["id"], call["function"]["name"], _arguments(call["function"]["arguments"]))
                    for call in calls
                ],
                "answers": legacy_id if message["role"] == "function" else message.get("tool_call_id"),
            }
        )
    return {"messages": out, "tools": [_tool(tool) for tool in tools or []]}


def sent_and_received(wire: dict[str, Any]) -> dict[str, Any]:
    """The request and the answer of a chat completion, comparable."""
    request, choice = wire["request"], wire["response"]["choices"][0]
    tools = request.get("tools") or [{"function": f} for f in request.get("functions") or []]
    return comparable([*request["messages"], choice["message"]], tools)


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _content(content: Any) -> Any:
    if isinstance(content, list):
        content = [{k: v for k, v in part.items() if k in (part["type"], "type")} for part in content]
        if len(content) == 1 and content[0]["type"] == "text":
            return content[0]["text"] or None
    return content or None


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    return {key: function.get(key) or None for key in ("name", "description", "parameters", "strict")}
