"""What a failed request means, whichever library sent it."""

import httpx2
import pytest

from langsmith_finetune.providers.http.failures import connection_error, odd_answer, passes, refusal
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.http.transport import AnswerRefusedError

HOST = "https://host.example"


class ConnectError(Exception):
    """As the older httpx names it, which has classes of its own."""


class TimeoutException(Exception):  # noqa: N818 - httpx's name
    """As the older httpx names it."""


class ReadTimeout(TimeoutException):
    """As the older httpx names it."""


class ProxyRefusedError(ConnectError):
    """A library's own kind of an error that httpx has."""


@pytest.mark.parametrize(
    ("error", "temporary", "ambiguous", "text"),
    [
        (httpx2.ConnectError("no"), True, False, "the connection failed (ConnectError) at"),
        (httpx2.ConnectTimeout("no"), True, False, "no answer in time (ConnectTimeout) at"),
        (httpx2.PoolTimeout("no"), True, False, "no answer in time (PoolTimeout) at"),
        (httpx2.ReadTimeout("no"), False, True, "no answer in time (ReadTimeout) at"),
        (httpx2.WriteTimeout("no"), False, True, "no answer in time (WriteTimeout) at"),
        (httpx2.ReadError("no"), True, True, "the connection failed (ReadError) at"),
        (httpx2.RemoteProtocolError("no"), True, True, "the connection failed (RemoteProtocolError) at"),
        (httpx2.UnsupportedProtocol("ftp"), False, False, "cannot send to"),
        (httpx2.InvalidURL("odd"), False, False, "cannot send to"),
        (AnswerRefusedError("is too long"), False, True, f"the answer of {HOST} is too long"),
        (ConnectError("no"), True, False, "the connection failed (ConnectError) at"),
        (ProxyRefusedError("no"), True, False, "the connection failed (ProxyRefusedError) at"),
        (ReadTimeout("no"), False, True, "no answer in time (ReadTimeout) at"),
    ],
)
def test_a_lost_creation_is_sent_again_only_where_nothing_can_have_been_made(
    error, temporary, ambiguous, text
):
    found = connection_error("host", error, HOST, creates=True)
    assert (found.temporary, found.ambiguous) == (temporary, ambiguous)
    assert str(found).startswith(f"host: {text}")
    assert HOST in str(found)
    look = connection_error("host", error, HOST, creates=False)
    assert not look.ambiguous
    assert look.temporary == (text.startswith(("the connection failed", "no answer in time")))


@pytest.mark.parametrize(
    ("code", "temporary", "ambiguous"),
    [
        (400, False, False),
        (401, False, False),
        (404, False, False),
        (408, True, True),
        (409, False, False),
        (425, True, False),
        (429, True, False),
        (500, True, True),
        (501, False, True),
        (503, True, True),
    ],
)
def test_a_refused_creation_says_by_its_status_whether_something_may_be_there(code, temporary, ambiguous):
    found = refusal("host", code, "no", {"retry-after-ms": "1500", "retry-after": "9"}, creates=True)
    assert (found.temporary, found.ambiguous, found.retry_after_seconds) == (temporary, ambiguous, 1.5)
    assert (str(found).partition(";")[0], status_of(found)) == (f"host: HTTP {code}: no", code)
    assert passes(code) is temporary
    assert not refusal("host", code, "no", {}, creates=False).ambiguous


def test_an_odd_answer_to_a_creation_is_never_sent_again():
    made, look = (odd_answer("host", "has no id", creates=creates) for creates in (True, False))
    assert (made.temporary, made.ambiguous) == (False, True)
    assert (look.temporary, look.ambiguous) == (True, False)
    assert str(look) == "host: the answer has no id"
