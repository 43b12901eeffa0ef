"""Fine-tuning on Hugging Face Jobs: the local trainer on a rented GPU, the model to a private repository."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import checked, made
from langsmith_finetune._foundation.extras import missing, without_tqdm_warning
from langsmith_finetune._foundation.json_values import id_from, object_from, time_from, word_from
from langsmith_finetune._printable import printable_address
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.http.failures import odd_answer
from langsmith_finetune.providers.http.pages import Page, read_pages
from langsmith_finetune.providers.huggingface import train as remote
from langsmith_finetune.providers.huggingface.answers import (
    STATUSES,
    job_event_from_line,
    job_status_from_info,
    stage_of,
)
from langsmith_finetune.providers.huggingface.client import JobsApi, seconds_of
from langsmith_finetune.providers.huggingface.files import HuggingFaceFiles
from langsmith_finetune.providers.huggingface.request import (
    code_archive,
    request_json,
    requirements,
    with_packages,
)
from langsmith_finetune.providers.likeness import text_agrees
from langsmith_finetune.providers.local.parameters import LocalParameters, check_parameters
from langsmith_finetune.providers.local.preparing import check_by_template
from langsmith_finetune.providers.submission import check_names
from langsmith_finetune.providers.values import (
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    ModelInfo,
)
from langsmith_finetune.targets.local import HUGGINGFACE

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub import JobInfo as HubJob
    from langchain_core.language_models import BaseChatModel

LABEL = "langsmith-finetune"
_SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
_MOST_LINES = 100_000


class HuggingFaceProvider(HuggingFaceFiles):
    """Trains on Hugging Face Jobs, with the trainer and the parameters of `LocalProvider`.

    The training file, this library's own code and the request go to a private dataset repository,
    `NAMESPACE/langsmith-finetune`; the model goes to a private model repository. Jobs are billed by the minute
    of their hardware, need credit, and are stopped at `timeout`. The token is given to the job as a secret, to
    fetch the one and push the other.

    Needs `pip install "langsmith-finetune[huggingface]"`; a model to train is a name on the Hub.

    Args:
        token: A token that may write; by default the one that `hf auth login` keeps, or `HF_TOKEN`.
        namespace: A user or organization; by default the token's own.
        flavor: The hardware: `"a10g-small"`, `"l4x1"`, `"a100-large"`, ... (`hf jobs hardware`).
        timeout: When the job is stopped, whatever it has done: `"4h"`, `"90m"`. Their own default is 30 minutes.
        api: A client of huggingface_hub, in place of `token`.

    Raises:
        ImportError: huggingface_hub is not installed.
        ValueError: The token cannot be sent in a header, or `timeout` is no time.
    """

    name = "huggingface"
    methods = frozenset({"supervised", "dpo", "kto"})
    rules = HUGGINGFACE
    longest_suffix = 40
    poll_seconds = 15.0
    result = "deployable"

    @checked()
    def __init__(
        self,
        token: str | None = None,
        namespace: str | None = None,
        *,
        flavor: str = "a10g-small",
        timeout: str = "4h",
        api: HfApi | None = None,
    ) -> None:
        try:
            without_tqdm_warning()
            from huggingface_hub import HfApi, get_token  # noqa: PLC0415 - a third of a second
        except ImportError as error:
            raise missing("training on Hugging Face", "huggingface_hub", "huggingface") from error
        # Without a token their client goes on as nobody; a client of the user's may.
        self._key = (
            ApiKey(self.name, "HF_TOKEN", token or get_token(), argument="token") if api is None else None
        )
        self._api = api or HfApi(token=self._key.found() if self._key else None)
        self._jobs_api = JobsApi(self._api)
        self._namespace = self._given_namespace = namespace
        seconds_of(timeout)
        self.flavor, self.timeout = flavor, timeout

    def __repr__(self) -> str:
        return f"HuggingFaceProvider(namespace={self._namespace!r}, flavor={self.flavor!r}, timeout={self.timeout!r})"

    @property
    def home(self) -> str:
        """The Hub's address, and the namespace if it was given: what is found out later does not count."""
        return f"{printable_address(self._api.endpoint)}/{self._given_namespace or ''}"

    # --- jobs ------------------------------------------------------------------------------------------

    def find_jobs(self, request: JobRequest) -> Sequence[JobInfo]:
        """The jobs created from a request with the same fingerprint, newest first; known by their label."""
        self.check_request(request)
        tag = request.fingerprint[:32]
        jobs = self._jobs(label=f"{LABEL}={tag}")
        found = [self._status(job) for job in jobs if _is_of(request, job)]
        return sorted(found, key=lambda job: str(job.created_at), reverse=True)

    def create_job(
        self,
        request: JobRequest,
        files: Sequence[FileInfo],
        *,
        attempt: int,  # noqa: ARG002 - they choose the id
    ) -> JobInfo:
        """Upload the request and this library's code where they are not there yet, and start the job.

        Raises:
            NotSupportedError: Another method than `supervised`.
            ProviderError: `ambiguous` if a job may have been started all the same.
            ValueError: A parameter or the suffix is not allowed, or the model is a folder here.
        """
        self.check_request(request)
        namespace, library = self._user(), code_archive()
        code = f"code/{hashlib.sha256(library).hexdigest()[:32]}.zip"
        wanted = json.dumps(request_json(request, *(file.id for file in files)), indent=1).encode()
        # By its content too: another version of this library may write it in another form.
        name = f"jobs/{request.fingerprint[:32]}-{hashlib.sha256(wanted).hexdigest()[:8]}.json"
        self._commit({code: library, name: wanted}, f"job {request.fingerprint[:32]}")
        base = request.model.rsplit("/", 1)[-1][:40]
        output = "-".join(filter(None, [base, request.suffix, f"lf{request.fingerprint[:10]}"]))
        token = self._token()
        job = self._ask(
            lambda: self._jobs_api.run(
                namespace,
                image=_IMAGE,
                command=["uv", "run", *with_packages(requirements()), "python", "-c", remote.BOOT],
                environment={
                    remote.INPUTS: self._repository(),
                    remote.REQUEST: name,
                    remote.CODE: code,
                    remote.OUTPUT: f"{namespace}/{output}",
                    remote.MODEL: request.model,
                },
                secrets={"HF_TOKEN": token} if token else {},
                flavor=self.flavor,
                timeout_seconds=seconds_of(self.timeout),
                labels={LABEL: request.fingerprint[:32]},
            ),
            creates=True,
        )
        return self._status(job, creates=True)

    def preview(self, request: JobRequest) -> Mapping[str, Any]:
        """The request as the trainer reads it, and the hardware that is rented for it."""
        self.check_request(request)
        return request_json(request, *(path.name for path, _ in request.files)) | {
            "flavor": self.flavor,
            "timeout": self.timeout,
        }

    def retrieve_job(self, job_id: str) -> JobInfo:
        """Where the job stands now, and why where it failed."""
        job = self._job(job_id)
        reason = None
        if str(stage_of(job)) == "ERROR":
            try:
                errors = [event.message for event in self.job_events(job_id) if event.level == "error"]
            except ProviderError:
                errors = []  # the log is gone; their own word for it stands
            reason = errors[-1] if errors else None
        return self._status(job, reason)

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What the trainer reported in its log, oldest first. A look at a log takes them some five seconds."""
        self._job(job_id)  # a log of no job would be waited for
        namespace = self._user()
        lines = self._ask(lambda: list(islice(self._jobs_api.log(namespace, job_id), _MOST_LINES)))
        events = [
            job_event_from_line(event, f"{job_id}-{number}")
            for number, line in enumerate(lines, start=1)
            if (event := remote.event_from_line(word_from(line))) is not None
        ]
        events.sort(key=lambda event: event.created_at)
        return events if newest is None else events[max(len(events) - newest, 0) :]

    def cancel_job(self, job_id: str) -> JobInfo:
        """Ask for the job to be stopped, and say where it stands then. One that has ended stays as it is."""
        job = self._job(job_id)
        if STATUSES.get(stage_of(job)) in {"succeeded", "failed", "cancelled"}:
            return self._status(job)
        namespace = self._user()
        self._ask(lambda: self._jobs_api.cancel(namespace, job_id))
        return self.retrieve_job(job_id)

    # --- models ----------------------------------------------------------------------------------------

    def list_models(self) -> Sequence[ModelInfo]:
        """The models of our jobs that succeeded, newest first."""
        found = [self._status(job) for job in self._jobs(stage="COMPLETED")]
        models = [
            ModelInfo(id=job.fine_tuned_model, base_model=job.model, job_id=job.id, created_at=job.created_at)
            for job in found
            if job.fine_tuned_model
        ]
        return sorted(models, key=lambda model: str(model.created_at), reverse=True)

    def delete_model(self, model_id: str) -> None:
        """Remove a model's repository for good."""
        self._ask_hub(lambda: self._api.delete_repo(model_id))

    def download(self, model_id: str, path: Path) -> Path:
        """Fetch a model's repository into a folder, and return it. What was interrupted, the next call goes on with."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ask(lambda: self._api.snapshot_download(model_id, local_dir=path))
        return path

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """A model as a LangChain chat model.

        Args:
            model_id: A repository on the Hub, or a folder.
            **kwargs: With `base_url`, settings of `ChatOpenAI`, for an endpoint or a vLLM server of yours that
                serves the model. Without, settings of `LocalChatModel`, which loads it into this process.
        """
        if "base_url" in kwargs:
            from langchain_openai import ChatOpenAI  # noqa: PLC0415 - half a second that a job can do without

            settings = {"model": model_id, "api_key": self._token() or "none"}
            return made(ChatOpenAI, "chat_model()", settings, kwargs)
        from langsmith_finetune.providers.local import LocalChatModel  # noqa: PLC0415

        return made(LocalChatModel, "chat_model()", {"model": model_id}, kwargs)

    # --- requests --------------------------------------------------------------------------------------

    def check_request(self, request: JobRequest) -> None:
        """Refuse what cannot be trained there: settings of the wrong kind, a model that is not on the Hub."""
        super().check_request(request)
        check_names(self.name, request.parameters, LocalParameters)
        check_parameters(request.parameters, method=request.method)
        if request.suffix is not None and not _SUFFIX.fullmatch(request.suffix):
            raise ValueError(
                f"huggingface: suffix must be letters, digits, '.', '_' and '-', got {request.suffix!r}"
            )
        if request.model.startswith((".", "~", "/")) or "\\" in request.model:
            raise ValueError(
                f"huggingface: the model must be a name on the Hub, but {request.model!r} is a path; push the folder "
                "to the Hub first"
            )

    def line_check(self, request: JobRequest) -> Callable[[Mapping[str, Any], str], object]:
        """Whether the trainer takes a line, before anything is paid for."""
        return check_by_template(request, request.model)

    def _job(self, job_id: str) -> HubJob:
        if not _ID.fullmatch(job_id):
            raise ProviderError(self.name, f"there is no job {job_id!r}")
        namespace = self._user()
        return self._ask(lambda: self._jobs_api.job(namespace, job_id))

    def _jobs(self, **query: str) -> Iterator[HubJob]:
        """The jobs with our label."""
        namespace = self._user()

        def read(cursor: str | None) -> Page:
            return self._ask(lambda: self._jobs_api.page(namespace, query, cursor))

        found = read_pages(self.name, "jobs", read, created=lambda job: time_from(job.get("createdAt")))
        for job in found:
            if isinstance(object_from(job.get("labels")).get(LABEL), str):
                yield self._ask(partial(self._jobs_api.info, job))

    def _status(self, job: HubJob, reason: str | None = None, *, creates: bool = False) -> JobInfo:
        if id_from(job.id) is None:
            raise odd_answer(self.name, "shows a job without an id", creates=creates)
        return job_status_from_info(job, reason)


def _is_of(request: JobRequest, job: HubJob) -> bool:
    """True if a job has the request's label, and nothing that it shows speaks against it."""
    tag, environment = request.fingerprint[:32], object_from(job.environment)
    return (
        object_from(job.labels).get(LABEL) == tag
        and text_agrees(environment, remote.MODEL, request.model)
        and str(environment.get(remote.REQUEST, f"jobs/{tag}-")).startswith(f"jobs/{tag}-")
    )
