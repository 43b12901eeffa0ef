"""Fine-tuning at Fireworks AI. Plain HTTP: the SDK is new, large, and changes by the week."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import an_address, checked, made
from langsmith_finetune._foundation.json_values import (
    id_from,
    object_from,
    text_from,
)
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.fireworks.answers import (
    job_events_from_answer,
    job_status_from_answer,
)
from langsmith_finetune.providers.fireworks.deployments import FireworksDeployments
from langsmith_finetune.providers.fireworks.files import FireworksFiles, dataset_id
from langsmith_finetune.providers.fireworks.request import (
    SHOWN_NAMES,
    FireworksParameters,
    attempt_of,
    job_body,
    job_id,
)
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.http.client import RestClient
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.likeness import last_part_agrees, settings_agree
from langsmith_finetune.providers.submission import check_names, ended_meanwhile
from langsmith_finetune.providers.values import (
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    ModelInfo,
)
from langsmith_finetune.targets.fireworks import FIREWORKS

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel

_KINDS = {"supervised": "supervisedFineTuningJobs", "dpo": "dpoJobs"}
_ID = re.compile(r"(dpoJobs/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SUFFIX = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")


class FireworksProvider(FireworksDeployments, FireworksFiles):
    """Trains LoRA adapters at Fireworks AI, supervised and DPO.

    A job's id is chosen here: it is made of the request's fingerprint. So Fireworks itself refuses a second
    equal job, whoever sends it, and a creation that was answered by silence can be sent again. Fireworks takes
    no seed; one only tells requests apart. A tuned model answers once it is deployed, which costs money by the
    GPU second while replicas run; without requests they stop.

    Args:
        api_key: The key; by default `FIREWORKS_API_KEY`.
        account_id: The account; by default `FIREWORKS_ACCOUNT_ID`, or the only account of the key.
        base_url: The host's address, without a version.
        http_client: A client of your own, for a proxy.

    Raises:
        ValueError: The key cannot be sent in a header.

    Example:
        >>> FireworksProvider(api_key="made-up", account_id="me")
        FireworksProvider('https://api.fireworks.ai', account_id='me')
    """

    name = "fireworks"
    rules = FIREWORKS
    methods = frozenset({"supervised", "dpo"})
    converts_files = True
    longest_suffix = 30
    poll_seconds = 20.0
    result = "deployable"

    @checked(base_url=an_address)
    def __init__(
        self,
        api_key: str | None = None,
        account_id: str | None = None,
        base_url: str = "https://api.fireworks.ai",
        *,
        http_client: httpx2.Client | None = None,
    ) -> None:
        key = ApiKey(self.name, "FIREWORKS_API_KEY", api_key)
        self._api = RestClient(self.name, base_url, key, http_client=http_client)
        self._account_id = self._given_account = account_id or os.environ.get("FIREWORKS_ACCOUNT_ID")

    def __repr__(self) -> str:
        return f"FireworksProvider({self._api.address!r}, account_id={self._account_id!r})"

    @property
    def home(self) -> str:
        """The host's address, and the account if it was given: what is found out later does not count."""
        return f"{self._api.address}/{self._given_account or ''}"

    # --- jobs ------------------------------------------------------------------------------------------

    def find_jobs(self, request: JobRequest) -> Sequence[JobInfo]:
        """The jobs created from a request with the same fingerprint, newest first."""
        self.check_request(request)
        found = [
            self._status(job)
            for job in self._pages(_KINDS[request.method], orderBy="createTime desc")
            if _is_of(request, job["name"].rsplit("/", 1)[-1]) and _may_be(job, request)
        ]
        return sorted(found, key=lambda job: job.attempt or 0, reverse=True)

    def create_job(self, request: JobRequest, files: Sequence[FileInfo], *, attempt: int) -> JobInfo:
        """Start a job on uploaded files.

        Where somebody else started the same at the same time, or an earlier request did arrive, the job of that
        id is there already, and is returned in place of a second one.

        Raises:
            NotSupportedError: Another method than `supervised` and `dpo`.
            ProviderError: `ambiguous` if a job may have been started all the same.
            ValueError: A parameter is unknown or not for this method, or the suffix is not allowed.
        """
        self.check_request(request)
        kind, id_ = _KINDS[request.method], job_id(request, attempt)
        body = self._body(request, *(file.id for file in files)) | {"displayName": id_}
        query = {"supervisedFineTuningJobId" if request.method == "supervised" else "dpoJobId": id_}
        try:
            job = self._api.ask("POST", self._path(kind), creates=True, params=query, json=body)
        except ProviderError as error:
            if status_of(error) != 409:
                raise
            job = self._api.ask("GET", self._path(kind, id_))
            if not _may_be(job, request):
                raise ProviderError(
                    self.name,
                    f"job {id_} is there already, and is of other settings than these. Delete it, or take another "
                    "suffix",
                ) from error
        if str(job.get("name")).rsplit("/", 1)[-1] != id_:
            raise self._api.odd_answer("to the creation shows another job", creates=True)
        return self._status(job, creates=True)

    def preview(self, request: JobRequest) -> Mapping[str, Any]:
        """The body that `create_job` will send, with the ids of datasets in place of their names."""
        self.check_request(request)
        return job_body(request, *(dataset_id(sha256) for _, sha256 in request.files))

    def retrieve_job(self, job_id: str) -> JobInfo:
        """Where the job stands now."""
        return self._status(self._api.ask("GET", self._job_path(job_id)))

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """The job's beginning, the numbers of its steps, and where it stands; Fireworks keeps no events."""
        job = self._api.ask("GET", self._job_path(job_id))
        events = job_events_from_answer(job, self._metrics(job, job_id))
        return events if newest is None else events[max(len(events) - newest, 0) :]

    def cancel_job(self, job_id: str) -> JobInfo:
        """Ask for the job to be stopped, and say where it stands then. One that has ended stays as it ended."""
        try:
            self._api.ask("POST", f"{self._job_path(job_id)}:cancel", json={})
        except ProviderError as error:
            return ended_meanwhile(error, lambda: self.retrieve_job(job_id))
        return self.retrieve_job(job_id)

    def delete_job(self, job_id: str) -> None:
        """Remove a job that has ended. Its model stays."""
        self._api.ask("DELETE", self._job_path(job_id))

    # --- models and files ------------------------------------------------------------------------------

    def list_models(self) -> Sequence[ModelInfo]:
        """The models that jobs of this library made, newest first."""
        jobs = [
            self._status(job)
            for kind in _KINDS.values()
            for job in self._pages(kind)
            if attempt_of(job["name"].rsplit("/", 1)[-1])
        ]
        models = [
            ModelInfo(id=job.fine_tuned_model, base_model=job.model, job_id=job.id, created_at=job.created_at)
            for job in jobs
            if job.fine_tuned_model
        ]
        return sorted(models, key=lambda model: str(model.created_at), reverse=True)

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """A deployed model as `langchain_openai.ChatOpenAI`, by what its deployment `serves_as`.

        Not as `ChatFireworks`, which needs Fireworks' SDK.
        """
        from langchain_openai import ChatOpenAI  # noqa: PLC0415 - half a second that a job can do without

        settings: dict[str, Any] = {
            "model": model_id,
            "api_key": self._api.api_key,
            "base_url": f"{self._api.base_url}/inference/v1",
        }
        return made(ChatOpenAI, "chat_model()", settings, kwargs)

    # --- requests --------------------------------------------------------------------------------------

    def check_request(self, request: JobRequest) -> None:
        """Refuse what Fireworks cannot do, parameters that are not of the method, and a suffix of another form."""
        super().check_request(request)
        check_names(self.name, request.parameters, FireworksParameters)
        if request.suffix is not None and not _SUFFIX.fullmatch(request.suffix):
            raise ValueError(
                f"fireworks: suffix must be lower-case letters, digits and '-', beginning with a letter, got "
                f"{request.suffix!r}"
            )
        if request.method == "dpo" and request.validation_file is not None:
            raise NotSupportedError(self.name, "a validation file with method='dpo'; leave it out")
        job_body(request)

    def _body(self, request: JobRequest, *datasets: str) -> dict[str, Any]:
        return job_body(request, *(f"accounts/{self._account()}/datasets/{id_}" for id_ in datasets))

    def _metrics(self, job: dict[str, Any], job_id: str) -> bytes:
        """The file of metrics, as far as there is one; a display, so never a reason to fail."""
        try:
            url = job.get("metricsFileSignedUrl")
            if job_id.startswith("dpoJobs/"):
                url = self._api.ask("GET", f"{self._job_path(job_id)}:getMetricsFileEndpoint").get(
                    "signedUrl"
                )
            return self._api.read(str(url)) if url else b""
        except ProviderError:
            return b""

    def _status(self, job: dict[str, Any], *, creates: bool = False) -> JobInfo:
        if not re.fullmatch(r"accounts/[^/]+/[^/]+/[^/]+", id_from(job.get("name")) or ""):
            raise self._api.odd_answer("has no name of a job", creates=creates)
        return job_status_from_answer(job)

    def _job_path(self, job_id: str) -> str:
        if not _ID.fullmatch(job_id):
            raise ProviderError(self.name, f"there is no job {job_id!r}")
        return self._path(job_id if job_id.startswith("dpoJobs/") else f"{_KINDS['supervised']}/{job_id}")


def _may_be(job: Mapping[str, Any], request: JobRequest) -> bool:
    """True if nothing that a job with our id shows speaks against the request."""
    config = object_from(job.get("trainingConfig")) or job
    training, *validation = (dataset_id(sha256) for _, sha256 in request.files)
    measured = text_from(job.get("evaluationDataset"))
    return (
        last_part_agrees(config.get("baseModel"), request.model)
        and last_part_agrees(job.get("dataset"), training)
        and (measured is None or (bool(validation) and last_part_agrees(measured, validation[0])))
        and settings_agree(request, job, SHOWN_NAMES)
    )


def _is_of(request: JobRequest, id_: str) -> bool:
    attempt = attempt_of(id_)
    return attempt is not None and id_ == job_id(request, attempt)
