"""An account at Fireworks, and the addresses in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.client import RestClient


class FireworksAccount(Provider):
    """What the parts of `FireworksProvider` ask with."""

    _api: RestClient
    _account_id: str | None

    def _account(self) -> str:
        if self._account_id is None:
            names = [str(account["name"]) for account in self._listed("/v1/accounts", "accounts")]
            if len(names) != 1:
                raise ProviderError(
                    self.name,
                    f"the key opens {len(names)} accounts; give account_id=, or set FIREWORKS_ACCOUNT_ID",
                )
            self._account_id = names[0].rsplit("/", 1)[-1]
        return self._account_id

    def _path(self, *parts: str) -> str:
        return "/".join(["/v1/accounts", self._account(), *parts])

    def _pages(self, kind: str, **query: Any) -> Iterator[dict[str, Any]]:
        return self._listed(self._path(kind), kind, pageSize=200, **query)

    def _listed(self, path: str, kind: str, **query: Any) -> Iterator[dict[str, Any]]:
        # Fireworks leaves out a list that is empty, as JSON made of protocol buffers does.
        of: dict[str, Any] = {"what": kind, "key": "name", "created": "createTime", "empty": []}
        return self._api.pages(path, kind, "pageToken", "nextPageToken", **of, **query)
