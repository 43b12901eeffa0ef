"""How far a selection has come: what another process needs to go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune.runs.langsmith.read_apis import utc
from langsmith_finetune.runs.langsmith.window_reader import (
    place_of,
)

if TYPE_CHECKING:
    from langsmith.types import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionState:
    """How far a selection has come: enough to go on after the last run that was taken.

    Args:
        conditions: What the selection asks for: a fingerprint of each condition, by its name.
        last_start_time: When the last run that was taken started, ISO 8601.
        last_id: Its id.
        count: How many runs were taken.

    Example:
        >>> import json
        >>> kept = json.dumps(SelectionState(count=2, last_id="b").to_dict())
        >>> SelectionState.from_dict(json.loads(kept)).count
        2
    """

    conditions: Mapping[str, str] = field(default_factory=dict)
    last_start_time: str | None = None
    last_id: str | None = None
    count: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {
            "conditions": dict(self.conditions),
            "last_start_time": self.last_start_time,
            "last_id": self.last_id,
            "count": self.count,
        }

    @classmethod
    @checked()
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `to_dict` gave.

        Raises:
            ValueError: If it is something else.
        """
        if set(data) != {"conditions", "last_start_time", "last_id", "count"}:
            raise ValueError(
                "resume must be the state of a selection, or its to_dict(): conditions, last_start_time, "
                f"last_id and count, not {', '.join(sorted(map(str, data))) or 'nothing'}"
            )
        return cls(**data)

    def after(self, run: Run) -> SelectionState:
        """The state when this run has been taken too."""
        start, run_id = place_of(run)
        return SelectionState(
            conditions=self.conditions,
            last_start_time=start.isoformat(),
            last_id=run_id,
            count=self.count + 1,
        )

    @property
    def place(self) -> tuple[datetime, str] | None:
        """Where the last run stands in the order."""
        if self.last_start_time is None:
            return None
        return utc(datetime.fromisoformat(self.last_start_time)), self.last_id or ""


def start_of(
    conditions: Mapping[str, Any], resume: SelectionState | Mapping[str, Any] | None
) -> SelectionState:
    """The state to begin in.

    Args:
        conditions: By name, all that decides which runs are selected.
        resume: The state of an earlier selection with the same conditions, if any.

    Raises:
        ValueError: If the conditions are not the same.
    """
    prints = {name: _fingerprint(value) for name, value in conditions.items() if value is not None}
    if resume is None:
        return SelectionState(conditions=prints)
    state = resume if isinstance(resume, SelectionState) else SelectionState.from_dict(resume)
    other = sorted(
        name for name in {*prints, *state.conditions} if prints.get(name) != state.conditions.get(name)
    )
    if other:
        raise ValueError(
            f"resume is the state of another selection, with a different {', '.join(other)}: give the "
            "conditions that it was made with, or leave resume out to start from the beginning"
        )
    return state


def _fingerprint(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
