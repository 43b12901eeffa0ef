"""What a job is asked for, and the question before it is paid for."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any, get_args

from langsmith_finetune.command.options import values
from langsmith_finetune.command.options.consent import require_yes
from langsmith_finetune.command.options.provider import add_provider_options, provider_of
from langsmith_finetune.providers.values import Method

if TYPE_CHECKING:
    from langsmith_finetune.command.output import Output
    from langsmith_finetune.jobs.plan import JobPlan
    from langsmith_finetune.providers.base import Provider


def add_job_options(parser: ArgumentParser) -> None:
    """The flags of a job, but for its file."""
    job = parser.add_argument_group("the job")
    add_provider_options(job)  # type: ignore[arg-type]
    job.add_argument("--model", required=True, metavar="NAME", help="the model to start from, or a folder")
    job.add_argument(
        "--set",
        dest="parameters",
        action="append",
        type=values.setting,
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the training, as n_epochs=3; the value may be JSON",
    )
    job.add_argument("--suffix", metavar="TEXT", help="goes into the tuned model's name")


def add_file_options(parser: ArgumentParser) -> None:
    """The flags that only a job from a file has."""
    parser.add_argument(
        "--method", choices=get_args(Method), default="supervised", help="how to train on FILE"
    )
    parser.add_argument("--validation-file", metavar="FILE", help="lines to measure on while training")


def settings_of(args: Namespace) -> dict[str, Any]:
    """The settings that were given, as `FineTuneJob.plan`, `FineTuneJob.create` and `finetune` take them."""
    return {
        "model": args.model,
        "provider": provider_of(args.provider, args.provider_settings),
        "parameters": values.together(args.parameters) or None,
        "suffix": args.suffix,
        "seed": args.seed,
    }


def plan_document(plan: JobPlan) -> dict[str, Any]:
    """A plan as JSON values."""
    return {
        "provider": plan.provider,
        "home": plan.home,
        "fingerprint": plan.fingerprint,
        "training_file": str(plan.training_file),
        "training_bytes": plan.training_bytes,
        "validation_file": plan.validation_file and str(plan.validation_file),
        "request": dict(plan.body),
        "tokens": plan.tokens and plan.tokens.total,
        "usd": plan.usd,
        "price": str(plan.cost or plan.cost_unknown),
        "lines": plan.check and plan.check.lines,
        "errors": None if plan.check is None else dict(plan.check.errors),
        "warnings": None if plan.check is None else dict(plan.check.warnings),
    }


def confirm(plan: JobPlan, provider: Provider, out: Output, *, yes: bool) -> None:
    """Ask on the terminal whether a job may cost what it costs, unless that is settled.

    Args:
        plan: The job's.
        provider: Who would be paid.
        out: Where the question goes.
        yes: The command line says so already.

    Raises:
        StopError: Nobody said yes.
    """
    from langsmith_finetune.jobs import FineTuneJob  # noqa: PLC0415 - not before it is needed

    if yes or not provider.costs_money:
        return
    for record in FineTuneJob.list(provider):
        if (
            record.fingerprint == plan.fingerprint
            and record.job_id
            and record.status not in ("failed", "cancelled")
        ):
            return  # it is paid for; create returns to it
    price = str(plan.cost or f"not known: {plan.cost_unknown}")
    refused = "not confirmed, so nothing was sent"
    require_yes(
        out,
        f"{provider.name} charges for training. The price: {price}\nCreate the job?",
        refused=refused,
        unasked=f"{refused}: {provider.name} charges for training (the price: {price}). --yes confirms, "
        "--max-cost-usd bounds it, --dry-run only shows",
    )
