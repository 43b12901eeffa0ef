"""A provider at the OpenAI stand-in that serves a model only once it is deployed, as most hosts do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.values import DeploymentInfo
from langsmith_finetune.targets.openai import OPENAI

_COST = 2.5


class DeployingProvider(OpenAIProvider):
    name = "deploying"
    rules = replace(OPENAI, name="deploying")
    result = "deployable"

    def deployment_usd_per_hour(self, model_id: str, **settings: Any) -> float | None:
        return _COST

    def deploy(self, model_id: str, **settings: Any) -> DeploymentInfo:
        return self._shown(self._api.call("post", "/deployments", creates=True, body={"model": model_id}))

    def list_deployments(self, model_id: str | None = None) -> Sequence[DeploymentInfo]:
        answers = self._api.call("get", "/deployments")["data"]
        return [self._shown(answer) for answer in answers if model_id in (None, answer["model"])]

    def retrieve_deployment(self, deployment_id: str) -> DeploymentInfo:
        return self._shown(self._api.call("get", f"/deployments/{deployment_id}"))

    def delete_deployment(self, deployment_id: str) -> None:
        self._api.call("delete", f"/deployments/{deployment_id}")

    def _shown(self, answer: dict[str, Any]) -> DeploymentInfo:
        return DeploymentInfo(
            id=answer["id"],
            model_id=answer["model"],
            status=answer["status"],
            provider_status=answer["status"],
            usd_per_hour=_COST,
        )
