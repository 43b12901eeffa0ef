"""Reads a run: from what a producer posted to one conversation and its source.

`readers` says where the request and the answer are, by the key that the answer is under; the other modules
read one dialect of messages, content or tools each: payload in, plain dicts out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects.checked import mapping_at
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.dispatch import Reader, reader_of
from langsmith_finetune.dialects.fast_path import read_fast
from langsmith_finetune.dialects.losses.lost_media import check_media
from langsmith_finetune.dialects.losses.merged_calls import check_calls
from langsmith_finetune.dialects.losses.pushed_answer import cut_back
from langsmith_finetune.dialects.losses.rounded_integers import note_rounded
from langsmith_finetune.dialects.losses.side_calls import note_side_call
from langsmith_finetune.dialects.losses.unseen_context import check_context
from langsmith_finetune.dialects.notes import MARKS, Notes, Unreadable
from langsmith_finetune.dialects.trace import add_from_trace, lacking
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.examples.source import Note, NoteKind, RunSource
from langsmith_finetune.runs.fields import RunPayload, ids_above, payload_of, source_of
from langsmith_finetune.runs.placeholders import forget_placeholders, name_arguments
from langsmith_finetune.runs.roles import Role
from langsmith_finetune.runs.unparsed import opened


def conversation_from_run(
    run: Any,
    trace_runs: Iterable[Any] = (),
    *,
    skip_notes: Collection[NoteKind] = (),
    keep_reasoning: bool = False,
) -> tuple[Conversation, RunSource]:
    """What went to the model in this run and what came back; where it is from, and what it does not tell.

    Args:
        run: A v1 or v2 `Run` of langsmith's, a dict of either, its JSON text as bytes, or a row of an export,
            in which the text is a field's.
        trace_runs: Other runs of the same trace. Where the producer does not post tools or the system prompt
            with the call, they are taken from the nearest run above it that has them.
        skip_notes: Kinds of notes that are reason enough to refuse the run, such as `redacted`.
        keep_reasoning: Keep the model's thinking, as `reasoning_content`.

    Raises:
        RunNotUsableError: The run cannot be kept whole; carries the reason.
    """
    if (found := read_fast(run)) is not None:
        return found.conversation(), found.source
    return read_full(run, trace_runs, skip_notes=skip_notes, keep_reasoning=keep_reasoning)


def read_full(
    run: Any,
    trace_runs: Iterable[Any] = (),
    *,
    skip_notes: Collection[NoteKind] = (),
    keep_reasoning: bool = False,
) -> tuple[Conversation, RunSource]:
    """`conversation_from_run` by the readers alone, which know every form."""
    return begin_reading(run, trace_runs, keep_reasoning=keep_reasoning).finish(skip_notes)


def begin_reading(run: Any, trace_runs: Iterable[Any] = (), *, keep_reasoning: bool = False) -> Reading:
    """Read what the run itself says, and add what it lacks and `trace_runs` have.

    Raises:
        RunNotUsableError: The run cannot be kept whole; carries the reason.
    """
    run_id = ""
    try:
        run, notes = opened(run), Notes(keep_reasoning=keep_reasoning)
        payload = payload_of(run)
        run_id = payload.id
        forget_placeholders(payload)
        name_arguments(payload)
        conversation = _reader(payload)(payload, notes)
        notes.give_thoughts(None)  # of an answer that never came
        _check_answer(conversation)
        cut_back(conversation, payload, notes)
        check_context(conversation, payload, notes)
        check_media(conversation, payload, notes)
        reading = Reading(run, payload, conversation, notes, list(trace_runs))
        reading.look_up(())
    except Exception as error:  # noqa: BLE001 - objects that are no JSON can raise anything; the stream goes on
        raise refusal(run_id, error) from None
    return reading


@dataclass(slots=True)
class Reading:
    """A run that is read once: until it is finished, what it lacks can be added from other runs of its trace."""

    run: Any
    payload: RunPayload
    conversation: Conversation
    notes: Notes
    trace_runs: list[Any]

    @property
    def wanted(self) -> list[str]:
        """The ids of the runs above that may have what this one lacks; none if it lacks nothing."""
        return ids_above(self.run) if lacking(self.notes) else []

    def add_from_trace(self, above: Iterable[Any]) -> None:
        """Add what this run lacks, where runs above it have it.

        Raises:
            RunNotUsableError: What they have cannot be read.
        """
        try:
            self.look_up(above)
        except Exception as error:  # noqa: BLE001 - as above
            raise refusal(self.payload.id, error) from None

    def look_up(self, above: Iterable[Any]) -> None:
        """`add_from_trace`, with whatever it raises."""
        self.trace_runs += above
        if self.trace_runs:
            add_from_trace(self.conversation, self.run, self.trace_runs, self.notes)

    def finish(self, skip_notes: Collection[NoteKind] = ()) -> tuple[Conversation, RunSource]:
        """The conversation as it is now, with its source.

        Raises:
            RunNotUsableError: The run cannot be kept whole, or has a note that is refused.
        """
        conversation, payload, notes = self.conversation, self.payload, self.notes
        try:
            check_calls(conversation, payload, notes)
            note_rounded(conversation, payload, notes)
            if payload.attached:
                notes.add("attachments", "files are attached to the run")
            _look_over(conversation, notes)

            def said_of(role: Role) -> tuple[Note, ...]:
                note_side_call(role, notes)
                if skip_notes:
                    _check_notes(notes, skip_notes)
                return notes.of(payload.id)

            return conversation, source_of(self.run, said_of)
        except Exception as error:  # noqa: BLE001 - as above
            raise refusal(payload.id, error) from None


def refusal(run_id: str, error: Exception) -> RunNotUsableError:
    """Why a run cannot be used, in our own words."""
    if isinstance(error, RunNotUsableError):
        return error
    if isinstance(error, Unreadable):
        return RunNotUsableError(run_id, error.reason, error.detail)
    if isinstance(error, RecursionError):
        return RunNotUsableError(run_id, "too_deep", "it is nested deeper than Python can follow")
    return RunNotUsableError(run_id, "malformed", f"reading it raised {type(error).__name__}")


_OTHER_RUNS = {"chain", "tool", "retriever", "embedding", "prompt", "parser"}


def _reader(run: RunPayload) -> Reader:
    if run.run_type != "llm":
        kind = f"of the type {run.run_type}" if run.run_type in _OTHER_RUNS else "no llm run"
        raise Unreadable("not_llm", f"it is {kind}; runs_of_traces(ids) gives the llm runs below it")
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


def _check_notes(notes: Notes, skip_notes: Collection[NoteKind]) -> None:
    unwanted = notes.kinds.intersection(skip_notes)
    if unwanted:
        raise Unreadable(
            "unwanted_note", f"it has notes that skip_notes= names: {', '.join(sorted(unwanted))}"
        )


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
