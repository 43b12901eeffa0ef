"""Fine-tuning at Nebius Token Factory: OpenAI's API in Nebius' way."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Literal, TypedDict

from langsmith_finetune._foundation.json_values import id_from, text_from, word_from
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.client import RestClient
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.values import DeploymentInfo, JobRequest
from langsmith_finetune.targets.nebius import NEBIUS


class NebiusParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=)` takes at Nebius.

    Source: `post-training/fine-tuning-1/fine_tune_llama.ipynb` of https://github.com/nebius/token-factory-cookbook.
    """

    n_epochs: int
    """How often the whole file is trained on."""
    batch_size: int
    """Examples in a batch."""
    learning_rate: float
    """Absolute. Nebius takes it under OpenAI's name `learning_rate_multiplier`, where OpenAI means a factor."""
    lora: bool
    """Train an adapter."""
    lora_r: int
    """The adapter's rank."""
    packing: bool
    """Put several examples into one sequence."""
    warmup_ratio: float
    """The share of the steps in which the learning rate rises."""
    weight_decay: float
    """Of the optimizer."""


class NebiusProvider(OpenAIProvider):
    """Trains at Nebius Token Factory: open models, whose weights can be taken home.

    The settings go under `hyperparameters`, as this host reads them. A tuned adapter is served by the token
    once it is registered (`deploy`). Which models, whether lines with tools: see Nebius' own pages.

    Args:
        api_key: The key; by default `NEBIUS_API_KEY`.
        base_url: The host's address with its version.
        client: A client of the official SDK, in place of both.
    """

    name = "nebius"
    address = "https://api.tokenfactory.nebius.com/v1/"
    rules = NEBIUS
    methods = frozenset({"supervised"})
    converts_files = True
    result = "deployable"
    pause_job = Provider.pause_job
    resume_job = Provider.resume_job
    key_variable: ClassVar = "NEBIUS_API_KEY"
    largest_upload: int | None = None
    parameters: ClassVar = {"supervised": tuple(NebiusParameters.__annotations__)}
    parameter_types: ClassVar = NebiusParameters
    parameter_names: ClassVar = {"learning_rate": ("learning_rate", "learning_rate_multiplier")}

    def body(
        self, request: JobRequest, training_file: str, validation_file: str | None = None
    ) -> dict[str, Any]:
        """OpenAI's of the older form: the settings at the top."""
        body = super().body(request, training_file, validation_file)
        del body["method"]
        settings = dict(request.parameters)
        if "learning_rate" in settings:
            settings["learning_rate_multiplier"] = settings.pop("learning_rate")
        # Beside the SDK's own arguments, which do not know all of these names.
        return body | ({"extra_body": {"hyperparameters": settings}} if settings else {})

    def deploy(self, model_id: str, **settings: Any) -> DeploymentInfo:
        """Register a tuned adapter, which is then served by the token: nothing is paid by the hour.

        Args:
            model_id: The tuned model, or a checkpoint as `JOB:CHECKPOINT`.
            **settings: `base_model`: the model to serve it on, by its name for inference; needed. `name`: its
                own, needed.

        Raises:
            ValueError: One is missing or unknown.
        """
        if settings.keys() != {"base_model", "name"}:
            raise ValueError(
                f"nebius: deploy takes base_model= and name=, got {', '.join(sorted(settings)) or 'neither'}"
            )
        answer = self._rest.ask("POST", "/v0/models", creates=True, json=settings | {"source": model_id})
        source = text_from(answer.get("source"))
        if source not in (None, model_id):
            raise ProviderError(
                self.name, f"asked to serve {model_id}, it answered about {source}", ambiguous=True
            )
        return self._registered(answer, model_id)

    def retrieve_deployment(self, deployment_id: str) -> DeploymentInfo:
        """Where a registered adapter stands now."""
        found = self._registered(self._rest.ask("GET", f"/v0/models/{deployment_id}"))
        # Registered as `bot`, it is served as `meta-llama/Llama-LoRa:bot-x1y2`.
        if found.id != deployment_id and f":{deployment_id}-" not in found.id:
            raise ProviderError(self.name, f"asked for model {deployment_id}, it answered with {found.id}")
        return replace(found, id=deployment_id)

    def delete_deployment(self, deployment_id: str) -> None:
        """Take an adapter out of service."""
        self._rest.ask("DELETE", f"/v0/models/{deployment_id}")

    @cached_property
    def _rest(self) -> RestClient:
        url = self.client.base_url
        return RestClient(self.name, f"{url.scheme}://{url.netloc.decode()}", self.key)

    def _registered(self, answer: dict[str, Any], model_id: str | None = None) -> DeploymentInfo:
        name = id_from(answer.get("name"))
        if name is None:
            raise ProviderError(
                self.name, "the answer about a model has no name", ambiguous=model_id is not None
            )
        word = word_from(answer.get("status"))
        states: dict[str, Literal["ready", "failed"]] = {"active": "ready", "error": "failed"}
        return DeploymentInfo(
            id=name,
            model_id=model_id or text_from(answer.get("source")) or name,
            status=states.get(word, "unknown"),
            provider_status=word,
            serves_as=name,
            usd_per_hour=0.0,
            error=text_from(answer.get("status_reason")),
        )
