"""What can go wrong with one request, for the tests of every provider.

`server.fault("POST", path, fault.answer, after=fault.after)` plants one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.support.standins.server import Cut, Drop, Response

TRUNCATED = Response(200, b'{"id": "ftjob-', {"content-length": "500", "connection": "close"})
"""The connection ends in the middle of the answer."""
STALLED = Response(200, b'{"id": "ftjob-', {"content-length": "500"})
"""The answer begins and never ends: a read time-out."""
DEEP = Response(200, b'{"id":' * 200_000 + b"1" + b"}" * 200_000)
ODD_TYPES = Response(
    200,
    b'{"id": ["x"], "object": 7, "data": {"a": 1}, "status": [], "bytes": "many", "filename": {}, "created_at": -1e400, '
    b'"metadata": "x", "fine_tuned_model": 3, "error": [NaN], "has_more": "yes"}',
)
NOT_JSON = Response(200, b"<html>Sign in to this network</html>", {"content-type": "text/html"})


@dataclass(frozen=True)
class Fault:
    answer: Response | Drop
    after: bool = False  # the server has done the work, and only its answer is lost


def _refusal(status: int, **headers: str) -> Response:
    error = {"message": "Not now.", "type": "server_error", "param": None, "code": None}
    return Response(
        status, {"error": error}, {name.replace("_", "-"): value for name, value in headers.items()}
    )


_TOMORROW = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)

FAULTS: dict[str, Fault] = {
    "cut while it is sent": Fault(Cut()),
    "dropped before it is done": Fault(Drop()),
    "dropped after it is done": Fault(Drop(), after=True),
    "truncated before": Fault(TRUNCATED),
    "truncated after": Fault(TRUNCATED, after=True),
    "not JSON, not done": Fault(NOT_JSON),
    "not JSON, done": Fault(NOT_JSON, after=True),
    "a list": Fault(Response(200, [1])),
    "null": Fault(Response(200, b"null")),
    "nothing": Fault(Response(200, b"")),
    "an object without an id": Fault(Response(200, {"object": "fine_tuning.job"}), after=True),
    "no text at all": Fault(Response(200, b"\xff\xfe\xfa"), after=True),
    "nested without end, not done": Fault(DEEP),
    "nested without end, done": Fault(DEEP, after=True),
    "odd types, not done": Fault(ODD_TYPES),
    "odd types, done": Fault(ODD_TYPES, after=True),
    "429": Fault(_refusal(429)),
    "429 with retry-after": Fault(_refusal(429, retry_after="7")),
    "429 with an absurd retry-after": Fault(_refusal(429, retry_after="999999999999")),
    "429 with a negative retry-after": Fault(_refusal(429, retry_after="-5")),
    "429 with a word for retry-after": Fault(_refusal(429, retry_after="soon")),
    "429 until tomorrow": Fault(_refusal(429, retry_after=_TOMORROW)),
    "500": Fault(_refusal(500)),
    "500 though it is done": Fault(_refusal(500), after=True),
    "501": Fault(_refusal(501)),
    "502 in HTML": Fault(Response(502, b"<html>Bad gateway</html>", {"content-type": "text/html"})),
    "503": Fault(_refusal(503, retry_after="1")),
    "504 though it is done": Fault(_refusal(504), after=True),
    "408": Fault(_refusal(408)),
    "409": Fault(_refusal(409)),
}
"""Each befalls one request; then the server is well again. None takes real time."""

SLOW_FAULTS: dict[str, Fault] = {
    "stalled, not done": Fault(STALLED),
    "stalled, done": Fault(STALLED, after=True),
}
"""Those that last until the client's own time-out."""


def slow(response: Response, *, pieces: int = 5, pause_seconds: float = 0.05) -> Response:
    """The same answer, trickling."""
    import json

    body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
    step = max(1, len(body) // pieces)
    parts = tuple(body[start : start + step] for start in range(0, len(body), step))
    return Response(response.status, parts, response.headers, pause_seconds)
