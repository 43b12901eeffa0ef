"""Fine-tuning at Azure OpenAI / Microsoft Foundry: OpenAI's API in Azure's way."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import httpx2
import openai

from langsmith_finetune._foundation.arguments import an_address, checked, made
from langsmith_finetune.providers.azure.deployments import OPEN_MODEL, AzureDeployments, is_open
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.values import JobRequest
from langsmith_finetune.targets.azure import AZURE

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TrainingType = Literal["Standard", "GlobalStandard", "Developer"]

_CHAT_VERSION = "2025-04-01-preview"


class AzureProvider(AzureDeployments, OpenAIProvider):
    """Trains at Azure OpenAI / Microsoft Foundry. A tuned model answers once it is deployed.

    Microsoft's schedule of retirements is its own, and later than OpenAI's: see `lifecycle.toml`. New customers
    are probably left with the open models (gpt-oss, Ministral, Llama, Qwen).

    Training goes by the resource's key. Deploying goes by Azure's control plane, and needs `resource_id` and `token`
    of somebody who may change the resource. A deployment costs by the hour while it lives, at the price of its SKU.

    Args:
        endpoint: The resource, `"https://RESOURCE.openai.azure.com"`, or a Foundry project,
            `"https://RESOURCE.services.ai.azure.com/api/projects/PROJECT"`; by default `AZURE_OPENAI_ENDPOINT`.
        api_key: The key; by default `AZURE_OPENAI_API_KEY`.
        client: A client of the official SDK for the resource's `/openai/v1/`, in place of both.
        training_type: Where it trains, and at what price. By default `"GlobalStandard"` for the open models, which
            train nowhere else; for OpenAI's, Azure chooses.
        resource_id: To deploy: `/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.CognitiveServices/accounts/NAME`.
        token: To deploy: a Microsoft Entra token for `https://management.azure.com`, without `Bearer`, or a function
            that returns one. Tokens last about an hour, and `azure.identity.get_bearer_token_provider` makes such a
            function.
        management_url: The control plane, for the clouds of some countries.
        http_client: A client of your own for the control plane.

    Raises:
        ValueError: There is no endpoint, `client` was given beside one, or `resource_id` is not of that form.

    Example:
        >>> AzureProvider("https://my-resource.openai.azure.com", api_key="made-up")
        AzureProvider('https://my-resource.openai.azure.com/openai/v1/')
    """

    name = "azure"
    key_variable: ClassVar = "AZURE_OPENAI_API_KEY"
    largest_upload: int | None = None
    rules = AZURE
    converts_files = True
    longest_suffix = 18
    result = "deployable"

    @checked(endpoint=an_address, management_url=an_address)
    def __init__(
        self,
        endpoint: str | None = None,
        api_key: str | None = None,
        client: openai.OpenAI | None = None,
        *,
        training_type: TrainingType | None = None,
        resource_id: str | None = None,
        token: str | Callable[[], str] | None = None,
        management_url: str = "https://management.azure.com",
        http_client: httpx2.Client | None = None,
    ) -> None:
        url = None
        if client is None:
            endpoint = endpoint or os.environ.get("AZURE_OPENAI_ENDPOINT")
            if not endpoint:
                raise ValueError(
                    "AzureProvider: give the endpoint, such as https://RESOURCE.openai.azure.com, or set "
                    "AZURE_OPENAI_ENDPOINT"
                )
            url = re.sub(r"(/openai(/v1)?)?/*$", "", endpoint) + "/openai/v1/"
        elif endpoint is not None:
            raise ValueError("AzureProvider: pass either client=, or endpoint= and api_key=, not both")
        super().__init__(api_key, url, client)
        self.training_type = training_type
        self._use_control_plane(resource_id, token, management_url, http_client)

    def check_request(self, request: JobRequest) -> None:
        """Refuse what Azure cannot do, and a suffix with a dot."""
        super().check_request(request)
        if request.suffix is not None and "." in request.suffix:
            raise ValueError(f"azure: suffix must have no dots, got {request.suffix!r}")

    def body(
        self, request: JobRequest, training_file: str, validation_file: str | None = None
    ) -> dict[str, Any]:
        """OpenAI's, and where to train."""
        body = super().body(request, training_file, validation_file)
        training_type = self.training_type or ("GlobalStandard" if is_open(request.model) else None)
        return body | ({"extra_body": {"trainingType": training_type}} if training_type else {})

    def delete_job(self, job_id: str) -> None:
        """Remove a job that has ended from the list. Its model stays."""
        # The SDK has no method for it, as OpenAI has no such request.
        client = self.client.with_options(max_retries=0)
        self._api.content(partial(client.delete, f"/fine_tuning/jobs/{job_id}", cast_to=httpx2.Response))

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """A deployed model as a LangChain chat model: OpenAI's as `ChatOpenAI`, an open one as `AzureChatOpenAI`.

        Args:
            model_id: What the deployment `serves_as`: its name, and for an open model `deployments/` before it, since
                those answer at the resource's cognitive services endpoint and not at `/openai/v1/`.
            **kwargs: Settings of the chat model's class.
        """
        if not (model_id.startswith(OPEN_MODEL) or is_open(model_id)):
            return super().chat_model(model_id, **kwargs)
        from langchain_openai import AzureChatOpenAI  # noqa: PLC0415 - half a second that a job can do without

        name = model_id.removeprefix(OPEN_MODEL)
        key = self.key
        settings: dict[str, Any] = {
            "model": name,
            "azure_deployment": name,
            "azure_endpoint": _cognitive_services(self.client.base_url),
            "api_version": _CHAT_VERSION,
            "api_key": key if isinstance(key, str) else None,
            "azure_ad_token": None,
            "azure_ad_token_provider": None if isinstance(key, str) else key,
            "stream_usage": True,  # the class's own default, which a client of ours undoes
            # The SDK would take this host's `api-key` along to wherever it is redirected.
            "http_client": _ChatClient(follow_redirects=False),
            "http_async_client": openai.DefaultAsyncHttpxClient(follow_redirects=False),
        }
        return made(AzureChatOpenAI, "chat_model()", settings, kwargs)


class _ChatClient(openai.DefaultHttpxClient):
    """The SDK's HTTP client. One that the SDK makes itself closes with the chat model, and so does this."""

    def __del__(self) -> None:
        with suppress(Exception):  # at the end of the program, half of it is gone
            self.close()


def _cognitive_services(url: httpx2.URL) -> str:
    """The resource's other address; a proxy or a private address stands for both."""
    resource = re.fullmatch(r"([^.]+)\.(?:openai|services\.ai)\.azure\.(com|us|cn)", url.host)
    if resource is None:
        return f"{url.scheme}://{url.netloc.decode()}"
    return f"https://{resource[1]}.cognitiveservices.azure.{resource[2]}"
