"""Fixes what is safe to fix in a line: nothing that a model would learn is lost, and each change is reported."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune._foundation.safe_words import KNOWN, LEFTOVERS, SETTINGS
from langsmith_finetune.targets.call_ids import with_call_ids
from langsmith_finetune.targets.rules import Line, TargetRules
from langsmith_finetune.targets.schemas import holds_nothing, json_schema

_VALUED = frozenset({"function_call", "refusal", "weight", "name", "tool_calls"})  # only without a value
_EMPTY_TEXT = frozenset({"id", "name", "refusal", "tool_call_id", "tool_calls", "function_call"})
"""Keys of a message in which empty text says nothing either."""
_DROPPED = LEFTOVERS - _VALUED
_USER = frozenset({"role", "content", "name"})
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def fixed(line: Line, rules: TargetRules) -> tuple[Line, tuple[str, ...]]:
    """The line with what is safe to fix fixed, and what was changed; or the line itself.

    Safe are: keys that SDKs leave (`index`, `refusal: null`, ...), keys that hold nothing (null, or an object of
    nulls, as Arrow fills in), settings that the target does not take, `developer` as `system`, legacy functions as
    tools, a refusal's words as content, arguments as JSON text, types of schemas as JSON Schema writes them, weights
    and names where they mean nothing, what comes after the last answer, ids where there are none or in the target's
    form, user messages in a row as parts of one.

    Args:
        line: A line of the OpenAI format; it is left as it is.
        rules: The target's.
    """
    done = _Mending(rules)
    found: dict[str, Any] = done.holder(line)
    if isinstance(line.get("input"), Mapping):
        found["input"] = done.holder(line["input"])
    for key in ("preferred_output", "non_preferred_output", "prompt", "completion"):
        if isinstance(line.get(key), list):
            found[key] = done.messages(line[key])
    if "messages" in found and isinstance(found["messages"], list) and "last_message" not in rules.ignores:
        found["messages"] = done.cut(found["messages"])
    if not done.changes:
        return line, ()
    return found, tuple(f"{what} ({n})" if n > 1 else what for what, n in done.changes.items())


def short_id(call_id: str) -> str:
    """An id of 9 letters and digits, the same for the same id: the form that Mistral's templates ask for."""
    if re.fullmatch(r"[a-zA-Z0-9]{9}", call_id):
        return call_id
    return hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:9]


