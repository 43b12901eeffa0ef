"""The HTTP transport under every hosted provider: limited in bytes and time, without redirects to other hosts.

A host may send an answer without end, a few bytes at a time, or compressed a thousand times; or it may redirect a
request that carries a key or a training file. None of this reaches the client above.
"""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, cast

import httpx2

from langsmith_finetune._foundation.deadline import deadline

LONGEST_ANSWER_BYTES = 64 << 20
LONGEST_ANSWER_SECONDS = 300.0
_LONGEST_READ_SECONDS = 86_400.0
_BLOCK = 1 << 20

DOWNLOAD = "langsmith_finetune.download"
"""A request's extension: its answer is a file, which may be of any size and take any time."""


class AnswerRefusedError(httpx2.RemoteProtocolError):
    """An answer that no host should send. Its text completes "the host's answer ..."."""


class BoundedTransport(httpx2.BaseTransport):
    """A transport that refuses answers which are too long, too slow, or lead to another host.

    Args:
        inner: Sends the requests: a client of the user's, with its proxies and certificates. By default one of its
            own, which knows the environment's proxies.
        returns_redirects: The client above reads redirects itself, and follows none with a key.
    """

    def __init__(self, inner: httpx2.Client | None = None, *, returns_redirects: bool = False) -> None:
        self._inner = inner or httpx2.Client()
        self._owns_inner = inner is None
        self._returns_redirects = returns_redirects

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and check how its answer begins.

        Raises:
            AnswerRefusedError: It is a redirect to another host, or compressed in a way that was not asked for.
            httpx2.HTTPError: The request failed.
        """
        request.headers["accept-encoding"] = "identity"
        ends_at = deadline()
        timeout = dict(request.extensions.get("timeout") or {})
        if isinstance(timeout.get("read"), _Reading):  # after a redirect, which inherits it
            timeout["read"] = timeout["read"].pause
        if ends_at is not None:
            left = ends_at - time.monotonic()
            for step in ("connect", "read", "write", "pool"):
                timeout[step] = min(timeout.get(step) or left, left)
        reading = _Reading(timeout.get("read"), ends_at)
        request.extensions = {**request.extensions, "timeout": timeout | {"read": reading}}
        answer = self._inner.send(request, stream=True, follow_redirects=False)
        try:
            if DOWNLOAD in request.extensions and ends_at is None:
                reading.ends_at = math.inf
            if not self._returns_redirects:
                _refuse_redirect(request, answer)
            return _bounded(request, answer, ends_at)
        except BaseException:
            answer.close()
            raise

    def close(self) -> None:
        """Close the transport; a client of the user's stays open."""
        if self._owns_inner:
            self._inner.close()

    def __del__(self) -> None:
        with suppress(Exception):  # at the end of the program, half of it is gone
            self.close()


class _Reading:
    """The seconds that the next read may take, as a number that gets less.

    A client takes its time-out for each read anew: bytes of a header, of the size of a chunk or of interim answers, one by
    one, would never end. The socket asks for the number at each read.

    Args:
        pause: The most seconds for one read; None where there is no limit.
        ends_at: When all reads must have ended; None for `LONGEST_ANSWER_SECONDS`, or `pause` if that is more, from the
            first one on.
    """

    def __init__(self, pause: float | None, ends_at: float | None) -> None:
        self.pause, self.ends_at = pause, ends_at

    def __index__(self) -> int:
        now = time.monotonic()
        if self.ends_at is None:
            self.ends_at = now + max(LONGEST_ANSWER_SECONDS, self.pause or 0.0)
        left = self.ends_at - now
        if left <= 0:
            raise TimeoutError("the answer did not end in time")
        return math.ceil(min(left, left if self.pause is None else self.pause, _LONGEST_READ_SECONDS))


def _refuse_redirect(request: httpx2.Request, answer: httpx2.Response) -> None:
    if not answer.has_redirect_location:
        return
    try:
        to = request.url.join(answer.headers["location"])
    except httpx2.InvalidURL:
        raise AnswerRefusedError("redirects to an address that cannot be read") from None
    here = request.url
    if (to.scheme, to.host, to.port) != (here.scheme, here.host, here.port):
        raise AnswerRefusedError(f"redirects from {here.host} to {to.host}, which is not followed")


def _bounded(request: httpx2.Request, answer: httpx2.Response, ends_at: float | None) -> httpx2.Response:
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    inflater: Any = None
    if encoding in ("gzip", "x-gzip", "deflate"):
        inflater = zlib.decompressobj(32 + zlib.MAX_WBITS)
    elif encoding not in ("", "identity"):
        raise AnswerRefusedError(f"is compressed as {encoding!r}, which was not asked for")
    headers = [
        (name, value)
        for name, value in answer.headers.multi_items()
        if inflater is None or name.lower() not in ("content-encoding", "content-length")
    ]
    if DOWNLOAD in request.extensions:
        stream = _BoundedStream(answer, inflater, None, ends_at)
    else:
        slowest = time.monotonic() + LONGEST_ANSWER_SECONDS
        stream = _BoundedStream(
            answer,
            inflater,
            LONGEST_ANSWER_BYTES,
            slowest if ends_at is None else min(ends_at, slowest),
        )
    return httpx2.Response(
        answer.status_code, headers=headers, stream=stream, extensions=answer.extensions, request=request
    )


class _BoundedStream(httpx2.SyncByteStream):
    """The bytes of an answer, uncompressed, up to a size and a moment."""

    def __init__(
        self, answer: httpx2.Response, inflater: Any, most: int | None, ends_at: float | None
    ) -> None:
        self._answer, self._inflater, self._most, self._ends_at = answer, inflater, most, ends_at

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for block in cast("Iterable[bytes]", self._answer.stream):
            for piece in self._inflated(block):
                size += len(piece)
                if self._most is not None and size > self._most:
                    raise AnswerRefusedError(f"has more than {self._most >> 20} MiB")
                yield piece
            if self._ends_at is not None and time.monotonic() > self._ends_at:
                raise httpx2.ReadTimeout("the answer did not end in time")

    def _inflated(self, block: bytes) -> Iterator[bytes]:
        if self._inflater is None:
            yield block
            return
        try:
            while block:
                yield self._inflater.decompress(block, _BLOCK)
                block = self._inflater.unconsumed_tail
        except zlib.error:
            raise AnswerRefusedError("is not compressed as it says") from None

    def close(self) -> None:
        """Close the answer behind it."""
        self._answer.close()
