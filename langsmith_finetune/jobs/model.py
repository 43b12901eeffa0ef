"""The model that a job leaves behind."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.fields import ShowsFields
from langsmith_finetune._foundation.retry import (
    SOON_SECONDS,
    look_again_delays,
    seconds_left,
    with_retries,
)
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import FineTuneError, NotSupportedError, ProviderError
from langsmith_finetune.jobs.deployment import Deployment
from langsmith_finetune.jobs.identity import expect_id
from langsmith_finetune.jobs.journal import Journal, home_of
from langsmith_finetune.jobs.records import JobRecord
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import DeploymentInfo

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

logger = logger_of(__name__)

_GONE = frozenset({"stopped", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FineTunedModel(ShowsFields):
    """What a job leaves behind.

    Args:
        id: The tuned model's name at the provider, or its folder.
        base_model: The model it was tuned from.
        job_id: The job that made it.
        provider: Who has it.
        journal: Where deployments are written down; by default the usual place.
    """

    id: str
    base_model: str
    job_id: str
    provider: Provider
    journal: Journal = field(default_factory=Journal, repr=False, compare=False)

    def _facts(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "base model": self.base_model,
            "job": self.job_id,
            "provider": self.provider.name,
        }

    def chat_model(self, **kwargs: Any) -> BaseChatModel:
        """The model as a LangChain chat model. Where it must be deployed first, ask the deployment instead.

        Args:
            **kwargs: Settings of the chat model's class, such as `temperature=0`.
        """
        return self.provider.chat_model(self.id, **kwargs)

    @checked()
    def deploy(self, *, force_new: bool = False, **settings: Any) -> Deployment:
        """Let the provider serve the model, where it does not do so by itself. This may cost money by the hour.

        What it costs is logged first. A deployment of this model that lives is returned to, not doubled.

        Args:
            force_new: Deploy it again even if it is deployed. This is paid for again.
            **settings: The provider's own, such as the hardware.

        Raises:
            NotSupportedError: The provider serves its models without being asked, or not at all.
            ProviderError: It refused, or it is not known whether the model is deployed.
        """
        provider = self.provider
        if type(provider).deploy is Provider.deploy:
            provider.deploy(self.id, **settings)  # raises what it lacks
        with self.journal.lock("deploy", provider.name, home_of(provider), self.id):
            record = self._record()
            before = self._deployments(record, force_new=force_new)
            living = [one for one in before if one.status not in _GONE]
            if not living and not force_new and record is not None and self._may_show_yet(record, before):
                living = self._look_again(before, seconds_left(record.asked_at or record.created_at), record)
            if living and not force_new:
                logger.warning("%s: deployment %s serves %s already", provider.name, living[0].id, self.id)
                return self._noted(living[0])
            price = provider.deployment_usd_per_hour(self.id, **settings)
            cost = "at a price that is not known" if price is None else f"for ${price:,.2f} an hour"
            logger.warning("%s: deploying %s %s, until Deployment.delete()", provider.name, self.id, cost)
            self._write(stage="deploying", deployment_id=None, asked_at=datetime.now(UTC).isoformat())
            try:
                made = with_retries(lambda: self._deployed(before, settings))
            except (FineTuneError, ValueError) as error:
                if not (isinstance(error, ProviderError) and error.ambiguous):
                    self._write(stage="ended")  # refused, and that is certain
                raise
            return self._noted(made)

    @checked()
    async def adeploy(self, *, force_new: bool = False, **settings: Any) -> Deployment:
        """`deploy` without blocking the event loop."""
        return await asyncio.to_thread(lambda: self.deploy(force_new=force_new, **settings))

    @checked()
    def download(self, path: str | Path) -> Path:
        """Fetch the weights into a folder, where the provider gives them.

        Raises:
            NotSupportedError: It does not.
        """
        found: Path = self.provider.download(self.id, Path(path))
        return found

    @checked()
    async def adownload(self, path: str | Path) -> Path:
        """`download` without blocking the event loop."""
        return await asyncio.to_thread(self.download, path)

    def delete(self) -> None:
        """Remove the model from the provider for good.

        Raises:
            NotSupportedError: The provider cannot.
        """
        self.provider.delete_model(self.id)

    def _deployments(self, record: JobRecord | None, *, force_new: bool = False) -> list[DeploymentInfo]:
        """The deployments of this model: those that the provider lists, and the one that the journal remembers."""
        try:
            found = list(with_retries(lambda: self.provider.list_deployments(self.id)))
        except NotSupportedError:
            found = []
            if record is not None and record.stage == "deploying" and not force_new:
                raise ProviderError(
                    self.provider.name,
                    f"a process that began to deploy {self.id} has ended, and it is not known whether it is "
                    "deployed. Look among your deployments: Deployment.attach(its id, provider=...) returns "
                    "to it, and deploy(force_new=True) makes one",
                    ambiguous=True,
                ) from None
        known = None if record is None else record.deployment_id
        if known is None or known in {one.id for one in found}:
            return found
        try:  # a list may lag behind
            remembered = with_retries(lambda: self.provider.retrieve_deployment(known))
        except (ProviderError, NotSupportedError) as error:
            if isinstance(error, ProviderError) and error.temporary:
                raise
            return found  # deleted
        return [*found, expect_id("deployment", known, remembered, self.provider)]

    def _may_show_yet(self, record: JobRecord, before: list[DeploymentInfo]) -> bool:
        """True if a deployment that was asked for may still show: in a list, or at all where its id is known."""
        if record.stage == "deploying":
            return True
        known = record.deployment_id
        if record.stage != "deployed" or known is None or known in {one.id for one in before}:
            return False
        if seconds := seconds_left(record.asked_at or record.created_at):
            logger.warning(
                "%s: deployment %s is not there (yet); looking for it for up to %d s before %s is deployed again. Where it "
                "was deleted, deploy(force_new=True) does so at once",
                self.provider.name,
                known,
                seconds,
                self.id,
            )
        return seconds > 0

    def _look_again(
        self, before: list[DeploymentInfo], seconds: float, record: JobRecord | None = None
    ) -> list[DeploymentInfo]:
        """The deployments that the provider shows later than those before."""
        seen = {one.id for one in before}
        for delay in look_again_delays(seconds):
            clock().sleep(delay)
            shown = self._deployments(record)
            new = [one for one in shown if one.id not in seen and one.status not in _GONE]
            if new:
                return new
        return []

    def _deployed(self, before: list[DeploymentInfo], settings: dict[str, Any]) -> DeploymentInfo:
        try:
            made: DeploymentInfo = self.provider.deploy(self.id, **settings)
        except ProviderError as error:
            if not error.ambiguous:
                raise
            with suppress(NotSupportedError):
                if new := self._look_again(before, SOON_SECONDS):
                    return new[0]
            raise ProviderError(
                self.provider.name,
                f"{error.message}. It is not known whether {self.id} is being deployed, which may cost money: look "
                "among your deployments; deploy() again returns to one that is there",
                ambiguous=True,
            ) from error
        return made

    def _noted(self, deployment: DeploymentInfo) -> Deployment:
        self._write(stage="deployed", deployment_id=deployment.id)
        return Deployment(self.provider, deployment, journal=self.journal)

    def _record(self) -> JobRecord | None:
        """The journal's record of the job; one is made for a job of another machine, so that nothing is paid twice."""
        if (record := self.journal.of_job(self.provider, self.job_id)) is not None:
            return record
        known = {"model": self.base_model, "fine_tuned_model": self.id, "status": "succeeded"}
        try:
            return self.journal.begin_elsewhere(self.provider, self.job_id, **known)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.journal.folder, error.strerror)
            return None

    def _write(self, **changes: Any) -> None:
        try:
            if record := self.journal.of_job(self.provider, self.job_id):
                self.journal.write(record, **changes)
        except OSError as error:
            logger.warning("%s cannot be written: %s", self.journal.folder, error.strerror)
