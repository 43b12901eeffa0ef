"""The ids of traces that a caller gave, a page at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune._foundation.passes import Source
from langsmith_finetune._printable import printable_line
from langsmith_finetune.runs.fields import getter, trace_id_of
from langsmith_finetune.runs.langsmith.read_apis import PAGE_SIZE
from langsmith_finetune.runs.langsmith.transport import RequestPlan


class TraceIds:
    """Ids, and runs that stand for their traces."""

    def __init__(self, given: Source[Any]) -> None:
        self._ids = trace_ids(given)
        self.emptiness = f"runs_of_traces gives nothing: {given.emptiness}"

    def more(self) -> RequestPlan[list[str] | None]:
        """The next ids; None at the end."""
        yield from ()
        return list(islice(self._ids, PAGE_SIZE)) or None


def trace_ids(given: Iterable[Any]) -> Iterator[str]:
    """The ids, in canonical form.

    Raises:
        ValueError: One is none.
    """
    for index, each in enumerate(given):
        is_id = isinstance(each, (str, uuid.UUID))
        found = str(each) if is_id else trace_id_of(each) or short_text(getter(each)("id"))
        try:
            yield str(uuid.UUID(found))
        except (TypeError, ValueError, AttributeError):
            kind = f"not {found[:40]!r}" if is_id and found else f"not {type(each).__name__}"
            raise ValueError(
                printable_line(
                    f"ids[{index}] must be the id of a trace or a run, which is a UUID, or a run, {kind}"
                )
            ) from None
