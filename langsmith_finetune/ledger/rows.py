"""The rows of a ledger: made, written and read."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

import msgspec

from langsmith_finetune._foundation.files import atomic_write, finish_pair, finish_pairs
from langsmith_finetune.errors import InvalidExampleError

if TYPE_CHECKING:
    from langsmith_finetune.examples.source import RunSource

BOM = b"\xef\xbb\xbf"
_LEDGER = ".ledger.jsonl"
_AGAIN = "Write file and ledger together, with write_jsonl(examples, path)"


class SourceRow(TypedDict, total=False):
    """A run behind a line; `run` is always there, the others where they are known."""

    run: str
    role: str
    """`merged` for a further run whose calls are in the line, `rejected` for that of the worse answer."""
    trace: str
    thread_sha256: str
    user_sha256: str
    project: str
    start_time: str
    model: str
    example: str
    """The dataset example that the run was made for."""
    agent: str
    node: str
    agent_type: str
    scores: dict[str, float]
    trace_scores: dict[str, float]
    """Of the feedback on the root of the run's trace."""
    notes: list[str]


def ledger_path(path: Path) -> Path:
    """Where the ledger of a training file lies."""
    return path.with_name(path.stem + _LEDGER)


def ledger_row(data: bytes, example: Any) -> tuple[bytes, bool]:
    """The row that tells of a line, and whether it knows a run.

    Args:
        data: The line's bytes.
        example: What it was made from: a training example, a preference, or a bare line.
    """
    sources: list[SourceRow] = []
    if source := getattr(example, "source", None):
        sources.append(_source_row(source))
    if rejected := getattr(example, "rejected_source", None):
        sources.append({**_source_row(rejected), "role": "rejected"})
    sources += [{**_source_row(merged), "role": "merged"} for merged in getattr(example, "merged", ())]
    changes = getattr(example, "changes", ())
    if not sources and not changes:  # a bare line; quicker said than encoded
        return b'{"line_sha256":"%s","sources":[]}\n' % _line_sha256(data).encode(), False
    row: dict[str, Any] = {"line_sha256": _line_sha256(data), "sources": sources}
    if changes:
        row["changes"] = list(changes)
    return encoded(row), bool(sources)


def closing_row(name: str, count: int, sha256: str) -> bytes:
    """The last row of a ledger."""
    return encoded({"file": name, "lines": count, "sha256": sha256})


_ENCODER = msgspec.json.Encoder()


def encoded(row: Mapping[str, Any]) -> bytes:
    """A row as it is written."""
    try:
        return _ENCODER.encode(row) + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair in some id, which only an escape can say
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _source_row(source: RunSource) -> SourceRow:
    row = {
        "run": source.run_id,
        "trace": source.trace_id,
        "thread_sha256": hashed(source.thread_id),
        "user_sha256": hashed(source.user_id),
        "project": source.project_id,
        "start_time": source.start_time,
        "model": source.model,
        "example": source.example_id,
        "agent": source.agent,
        "node": source.node,
        "agent_type": source.agent_type,
        "scores": _finite(source.scores) or None,
        "trace_scores": _finite(source.trace_scores) or None,
        "notes": [note.kind for note in source.notes] or None,
    }
    return cast("SourceRow", {key: value for key, value in row.items() if value is not None})


def _finite(scores: Mapping[str, float]) -> dict[str, float]:
    return {key: score for key, score in scores.items() if math.isfinite(score)}


def hashed(value: object) -> str | None:
    """What stands in a ledger in place of a user's or a thread's id."""
    return None if value is None else hashlib.sha256(str(value).encode(errors="surrogatepass")).hexdigest()


def ledgers_of(path: Path) -> list[Path]:
    """The ledgers in a folder, or that of a file and those kept for its jobs.

    Raises:
        FileNotFoundError: There is none beside the file.
    """
    if path.is_dir():
        finish_pairs(path)
        return sorted(path.rglob(f"*{_LEDGER}"))
    ledger = _ledger_of(path)
    stem = ledger.name.removesuffix(_LEDGER)
    return [ledger, *sorted(found for found in ledger.parent.iterdir() if _KEPT.sub("", found.name) == stem)]


def _ledger_of(path: Path) -> Path:
    if path.name.endswith(_LEDGER):
        ledger = path
        finish_pairs(path.parent)  # it may tell of a file of any ending
    else:
        ledger = ledger_path(path)
        finish_pair(path)
    if not ledger.exists():
        raise FileNotFoundError(
            f"there is no ledger {ledger.name} beside {path.name}: write_jsonl(examples, path) writes it, for "
            "examples that know their runs"
        )
    return ledger


