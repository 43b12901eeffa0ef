"""Reads the Parquet of LangSmith's bulk export, and object storage. All that needs pyarrow is here.

Columns and layout: https://docs.langchain.com/langsmith/data-export
"""

from __future__ import annotations

import functools
import operator
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from langsmith_finetune._foundation.extras import missing
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.runs.files.roots import RootFields
from langsmith_finetune.runs.files.run_file import (
    FIELDS,
    JSON_COLUMNS,
    OnSkip,
    RunFile,
    Wanted,
    decoded,
    holds_runs,
    is_os_error,
)

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.fs as pafs
    import pyarrow.parquet as pq
except ImportError as error:
    raise missing("reading Parquet, .zst or object storage", "pyarrow", "bulk") from error

_NEEDED = {"id", "run_type", "inputs", "outputs"}
_TEXTS = ("tags", "parent_run_ids", "trace_feedback_stats", "corrections")  # JSON text too, but short
_OF_ROOTS = frozenset(RootFields.__struct_fields__)
_PROJECT = pa.field("session_id", pa.string())
_FOLDERS = ds.HivePartitioning(pa.schema([_PROJECT]))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HERE = pafs.LocalFileSystem()
_BATCH_BYTES = 2 << 20
_BUFFER_BYTES = 1 << 20  # a column; larger ones mean fewer requests and more memory


def remote_files(path: str, filesystem: Any) -> list[RunFile]:
    """The files with runs under a path of another file system than this machine's."""
    if filesystem is None:
        filesystem, path = _opened(path)
    elif not isinstance(filesystem, pafs.FileSystem):
        filesystem = pafs.PyFileSystem(pafs.FSSpecHandler(filesystem))
    path = path.rstrip("/")
    if filesystem.get_file_info(path).type == pafs.FileType.File:
        return [RunFile(path, filesystem)]
    found = filesystem.get_file_info(pafs.FileSelector(path, recursive=True, allow_not_found=True))
    names = sorted(info.path for info in found if info.type == pafs.FileType.File)
    return [RunFile(name, filesystem) for name in names if holds_runs(name[len(path) + 1 :])]


def _opened(url: str) -> tuple[Any, str]:
    try:
        return pafs.FileSystem.from_uri(url)  # type: ignore[no-any-return]
    except pa.ArrowInvalid:
        import fsspec  # noqa: PLC0415 - for the stores that pyarrow does not know

        found, path = fsspec.core.url_to_fs(url)
        return pafs.PyFileSystem(pafs.FSSpecHandler(found)), path


def upload(files: list[Path], url: str) -> Path:
    """Copy files of this machine under a URL, in this order; each appears whole. Tells where they are."""
    filesystem, path = _opened(url)
    for file in files:
        pafs.copy_files(str(file), f"{path.rstrip('/')}/{file.name}", _HERE, filesystem)
    return Path(path)


def byte_stream(file: RunFile) -> Any:
    """The bytes of a file, decompressed as its name says."""
    filesystem = file.filesystem or _HERE
    compression = {"gz": "gzip", "zst": "zstd"}.get(file.path.rpartition(".")[2])
    return filesystem.open_input_stream(file.path, compression=compression)


def zstd_stream(file: BinaryIO) -> Any:
    """A stream that compresses what is written to it into a file."""
    # It closes what it writes to; the caller still has to see the file safely on the disk.
    return pa.CompressedOutputStream(os.fdopen(os.dup(file.fileno()), "wb"), "zstd")


