"""Fine-tuning on Hugging Face Jobs: the local trainer on a rented GPU, the model to a private repository."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from langsmith_finetune._foundation.extras import missing
from langsmith_finetune._foundation.json_values import id_from, object_from, time_from, word_from
from langsmith_finetune._foundation.masking import fault_of, host_words, remember_key
from langsmith_finetune._foundation.retry import retry_after_seconds
from langsmith_finetune._printable import printable_address
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.http.api_key import ApiKey
from langsmith_finetune.providers.http.pages import Page, read_pages
from langsmith_finetune.providers.http.sending import Sending, Stretch
from langsmith_finetune.providers.http.transport import AnswerRefusedError
from langsmith_finetune.providers.huggingface import train as remote
from langsmith_finetune.providers.huggingface.answers import (
    STATUSES,
    job_event_from_line,
    job_status_from_info,
    stage_of,
)
from langsmith_finetune.providers.huggingface.client import JobsApi, seconds_of
from langsmith_finetune.providers.huggingface.patience import within
from langsmith_finetune.providers.huggingface.request import (
    code_archive,
    request_json,
    requirements,
    with_packages,
)
from langsmith_finetune.providers.likeness import text_agrees
from langsmith_finetune.providers.local.parameters import LocalParameters, check_parameters
from langsmith_finetune.providers.local.rows import rows_of_line
from langsmith_finetune.providers.submission import check_names
from langsmith_finetune.providers.values import (
    FileInfo,
    JobEvent,
    JobInfo,
    JobRequest,
    ModelInfo,
    PreparedFile,
)
from langsmith_finetune.targets.local import HUGGINGFACE

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub import JobInfo as HubJob
    from langchain_core.language_models import BaseChatModel

T = TypeVar("T")

LABEL = "langsmith-finetune"
_REPO = "langsmith-finetune"
_SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
_LONGEST_SECONDS = 120.0
_NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout"}
_MOST_LINES = 100_000


class HuggingFaceProvider(Provider):
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
    rules = HUGGINGFACE
    longest_suffix = 40
    poll_seconds = 15.0
    result = "deployable"

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

    def upload(
        self,
        file: PreparedFile,
        *,
        memory: MutableMapping[str, Any],  # noqa: ARG002 - a file is found by its path
        on_progress: Callable[[int, int], None],
    ) -> FileInfo:
        """Put a file into the repository unless it is there already."""
        path = f"files/{file.sha256[:32]}.jsonl"
        repo = self._repository()
        self._ask_hub(lambda: self._api.create_repo(repo, repo_type="dataset", private=True, exist_ok=True))
        with Sending(self.name, file, lambda _sent, _size: None) as sending:
            # Read more than once on its way; told only when it is there.
            self._commit({path: sending.stretch()}, f"file {file.sha256[:32]}")
        on_progress(file.size_bytes, file.size_bytes)
        return FileInfo(id=path, name=path, size_bytes=file.size_bytes)

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

            return ChatOpenAI(**{"model": model_id, "api_key": self._token() or "none"} | kwargs)
        from langsmith_finetune.providers.local import LocalChatModel  # noqa: PLC0415

        return LocalChatModel(model=model_id, **kwargs)

    # --- requests --------------------------------------------------------------------------------------

    def check_request(self, request: JobRequest) -> None:
        """Refuse what cannot be trained there: settings of the wrong kind, a model that is not on the Hub."""
        super().check_request(request)
        check_names(self.name, request.parameters, LocalParameters.__annotations__)
        check_parameters(request.parameters)
        if request.suffix is not None and not _SUFFIX.fullmatch(request.suffix):
            raise ValueError(
                f"huggingface: suffix must be letters, digits, '.', '_' and '-', got {request.suffix!r}"
            )
        if request.model.startswith((".", "~", "/")) or "\\" in request.model:
            raise ValueError(
                f"huggingface: the model must be a name on the Hub, but {request.model!r} is a path; push the folder "
                "to the Hub first"
            )

    def check_line(self, line: Mapping[str, Any], where: str) -> None:
        """Refuse a line that the trainer would not take, before anything is paid for."""
        for _ in rows_of_line(line, where):
            pass

    def _repository(self) -> str:
        return f"{self._user()}/{_REPO}"

    def _commit(self, contents: Mapping[str, bytes | Stretch], message: str) -> None:
        """Add the files that are not there yet, or of another size, in one commit: bytes, or an open file, by path."""
        from huggingface_hub import CommitOperationAdd  # noqa: PLC0415

        repo = self._repository()
        found = self._ask_hub(lambda: self._api.get_paths_info(repo, list(contents), repo_type="dataset"))
        there = {(info.path, getattr(info, "size", None)) for info in found}
        operations = [
            CommitOperationAdd(
                path_in_repo=path,
                path_or_fileobj=content
                if isinstance(content, bytes)
                else cast("BinaryIO", BufferedReader(content)),
            )
            for path, content in contents.items()
            if (path, len(content) if isinstance(content, bytes) else content.size) not in there
        ]
        if operations:
            self._ask(
                lambda: self._api.create_commit(repo, operations, commit_message=message, repo_type="dataset")
            )

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
            raise ProviderError(
                self.name, "the answer shows a job without an id", temporary=not creates, ambiguous=creates
            )
        return job_status_from_info(job, reason)

    def _user(self) -> str:
        if self._namespace is None:
            name = id_from(object_from(self._ask(self._jobs_api.user)).get("name"))
            if name is None:
                raise ProviderError(self.name, "the token belongs to nobody with a name; give namespace=")
            self._namespace = name
        return self._namespace

    def _token(self) -> str | None:
        from huggingface_hub import get_token  # noqa: PLC0415

        return self._api.token if isinstance(self._api.token, str) else get_token()

    def _ask_hub(self, ask: Callable[[], T]) -> T:
        """Ask for something small by `HfApi`, which has no time limit."""
        return self._ask(lambda: within(_LONGEST_SECONDS, ask))

    def _ask(self, ask: Callable[[], T], *, creates: bool = False) -> T:
        """Ask once, and turn whatever goes wrong into a `ProviderError`."""
        if self._key is not None:
            self._api.token = self._key()
        import httpx2  # noqa: PLC0415 - huggingface_hub runs on it
        from huggingface_hub.errors import (  # noqa: PLC0415
            HfHubHTTPError,
            HFValidationError,
            LocalTokenNotFoundError,
        )

        try:
            return ask()
        except HfHubHTTPError as error:
            failure = self._refusal(error, creates=creates)
        except (HFValidationError, LocalTokenNotFoundError) as error:
            failure = ProviderError(self.name, f"{str(error).splitlines()[0]}")
        except AnswerRefusedError as error:
            text = f"the answer of {printable_address(self._api.endpoint)} {host_words(str(error))}"
            failure = ProviderError(self.name, text, ambiguous=creates)
        except httpx2.HTTPError as error:
            kind, timed_out = type(error).__name__, isinstance(error, httpx2.TimeoutException)
            sent = kind not in _NEVER_SENT
            failure = ProviderError(
                self.name,
                f"{'no answer in time' if timed_out else 'the connection failed'} ({kind})",
                # After a time-out they may still be at work on it: sent again it could be paid for twice.
                temporary=not (timed_out and sent and creates),
                ambiguous=creates and sent,
            )
            failure.__cause__ = fault_of(error)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            # Their client reads an answer without checking it first.
            failure = ProviderError(
                self.name,
                f"the answer cannot be read ({type(error).__name__})",
                temporary=not creates,
                ambiguous=creates,
            )
        raise failure  # here, since their errors hold the request and the answer

    def _refusal(self, error: Any, *, creates: bool) -> ProviderError:
        response = error.response
        code = response.status_code if response is not None else 0
        remember_key(self._token())
        message = str(error.server_message or "no message").strip()
        return ProviderError(
            self.name,
            f"HTTP {code}: {host_words(message)}",
            temporary=code in {408, 425, 429} or (code >= 500 and code != 501),
            ambiguous=creates and (code == 408 or code >= 500),
            retry_after_seconds=retry_after_seconds(response.headers) if response is not None else None,
        )


def _is_of(request: JobRequest, job: HubJob) -> bool:
    """True if a job has the request's label, and nothing that it shows speaks against it."""
    tag, environment = request.fingerprint[:32], object_from(job.environment)
    return (
        object_from(job.labels).get(LABEL) == tag
        and text_agrees(environment, remote.MODEL, request.model)
        and str(environment.get(remote.REQUEST, f"jobs/{tag}-")).startswith(f"jobs/{tag}-")
    )
