"""Finds inputs that already contain the answer, and cuts them back to what was asked.

    messages.push(completion.choices[0].message)      and the run's inputs hold its own output, and what came after

JavaScript's SDK writes inputs some time after the call, and an application that keeps one list changes it
meanwhile. Where an id proves it, or the answer is the last of the inputs, they are cut back to the request. A model
may also repeat itself: what only reads the same is left as it is, and noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import Message
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.gemini import is_gemini
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.runs.fields import RunPayload

COUNTED = re.compile(r"(?:.*\D)?\d{0,3}", re.DOTALL)
"""Ids that a host may give again: `call_0`, anew in each answer."""

_SHORTEST_ID = 8


def cut_back(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Cut the messages back to what was asked, if they hold the answer twice.

    Raises:
        Unreadable: The answer is all that the inputs hold, or is in them at several places.
    """
    messages = conversation.messages
    size = len(messages) - conversation.said
    answer = next((m for m in messages[size:] if m["role"] == "assistant"), messages[-1])
    notes.spend(size)
    place = _place_of_calls(messages[:size], answer)
    if place is None:
        made = "ids_made" in notes.kinds and not is_gemini(
            run
        )  # wrap_gemini posts a copy, made before the call
        same = [place for place in range(size) if _says_the_same(messages[place], answer, made_ids=made)]
        if not same:
            return
        place = same[-1]
        if place < size - 1:
            if not _shares_an_id(run):
                place = _place_of_the_same_id(messages[:size], same, answer)
            elif len(same) > 1:
                raise Unreadable("lost_at_source", "the inputs hold the answer, at one of several places")
    if place is None:
        notes.add("answer_repeated", "an earlier message of the model's says the same")
        return
    if not any(message["role"] != "system" for message in messages[:place]):
        raise Unreadable("lost_at_source", "the inputs hold the answer, and nothing that was asked before it")
    notes.add("answer_in_request", f"the last {size - place} of the inputs' messages were cut off")
    conversation.messages = messages[:place] + messages[size:]


def _place_of_calls(request: Sequence[Message], answer: Message) -> int | None:
    """Where the answer's own calls are first spoken of; their ids were not known before it."""
    own = {call["id"] for call in answer.get("tool_calls", ()) if not COUNTED.fullmatch(call["id"])}
    if own:
        for place, message in enumerate(request):
            if message.get("tool_call_id") in own or any(
                call["id"] in own for call in message.get("tool_calls", ())
            ):
                return place
    return None


def _place_of_the_same_id(request: Sequence[Message], same: list[int], answer: Message) -> int | None:
    """Where the same calls have the same counted ids; a host begins to count anew where it is asked anew."""
    ids = [call["id"] for call in answer.get("tool_calls", ())]
    found = [call["id"] for call in request[same[0]].get("tool_calls", ())]
    asked_anew = any(message["role"] == "user" for message in request[same[0] :])
    return same[0] if ids and ids == found and len(same) == 1 and not asked_anew else None


def _says_the_same(message: Message, answer: Message, *, made_ids: bool) -> bool:
    """True if two messages read the same; calls with other ids are other calls, unless the ids were made here."""
    return (
        message["role"] == "assistant"
        and message["content"] == answer["content"]
        and message.get("refusal") == answer.get("refusal")
        and message.get("function_call") == answer.get("function_call")
        and _calls(message, ids=not made_ids) == _calls(answer, ids=not made_ids)
    )


def _calls(message: Message, *, ids: bool) -> list[tuple[str, str, str]]:
    calls = message.get("tool_calls", ())
    return [
        (call["id"] if ids else "", call["function"]["name"], call["function"]["arguments"]) for call in calls
    ]


def _shares_an_id(run: RunPayload) -> bool:
    """True if a message of the inputs has the id of one of the outputs: LangChain's, and items of Responses."""
    inputs, outputs = run.inputs, run.outputs
    asked = {*_ids(inputs.get("messages")), *_ids(inputs.get("input"))}
    if not asked:
        return False
    choices = outputs.get("choices")
    said = [outputs, outputs.get("message"), outputs.get("messages"), outputs.get("output")]
    said += [outputs.get("generations"), choices]
    return any(found in asked for place in said for found in _ids(place))


def _ids(found: Any, depth: int = 0) -> Iterator[str]:
    """The ids of messages: in a list, in LangChain's `kwargs`, under a generation's or a choice's `message`."""
    if isinstance(found, (list, tuple)) and depth <= 2:
        for item in found:
            yield from _ids(item, depth + 1)
    elif isinstance(found, OBJECT):
        for place in (found, found.get("kwargs"), found.get("data"), found.get("message")):
            if isinstance(place, OBJECT):
                if isinstance(place.get("id"), str) and len(place["id"]) >= _SHORTEST_ID:
                    yield place["id"]
                fields = place.get("kwargs")
                if isinstance(fields, OBJECT) and isinstance(fields.get("id"), str):
                    yield fields["id"]
