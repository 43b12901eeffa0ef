"""What an example is: a training line or a preference, with its source beside it."""

from __future__ import annotations

from dataclasses import dataclass

from langsmith_finetune.chat_format import (
    PreferenceLine,
    TrainingLine,
)
from langsmith_finetune.examples.source import RunSource


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingExample:
    """One thing to learn, and where it came from.

    Args:
        line: What goes into the training file.
        source: The run behind it; never part of the line. None for sessions that came from elsewhere.
        merged: Further runs whose calls are in the line too.
        changes: What was done to the line since it was read, a few words each and without content.
    """

    line: TrainingLine
    source: RunSource | None = None
    merged: tuple[RunSource, ...] = ()
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceExample:
    """One preference, and where it came from.

    Args:
        line: What goes into the training file.
        source: The run of the preferred answer, or the run that was corrected.
        rejected_source: The run of the answer that is not preferred, where it is another one.
        changes: What was done to the line since it was read, a few words each and without content.
    """

    line: PreferenceLine
    source: RunSource | None = None
    rejected_source: RunSource | None = None
    changes: tuple[str, ...] = ()
