"""Serves, fetches and removes a tuned model at Fireworks. A deployment costs money by the GPU second."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langsmith_finetune._foundation.json_values import id_from, text_from
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.fireworks.account import FireworksAccount
from langsmith_finetune.providers.fireworks.answers import deployment_from_answer
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.values import DeploymentInfo


class FireworksDeployments(FireworksAccount):
    """The part of `FireworksProvider` that serves."""

    def delete_model(self, model_id: str) -> None:
        """Remove a tuned model for good."""
        self._api.ask("DELETE", f"/v1/{_resource(model_id, 'models')}")

    def download(self, model_id: str, path: Path) -> Path:
        """Fetch a model's files into a folder, and return it.

        Raises:
            ProviderError: Fireworks offers no files, or one with a name that leads out of the folder.
        """
        answer = self._api.ask("GET", f"/v1/{_resource(model_id, 'models')}:getDownloadEndpoint")
        files = answer.get("filenameToSignedUrls")
        if not isinstance(files, dict) or not files:
            raise ProviderError(self.name, f"there are no files of model {model_id!r} to download")
        for name in files:
            parts = Path(name).parts
            if Path(name).is_absolute() or ".." in parts or "\\" in name:
                raise ProviderError(
                    self.name, f"a file of model {model_id!r} has a name that leads elsewhere"
                )
            if not parts or not name.isprintable() or name.endswith("/"):
                raise ProviderError(
                    self.name, f"a file of model {model_id!r} has no name that a file can have"
                )
        for name, url in files.items():
            file = path / name
            try:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._api.fetch(text_from(url) or "", file, signed=True)
            except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
                raise ProviderError(
                    self.name, f"two files of model {model_id!r} have names of which one is in the other"
                ) from error
        return path

    def deploy(self, model_id: str, **settings: Any) -> DeploymentInfo:
        """Begin to serve a tuned model on GPUs of its own. Sent twice, it is one deployment all the same.

        Args:
            model_id: The tuned model, as the job names it.
            **settings: `shape`: Fireworks' name for the hardware; by default they choose. `min_replicas`: 0,
                so that nothing is paid while nobody asks. `max_replicas`: 1.

        Raises:
            ValueError: A setting is unknown.
        """
        known = {"shape": "default", "min_replicas": 0, "max_replicas": 1}
        if unknown := sorted(set(settings) - set(known)):
            raise ValueError(
                f"fireworks: deploy: unknown setting {', '.join(map(repr, unknown))}; it takes {', '.join(known)}"
            )
        chosen, id_ = known | settings, _deployment_id(model_id)
        body = {
            "baseModel": model_id,
            "deploymentShape": chosen["shape"],
            "minReplicaCount": chosen["min_replicas"],
            "maxReplicaCount": chosen["max_replicas"],
        }
        path = self._path("deployments")
        try:
            answer = self._api.ask("POST", path, creates=True, params={"deploymentId": id_}, json=body)
        except ProviderError as error:
            if status_of(error) != 409:
                raise
            there = self.retrieve_deployment(id_)
            if there.model_id not in (model_id, "unknown"):
                raise ProviderError(
                    self.name, f"deployment {id_} serves {there.model_id!r}; delete it first"
                ) from error
            return there
        made = self._deployment(answer)
        if made.id != id_ or made.model_id not in (model_id, "unknown"):
            raise self._api.odd_answer("to the deployment shows another", creates=True)
        return made

    def list_deployments(self, model_id: str | None = None) -> Sequence[DeploymentInfo]:
        """The deployments that this library made, of one model or of all, newest first."""
        found = [
            self._deployment(deployment)
            for deployment in self._pages("deployments", orderBy="createTime desc")
            if deployment["name"].rsplit("/", 1)[-1].startswith("lf-")
        ]
        return [one for one in found if model_id in (None, one.model_id)]

    def retrieve_deployment(self, deployment_id: str) -> DeploymentInfo:
        """Where a deployment stands now."""
        found = self._deployment(self._api.ask("GET", self._path("deployments", deployment_id)))
        if found.id != deployment_id:
            raise self._api.odd_answer(
                f"to a look at deployment {deployment_id} shows another", creates=False
            )
        return found

    def delete_deployment(self, deployment_id: str) -> None:
        """End a deployment and what it costs."""
        self._api.ask("DELETE", self._path("deployments", deployment_id))

    def _deployment(self, deployment: dict[str, Any]) -> DeploymentInfo:
        if id_from(deployment.get("name")) is None:
            raise self._api.odd_answer("has no name of a deployment", creates=False)
        return deployment_from_answer(deployment)


def _deployment_id(model_id: str) -> str:
    return "lf-" + hashlib.sha256(model_id.encode()).hexdigest()[:16]


def _resource(name: str, kind: str) -> str:
    if not re.fullmatch(rf"accounts/[A-Za-z0-9._-]+/{kind}/[A-Za-z0-9._-]+", name):
        raise ProviderError(
            "fireworks", f"{name!r} is no name of one of its {kind}: accounts/ACCOUNT/{kind}/ID"
        )
    return name
