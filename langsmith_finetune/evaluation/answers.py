"""What a model answered: a message, or the error that came instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from langsmith_finetune._foundation.json_text import object_of
from langsmith_finetune._foundation.json_values import count_from, number_from
from langsmith_finetune.chat_format import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A tool call as it is compared.

    Args:
        name: The tool.
        arguments: Its arguments; None where they are no JSON object.
        text: The arguments as they were written.
    """

    name: str
    arguments: Mapping[str, Any] | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of asking a model.

    Args:
        message: The answer in OpenAI's form; None where there is none.
        error: Why there is none: the error's class and its words, masked. An error counts as a failure.
        is_temporary: The error may not come again, so the next evaluation asks once more.
        input_tokens: Tokens of the request, where the model tells.
        output_tokens: Tokens of the answer, where the model tells.
        seconds: How long it took, in seconds; of a batch, its share.
    """

    message: Message | None = None
    error: str | None = None
    is_temporary: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The text of the answer; empty where there is none."""
        return "" if self.message is None else text_of(self.message)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The tool calls of the answer."""
        return () if self.message is None else calls_of(self.message)


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, that of all its parts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    texts = (part.get(str(part.get("type"))) for part in parts if isinstance(part, Mapping))
    text = content if isinstance(content, str) else "".join(each for each in texts if isinstance(each, str))
    refusal = message.get("refusal")
    return text or (refusal if isinstance(refusal, str) else "")


def calls_of(message: Mapping[str, Any]) -> tuple[Call, ...]:
    """The tool calls of a message."""
    found = []
    for call in message.get("tool_calls") or ():
        arguments = call["function"]["arguments"]
        found.append(Call(name=call["function"]["name"], arguments=_object_in(arguments), text=arguments))
    return tuple(found)


def _object_in(text: str) -> dict[str, Any] | None:
    """The arguments that a text is; a call without any may be written as nothing."""
    return {} if text == "" else object_of(text)


def row_of_answer(answer: Answer) -> dict[str, Any]:
    """An answer as it is kept."""
    return {name: value for name, value in asdict(answer).items() if value not in (None, False)}


def answer_of_row(row: Mapping[str, Any]) -> Answer | None:
    """The answer that was kept; None where the row holds none."""
    message, error = row.get("message"), row.get("error")
    if not (_is_message(message) or isinstance(error, str)):
        return None
    return Answer(
        message=message if _is_message(message) else None,
        error=error if isinstance(error, str) else None,
        is_temporary=row.get("is_temporary") is True,
        input_tokens=count_from(row.get("input_tokens")),
        output_tokens=count_from(row.get("output_tokens")),
        seconds=number_from(row.get("seconds")) or 0.0,
    )


def _is_message(value: Any) -> bool:
    if not (isinstance(value, dict) and value.get("role") == "assistant"):
        return False
    calls = value.get("tool_calls", [])
    return isinstance(calls, list) and all(
        isinstance(call, dict)
        and isinstance(call.get("function"), dict)
        and isinstance(call["function"].get("name"), str)
        and isinstance(call["function"].get("arguments"), str)
        for call in calls
    )
