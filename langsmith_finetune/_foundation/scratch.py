"""Temporary folders. If a process is killed, the next one removes what it left.

Each is its owner's alone and locked by the process that made it. Whoever makes the next one beside it tells by the
lock what nobody holds any more, and removes that.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from langsmith_finetune._foundation.locks import hold, take_if_left_behind

PLACE = "langsmith-finetune-scratch"
"""The folder in the system's temporary folder, followed by the user's number, that holds them where no other does."""


@contextmanager
def scratch_folder(kind: str, parent: Path | None = None) -> Iterator[Path]:
    """A new folder for as long as the context lasts. It may be renamed meanwhile; then it stays.

    Args:
        kind: What it is for: its name begins so, and what killed processes left under such names is removed first.
        parent: Where to make it; by default in the system's temporary folder, in a folder of the user's own.
    """
    parent = _own_place() if parent is None else parent
    _remove_left_behind(parent, kind)
    folder, lock = _new(parent, kind)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def kept_scratch_folder(kind: str) -> Path:
    """Such a folder for as long as this process lives; another one removes it."""
    parent = _own_place()
    _remove_left_behind(parent, kind)
    folder, _ = _new(parent, kind)  # the lock ends with the process
    return folder


def _own_place() -> Path:
    """A folder of the user's own in the system's temporary folder, where anybody may make one of any name."""
    if sys.platform == "win32":
        return Path(tempfile.gettempdir())
    place = Path(tempfile.gettempdir(), f"{PLACE}-{os.getuid()}")
    with suppress(FileExistsError):
        place.mkdir(mode=0o700)
    found = place.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
        if stat.S_IMODE(found.st_mode) != 0o700:
            place.chmod(0o700)
        return place
    return Path(tempfile.mkdtemp(prefix=f"{PLACE}-"))  # somebody else took the name


def _new(parent: Path, kind: str) -> tuple[Path, int | None]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=kind, dir=parent))  # for its owner alone
        if sys.platform == "win32":
            return folder, None
        with suppress(FileNotFoundError):  # another process took it for a leftover before it was locked
            lock = os.open(folder, os.O_RDONLY)
            hold(lock)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _remove_left_behind(parent: Path, kind: str) -> None:
    if sys.platform == "win32":
        return  # without a lock, nobody knows whether it is still used
    for folder in parent.glob(f"{kind}*"):
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if take_if_left_behind(lock):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