def lines_of(path: Path) -> Iterator[tuple[int, bytes, Any]]:
    """Each line of a file as its bytes, with its number and its row; raises where the two disagree."""
    ledger = _ledger_of(path)
    rows = rows_of(ledger)
    digest, number = hashlib.sha256(), 0
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            if data == BOM:  # all that is left of a file whose every line was erased
                digest.update(data)
                number = 0  # noqa: PLW2901
                break
            row = next(rows)
            if row.get("line_sha256") != _line_sha256(data):
                what = (
                    "has no row" if "line_sha256" not in row else "is not the line that the ledger tells of"
                )
                raise InvalidExampleError(f"{path.name}:{number}", "", f"{what} in {ledger.name}", _AGAIN)
            digest.update(data)
            yield number, data, row
    closing = next(rows)
    if "line_sha256" in closing:
        reason = f"has more rows than {path.name} has ({number})"
        raise InvalidExampleError(ledger.name, "", reason, _AGAIN)
    if closing["sha256"] != digest.hexdigest():
        raise InvalidExampleError(ledger.name, "sha256", f"is not that of {path.name}", _AGAIN)
    next(rows, None)  # raises where something follows


def rows_of(ledger: Path) -> Iterator[Any]:
    """The rows of a ledger, the closing row last."""
    closing = None
    for number, row in enumerate(_read(ledger), start=1):
        if closing is not None:
            raise InvalidExampleError(f"{ledger.name}:{number}", "", "comes after the closing row", _AGAIN)
        if _closes(row):
            closing = row
        elif not isinstance(row.get("line_sha256"), str) or not _are_sources(row.get("sources")):
            raise InvalidExampleError(f"{ledger.name}:{number}", "", "is not a ledger's row", _AGAIN)
        yield row
    if closing is None:
        raise InvalidExampleError(ledger.name, "", _NOT_WHOLE, _AGAIN)


_NOT_WHOLE = "has no closing row, so it is not whole"


def closing_of(ledger: Path) -> Any:
    """The last row of a ledger, without reading the others."""
    with ledger.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    try:
        row = json.loads(last)
    except ValueError:
        row = None
    if isinstance(row, dict) and _closes(row):
        return row
    raise InvalidExampleError(ledger.name, "", _NOT_WHOLE, _AGAIN)


def _closes(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("sha256"), str) and isinstance(row.get("file"), str)


def _are_sources(sources: Any) -> bool:
    return isinstance(sources, list) and all(
        isinstance(source, dict) and isinstance(source.get("run"), str) for source in sources
    )


def _read(path: Path) -> Iterator[Any]:
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            row = json_object(data)
            if row is None:
                raise InvalidExampleError(f"{path.name}:{number}", "", "is not a JSON object", _AGAIN)
            yield row


def json_object(data: bytes) -> dict[str, Any] | None:
    """A row as it is written; None where it is no JSON object."""
    try:
        row = json.loads(data)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _line_sha256(data: bytes) -> str:
    """Of the text of a line: without line ends and byte order mark, which tools add and drop."""
    return hashlib.sha256(data.removeprefix(BOM).rstrip(b"\r\n")).hexdigest()


_KEPT = re.compile(r"\.([0-9a-f]{12})\.ledger\.jsonl$")


def is_kept(ledger: Path, closing: Mapping[str, Any]) -> bool:
    """True if this is a ledger kept for a job, and not that of a file as it is now."""
    found = _KEPT.search(ledger.name)
    return found is not None and closing["sha256"].startswith(found[1])


def stem_of(ledger: Path, closing: Mapping[str, Any]) -> str:
    """The name, without ending, of the file that a ledger tells of."""
    return _KEPT.sub("", ledger.name) if is_kept(ledger, closing) else ledger.name.removesuffix(_LEDGER)


def keep_ledger(ledger: Path, sha256: str) -> None:
    """Keep the ledger as it is, for a job that takes the file of this SHA-256.

    Raises:
        InvalidExampleError: It tells of other bytes.
    """
    kept = ledger.with_name(f"{ledger.name.removesuffix(_LEDGER)}.{sha256[:12]}{_LEDGER}")
    if kept.exists():
        return
    if closing_of(ledger)["sha256"] != sha256:
        raise InvalidExampleError(ledger.name, "sha256", "is not that of the file that the job took", _AGAIN)
    try:
        kept.hardlink_to(ledger)  # the ledger is only ever replaced, never written into
    except OSError:  # a file system without links
        with ledger.open("rb") as rows, atomic_write(kept) as copy:
            shutil.copyfileobj(rows, copy)
