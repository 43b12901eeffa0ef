"""Fine-tuning at Fireworks AI. Plain HTTP: the SDK is new, large, and changes by the week."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.json_values import (
    id_from,
    object_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune._foundation.masking import host_words
from langsmith_finetune._foundation.retry import with_retries
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.fireworks.answers import (
    job_events_from_answer,
    job_status_from_answer,
)
from langsmith_finetune.providers.fireworks.deployments import FireworksDeployments
from langsmith_finetune.providers.fireworks.request import (
    SHOWN_NAMES,
    FireworksParameters,
    attempt_of,
    job_body,
    job_id,
)
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.http.client import OnProgress, RestClient, status_of
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.http.sending import FileChangedError, Sending
from langsmith_finetune.providers.likeness import last_part_agrees, settings_agree
from langsmith_finetune.providers.submission import check_names, ended_meanwhile
from langsmith_finetune.providers.values import (
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    ModelInfo,
    PreparedFile,
)
from langsmith_finetune.targets.fireworks import FIREWORKS

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel

_FILE_POLL_SECONDS = 5.0
_LONGEST_FILE_SECONDS = 1800.0
_LARGEST_FORM = 150 * 10**6
_KINDS = {"supervised": "supervisedFineTuningJobs", "dpo": "dpoJobs"}
_ID = re.compile(r"(dpoJobs/)?[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SUFFIX = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_DATASET = "lf-"


class FireworksProvider(FireworksDeployments):
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
        return job_body(request, *(_dataset_id(sha256) for _, sha256 in request.files))

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

    def list_files(self) -> Sequence[FileInfo]:
        """The datasets that this library uploaded, newest first."""
        files = [
            FileInfo(id=name, name=name, created_at=time_from(dataset.get("createTime")))
            for dataset in self._pages("datasets")
            if re.fullmatch(_DATASET + "[0-9a-f]{32}", name := dataset["name"].rsplit("/", 1)[-1])
        ]
        return sorted(files, key=lambda file: str(file.created_at), reverse=True)

    def delete_file(self, file_id: str) -> None:
        """Remove an uploaded dataset."""
        self._api.ask("DELETE", self._path("datasets", file_id))

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
        return ChatOpenAI(**settings | kwargs)

    # --- datasets --------------------------------------------------------------------------------------

    def upload(
        self,
        file: PreparedFile,
        *,
        memory: MutableMapping[str, Any],  # noqa: ARG002 - a dataset is found by its id
        on_progress: Callable[[int, int], None],
    ) -> FileInfo:
        """Send a file unless it is there already, and wait until it is ready."""
        id_ = _dataset_id(file.sha256)
        dataset = self._dataset(id_)
        if dataset is not None and _is_another(dataset, file):
            self.delete_file(id_)  # of our name, and not of our lines
            dataset = None
        if dataset is None or dataset.get("state") != "READY":
            self._send(file, id_, on_progress, announced=dataset is not None)
            started = clock().now()
            look = partial(self._dataset, id_)
            while (dataset := with_retries(look) or {}).get("state") != "READY":
                if clock().now() - started > _LONGEST_FILE_SECONDS:
                    raise ProviderError(
                        self.name,
                        f"dataset {id_} is still {dataset.get('state')} after {_LONGEST_FILE_SECONDS:.0f} s; no "
                        "job was created. Call create again later: it goes on with this dataset",
                    )
                reason = object_from(dataset.get("status"))
                if reason.get("code") not in (None, "", "OK"):
                    message = host_words(text_from(reason.get("message")) or word_from(reason["code"]))
                    error = ProviderError(
                        self.name, f"dataset {id_} was refused: {message}. No job was created"
                    )
                    if line := rejected_line(message, file.path.name):
                        raise line from error
                    raise error
                clock().sleep(_FILE_POLL_SECONDS)
        return FileInfo(id=id_, name=id_, size_bytes=file.size_bytes)

    def _dataset(self, id_: str) -> dict[str, Any] | None:
        try:
            dataset = self._api.ask("GET", self._path("datasets", id_))
        except ProviderError as error:
            if status_of(error) == 404:
                return None
            raise
        if word_from(dataset.get("name")).rsplit("/", 1)[-1] != id_:
            raise self._api.odd_answer(f"to a look at dataset {id_} shows another", creates=False)
        return dataset

    def _send(self, file: PreparedFile, id_: str, on_progress: OnProgress, *, announced: bool) -> None:
        if not announced:
            dataset = {"userUploaded": {}, "exampleCount": str(file.lines)}
            try:
                self._api.ask("POST", self._path("datasets"), json={"datasetId": id_, "dataset": dataset})
            except ProviderError as error:
                if status_of(error) != 409:
                    raise
        try:
            with Sending(self.name, file, on_progress) as sending:
                self._send_content(sending, id_)
        except FileChangedError:
            with suppress(ProviderError):  # it never came, and is not ready
                self.delete_file(id_)
            raise

    def _send_content(self, sending: Sending, id_: str) -> None:
        target, size = self._path("datasets", id_), sending.size
        if size <= _LARGEST_FORM:
            form = {"file": (f"{id_}.jsonl", sending.stretch(), "application/octet-stream")}
            self._api.send("POST", f"{target}:upload", files=form)
            return
        named = {"filenameToSize": {f"{id_}.jsonl": str(size)}}
        urls = self._api.ask("POST", f"{target}:getUploadEndpoint", json=named).get("filenameToSignedUrls")
        if not isinstance(urls, dict) or not urls:
            raise self._api.odd_answer("to the upload names no place for the file", creates=False)
        for url in urls.values():
            bounds = {
                "content-type": "application/octet-stream",
                "x-goog-content-length-range": f"{size},{size}",
            }
            self._api.put_file(text_from(url) or "", sending.stretch(), bounds)
        self._api.ask("POST", f"{target}:validateUpload", json={})

    # --- requests --------------------------------------------------------------------------------------

    def check_request(self, request: JobRequest) -> None:
        """Refuse what Fireworks cannot do, parameters that are not of the method, and a suffix of another form."""
        super().check_request(request)
        check_names(self.name, request.parameters, FireworksParameters.__annotations__)
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


def _is_another(dataset: Mapping[str, Any], file: PreparedFile) -> bool:
    """True if a dataset that is ready says that it has another number of lines than the file."""
    shown = word_from(dataset.get("exampleCount"))
    return (
        dataset.get("state") == "READY"
        and file.lines is not None
        and re.fullmatch("[1-9][0-9]{0,15}", shown) is not None
        and int(shown) != file.lines
    )


def _dataset_id(sha256: str) -> str:
    return f"{_DATASET}{sha256[:32]}"


def _may_be(job: Mapping[str, Any], request: JobRequest) -> bool:
    """True if nothing that a job with our id shows speaks against the request."""
    config = object_from(job.get("trainingConfig")) or job
    training, *validation = (_dataset_id(sha256) for _, sha256 in request.files)
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
