"""Write a training file anew, with all changes that a target needs and that do not change what is learned."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from langsmith_finetune.command import check, exits
from langsmith_finetune.command.output import Output

HELP = "a file with what is safe to fix fixed"


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    check.add_arguments(parser)
    parser.add_argument(
        "--out",
        dest="fixed_path",
        required=True,
        metavar="FILE",
        help="the fixed file; an existing one is replaced",
    )


def run(args: Namespace, out: Output) -> int:
    """`check(..., fix=True)`."""
    from langsmith_finetune.targets import check  # noqa: PLC0415

    report = check(
        args.file,
        args.target,
        fix=True,
        fixed_path=args.fixed_path,
        ignore=args.ignore,
        show_content=args.show_content,
    )
    out.product(f"{report}\nwritten: {report.fixed_path}", json.loads(report.to_json()))
    return exits.DONE if report.ok else exits.REFUSED
