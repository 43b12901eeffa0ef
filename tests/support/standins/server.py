"""A small HTTP server whose answers a test decides: the base of every stand-in."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # without the query
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: Any = None  # bytes as they are, a tuple of bytes one after the other, anything else as JSON
    headers: dict[str, str] = field(default_factory=dict)
    pause_seconds: float = 0.0  # before each piece of a tuple


class Drop(Exception):  # noqa: N818 - an instruction, not an error
    """Raised by a handler: close the connection without an answer."""


class Cut(Drop):
    """Close the connection while the request is still being sent."""


class StandIn:
    """Start with `with`; `url` is its address; `requests` is what came in.

    A subclass answers in `handle`. A test plants faults: `server.fault("POST", "/v1/files", Response(500))`
    answers that once in place of the real handling; `after=True` handles the request first, so that the
    server has done the work and only its answer is lost. A fault's answer may be `Drop()`.
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Request] = []
        self._faults: deque[tuple[str, str, Response | Drop, bool]] = deque()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler_class())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault(
        self, method: str, path: str, answer: Response | Drop, *, after: bool = False, times: int = 1
    ) -> None:
        self._faults.extend([(method, path, answer, after)] * times)

    def count(self, method: str, path: str) -> int:
        return sum(r.method == method and r.path == path for r in self.requests)

    def handle(self, request: Request) -> Response:
        raise NotImplementedError

    def _cut(self, method: str, path: str) -> bool:
        with self._lock:
            fault = next((f for f in self._faults if f[:2] == (method, path)), None)
            if fault is None or not isinstance(fault[2], Cut):
                return False
            self._faults.remove(fault)
            self.requests.append(Request(method, path, {}, {}, b""))
            return True

    def _answer(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(request)
            fault = next((f for f in self._faults if f[0] == request.method and f[1] == request.path), None)
            if fault is None:
                return self.handle(request)
            self._faults.remove(fault)
            _, _, answer, after = fault
            if after:
                self.handle(request)
            if isinstance(answer, Drop):
                raise answer
            return answer

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # headers and body in one packet: in two, each answer takes 40 ms

            def _serve(self) -> None:
                url = urlsplit(self.path)
                if stand_in._cut(self.command, url.path):
                    self.close_connection = True
                    return
                request = Request(
                    method=self.command,
                    path=url.path,
                    query=parse_qs(url.query),
                    headers={k.lower(): v for k, v in self.headers.items()},
                    body=self._body(),
                )
                if len(request.body) < int(request.headers.get("content-length") or 0):
                    self.close_connection = True  # whoever sent it is gone
                    return
                try:
                    response = stand_in._answer(request)
                except Drop:
                    self.close_connection = True
                    return
                body = response.body
                pieces = body if isinstance(body, tuple) else ()
                if body is None or pieces:
                    body = b"".join(pieces)
                elif not isinstance(body, bytes):
                    body = json.dumps(body).encode()
                self.send_response(response.status)
                headers = {"content-type": "application/json", "content-length": str(len(body))}
                for name, value in (headers | response.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                for piece in pieces or (body,):
                    if pieces:
                        self.wfile.flush()
                        time.sleep(response.pause_seconds)
                    self.wfile.write(piece)

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("transfer-encoding", ""):
                    return self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler
