"""The job that a command line names, for subcommands about a job that is there."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from langsmith_finetune.command.options.provider import provider_of

if TYPE_CHECKING:
    from langsmith_finetune.jobs import FineTuneJob, JobRecord


def records_of(job: str) -> list[JobRecord]:
    """What this machine knows of a job, by its name or id."""
    from langsmith_finetune.jobs import FineTuneJob  # noqa: PLC0415

    return [record for record in FineTuneJob.list() if job in (record.job_id, *record.names)]


def attached_job(args: Namespace) -> FineTuneJob:
    """The job of that name or id; the journal knows whose it is.

    Args:
        args: `job`, and what `add_provider_options` adds.

    Raises:
        ValueError: It is not known here, and no provider is named; or that one is at another address.
    """
    from langsmith_finetune.jobs import FineTuneJob  # noqa: PLC0415

    records = [record for record in records_of(args.job) if args.provider in (None, record.provider)]
    if args.provider is None and not records:
        raise ValueError(
            f"no job {args.job!r} was created on this machine; name its provider with --provider"
        )
    name = args.provider or records[0].provider
    usual = {"runs_dir": records[0].home} if records and name == "local" else {}
    provider = provider_of(name, args.provider_settings, **usual)
    if records and not any(record in FineTuneJob.list(provider) for record in records):
        raise ValueError(
            f"job {args.job!r} is at {records[0].home}, but {name} is now at {provider.home}: give "
            "--provider-setting, or set what it was created with"
        )
    return FineTuneJob.attach(args.job, provider=provider)
