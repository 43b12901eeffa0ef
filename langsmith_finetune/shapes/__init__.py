"""From what a producer wrote to one canonical conversation: a file a producer, and one dispatch.

A reader is a pure function `read(run, notes) -> Conversation`: payload in, plain dicts out. Which one reads
a run is decided by the key that its answer is under, so a further producer costs a row in `_READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.shapes import langchain, openai_chat
from langsmith_finetune.shapes.canonical import Conversation, Note, Notes, Unreadable
from langsmith_finetune.shapes.run import RunPayload, payload_of

_READERS: dict[str, Callable[[RunPayload, Notes], Conversation]] = {
    "generations": langchain.read,
    "choices": openai_chat.read,
}


def conversation_from_run(run: Any) -> tuple[Conversation, tuple[Note, ...]]:
    """What went to the model in this run and what came back, and what of it training cannot see.

    Args:
        run: A v1 or v2 `Run` of langsmith's, or a dict of either.

    Raises:
        RunNotUsableError: The run cannot be kept whole; carries the reason.
    """
    payload = payload_of(run)
    notes = Notes()
    try:
        conversation = _reader(payload)(payload, notes)
        _check_answer(conversation)
    except Unreadable as why:
        raise RunNotUsableError(payload.id, why.reason, why.detail) from None
    return conversation, notes.of(payload.id)


def _reader(run: RunPayload) -> Callable[[RunPayload, Notes], Conversation]:
    if run.run_type != "llm":
        raise Unreadable("not_llm", "run_type must be llm")
    if run.failed:
        raise Unreadable("failed", "the call ended in an error")
    if run.outputs is None:
        if run.ended:
            raise Unreadable("empty_output", "the run has ended, but has no outputs")
        raise Unreadable("pending", "the run has not ended, or its end was never posted")
    if run.inputs == {} or run.outputs == {}:
        raise Unreadable(
            "hidden", "inputs or outputs are {}, as LANGSMITH_HIDE_INPUTS and _OUTPUTS leave them"
        )
    if isinstance(run.outputs, Mapping):
        for key in run.outputs:
            if key in _READERS:
                return _READERS[key]
    raise Unreadable("unknown_shape", "no reader knows outputs of this form")


def _check_answer(conversation: Conversation) -> None:
    answer = conversation.messages[-1]
    if not (answer["content"] or answer.keys() & {"tool_calls", "function_call", "refusal"}):
        raise Unreadable("empty_output", "the answer has neither text nor calls")
