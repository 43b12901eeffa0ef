"""Find everything in a training file that a target would refuse. Sends nothing."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import get_args

from langsmith_finetune.command import exits
from langsmith_finetune.command.output import Output
from langsmith_finetune.targets.registry import TARGETS
from langsmith_finetune.targets.rules import RuleName

HELP = "what a target would refuse of a file"


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("file", metavar="FILE", help="a training file")
    parser.add_argument("--target", choices=tuple(TARGETS), required=True, help="where it is to go")
    parser.add_argument(
        "--ignore",
        action="append",
        choices=get_args(RuleName),
        metavar="RULE",
        default=[],
        help="leave out a rule",
    )
    parser.add_argument("--show-content", action="store_true", help="say what was found in full words")


def run(args: Namespace, out: Output) -> int:
    """`check`."""
    from langsmith_finetune.targets import check  # noqa: PLC0415

    report = check(args.file, args.target, ignore=args.ignore, show_content=args.show_content)
    out.product(str(report), json.loads(report.to_json()))
    return exits.DONE if report.ok else exits.REFUSED
