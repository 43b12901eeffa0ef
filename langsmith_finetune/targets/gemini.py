"""Gemini on Vertex: `contents` of parts, the system prompt apart, function calls paired by name and order.

Rows say nothing of call ids, speakers' names and `strict`. A tool's answer is an object: JSON text of one as
it is, any other text as `{"output": text}`, as LangChain sends it to Gemini when the model is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import compact_json, object_of
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets.rules import Line, TargetRules

_TUNING = "https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/tuning"
_DATA = f"{_TUNING}/supervised-tuning/prepare-data"
_FUNCTIONS = f"{_TUNING}/function-calling"
_PREFERENCE = f"{_TUNING}/preference-tuning/prepare-data"

_IMAGES = {".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def to_row(line: Line) -> dict[str, Any]:
    """A line that keeps the rules, as a row of contents."""
    holder = line.get("input", line)
    messages = holder["messages"]
    row: dict[str, Any] = {}
    system = [part for m in messages if m["role"] == "system" for part in _to_parts(m["content"])]
    if system:
        row["systemInstruction"] = {"parts": system}
    row["contents"] = list(_to_contents(messages))
    if "input" in line:
        answers = {1: line["preferred_output"], 0: line["non_preferred_output"]}
        row["completions"] = [
            {"score": score, "completion": next(_to_contents(answer))} for score, answer in answers.items()
        ]
    if "tools" in holder:
        row["tools"] = [{"functionDeclarations": [_to_declaration(t["function"]) for t in holder["tools"]]}]
    return row


def from_row(row: Line) -> dict[str, Any]:
    """A row as a line, with ids made for its calls.

    Raises:
        InvalidExampleError: The row is not as Gemini reads it.
    """
    reader = _Reader()
    messages = [
        {"role": "system", "content": _text(part, f"systemInstruction.parts[{index}]")}
        for index, part in enumerate(_parts(row.get("systemInstruction", row.get("system_instruction"))))
    ]
    for index, content in enumerate(_list(row, "contents")):
        messages += reader.messages(content, f"contents[{index}]")
    tools = [
        {"type": "function", "function": _from_declaration(declaration)}
        for tool in (_list(row, "tools") if row.get("tools") is not None else ())
        for declaration in _declarations(tool)
    ]
    holder = {"messages": messages, **({"tools": tools} if tools else {})}
    if "completions" not in row:
        return holder
    answers: dict[Any, list[dict[str, Any]]] = {}
    for index, completion in enumerate(_list(row, "completions")):
        if not isinstance(completion, dict) or completion.get("score") not in (0, 1):
            raise _bad(f"completions[{index}].score", "is neither 0 nor 1")
        field = f"completions[{index}].completion"
        answers[completion["score"]] = reader.messages(completion.get("completion"), field)
    if len(answers) != 2:
        raise _bad("completions", "are not one with score 1 and one with score 0")
    return {"input": holder, "preferred_output": answers[1], "non_preferred_output": answers[0]}


def _to_contents(messages: Any) -> Iterator[dict[str, Any]]:
    calls: dict[str, str] = {}
    answers: dict[str, dict[str, Any]] = {}
    for message in messages:
        if message["role"] == "tool":
            call_id = message["tool_call_id"]
            response = {"name": calls[call_id], "response": _to_response(message["content"])}
            answers[call_id] = {"functionResponse": response}
            if len(answers) == len(calls):  # in the order of the calls, since nothing else pairs them
                yield {"role": "user", "parts": [answers[call_id] for call_id in calls]}
        elif message["role"] != "system":
            parts = _to_parts(message.get("content"))
            calls, answers = {}, {}
            for call in message.get("tool_calls", ()):
                name, arguments = call["function"]["name"], call["function"]["arguments"]
                parts.append({"functionCall": {"name": name, "args": json.loads(arguments)}})
                calls[call["id"]] = name
            yield {"role": "model" if message["role"] == "assistant" else "user", "parts": parts}


def _to_parts(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, list):
        return [_to_part(part) for part in content]
    return [{"text": content}] if content else []


def _to_part(part: Line) -> dict[str, Any]:
    if part["type"] == "text":
        return {"text": part["text"]}
    url = part["image_url"]["url"]
    ending = "." + url.rsplit(".", 1)[-1].lower()
    return {"fileData": {"mimeType": _IMAGES[ending], "fileUri": url}}


def _to_response(content: Any) -> dict[str, Any]:
    text = content if isinstance(content, str) else "".join(part["text"] for part in content)
    found = object_of(text)
    return {"output": text} if found is None else found


def _to_declaration(function: Line) -> dict[str, Any]:
    declaration = {key: function[key] for key in ("name", "description") if key in function}
    # Plain JSON Schema has this key to itself; `parameters` takes Google's own dialect.
    if "parameters" in function:
        declaration["parametersJsonSchema"] = function["parameters"]
    return declaration


class _Reader:
    """Reads contents in order, pairing the answers of tools with the calls before them."""

    def __init__(self) -> None:
        self.made = 0
        self.open: list[tuple[str, str]] = []  # name and id of each call that is not answered

    def messages(self, content: Any, field: str) -> list[dict[str, Any]]:
        role = content.get("role", "user") if isinstance(content, dict) else None
        if role not in ("user", "model", "function"):
            raise _bad(f"{field}.role", "is neither user nor model")
        parts = _parts(content)
        kinds = [_kind(part, f"{field}.parts[{index}]") for index, part in enumerate(parts)]
        if "functionResponse" in kinds:
            if set(kinds) != {"functionResponse"}:
                raise _bad(f"{field}.parts", "mixes the answers of tools with other parts")
            return [self._answer(part["functionResponse"], field) for part in parts]
        said = [part for part, kind in zip(parts, kinds, strict=True) if kind != "functionCall"]
        message: dict[str, Any] = {
            "role": "assistant" if role == "model" else "user",
            "content": _from_parts(said, field),
        }
        calls = [
            part["functionCall"] for part, kind in zip(parts, kinds, strict=True) if kind == "functionCall"
        ]
        if calls:
            message["tool_calls"] = [self._call(call, field) for call in calls]
        return [message]

    def _call(self, call: Any, field: str) -> dict[str, Any]:
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise _bad(f"{field}.functionCall", "has no name")
        call_id = call["id"] if isinstance(call.get("id"), str) else f"call_{self.made}"
        self.made += 1
        self.open.append((call["name"], call_id))
        arguments = compact_json(call.get("args") or {})
        return {
            "id": call_id,
            "type": "function",
            "function": {"name": call["name"], "arguments": arguments},
        }

    def _answer(self, response: Any, field: str) -> dict[str, Any]:
        name = response.get("name") if isinstance(response, dict) else None
        answered = next((call for call in self.open if call[0] == name), None)
        if answered is None:
            raise _bad(f"{field}.functionResponse", "answers no call before it")
        self.open.remove(answered)
        said = response.get("response")
        plain = isinstance(said, dict) and said.keys() == {"output"} and isinstance(said["output"], str)
        return {
            "role": "tool",
            "content": said["output"] if plain else compact_json(said),
            "tool_call_id": answered[1],
        }


_KINDS = ("text", "fileData", "functionCall", "functionResponse")


def _kind(part: Any, field: str) -> str:
    for kind in _KINDS:
        if isinstance(part, Mapping) and kind in part:
            return kind
    raise _bad(field, f"is a part of another kind than {', '.join(_KINDS)}")


def _parts(content: Any) -> list[Any]:
    parts = content.get("parts", []) if isinstance(content, dict) else []
    return parts if isinstance(parts, list) else [parts]


def _from_parts(parts: list[Any], field: str) -> Any:
    if len(parts) == 1 and "text" in parts[0]:
        return _text(parts[0], field)
    return [_from_part(part, field) for part in parts] or None


def _from_part(part: Any, field: str) -> dict[str, Any]:
    if "text" in part:
        return {"type": "text", "text": _text(part, field)}
    uri = part["fileData"].get("fileUri") if isinstance(part["fileData"], dict) else None
    if not isinstance(uri, str):
        raise _bad(f"{field}.fileData", "has no fileUri")
    return {"type": "image_url", "image_url": {"url": uri}}


def _text(part: Any, field: str) -> str:
    if not isinstance(part, dict) or not isinstance(part.get("text"), str):
        raise _bad(field, "is not text")
    return str(part["text"])


def _list(row: Line, field: str) -> list[Any]:
    found = row.get(field)
    if not isinstance(found, list):
        raise _bad(field, "is not a list")
    return found


def _declarations(tool: Any) -> list[Any]:
    declared = tool.get("functionDeclarations") if isinstance(tool, dict) else None
    if not isinstance(declared, list) or not all(isinstance(function, dict) for function in declared):
        raise _bad("tools", "hold no functionDeclarations")
    return declared


def _from_declaration(declaration: Any) -> dict[str, Any]:
    function = {key: declaration[key] for key in ("name", "description") if key in declaration}
    parameters = declaration.get("parametersJsonSchema", declaration.get("parameters"))
    return {**function, "parameters": parameters} if parameters is not None else function


def _bad(field: str, reason: str) -> InvalidExampleError:
    return InvalidExampleError("row", field, reason, 'Write rows with to_target(line, "gemini")')


GEMINI = TargetRules(
    name="gemini",
    source=_DATA,
    sources={
        "arguments": _FUNCTIONS,
        "preference": _PREFERENCE,
        "image_place": _PREFERENCE,
        "tools": _FUNCTIONS,
        "weight": _DATA,
    },
    warns=frozenset({"byte_order_mark", "line_key", "message_key", "name", "refusal", "undefined_tool"}),
    line_keys=frozenset({"messages", "tools"}),
    weights="none",
    order="user_first",
    system_first=True,
    function_name=r"[a-zA-Z_][a-zA-Z0-9_.-]{0,63}",
    image_urls=("gs://",),
    image_endings=tuple(_IMAGES),
    max_examples=1_000_000,
    max_bytes=1_000_000_000,
    max_tokens=131_072,
    row_keys=frozenset({"contents"}),
    to_row=to_row,
    from_row=from_row,
)
