"""What an example is: a training line or a preference, with its source beside it."""

from __future__ import annotations

from threading import Lock
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar, cast

import msgspec
from msgspec import Struct, structs

from langsmith_finetune._foundation.json_line import json_line
from langsmith_finetune._foundation.known_tools import KnownTools
from langsmith_finetune._foundation.line_bytes import line_json
from langsmith_finetune.chat_format import (
    LabelLine,
    PreferenceLine,
    TrainingLine,
)
from langsmith_finetune.examples.chat_view import chat_html, chat_text, one_line
from langsmith_finetune.examples.source import Note, RunSource


class ReadLine(NamedTuple):
    """A line as it was read, which nobody has looked at yet.

    Args:
        messages: Nobody else's, and of texts and calls alone.
        tools: Those that were offered; lines share them until somebody looks.
        parallel_tool_calls: As the call set it.
    """

    messages: list[Any]
    tools: KnownTools | None
    parallel_tool_calls: bool | None

    def line(self) -> TrainingLine:
        """The line, all of it its owner's."""
        line: TrainingLine = {"messages": self.messages}
        if self.tools is not None:
            line["tools"] = self.tools.copy()
        if self.parallel_tool_calls is not None:
            line["parallel_tool_calls"] = self.parallel_tool_calls
        return line

    def json(self) -> bytes:
        """What `line_json` writes of the line, without making one."""
        try:
            messages = msgspec.json.encode(self.messages)
        except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can say
            return line_json(self.line())
        tools = b"" if self.tools is None else b',"tools":' + self.tools.json
        return b'{"messages":' + messages + tools + _PARALLEL[self.parallel_tool_calls]


_PARALLEL = {None: b"}", True: b',"parallel_tool_calls":true}', False: b',"parallel_tool_calls":false}'}
_LOOKING = Lock()


class _ShowsChat:
    """What every example shows: a line in a list, a short chat when it is printed or ends a cell."""

    __slots__ = ()

    def __repr__(self) -> str:
        return one_line(cast("AnyExample", self))

    def __str__(self) -> str:
        return chat_text(cast("AnyExample", self))

    def _repr_html_(self) -> str:
        return chat_html(cast("AnyExample", self))


class TrainingExample(_ShowsChat):
    """One thing to learn, and where it came from. Shows itself as a short chat.

    A line that was read from a run is made when somebody asks for it, with tools of its own; `to_json` and `write_jsonl`
    need none.

    Args:
        line: What goes into the training file.
        source: The run behind it; never part of the line. None for sessions that came from elsewhere.
        merged: Further runs whose calls are in the line too.
        changes: What was done to the line since it was read, a few words each and without content.
    """

    __slots__ = ("_changes", "_line", "_merged", "_read", "_source")
    __hash__ = None  # type: ignore[assignment]  # its line may change

    def __init__(
        self,
        *,
        line: TrainingLine,
        source: RunSource | None = None,
        merged: tuple[RunSource, ...] = (),
        changes: tuple[str, ...] = (),
    ) -> None:
        self._line: TrainingLine | None = line
        self._read: ReadLine | None = None
        self._source, self._merged, self._changes = source, merged, changes

    @classmethod
    def _of_reading(cls, read: ReadLine, source: RunSource) -> Self:
        made = cls.__new__(cls)
        made._line, made._read, made._source, made._merged, made._changes = None, read, source, (), ()  # noqa: SLF001
        return made

    @property
    def line(self) -> TrainingLine:
        """What goes into the training file."""
        if self._read is not None:
            with _LOOKING:  # two threads get the same
                if self._read is not None:
                    self._line, self._read = self._read.line(), None
        return cast("TrainingLine", self._line)  # one of both is there

    @property
    def source(self) -> RunSource | None:
        """The run behind it."""
        return self._source

    @property
    def merged(self) -> tuple[RunSource, ...]:
        """Further runs whose calls are in the line too."""
        return self._merged

    @property
    def changes(self) -> tuple[str, ...]:
        """What was done to the line since it was read."""
        return self._changes

    def to_json(self) -> bytes:
        """The line as `write_jsonl` writes it: JSON in UTF-8, without a line break.

        Raises:
            InvalidExampleError: The line, which was changed, has no form in JSON.

        Example:
            >>> TrainingExample(line={"messages": [{"role": "user", "content": "Hi"}]}).to_json()
            b'{"messages":[{"role":"user","content":"Hi"}]}'
        """
        read = self._read
        return line_json(json_line("the line", self.line)) if read is None else read.json()

    def _fields(self) -> dict[str, Any]:
        return {"line": self.line, "source": self.source, "merged": self.merged, "changes": self.changes}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, (type(self), self._fields())


def _made(kind: type[TrainingExample], fields: dict[str, Any]) -> TrainingExample:
    return kind(**fields)


def example_from_reading(read: ReadLine, source: RunSource) -> TrainingExample:
    """An example of a line as it was read."""
    return TrainingExample._of_reading(read, source)  # noqa: SLF001 - of this file


def unseen_line(example: Any) -> ReadLine | None:
    """The line of an example as it was read, if nobody has looked at it since."""
    return example._read if type(example) is TrainingExample else None  # noqa: SLF001 - of this file


class PreferenceExample(_ShowsChat, Struct, frozen=True, kw_only=True):
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


class LabelExample(_ShowsChat, Struct, frozen=True, kw_only=True):
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
    if isinstance(value, TrainingExample):
        return type(value)(**{**value._fields(), **changes})
    return structs.replace(value, **changes)
