"""An account at Hugging Face: whose it is, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from langsmith_finetune._foundation.json_values import id_from, object_from
from langsmith_finetune._foundation.masking import remember_key
from langsmith_finetune._printable import printable_address
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.http.failures import connection_error, odd_answer, refusal
from langsmith_finetune.providers.huggingface.client import JobsApi
from langsmith_finetune.providers.huggingface.patience import within

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")

_LONGEST_SECONDS = 120.0


class HuggingFaceAccount(Provider):
    """What the parts of `HuggingFaceProvider` ask with."""

    _api: HfApi
    _jobs_api: JobsApi
    _key: ApiKey | None
    _namespace: str | None

    def _user(self) -> str:
        if self._namespace is None:
            name = id_from(object_from(self._ask(self._jobs_api.user)).get("name"))
            if name is None:
                raise ProviderError(self.name, "the token belongs to nobody with a name; give namespace=")
            self._namespace = name
        return self._namespace

    def _token(self) -> str | None:
        from huggingface_hub import get_token  # noqa: PLC0415

        return self._api.token if isinstance(self._api.token, str) else get_token()

    def _ask_hub(self, ask: Callable[[], T]) -> T:
        """Ask for something small by `HfApi`, which has no time limit."""
        return self._ask(lambda: within(_LONGEST_SECONDS, ask))

    def _ask(self, ask: Callable[[], T], *, creates: bool = False) -> T:
        """Ask once, and turn whatever goes wrong into a `ProviderError`."""
        if self._key is not None:
            self._api.token = self._key()
        import httpx2  # noqa: PLC0415 - huggingface_hub runs on it
        from huggingface_hub.errors import (  # noqa: PLC0415
            HfHubHTTPError,
            HFValidationError,
            LocalTokenNotFoundError,
        )

        try:
            return ask()
        except HfHubHTTPError as error:
            failure = self._refusal(error, creates=creates)
        except (HFValidationError, LocalTokenNotFoundError) as error:
            failure = ProviderError(self.name, f"{str(error).splitlines()[0]}")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            where = printable_address(self._api.endpoint)
            failure = connection_error(self.name, error, where, creates=creates)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            # Their client reads an answer without checking it first.
            failure = odd_answer(self.name, f"cannot be read ({type(error).__name__})", creates=creates)
        raise failure  # here, since their errors hold the request and the answer

    def _refusal(self, error: Any, *, creates: bool) -> ProviderError:
        response = error.response
        remember_key(self._token())
        return refusal(
            self.name,
            response.status_code if response is not None else 0,
            str(error.server_message or "no message").strip(),
            response.headers if response is not None else {},
            creates=creates,
        )
