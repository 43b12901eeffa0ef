"""Fine-tuning at OpenAI, and at every host that speaks OpenAI's files and fine-tuning API."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import openai

from langsmith_finetune.clock import Clock
from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.base import LOOK_AGAIN_SECONDS, JobEvent, JobRequest, JobStatus
from langsmith_finetune.providers.openai_answers import (
    job_event_from_answer,
    job_status_from_answer,
    number_from,
)

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logging.getLogger(__name__)

METADATA_KEY: Final = "langsmith_finetune"
"""The key under which a job's metadata holds the first 32 digits of its request's fingerprint."""

_FILE_NOT_READY = frozenset({"pending", "processing", "running", "uploading"})
_FILE_LOST = frozenset({"error", "failed", "deleted", "deleting", "cancelled", "canceled"})

_METHODS = frozenset[str](["supervised"])

_LOOK_TIMEOUT_SECONDS = 60.0
"""A look at a job is small. The SDK's ten minutes would keep `wait(timeout=...)` from its word."""

_FILE_POLL_SECONDS = 5.0
_LONGEST_FILE_SECONDS = 900.0

_FILES_PAGES = 20
_JOBS_PAGES = 10
_EVENTS_PAGES = 100
_PAGE_ITEMS = 100

_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_NEVER_SENDABLE = frozenset({"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"})
_NO_SUCH_PATH = frozenset({404, 405, 501})


class OpenAIParameters(TypedDict, total=False):
    """What `FineTuneJob.create(..., parameters=)` takes here. What is left out, OpenAI chooses.

    Source: the SDK's `types/fine_tuning/supervised_hyperparameters_param.py`.
    """

    n_epochs: int | Literal["auto"]
    """How often the whole file is trained on, 1 to 50."""
    batch_size: int | Literal["auto"]
    """Examples in a batch, 1 to 256."""
    learning_rate_multiplier: float | Literal["auto"]
    """A factor on the learning rate that OpenAI chooses; above 0."""


