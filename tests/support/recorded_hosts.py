"""Every hosted provider, and what is asked of each for its cassettes: the way from a file to a model, and refusals."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from langsmith_finetune import FineTuneJob
from langsmith_finetune._foundation.clock import clock
from langsmith_finetune.errors import FineTuneError
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.providers.azure import AzureProvider
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.crusoe import CrusoeProvider
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.huggingface import HuggingFaceProvider
from langsmith_finetune.providers.huggingface import provider as huggingface
from langsmith_finetune.providers.nebius import NebiusProvider
from langsmith_finetune.providers.openai import OpenAIProvider
from langsmith_finetune.providers.together import TogetherProvider
from tests.support.standins.azure import KEY as AZURE_KEY
from tests.support.standins.azure import AzureStandIn
from tests.support.standins.fireworks import FireworksStandIn
from tests.support.standins.huggingface import HuggingFaceStandIn
from tests.support.standins.openai import OpenAIStandIn
from tests.support.standins.server import Response
from tests.support.standins.together import TogetherStandIn

WRONG_KEY = "wrong"


@dataclass(frozen=True, kw_only=True)
class Host:
    """A hosted provider, and how it is reached."""

    name: str
    url: str
    """As cassettes have it, whatever was recorded."""
    connect: Callable[[str, str, str], Provider]
    """Makes a provider from an address, a key, and the name of an account."""
    stand_in: Callable[[], Any]
    path: str = ""
    """After a stand-in's address."""
    key: str = "made-up-key"
    variables: Sequence[str]
    """It is recorded live where all of them are set. The first holds the key."""
    account_of: Callable[[str], str] = lambda key: "me"
    live_url: Callable[[], str] | None = None
    model: str
    no_model: str = "no-such-model"
    no_job: str = "ftjob-nowhere"
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"n_epochs": 1})
    packages: Sequence[str] = ()
    jobs_path: str
    """Where jobs are listed and created, below the address."""
    limited: tuple[str, str] | None = None
    """The request that a stand-in limits the rate of; by default the look for earlier jobs."""
    refuse_file: Callable[[Any], None] | None
    """Lets a stand-in refuse the next file; None where nothing is sent of a file that cannot be trained on."""
    refuse_model: Callable[[Any], None] = lambda server: None


def _job_fails(code: str, message: str) -> Callable[[Any], None]:
    def refuse(server: Any) -> None:
        error = {"code": code, "param": "training_file", "message": message}
        server.script("validating_files", {"status": "failed", "error": error})

    return refuse


def _is_invalid(server: Any) -> None:
    server.invalid = "Invalid format on line 1: the first message must be from the system or the user"


def _fails(server: Any) -> None:
    server.script("SCHEDULING", "RUNNING", "ERROR")
    server.failure = "OSError: langsmith-finetune/no-such-model is no repository"


_TOO_FEW = _job_fails(
    "invalid_n_examples", "Training file has 2 example(s), but must have at least 10 examples"
)