class _Mending:
    def __init__(self, rules: TargetRules) -> None:
        self.rules = rules
        self.changes: Counter[str] = Counter()

    def holder(self, line: Line) -> dict[str, Any]:
        found = dict(line)
        # A null in place of the messages is told as what it is.
        self._drop_nothing(found, keep=frozenset() if "input" in found else frozenset({"messages"}))
        for key in sorted(SETTINGS & found.keys() - self.rules.line_keys):
            self._drop(found, key)
        if isinstance(found.get("functions"), list) and isinstance(found.get("tools"), list | None):
            functions = [{"type": "function", "function": f} for f in found.pop("functions")]
            found["tools"] = [*(found.get("tools") or ()), *functions]
            self.changes["functions made tools"] += 1
        if "tools" in found and not found["tools"]:
            self._drop(found, "tools")
        if isinstance(found.get("tools"), list):
            found["tools"] = [self._tool(tool) for tool in self._without_nothing(found["tools"], "tools")]
        if isinstance(found.get("messages"), list):
            found["messages"] = self.messages(found["messages"])
        return found

    def messages(self, messages: list[Any]) -> list[Any]:
        self.call_id = "call_0"
        messages, made = with_call_ids(messages)
        if made:
            self.changes["id made"] += made
        found = [self._message(m, index) if isinstance(m, Mapping) else m for index, m in enumerate(messages)]
        if self.rules.joins_users:
            found = self._joined(found)
        contents = [m.get("content") for m in found if isinstance(m, dict)]
        if self.rules.uniform_content and any(isinstance(content, list) for content in contents):
            for message in found:
                if (
                    isinstance(message, dict)
                    and isinstance(message.get("content"), str)
                    and message["content"]
                ):
                    message["content"] = [{"type": "text", "text": message["content"]}]
                    self.changes["text made a part"] += 1
        return found

    def _joined(self, messages: list[Any]) -> list[Any]:
        """With user messages in a row as one, of a part for each text: no text is changed, and none is trained."""
        found: list[Any] = []
        for message in messages:
            if found and _is_users(found[-1]) and _is_users(message):
                before = found.pop()
                parts = [*_parts(before["content"]), *_parts(message["content"])]
                name = (
                    {"name": before["name"]}
                    if "name" in before and before["name"] == message.get("name")
                    else {}
                )
                found.append({"role": "user", "content": parts, **name})
                self.changes["user message joined to the one before"] += 1
            else:
                found.append(message)
        return found

    def cut(self, messages: list[Any]) -> list[Any]:
        """Without what comes after the last answer."""
        end = len(messages)
        while end and not (
            isinstance(messages[end - 1], dict) and messages[end - 1].get("role") == "assistant"
        ):
            end -= 1
        if end in (0, len(messages)):
            return messages
        self.changes["message after the last answer dropped"] += len(messages) - end
        return messages[:end]

    def _message(self, message: Line, index: int) -> dict[str, Any]:
        found = dict(message)
        if found.get("role") == "developer":
            found["role"] = "system"
            self.changes["developer made system"] += 1
        self._legacy(found, index)
        if found.get("refusal") and not found.get("content") and isinstance(found["refusal"], str):
            found["content"] = found.pop("refusal")
            self.changes["refusal made content"] += 1
        keep = {"role", "content", *(("tool_call_id",) if found.get("role") == "tool" else ())}
        for key in sorted(found.keys() - keep, key=str):
            if self._is_leftover(key, found[key]):
                self._drop(found, key)
        self._weight(found)
        if isinstance(found.get("name"), str) and not _NAME.fullmatch(found["name"]):
            self._drop(found, "name")
        if found.get("role") == "tool" and found.get("content", "") is None:
            found["content"] = ""
            self.changes["null content made empty text"] += 1
        if isinstance(found.get("content"), list):
            found["content"] = [self._part(part) for part in self._without_nothing(found["content"], "part")]
        if isinstance(found.get("tool_calls"), list):
            calls = self._without_nothing(found["tool_calls"], "call")
            found["tool_calls"] = [self._call(call) for call in calls]
        if isinstance(found.get("tool_call_id"), str):
            found["tool_call_id"] = self._id(found["tool_call_id"])
        return found

    def _is_leftover(self, key: str, value: Any) -> bool:
        empty = (value == [] and key in LEFTOVERS) or (value == "" and key in _EMPTY_TEXT)
        return empty or holds_nothing(value) or (key in _DROPPED and key not in self.rules.message_keys)

    def _legacy(self, message: dict[str, Any], index: int) -> None:
        call = message.get("function_call")
        if isinstance(call, Mapping) and not holds_nothing(call) and not message.get("tool_calls"):
            self.call_id = f"call_{index}"
            function = message.pop("function_call")
            message["tool_calls"] = [{"id": self.call_id, "type": "function", "function": function}]
            message.setdefault("content", None)
            self.changes["function_call made tool_calls"] += 1
        elif message.get("role") == "function":
            message["role"], message["tool_call_id"] = "tool", self.call_id
            self.changes["function made tool"] += 1

    def _weight(self, message: dict[str, Any]) -> None:
        weight = message.get("weight")
        if weight is None:
            return
        if message.get("role") != "assistant" or (weight == 1 and self.rules.weights != "each"):
            self._drop(message, "weight")
        elif type(weight) is not int and weight in (0, 1):
            message["weight"] = int(weight)
            self.changes["weight made an integer"] += 1

    def _part(self, part: Any) -> Any:
        if (
            isinstance(part, Mapping)
            and part.get("type") == "refusal"
            and isinstance(part.get("refusal"), str)
        ):
            self.changes["refusal made content"] += 1
            return {"type": "text", "text": part["refusal"]}
        if not isinstance(part, Mapping):
            return part
        found, kind = dict(part), part.get("type")
        self._drop_nothing(found, keep={"type", kind} if isinstance(kind, str) else {"type"})
        for key in sorted(_DROPPED & found.keys()):
            self._drop(found, key)
        if isinstance(kind, str) and isinstance(found.get(kind), Mapping):
            found[kind] = dict(found[kind])
            self._drop_nothing(found[kind], keep={"url"})
        return found

    def _call(self, call: Any) -> Any:
        if not isinstance(call, Mapping) or not isinstance(call.get("function"), Mapping):
            return call
        found = dict(self._typed(call))
        self._drop_nothing(found, keep={"id", "type", "function"})
        found["function"] = dict(found["function"])
        self._drop_nothing(found["function"], keep={"name", "arguments"})
        if "index" in found:
            self._drop(found, "index")
        if isinstance(found.get("id"), str):
            found = found | {"id": self._id(found["id"])}
        arguments = found["function"].get("arguments")
        if arguments == "" or (isinstance(arguments, Mapping) and not self.rules.argument_objects):
            found = found | {"function": {**found["function"], "arguments": compact_json(arguments or {})}}
            self.changes["arguments made JSON text"] += 1
        return found

    def _tool(self, tool: Any) -> Any:
        if not isinstance(tool, Mapping) or not isinstance(tool.get("function"), Mapping):
            return tool
        found = dict(self._typed(tool))
        self._drop_nothing(found, keep={"type", "function"})
        found["function"] = function = dict(found["function"])
        self._drop_nothing(function, keep={"name"})
        if "parameters" in function:
            function["parameters"] = json_schema(function["parameters"], "", self._of_schema)
        return found

    def _of_schema(self, what: str, _field: str, _fix: str) -> None:
        self.changes[what] += 1

    def _without_nothing(self, values: list[Any], what: str) -> list[Any]:
        found = [value for value in values if not holds_nothing(value)]
        if len(found) != len(values):
            self.changes[f"{what} that holds nothing dropped"] += len(values) - len(found)
        return found

    def _drop_nothing(self, value: dict[str, Any], *, keep: Collection[str]) -> None:
        """Drop the keys that hold nothing."""
        for key in sorted((key for key in value if key not in keep and holds_nothing(value[key])), key=str):
            self._drop(value, key)

    def _typed(self, value: Any) -> Any:
        if not isinstance(value, Mapping) or "function" not in value or value.get("type") is not None:
            return value
        self.changes["type function added"] += 1
        return {"type": "function", **{k: v for k, v in value.items() if k != "type"}}

    def _id(self, call_id: str) -> str:
        if self.rules.call_id is None or re.fullmatch(self.rules.call_id, call_id):
            return call_id
        self.changes["id made of 9 letters and digits"] += 1
        return short_id(call_id)

    def _drop(self, value: dict[str, Any], key: str) -> None:
        del value[key]
        self.changes[f"{key if key in KNOWN else 'key that holds nothing'} dropped"] += 1


def _is_users(message: Any) -> bool:
    """True if it is a sound user message with nothing but its content and a name."""
    if not isinstance(message, dict) or message.get("role") != "user" or not _USER.issuperset(message):
        return False
    content = message.get("content")
    return bool(content) if isinstance(content, list) else isinstance(content, str) and bool(content.strip())


def _parts(content: str | list[Any]) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