class OpenAIProvider:
    """Trains at OpenAI, or at any host of the same API: Azure's `/openai/v1/`, Nebius and others.

    OpenAI itself is closing this service. Organizations that never fine-tuned have been refused since
    2026-05-07, inactive ones since 2026-07-02; nobody can create a job from 2027-01-06 on, and a tuned
    model lives as long as its base: gpt-4o, gpt-4o-mini, gpt-4.1 and gpt-4.1-mini end on 2027-01-14
    (https://developers.openai.com/api/docs/deprecations, read 2026-11-22).

    A file is uploaded under a name made from its hash, so one that is already there is used again.
    Neither a key nor a line of the file appears in any error text.

    Args:
        api_key: The key; by default `OPENAI_API_KEY`.
        base_url: The host's address with its version, `"https://api.openai.com/v1"`; by default
            `OPENAI_BASE_URL`, or OpenAI.
        client: A client of the official SDK, in place of both. Its `max_retries` is not used: the SDK
            would send a paid request three times on a lost connection; `FineTuneJob` looks first.
        clock: For tests.

    Raises:
        ValueError: `client` was given beside a key or address, or the key cannot be sent in a header.
        openai.OpenAIError: There is no key.

    Example:
        >>> provider = OpenAIProvider(api_key="sk-made-up", base_url="http://localhost:8000/v1")
        >>> provider
        OpenAIProvider('http://localhost:8000/v1/')
    """

    name: Final = "openai"
    poll_seconds: Final = 10.0

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        client: openai.OpenAI | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        if client is None:
            client = openai.OpenAI(api_key=api_key, base_url=base_url)
            if not re.fullmatch(r"[!-~]*", client.api_key):
                raise ValueError(
                    "OpenAIProvider: the API key holds a space, a line break or a character outside ASCII; "
                    "copy it again"
                )
        elif api_key is not None or base_url is not None:
            raise ValueError("OpenAIProvider: pass either client=, or api_key= and base_url=, not both")
        self.client = client
        self._clock = clock or Clock()
        # Raw responses, because the SDK's types have what hosts leave out, and take what no host should send.
        patient = client.with_options(max_retries=0)
        brisk = patient
        if client.timeout == openai.DEFAULT_TIMEOUT:
            brisk = patient.with_options(timeout=_LOOK_TIMEOUT_SECONDS)
        self._create_file = patient.files.with_raw_response.create
        self._create_job = patient.fine_tuning.jobs.with_raw_response.create
        self._files = brisk.files.with_raw_response
        self._jobs = brisk.fine_tuning.jobs.with_raw_response

    def __repr__(self) -> str:
        return f"OpenAIProvider({str(self.client.base_url)!r})"

    # --- jobs ------------------------------------------------------------------------------------------

    def find_jobs(self, request: JobRequest) -> Sequence[JobStatus]:
        """The jobs created from a request with the same fingerprint, newest first.

        They are known by their metadata. Where a host keeps no metadata, a job counts that was trained
        from the same upload and base model, unless its shown settings differ. The newest 1,000 jobs are
        looked at (all of them where the host filters by metadata, as OpenAI does).

        Raises:
            NotSupportedError: The host cannot list jobs.
            ProviderError: It refused, or could not be reached.
            ValueError: `parameters` has a name that this provider does not know.
        """
        _check(request)
        tag = request.fingerprint[:32]
        files: set[str] | None = None
        found = []
        try:
            for job in self._pages(
                self._jobs.list, _JOBS_PAGES, limit=_PAGE_ITEMS, metadata={METADATA_KEY: tag}
            ):
                metadata = job.get("metadata")
                if not metadata and _may_be(job, request):
                    if files is None:
                        name = _file_name(request.training_sha256)
                        files = {file["id"] for file in self._files_named(name)}
                    same = job.get("training_file") in files
                else:
                    same = isinstance(metadata, dict) and metadata.get(METADATA_KEY) == tag
                if same:
                    found.append(job)
        except ProviderError as error:
            if _status_code(error) in _NO_SUCH_PATH:
                raise NotSupportedError(
                    self.name, "listing jobs at this host, so an earlier equal job cannot be looked up"
                ) from error
            raise
        found.sort(key=lambda job: number_from(job.get("created_at")) or 0.0, reverse=True)
        return [job_status_from_answer(job) for job in found]

    def create_job(self, request: JobRequest) -> JobStatus:
        """Upload what is not there yet, wait until it is processed, and start the job.

        It may be called again after any error: the upload is then found and not repeated.

        Raises:
            ProviderError: `ambiguous` if a job may have been started all the same.
            ValueError: `parameters` has a name that this provider does not know.
        """
        _check(request)
        method: dict[str, Any] = {"type": request.method}
        if request.parameters:
            method[request.method] = {"hyperparameters": dict(request.parameters)}
        body: dict[str, Any] = {
            "model": request.model,
            "training_file": self._upload_once(request.training_file, request.training_sha256),
            "method": method,
            "metadata": {METADATA_KEY: request.fingerprint[:32]},
        }
        if request.validation_file is not None and request.validation_sha256 is not None:
            body["validation_file"] = self._upload_once(request.validation_file, request.validation_sha256)
        if request.suffix is not None:
            body["suffix"] = request.suffix
        if request.seed is not None:
            body["seed"] = request.seed
        return job_status_from_answer(self._ask(self._create_job, creates=True, **body))

    def retrieve_job(self, job_id: str) -> JobStatus:
        """Where the job stands now."""
        return job_status_from_answer(self._ask(self._jobs.retrieve, job_id))

    def job_events(self, job_id: str, *, newest: int | None = None) -> Sequence[JobEvent]:
        """What happened, oldest first; at most the last 10,000 events."""
        limit = _PAGE_ITEMS if newest is None else max(1, min(newest, _PAGE_ITEMS))
        events: list[JobEvent] = []
        for answer in self._pages(self._jobs.list_events, _EVENTS_PAGES, job_id, limit=limit):
            if newest is not None and len(events) >= newest:
                break
            events.append(job_event_from_answer(answer))
        events.reverse()  # the service tells the newest first, several within one second
        events.sort(key=lambda event: event.created_at)
        return events

    def cancel_job(self, job_id: str) -> JobStatus:
        """Ask for the job to be stopped, and say where it stands then. Safe to repeat."""
        return job_status_from_answer(self._ask(self._jobs.cancel, job_id))

    def chat_model(self, model_id: str, **kwargs: Any) -> BaseChatModel:
        """The tuned model as `langchain_openai.ChatOpenAI`, with this provider's key and address."""
        from langchain_openai import ChatOpenAI  # noqa: PLC0415 - half a second that a job can do without

        settings: dict[str, Any] = {
            "model": model_id,
            # A client made with a function for a key (Azure's tokens) has no key of its own.
            "api_key": getattr(self.client, "_api_key_provider", None) or self.client.api_key,
            "base_url": str(self.client.base_url),
            "organization": self.client.organization,
        }
        if self.client.base_url.host == "api.openai.com":
            settings["stream_usage"] = True  # ChatOpenAI's own default, which an explicit address undoes
        return ChatOpenAI(**settings | kwargs)

    # --- files -----------------------------------------------------------------------------------------

    def _upload_once(self, path: Path, sha256: str) -> str:
        """The id of the processed upload of these bytes, found or made."""
        name, size = _file_name(sha256), path.stat().st_size
        file = self._find_file(name, size) or self._upload(path, name, size)
        started = self._clock.now()
        while file.get("status") in _FILE_NOT_READY:
            if self._clock.now() - started > _LONGEST_FILE_SECONDS:
                raise ProviderError(
                    self.name,
                    f"file {file['id']} is still {file['status']} after {_LONGEST_FILE_SECONDS:.0f} s; no job "
                    "was created. Call create again later: it goes on with this upload",
                )
            self._clock.sleep(_FILE_POLL_SECONDS)
            file = self._ask(self._files.retrieve, file["id"])
        if file.get("status") in _FILE_LOST:
            details = self._masked(str(file.get("status_details") or "the provider gave no reason"))
            raise ProviderError(
                self.name, f"file {file['id']} ended as {file['status']}: {details}. No job was created"
            )
        return str(file["id"])

    def _upload(self, path: Path, name: str, size: int) -> dict[str, Any]:
        try:
            with path.open("rb") as content:  # streamed in blocks of 64 KiB
                return self._ask(
                    self._create_file,
                    creates=True,
                    file=(name, content, "application/octet-stream"),
                    purpose="fine-tune",
                )
        except ProviderError as error:
            if not error.ambiguous:
                raise
            for seconds in LOOK_AGAIN_SECONDS:
                self._clock.sleep(seconds)
                if found := self._find_file(name, size):
                    return found
            # An upload costs nothing, so unlike a job it may be sent again after a time-out too.
            raise ProviderError(
                self.name, f"{error.message}; file {name} did not arrive", temporary=True
            ) from error

    def _find_file(self, name: str, size: int) -> dict[str, Any] | None:
        for file in self._files_named(name):
            if file.get("bytes", size) == size and file.get("status") not in _FILE_LOST:
                return file
        return None

    def _files_named(self, name: str) -> list[dict[str, Any]]:
        try:
            files = self._pages(self._files.list, _FILES_PAGES, purpose="fine-tune")
            return [file for file in files if file.get("filename") == name]
        except ProviderError as error:
            if _status_code(error) in _NO_SUCH_PATH:
                return []  # a host without a list: a second upload is harmless, a second job is not
            raise

    # --- requests --------------------------------------------------------------------------------------

    def _pages(
        self, ask: Callable[..., Any], most: int, *args: Any, **query: Any
    ) -> Iterator[dict[str, Any]]:
        """The items of a list, page by page; each id once, for hosts that repeat or do not page."""
        seen: dict[str, None] = {}
        for _ in range(most):
            page = self._ask(ask, *args, has_id=False, **query)
            data = page.get("data")
            before = len(seen)
            for item in data if isinstance(data, list) else []:
                if isinstance(item, dict) and isinstance(item.get("id"), str) and item["id"] not in seen:
                    seen[item["id"]] = None
                    yield item
            if len(seen) == before or page.get("has_more") is False:
                return
            query["after"] = next(reversed(seen))
        logger.warning("openai: a list has more than %d pages; the rest was not read", most)

    def _ask(
        self, ask: Callable[..., Any], *args: Any, creates: bool = False, has_id: bool = True, **kwargs: Any
    ) -> dict[str, Any]:
        """Send one request once. Its answer is a JSON object with an id, or a ProviderError is raised.

        Args:
            ask: A method of the SDK that returns the raw response.
            *args: Its arguments.
            creates: A repetition would make a second thing, so a lost answer is ambiguous.
            has_id: The answer is a thing of its own, not a list.
            **kwargs: Its keyword arguments.
        """
        try:
            response = ask(*args, **kwargs)
        except openai.OpenAIError as error:
            raise self._provider_error(error, creates=creates) from error
        try:
            answer = response.http_response.json()
        except ValueError as error:
            raise self._odd_answer("is not JSON", creates=creates) from error
        if not isinstance(answer, dict):
            raise self._odd_answer("is not a JSON object", creates=creates)
        if has_id and not (isinstance(answer.get("id"), str) and answer["id"]):
            raise self._odd_answer("has no id", creates=creates)
        return answer

    def _odd_answer(self, what: str, *, creates: bool) -> ProviderError:
        # The host said yes, in a way: what was to be created may well be there, so it is not sent again.
        return ProviderError(
            self.name,
            f"the answer {what}; is {self.client.base_url} the right base_url?",
            temporary=not creates,
            ambiguous=creates,
        )

    def _provider_error(self, error: openai.OpenAIError, *, creates: bool) -> ProviderError:
        """What the SDK raised, in our words."""
        # Tracebacks show the whole chain, and the HTTP library quotes a header that it refuses.
        link: BaseException | None = error
        while link is not None:
            link.args = tuple(self._masked(arg) if isinstance(arg, str) else arg for arg in link.args)
            link = link.__cause__ or link.__context__
        if isinstance(error, openai.APIConnectionError):
            return self._connection_error(error, creates=creates)
        if not isinstance(error, openai.APIStatusError):
            return ProviderError(self.name, self._masked(str(error)))
        code, retry_after = error.status_code, _retry_after_seconds(error.response.headers)
        temporary = code in {408, 409, 429} or (code >= 500 and code != 501)
        if code == 429 and (
            error.code == "insufficient_quota"
            # "too many active fine-tunes": no waiting for seconds helps.
            or (error.code == "rate_limit_exceeded" and error.type == "invalid_request_error")
        ):
            temporary = False
        return ProviderError(
            self.name,
            f"HTTP {code}: {self._masked(_reason(error))}",
            temporary=temporary,
            ambiguous=creates and (code == 408 or code >= 500),
            retry_after_seconds=retry_after,
        )

    def _connection_error(self, error: openai.APIConnectionError, *, creates: bool) -> ProviderError:
        timed_out = isinstance(error, openai.APITimeoutError)
        # By name, because the client may run on httpx2 or on the older httpx.
        causes = {cls.__name__ for cls in type(error.__cause__).__mro__}
        if causes & _NEVER_SENDABLE:
            return ProviderError(
                self.name, f"cannot send to {self.client.base_url}: {self._masked(str(error.__cause__))}"
            )
        sent = not causes & _NEVER_SENT
        what = "no answer in time" if timed_out else "the connection failed"
        return ProviderError(
            self.name,
            f"{what} ({type(error.__cause__).__name__}) at {self.client.base_url}",
            # After a time-out the host may still be at work on it: sent again it could be paid for twice.
            temporary=not (timed_out and sent and creates),
            ambiguous=creates and sent,
        )

    def _masked(self, text: str) -> str:
        if len(self.client.api_key) >= 8:  # a shorter one is a placeholder, "none", of a host without keys
            text = text.replace(self.client.api_key, "[key]")
        return _KEY.sub("[key]", text)


