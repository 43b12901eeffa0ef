"""A tuned model that a provider serves."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Self

from langsmith_finetune._foundation.arguments import NOT_NEGATIVE, checked
from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.retry import (
    poll,
)
from langsmith_finetune._foundation.shown import Shown
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import ProviderError, their_word
from langsmith_finetune.jobs.identity import expect_id
from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.jobs.progress import JobProgress
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import DeploymentInfo

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logger_of(__name__)


class Deployment:
    """A model that a provider serves, or is about to. While it lives, it may cost money.

    Args:
        provider: Who serves it.
        status: Where it stands.
        journal: Where it is written down that it was deleted; by default the usual place.

    Example:
        >>> deployment = model.deploy().wait()  # doctest: +SKIP
        >>> deployment.chat_model(temperature=0).invoke("Hi")  # doctest: +SKIP
        >>> deployment.delete()  # doctest: +SKIP
    """

    def __init__(
        self,
        provider: Provider,
        status: DeploymentInfo,
        *,
        journal: Journal | None = None,
    ) -> None:
        self.provider = provider
        self.info = status
        self._journal = journal or Journal()

    @classmethod
    @checked()
    def attach(
        cls,
        deployment_id: str,
        *,
        provider: Provider,
        journal: Journal | None = None,
    ) -> Self:
        """Return to a deployment by its id."""
        status = expect_id("deployment", deployment_id, provider.retrieve_deployment(deployment_id), provider)
        return cls(provider, status, journal=journal)

    @property
    def id(self) -> str:
        """The provider's id of the deployment."""
        return self.info.id

    @property
    def status(self) -> str:
        """Where it stood when it was last looked at; `refresh` looks again."""
        return self.info.status

    def refresh(self) -> DeploymentInfo:
        """Ask the provider where it stands now."""
        found = self.provider.retrieve_deployment(self.id)
        self.info = expect_id("deployment", self.id, found, self.provider)
        return self.info

    @checked(timeout=NOT_NEGATIVE)
    def wait(
        self, timeout: float | None = None, poll_seconds: float | None = None, *, progress: bool = True
    ) -> Self:
        """Wait until the model answers, and return this deployment.

        Args:
            timeout: Give up after this many seconds; the deployment goes on, and so does what it costs.
            poll_seconds: Seconds between two looks.
            progress: Show its status and what it costs.

        Raises:
            ProviderError: It failed or was stopped.
            TimeoutError: `timeout` has passed.
        """
        with JobProgress(enabled=progress) as line:
            for delay in self._poll(timeout, poll_seconds, line):
                clock().sleep(delay)
        return self._outcome()

    @checked(timeout=NOT_NEGATIVE)
    async def await_(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same arguments as `wait`
        poll_seconds: float | None = None,
        *,
        progress: bool = True,
    ) -> Self:
        """`wait` without blocking the event loop. `await deployment` is the same with its defaults."""
        with JobProgress(enabled=progress) as line:
            delays = self._poll(timeout, poll_seconds, line)
            while (delay := await asyncio.to_thread(next, delays, None)) is not None:
                await clock().asleep(delay)
        return self._outcome()

    def __await__(self) -> Generator[Any, None, Self]:
        return self.await_().__await__()

    def chat_model(self, **kwargs: Any) -> BaseChatModel:
        """The deployed model as a LangChain chat model.

        Args:
            **kwargs: Settings of the chat model's class, such as `temperature=0`.
        """
        return self.provider.chat_model(self.info.serves_as or self.info.model_id, **kwargs)

    def delete(self) -> None:
        """End the deployment, and what it costs. The model stays."""
        self.provider.delete_deployment(self.id)
        try:
            if record := self._journal.of_deployment(self.provider, self.id):
                self._journal.write(record, stage="ended", deployment_id=None)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self._journal.folder, error.strerror)

    def __repr__(self) -> str:
        return f"Deployment({self.id!r}, {self.status!r}, provider={self.provider.name!r})"

    def _repr_html_(self) -> str:
        return self.info._repr_html_()

    def _poll(
        self, timeout: float | None, poll_seconds: float | None, line: JobProgress
    ) -> Generator[float, None, None]:
        def look() -> bool:
            self.refresh()
            has_ended = self.status in {"ready", "failed", "stopped"}
            line.put(self._shown(ended=has_ended))
            return has_ended

        def too_long(waited: float) -> TimeoutError:
            return TimeoutError(
                f"deployment {self.id} was still {self._said()} after "
                f"{waited:.0f} s; it goes on, and may cost money until delete()"
            )

        return poll(
            look,
            first_poll_seconds=self.provider.poll_seconds,
            timeout=timeout,
            poll_seconds=poll_seconds,
            on_silence=line.note,
            on_timeout=too_long,
        )

    def _shown(self, *, ended: bool) -> Shown:
        price = self.info.usd_per_hour
        facts = {} if price is None else {"cost": f"${price:,.2f} an hour"}
        return Shown(title=f"deployment {self.id}", status=self.status, facts=facts, ended=ended)

    def _said(self) -> str:
        """The status, and the provider's own word where it is another one."""
        theirs = their_word(self.status, self.info.provider_status)
        return f"{self.status} ({theirs})" if theirs else self.status

    def _outcome(self) -> Self:
        if self.status != "ready":
            raise ProviderError(
                self.provider.name,
                f"deployment {self.id} is {self._said()}: {self.info.error or 'the provider gave no reason'}",
            )
        return self
