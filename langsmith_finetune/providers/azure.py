"""Fine-tuning at Azure OpenAI / Microsoft Foundry: OpenAI's API in Azure's way."""

from __future__ import annotations

import os
import re
from functools import partial
from typing import Any, Literal

import httpx2
import openai

from langsmith_finetune.clock import Clock
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import DeploymentStatus, JobRequest
from langsmith_finetune.providers.keys import key_of
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.rest import RestClient, status_of
from langsmith_finetune.targets.azure import AZURE

_ARM_VERSION = "2024-10-01"

TrainingType = Literal["Standard", "GlobalStandard", "Developer"]


class AzureProvider(OpenAIProvider):
    """Trains at Azure OpenAI / Microsoft Foundry. A tuned model answers once it is deployed.

    Microsoft's schedule of retirements is its own, and later than OpenAI's: see `lifecycle.toml`. New customers
    are probably left with the open models, which want `training_type="GlobalStandard"`.

    Args:
        endpoint: The resource, `"https://RESOURCE.openai.azure.com"`, or a Foundry project,
            `"https://RESOURCE.services.ai.azure.com/api/projects/PROJECT"`; by default `AZURE_OPENAI_ENDPOINT`.
        api_key: The key; by default `AZURE_OPENAI_API_KEY`.
        client: A client of the official SDK for the resource's `/openai/v1/`, in place of both.
        training_type: Where it trains, and at what price. Sent as it is.
        clock: For tests.

    Raises:
        ValueError: There is no endpoint, or `client` was given beside one.

    Example:
        >>> AzureProvider("https://my-resource.openai.azure.com", api_key="made-up")
        AzureProvider('https://my-resource.openai.azure.com/openai/v1/')
    """

    name = "azure"
    largest_upload: int | None = None
    rules = AZURE
    converts_files = True
    longest_suffix = 18
    result = "deployable"

    def __init__(
        self,
        endpoint: str | None = None,
        api_key: str | None = None,
        client: openai.OpenAI | None = None,
        *,
        training_type: TrainingType | None = None,
        clock: Clock | None = None,
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
            api_key = key_of(self.name, "AZURE_OPENAI_API_KEY", api_key)
        elif endpoint is not None:
            raise ValueError("AzureProvider: pass either client=, or endpoint= and api_key=, not both")
        super().__init__(api_key, url, client, clock=clock)
        self.training_type = training_type

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
        return body | ({"extra_body": {"trainingType": self.training_type}} if self.training_type else {})

    def delete_job(self, job_id: str) -> None:
        """Remove a job that has ended from the list. Its model stays."""
        # The SDK has no method for it, as OpenAI has no such request.
        client = self.client.with_options(max_retries=0)
        self._api.content(partial(client.delete, f"/fine_tuning/jobs/{job_id}", cast_to=httpx2.Response))


class AzureDeployments:
    """Deploys tuned models of an Azure resource, by Azure's control plane and not by the resource's key.

    Kept apart from `AzureProvider`, because it needs a Microsoft Entra token of somebody who may change the
    resource: `az account get-access-token --resource https://management.azure.com`. Deploying is a PUT by name:
    sent twice, it is one deployment. A deployment costs by the hour while it lives, at the price of its SKU.

    Args:
        resource_id: `/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.CognitiveServices/accounts/NAME`.
        token: The token, without `Bearer`.
        base_url: The control plane.

    Raises:
        ValueError: The id or token is not of that form.

    Example:
        >>> account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/a"
        >>> AzureDeployments(account, token="made-up")
        AzureDeployments('a')
    """

    name = "azure"

    def __init__(
        self, resource_id: str, token: str, *, base_url: str = "https://management.azure.com", **http: Any
    ) -> None:
        form = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.CognitiveServices/accounts/([^/]+)"
        found = re.fullmatch(form, resource_id)
        if found is None:
            raise ValueError(
                "azure: resource_id must be /subscriptions/ID/resourceGroups/GROUP/providers/"
                f"Microsoft.CognitiveServices/accounts/NAME, got {resource_id!r}"
            )
        self._account, self._resource = found[1], resource_id
        self._api = RestClient(self.name, base_url, token, **http)

    def __repr__(self) -> str:
        return f"AzureDeployments({self._account!r})"

    def deploy(
        self,
        model_id: str,
        deployment_name: str,
        *,
        model_format: str = "OpenAI",
        sku: str = "standard",
        capacity: int = 1,
    ) -> DeploymentStatus:
        """Begin to serve a tuned model; call it by the deployment's name.

        Args:
            model_id: The tuned model, as the job names it.
            deployment_name: What to call it.
            model_format: The publisher: `"OpenAI"`, `"Meta"`, ...
            sku: `"standard"`, `"globalstandard"`, `"developertier"`, ... decides the price.
            capacity: In the SKU's units: about one request a minute each.
        """
        body = {
            "sku": {"name": sku, "capacity": capacity},
            "properties": {"model": {"format": model_format, "name": model_id, "version": "1"}},
        }
        return self._status(self._ask("PUT", deployment_name, json=body))

    def retrieve_deployment(self, deployment_name: str) -> DeploymentStatus:
        """Where a deployment stands now. It may take a moment from `ready` until it answers."""
        return self._status(self._ask("GET", deployment_name))

    def delete_deployment(self, deployment_name: str) -> None:
        """End a deployment and what it costs. One that is gone already is gone."""
        try:
            self._ask("DELETE", deployment_name)
        except ProviderError as error:
            if status_of(error) != 404:
                raise

    def _ask(self, method: str, name: str, **request: Any) -> dict[str, Any]:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
            raise ValueError(f"azure: a deployment's name is letters, digits, '.', '_' and '-', got {name!r}")
        query = {"api-version": _ARM_VERSION}
        return self._api.ask(method, f"{self._resource}/deployments/{name}", params=query, **request)

    def _status(self, deployment: dict[str, Any]) -> DeploymentStatus:
        properties = deployment.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        word, model = str(properties.get("provisioningState")), properties.get("model")
        states: dict[str, Literal["creating", "ready", "stopped", "failed", "unknown"]] = {
            "Accepted": "creating",
            "Creating": "creating",
            "Updating": "ready",
            "Succeeded": "ready",
            "Disabled": "stopped",
            "Deleting": "stopped",
            "Failed": "failed",
            "Canceled": "failed",
        }
        name = str(deployment.get("name"))
        return DeploymentStatus(
            id=name,
            model_id=str(model.get("name")) if isinstance(model, dict) else "unknown",
            status=states.get(word, "unknown"),
            provider_status=word,
            serves_as=name,
        )
