"""Look at the jobs that were created on this machine, and cancel them."""

from __future__ import annotations

import dataclasses
from argparse import ArgumentParser, Namespace

from langsmith_finetune.command import exits
from langsmith_finetune.command.options.attached import attached_job
from langsmith_finetune.command.options.provider import add_provider_options, provider_of
from langsmith_finetune.command.output import Output

HELP = "list, show, cancel jobs, and read their logs"

_COLUMNS = ("created_at", "names", "provider", "job_id", "status", "model", "fine_tuned_model")


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("action", choices=("list", "show", "cancel", "logs"), help="list asks nobody")
    parser.add_argument(
        "job", nargs="?", metavar="JOB", help="a name that was given to it, or the provider's id"
    )
    parser.add_argument("--last", type=int, metavar="N", help="logs: only the last so many events")
    add_provider_options(parser, required=False)


def run(args: Namespace, out: Output) -> int:
    """`FineTuneJob.list`, `attach`, `cancel` and `events`."""
    from langsmith_finetune.jobs import FineTuneJob, Journal  # noqa: PLC0415

    if (args.action == "list") == (args.job is not None):
        needs = "takes no JOB" if args.action == "list" else "needs a JOB, by its name or id"
        raise exits.StopError(exits.USAGE, f"error: jobs {args.action} {needs}")
    if args.action == "list":
        provider = args.provider and provider_of(args.provider, args.provider_settings)
        rows = [dataclasses.asdict(record) for record in FineTuneJob.list(provider)]
        for row in rows:
            row["created_at"] = row["created_at"][:16]
            row["names"] = " ".join(row["names"])
        out.rows(_COLUMNS, rows)
        if not rows:
            out.note(f"no job was created on this machine, as {Journal().folder} has it")
        return exits.DONE
    job = attached_job(args)
    if args.action == "logs":
        events = [dataclasses.asdict(event) for event in job.events(args.last)]
        out.rows(("created_at", "level", "message"), events)
        if not events:
            out.note(f"{job.provider.name} reports nothing of job {job.id} ({job.status})")
        return exits.DONE
    if args.action == "cancel":
        job.cancel()
    found = {name: value for name, value in dataclasses.asdict(job.info).items() if value not in (None, {})}
    out.product("\n".join(f"{name}: {value}" for name, value in found.items()), found)
    return exits.DONE