_KEY = re.compile(
    r"(?<=key provided: )\S+?(?=[.,;]?(?:\s|$))"
    r"|(?i:(?<=bearer )\S+)"
    r"|\b(?:sk|rk|pk|lsv2)[-_][A-Za-z0-9_*.-]{4,}[A-Za-z0-9_*-]"
    r"|\S*\*{3,}[^\s.,;]*"
)
"""What looks like a key; OpenAI's 401 quotes the first and last characters of the one it refused."""


def _check(request: JobRequest) -> None:
    if request.method not in _METHODS:
        raise NotSupportedError("openai", f"method={request.method!r} yet; use method='supervised'")
    known = OpenAIParameters.__annotations__
    if unknown := sorted(set(request.parameters) - set(known)):
        raise ValueError(
            f"OpenAIProvider: parameters: unknown name {', '.join(map(repr, unknown))}; "
            f"it takes {', '.join(known)}"
        )


def _may_be(job: Mapping[str, Any], request: JobRequest) -> bool:
    """Whether nothing that a job without metadata shows speaks against the request."""
    if not re.fullmatch(re.escape(request.model) + r"(-\d{4}(-\d\d-\d\d)?)?", str(job.get("model"))):
        return False
    suffix = job.get("user_provided_suffix") or job.get("suffix")
    if suffix and suffix != request.suffix:
        return False
    shown = job.get("hyperparameters")
    asked = {"seed": request.seed, **request.parameters}
    given = {"seed": job.get("seed"), **(shown if isinstance(shown, Mapping) else {})}
    for name, value in asked.items():
        ours, theirs = number_from(value), number_from(given.get(name))
        # -1 and "auto" mean that the host has not chosen yet.
        if ours is not None and theirs is not None and theirs >= 0 and ours != theirs:
            return False
    return True


def _file_name(sha256: str) -> str:
    return f"langsmith-finetune-{sha256[:32]}.jsonl"


def _status_code(error: ProviderError) -> int | None:
    cause = error.__cause__
    return cause.status_code if isinstance(cause, openai.APIStatusError) else None


def _reason(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, dict):
        # Azure puts no type and param; some hosts answer {"detail": ...} or {"message": ...} alone.
        message = body.get("message") or body.get("detail")
        notes = [f"{name} {body[name]}" for name in ("code", "param") if body.get(name)]
        if message or notes:
            text = str(message or "no message")[:500]
            return f"{text} ({', '.join(notes)})" if notes else text
    return "no message"


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`retry-after-ms`, or `retry-after` as seconds or as a date (RFC 9110, 10.2.3)."""
    if (milliseconds := _number_in(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    if (seconds := _number_in(text)) is not None:
        return seconds
    try:
        when = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())


def _number_in(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
