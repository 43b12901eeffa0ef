"""Keeps tokens on disk, in the Arrow format that `datasets` reads without taking them into memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune.providers.local.run_folder import private_open

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset

_ROWS = 256
"""Rows that are written at once."""


class TokenFile:
    """Rows of tokens on their way to disk.

    Args:
        writer: Writes Arrow's stream format.
        schema: The columns.
    """

    def __init__(self, writer: Any, schema: pa.Schema) -> None:
        self._writer, self._schema = writer, schema
        self._rows: list[Mapping[str, Any]] = []
        self.count = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Write a row: lists of tokens by the names of the columns."""
        self._rows.append(row)
        self.count += 1
        if len(self._rows) == _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        import pyarrow as pa

        if self._rows:
            columns = [
                pa.array([row[field.name] for row in self._rows], type=field.type) for field in self._schema
            ]
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
            self._rows.clear()


@contextmanager
def token_file(path: Path, *, tokens: tuple[str, ...], flags: tuple[str, ...] = ()) -> Iterator[TokenFile]:
    """Make a file of tokens, which its owner alone can read.

    Args:
        path: The file.
        tokens: The names of columns that hold a list of tokens in each row.
        flags: The names of columns that hold true or false.
    """
    import pyarrow as pa

    columns = [(name, pa.list_(pa.int32())) for name in tokens]
    schema = pa.schema([*columns, *((name, pa.bool_()) for name in flags), ("length", pa.int32())])
    with private_open(path, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        rows = TokenFile(writer, schema)
        yield rows
        rows.flush()


def tokens_of(path: Path) -> Dataset:
    """The rows of a file of tokens, read from disk as they are asked for."""
    from datasets import Dataset

    return Dataset.from_file(str(path))
