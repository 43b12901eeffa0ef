"""Sends one request to LangSmith: to one host alone, with a limit on the size of the answer."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

# Its names are resolved on first use, so this import is cheap.
import langsmith

from langsmith_finetune._printable import printable_address
from langsmith_finetune.runs.langsmith.origins import origin_text, same_origin

LARGEST_ANSWER = 64_000_000
"""Bytes of an answer that are read. A page of runs that is larger is asked for in parts."""

NOT_THE_API = (
    "LANGSMITH_ENDPOINT must be the address of the API (https://api.smith.langchain.com), not of the website"
)

LONGEST_ANSWER_SECONDS = 300.0
"""For how long an answer may drip in."""

_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_STREAMED = {"X-Stainless-Raw-Response": "stream"}  # as the SDK's with_streaming_response says it


class RedirectedError(langsmith.LangsmithError):
    """LangSmith's address points to another host, which is not asked."""


class UnreadableAnswerError(langsmith.LangsmithError):
    """What came is no JSON, or only the beginning of it."""


class AnswerTooLargeError(langsmith.LangsmithError):
    """The answer is larger than any that is read."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request.

    Args:
        path: What is asked.
        params: What stands after the question mark.
        body: What is posted, as JSON; None is a GET.
        counted: It is a run query, of which a key may make only so many.
        divisible: It can ask for less: where it takes the server too long, asking again is no use.
        text: The answer is text, not JSON.
    """

    path: str
    params: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    counted: bool = False
    divisible: bool = False
    text: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """An answer.

    Args:
        data: What it says. In place of a row that cannot be read stands a `Lost`.
        size: In bytes.
        stray_bytes: Some bytes were not UTF-8; half surrogates from U+DC80 on stand for them.
    """

    data: Any
    size: int
    stray_bytes: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """A row of an answer that cannot be read, and why."""

    id: str
    why: str


def fetch(client: Any, call: ApiCall) -> Received:
    """Make a request on a `langsmith.Langsmith`."""
    url = call.path
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            response = _sent(client, call, url)
        except langsmith.APIStatusError as error:
            url = _redirected(error, client)
            continue
        except langsmith.LangsmithError as error:
            raise _masked(error, client)  # noqa: B904 - it is the same
        body = _Body(response, call)
        try:
            for piece in response.iter_bytes():
                body.add(piece)
        except Exception as error:  # the SDK turns into its own only what precedes the body
            raise _lost_connection(error, response) from error
        finally:
            response.close()
        return body.received()
    raise RedirectedError(f"LangSmith at {address_of(client)} redirects without an end")


async def afetch(client: Any, call: ApiCall) -> Received:
    """Make a request on a `langsmith.AsyncLangsmith`."""
    url = call.path
    for _ in range(_MOST_REDIRECTS + 1):
        try:
            response = await _sent(client, call, url)
        except langsmith.APIStatusError as error:
            url = _redirected(error, client)
            continue
        except langsmith.LangsmithError as error:
            raise _masked(error, client)  # noqa: B904 - it is the same
        body = _Body(response, call)
        try:
            async for piece in response.iter_bytes():
                body.add(piece)
        except Exception as error:
            raise _lost_connection(error, response) from error
        finally:
            await response.close()
        return body.received()
    raise RedirectedError(f"LangSmith at {address_of(client)} redirects without an end")


def address_of(client: Any) -> str:
    """Which server a client asks."""
    return printable_address(str(client.base_url)).rstrip("/")


def _sent(client: Any, call: ApiCall, url: str) -> Any:
    # Left to itself, the client follows a redirect to any host and takes the API key along.
    options = {"headers": _STREAMED, "follow_redirects": False, "params": call.params}
    if call.body is None:
        return client.get(url, cast_to=object, options=options)
    return client.post(url, cast_to=object, body=call.body, options=options)


def _lost_connection(error: Exception, response: Any) -> Exception:
    if isinstance(error, langsmith.LangsmithError):
        return error
    timed_out = any(kind.__name__ == "TimeoutException" for kind in type(error).__mro__)
    request = response.http_request
    return langsmith.APITimeoutError(request) if timed_out else langsmith.APIConnectionError(request=request)