def parquet_runs(file: RunFile, wanted: Wanted, *, decode: bool, on_skip: OnSkip) -> Iterator[dict[str, Any]]:
    """The wanted runs of one Parquet file.

    A row group may be of any size: its columns are read through small buffers, and rows come in batches of a
    few megabytes. Only needed columns are read, and only row groups whose statistics allow a wanted run.
    """
    where = file.path
    try:
        piece = ds.ParquetFileFormat().make_fragment(
            file.path, file.filesystem or _HERE, partition_expression=_FOLDERS.parse(file.path)
        )
        schema = piece.physical_schema
        columns = _columns(where, schema, wanted)
        condition, likely = _condition(schema, wanted), _likely(schema, wanted)
        if "session_id" not in schema.names:
            schema = schema.append(_PROJECT)
        parts = piece.split_by_row_group(condition, schema)
        reader = pq.ParquetFile(
            file.path,
            filesystem=file.filesystem,
            metadata=piece.metadata,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
        )
    except InvalidExampleError as error:
        on_skip(error)
        return
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        _skip_if_broken(file, where, error, on_skip)
        return
    folders = ds.get_partition_keys(_FOLDERS.parse(file.path))
    with reader:
        for group in (group for part in parts for group in part.row_groups):
            where = f"{file.path}, row group {group.id}"
            rows = max(1, _BATCH_BYTES * group.num_rows // max(1, group.total_byte_size))
            try:
                for batch in reader.iter_batches(min(rows, 4096), [group.id], columns):
                    if likely is not None:
                        batch = batch.filter(likely)  # noqa: PLW2901
                    for row in _rows(where, batch, condition, folders, decode=decode, on_skip=on_skip):
                        if _takes_role(where, row, wanted, on_skip):
                            yield row
            except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
                _skip_if_broken(file, where, error, on_skip)


def _skip_if_broken(file: RunFile, where: str, error: Exception, on_skip: OnSkip) -> None:
    if isinstance(error, OSError) and is_os_error(file, error):
        error.add_note(f"while reading {where}")
        raise error
    why = f"is damaged, or not Parquet ({type(error).__name__})"
    on_skip(InvalidExampleError(where, "", why, "Export or copy it again, or leave the file out"))


def _columns(where: str, schema: Any, wanted: Wanted) -> list[str]:
    """The columns to read, once it is seen that they are what they must be."""
    asked = {name for name in ("run_type", "status") if getattr(wanted, name)}
    asked |= {"start_time"} if wanted.start_time or wanted.end_time else set()
    asked |= {"extra"} if wanted.roles and "metadata" not in schema.names else set()
    needed = {"id", "feedback_stats"} if wanted.rated_roots else _NEEDED
    missing = sorted((needed | asked) - set(schema.names))
    if wanted.project_id and "session_id" not in schema.names and "/session_id=" not in where:
        missing.append("session_id")
    if missing:
        fix = "Export them too (export_fields), or do not ask for them"
        raise InvalidExampleError(where, "", f"lacks the columns {', '.join(missing)}", fix)
    columns = [name for name in FIELDS if name in schema.names]
    if wanted.rated_roots:
        columns = [name for name in columns if name in _OF_ROOTS]
    for name in columns:
        if schema.names.count(name) > 1:
            raise InvalidExampleError(where, name, "is the name of several columns", "Keep one of them")
        kind = schema.field(name).type
        if not _fits(name, kind):
            # A nested type would spell out names from the payload.
            found = kind if kind.num_fields == 0 else f"{str(kind).partition('<')[0]}<...>"
            fix = "Export it as LangSmith's bulk export does"
            raise InvalidExampleError(where, name, f"is a column of type {found}", fix)
    return columns


def _fits(name: str, kind: Any) -> bool:
    is_ = pa.types
    if is_.is_null(kind):
        return name not in ("id", "run_type")
    if is_.is_dictionary(kind):
        kind = kind.value_type
    if name in ("start_time", "end_time"):
        return bool(is_.is_timestamp(kind))
    if name in ("prompt_tokens", "completion_tokens"):
        return bool(is_.is_integer(kind) or is_.is_floating(kind) or is_.is_decimal(kind))
    if is_.is_string(kind) or is_.is_large_string(kind) or is_.is_string_view(kind):
        return True
    return name in (*JSON_COLUMNS, *_TEXTS, "metadata") and bool(
        is_.is_binary(kind) or is_.is_large_binary(kind) or is_.is_struct(kind) or is_.is_list(kind)
    )


def _condition(schema: Any, wanted: Wanted) -> Any:
    """The wish as an expression over the file's own columns; None asks for nothing."""
    asked = [ds.field("feedback_stats").is_valid()] if wanted.rated_roots else []
    for column, value in (
        ("session_id", wanted.project_id),
        ("run_type", wanted.run_type),
        ("status", wanted.status),
    ):
        # Beside a folder named session_id=... there may be no such column: the folder's name decides.
        if value is not None:
            asked.append(ds.field(column) == value)
    if (wanted.start_time or wanted.end_time) and pa.types.is_null(schema.field("start_time").type):
        return ds.field("start_time").is_valid()  # which none is
    if wanted.start_time is not None:
        asked.append(ds.field("start_time") >= _scalar(wanted.start_time, schema))
    if wanted.end_time is not None:
        asked.append(ds.field("start_time") < _scalar(wanted.end_time, schema))
    if not asked:
        return None
    condition = asked[0]
    for further in asked[1:]:
        condition &= further
    return condition


def _likely(schema: Any, wanted: Wanted) -> Any:
    """What holds of every run of the wanted agents and nodes, and is seen without reading JSON."""
    if wanted.roles is None or "metadata" in schema.names or not _is_text(schema.field("extra").type):
        return None
    conditions = []
    for names in (wanted.roles.agents, wanted.roles.nodes):
        # Any writer of JSON has only one way to say such a name.
        if names and all(_PLAIN_NAME.fullmatch(name) for name in names):
            quoted = "|".join(re.escape(name) for name in names)
            conditions.append(pc.match_substring_regex(ds.field("extra"), f'"(?:{quoted})"'))
    return functools.reduce(operator.and_, conditions) if conditions else None


_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.: -]+")


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _takes_role(where: str, row: dict[str, Any], wanted: Wanted, on_skip: OnSkip) -> bool:
    try:
        return wanted.takes_role(row)
    except (ValueError, RecursionError):
        fix = "Leave the run out with on_skip="
        on_skip(InvalidExampleError(f"{where}, run {row['id']}", "extra", "is not JSON", fix))
        return False


