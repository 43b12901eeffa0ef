"""Sends a file and hashes it on the way, so that what arrives is what was checked.

Whatever sends a file reads it here: in one request, in parts, in parts that go on with an earlier process's, or to a
signed address. Bytes that are not those of `PreparedFile.content_sha256` never arrive whole: the last block is held
back until all hashes agree.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO, Self

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.values import PreparedFile

_BLOCK = 1 << 20


class FileChangedError(ProviderError):
    """A file is not the one that was hashed.

    Args:
        provider: Where it was sent.
        name: The file's name.
    """

    def __init__(self, provider: str, name: str) -> None:
        super().__init__(
            provider,
            f"{name} changed while it was uploaded, so no job was created. Write it again and call create again",
        )
        self.file_name = name

    def again(self) -> FileChangedError:
        """The same error, to be raised from another one that came of it."""
        return FileChangedError(self.provider, self.file_name)


class Sending:
    """One file on its way. A context, which holds the file open.

    Args:
        provider: The provider's name.
        file: The file.
        on_progress: Called with the bytes sent so far, and with all of them.
    """

    def __init__(self, provider: str, file: PreparedFile, on_progress: Callable[[int, int], None]) -> None:
        self.provider, self.file, self.on_progress = provider, file, on_progress
        self.size = file.size_bytes
        self._digests: dict[int, _Digests] = {0: _Digests()}
        self._open: BinaryIO | None = None

    def __enter__(self) -> Self:
        self._open = self.file.content.open("rb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._open is not None:
            self._open.close()

    def stretch(self, start: int = 0, size: int | None = None) -> Stretch:
        """The bytes from a place on, as a file of their own.

        Args:
            start: Where they begin: at the first byte, or where an earlier stretch ended.
            size: How many; by default all that follow.
        """
        if self._open is None:
            raise ValueError("a file is sent within its context")
        size = self.size - start if size is None else min(size, self.size - start)
        return Stretch(self, self._open, start, size, self._digests[start])

    def read_over(self, start: int, size: int) -> str:
        """Hash bytes that are at the host already, and return the SHA-256 of them alone."""
        stretch = self.stretch(start, size)
        while stretch.read(_BLOCK):
            pass
        return stretch.sha256

    @property
    def md5(self) -> str:
        """The MD5 of the whole file, once it is read."""
        return self._digests[self.size].md5.hexdigest()

    def reached(self, place: int, digests: _Digests) -> None:
        """Keep what is hashed up to a place, and see at the end that it is the file.

        Raises:
            FileChangedError: It is another.
        """
        self._digests[place] = digests
        if place == self.size and digests.sha256.hexdigest() != self.file.content_sha256:
            raise FileChangedError(self.provider, self.file.path.name)


class _Digests:
    """What is hashed of a file, from its first byte on."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self.md5 = hashlib.md5(usedforsecurity=False)

    def copy(self) -> _Digests:
        other = _Digests()
        other.sha256, other.md5 = self.sha256.copy(), self.md5.copy()
        return other

    def update(self, block: bytes) -> None:
        self.sha256.update(block)
        self.md5.update(block)


class Stretch(io.RawIOBase):
    """A stretch of a file as a file of its own; it may be read again from its beginning.

    Args:
        sending: The file that it is of.
        file: The same, open.
        start: Its first byte.
        size: How many bytes it has.
        before: What is hashed before it.
    """

    def __init__(self, sending: Sending, file: BinaryIO, start: int, size: int, before: _Digests) -> None:
        self._sending, self._file, self._start, self.size, self._before = sending, file, start, size, before
        self._at = 0
        self._rewind()

    def _rewind(self) -> None:
        self._all, self._own, self._hashed = self._before.copy(), hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        """Of what was read of it."""
        return self._own.hexdigest()

    def readable(self) -> bool:
        """It is read."""
        return True

    def seekable(self) -> bool:
        """An HTTP client goes back to its beginning."""
        return True

    def tell(self) -> int:
        """Where it is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Read on elsewhere."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read on, hash, and tell.

        Raises:
            FileChangedError: These are the last bytes of the file, and it is not the one that was hashed.
        """
        wanted = min(len(buffer), max(0, self.size - self._at))
        if not wanted:
            return 0
        self._file.seek(self._start + self._at)
        block = self._file.read(wanted)
        if len(block) < wanted:
            raise FileChangedError(self._sending.provider, self._sending.file.path.name)
        if self._at == 0:
            self._rewind()
        if self._at == self._hashed:
            self._hashed += len(block)
            self._all.update(block)
            self._own.update(block)
            if self._hashed == self.size:
                self._sending.reached(self._start + self.size, self._all)
        buffer[: len(block)] = block
        self._at += len(block)
        self._sending.on_progress(self._start + self._at, self._sending.size)
        return len(block)
