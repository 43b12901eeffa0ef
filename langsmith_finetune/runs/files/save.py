"""Saves runs as JSON lines."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from langsmith_finetune._foundation.arguments import checked, many
from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.json_text import short_text
from langsmith_finetune._foundation.passes import Source
from langsmith_finetune._foundation.watched import watched
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.runs.fields import getter, is_id
from langsmith_finetune.runs.files.run_file import FIELDS, JSON_COLUMNS, decoded
from langsmith_finetune.runs.unparsed import opened

logger = logger_of(__name__)


@checked()
def save_runs(runs: Iterable[Any], path: str | os.PathLike[str]) -> int:
    """Save runs as JSON lines, for `run_files` to read: what this library reads of them, and no more.

    The file appears under its name only when it is whole, and is readable by its owner alone.

    Args:
        runs: Runs (langsmith's `Run` of the v1 or the v2 API, or dicts of either), such as those of
            `select_runs`.
        path: Where to write; `.gz` and `.zst` compress. An existing file is replaced.

    Returns:
        How many runs were saved.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidExampleError: A run has no id, or holds something that JSON has no form for.
        TypeError: It is an id.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     count = save_runs([{"id": "d2a3", "run_type": "llm", "total_cost": 0.1}], folder + "/runs.jsonl")
        ...     print(Path(folder, "runs.jsonl").read_text(), end="")
        {"id":"d2a3","run_type":"llm","status":null,"start_time":null}
    """
    runs = many("runs", runs, "runs")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to write {path.name} into")
    count = 0
    with atomic_write(path) as file, _compressing(file, path.suffix) as out:
        for given in watched(f"runs saved in {path.name}", runs, goes_through=True):
            run = opened(given) if type(given) is bytes else given
            _see_that_it_is_one(run, count)
            try:
                line = _line(run)
            except Exception as error:  # noqa: BLE001 - objects that are no JSON can raise anything
                raise InvalidExampleError(
                    _name(run, count),
                    "",
                    f"is not JSON ({type(error).__name__})",
                    "Use text, numbers, lists and dicts only",
                ) from None
            out.write(line)
            count += 1
    if not count:
        source = Source("runs", runs)
        why = "nothing came of the steps before" if source.explains_itself else source.emptiness
        logger.warning("save_runs wrote 0 runs into %s: %s", path.name, why)
    return count


def _see_that_it_is_one(run: Any, index: int) -> None:
    if is_id(run):
        raise TypeError(
            "save_runs takes runs, not ids: runs_of_traces(ids) gives the llm runs that have these ids, or are below "
            "runs that have them"
        )
    run_id = None
    with suppress(Exception):
        run_id = getter(run)("id")
    if run_id is None:
        raise InvalidExampleError(
            f"run {index}", "id", f"is not there: a {type(run).__name__} is no run", "Give runs"
        )


def _name(run: Any, index: int) -> str:
    """What an error calls a run: its id, or else its place."""
    run_id = None
    with suppress(Exception):
        run_id = short_text(getter(run)("id"))
    return f"run {run_id or index}"


def _compressing(file: BinaryIO, suffix: str) -> AbstractContextManager[Any]:
    if suffix == ".gz":
        return gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0)  # the same runs, the same bytes
    if suffix == ".zst":
        from langsmith_finetune.runs.files.parquet import zstd_stream  # noqa: PLC0415 - needs pyarrow

        return zstd_stream(file)  # type: ignore[no-any-return]
    return nullcontext(file)


def _line(run: Any) -> bytes:
    get = getter(run)
    row = {name: get(name) for name in FIELDS}
    for name in JSON_COLUMNS:
        if isinstance(row[name], bytes):  # of run_files(..., decode=False)
            row[name] = decoded(row[name])
    extra = row["extra"]
    if isinstance(extra, Mapping) and extra.get("metadata") == row["metadata"]:
        del row["metadata"]  # v1 runs tell it twice
    if row["attachments"]:
        row["attachments"] = dict.fromkeys(row["attachments"])  # the addresses expire, the names stay
    # Null says that there is none; what can be asked for is always there.
    kept = {k: v for k, v in row.items() if v is not None or k in ("status", "start_time", "run_type")}
    try:
        return json.dumps(kept, ensure_ascii=False, separators=(",", ":"), default=_plain).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair: only an escape can say it
        return json.dumps(kept, separators=(",", ":"), default=_plain).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "model_dump"):
        return value.model_dump()
    raise TypeError(type(value).__name__)
