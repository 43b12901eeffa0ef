"""The rows of a table of pandas, polars or pyarrow, as dicts. None of them is imported here."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_METHODS = {"pandas": "itertuples", "polars": "iter_rows", "pyarrow": "to_batches"}


def is_frame(given: Any) -> bool:
    """True if this is a table: iterating over one gives its columns."""
    package = type(given).__module__.partition(".")[0]
    return package in _METHODS and hasattr(type(given), _METHODS[package]) and hasattr(given, "columns")


class FrameRows:
    """The rows of a table, as dicts; again with each pass.

    What pandas writes for a value that is not there (NaN, NaT) is None, a whole number among such is one again, and a
    list is a list.

    Args:
        frame: The table.
    """

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._rows():
            yield {str(name): _plain(str(name), value) for name, value in row.items()}

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        package = type(self._frame).__module__.partition(".")[0]
        if package == "polars":
            yield from self._frame.iter_rows(named=True)
        elif package == "pyarrow":
            for batch in self._frame.to_batches():
                yield from batch.to_pylist()
        else:
            names = list(self._frame.columns)
            for values in self._frame.itertuples(index=False, name=None):
                yield dict(zip(names, values, strict=True))


def _plain(name: str, value: Any) -> Any:
    kind = type(value).__name__
    if value is None or kind in ("NAType", "NaTType"):
        return None
    if kind == "Timestamp" and isinstance(value, datetime):
        return value.to_pydatetime(warn=False)  # type: ignore[attr-defined]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy's
        value = value.tolist()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return int(value) if name.endswith("_tokens") and value.is_integer() else value
    if isinstance(value, list):
        return [_plain("", each) for each in value]
    return value
