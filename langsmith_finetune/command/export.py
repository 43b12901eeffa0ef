"""Write the runs of a project, or of files, as a training file, with the ledger beside it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from langsmith_finetune.command import exits
from langsmith_finetune.command.options.runs import add_run_options, runs_of
from langsmith_finetune.command.options.steps import add_step_options, steps_of
from langsmith_finetune.command.output import Output
from langsmith_finetune.targets.registry import TARGETS

HELP = "runs -> a training file with its ledger"


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="the training file; an existing one is replaced"
    )
    parser.add_argument("--target", choices=tuple(TARGETS), help="fix and convert the lines for this target")
    add_run_options(parser)
    add_step_options(parser, validation_size=0.0)


def run(args: Namespace, out: Output) -> int:
    """`write_training_files`."""
    from langsmith_finetune.pipeline import write_training_files  # noqa: PLC0415

    files = write_training_files(
        runs_of(args), args.out, **steps_of(args), seed=args.seed, target=args.target
    )
    out.product(str(files), files.to_dict())
    return exits.DONE
