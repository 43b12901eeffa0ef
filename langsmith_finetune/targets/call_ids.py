"""Makes ids for tool calls that came without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NONE = (None, "")


def with_call_ids(messages: list[Any]) -> tuple[list[Any], int]:
    """Messages whose calls have ids, with their answers paired by name and order, and how many were made.

    Where it cannot be told which answer belongs to which call, the messages stay as they are.

    Example:
        >>> call = {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        >>> asked = {"role": "assistant", "content": None, "tool_calls": [call]}
        >>> messages, made = with_call_ids([asked, {"role": "tool", "content": "1", "tool_call_id": ""}])
        >>> messages[0]["tool_calls"][0]["id"], messages[1]["tool_call_id"], made
        ('call_0_0', 'call_0_0', 1)
    """
    found, made = list(messages), 0
    for index, message in enumerate(messages):
        calls = message.get("tool_calls") if isinstance(message, Mapping) else None
        if not isinstance(calls, list) or not all(isinstance(call, Mapping) for call in calls):
            continue
        end = index + 1
        while end < len(messages) and _is_answer(messages[end]):
            end += 1
        answers = range(index + 1, end)
        answered = [messages[at].get("tool_call_id") for at in answers]
        unpaired = [at for at in answers if messages[at].get("tool_call_id") in _NONE]
        nameless = [at for at, call in enumerate(calls) if call.get("id") in _NONE]
        waiting = [at for at, call in enumerate(calls) if at in nameless or call["id"] not in answered]
        if (not nameless and not unpaired) or (unpaired and len(unpaired) != len(waiting)):
            continue
        ids = [f"call_{index}_{at}" if at in nameless else call["id"] for at, call in enumerate(calls)]
        for answer in unpaired:
            name = messages[answer].get("name")
            at = next((at for at in waiting if name is not None and _name(calls[at]) == name), waiting[0])
            waiting.remove(at)
            found[answer] = {**messages[answer], "tool_call_id": ids[at]}
        found[index] = {
            **message,
            "tool_calls": [{**call, "id": i} for call, i in zip(calls, ids, strict=True)],
        }
        made += len(nameless) or len(unpaired)
    return found, made


def _is_answer(message: Any) -> bool:
    return isinstance(message, Mapping) and message.get("role") == "tool"


def _name(call: Mapping[str, Any]) -> Any:
    function = call.get("function")
    return function.get("name") if isinstance(function, Mapping) else None
