"""Requests to OpenAI-shaped hosts: each sent once, and what comes back read or told in our words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.printable import logger_of
from langsmith_finetune.providers.masking import host_words, masked_chain, remember_key
from langsmith_finetune.providers.transport import AnswerRefusedError, BoundedTransport

logger = logger_of(__name__)

_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_NEVER_SENDABLE = frozenset({"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"})

NO_SUCH_PATH = frozenset({404, 405, 501})
"""What a host answers that does not have a part of the API."""


class OpenAIRequests:
    """Sends requests with an SDK's client, and makes a `ProviderError` of whatever goes wrong.

    Args:
        name: The provider's name, for error texts.
        client: The client, for its key and address.
    """

    def __init__(self, name: str, client: openai.OpenAI) -> None:
        self.name = name
        self.client = client
        remember_key(client.api_key)

    def pages(self, ask: Callable[..., Any], most: int, *args: Any, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page; each id once, for hosts that repeat or do not page."""
        seen: dict[str, None] = {}
        for _ in range(most):
            page = self.ask(ask, *args, has_id=False, **query)
            data = page.get("data")
            before = len(seen)
            for item in data if isinstance(data, list) else []:
                if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"] not in seen:
                    seen[item["id"]] = None
                    yield item
            if len(seen) == before or page.get("has_more") is False:
                return
            query["after"] = next(reversed(seen))
        logger.warning("%s: a list has more than %d pages; the rest was not read", self.name, most)

    def ask(
        self, ask: Callable[..., Any], *args: Any, creates: bool = False, has_id: bool = True, **kwargs: Any
    ) -> dict[str, Any]:
        """Send one request once. Its answer is a JSON object with an id, or a ProviderError is raised.

        Args:
            ask: A method of the SDK that returns the response, raw or in its own wrapper.
            *args: Its arguments.
            creates: A repetition would make a second thing, so a lost answer is ambiguous.
            has_id: The answer is a thing of its own, not a list.
            **kwargs: Its keyword arguments.
        """
        response = self._sent(ask, *args, creates=creates, **kwargs)
        try:
            answer = getattr(response, "http_response", response).json()
        except ValueError as error:
            raise self._odd_answer("is not JSON", creates=creates) from error
        if not isinstance(answer, dict):
            raise self._odd_answer("is not a JSON object", creates=creates)
        if has_id and not (isinstance(answer.get("id"), str) and answer["id"]):
            raise self._odd_answer("has no id", creates=creates)
        return answer

    def call(self, method: str, path: str, *, creates: bool = False, **request: Any) -> dict[str, Any]:
        """Send a request for which the SDK has no method, once.

        Args:
            method: `"post"`, `"get"` or `"delete"`.
            path: After the client's address.
            creates: A repetition would make a second thing.
            **request: `body=`, for a POST.
        """
        send = getattr(self.client.with_options(max_retries=0), method)
        return self.ask(send, path, cast_to=httpx2.Response, creates=creates, has_id=False, **request)

    def content(self, ask: Callable[..., Any], *args: Any) -> bytes:
        """The bytes that a request answers."""
        found: bytes = self._sent(ask, *args, creates=False).content
        return found

    def _sent(self, ask: Callable[..., Any], *args: Any, creates: bool, **kwargs: Any) -> Any:
        try:
            return ask(*args, **kwargs)
        except openai.OpenAIError as error:
            raise self._provider_error(error, creates=creates) from error

    def _odd_answer(self, what: str, *, creates: bool) -> ProviderError:
        # The host said yes, in a way: what was to be created may well be there, so it is not sent again.
        return ProviderError(
            self.name,
            f"the answer {what}; is {self.client.base_url} the right base_url?",
            temporary=not creates,
            ambiguous=creates,
        )

    def _provider_error(self, error: openai.OpenAIError, *, creates: bool) -> ProviderError:
        """What the SDK raised, in our words."""
        masked_chain(error)
        if isinstance(error, openai.APIConnectionError):
            return self._connection_error(error, creates=creates)
        if not isinstance(error, openai.APIStatusError):
            return ProviderError(self.name, host_words(str(error)))
        code, retry_after = error.status_code, _retry_after_seconds(error.response.headers)
        temporary = code in {408, 409, 429} or (code >= 500 and code != 501)
        if code == 429 and (
            error.code == "insufficient_quota"
            # "too many active fine-tunes": no waiting for seconds helps.
            or (error.code == "rate_limit_exceeded" and error.type == "invalid_request_error")
        ):
            temporary = False
        return ProviderError(
            self.name,
            f"HTTP {code}: {host_words(_reason(error))}",
            temporary=temporary,
            ambiguous=creates and (code == 408 or code >= 500),
            retry_after_seconds=retry_after,
        )

    def _connection_error(self, error: openai.APIConnectionError, *, creates: bool) -> ProviderError:
        timed_out = isinstance(error, openai.APITimeoutError)
        # By name, because the client may run on httpx2 or on the older httpx.
        causes = {cls.__name__ for cls in type(error.__cause__).__mro__}
        if causes & _NEVER_SENDABLE:
            return ProviderError(
                self.name, f"cannot send to {self.client.base_url}: {host_words(str(error.__cause__))}"
            )
        if isinstance(error.__cause__, AnswerRefusedError):
            what = f"the answer of {self.client.base_url} {host_words(str(error.__cause__))}"
            return ProviderError(self.name, what, ambiguous=creates)
        sent = not causes & _NEVER_SENT
        what = "no answer in time" if timed_out else "the connection failed"
        return ProviderError(
            self.name,
            f"{what} ({type(error.__cause__).__name__}) at {self.client.base_url}",
            # After a time-out the host may still be at work on it: sent again it could be paid for twice.
            temporary=not (timed_out and sent and creates),
            ambiguous=creates and sent,
        )


def status_code(error: ProviderError) -> int | None:
    """The HTTP status behind an error, if there is one."""
    cause = error.__cause__
    return cause.status_code if isinstance(cause, openai.APIStatusError) else None


def _reason(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        # Azure puts no type and param; some hosts answer {"detail": ...} or {"message": ...} alone.
        message = body.get("message") or body.get("detail")
        notes = [f"{name} {body[name]}" for name in ("code", "param") if body.get(name)]
        if message or notes:
            text = str(message or "no message")
            return f"{text} ({', '.join(notes)})" if notes else text
    return "no message"


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`retry-after-ms`, or `retry-after` as seconds or as a date (RFC 9110, 10.2.3)."""
    if (milliseconds := _number_in(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    if (seconds := _number_in(text)) is not None:
        return seconds
    try:
        when = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _number_in(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def bounded(client: openai.OpenAI) -> openai.OpenAI:
    """The same client, with our transport under it; one on another HTTP library stays as it is.

    Args:
        client: The user's. It keeps its own transport, and what it closes is its own.
    """
    inner: object = client._client  # noqa: SLF001 - the SDK has no public name for it
    if not isinstance(inner, httpx2.Client):
        return client
    http_client = httpx2.Client(transport=BoundedTransport(inner), timeout=client.timeout)
    return client.with_options(http_client=http_client)
