"""Reads runs from files: JSON lines and bulk exports, on disk or in object storage."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Generator, Iterable, Iterator, Sized
from contextlib import AbstractContextManager
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, cast
from uuid import UUID

import msgspec

from langsmith_finetune._foundation.arguments import check_many, checked, one_of
from langsmith_finetune._foundation.form_kinds import time_from
from langsmith_finetune._foundation.passes import Passes, Source
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.runs.files.json_array import elements, is_array
from langsmith_finetune.runs.files.none_wanted import MOST_LOOKED_AT, why_none_wanted
from langsmith_finetune.runs.files.roots import RatedRoots, RootFields
from langsmith_finetune.runs.files.run_file import (
    FIELDS,
    JSON_COLUMNS,
    SUFFIXES,
    AnyPath,
    OnSkip,
    Paths,
    RunFile,
    Wanted,
    holds_runs,
    is_os_error,
)
from langsmith_finetune.runs.role_filter import roles_of
from langsmith_finetune.runs.roles import AgentType

if TYPE_CHECKING:
    FileSystem: TypeAlias = Any
    """One of pyarrow's or of fsspec's."""
logger = logger_of(__name__)


RUN_TYPES = ("llm", "chain", "tool", "retriever", "embedding", "prompt", "parser")


@checked(run_type=one_of(*RUN_TYPES), status=one_of("success", "error", "pending"))
def run_files(
    paths: Paths,
    *,
    project_id: str | UUID | None = None,
    run_type: str | None = None,
    status: str | None = None,
    agents: str | Iterable[str] | None = None,
    nodes: str | Iterable[str] | None = None,
    agent_types: AgentType | Iterable[AgentType] | None = None,
    start_time: datetime | date | str | None = None,
    end_time: datetime | date | str | None = None,
    filesystem: FileSystem | None = None,
    decode: bool = True,
    trace_feedback: bool = True,
    on_skip: OnSkip | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the runs that lie in files, one at a time, as dicts of the fields that this library reads.

    Reads JSON lines (`save_runs`, the `langsmith` command line, a dump of the SDK's runs) and a JSON array of runs,
    also as `.gz` and `.zst`; and Parquet as LangSmith's bulk export writes it, in both format versions, where the
    conditions also spare the reading of row groups. Memory does not grow with the files, but for `trace_feedback`.

    Users rate the root of a trace. The files are therefore gone through twice: first for the feedback of roots,
    wherever they stand and whatever the conditions, which each run below them then has as `trace_feedback_stats`.

    Args:
        paths: Files, or folders to search (hidden files and the export's stray `tmp/` folders are left
            out, and `.json` files, which may be anything: give their own paths); on this machine, or URLs such as `s3://bucket/prefix` and `gs://bucket/prefix`. Files are
            read in the order of their names.
        project_id: Only runs of this project.
        run_type: Only runs of this type: `"llm"`, `"chain"`, `"tool"` and so on.
        status: Only runs that ended so: `"success"` or `"error"`.
        agents: Only runs of these agents, as for `select_runs`.
        nodes: Only runs of these nodes of a graph.
        agent_types: Only runs whose calls were for this: `"root"` leaves out all that stands beside the
            application's own conversation.
        start_time: The first start time wanted: a `datetime`, a `date` (its first moment), or ISO text such as
            `"2026-11-01"`; one without a time zone is UTC.
        end_time: The first start time not wanted.
        filesystem: A pyarrow or fsspec file system that holds the paths. Default: found from each path.
        trace_feedback: False reads the files once, and leaves the feedback of roots out. It takes about 200 bytes
            of memory for each root that has some.
        decode: False leaves inputs, outputs, extra, events and feedback_stats as JSON text, as bytes.
        on_skip: Called for each line, cell, row group or file that is broken, and reading goes on with the
            next. Without it, the first one raises.

    Raises:
        ValueError: `agents`, `nodes` or `agent_types` is empty, or there is no such type or status.
        InvalidExampleError: A line, row group or file is broken; says which.
        FileNotFoundError: There is no such file, or no runs in the folder.
        ImportError: Parquet, `.zst` and object storage need pyarrow.

    Example:
        >>> import tempfile
        >>> from langsmith_finetune import run_files
        >>> from langsmith_finetune import save_runs
        >>> runs = [{"id": "d2a3", "run_type": "llm"}, {"id": "e7c1", "run_type": "chain"}]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     count = save_runs(runs, folder + "/runs.jsonl.gz")
        ...     [run["id"] for run in run_files(folder, run_type="llm")]
        ['d2a3']
    """
    wanted = Wanted(
        project_id=str(project_id) if project_id else None,
        run_type=run_type.lower() if run_type else None,
        status=status.lower() if status else None,
        start_time=time_from(start_time),
        end_time=time_from(end_time),
        roles=roles_of(agents, nodes, agent_types),
    )
    given = Source("paths", _several(paths))
    skip = on_skip or _refuse
    return Passes(
        lambda: _read(given, filesystem, wanted, decode=decode, trace_feedback=trace_feedback, on_skip=skip)
    )


