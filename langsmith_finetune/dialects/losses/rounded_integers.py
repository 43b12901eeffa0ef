"""Notes integers that JavaScript may have rounded before the run was posted.

    the model wrote    {"id": 9007199254740993}
    the run holds      {"id": 9007199254740992}

A number of JavaScript's holds integers of up to 2^53; of larger ones it keeps the nearest that it can. That is lost
where a producer parsed the arguments and did not keep their text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.dialects.conversation import Conversation
from langsmith_finetune.dialects.notes import Notes
from langsmith_finetune.dialects.sent.langchain import answered_fields, is_javascript
from langsmith_finetune.runs.fields import RunPayload

_LARGEST = 2**53
_LARGE = re.compile(r"(?<![\w.])-?\d{16,}(?![\w.])")


def note_rounded(conversation: Conversation, run: RunPayload, notes: Notes) -> None:
    """Note calls whose arguments may have lost digits."""
    texts = [
        call["function"]["arguments"]
        for answer in conversation.messages[-conversation.said :]
        for call in answer.get("tool_calls", ())
    ]
    found = {int(one) for text in texts for one in _LARGE.findall(text) if len(one) <= _LONGEST}
    if (
        any(_is_rounded(one) for one in found)
        and not _is_exact(run)
        and not found.isdisjoint(_integers(run, notes))
    ):
        notes.add("numbers_rounded", "a call has an integer that JavaScript cannot tell from others")


_LONGEST = 22
"""Characters; longer integers JavaScript writes with an exponent."""


def _is_rounded(integer: int) -> bool:
    """True if JavaScript writes it like this: the shortest digits that tell the number, and zeros."""
    if abs(integer) < _LARGEST:
        return False
    shortest = next(
        text for places in range(17) if float(text := f"{float(integer):.{places}e}") == float(integer)
    )
    digits, _, exponent = shortest.partition("e+")
    whole, _, rest = digits.partition(".")
    return integer == int(whole + rest.ljust(int(exponent), "0"))


def _is_exact(run: RunPayload) -> bool:
    """True if LangChain's tracer posted it: in Python integers have no end, and the text is kept beside."""
    if "generations" not in run.outputs:
        return False
    fields = answered_fields(run)
    extra = fields.get("additional_kwargs")
    return not is_javascript(run) or bool(
        fields.get("tool_call_chunks") or (isinstance(extra, OBJECT) and extra.get("tool_calls"))
    )


def _integers(run: RunPayload, notes: Notes) -> Iterator[int]:
    """The large integers of an answer that are numbers, and not text."""
    left: list[Any] = [run.outputs]
    while left:
        notes.spend(1)
        value = left.pop()
        if type(value) is int and abs(value) >= _LARGEST:
            yield value
        elif isinstance(value, OBJECT):
            left.extend(value.values())
        elif isinstance(value, (list, tuple)):
            left.extend(value)
