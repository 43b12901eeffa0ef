"""Replaces the private values of one example, the same value by the same placeholder everywhere."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.chat_format import TrainingMessage


class RedactedValues:
    """The private values of one example, each with its placeholder."""

    def __init__(self, finders: list[Finder], line: Mapping[str, Any], *, drop_media: bool) -> None:
        self.counts: Counter[str] = Counter()
        self._finders = finders
        self._drop_media = drop_media
        self._names: dict[tuple[str, str], str] = {}
        # Numbers that stand in the text already would be taken for ours.
        self._taken = set(PLACEHOLDERS.findall(compact_json(line)))

    def name(self, label: str, value: str, *, counted_as: str = "") -> str:
        """The placeholder of a value: the same one for the same value, however it is written."""
        self.counts[counted_as or label] += 1
        plain = value.casefold() if "@" in value else re.sub(r"[\W_]+", "", value).casefold()
        if (label, plain) not in self._names:
            number = 1
            while f"<{label}_{number}>" in self._taken:
                number += 1
            self._names[label, plain] = f"<{label}_{number}>"
            self._taken.add(f"<{label}_{number}>")
        return self._names[label, plain]

    def text(self, text: str) -> str:
        """A text with its private values replaced."""
        for finder in self._finders:
            text = finder(text, self)
        return text

    def line(self, line: Mapping[str, Any], *, tools: bool) -> dict[str, Any]:
        """A copy of a line with its private values replaced.

        Args:
            line: The line.
            tools: Also in the descriptions of its tools.
        """
        copy = {**line}
        if "input" in copy:
            copy["input"] = self.line(copy["input"], tools=tools)
        for key in ("messages", "preferred_output", "non_preferred_output", "prompt", "completion"):
            if key in copy:
                copy[key] = [self._message(message) for message in copy[key]]
        if tools and "tools" in copy:
            copy["tools"] = self._described(copy["tools"])
        return copy

    def _message(self, message: TrainingMessage) -> dict[str, Any]:
        copy: dict[str, Any] = {**message}
        content = message.get("content")
        if isinstance(content, str):
            copy["content"] = self.text(content)
        elif content is not None:
            copy["content"] = [self._part(part) for part in content]
        if "name" in copy and copy["role"] != "tool":  # the name of a tool is a function's
            named = self.text(copy["name"])
            if named != copy["name"]:
                copy["name"] = re.sub(r"[^\w-]+", "", named, flags=re.ASCII)  # all that names may hold
        for key in ("reasoning_content", "refusal"):
            if key in copy:
                copy[key] = self.text(copy[key])
        if "tool_calls" in copy:
            copy["tool_calls"] = [
                {
                    **call,
                    "function": {
                        **call["function"],
                        "arguments": self._arguments(call["function"]["arguments"]),
                    },
                }
                for call in copy["tool_calls"]
            ]
        return copy

    def _part(self, part: dict[str, Any]) -> dict[str, Any]:
        label = _MEDIA.get(part.get("type", ""))
        if label and self._drop_media:
            return {"type": "text", "text": self.name(label, compact_json(part))}
        texts = {key: self.text(part[key]) for key in ("text", "refusal") if isinstance(part.get(key), str)}
        return {**part, **texts}

    def _arguments(self, text: Any) -> Any:
        """The arguments, redacted; as they stand where there is nothing to redact."""
        if not isinstance(text, str):
            return self._value(text)  # an object, as some targets take it
        try:
            before = json.loads(text)
            after = self._value(before)
            return text if after == before else compact_json(after)
        except (ValueError, RecursionError):
            return self.text(text)  # models do write arguments that are no JSON

    def _value(self, value: Any, key: str = "") -> Any:
        if isinstance(value, str):
            alone = self.text(value)
            if alone != value or not key:
                return alone
            beside = self.text(f"{key}: {value}")
            return beside.removeprefix(f"{key}: ") if beside.startswith(f"{key}: ") else value
        if isinstance(value, list):
            return [self._value(item, key) for item in value]
        if isinstance(value, dict):
            renamed: dict[str, Any] = {}
            for name, item in value.items():
                named = self.text(name)
                while named in renamed:  # never lose one to another
                    named += "_"
                renamed[named] = self._value(item, name)
            return renamed
        return value

    def _described(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._described(item) for item in value]
        if isinstance(value, dict):
            return {
                key: self.text(item)
                if key == "description" and isinstance(item, str)
                else self._described(item)
                for key, item in value.items()
            }
        return value


Finder: TypeAlias = "Callable[[str, RedactedValues], str]"


PLACEHOLDERS = re.compile(r"(<[A-Z][A-Z0-9_]*_\d+>)")


_MEDIA = {"image_url": "IMAGE", "input_audio": "AUDIO", "file": "FILE"}