def _scalar(moment: datetime, schema: Any) -> Any:
    """A moment in the column's own type: format v1 writes UTC without saying so."""
    kind = schema.field("start_time").type
    moment = moment.astimezone(UTC)
    if kind.tz is None:
        moment = moment.replace(tzinfo=None)
    return pa.scalar(moment, pa.timestamp("us", kind.tz)).cast(kind, safe=False)


def _rows(
    where: str, batch: Any, condition: Any, folders: dict[str, Any], *, decode: bool, on_skip: OnSkip
) -> Iterator[dict[str, Any]]:
    for name, value in folders.items():
        if name not in batch.schema.names:
            batch = batch.append_column(name, pa.repeat(pa.scalar(value, pa.string()), batch.num_rows))
    if condition is not None:
        batch = batch.filter(condition)
    names = batch.schema.names
    columns = [_values(column, name) for name, column in zip(names, batch.columns, strict=True)]
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        try:
            for name in (*_TEXTS, *JSON_COLUMNS) if decode else _TEXTS:
                if name in row:
                    row[name] = decoded(row[name])
        except (ValueError, RecursionError):
            fix = "Leave the run out with on_skip="
            on_skip(InvalidExampleError(f"{where}, run {row['id']}", name, "is not JSON", fix))
        else:
            yield row


def _values(column: Any, name: str) -> list[Any]:
    kind = column.type
    if pa.types.is_timestamp(kind):
        # Whole microseconds, as Python has them, and always in UTC. By hand, as to_pylist() is five times slower.
        counts = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_pylist()
        return [None if count is None else _EPOCH + timedelta(microseconds=count) for count in counts]
    if name in JSON_COLUMNS and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        column = column.cast(pa.large_binary() if pa.types.is_large_string(kind) else pa.binary())
    return column.to_pylist()  # type: ignore[no-any-return]