def _read(
    paths: Iterable[AnyPath],
    filesystem: Any,
    wanted: Wanted,
    *,
    decode: bool,
    trace_feedback: bool,
    on_skip: OnSkip,
) -> Generator[dict[str, Any], None, None]:
    first, count = list[RunFile](), 0
    broken: list[InvalidExampleError] = []
    found = False

    def skip(error: InvalidExampleError) -> None:
        if not broken:
            broken.append(error)
        on_skip(error)

    files: Iterable[RunFile] = files_of(paths, filesystem)
    roots = RatedRoots()
    if trace_feedback:
        files = list(files)
        roots = RatedRoots(
            row
            for file in files
            for row in runs_of(file, Wanted(rated_roots=True), decode=False, on_skip=_told_later)
        )
    for count, file in enumerate(files, start=1):
        first += [file] if count <= _MOST_FILES else []
        for run in runs_of(file, wanted, decode=decode, on_skip=skip):
            found = True
            yield roots.add_to(run)
    if not found:
        some = (run for file in first for run in runs_of(file, Wanted(), decode=False, on_skip=_told_later))
        why = why_none_wanted(islice(some, MOST_LOOKED_AT), wanted)
        logger.warning(
            "run_files gives nothing of %d files: %s%s",
            count, why, f". The first that cannot be read: {broken[0]}" if broken else "",
        )  # fmt: skip


def _told_later(error: InvalidExampleError) -> None:
    """What is broken is told when the runs are read."""


def runs_of(file: RunFile, wanted: Wanted, *, decode: bool, on_skip: OnSkip) -> Iterator[dict[str, Any]]:
    """The runs of one file."""
    if file.path.endswith(".parquet"):
        from langsmith_finetune.runs.files.parquet import parquet_runs  # noqa: PLC0415 - needs pyarrow

        return parquet_runs(file, wanted, decode=decode, on_skip=on_skip)
    return _json_runs(file, wanted, decode=decode, on_skip=on_skip)


def files_of(paths: Paths, filesystem: Any = None) -> Iterator[RunFile]:
    """The files with runs under these paths, in the order of their names."""
    for each in _several(paths):
        if isinstance(each, RunFile):
            yield each
            continue
        if not isinstance(each, (str, os.PathLike)):
            raise TypeError(f"paths must hold paths, not {type(each).__name__}")
        path = os.fspath(each)
        if filesystem is None and "://" not in path:
            found = [RunFile(name) for name in _local_files(path)]
        else:
            from langsmith_finetune.runs.files.parquet import remote_files  # noqa: PLC0415 - needs pyarrow

            found = remote_files(path, filesystem)
        if not found:
            raise FileNotFoundError(f"{path} holds no files of runs: {', '.join(SUFFIXES)}")
        yield from found


def _several(paths: Paths) -> Iterable[AnyPath]:
    if isinstance(paths, (str, os.PathLike, RunFile)):
        return [paths]
    check_many("paths", paths, "paths")
    if isinstance(paths, Sized) and not paths:
        raise ValueError("paths is empty: there is no file to read runs from")
    return paths


def _local_files(path: str) -> list[str]:
    if not os.path.isdir(path):  # noqa: PTH112 - the path stays as the caller wrote it
        if not os.path.exists(path):  # noqa: PTH110
            raise FileNotFoundError(f"there is no file or folder {path}")
        return [path]
    found = (file.relative_to(path).as_posix() for file in Path(path).rglob("*") if file.is_file())
    return [f"{path.rstrip('/')}/{name}" for name in sorted(found) if holds_runs(name)]


def _refuse(error: InvalidExampleError) -> None:
    raise error


_MOST_FILES = 100
"""Files that are looked at for the reason why nothing was wanted."""


def _pass_over(error: InvalidExampleError) -> None:
    """It was told of already."""


def _json_runs(file: RunFile, wanted: Wanted, *, decode: bool, on_skip: OnSkip) -> Iterator[dict[str, Any]]:
    number, where = 0, f"{file.path}:{{}}".format
    try:
        with _reading(file) as data:
            texts, first = _bounded(data), 1
            if is_array(data):
                texts, first, where = elements(data, LONGEST_LINE), 0, f"{file.path}[{{}}]".format
            for number, text in enumerate(texts, start=first):
                text = text.removeprefix(b"\xef\xbb\xbf") if number == first else text  # noqa: PLW2901
                if not text.strip():
                    continue
                try:
                    row = (
                        _root_row(text)
                        if wanted.rated_roots
                        else _row(where(number), text, wanted, decode=decode)
                    )
                except InvalidExampleError as error:
                    on_skip(error)
                else:
                    if row is not None:
                        yield row
    except (EOFError, OSError, zlib.error) as error:
        if isinstance(error, OSError) and is_os_error(file, error):
            error.add_note(f"while reading {where(number + 1)}")
            raise
        why = f"the file breaks off here or is damaged ({type(error).__name__})"
        on_skip(InvalidExampleError(where(number + 1), "", why, "Write or copy it again"))