HOSTS = {
    host.name: host
    for host in (
        Host(
            name="openai",
            url="https://api.openai.com/v1",
            connect=lambda url, key, _: OpenAIProvider(key, url),
            stand_in=OpenAIStandIn,
            path="/v1",
            variables=("OPENAI_API_KEY",),
            model="gpt-4.1-mini-2025-04-14",
            packages=("openai",),
            jobs_path="/fine_tuning/jobs",
            refuse_file=_TOO_FEW,
        ),
        Host(
            name="azure",
            url="https://resource.openai.azure.com",
            connect=lambda url, key, _: AzureProvider(url, key),
            stand_in=AzureStandIn,
            key=AZURE_KEY,
            variables=("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT"),
            live_url=lambda: os.environ["AZURE_OPENAI_ENDPOINT"].rstrip("/"),
            model="gpt-oss-20b",
            packages=("openai",),
            jobs_path="/openai/v1/fine_tuning/jobs",
            refuse_file=_TOO_FEW,
        ),
        Host(
            name="nebius",
            url="https://api.tokenfactory.nebius.com/v1",
            connect=lambda url, key, _: NebiusProvider(key, url),
            stand_in=OpenAIStandIn,
            path="/v1",
            variables=("NEBIUS_API_KEY",),
            model="meta-llama/Llama-3.1-8B-Instruct",
            packages=("openai",),
            jobs_path="/fine_tuning/jobs",
            refuse_file=_TOO_FEW,
        ),
        Host(
            name="crusoe",
            url="https://api.intelligence.crusoecloud.com/v1",
            connect=lambda url, key, _: CrusoeProvider(key, url),
            stand_in=OpenAIStandIn,
            path="/v1",
            variables=("CRUSOE_API_KEY",),
            model="meta-llama/Llama-3.1-8B-Instruct",
            packages=("openai",),
            jobs_path="/fine_tuning/jobs",
            refuse_file=_TOO_FEW,
        ),
        Host(
            name="together",
            url="https://api.together.ai",
            connect=lambda url, key, _: TogetherProvider(key, url, project_id="made-up"),
            stand_in=TogetherStandIn,
            variables=("TOGETHER_API_KEY",),
            model="Qwen/Qwen3-8B",
            no_job="ft-nowhere",
            jobs_path="/v1/fine-tunes",
            refuse_file=_is_invalid,
        ),
        Host(
            name="fireworks",
            url="https://api.fireworks.ai",
            connect=lambda url, key, account: FireworksProvider(key, account, url),
            stand_in=FireworksStandIn,
            variables=("FIREWORKS_API_KEY", "FIREWORKS_ACCOUNT_ID"),
            account_of=lambda _: os.environ["FIREWORKS_ACCOUNT_ID"],
            model="accounts/fireworks/models/qwen3-8b",
            no_model="accounts/fireworks/models/no-such-model",
            no_job="nowhere",
            jobs_path="/v1/accounts/me/supervisedFineTuningJobs",
            refuse_file=_is_invalid,
        ),
        Host(
            name="huggingface",
            url="https://huggingface.co",
            connect=lambda *at: _hugging_face(*at),  # noqa: PLW0108 - defined below
            stand_in=HuggingFaceStandIn,
            variables=("HF_TOKEN",),
            account_of=lambda key: _hugging_face("https://huggingface.co", key, None)._api.whoami()["name"],
            model="HuggingFaceTB/SmolLM2-135M-Instruct",
            no_model="langsmith-finetune/no-such-model",
            no_job="nowhere",
            packages=("huggingface-hub",),
            jobs_path="/api/jobs/me",
            limited=("POST", "/api/repos/create"),  # their client waits by itself where it only reads
            refuse_file=None,
            refuse_model=_fails,
        ),
    )
}


def _hugging_face(url: str, key: str, account: str | None) -> HuggingFaceProvider:
    from huggingface_hub import HfApi

    return HuggingFaceProvider(api=HfApi(endpoint=url, token=key), namespace=account, flavor="t4-small")


@dataclass(kw_only=True)
class Visit:
    """One host as it is asked, live, at a stand-in or from a cassette.

    `made_for` goes into the data, so that no job of an earlier recording is found in place of a new one.
    """

    host: Host
    folder: Path
    made_for: str
    model: str
    url: str
    key: str
    account: str
    server: Any = None
    """The stand-in, while one is recorded."""
    poll_seconds: float | None = None

    def connect(self, key: str | None = None) -> Provider:
        return self.host.connect(self.url, key or self.key, self.account)

    def create(self, *, key: str | None = None, is_bad: bool = False, **settings: Any) -> FineTuneJob:
        """Create a job, with a journal that knows of none.

        A bad file has two lines, where most hosts want more, which begin with an answer, where others want a question.
        """
        path = self.folder / "train.jsonl"
        lines = []
        for n in range(2 if is_bad else 10):
            question = {"role": "user", "content": f"{self.made_for}: {n} 加 {n}?"}
            answer = {"role": "assistant", "content": str(n + n)}
            lines.append(json.dumps({"messages": [answer, question, answer][0 if is_bad else 1 :]}))
        text = "".join(f"{line}\n" for line in lines)
        path.write_text(text, encoding="utf-8")
        journals = sum(1 for _ in self.folder.glob("journal-*"))
        journal = Journal(self.folder / f"journal-{journals}")
        journal.folder.mkdir()
        settings = {"model": self.model, "parameters": self.host.parameters, "progress": False} | settings
        return FineTuneJob.create(path, provider=self.connect(key), journal=journal, **settings)

    def wait(self, job: FineTuneJob) -> Any:
        return job.wait(poll_seconds=self.poll_seconds, progress=False)


