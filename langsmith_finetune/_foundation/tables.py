"""Lists that show themselves: as text in a shell, as a table in a notebook, and as a pandas table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, Self, SupportsIndex, TypeVar, overload

from langsmith_finetune._foundation.extras import missing
from langsmith_finetune._foundation.html import Html, card, table
from langsmith_finetune._printable import printable_line

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_MOST_ROWS = 20
_WIDEST_CELL = 60


class Rows(list[T]):
    """A list whose items show as the rows of a table; a list in every other way.

    Args:
        items: What is in it.
        columns: By title, what of an item the column holds.
        nothing: What to say where there is none.

    Example:
        >>> Rows([3, 4], columns={"n": lambda n: n, "square": lambda n: n * n}, nothing="no numbers")
        n  square
        3  9
        4  16
    """

    def __init__(
        self, items: Iterable[T] = (), *, columns: Mapping[str, Callable[[T], Any]], nothing: str
    ) -> None:
        super().__init__(items)
        self._columns, self._nothing = columns, nothing

    def to_pandas(self) -> pd.DataFrame:
        """A table with one row per item.

        Raises:
            ImportError: pandas is not installed.
        """
        return data_frame([self._cells(item) for item in self], list(self._columns))

    def _cells(self, item: T) -> list[Any]:
        return [value(item) for value in self._columns.values()]

    def _filled(self) -> tuple[list[list[Any]], list[str]]:
        """Rows and titles, without the columns in which nothing stands."""
        rows = [self._cells(item) for item in self]
        filled = [any(cell not in (None, "") for cell in column) for column in zip(*rows, strict=True)]
        return [list(compress(row, filled)) for row in rows], list(compress(self._columns, filled))

    def __repr__(self) -> str:
        if not self:
            return f"({self._nothing})"
        return text_table(*self._filled())

    def _repr_html_(self) -> str:
        if not self:
            return card("", self._nothing)
        return html_table(*self._filled())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001, ARG002 - IPython calls it so
        printer.text(repr(self))  # it would write the items out otherwise, as it does for each list

    @overload
    def __getitem__(self, index: SupportsIndex) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: SupportsIndex | slice) -> T | Self:
        if isinstance(index, slice):
            return type(self)(super().__getitem__(index), columns=self._columns, nothing=self._nothing)
        return super().__getitem__(index)

    def __reduce__(self) -> tuple[type[list[T]], tuple[list[T]]]:
        return list, (list(self),)  # a copy for another process is a plain list


def text_table(rows: Sequence[Sequence[Any]], head: Sequence[str]) -> str:
    """Rows in columns, of many the first and the last.

    Args:
        rows: The cells of each row; None is empty.
        head: The titles.
    """
    lines = [[_cell(cell) for cell in row] for row in [head, *(row for row in _shown(rows) if row)]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    if left_out := _left_out(rows):
        text.insert(1 + _MOST_ROWS // 2, left_out)
    return "\n".join(text)


def html_table(rows: Sequence[Sequence[Any]], head: Sequence[str], title: Any = "") -> Html:
    """The same as a card for a notebook."""
    left_out = _left_out(rows)
    shown = [row or [left_out, *[""] * (len(head) - 1)] for row in _shown(rows)]
    return card(title, table(shown, head=head))


def data_frame(rows: Sequence[Any], columns: Sequence[str]) -> pd.DataFrame:
    """A pandas table.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - few programs need it
    except ImportError as error:
        raise missing("a table", "pandas", "notebook") from error
    return pd.DataFrame(rows, columns=list(columns))


def facts_text(title: str, facts: Mapping[str, Any]) -> str:
    """A title, and a line for each fact that is neither None nor empty."""
    lines = [f"  {name}: {value}" for name, value in facts.items() if value not in (None, "")]
    return "\n".join(map(printable_line, [title, *lines]))


def some(numbers: Sequence[int], most: int = 8) -> str:
    """Numbers in a row, of many the first.

    Example:
        >>> some([1, 2, 3], most=2)
        '1, 2 and 1 more'
    """
    more = f" and {len(numbers) - most:,} more" if len(numbers) > most else ""
    return ", ".join(f"{number:,}" for number in numbers[:most]) + more


def _shown(rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Of many rows the first and the last, with an empty one in between."""
    if len(rows) <= _MOST_ROWS:
        return list(rows)
    half = _MOST_ROWS // 2
    return [*rows[:half], (), *rows[-half:]]


def _left_out(rows: Sequence[Sequence[Any]]) -> str:
    count = len(rows) - _MOST_ROWS
    return f"... {count:,} more ..." if count > 0 else ""


def _cell(value: Any) -> str:
    text = printable_line("" if value is None else str(value))
    return text if len(text) <= _WIDEST_CELL else text[: _WIDEST_CELL - 1] + "…"
