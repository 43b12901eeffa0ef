"""What a conversation is changed in so that a chat template shows all of it; kept with the tuned model.

Templates differ in what they take: ids of nine letters, arguments as text, no system message, content in parts.
Training and asking must change a conversation alike, so the changes are saved beside the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.targets.fix import short_id

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

FILE = "langsmith_finetune.json"
"""The file in a tuned model's folder that says how it was trained to be asked."""

_TAKEN = {
    "messages",
    "conversation",
    "tools",
    "documents",
    "add_generation_prompt",
    "tokenize",
    "chat_template",
}
"""What a template is rendered with in any case, and what would replace it."""
_FLAGS = ("short_ids", "text_arguments", "folded_system", "content_parts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """The changes, each of them off by default.

    Args:
        chat_template_kwargs: What the template is rendered with, such as `{"enable_thinking": False}`.
        short_ids: Ids of calls become nine letters, as Mistral's templates ask.
        text_arguments: The arguments of calls are JSON text, where a template fails on objects.
        folded_system: The system's text stands before the first user's, where a template has no place for it.
        content_parts: Content is a list of one text, where a template leaves plain text out.
    """

    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    short_ids: bool = False
    text_arguments: bool = False
    folded_system: bool = False
    content_parts: bool = False

    def messages(self, messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The messages as the template takes them.

        Args:
            messages: As `messages_for_template` makes them.
        """
        changed = _folded(messages) if self.folded_system else [dict(message) for message in messages]
        for message in changed:
            if self.short_ids and "tool_call_id" in message:
                message["tool_call_id"] = short_id(message["tool_call_id"])
            if "tool_calls" in message:
                message["tool_calls"] = [self._call(call) for call in message["tool_calls"]]
            if self.content_parts and isinstance(message.get("content"), str):
                text = message["content"]
                message["content"] = [{"type": "text", "text": text}]
        return changed

    def render(
        self,
        tokenizer: PreTrainedTokenizerBase,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any] | None = None,
        *,
        asks: bool = False,
    ) -> str:
        """A conversation as the template writes it.

        Args:
            tokenizer: The model's, with its chat template.
            messages: As `messages_for_template` makes them.
            tools: The tools.
            asks: Add what an answer begins after.
        """
        text: str = tokenizer.apply_chat_template(
            self.messages(messages),
            tools=list(tools) if tools else None,
            add_generation_prompt=asks,
            tokenize=False,
            **self.chat_template_kwargs,
        )
        return text

    def _call(self, call: Mapping[str, Any]) -> dict[str, Any]:
        changed = dict(call)
        if self.short_ids and "id" in call:
            changed["id"] = short_id(call["id"])
        arguments = call["function"]["arguments"]
        if self.text_arguments and not isinstance(arguments, str):
            changed["function"] = {**call["function"], "arguments": compact_json(arguments)}
        return changed

    @classmethod
    def from_dict(cls, kept: Any) -> Adaptation:
        """What `as_dict` gave. What is not of the known form is left out: a folder may be anybody's."""
        given = kept if isinstance(kept, Mapping) else {}
        settings = given.get("chat_template_kwargs")
        named = settings.items() if isinstance(settings, Mapping) else ()
        return cls(
            chat_template_kwargs={name: value for name, value in named if is_setting(name, value)},
            **{name: given.get(name) is True for name in _FLAGS},
        )

    def as_dict(self) -> dict[str, Any]:
        """What is changed, for a file."""
        kept: dict[str, Any] = {name: True for name in _FLAGS if getattr(self, name)}
        if self.chat_template_kwargs:
            kept["chat_template_kwargs"] = dict(self.chat_template_kwargs)
        return kept

    def save(self, folder: Path) -> None:
        """Write it into a tuned model's folder, if it changes anything."""
        if kept := self.as_dict():
            write_note(folder, adaptation=kept)


def adaptation_in(folder: str) -> Adaptation:
    """How the model of a folder was trained to be asked; no change where the folder says nothing of it."""
    try:
        kept = json.loads(Path(folder, FILE).read_bytes())
    except (OSError, ValueError, RecursionError):
        return Adaptation()
    return Adaptation.from_dict(kept.get("adaptation") if isinstance(kept, dict) else None)


def with_defaults(chat_template: str, settings: Mapping[str, Any]) -> str:
    """A chat template that has these settings where nobody gives others, so that every server renders with them.

    Args:
        chat_template: The template.
        settings: What it was rendered with, such as `{"enable_thinking": False}`.

    Example:
        >>> with_defaults("{{ messages }}", {"enable_thinking": False})
        '{%- if enable_thinking is not defined %}{%- set enable_thinking = false %}{%- endif %}{{ messages }}'
    """
    lines = [
        f"{{%- if {name} is not defined %}}{{%- set {name} = {json.dumps(value)} %}}{{%- endif %}}"
        for name, value in settings.items()
        if is_setting(name, value)
    ]
    return "".join(lines) + chat_template


def write_note(folder: Path, **said: Any) -> None:
    """Add to what a tuned model's folder says of its training."""
    path = folder / FILE
    before = json.loads(path.read_bytes()) if path.is_file() else {}
    path.write_text(json.dumps(before | said, indent=2) + "\n", encoding="utf-8")


def is_setting(name: Any, value: Any) -> bool:
    """True if a template can be given this beside the conversation: a name of its own, and a plain value."""
    is_name = isinstance(name, str) and name.isidentifier() and name not in _TAKEN
    return is_name and isinstance(value, (str, bool, int, float))


def _folded(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages with the text of leading system messages before that of the first user message."""
    count = next((i for i, message in enumerate(messages) if message["role"] != "system"), len(messages))
    rest = [dict(message) for message in messages[count:]]
    if count and rest and rest[0]["role"] == "user":
        texts = [*(message["content"] for message in messages[:count]), rest[0]["content"]]
        rest[0]["content"] = "\n\n".join(text for text in texts if text)
        return rest
    return [dict(message) for message in messages]
