"""Writes files that appear under their name complete or not at all: one alone, or two together.

A file is written beside its place, as `.<name>.<8 letters>.unfinished`, and renamed when it is whole. Its writer
holds a lock on it, so that the next writer in the folder tells what a killed process left behind from what
another process is writing, and removes the former.

Two files take two renames, and a process can be killed in between. Before the first rename a mark,
`.<name>.replacing`, lists both; whoever opens the files next finishes what the mark says (`finish_pair`). So a
pair is the old one, the new one, or marked as unfinished.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from langsmith_finetune._foundation.locks import hold, take_if_left_behind
from langsmith_finetune.errors import InvalidExampleError

_UNFINISHED = re.compile(r"\.[^/\\]+\.[a-z0-9_]{8}\.unfinished")
_MARK = ".replacing"


@dataclass(slots=True)
class _Part:
    """New content beside its place. It is removed at the end unless a mark has promised its rename."""

    file: BinaryIO
    path: Path
    is_promised: bool = False


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Write a file that replaces an older one only once it is whole. Only its owner may read it.

    Args:
        path: Where to write, in a folder that exists. The file that a link names is written, not the link.
    """
    path = path.resolve()
    _remove_left_behind(path.parent)
    with _part_of(path) as part:
        yield part.file
        _settle(part.file)
        os.replace(part.path, path)  # noqa: PTH105 - on the handle's own path


@contextmanager
def atomic_pair(
    first: Path, second: Path, *, keep_second: Callable[[], bool] = lambda: True
) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Write two files that replace older ones together, once both are whole.

    Args:
        first: Where the first goes, in a folder that exists.
        second: Where the second goes, in the same folder.
        keep_second: Asked at the end. If it returns False, there is no second file, nor an older one.
    """
    places = [first.resolve(), second.resolve()]
    for folder in {place.parent for place in places}:
        _remove_left_behind(folder)
    with ExitStack() as stack:
        parts = [stack.enter_context(_part_of(place)) for place in places]
        yield parts[0].file, parts[1].file
        for part in parts:
            _settle(part.file)
        moves: list[list[str | None]] = [
            [first.name, parts[0].path.name],
            [second.name, parts[1].path.name if keep_second() else None],
        ]
        with _new_mark(first) as mark:
            for part in parts:
                part.is_promised = True  # an interruption from here on leaves both to `finish_pair`
            mark.write(json.dumps(moves).encode() + b"\n")
            _settle(mark)
            _sync(first.parent)
            _finish(first, moves)
        parts[1].is_promised = moves[1][1] is not None


def finish_pair(first: Path) -> None:
    """Finish a replacement of `first` and its companion whose process was killed, if there is one.

    Raises:
        InvalidExampleError: The mark is not ours, or this process may not write in the folder.
    """
    try:
        with _mark_of(first).open("rb") as mark:
            hold(mark)  # waits for the process that renames them, if it lives
            if os.fstat(mark.fileno()).st_nlink == 0:
                return
            data = mark.read()
            if data.endswith(b"\n"):
                _finish(first, _moves_of(data, first))
            else:
                _mark_of(first).unlink(missing_ok=True)  # nothing was renamed yet
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "its mark is damaged"
        raise InvalidExampleError(
            first.name,
            "",
            f"was being replaced when the process ended, and the rest cannot be done now ({reason})",
            f"Try again as a user who may write in its folder, or remove {_mark_of(first).name} and write both "
            "files again",
        ) from error


def finish_pairs(folder: Path) -> None:
    """Finish every such replacement in a folder and the folders below it."""
    for mark in folder.rglob(f".*{_MARK}"):
        finish_pair(_first_of(mark))


def _mark_of(first: Path) -> Path:
    return first.with_name(f".{first.name}{_MARK}")


def _first_of(mark: Path) -> Path:
    return mark.with_name(mark.name.removeprefix(".").removesuffix(_MARK))


@contextmanager
def _new_mark(first: Path) -> Iterator[BinaryIO]:
    """The mark, which this process alone has made and holds. Without its last line feed it promises nothing."""
    while True:
        finish_pair(first)
        try:
            handle = os.open(_mark_of(first), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "wb") as mark:
            hold(mark)
            if os.fstat(handle).st_nlink:
                yield mark
                return


def _moves_of(data: bytes, first: Path) -> list[list[str | None]]:
    """The renames that a mark promises: each a name beside it, and the name of its new content or None."""
    moves: list[list[str | None]] = json.loads(data)
    try:
        (name, _), *_ = moves
        is_ours = name == first.name and all(
            Path(str(name)).name == name and (part is None or _UNFINISHED.fullmatch(part))
            for name, part in moves
        )
    except (TypeError, ValueError):
        is_ours = False
    if not is_ours:
        raise ValueError("not a mark of ours")
    return moves


def _finish(first: Path, moves: list[list[str | None]]) -> None:
    folders = {first.parent}
    for name, part in moves:
        place = first.with_name(str(name)).resolve()
        folders.add(place.parent)
        if part is None:
            place.unlink(missing_ok=True)
        else:
            with suppress(FileNotFoundError):  # renamed before
                os.replace(place.with_name(part), place)  # noqa: PTH105
    for folder in folders:
        _sync(folder)
    _mark_of(first).unlink(missing_ok=True)


@contextmanager
def _part_of(path: Path) -> Iterator[_Part]:
    """A new file beside a path, locked for as long as it is written."""
    while True:
        # mkstemp makes the file readable and writable for its owner alone.
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".unfinished", dir=path.parent)
        file = os.fdopen(handle, "wb")
        hold(file)
        if os.fstat(handle).st_nlink:
            break
        file.close()  # another process took it for a leftover before it was locked
    part = _Part(file, Path(name))
    try:
        with file:
            yield part
    finally:
        if not part.is_promised:
            part.path.unlink(missing_ok=True)


def _settle(file: BinaryIO) -> None:
    """Bring a file to the disk before it gets its name."""
    file.flush()
    os.fsync(file.fileno())
    if sys.platform == "win32":
        file.close()  # an open file cannot be renamed there


def _sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_left_behind(folder: Path) -> None:
    """Remove unfinished files that no process holds, once no pair waits for them."""
    # Whoever cannot read the folder, or finish a pair of another file's, leaves it to somebody who can.
    with suppress(OSError, InvalidExampleError):
        names = [name for name in os.listdir(folder) if name.startswith(".")]  # noqa: PTH208 - much faster
        for name in names:
            if name.endswith(_MARK):
                finish_pair(_first_of(folder / name))
        for name in filter(_UNFINISHED.fullmatch, names):
            with suppress(OSError), (folder / name).open("rb") as file:
                if take_if_left_behind(file):
                    (folder / name).unlink()
