"""Turns a line of a file into rows of prompt and completion, one row per message to learn.

So "the file says what is trained" holds for any chat template, without markers in it. TRL itself knows no `weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from langsmith_finetune._foundation.surrogates import HALF, WHOLE, halves
from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.values import Method
from langsmith_finetune.targets.read_lines import sound_lines

_MAKE = "Make lines with training_examples(sessions)"
_MAKE_PAIRS = "Make lines with preferences_from_scores(examples, score)"
_MAKE_LABELS = "Make lines with labels_from_scores(examples, score)"


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
    """The rows of a JSONL file of training lines, in order, reading one line at a time.

    Args:
        path: The file.
        name: What to call it in errors.

    Raises:
        InvalidExampleError: A line cannot be trained on as it stands.
    """
    for number, _, line in sound_lines(path, name):
        yield from rows_of_line(line, f"{name}:{number}")


def rows_of_line(line: Mapping[str, Any], where: str, method: Method = "supervised") -> list[Row]:
    """The rows of one line: one an answer; the preferred and the other one of a preference.

    Args:
        line: The line, of the kind that the method trains on.
        where: What to call it in errors.
        method: How it is trained.

    Raises:
        InvalidExampleError: The line cannot be trained on as it stands.
    """
    for field in halves(line):
        _refuse(where, field, HALF, WHOLE)
    if method == "dpo":
        given = line.get("input")
        return _rows_to_compare(line, where, given, ("preferred_output", "non_preferred_output"))
    if method == "kto":
        if not isinstance(line.get("label"), bool):
            _refuse(where, "label", "is neither true nor false", _MAKE_LABELS)
        given = {"messages": line.get("prompt"), "tools": line.get("tools")}
        return _rows_to_compare(line, where, given, ("completion",))
    return list(_rows_of_training_line(line, where))


def learned_messages(line: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The messages of a line, of any kind, that are learned; of a line that is not sound, those that can be found."""
    for field in ("messages", "preferred_output", "non_preferred_output", "completion"):
        messages = line.get(field)
        for message in messages if isinstance(messages, list) else ():
            if (
                isinstance(message, Mapping)
                and message.get("role") == "assistant"
                and message.get("weight", 1)
            ):
                yield message


def _rows_of_training_line(line: Mapping[str, Any], where: str) -> Iterator[Row]:
    messages = line.get("messages")
    if not isinstance(messages, list) or not messages:
        _refuse(where, "messages", "is not a list of messages", _MAKE)
    tools = _tools(line, where, "tools")
    if line.get("functions"):
        fix = "Write them as tools, or call check(..., fix=True)"
        _refuse(where, "functions", "are tools of the legacy form", fix)
    rendered = messages_for_template(messages, where)
    any_trained = False
    for index, message in enumerate(messages):
        if message["role"] == "assistant" and is_learned(message, where, index):
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


def _rows_to_compare(line: Mapping[str, Any], where: str, given: Any, answers: tuple[str, ...]) -> list[Row]:
    """A row an answer, all after the same prompt."""
    messages = given.get("messages") if isinstance(given, Mapping) else None
    what, make = ("prompt", _MAKE_LABELS) if answers == ("completion",) else ("input.messages", _MAKE_PAIRS)
    if not isinstance(messages, list) or not messages:
        _refuse(where, what, "is not a list of messages", make)
    assert isinstance(given, Mapping)  # noqa: S101 - for the type checker; it holds messages
    tools = _tools(given, where, "tools" if answers == ("completion",) else "input.tools")
    rows = []
    for field in answers:
        answer = line.get(field)
        if not isinstance(answer, list) or len(answer) != 1:
            _refuse(where, field, "is not a list of one message", make)
        if not isinstance(answer[0], Mapping) or answer[0].get("role") != "assistant":
            _refuse(where, f"{field}[0]", "is no message of the assistant", make)
        *prompt, completion = messages_for_template([*messages, answer[0]], where)
        rows.append(Row(where=where, field=field, prompt=prompt, completion=completion, tools=tools))
    return rows


def _tools(given: Mapping[str, Any], where: str, field: str) -> list[dict[str, Any]]:
    tools = given.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        _refuse(where, field, "is not a list of tools", _MAKE)
    return tools


def is_learned(message: Mapping[str, Any], where: str, index: int) -> bool:
    """True if an assistant message is learned: unless its weight is 0.

    Raises:
        InvalidExampleError: The weight is neither 0 nor 1.
    """
    weight = message.get("weight", 1)
    if isinstance(weight, bool) or weight not in (0, 1):
        _refuse(where, f"messages[{index}].weight", "is neither 0 nor 1", "Give 0 to leave the message out")
    return bool(weight)


def _refuse(where: str, field: str, reason: str, fix: str) -> NoReturn:
    raise InvalidExampleError(where, field, reason, fix)
