"""Fine-tuning at Together AI.

Plain HTTP and not the SDK: that is 25 packages with a command line among them, changed its major version in
2026, repeats a POST by itself, and would make two ways of failing where there is one. Its types check ours in
the tests.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import an_address, checked, made
from langsmith_finetune._foundation.json_values import id_from, text_from, time_from
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.http.client import RestClient
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.likeness import last_part_agrees, method_agrees, settings_agree
from langsmith_finetune.providers.submission import check_names, ended_meanwhile
from langsmith_finetune.providers.together.answers import (
    checkpoint_from_answer,
    job_event_from_answer,
    job_status_from_answer,
    metrics_event_from_answer,
)
from langsmith_finetune.providers.together.deployments import TogetherDeployments
from langsmith_finetune.providers.together.files import TogetherFiles, file_name
from langsmith_finetune.providers.together.request import TogetherParameters, job_body, job_tag
from langsmith_finetune.providers.values import (
    Checkpoint,
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    ModelInfo,
)
from langsmith_finetune.targets.together import TOGETHER

if TYPE_CHECKING:
    import httpx2
    from langchain_core.language_models import BaseChatModel


class TogetherProvider(TogetherDeployments, TogetherFiles):
    """Trains at Together AI: open models up to the largest, supervised and DPO, weights to take home.

    A job has no metadata there, so the first digits of its fingerprint end the suffix of its model's name
    (`support-lf1a2b3c4d5e`): that is how an earlier equal job is found. A tuned model answers once it is
    deployed, which costs money by the minute.

    Args:
        api_key: The key; by default `TOGETHER_API_KEY`.
        base_url: The host's address, without a version.
        project_id: For deployments; by default `TOGETHER_PROJECT_ID`, or the project of the key.
        http_client: A client of your own, for a proxy.

    Raises:
        ValueError: The key cannot be sent in a header.

    Example:
        >>> TogetherProvider(api_key="made-up")
        TogetherProvider('https://api.together.ai')
    """

    name = "together"
    rules = TOGETHER
    methods = frozenset({"supervised", "dpo"})
    converts_files = True
    longest_suffix = 27  # of their 40; the rest is the fingerprint
    poll_seconds = 20.0
    result = "deployable"

    @checked(base_url=an_address)
    def __init__(
        self,
        api_key: str | None = None,
        base_url: str = "https://api.together.ai",
        *,
        project_id: str | None = None,
        http_client: httpx2.Client | None = None,
    ) -> None:
        key = ApiKey(self.name, "TOGETHER_API_KEY", api_key)
        self._api = RestClient(self.name, base_url, key, http_client=http_client)
        self._project = project_id or os.environ.get("TOGETHER_PROJECT_ID")

    def __repr__(self) -> str:
        return f"TogetherProvider({self._api.address!r})"

    @property
    def home(self) -> str:
        """The host's address."""
        return self._api.address

    # --- jobs ------------------------------------------------------------------------------------------

    def find_jobs(self, request: JobRequest) -> Sequence[JobInfo]:
        """The jobs created from a request with the same fingerprint, newest first."""
        self.check_request(request)
        tag = job_tag(request)
        found = [
            job
            for job in self._jobs()
            if (
                (text_from(job.get("suffix")) or "").endswith(tag)
                or tag in (text_from(job.get("model_output_name")) or "")
            )
            and _may_be(job, request)
        ]
        names = {file["id"]: file.get("filename") for file in self._all_files()} if found else {}
        jobs = [job_status_from_answer(job) for job in found if _has_files_of(job, request, names)]
        return sorted(jobs, key=lambda job: str(job.created_at), reverse=True)

    def create_job(
        self,
        request: JobRequest,
        files: Sequence[FileInfo],
        *,
        attempt: int,  # noqa: ARG002 - Together chooses the id
    ) -> JobInfo:
        """Start a job on uploaded files.

        Raises:
            NotSupportedError: Another method than `supervised` and `dpo`.
            ProviderError: `ambiguous` if a job may have been started all the same.
            ValueError: A parameter is unknown, or the suffix is too long.
        """
        self.check_request(request)
        body = job_body(request, *(file.id for file in files))
        return self._status(self._api.ask("POST", "/v1/fine-tunes", creates=True, json=body), creates=True)

    def preview(self, request: JobRequest) -> Mapping[str, Any]:
        """The body that `create_job` will send, with the names of files in place of their ids."""
        self.check_request(request)
        return job_body(request, *(file_name(sha256) for _, sha256 in request.files))

    def retrieve_job(self, job_id: str) -> JobInfo:
        """Where the job stands now."""
        return self._status(self._api.ask("GET", f"/v1/fine-tunes/{job_id}"))

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What happened, oldest first, and the numbers of each step after it."""
        answers = self._listed(f"/v1/fine-tunes/{job_id}/events", "data")
        # They have no ids: one that is told twice is known by all that it says.
        once = {json.dumps(event, sort_keys=True): event for event in answers}.values()
        events = [job_event_from_answer(event, number) for number, event in enumerate(once, start=1)]
        try:
            rows = self._listed(f"/v1/fine-tunes/{job_id}/metrics", "metrics")
        except ProviderError as error:
            if status_of(error) not in {400, 404, 422}:
                raise
            rows = []  # a job that has not begun has none
        # A row of numbers need not say when it was logged: it was not after the last event.
        last = max((event.created_at for event in events), default=datetime.fromtimestamp(0, UTC))
        events += filter(None, (metrics_event_from_answer(row, last) for row in rows))
        events.sort(key=lambda event: event.created_at)
        return events if newest is None else events[max(len(events) - newest, 0) :]

    def cancel_job(self, job_id: str) -> JobInfo:
        """Ask for the job to be stopped, and say where it stands then. One that has ended stays as it ended."""
        try:
            return self._status(self._api.ask("POST", f"/v1/fine-tunes/{job_id}/cancel"))
        except ProviderError as error:
            return ended_meanwhile(error, lambda: self.retrieve_job(job_id))

    def delete_job(self, job_id: str) -> None:
        """Remove a job from the list, and what it made."""
        self._api.ask("DELETE", f"/v1/fine-tunes/{job_id}")

    def checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """The checkpoints that can still be had, oldest first."""
        found = [
            checkpoint_from_answer(point)
            for point in self._listed(f"/v1/fine-tunes/{job_id}/checkpoints", "data")
        ]
        return sorted(found, key=lambda point: point.step or 0)

    # --- models and files ------------------------------------------------------------------------------

    def list_models(self) -> Sequence[ModelInfo]:
        """The models that our jobs made, newest first."""
        models = [
            ModelInfo(
                id=job["model_output_name"],
                base_model=text_from(job.get("model")) or "unknown",
                job_id=job["id"],
                created_at=time_from(job.get("created_at")),
            )
            for job in self._jobs()
            if job.get("status") == "completed" and id_from(job.get("model_output_name"))
        ]
        return sorted(models, key=lambda model: str(model.created_at), reverse=True)

    def download(self, model_id: str, path: Path, *, adapter: bool = False) -> Path:
        """Fetch a model's weights into a folder, as the archive that Together packs (`tar --zstd -xf`).

        It is not unpacked here: an archive from elsewhere decides where its files go.

        Args:
            model_id: The model, as `list_models` names it.
            path: The folder; made if needed.
            adapter: The adapter alone, in place of the model with the adapter merged in.

        Raises:
            ProviderError: No job of ours made this model.
        """
        job_id = next((model.job_id for model in self.list_models() if model.id == model_id), None)
        if job_id is None:
            raise ProviderError(self.name, f"no job of yours made a model {model_id!r}; see list_models()")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        archive = path / f"{model_id.rsplit('/', 1)[-1]}.tar.zst"
        query = {"ft_id": job_id, "checkpoint": "adapter" if adapter else "merged"}
        self._api.fetch("/v1/finetune/download", archive, signed=False, params=query)
        return path

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """A deployed model as `langchain_openai.ChatOpenAI`, by what its deployment `serves_as`.

        Not as `ChatTogether`, which is the same class with another default address and needs a package more.
        """
        from langchain_openai import ChatOpenAI  # noqa: PLC0415 - half a second that a job can do without

        settings: dict[str, Any] = {
            "model": model_id,
            "api_key": self._api.api_key,
            "base_url": f"{self._api.base_url}/v1",
        }
        return made(ChatOpenAI, "chat_model()", settings, kwargs)

    def check_request(self, request: JobRequest) -> None:
        """Refuse what Together cannot do, and parameters that it does not know."""
        super().check_request(request)
        check_names(self.name, request.parameters, TogetherParameters)

    def _jobs(self) -> Iterator[dict[str, Any]]:
        """All jobs that are ours to see."""
        return self._all("/v1/fine-tunes", "jobs")

    def _status(self, job: dict[str, Any], *, creates: bool = False) -> JobInfo:
        if id_from(job.get("id")) is None:
            raise self._api.odd_answer("has no id", creates=creates)
        return job_status_from_answer(job)


def _may_be(job: Mapping[str, Any], request: JobRequest) -> bool:
    """True if nothing that a job with our tag shows speaks against the request."""
    return (
        ("from_checkpoint" in request.parameters or last_part_agrees(job.get("model"), request.model))
        and method_agrees(request, job.get("training_method"))
        and settings_agree(request, job, {"seed": ("seed", "random_seed")})
    )


def _has_files_of(job: Mapping[str, Any], request: JobRequest, names: Mapping[str, Any]) -> bool:
    """True if no file that a job shows is known to be another than the request's; one may have been deleted."""
    wanted = dict(zip(("training_file", "validation_file"), (sha for _, sha in request.files), strict=False))
    for kind in ("training_file", "validation_file"):
        shown = id_from(job.get(kind))
        if shown is None:
            continue
        if kind not in wanted or names.get(shown, file_name(wanted[kind])) != file_name(wanted[kind]):
            return False
    return True
