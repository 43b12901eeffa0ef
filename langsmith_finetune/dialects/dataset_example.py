"""Reads an example of a LangSmith dataset as a conversation: the messages that were asked, and what is to be said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune.dialects.checked import list_at
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.read import conversation_from_run
from langsmith_finetune.dialects.tools import tools_from
from langsmith_finetune.dialects.turns import Turns
from langsmith_finetune.examples.source import RunSource

_ANSWERS = ("message", "output", "answer", "response")
"""Where one answer stands, as a message or as text."""


def conversation_from_example(where: str, example: Mapping[str, Any]) -> tuple[Conversation, RunSource]:
    """The conversation of an example whose inputs hold messages.

    What is to be said stands in the outputs: `messages` (the further ones, or the whole conversation), one `message`,
    `output`, `answer` or `response`, or the outputs of an llm run. Without outputs, the inputs are all of it.

    Args:
        where: What an error calls it.
        example: The example, as JSON has it.

    Raises:
        Unreadable: It holds no messages, or what is no message.
        RunNotUsableError: Its outputs are of an llm run, and cannot be read.
    """
    inputs, outputs = example.get("inputs"), example.get("outputs") or {}
    example_id = short_text(example.get("id"))
    source = RunSource(
        run_id=short_text(example.get("source_run_id")) or example_id or "",
        example_id=example_id,
        project_id=None,
    )
    if not isinstance(inputs, Mapping) or not isinstance(outputs, Mapping):
        raise Unreadable("malformed", "inputs and outputs must be objects")
    asked = inputs.get("messages", inputs.get("input"))
    if not isinstance(asked, list):
        keys = ", ".join(sorted(str(key)[:40] for key in inputs)[:5]) or "nothing"
        raise Unreadable(
            "unknown_shape", f"the inputs of the example hold no list of messages, but {keys}; "
            'write them as {"messages": [...]}'
        )  # fmt: skip
    said = _said(outputs)
    if said is None:
        run = {
            "id": where,
            "run_type": "llm",
            "status": "success",
            "inputs": inputs,
            "outputs": outputs,
        }
        return conversation_from_run(run)[0], source
    notes = Notes()
    if said[: len(asked)] == asked or _turns("outputs.messages", said, Notes())[: len(asked)] == _turns(
        "inputs.messages", asked, Notes()
    ):
        asked = []  # the outputs are the whole conversation
    messages = _turns("messages", [*asked, *said], notes)
    tools = inputs.get("tools") or outputs.get("tools") or []
    return Conversation(messages=messages, tools=tools_from("tools", tools, notes)), source


def _said(outputs: Mapping[str, Any]) -> list[Any] | None:
    """The messages in the outputs; None where they are in the form of an llm run's."""
    if isinstance(outputs.get("messages"), list):
        return list(outputs["messages"])
    if not outputs:
        return []
    for key in _ANSWERS:
        answer = outputs.get(key)
        if isinstance(answer, str) and set(outputs) - {"tools"} == {key}:
            return [{"role": "assistant", "content": answer}]
        if key in ("message", "output") and _is_message(answer):
            return [answer]
    return None


def _is_message(answer: Any) -> bool:
    """True if this is one message."""
    return isinstance(answer, Mapping) and not {"role", "type"}.isdisjoint(answer)


def _turns(where: str, messages: list[Any], notes: Notes) -> list[Any]:
    turns = Turns(notes)
    for index, message in enumerate(list_at(where, messages)):
        turns.add(f"{where}[{index}]", message)
    return turns.messages
