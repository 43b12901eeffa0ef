"""What an example is: a training line or a preference, with its source beside it."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

from msgspec import Struct, structs

from langsmith_finetune.chat_format import (
    LabelLine,
    PreferenceLine,
    TrainingLine,
)
from langsmith_finetune.examples.source import Note, RunSource


class TrainingExample(Struct, frozen=True, kw_only=True):
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


class PreferenceExample(Struct, frozen=True, kw_only=True):
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


class LabelExample(Struct, frozen=True, kw_only=True):
    """One answer that is good or bad, and where it came from.

    Args:
        line: What goes into the training file.
        source: The run of the answer.
        changes: What was done to the line since it was read, a few words each and without content.
    """

    line: LabelLine
    source: RunSource | None = None
    changes: tuple[str, ...] = ()


AnyExample: TypeAlias = TrainingExample | PreferenceExample | LabelExample
"""An example of any kind."""

Value = TypeVar("Value", bound=AnyExample | RunSource | Note)


def replace(value: Value, **changes: Any) -> Value:
    """A copy of an example, a source or a note, with some fields changed.

    Args:
        value: What to copy. It stays as it is.
        **changes: The fields to change.

    Raises:
        TypeError: There is no such field.

    Example:
        >>> example = TrainingExample(line={"messages": []})
        >>> replace(example, changes=("looked at",)).changes
        ('looked at',)
    """
    return structs.replace(value, **changes)
