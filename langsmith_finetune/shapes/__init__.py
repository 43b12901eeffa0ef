"""From what a producer wrote to one canonical conversation: a file a dialect, and one dispatch.

`readers` says where the request and the answer are, by the key that the answer is under; the other modules
read one dialect of messages, content or tools each: payload in, plain dicts out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.shapes.canonical import (
    MARKS,
    OBJECT,
    Conversation,
    NoteKind,
    Notes,
    Unreadable,
    mapping_at,
)
from langsmith_finetune.shapes.context import check_context
from langsmith_finetune.shapes.given import forget_placeholders
from langsmith_finetune.shapes.json_text import opened
from langsmith_finetune.shapes.lost import check_media
from langsmith_finetune.shapes.plain import read_plain
from langsmith_finetune.shapes.pushed import cut_back
from langsmith_finetune.shapes.readers import Reader, reader_of
from langsmith_finetune.shapes.roles import note_side_call
from langsmith_finetune.shapes.run import RunPayload, RunSource, getter, payload_of, role_of, source_of
from langsmith_finetune.shapes.streamed import check_calls
from langsmith_finetune.shapes.trace import add_from_trace


def conversation_from_run(
    run: Any,
    trace_runs: Iterable[Any] = (),
    *,
    refuse: Collection[NoteKind] = (),
    keep_reasoning: bool = False,
) -> tuple[Conversation, RunSource]:
    """What went to the model in this run and what came back; where it is from, and what it does not tell.

    Args:
        run: A v1 or v2 `Run` of langsmith's, a dict of either, its JSON text as bytes, or a row of an export,
            in which the text is a field's.
        trace_runs: Other runs of the same trace. Where the producer does not post tools or the system prompt
            with the call, they are taken from the nearest run above it that has them.
        refuse: Kinds of notes that are reason enough to refuse the run, such as `redacted`.
        keep_reasoning: Keep the model's thinking, as `reasoning_content`.

    Raises:
        RunNotUsableError: The run cannot be kept whole; carries the reason.
    """
    if (plain := read_plain(run)) is not None:
        return Conversation(messages=plain[0]), plain[1]
    return read_with_care(run, trace_runs, refuse=refuse, keep_reasoning=keep_reasoning)


def read_with_care(
    run: Any,
    trace_runs: Iterable[Any] = (),
    *,
    refuse: Collection[NoteKind] = (),
    keep_reasoning: bool = False,
) -> tuple[Conversation, RunSource]:
    """`conversation_from_run` by the readers alone, which know every form."""
    run_id = ""
    try:
        run, notes = opened(run), Notes(keep_reasoning=keep_reasoning)
        payload = payload_of(run)
        run_id = payload.id
        forget_placeholders(payload)
        conversation = _reader(payload)(payload, notes)
        notes.give_thoughts(None)  # of an answer that never came
        _check_answer(conversation)
        cut_back(conversation, payload, notes)
        check_context(conversation, payload, notes)
        check_media(conversation, payload, notes)
        if trace_runs:
            add_from_trace(conversation, run, trace_runs, notes)
        check_calls(conversation, payload, notes)
        if payload.attached:
            notes.add("attachments", "files are attached to the run")
        _look_over(conversation, notes)
        note_side_call(role_of(run), notes)
        if refuse:
            _check_notes(notes, refuse)
        return conversation, source_of(run, notes.of(run_id))
    except RunNotUsableError:
        raise
    except Unreadable as why:
        raise RunNotUsableError(run_id, why.reason, why.detail) from None
    except RecursionError:
        raise RunNotUsableError(run_id, "too_deep", "it is nested deeper than Python can follow") from None
    except Exception as error:  # noqa: BLE001 - objects that are no JSON can raise anything; the stream goes on
        detail = f"reading it raised {type(error).__name__}"
        raise RunNotUsableError(run_id, "malformed", detail) from None


def lacks_something(run: Any, trace_runs: Iterable[Any]) -> bool:
    """Whether a usable run lacks tools or a system prompt that another run of its trace may have."""
    try:
        _, source = conversation_from_run(run, trace_runs)
    except RunNotUsableError:
        return False
    return any(note.kind in ("system_missing", "tools_missing") for note in source.notes)


def conversation_from_example(example: Any) -> tuple[Conversation, RunSource]:
    """What a stored example of a LangSmith dataset says, in any form that a run may have.

    Args:
        example: langsmith's `Example`, or a dict of it: `inputs` with messages, `outputs` with the answer.

    Raises:
        RunNotUsableError: It holds no conversation; `run_id` is the example's id.
    """
    get = getter(example)
    fields = {key: get(key) for key in ("id", "inputs", "outputs", "metadata")}
    return conversation_from_run({**fields, "run_type": "llm", "status": "success"})


def _reader(run: RunPayload) -> Reader:
    if run.run_type != "llm":
        raise Unreadable("not_llm", "run_type must be llm")
    if run.failed:
        raise Unreadable("failed", "the call ended in an error")
    if run.outputs is None or (run.outputs == {} and run.inputs != {} and not run.ended):
        if run.ended:
            raise Unreadable("empty_output", "the run has ended, but has no outputs")
        raise Unreadable("pending", "the run has not ended, or its end was never posted")
    if run.inputs == {} or run.outputs == {}:
        raise Unreadable(
            "hidden", "inputs or outputs are {}, as LANGSMITH_HIDE_INPUTS and _OUTPUTS leave them"
        )
    mapping_at("inputs", run.inputs)
    if isinstance(run.outputs, OBJECT):
        return reader_of(run.outputs)
    raise Unreadable("unknown_shape", "no reader knows outputs of this form")


def _check_answer(conversation: Conversation) -> None:
    answer = conversation.messages[-1]
    if not (answer["content"] or answer.keys() & {"tool_calls", "function_call", "refusal"}):
        raise Unreadable("empty_output", "the answer has neither text nor calls")


def _check_notes(notes: Notes, refuse: Collection[NoteKind]) -> None:
    unwanted = notes.kinds.intersection(refuse)
    if unwanted:
        raise Unreadable("unwanted_note", f"it has notes that are refused: {', '.join(sorted(unwanted))}")


def _look_over(conversation: Conversation, notes: Notes) -> None:
    """Note anonymizers' marks, and count the names and ids, which nobody counted yet."""
    for index, message in enumerate(conversation.messages):
        content = message["content"]
        texts = [content] if isinstance(content, str) else [part.get("text", "") for part in content or ()]
        if len(message) > 2:  # beside role and content
            named = (message.get("name"), message.get("tool_call_id"), message.get("refusal"))
            notes.spend(sum(len(text) for text in named if text) // 100)
            for call in message.get("tool_calls", ()):
                texts.append(call["function"]["arguments"])
                notes.spend((len(call["id"]) + len(call["function"]["name"])) // 100)
        for text in texts:
            if ("[" in text or "<" in text) and MARKS.search(text):
                notes.add("redacted", f"messages[{index}]")
