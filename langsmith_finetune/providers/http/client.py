"""Plain HTTP for providers whose SDK is heavy or changes often."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx2

from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.json_values import (
    id_from,
    json_object,
    time_from,
)
from langsmith_finetune._foundation.masking import remember_key
from langsmith_finetune._foundation.retry import retry_after_seconds
from langsmith_finetune._printable import printable_address
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.api_key import sendable_key
from langsmith_finetune.providers.http.failures import connection_error, odd_answer, refusal
from langsmith_finetune.providers.http.pages import Page, read_pages
from langsmith_finetune.providers.http.refusal import object_in, reason_of
from langsmith_finetune.providers.http.sending import Stretch
from langsmith_finetune.providers.http.transport import DOWNLOAD, BoundedTransport

OnProgress: TypeAlias = Callable[[int, int], None]

_TIMEOUT = httpx2.Timeout(60.0, connect=15.0, write=300.0)
"""Seconds. A look is small; an upload may be slow at every block, but not silent."""

_BLOCK = 1 << 20


class RestClient:
    """Sends a request once, and turns whatever goes wrong into a `ProviderError`.

    Args:
        name: The provider's name, for error texts.
        base_url: The host's address.
        api_key: Sent as a bearer token, to this host only; or what finds it when it is first needed.
        key_name: What error texts call it.
        http_client: A client of your own, for a proxy or for tests. Redirects are never followed.

    Raises:
        ValueError: The key cannot be sent in a header.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | Callable[[], str],
        *,
        key_name: str = "API key",
        http_client: httpx2.Client | None = None,
    ) -> None:
        self.name = name
        self.base_url = base_url.rstrip("/")
        self.address = printable_address(self.base_url)
        self._api_key = api_key
        if isinstance(api_key, str):
            remember_key(sendable_key(name, api_key, key_name))
        self._http = httpx2.Client(
            transport=BoundedTransport(http_client, returns_redirects=True),
            timeout=_TIMEOUT if http_client is None else http_client.timeout,
        )

    @property
    def api_key(self) -> str:
        """The key.

        Raises:
            ValueError: There is none.
        """
        return self._api_key if isinstance(self._api_key, str) else self._api_key()

    def ask(self, method: str, path: str, *, creates: bool = False, **request: Any) -> dict[str, Any]:
        """The JSON object that answers a request; an empty answer is an empty object.

        Args:
            method: Such as `"GET"`.
            path: Below the base address.
            creates: A repetition would make a second thing, so a lost answer is ambiguous.
            **request: `json`, `params`, `files` and `data`, as httpx takes them.

        Raises:
            ProviderError: It failed; `temporary`, `ambiguous` and `retry_after_seconds` say how.
        """
        response = self.send(method, path, creates=creates, **request)
        if not response.content:
            return {}
        try:
            return json_object(response.content)
        except ValueError as error:
            raise self.odd_answer(str(error), creates=creates) from None

    def send(self, method: str, path: str, *, creates: bool = False, **request: Any) -> httpx2.Response:
        """The whole answer to a request, whatever its form; a redirect is an answer too."""
        headers = {"authorization": f"Bearer {self.api_key}"}
        try:
            response = self._http.request(
                method, self.base_url + path, headers=headers, follow_redirects=False, **request
            )
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failure = connection_error(self.name, error, self.address, creates=creates)
        else:
            if response.status_code < 400:
                return response
            failure = self._refusal(response, creates=creates)
        raise failure

    def pages(
        self,
        path: str,
        items: str,
        token: str,
        next_token: str,
        *,
        what: str,
        key: str = "id",
        created: str = "created_at",
        empty: Any = None,
        **query: Any,
    ) -> Iterator[dict[str, Any]]:
        """The objects of a list, page by page, each once.

        Args:
            path: Below the base address.
            items: The key of the list in the answer.
            token: The query that asks for a further page.
            next_token: The key of its value in the answer.
            what: What is listed, for errors.
            key: Where an object has its id.
            created: Where it has its time.
            empty: What stands for the list where the answer has none; None where it must have one.
            **query: What else to ask.

        Raises:
            ProviderError: A request failed, or the list cannot be read whole.
        """

        def read(cursor: str | None) -> Page:
            page = self.ask("GET", path, params=query | ({} if cursor is None else {token: cursor}))
            following = page.get(next_token)
            if following not in (None, "") and not isinstance(following, str):
                raise self.odd_answer(f"has an odd {next_token}", creates=False)
            if not following and page.get("has_more") is True:
                raise self.odd_answer(f"about {what} has more, and does not say where", creates=False)
            found = page.get(items, empty)
            # Some hosts write an empty list as null, some leave it out.
            return Page([] if found is None and items in page else found, following or None)

        return read_pages(self.name, what, read, key=key, created=lambda item: time_from(item.get(created)))

    def put_file(
        self,
        url: str,
        content: Stretch,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, str]:
        """Stream a file, or a stretch of it, to a signed address, which is shown the file and never the key.

        Args:
            url: The address.
            content: What to send.
            headers: What the storage wants to be sent with it.

        Returns:
            The headers of the answer.

        Raises:
            FileChangedError: It is not the file that was hashed.
            ProviderError: The storage refuses it, or cannot be reached.
        """
        content.seek(0)
        sent = {"content-length": str(content.size)} | dict(headers or {})
        try:
            blocks = iter(partial(content.read, _BLOCK), b"")
            response = self._http.put(url, content=blocks, headers=sent, follow_redirects=False)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failure = connection_error(self.name, error, "the storage", creates=False)
        else:
            if response.status_code < 300:
                return response.headers
            failure = ProviderError(
                self.name,
                f"HTTP {response.status_code} from the storage that takes the upload",
                temporary=response.status_code >= 500 or response.status_code in {403, 408, 429},
                retry_after_seconds=retry_after_seconds(response.headers),
            )
        raise failure

    def fetch(self, url: str, path: Path, *, signed: bool, params: Mapping[str, Any] | None = None) -> None:
        """Stream an answer into a file, which has its name only when it is whole.

        Args:
            url: An address; where `signed` is false, a path below the base address.
            path: The file.
            signed: The address says itself that we may, and gets no key.
            params: The query.
        """
        where = "the storage" if signed else self.address
        try:
            with self._http.stream(
                "GET",
                url if signed else self.base_url + url,
                params=params,
                headers={} if signed else {"authorization": f"Bearer {self.api_key}"},
                # A download is redirected to its storage; httpx drops the key on the way to another host.
                follow_redirects=True,
                extensions={DOWNLOAD: True},
            ) as response:
                if response.status_code >= 400:
                    response.read()
                    raise self._refusal(response, creates=False)
                with atomic_write(path) as file:
                    file.writelines(response.iter_bytes(_BLOCK))
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failure = connection_error(self.name, error, where, creates=False)
        else:
            return
        raise failure

    def read(self, url: str, most_bytes: int = 64 << 20) -> bytes:
        """The content at a signed address, which gets no key; a very long one is cut."""
        content = bytearray()
        try:
            with self._http.stream(
                "GET", url, follow_redirects=True, extensions={DOWNLOAD: True}
            ) as response:
                if response.status_code >= 400:
                    response.read()
                    raise self._refusal(response, creates=False)
                for block in response.iter_bytes(_BLOCK):
                    content += block
                    if len(content) >= most_bytes:
                        break
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            failure = connection_error(self.name, error, "the storage", creates=False)
        else:
            return bytes(content[:most_bytes])
        raise failure

    def odd_answer(self, what: str, *, creates: bool) -> ProviderError:
        """The error of a host that says yes in a way that cannot be read."""
        return odd_answer(self.name, f"{what}; is {self.address} the right base_url?", creates=creates)

    def _refusal(self, response: httpx2.Response, *, creates: bool) -> ProviderError:
        ids = {
            name: id_
            for name, value in object_in(response).items()
            if name.endswith("_id") and (id_ := id_from(value))
        }
        return refusal(
            self.name,
            response.status_code,
            reason_of(response),
            response.headers,
            creates=creates,
            ids=ids,
        )