def _masked(error: langsmith.LangsmithError, client: Any) -> langsmith.LangsmithError:
    """The SDK's error without what must not be shown: LangSmith may quote the key, and runs."""
    from langsmith_finetune._foundation.masking import host_words, remember_key, remember_keys_in  # noqa: PLC0415

    remember_key(client.api_key)
    remember_keys_in(str(client.base_url))
    link: BaseException | None = error
    while link is not None:
        link.args = tuple(host_words(arg) if isinstance(arg, str) else arg for arg in link.args)
        link = link.__cause__
    error.__context__ = None  # the HTTP library's, with the request and its headers
    if isinstance(error, langsmith.APIStatusError):
        body = error.body if isinstance(error.body, dict) else {}
        said = next(
            (body[name] for name in ("detail", "message", "error") if isinstance(body.get(name), str)),
            "no message",
        )
        error.args = (f"Error code: {error.status_code} - {host_words(said)}",)
        old = error.response
        kept = {name: old.headers[name] for name in ("retry-after",) if name in old.headers}
        error.request = type(old.request)(old.request.method, old.request.url)
        error.response = type(old)(old.status_code, headers=kept, request=error.request)
    if isinstance(error, langsmith.APIError):
        error.message, error.body = str(error), None
    return error


# --- redirects -------------------------------------------------------------------------------------------


def _redirected(error: langsmith.APIStatusError, client: Any) -> str:
    """Where to ask instead, if that is at the same host."""
    there: str = error.response.headers.get("location") or ""
    if error.status_code not in _REDIRECTS or not there:
        raise _masked(error, client)
    here = str(error.request.url)
    there = urljoin(here, there)
    if not same_origin(here, there):
        raise RedirectedError(
            f"LangSmith at {address_of(client)} redirects to {origin_text(there)}, which is another address: the "
            "API key is not sent there. If your LangSmith is there, make it LANGSMITH_ENDPOINT, or the "
            "client's base_url"
        ) from None
    # The parameters of the request are added to it again.
    return there.partition("#")[0].partition("?")[0]


# --- bodies ----------------------------------------------------------------------------------------------


class _Body:
    """The bytes of an answer as they come."""

    def __init__(self, response: Any, call: ApiCall) -> None:
        self._text = call.text  # a whole dataset; it may be of any size
        self._bytes = bytearray()
        self._until = time.monotonic() + LONGEST_ANSWER_SECONDS
        self._response = response

    def add(self, piece: bytes) -> None:
        self._bytes += piece
        if self._text:
            return
        if len(self._bytes) > LARGEST_ANSWER:
            raise AnswerTooLargeError(
                f"LangSmith's answer to {_path(self._response)} is larger than {LARGEST_ANSWER // 1_000_000} MB"
            )
        if time.monotonic() > self._until:
            raise langsmith.APITimeoutError(self._response.http_request)

    def received(self) -> Received:
        try:
            text, stray = self._bytes.decode(), False
        except UnicodeDecodeError:
            text, stray = self._bytes.decode(errors="surrogateescape"), True
        if self._text:
            return Received(text, len(self._bytes), stray)
        try:
            return Received(json.loads(text), len(self._bytes), stray)
        except (ValueError, RecursionError) as error:
            if (data := _row_by_row(text)) is not None:
                return Received(data, len(self._bytes), stray)
            what = f"LangSmith's answer to {_path(self._response)}"
            if isinstance(error, RecursionError):
                raise langsmith.LangsmithError(f"{what} is nested too deeply to be read") from None
            if "html" in self._response.headers.get("content-type", ""):
                raise langsmith.LangsmithError(f"{what} is a web page: {NOT_THE_API}") from None
            raise UnreadableAnswerError(f"{what} is not JSON, or not all of it") from None


def _path(response: Any) -> str:
    return urlsplit(str(response.http_request.url)).path


# A string, or a bracket.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]', re.DOTALL)
_ID = re.compile(r'"id"\s*:\s*"([0-9a-fA-F-]{36})"')


def _row_by_row(text: str) -> Any:
    """An object whose lists hold rows of which some cannot be read; None if it is no such object."""
    outside: list[str] = []
    rows: list[Any] = []
    end = 0
    for since, until in _rows_in(text):
        outside.append(f'{text[end:since]}"\\u0000{len(rows)}"')
        rows.append(_row(text[since:until]))
        end = until
    try:
        data = json.loads("".join(outside) + text[end:])
    except (ValueError, RecursionError):
        return None
    if not rows or not isinstance(data, dict):
        return None
    for name, values in data.items():
        if isinstance(values, list):
            data[name] = [
                rows[int(value[1:])] if isinstance(value, str) and value.startswith("\0") else value
                for value in values
            ]
    return data


def _rows_in(text: str) -> Iterator[tuple[int, int]]:
    """Where the objects and lists stand that are in a list of the outermost object."""
    open_: list[str] = []
    begun = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "{[":
            begun = token.start() if open_ == ["{", "["] else begun
            open_.append(token[0])
        elif token[0] in "}]" and open_:
            open_.pop()
            if open_ == ["{", "["]:
                yield begun, token.end()


def _row(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        why = "it is nested too deeply to be read"
    except ValueError:
        why = "it is not JSON"
    found = _ID.search(text)
    return Lost(found[1] if found else "", why)
