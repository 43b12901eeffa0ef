"""Serves a tuned model at Together: an endpoint, and a deployment in it that costs money by the minute."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from langsmith_finetune._foundation.json_values import (
    id_from,
    number_from,
    object_from,
    objects_from,
    text_from,
    word_from,
)
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.client import RestClient
from langsmith_finetune.providers.likeness import last_part_agrees
from langsmith_finetune.providers.values import DeploymentInfo

logger = logger_of(__name__)

_STATES: Mapping[str, Literal["creating", "ready", "stopped", "failed", "unknown"]] = {
    "DEPLOYMENT_STATE_PROVISIONING": "creating",
    "DEPLOYMENT_STATE_READY": "ready",
    "DEPLOYMENT_STATE_SCALING": "ready",
    "DEPLOYMENT_STATE_DEGRADED": "ready",
    "DEPLOYMENT_STATE_FAILED": "failed",
    "DEPLOYMENT_STATE_STOPPED": "stopped",
    "DEPLOYMENT_STATE_STOPPING": "stopped",
}
"""Source: `types/deployment_status.py` of the SDK, 3.1.1."""

_PREFIX = "langsmith-finetune-"


class TogetherDeployments(Provider):
    """The part of `TogetherProvider` that serves. Its API is Together's second, `/v2`; the first ends in 2026."""

    _api: RestClient
    _project: str | None

    def deployment_usd_per_hour(self, model_id: str, **settings: Any) -> float | None:
        """What one replica costs an hour, in US dollars; None where Together does not say.

        Args:
            model_id: The tuned model.
            **settings: As `deploy` takes them.
        """
        config = settings.get("config") or (self._configs(self._model(model_id)) or [{}])[0].get("name")
        if config is None:
            return None
        chosen = next((c for c in self._configs(self._model(model_id)) if c["name"] == config), None)
        price = self._price(chosen["selectors"]) if chosen else None
        return None if price is None else price * max(1, int(settings.get("max_replicas", 1)))

    def deploy(self, model_id: str, **settings: Any) -> DeploymentInfo:
        """Begin to serve a tuned model on hardware of its own.

        Args:
            model_id: The tuned model, as the job names it.
            **settings: `config`: one of Together's configurations for the model, which decides the hardware;
                by default the first. `min_replicas`: 1. `max_replicas`: 1. `inactive_minutes`: stop by itself
                after so many minutes without a request; 60, at least 30; 0 for never.

        Raises:
            ProviderError: `ambiguous` if a deployment may have been made all the same.
            ValueError: A setting is unknown.
        """
        known = {"config": None, "min_replicas": 1, "max_replicas": 1, "inactive_minutes": 60}
        if unknown := sorted(set(settings) - set(known)):
            raise ValueError(
                f"together: deploy: unknown setting {', '.join(map(repr, unknown))}; it takes {', '.join(known)}"
            )
        chosen = known | settings
        model = self._model(model_id)
        configs = [] if chosen["config"] else self._configs(model)
        config = chosen["config"] or (configs[0]["name"] if configs else None)
        name = _name(model_id)
        endpoint = self._endpoint(name) or self._api.ask("POST", self._path("endpoints"), json={"name": name})
        if not _is_named(endpoint, name) or id_from(endpoint.get("id")) is None:
            raise self._api.odd_answer(f"about endpoint {name} shows another", creates=False)
        body = {
            "name": name,
            "model": f"projects/{self._project_id()}/models/{model['id']}",
            "autoscaling": {"minReplicas": chosen["min_replicas"], "maxReplicas": chosen["max_replicas"]},
            "inactiveTimeout": chosen["inactive_minutes"],
        } | ({"config": config} if config else {})
        path = self._path("endpoints", str(endpoint["id"]), "deployments")
        made = self._api.ask("POST", path, creates=True, json=body)
        if not last_part_agrees(made.get("model"), body["model"]):
            raise self._api.odd_answer("to the deployment shows another", creates=True)
        return self._deployment(made, model_id, creates=True)

    def list_deployments(self, model_id: str | None = None) -> Sequence[DeploymentInfo]:
        """The deployments that this library made, of one model or of all."""
        wanted = None if model_id is None else _name(model_id)
        found = []
        for endpoint in self._pages("endpoints"):
            name = word_from(endpoint.get("name")).rsplit("/", 1)[-1]
            if not name.startswith(_PREFIX) or wanted not in (None, name):
                continue
            path = ("endpoints", endpoint["id"], "deployments")
            found += [self._deployment(deployment, model_id) for deployment in self._pages(*path)]
        return found

    def retrieve_deployment(self, deployment_id: str) -> DeploymentInfo:
        """Where a deployment stands now.

        Args:
            deployment_id: As a `DeploymentInfo` has it: the endpoint's id, a slash, and its own.
        """
        endpoint, _, deployment = deployment_id.partition("/")
        found = self._api.ask("GET", self._path("endpoints", endpoint, "deployments", deployment))
        if found.get("id") != deployment:
            raise self._api.odd_answer(f"to a look at deployment {deployment} shows another", creates=False)
        return self._deployment(found)

    def delete_deployment(self, deployment_id: str) -> None:
        """End a deployment and what it costs, and the endpoint around it."""
        endpoint, _, deployment = deployment_id.partition("/")
        path = self._path("endpoints", endpoint)
        self._api.ask("DELETE", f"{path}/deployments/{deployment}")
        try:
            self._api.ask("DELETE", path)
        except ProviderError as error:
            # Empty, it costs nothing; it goes once its deployment is gone for good.
            logger.info("together: endpoint %s stays for now: %s", endpoint, error.message)

    def delete_model(self, model_id: str) -> None:
        """Remove a tuned model for good."""
        self._api.ask("DELETE", self._path("models", str(self._model(model_id)["id"])))

    def _deployment(
        self, deployment: Mapping[str, Any], model_id: str | None = None, *, creates: bool = False
    ) -> DeploymentInfo:
        if id_from(deployment.get("id")) is None or id_from(deployment.get("endpointId")) is None:
            raise self._api.odd_answer("about a deployment has no id", creates=creates)
        state = object_from(deployment.get("status"))
        word = word_from(state.get("state"))
        status = _STATES.get(word, "unknown")
        return DeploymentInfo(
            id=f"{deployment['endpointId']}/{deployment['id']}",
            model_id=model_id or text_from(deployment.get("model")) or "unknown",
            status=status,
            provider_status=word,
            serves_as=id_from(deployment.get("name")),
            error=text_from(state.get("message")) if status == "failed" else None,
        )

    def _model(self, model_id: str) -> Mapping[str, Any]:
        """Together's record of a model, which has an id beside its name."""
        model: dict[str, Any]
        for model in self._pages("models"):
            if model_id in (model.get("name"), model.get("id")):
                return model
        raise ProviderError(self.name, f"there is no model {model_id!r} in project {self._project_id()}")

    def _configs(self, model: Mapping[str, Any]) -> list[dict[str, Any]]:
        """How a model can be run: the name to ask for, and the hardware that it selects."""
        reference = f"projects/{self._project_id()}/models/{model.get('baseModelId') or model['id']}"
        if model.get("baseModel"):
            reference = str(model["baseModel"])
        return [
            {
                "name": f"projects/{config.get('projectId')}/configs/{config['id']}",
                "selectors": {
                    word_from(one["value"]).lower()
                    for one in objects_from(config.get("selectors"))
                    if one.get("value") is not None
                },
            }
            for config in self._pages("configs", referenceModel=reference)
        ]

    def _price(self, selectors: set[str]) -> float | None:
        """Dollars an hour of the one instance type that a configuration selects, if it is one."""
        listed = self._api.ask("GET", "/v2/public/inference-instance-types").get("data")
        prices = {
            number_from(kind.get("priceCentsPerHour"))
            for kind in objects_from(listed)
            if word_from(kind.get("id")).lower() in selectors
            or {word_from(kind.get("gpuType")).lower(), word_from(kind.get("gpuCount"))} <= selectors
        }
        price = prices.pop() if len(prices) == 1 else None
        return None if price is None else price / 100

    def _endpoint(self, name: str) -> Mapping[str, Any] | None:
        endpoint: dict[str, Any]
        for endpoint in self._pages("endpoints"):
            if _is_named(endpoint, name):
                return endpoint
        return None

    def _project_id(self) -> str:
        if self._project is None:
            project = self._api.ask("GET", "/v3/whoami").get("project")
            project_id = id_from(object_from(project).get("id"))
            if project_id is None:
                raise ProviderError(
                    self.name,
                    "the key belongs to no one project; give project_id=, or set TOGETHER_PROJECT_ID",
                )
            self._project = project_id
        return self._project

    def _path(self, *parts: str) -> str:
        return "/".join(["/v2/projects", self._project_id(), *parts])

    def _pages(self, *parts: str, **query: Any) -> Iterator[dict[str, Any]]:
        path, what = self._path(*parts), parts[-1]
        return self._api.pages(path, "data", "after", "next_cursor", what=what, limit=100, **query)


def _is_named(endpoint: Mapping[str, Any], name: str) -> bool:
    return word_from(endpoint.get("name")).rsplit("/", 1)[-1] == name


def _name(model_id: str) -> str:
    """The same for the same model, so that what is deployed already is found."""
    return _PREFIX + hashlib.sha256(model_id.encode()).hexdigest()[:12]