LONGEST_LINE = 1 << 28
"""Bytes of a line, ten times what LangSmith takes in one run: a small archive may hold a line of any size."""


def _bounded(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file; of one that is too long, no more than shows that it is."""
    while data := file.readline(LONGEST_LINE + 1):
        yield data
        while len(data) > LONGEST_LINE and not data.endswith(b"\n"):
            data = file.readline(LONGEST_LINE + 1)


def _reading(file: RunFile) -> AbstractContextManager[BinaryIO]:
    if file.filesystem is None and not file.path.endswith(".zst"):
        return cast("BinaryIO", (gzip.open if file.path.endswith(".gz") else open)(file.path, "rb"))
    from langsmith_finetune.runs.files.parquet import byte_stream  # noqa: PLC0415 - needs pyarrow

    return cast("BinaryIO", io.BufferedReader(byte_stream(file), 1 << 20))


def _root_row(data: bytes) -> dict[str, Any] | None:
    """The few fields of a root that has feedback, if the line holds one."""
    if not _HAS_FEEDBACK.search(data):
        return None
    try:
        return msgspec.structs.asdict(_ROOT_FIELDS.decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            row = json.loads(data)  # which takes what Python's own writer wrote
        except (ValueError, RecursionError):
            return None
        return row if isinstance(row, dict) else None


_HAS_FEEDBACK = re.compile(rb'"feedback_stats"\s*:(?!\s*(?:null|\{\s*\}|"(?:null|\{\s*\})?"))')
_ROOT_FIELDS = msgspec.json.Decoder(RootFields)


def _row(where: str, data: bytes, wanted: Wanted, *, decode: bool) -> dict[str, Any] | None:
    """The run that a line holds, or None if it is not wanted."""
    if len(data) > LONGEST_LINE:
        found = f"the line has more than {LONGEST_LINE:,} bytes, which no run of LangSmith's has"
        raise InvalidExampleError(where, "", found, "Write one run per line")
    try:
        row = _fields(data, decode=decode)
    except (ValueError, RecursionError) as error:
        # The decoder's own text may quote the line; its column does not.
        at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        found = (
            "is nested deeper than Python can follow"
            if isinstance(error, RecursionError)
            else f"is not JSON{at}"
        )
        raise InvalidExampleError(where, "", f"the line {found}", "Write one run per line") from None
    if isinstance(row, dict) and "run_id" in row:
        _name_as_langsmith_does(row)
    if not isinstance(row, dict) or not row.keys() >= {"id", "run_type"}:
        raise InvalidExampleError(
            where,
            "",
            "the line is not a run, an object with id and run_type",
            "Write one run per line, as save_runs(runs, path) does",
        )
    try:
        return row if wanted.takes(row) else None
    except KeyError as missing:
        field = str(missing.args[0])
        fix = f"Export {field} too, or do not ask for it"
        raise InvalidExampleError(where, field, "is not there, and is asked for", fix) from None
    except (ValueError, RecursionError):
        raise InvalidExampleError(where, "extra", "is not JSON", "Leave the run out with on_skip=") from None


_LINE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_WANTED = frozenset((*FIELDS, "run_id", "custom_metadata", "token_usage"))


def _fields(data: bytes, *, decode: bool) -> Any:
    """The wanted fields of a line. The rest is passed over, not built."""
    try:
        return {
            name: bytes(raw)
            if name in JSON_COLUMNS and not decode and bytes(raw) != b"null"
            else msgspec.json.decode(raw)
            for name, raw in _LINE.decode(data).items()
            if name in _WANTED
        }
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Python's own reader also takes what its writer wrote: NaN, half a surrogate pair, 1e400.
        row = json.loads(data)
        return {name: row[name] for name in row.keys() & _WANTED} if isinstance(row, dict) else row


def _name_as_langsmith_does(row: dict[str, Any]) -> None:
    """LangSmith's command line renames some fields: `langsmith run export --full`."""
    row["id"] = row.pop("run_id")
    row["metadata"] = row.pop("custom_metadata", None)
    usage = row.pop("token_usage", None)
    if isinstance(usage, dict):
        row.update({name: usage[name] for name in ("prompt_tokens", "completion_tokens") if name in usage})
