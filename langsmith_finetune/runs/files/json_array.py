"""Reads the elements of a JSON array one at a time, as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},"]', re.DOTALL)
"""A text, a bracket or a comma; or a quote whose text goes on in what is not read yet."""

_PIECE = 1 << 20


def is_array(file: BinaryIO) -> bool:
    """True if a file that is at its beginning holds a JSON array. It stays at its beginning."""
    head: bytes = file.peek(4096)  # type: ignore[attr-defined]
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"["


def elements(file: BinaryIO, longest: int) -> Iterator[bytes]:
    """The elements of the array in a file, in memory bounded by the longest.

    Args:
        file: The file, at its beginning.
        longest: Bytes that an element may have. One with more comes as more bytes than that, and is the last.

    Raises:
        EOFError: The array has no end.
    """
    buffer, begun, at, depth = b"", 0, 0, 0
    piece = _PIECE
    while data := file.read(piece):
        buffer, at, begun = buffer[begun:] + data, at - begun, 0
        for token in _TOKEN.finditer(buffer, at):
            found, at = token[0], token.end()
            if found == b'"':
                at = token.start()
                break
            if found in b"[{":
                depth += 1
                if depth == 1:
                    begun = at
            elif found in b"]}":
                depth -= 1
                if depth == 0:
                    yield buffer[begun : token.start()]
                    return
            elif found == b"," and depth == 1:
                yield buffer[begun : token.start()]
                begun = at
        else:
            at = len(buffer)
        if len(buffer) - begun > longest:
            yield buffer[begun:]
            return
        piece = max(_PIECE, len(buffer) - begun)  # a long text is looked through again each time
    raise EOFError
