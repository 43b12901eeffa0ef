"""Say what there is in the runs of a project, in files of runs, or in training files."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import chain

from langsmith_finetune.command import exits
from langsmith_finetune.command.options.runs import add_run_options, runs_of
from langsmith_finetune.command.output import Output

HELP = "what there is in runs or examples"


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("--examples", nargs="+", metavar="FILE", help="training files, in place of runs")
    add_run_options(parser, required=False)


def run(args: Namespace, out: Output) -> int:
    """`describe_runs` or `describe_examples`."""
    from langsmith_finetune.dataset import describe_examples, describe_runs  # noqa: PLC0415
    from langsmith_finetune.jsonl import read_jsonl  # noqa: PLC0415

    sources = [args.examples, args.project_name, args.project_id, args.runs]
    if sum(source is not None for source in sources) != 1:
        raise exits.StopError(exits.USAGE, "error: give one of --project, --project-id, --runs, --examples")
    if args.examples is not None:
        found = describe_examples(chain.from_iterable(map(read_jsonl, args.examples)))
    else:
        found = describe_runs(runs_of(args))
    out.product(str(found), found.to_dict())
    return exits.DONE
