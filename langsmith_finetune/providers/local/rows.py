"""Turns a training line into rows of prompt and completion, one row per message to learn.

TRL takes the loss on the completion of a row and nowhere else, so this is how "the file says what is
trained" holds for any chat template, without markers in it. TRL itself knows no `weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from langsmith_finetune._foundation.surrogates import HALF, WHOLE, halves
from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets.read_lines import sound_lines


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


def has_reasoning(path: Path, name: str) -> bool:
    """True if an answer of a file that is trained holds the model's reasoning.

    Args:
        path: The file.
        name: What to call it in errors.

    Raises:
        InvalidExampleError: The file is empty, or a line is not JSON.
    """
    for _, _, line in sound_lines(path, name):
        messages = line.get("messages")
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict) and message.get("reasoning_content") and message.get("weight", 1):
                return True
    return False


def _is_trained(message: Mapping[str, Any], where: str, index: int) -> bool:
    weight = message.get("weight", 1)
    if isinstance(weight, bool) or weight not in (0, 1):
        _refuse(where, f"messages[{index}].weight", "is neither 0 nor 1", "Give 0 to leave the message out")
    return bool(weight)


def _refuse(where: str, field: str, reason: str, fix: str) -> NoReturn:
    raise InvalidExampleError(where, field, reason, fix)
