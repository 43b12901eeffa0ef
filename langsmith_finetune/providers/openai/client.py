"""Sends requests to OpenAI-shaped hosts, each once, and turns failures into `ProviderError`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import openai

from langsmith_finetune._foundation.json_values import (
    id_from,
    json_object,
    object_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune._foundation.masking import fault_of, host_words, remember_key, remember_keys_in
from langsmith_finetune._printable import printable_address
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.failures import connection_error, odd_answer, passes, refusal
from langsmith_finetune.providers.http.pages import Page, read_pages
from langsmith_finetune.providers.http.sending import FileChangedError
from langsmith_finetune.providers.http.transport import BoundedTransport

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
        self.address = printable_address(str(client.base_url))
        remember_key(client.api_key)
        remember_keys_in(str(client.base_url))

    def pages(
        self,
        what: str,
        ask: Callable[..., Any],
        *args: Any,
        whole: bool = True,
        silence_ends: bool = False,
        **query: Any,
    ) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page; each id once.

        Args:
            what: What is listed, for errors.
            ask: A method of the SDK that returns the raw response.
            *args: Its arguments.
            whole: What the list does not show is paid for again. Where False, it is only looked at: a page without
                anything new ends it, whatever the host says, and nothing else does.
            silence_ends: A host that does not say whether more follows has said all. Where False, it is asked.
            **query: What else to ask.

        Raises:
            ProviderError: A request failed, or the list cannot be read whole.
        """

        def read(cursor: str | None) -> Page:
            page = self.ask(ask, *args, has_id=False, **query | ({} if cursor is None else {"after": cursor}))
            # Some hosts write an empty list as null, some leave it out.
            is_empty = page.get("data") is None and ("data" in page or page.get("object") == "list")
            data = [] if is_empty else page.get("data")
            more, last = page.get("has_more"), data[-1] if isinstance(data, list) and data else None
            following = id_from(object_from(last).get("id")) or cursor or ("" if more is True else None)
            ends = more is False or (silence_ends and more is not True)
            return Page(data, None if ends else following, promised=whole and more is True)

        if not whole:
            return read_pages(self.name, what, read)
        return read_pages(self.name, what, read, created=lambda item: time_from(item.get("created_at")))

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
            answer = json_object(getattr(response, "http_response", response).content)
        except ValueError as error:
            raise self.odd_answer(str(error), creates=creates) from None
        if has_id and id_from(answer.get("id")) is None:
            raise self.odd_answer("has no id", creates=creates)
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
            failure = self._provider_error(error, creates=creates)
        raise failure

    def odd_answer(self, what: str, *, creates: bool) -> ProviderError:
        """The error of a host that says yes in a way that cannot be read."""
        return odd_answer(self.name, f"{what}; is {self.address} the right base_url?", creates=creates)

    def _provider_error(self, error: openai.OpenAIError, *, creates: bool) -> ProviderError:
        """What the SDK raised, in our words, without the request and the answer that it holds."""
        if isinstance(error, openai.APIStatusError):
            return self._refusal(error, creates=creates)
        failure: ProviderError
        if isinstance(error.__cause__, FileChangedError):
            failure = error.__cause__.again()
        elif isinstance(error, openai.APIConnectionError):
            return connection_error(self.name, error.__cause__ or error, self.address, creates=creates)
        else:
            failure = ProviderError(self.name, host_words(str(error)))
        failure.__cause__ = fault_of(error)
        return failure

    def _refusal(self, error: openai.APIStatusError, *, creates: bool) -> ProviderError:
        code = error.status_code
        # "too many active fine-tunes", or no quota: no waiting for seconds helps.
        stays = error.code == "insufficient_quota" or (
            error.code == "rate_limit_exceeded" and error.type == "invalid_request_error"
        )
        return refusal(
            self.name,
            code,
            _reason(error),
            error.response.headers,
            creates=creates,
            temporary=(passes(code) or code == 409) and not (code == 429 and stays),
        )


def _reason(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        # Azure puts no type and param; some hosts answer {"detail": ...} or {"message": ...} alone.
        message = text_from(body.get("message")) or text_from(body.get("detail"))
        notes = [f"{name} {word_from(body[name])}" for name in ("code", "param") if body.get(name)]
        if message or notes:
            text = message or "no message"
            return f"{text} ({', '.join(notes)})" if notes else text
    return "no message"


def key_function(client: openai.OpenAI) -> Callable[[], str] | None:
    """The function that gives a client its key, such as one for Azure's tokens; such a client has no key of its own."""
    found: Callable[[], str] | None = getattr(client, "_api_key_provider", None)
    return found


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
