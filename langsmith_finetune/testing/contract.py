"""`ProviderContract`: what every provider does, as pytest methods. This library's own providers pass it too."""

# Assertions are what this file is for, and a test's name says what it is for. It names no pytest, so that
# importing it needs none.
# ruff: noqa: S101, D102, PT017

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import pickle
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, get_args

from langsmith_finetune.errors import NotSupportedError, ProviderError
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.providers.values import ENDED, FileInfo, JobInfo, JobRequest, Method, Status
from langsmith_finetune.targets.rules import TargetRules

NewProvider: TypeAlias = Callable[[], Provider]
"""Makes a new provider object, for the same account each time."""


class ProviderContract:
    """Subclass it in a test file, and give it a fixture `new_provider`; pytest does the rest.

    The fixture is a function that makes a new provider object for the same account each time it is called. Each step
    of a test is asked of an object of its own, as a notebook does whose kernel was started again in between.

    Each test makes jobs: run it against a stand-in server, not against an account that pays.

    Attributes:
        model: A model that the provider trains.
        parameters: Parameters that it takes, other than the defaults.
        lines: Training lines that it takes.
        looks: How often a job is looked at before it is called stuck.
        pause_seconds: Seconds between two looks.
        secret: A key that must be seen nowhere.

    Example:
        >>> import pytest
        >>> class TestMyProvider(ProviderContract):
        ...     model = "my-base-model"
        ...
        ...     @pytest.fixture
        ...     def new_provider(self): ...
    """

    model: str = "some-model"
    parameters: Mapping[str, Any] = {"n_epochs": 2}
    lines: tuple[Mapping[str, Any], ...] = tuple(
        {
            "messages": [
                {"role": "user", "content": f"{number} + 1?"},
                {"role": "assistant", "content": str(number + 1)},
            ]
        }
        for number in range(12)
    )
    looks: int = 200
    pause_seconds: float = 0.0
    secret: str | None = None

    # --- what it says of itself ------------------------------------------------------------------------

    def test_it_has_a_name_a_pace_methods_and_rules(self, new_provider: NewProvider) -> None:
        provider = new_provider()
        assert isinstance(provider, Provider)
        assert provider.name
        assert provider.name == provider.name.lower()
        assert provider.poll_seconds > 0
        assert provider.methods
        assert provider.methods <= {*get_args(Method)}
        assert isinstance(provider.rules, TargetRules)
        assert provider.rules.name == provider.name
        assert provider.result in {"served", "deployable", "folder"}

    def test_it_shows_no_key(self, new_provider: NewProvider) -> None:
        assert self.secret is None or self.secret not in repr(new_provider())

    def test_a_new_object_has_the_same_home(self, new_provider: NewProvider) -> None:
        assert new_provider().home == new_provider().home

    # --- creating --------------------------------------------------------------------------------------

    def test_a_job_is_created_and_seen_again(self, new_provider: NewProvider, tmp_path: Path) -> None:
        job = self.create(new_provider, self.job_request(tmp_path))
        self.check_status(job)
        assert job.status not in {"failed", "cancelled"}
        again = new_provider().retrieve_job(job.id)
        self.check_status(again)
        assert (again.id, again.model) == (job.id, job.model)

    def test_a_job_with_a_validation_file_is_created(self, new_provider: NewProvider, tmp_path: Path) -> None:
        validation = self.job_request(tmp_path, lines=self.lines[:1])
        request = self.job_request(
            tmp_path, validation_file=validation.training_file, validation_sha256=validation.training_sha256
        )
        assert len(request.files) == len(self.upload(new_provider, request)) == 2
        self.check_status(self.create(new_provider, request))

    def test_an_upload_can_be_repeated(self, new_provider: NewProvider, tmp_path: Path) -> None:
        request = self.job_request(tmp_path)
        assert [file.id for file in self.upload(new_provider, request)] == [
            file.id for file in self.upload(new_provider, request)
        ]

    def test_an_equal_job_is_found_and_another_is_not(
        self, new_provider: NewProvider, tmp_path: Path
    ) -> None:
        request = self.job_request(tmp_path)
        if not new_provider().finds_jobs:
            self.refused(NotSupportedError, lambda: new_provider().find_jobs(request))
            return
        assert list(new_provider().find_jobs(request)) == []
        job = self.create(new_provider, request)
        found = new_provider().find_jobs(request)
        assert [one.id for one in found] == [job.id]
        self.check_status(found[0])
        for other in (
            self.job_request(tmp_path, lines=self.lines[::-1]),
            self.job_request(tmp_path, parameters=self.parameters),
            self.job_request(tmp_path, seed=7),
            self.job_request(tmp_path, suffix="other"),
        ):
            assert other.fingerprint != request.fingerprint
            assert list(new_provider().find_jobs(other)) == []

    def test_of_two_equal_jobs_the_newest_is_found_first(
        self, new_provider: NewProvider, tmp_path: Path
    ) -> None:
        if not new_provider().finds_jobs:
            return
        request = self.job_request(tmp_path, suffix="twice", seed=3)
        first = self.create(new_provider, request)
        self.until_ended(new_provider(), first)
        second = self.create(new_provider, request, attempt=2)
        assert first.id != second.id
        found = new_provider().find_jobs(request)
        assert [job.id for job in found] == [second.id, first.id]
        assert [job.attempt for job in found] in ([2, 1], [None, None])

    def test_where_jobs_are_numbered_one_number_is_one_job(
        self, new_provider: NewProvider, tmp_path: Path
    ) -> None:
        request = self.job_request(tmp_path)
        first = self.create(new_provider, request)
        if first.attempt is not None:
            assert first.attempt == 1
            assert self.create(new_provider, request).id == first.id

    def test_the_files_stay_as_they_are(self, new_provider: NewProvider, tmp_path: Path) -> None:
        request = self.job_request(tmp_path)
        before = request.training_file.read_bytes()
        self.create(new_provider, request)
        assert request.training_file.read_bytes() == before
        assert list(tmp_path.glob("*.jsonl")) == [request.training_file]

    # --- refusing --------------------------------------------------------------------------------------

    def test_an_unknown_parameter_is_refused(self, new_provider: NewProvider, tmp_path: Path) -> None:
        request = self.job_request(tmp_path, parameters={"no_such_parameter": 1})
        error = self.refused(ValueError, partial(self.create, new_provider, request))
        assert "no_such_parameter" in str(error)

    def test_a_method_that_it_lacks_is_refused(self, new_provider: NewProvider, tmp_path: Path) -> None:
        methods: tuple[Method, ...] = get_args(Method)
        for method in methods:
            if method not in new_provider().methods:
                request = dataclasses.replace(self.job_request(tmp_path), method=method)
                error = self.refused(NotSupportedError, partial(self.create, new_provider, request))
                assert method in str(error)

    def test_a_suffix_that_is_too_long_is_refused(self, new_provider: NewProvider, tmp_path: Path) -> None:
        request = self.job_request(tmp_path, suffix="x" * (new_provider().longest_suffix + 1))
        self.refused((ValueError, NotSupportedError), partial(self.create, new_provider, request))

    def test_what_it_does_not_override_it_lacks(self, new_provider: NewProvider, tmp_path: Path) -> None:
        job = self.create(new_provider, self.job_request(tmp_path))
        for name in ("pause_job", "resume_job", "delete_job", "checkpoints"):
            if getattr(type(new_provider()), name) is getattr(Provider, name):
                self.refused(NotSupportedError, partial(getattr(new_provider(), name), job.id))

    def test_a_job_that_is_not_there_is_a_final_error(self, new_provider: NewProvider) -> None:
        provider = new_provider()
        asks: list[Callable[[str], object]] = [
            provider.retrieve_job,
            provider.job_events,
            provider.cancel_job,
        ]
        for ask in asks:
            error = self.refused(ProviderError, partial(ask, "ft-0000000000000000-9"))
            assert isinstance(error, ProviderError)
            assert not error.temporary
            assert not error.ambiguous
            assert error.provider == provider.name

    # --- following -------------------------------------------------------------------------------------

    def test_a_job_comes_to_a_model_that_can_be_called(
        self, new_provider: NewProvider, tmp_path: Path
    ) -> None:
        from langchain_core.language_models import BaseChatModel  # noqa: PLC0415

        provider = new_provider()
        job = self.until_ended(provider, self.create(new_provider, self.job_request(tmp_path)))
        assert job.status == "succeeded", job
        assert job.fine_tuned_model
        assert job.error is None
        assert isinstance(provider.chat_model(job.fine_tuned_model, temperature=0), BaseChatModel)

    def test_events_are_told_in_order(self, new_provider: NewProvider, tmp_path: Path) -> None:
        provider = new_provider()
        job = self.until_ended(provider, self.create(new_provider, self.job_request(tmp_path)))
        events = list(provider.job_events(job.id))
        assert events
        assert len({event.id for event in events}) == len(events)
        times = [event.created_at for event in events]
        assert times == sorted(times)
        assert all(time.tzinfo is not None for time in times)
        steps = [event.step for event in events if event.metrics and event.step is not None]
        assert steps == sorted(steps)
        assert list(provider.job_events(job.id, newest=1)) == events[-1:]
        assert list(provider.job_events(job.id, newest=10_000)) == events

    def test_a_status_can_be_kept(self, new_provider: NewProvider, tmp_path: Path) -> None:
        job = self.create(new_provider, self.job_request(tmp_path))
        assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301 - our own bytes
        assert copy.deepcopy(job) == job

    # --- ending ----------------------------------------------------------------------------------------

    def test_a_job_is_cancelled(self, new_provider: NewProvider, tmp_path: Path) -> None:
        job = self.create(new_provider, self.job_request(tmp_path))
        asked = new_provider().cancel_job(job.id)
        self.check_status(asked)
        # A cancel may come too late: what counts is that the job ends.
        ended = self.until_ended(new_provider(), asked)
        assert ended.status in {"cancelled", "succeeded"}

    def test_cancelling_what_has_ended_changes_nothing(
        self, new_provider: NewProvider, tmp_path: Path
    ) -> None:
        provider = new_provider()
        job = self.until_ended(provider, self.create(new_provider, self.job_request(tmp_path)))
        assert provider.cancel_job(job.id).status == job.status
        assert provider.retrieve_job(job.id).status == job.status

    # --- helpers ---------------------------------------------------------------------------------------

    def job_request(
        self, folder: Path, *, lines: tuple[Mapping[str, Any], ...] | None = None, **settings: Any
    ) -> JobRequest:
        """A request for a job on the contract's lines."""
        content = "".join(
            json.dumps(line) + "\n" for line in (self.lines if lines is None else lines)
        ).encode()
        path = folder / f"{hashlib.sha256(content).hexdigest()[:8]}.jsonl"
        path.write_bytes(content)
        return JobRequest(
            training_file=path,
            training_sha256=hashlib.sha256(content).hexdigest(),
            **{"model": self.model} | settings,
        )

    def upload(self, new_provider: NewProvider, request: JobRequest) -> list[FileInfo]:
        """The files of a request at the provider, each sent by an object of its own."""
        with prepared_files(new_provider(), request) as files:
            return [
                new_provider().upload(file, memory={}, on_progress=lambda _sent, _size: None)
                for file in files
            ]

    def create(self, new_provider: NewProvider, request: JobRequest, *, attempt: int = 1) -> JobInfo:
        """A job, created as `FineTuneJob.create` does, but by an object that has seen nothing."""
        new_provider().check_request(request)
        return new_provider().create_job(request, self.upload(new_provider, request), attempt=attempt)

    def check_status(self, job: JobInfo) -> None:
        """What holds for every status."""
        assert isinstance(job, JobInfo)
        assert job.id
        assert job.status in get_args(Status)
        assert job.provider_status
        assert (job.fine_tuned_model is not None) <= (job.status == "succeeded")
        assert job.created_at is None or job.created_at.tzinfo is not None

    def until_ended(self, provider: Provider, job: JobInfo) -> JobInfo:
        """Look until a job has ended."""
        for _ in range(self.looks):
            if job.status in ENDED:
                return job
            if self.pause_seconds:
                time.sleep(self.pause_seconds)
            job = provider.retrieve_job(job.id)
            self.check_status(job)
        raise AssertionError(
            f"after {self.looks} looks the job is still {job.status} ({job.provider_status})"
        )

    def refused(
        self, kind: type[Exception] | tuple[type[Exception], ...], ask: Callable[[], object]
    ) -> Exception:
        """The error that a call raises, which shows no key."""
        try:
            answer = ask()
        except kind as error:
            assert self.secret is None or self.secret not in str(error)
            return error
        raise AssertionError(f"this should be refused, but answers {answer!r}")
