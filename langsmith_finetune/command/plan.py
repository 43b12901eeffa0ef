"""Say what a job would send and what it would cost. Sends nothing, and needs no key."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from langsmith_finetune.command import exits
from langsmith_finetune.command.options.job import (
    add_file_options,
    add_job_options,
    plan_document,
    settings_of,
)
from langsmith_finetune.command.output import Output

HELP = "what a job would send and cost"


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("file", metavar="FILE", help="a training file")
    add_job_options(parser)
    add_file_options(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="for the provider's random choices")


def run(args: Namespace, out: Output) -> int:
    """`FineTuneJob.plan`."""
    from langsmith_finetune.jobs import FineTuneJob  # noqa: PLC0415

    plan = FineTuneJob.plan(
        args.file, **settings_of(args), method=args.method, validation_file=args.validation_file
    )
    out.product(str(plan), plan_document(plan))
    return exits.DONE
