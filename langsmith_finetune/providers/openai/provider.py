"""Fine-tuning at OpenAI, and at every host that speaks OpenAI's files and fine-tuning API."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

import openai

from langsmith_finetune._foundation.arguments import an_address, checked, made
from langsmith_finetune._foundation.json_values import (
    id_from,
    number_from,
    object_from,
    text_from,
    time_from,
    word_from,
)
from langsmith_finetune._printable import printable_address
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.http.rejected_line import rejected_line
from langsmith_finetune.providers.likeness import file_agrees, method_agrees, settings_agree, text_agrees
from langsmith_finetune.providers.openai.answers import (
    checkpoint_from_answer,
    job_event_from_answer,
    job_status_from_answer,
)
from langsmith_finetune.providers.openai.client import (
    NO_SUCH_PATH,
    OpenAIRequests,
    bounded,
    key_function,
)
from langsmith_finetune.providers.openai.files import OpenAIFiles, file_name
from langsmith_finetune.providers.openai.request import METADATA_KEY, PARAMETERS, OpenAIParameters, job_body
from langsmith_finetune.providers.submission import check_names
from langsmith_finetune.providers.values import (
    ENDED,
    Checkpoint,
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    Method,
    ModelInfo,
    PreparedFile,
)
from langsmith_finetune.targets.openai import OPENAI

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_LOOK_TIMEOUT_SECONDS = 60.0
"""A look at a job is small. The SDK's ten minutes would keep `wait(timeout=...)` from its word."""

_MOST_EVENTS = 10_000
_PAGE_ITEMS = 100


