"""Serves a tuned model at Azure, through its control plane and not with the resource's key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qsl

import httpx2

from langsmith_finetune._foundation.json_values import object_from, text_from, word_from
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.client import RestClient
from langsmith_finetune.providers.http.pages import Page, read_pages
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.values import DeploymentInfo

_ARM_VERSION = "2024-10-01"

_PUBLISHERS = {
    r"gpt-oss": "Microsoft",
    r"mi(ni)?stral": "Mistral AI",
    r"llama": "Meta",
    r"qwen": "Alibaba",
    r"^(gpt-|o\d|davinci|babbage)": "OpenAI",
}
"""Who Azure says publishes a model, by its base's name. The first that fits counts; the case of letters matters there.

Source: `skills/microsoft-foundry/finetuning/references/deployment.md` of https://github.com/microsoft/azure-skills,
read 2026-11-27.
"""

_ACCOUNT = re.compile(
    r"/subscriptions/[^/?#\s]+/resourceGroups/[^/?#\s]+/providers/Microsoft\.CognitiveServices/accounts/[^/?#\s]+",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
OPEN_MODEL = "deployments/"
"""Begins what an open model `serves_as`: it answers at an address of its own, which has this in its path."""

_STATES: Mapping[str, Literal["creating", "ready", "stopped", "failed"]] = {
    "Accepted": "creating",
    "Creating": "creating",
    "Updating": "ready",
    "Succeeded": "ready",
    "Disabled": "stopped",
    "Deleting": "stopped",
    "Failed": "failed",
    "Canceled": "failed",
}


class AzureDeployments(Provider):
    """The part of `AzureProvider` that serves."""

    def _use_control_plane(
        self,
        resource_id: str | None,
        token: str | Callable[[], str] | None,
        management_url: str,
        http_client: httpx2.Client | None,
    ) -> None:
        if resource_id is not None and not _ACCOUNT.fullmatch(resource_id):
            raise ValueError(
                "AzureProvider: resource_id must be /subscriptions/ID/resourceGroups/GROUP/providers/"
                f"Microsoft.CognitiveServices/accounts/NAME, got {resource_id!r}"
            )
        self._resource_id, self._token = resource_id, token
        self._control_plane = partial(
            RestClient, self.name, management_url, key_name="token", http_client=http_client
        )
        self._arm = self._control_plane(token) if isinstance(token, str) else None

    def deployment_usd_per_hour(self, model_id: str, **settings: Any) -> float | None:  # noqa: ARG002
        """Nothing for the SKU `"DeveloperTier"`; for the others Azure's price list says it, and not its API.

        Source: https://learn.microsoft.com/azure/ai-services/openai/how-to/fine-tune-test, read 2026-11-27.
        """
        return _usd_per_hour(settings.get("sku"))

    def deploy(self, model_id: str, **settings: Any) -> DeploymentInfo:
        """Begin to serve a tuned model. Sent twice, it is one deployment all the same.

        Args:
            model_id: The tuned model, as the job names it.
            **settings: `name`: what to call the deployment; by default made from the model's name. `model_format`:
                who publishes the model, `"OpenAI"`, `"Microsoft"`, `"Mistral AI"`, `"Meta"` or `"Alibaba"`; by default
                read from the model's name. `sku`: where it is served, and at what price; by default `"Standard"` for
                OpenAI's models and `"GlobalStandard"` for the open ones; `"DeveloperTier"` costs nothing by the hour
                and ends after a day. `capacity`: thousands of tokens a minute; 1 for OpenAI's models, and 100 for the
                open ones, which fail to load with less.

        Raises:
            ProviderError: Azure refuses, or a deployment of that name serves another model.
            ValueError: A setting is unknown or missing, or the provider has no `resource_id` or `token`.
        """
        model_format = settings.get("model_format") or _publisher(model_id)
        openais = model_format == "OpenAI"
        known: dict[str, Any] = {
            "name": "lf-" + hashlib.sha256(model_id.encode()).hexdigest()[:16],
            "model_format": model_format,
            "sku": "Standard" if openais else "GlobalStandard",
            "capacity": 1 if openais else 100,
        }
        if unknown := sorted(set(settings) - set(known)):
            raise ValueError(
                f"azure: deploy: unknown setting {', '.join(map(repr, unknown))}; it takes {', '.join(known)}"
            )
        if model_format is None:
            raise ValueError(
                f"azure: deploy: the name {model_id!r} does not say who publishes the model; pass model_format="
                "'OpenAI', 'Microsoft', 'Mistral AI', 'Meta' or 'Alibaba'"
            )
        chosen = known | settings
        name = chosen["name"]
        # A PUT would put this model in the place of the one that the deployment serves now.
        there = self._there(name)
        if there is not None and there.model_id.casefold() != model_id.casefold():
            raise ProviderError(
                self.name, f"deployment {name!r} serves {there.model_id!r} already; pass another name="
            )
        body = {
            "sku": {"name": chosen["sku"], "capacity": chosen["capacity"]},
            "properties": {"model": {"format": model_format, "name": model_id, "version": "1"}},
        }
        made = self._about(name, self._ask("PUT", name, json=body))
        if made.model_id.casefold() not in (model_id.casefold(), "unknown"):
            raise ProviderError(
                self.name,
                f"deployment {name!r} was asked to serve {model_id!r}, and serves {made.model_id!r}",
            )
        return made

    def list_deployments(self, model_id: str | None = None) -> Sequence[DeploymentInfo]:
        """The deployments of a tuned model, or of all tuned models, newest first."""
        listed = [deployment for deployment in self._deployments() if _is_tuned(deployment)]
        listed.sort(
            key=lambda deployment: str(object_from(deployment.get("systemData")).get("createdAt")),
            reverse=True,
        )
        found = [self._deployment(deployment) for deployment in listed]
        return [one for one in found if model_id is None or one.model_id.casefold() == model_id.casefold()]

    def retrieve_deployment(self, deployment_id: str) -> DeploymentInfo:
        """Where a deployment stands now. It may take some minutes from `ready` until it answers."""
        return self._about(deployment_id, self._ask("GET", deployment_id))

    def delete_deployment(self, deployment_id: str) -> None:
        """End a deployment and what it costs. One that is gone already is gone."""
        try:
            self._ask("DELETE", deployment_id)
        except ProviderError as error:
            if status_of(error) != 404:
                raise

    def _there(self, name: str) -> DeploymentInfo | None:
        try:
            return self.retrieve_deployment(name)
        except ProviderError as error:
            if status_of(error) == 404:
                return None
            raise

    def _deployments(self) -> Iterator[dict[str, Any]]:
        """All deployments of the resource, which serve base models too."""

        def read(cursor: str | None) -> Page:
            # Of a link only the question is taken: a host that is chosen by an answer gets no token.
            page = self._ask("GET", params=dict(parse_qsl(cursor or "")))
            link = page.get("nextLink")
            if link not in (None, "") and not isinstance(link, str):
                raise ProviderError(self.name, "the list of deployments has an odd nextLink")
            return Page(page.get("value"), link.partition("?")[2] if link else None)

        return read_pages(self.name, "deployments", read, key="name")

    def _about(self, name: str, answer: dict[str, Any]) -> DeploymentInfo:
        """The deployment that was asked for.

        Raises:
            ProviderError: The answer is about another.
        """
        deployment = self._deployment(answer)
        if deployment.id.casefold() != name.casefold():
            raise ProviderError(
                self.name, f"asked for deployment {name!r}, it answered with {deployment.id!r}"
            )
        return deployment

    def _ask(self, method: str, name: str | None = None, **request: Any) -> dict[str, Any]:
        if self._resource_id is None or self._token is None:
            raise ValueError(
                "azure: deployments go by Azure's control plane, which the resource's key does not open: pass "
                "AzureProvider(..., resource_id='/subscriptions/ID/resourceGroups/GROUP/providers/"
                "Microsoft.CognitiveServices/accounts/NAME', token=...) with a Microsoft Entra token (az account "
                "get-access-token --resource https://management.azure.com)"
            )
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(f"azure: a deployment's name is letters, digits, '.', '_' and '-', got {name!r}")
        if callable(self._token):
            token = self._token()
            if self._arm is None or self._arm.api_key != token:
                self._arm = self._control_plane(token)
        assert self._arm is not None  # noqa: S101 - for the type checker: a token that is text was taken at once
        query = request.pop("params", {}) | {"api-version": _ARM_VERSION}
        path = "/".join(filter(None, [self._resource_id, "deployments", name]))
        return self._arm.ask(method, path, params=query, **request)

    def _deployment(self, deployment: Mapping[str, Any]) -> DeploymentInfo:
        name, model = text_from(deployment.get("name")), _model_of(deployment)
        if name is None or not _NAME.fullmatch(name):
            raise ProviderError(self.name, "the answer about a deployment has no name")
        model_id = text_from(model.get("name")) or "unknown"
        model_format = text_from(model.get("format")) or _publisher(model_id)
        word = word_from(object_from(deployment.get("properties")).get("provisioningState"))
        return DeploymentInfo(
            id=name,
            model_id=model_id,
            status=_STATES.get(word, "unknown"),
            provider_status=word,
            serves_as=name if model_format in (None, "OpenAI") else OPEN_MODEL + name,
            usd_per_hour=_usd_per_hour(object_from(deployment.get("sku")).get("name")),
        )


def _publisher(model_id: str) -> str | None:
    """Who publishes a tuned or base model; None where its name does not say.

    A tuned model is `BASE.ft-JOB-SUFFIX` or `ft:BASE:...`; a suffix may say anything.
    """
    base = re.split(r"\.ft-|:", model_id.lower().removeprefix("ft:"), maxsplit=1)[0].rsplit("/", 1)[-1]
    return next((name for pattern, name in _PUBLISHERS.items() if re.search(pattern, base)), None)


def is_open(model_id: str) -> bool:
    """True for a tuned or base model that is known to be somebody else's than OpenAI's.

    Example:
        >>> is_open("gpt-oss-20b.ft-1-support"), is_open("gpt-4.1-mini.ft-1-llama")
        (True, False)
    """
    return _publisher(model_id) not in (None, "OpenAI")


def _usd_per_hour(sku: object) -> float | None:
    return 0.0 if str(sku).lower() == "developertier" else None


def _model_of(deployment: Mapping[str, Any]) -> Mapping[str, Any]:
    return object_from(object_from(deployment.get("properties")).get("model"))


def _is_tuned(deployment: Mapping[str, Any]) -> bool:
    return re.search(r"\.ft-|^ft:", str(_model_of(deployment).get("name"))) is not None