# --- what is asked -----------------------------------------------------------------------------------------


def way(visit: Visit) -> dict[str, Any]:
    """From a file to a model; and the same job is found, and not paid for again, by who knows nothing of it."""
    job = visit.create()
    model = visit.wait(job)
    again = visit.create()
    events = job.events()
    return {
        "job": job.id,
        "status": job.status,
        "model": model.id,
        "base_model": model.base_model,
        "found_again": again.id,
        "events": [event.message for event in events],
        "metrics": [dict(event.metrics) for event in events if event.metrics],
    }


def cancelled(visit: Visit) -> dict[str, Any]:
    job = visit.create()
    job.cancel()
    return {"job": job.id} | _refusal(lambda: visit.wait(job))


def wrong_key(visit: Visit) -> dict[str, Any]:
    return _refusal(lambda: visit.create(key=WRONG_KEY))


def not_found(visit: Visit) -> dict[str, Any]:
    return _refusal(lambda: FineTuneJob.attach(visit.host.no_job, provider=visit.connect()))


def unknown_model(visit: Visit) -> dict[str, Any]:
    if visit.server is not None:
        visit.host.refuse_model(visit.server)
    return _refusal(lambda: visit.wait(visit.create(model=visit.host.no_model)))


def bad_file(visit: Visit) -> dict[str, Any]:
    """A file that our own check would hold back."""
    if visit.server is not None and visit.host.refuse_file is not None:
        visit.host.refuse_file(visit.server)
    return _refusal(lambda: visit.wait(visit.create(is_bad=True, check=False)))


def rate_limit(visit: Visit) -> dict[str, Any]:
    """Only a stand-in says this when it is asked to."""
    if visit.server is not None:
        answer = Response(
            429,
            {"error": {"message": "Rate limit reached."}},
            {"retry-after": "7", "x-error-message": "Rate limit reached."},
        )
        method, path = visit.host.limited or ("GET", visit.host.path + visit.host.jobs_path)
        visit.server.fault(method, path, answer, times=9)
    return _refusal(visit.create) | {"waited": list(getattr(clock(), "slept", []))}


ASKED: dict[str, Callable[[Visit], dict[str, Any]]] = {
    one.__name__: one for one in (way, cancelled, wrong_key, not_found, unknown_model, bad_file, rate_limit)
}


def asked_of(host: Host) -> list[str]:
    """What is asked of a host."""
    return [asked for asked in ASKED if asked != "bad_file" or host.refuse_file is not None]


def _refusal(ask: Callable[[], Any]) -> dict[str, Any]:
    try:
        answer = ask()
    except FineTuneError as error:
        return {"error": type(error).__name__, "text": str(error)}
    raise AssertionError(f"nothing was refused: {answer!r}")


CODE = b"the library's code"
"""In cassettes, in place of this library's own code, which Hugging Face Jobs are sent and which changes every day."""


@contextmanager
def this_librarys_code(code: bytes = CODE) -> Iterator[None]:
    """Hugging Face Jobs are sent this code, and not this library's own."""
    with (
        mock.patch.object(huggingface, "code_archive", return_value=code),
        # Its uploads go by a library of their own, where nothing records them.
        mock.patch("huggingface_hub.constants.HF_HUB_DISABLE_XET", new=True),
    ):
        yield


def code_replaced(code: bytes) -> dict[bytes, bytes]:
    """Whatever the Hub is told of a file of code, and what it would be told of `CODE`."""
    return {
        code: CODE,
        base64.b64encode(code): base64.b64encode(CODE),
        base64.b64encode(code[:512]): base64.b64encode(CODE[:512]),
        _sha256(code): _sha256(CODE),
        _sha256(code)[:32]: _sha256(CODE)[:32],
        b'"size":%d' % len(code): b'"size":%d' % len(CODE),
        b'"size": %d' % len(code): b'"size": %d' % len(CODE),
    }


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
