"""A training line becomes rows of prompt and completion: one row for each message that is to be learned.

TRL takes the loss on the completion of a row and nowhere else, so this is how "the file says what is
trained" holds for any chat template, without markers in it. TRL itself knows no `weight`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from langsmith_finetune._foundation.surrogates import HALF, WHOLE, halves, has_halves_in_json
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets.read_lines import sound_lines

_ROLES = {"system", "developer", "user", "assistant", "tool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One message to learn.

    Args:
        where: The line it is from: `"train.jsonl:17"`.
        field: The message: `"messages[2]"`.
        prompt: Everything before it, as a chat template takes it.
        completion: The message itself.
        tools: The tools that were offered.
    """

    where: str
    field: str
    prompt: list[dict[str, Any]]
    completion: dict[str, Any]
    tools: list[dict[str, Any]]


def rows_of_file(path: Path, name: str) -> Iterator[Row]:
    """The rows of a JSONL file, in order, reading one line at a time.

    Args:
        path: The file.
        name: What to call it in errors.

    Raises:
        InvalidExampleError: A line cannot be trained on as it stands.
    """
    for number, _, line in sound_lines(path, name):
        yield from rows_of_line(line, f"{name}:{number}")


def rows_of_line(line: Mapping[str, Any], where: str) -> Iterator[Row]:
    """The rows of one training line.

    Raises:
        InvalidExampleError: The line cannot be trained on as it stands.
    """
    for field in halves(line):
        _refuse(where, field, HALF, WHOLE)
    messages = line.get("messages")
    if not isinstance(messages, list) or not messages:
        _refuse(where, "messages", "is not a list of messages", "Make lines with training_examples(sessions)")
    tools = line.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        _refuse(where, "tools", "is not a list of tools", "Make lines with training_examples(sessions)")
    if line.get("functions"):
        fix = "Write them as tools, or call check(..., fix=True)"
        _refuse(where, "functions", "are tools of the legacy form", fix)
    rendered = messages_for_template(messages, where)
    any_trained = False
    for index, message in enumerate(messages):
        if message["role"] == "assistant" and _is_trained(message, where, index):
            any_trained = True
            if index == 0:
                fix = "Give it weight 0, or leave the line out"
                _refuse(where, "messages[0]", "is to be learned, but answers nothing", fix)
            yield Row(
                where=where,
                field=f"messages[{index}]",
                prompt=rendered[:index],
                completion=rendered[index],
                tools=tools,
            )
    if not any_trained:
        _refuse(
            where,
            "messages",
            "has no assistant message to learn, or all have weight 0",
            "Leave the line out, or drop the weight of the answer",
        )


def messages_for_template(messages: Sequence[Any], where: str) -> list[dict[str, Any]]:
    """Messages of the OpenAI form, as chat templates take them.

    Content becomes text, `developer` becomes `system`, and the arguments of calls become objects: given
    JSON text, some templates quote it a second time and others fail. Tool answers get the name of the tool
    they answer, which some templates ask for.

    Raises:
        InvalidExampleError: A message has no such form.
    """
    called: dict[str, str] = {}
    rendered = []
    for index, message in enumerate(messages):
        field = f"messages[{index}]"
        role = message.get("role") if isinstance(message, Mapping) else None
        if not isinstance(role, str) or role not in _ROLES:
            fix = "Make lines with training_examples(sessions)"
            _refuse(where, f"{field}.role", "is none of system, developer, user, assistant, tool", fix)
        assert isinstance(message, Mapping)  # noqa: S101 - for the type checker; _refuse has seen to it
        result: dict[str, Any] = {
            "role": "system" if role == "developer" else role,
            "content": _text(message, where, field),
        }
        if role == "assistant" and isinstance(message.get("reasoning_content"), str):
            result["reasoning_content"] = message["reasoning_content"]  # for templates that show it
        if role == "assistant" and message.get("tool_calls"):
            result["tool_calls"] = _calls(message["tool_calls"], where, f"{field}.tool_calls")
            called |= {call["id"]: call["function"]["name"] for call in result["tool_calls"] if "id" in call}
        elif role == "assistant" and message.get("function_call"):
            fix = "Make lines with training_examples(sessions), which turns it into tool_calls"
            _refuse(where, f"{field}.function_call", "is a function call of the legacy form", fix)
        if role == "tool":
            call_id = message.get("tool_call_id")
            result |= {"tool_call_id": call_id} if call_id is not None else {}
            name = message.get("name") or called.get(str(call_id))
            result |= {"name": name} if name else {}
        rendered.append(result)
    return rendered


def _is_trained(message: Mapping[str, Any], where: str, index: int) -> bool:
    weight = message.get("weight", 1)
    if isinstance(weight, bool) or weight not in (0, 1):
        _refuse(where, f"messages[{index}].weight", "is neither 0 nor 1", "Give 0 to leave the message out")
    return bool(weight)


def _text(message: Mapping[str, Any], where: str, field: str) -> str:
    """The message's text: a model trained here reads nothing else."""
    content = message.get("content")
    if content is None:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(content if isinstance(content, list) else [content]):
        kind = part.get("type") if isinstance(part, Mapping) else None
        text = part.get(kind) if isinstance(part, Mapping) and kind in {"text", "refusal"} else None
        if not isinstance(text, str):
            named = {"image_url": "an image_url", "input_audio": "an input_audio", "file": "a file"}
            what = named.get(str(kind), "a part of another kind than text")
            fix = "Leave the line out, or train with a provider that takes such parts"
            _refuse(where, f"{field}.content[{index}]", f"is {what}, and local models read text only", fix)
        texts.append(text)
    return "".join(texts)


def _calls(calls: Any, where: str, field: str) -> list[dict[str, Any]]:
    rendered = []
    for index, call in enumerate(calls if isinstance(calls, list) else [calls]):
        function = call.get("function") if isinstance(call, Mapping) else None
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(name, str) or not name:
            fix = "Make lines with training_examples(sessions)"
            _refuse(where, f"{field}[{index}].function.name", "is missing", fix)
        rendered.append(
            {
                **({"id": call["id"]} if isinstance(call.get("id"), str) else {}),
                "type": "function",
                "function": {
                    "name": name,
                    "arguments": _arguments(
                        function.get("arguments"), where, f"{field}[{index}].function.arguments"
                    ),
                },
            }
        )
    return rendered


def _arguments(arguments: Any, where: str, field: str) -> dict[str, Any]:
    if isinstance(arguments, str):
        if has_halves_in_json(arguments):
            _refuse(where, field, HALF, WHOLE)
        try:
            # Without a constant's name in JSON (NaN, Infinity), which a template would write into the text.
            arguments = json.loads(arguments or "{}", parse_constant=_no_constant)
        except (ValueError, RecursionError):
            arguments = None
    if not isinstance(arguments, dict):
        fix = "Leave the line out, or correct the arguments: a model trained on them would learn to fail"
        _refuse(where, field, "is not JSON text of an object", fix)
    return arguments


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse(where: str, field: str, reason: str, fix: str) -> NoReturn:
    raise InvalidExampleError(where, field, reason, fix)
