"""Locks between processes. The lock of a process that dies is free at once."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from langsmith_finetune._printable import logger_of

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

logger = logger_of(__name__)

_held: set[io.FileIO] = set()

_REMIND_SECONDS = 30.0
_LOOK_SECONDS = 0.05


@contextmanager
def process_lock(path: Path) -> Iterator[None]:
    """Let one process at a time go on. While another holds the lock, say who, at once and every 30 seconds.

    Args:
        path: The lock's file, made if it is not there. It stays.

    Raises:
        PermissionError: The file belongs to another user.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError as error:
        why = f"{path.name} belongs to another user, as after sudo: chown it back"
        raise PermissionError(error.errno, why) from error
    with os.fdopen(handle, "r+b", buffering=0) as file:
        _wait_for(file, path)
        _held.add(file)
        try:
            _sign(file)
            yield
        finally:
            _held.discard(file)
            if not file.closed:  # as it is in a process that was forked meanwhile
                _unlock(file)


def _wait_for(file: io.FileIO, path: Path) -> None:
    """Take a lock; say who holds it while it is another process's."""
    remind_at = time.monotonic()
    while not _try_lock(file):
        if time.monotonic() >= remind_at:
            logger.warning("%s; waiting for it", _holder(file, path))
            remind_at += _REMIND_SECONDS
        time.sleep(_LOOK_SECONDS)


def _sign(file: io.FileIO) -> None:
    """Write down who holds a lock, for those who wait."""
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    file.seek(0)
    file.truncate()
    file.write(json.dumps(holder).encode())


def _holder(file: io.FileIO, path: Path) -> str:
    """A few words about who holds a lock."""
    try:
        file.seek(0)
        holder = json.loads(file.read())
        pid, host, since = int(holder["pid"]), str(holder["host"]), str(holder["since"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"another process is at work on the same ({path.name})"
    who = f"process {pid} of {host}, since {since}, is at work on the same ({path.name})"
    if host != socket.gethostname():
        return who
    state = _state_of(pid)
    if state == "T":
        return f"{who}. It is stopped: `kill -CONT {pid}` lets it go on, and `kill {pid}` ends it"
    if state is None:
        return f"{who}. It has ended, but a process that it started still holds the lock"
    return who


def _state_of(pid: int) -> str | None:
    """A process's state as Linux shows it, `?` where nobody says, None where there is no such process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return "?"
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(") ")[2][:1]
    except OSError:
        return "?"


def hold(file: int | IO[bytes]) -> None:
    """Lock a file or folder of our own, so that no other process takes it for a leftover.

    Does nothing on a system or a file system without such locks.
    """
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)


def take_if_left_behind(file: int | IO[bytes]) -> bool:
    """Lock a file or folder if no process holds it. False if one does, or if nobody can tell."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


if sys.platform == "win32":
    _LOCKED_BYTE = 1 << 30  # what is locked there cannot be read: not a byte of the text

    def _try_lock(file: io.FileIO) -> bool:
        file.seek(_LOCKED_BYTE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: io.FileIO) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(file: io.FileIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: io.FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    def _close_inherited() -> None:
        """In a forked process: do not hold the parent's locks."""
        for file in _held:
            file.close()
        _held.clear()

    os.register_at_fork(after_in_child=_close_inherited)