class OpenAIProvider(Provider):
    """Trains at OpenAI, or at any host of the same API: Azure's `/openai/v1/`, Nebius and others.

    OpenAI itself is closing this service. Organizations that never fine-tuned have been refused since
    2026-05-07, inactive ones since 2026-07-02; nobody can create a job from 2027-01-06 on, and a tuned
    model lives as long as its base: gpt-4o, gpt-4o-mini, gpt-4.1 and gpt-4.1-mini end on 2027-01-14
    (https://developers.openai.com/api/docs/deprecations, read 2026-11-22).

    A file is uploaded under a name made from its hash, so one that is already there is used again; more than
    512 MB go in parts. Neither a key nor a line of the file appears in any error text.

    A host with its own ways is a subclass: it has another `name`, `address` and `rules`, and overrides `body` (the
    request that creates a job).

    Args:
        api_key: The key; by default `OPENAI_API_KEY`.
        base_url: The host's address with its version, `"https://api.openai.com/v1"`; by default the class's
            `address`, or else `OPENAI_BASE_URL`, or OpenAI.
        client: A client of the official SDK, in place of both. Its `max_retries` is not used: the SDK
            would send a paid request three times on a lost connection; `FineTuneJob` looks first.

    Raises:
        ValueError: `client` was given beside a key or address, or the key cannot be sent in a header.

    Example:
        >>> provider = OpenAIProvider(api_key="sk-made-up", base_url="http://localhost:8000/v1")
        >>> provider
        OpenAIProvider('http://localhost:8000/v1/')
    """

    name = "openai"
    rules = OPENAI
    methods = frozenset({"supervised", "dpo", "reinforcement"})
    parameters: ClassVar[Mapping[Method, Sequence[str]]] = PARAMETERS
    """The names that `parameters` may have, by method."""

    parameter_types: ClassVar[type] = OpenAIParameters
    """The forms that they may have."""

    parameter_names: ClassVar[Mapping[str, Sequence[str]]] = {}
    """The names under which a job shows a parameter, where they are others."""

    address: ClassVar[str | None] = None
    """Where the host is, with its version; None leaves it to the SDK."""

    key_variable: ClassVar = "OPENAI_API_KEY"
    """The environment variable that holds the key."""

    largest_upload: int | None = 512 << 20
    """Larger files go in parts; None for a host that takes any file in one request."""

    part_bytes: int = 64 << 20

    @checked(base_url=an_address)
    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        client: openai.OpenAI | None = None,
    ) -> None:
        if client is None:
            # A function where there is no key: without one the SDK would take OpenAI's, and send it to any host.
            key = ApiKey(self.name, self.key_variable, api_key)
            headers = None if self.key_variable == OpenAIProvider.key_variable else _without_openais(key)
            url = base_url or self.address
            client = openai.OpenAI(api_key=key.found() or key, base_url=url, default_headers=headers)
        elif api_key is not None or base_url is not None:
            name = type(self).__name__
            raise ValueError(f"{name}: pass either client=, or api_key= and base_url=, not both")
        self.client = client
        # Raw responses, because the SDK's types have what hosts leave out, and take what no host should send.
        patient = bounded(client).with_options(max_retries=0)
        brisk = patient
        if client.timeout == openai.DEFAULT_TIMEOUT:
            brisk = patient.with_options(timeout=_LOOK_TIMEOUT_SECONDS)
        self._api = OpenAIRequests(self.name, patient)
        self._files = OpenAIFiles(
            self._api,
            patient,
            brisk,
            largest_upload=self.largest_upload,
            part_bytes=self.part_bytes,
        )
        self._create_job = patient.fine_tuning.jobs.with_raw_response.create
        self._jobs = brisk.fine_tuning.jobs.with_raw_response
        self._checkpoints = brisk.fine_tuning.jobs.checkpoints.with_raw_response
        self._models = brisk.models.with_raw_response

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.home!r})"

    @property
    def home(self) -> str:
        """The host's address."""
        return printable_address(str(self.client.base_url))

    @property
    def key(self) -> str | Callable[[], str]:
        """The client's key, or the function that it was made with, as for Azure's tokens.

        Raises:
            ValueError: There is none.
        """
        function = key_function(self.client)
        return function() if isinstance(function, ApiKey) else function or self.client.api_key

    # --- jobs ------------------------------------------------------------------------------------------

    def find_jobs(self, request: JobRequest) -> Sequence[JobInfo]:
        """The jobs created from a request with the same fingerprint, newest first.

        They are known by their metadata. Where a host keeps no metadata, a job counts that was trained
        from the same upload and base model, unless its shown settings differ. The newest 1,000 jobs are
        looked at, and all of the last 90 days (all of them where the host filters by metadata, as OpenAI does).

        Raises:
            NotSupportedError: The host cannot list jobs.
            ProviderError: It refused, or could not be reached.
            ValueError: `parameters` has a name that this provider does not know.
        """
        self.check_request(request)
        tag = request.fingerprint[:32]
        uploads: dict[str, set[str]] | None = None
        found = []
        try:
            for job in self._api.pages(
                "jobs", self._jobs.list, limit=_PAGE_ITEMS, metadata={METADATA_KEY: tag}
            ):
                metadata = object_from(job.get("metadata"))
                if metadata:
                    if metadata.get(METADATA_KEY) == tag:
                        found.append(job)
                elif self._may_be(job, request):
                    if uploads is None:
                        uploads = self._files.ids_by_name({file_name(sha256) for _, sha256 in request.files})
                    if self._has_files_of(job, request, uploads):
                        found.append(job)
        except ProviderError as error:
            if status_of(error) in NO_SUCH_PATH:
                raise NotSupportedError(
                    self.name, "listing jobs at this host, so an earlier equal job cannot be looked up"
                ) from error
            raise
        found.sort(key=lambda job: number_from(job.get("created_at")) or 0.0, reverse=True)
        return [job_status_from_answer(job) for job in found]

    def upload(
        self, file: PreparedFile, *, memory: MutableMapping[str, Any], on_progress: Callable[[int, int], None]
    ) -> FileInfo:
        """Send a file unless it is there already, and wait until it is processed."""
        return self._files.upload_once(file, memory, on_progress)

    def create_job(
        self,
        request: JobRequest,
        files: Sequence[FileInfo],
        *,
        attempt: int,  # noqa: ARG002 - the host numbers its jobs itself
    ) -> JobInfo:
        """Start a job on uploaded files.

        Raises:
            InvalidExampleError: The host refuses a line; names it.
            ProviderError: `ambiguous` if a job may have been started all the same.
            ValueError: `parameters` has a name that this provider does not know.
        """
        self.check_request(request)
        body = self.body(request, *(file.id for file in files))
        try:
            answer = self._api.ask(self._create_job, creates=True, **body)
        except ProviderError as error:
            line = rejected_line(error.message, request.training_file.name)
            if line is None or status_of(error) != 400:
                raise
            raise line from error
        if answer.get("training_file") not in (None, files[0].id):
            raise self._api.odd_answer(
                f"to the creation shows job {answer['id']}, of another training file", creates=True
            )
        return job_status_from_answer(answer)

    def preview(self, request: JobRequest) -> Mapping[str, Any]:
        """The body that `create_job` will send, with the names of files in place of their ids."""
        self.check_request(request)
        return self.body(request, *(file_name(sha256) for _, sha256 in request.files))

    def body(
        self, request: JobRequest, training_file: str, validation_file: str | None = None
    ) -> dict[str, Any]:
        """The arguments of the SDK's `fine_tuning.jobs.create`.

        Args:
            request: What is asked.
            training_file: The id of the uploaded file.
            validation_file: The id of the other one, if there is one.
        """
        return job_body(request, training_file, validation_file)

    def retrieve_job(self, job_id: str) -> JobInfo:
        """Where the job stands now."""
        return job_status_from_answer(self._api.ask(self._jobs.retrieve, job_id))

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What happened, oldest first; at most the last 10,000 events."""
        limit = _PAGE_ITEMS if newest is None else max(1, min(newest, _PAGE_ITEMS))
        answers = self._api.pages("events", self._jobs.list_events, job_id, limit=limit, whole=False)
        most = _MOST_EVENTS if newest is None else min(newest, _MOST_EVENTS)
        events = [job_event_from_answer(answer) for answer in islice(answers, most)]
        events.reverse()  # the service tells the newest first, several within one second
        events.sort(key=lambda event: event.created_at)
        return events

    def cancel_job(self, job_id: str) -> JobInfo:
        """Ask for the job to be stopped, and say where it stands then. Safe to repeat.

        A job that has ended meanwhile is shown as it ended.
        """
        try:
            return job_status_from_answer(self._api.ask(self._jobs.cancel, job_id))
        except ProviderError as error:
            if error.temporary or status_of(error) not in {400, 409, 422}:
                raise
            job = self.retrieve_job(job_id)
            if job.status not in ENDED:
                raise
            return job

    def pause_job(self, job_id: str) -> JobInfo:
        """Stop the job for a while, and keep what it has learned."""
        return job_status_from_answer(self._api.ask(self._jobs.pause, job_id))

    def resume_job(self, job_id: str) -> JobInfo:
        """Let a paused job go on."""
        return job_status_from_answer(self._api.ask(self._jobs.resume, job_id))

    # --- what a job leaves -----------------------------------------------------------------------------

    def checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """The checkpoints that can still be had, oldest first: OpenAI keeps the last three."""
        answers = self._api.pages("checkpoints", self._checkpoints.list, job_id)
        return sorted(map(checkpoint_from_answer, answers), key=lambda point: point.step or 0)

    def result_files(self, job_id: str) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The files of measurements that a job left, CSV with one row per step."""
        job = self._api.ask(self._jobs.retrieve, job_id)
        files = job.get("result_files")
        for file_id in files if isinstance(files, list) else ():
            if id_from(file_id):
                name, content = self._files.read(file_id)
                yield name, iter([_decoded(b"".join(content))])

    def list_models(self) -> Sequence[ModelInfo]:
        """The tuned models that this library's jobs made and that are still there, newest first.

        Where a host keeps no metadata, those of all jobs.
        """
        jobs = [
            job
            for job in self._api.pages("jobs", self._jobs.list, limit=_PAGE_ITEMS)
            if id_from(job.get("fine_tuned_model"))
            and METADATA_KEY in (object_from(job.get("metadata")) or {METADATA_KEY})
        ]
        try:
            # OpenAI shows all at once, so the SDK has no argument for a further page.
            listed = self._api.pages(
                "models", lambda **after: self._models.list(extra_query=after or None), silence_ends=True
            )
            there = {model["id"] for model in listed}
        except ProviderError as error:
            if status_of(error) not in NO_SUCH_PATH:
                raise
            there = {job["fine_tuned_model"] for job in jobs}
        return [
            ModelInfo(
                id=job["fine_tuned_model"],
                base_model=text_from(job.get("model")) or "unknown",
                job_id=job["id"],
                created_at=time_from(job.get("finished_at")) or time_from(job.get("created_at")),
            )
            for job in sorted(jobs, key=lambda job: number_from(job.get("created_at")) or 0.0, reverse=True)
            if job["fine_tuned_model"] in there
        ]

    def delete_model(self, model_id: str) -> None:
        """Remove a tuned model for good."""
        self._api.ask(self._models.delete, model_id, has_id=False)

    def list_files(self) -> Sequence[FileInfo]:
        """The files that this library uploaded, newest first."""
        return self._files.ours()

    def delete_file(self, file_id: str) -> None:
        """Remove an uploaded file."""
        self._files.delete(file_id)

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """The tuned model as `langchain_openai.ChatOpenAI`, with this provider's key and address."""
        from langchain_openai import ChatOpenAI  # noqa: PLC0415 - half a second that a job can do without

        settings: dict[str, Any] = {
            "model": model_id,
            "api_key": self.key,
            "base_url": str(self.client.base_url),
            "organization": self.client.organization,
        }
        if self.client.base_url.host == "api.openai.com":
            settings["stream_usage"] = True  # ChatOpenAI's own default, which an explicit address undoes
        return made(ChatOpenAI, "chat_model()", settings, kwargs)

    def check_request(self, request: JobRequest) -> None:
        """Refuse what this provider cannot do, and parameters that it does not know."""
        super().check_request(request)
        check_names(self.name, request.parameters, self.parameter_types, self.parameters[request.method])

    def _may_be(self, job: Mapping[str, Any], request: JobRequest) -> bool:
        """True if nothing shown about a job without metadata contradicts the request, apart from its files."""
        dated = re.escape(request.model) + r"(-\d{4}(-\d\d-\d\d)?)?"
        return (
            re.fullmatch(dated, word_from(job.get("model"))) is not None
            and method_agrees(request, job.get("method"))
            and all(text_agrees(job, name, request.suffix) for name in ("user_provided_suffix", "suffix"))
            and settings_agree(request, job, self.parameter_names)
        )

    def _has_files_of(
        self, job: Mapping[str, Any], request: JobRequest, uploads: Mapping[str, set[str]]
    ) -> bool:
        """True if a job was trained from the uploads of this request's files."""
        training, *validation = (uploads[file_name(sha256)] for _, sha256 in request.files)
        return id_from(job.get("training_file")) in training and file_agrees(
            job, "validation_file", validation[0] if validation else None
        )


def _without_openais(key: ApiKey) -> Any:
    """The headers that the SDK takes from OpenAI's variables and sends to any host: left out, or this host's own."""
    own = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    names = [
        "OpenAI-Organization",
        "OpenAI-Project",
        *(line.split(":", 1)[0].strip() for line in own if ":" in line),
    ]
    found = f"Bearer {key.found()}" if key.found() else openai.Omit()
    return {name: found if name.lower() == "authorization" else openai.Omit() for name in names}


def _decoded(content: bytes) -> bytes:
    """A result file as CSV: OpenAI gives it in Base64 without saying so."""
    try:
        text = base64.b64decode(content.strip(), validate=True)
    except binascii.Error:
        return content
    return text if text.startswith(b"step,") else content
