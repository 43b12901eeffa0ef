"""The steps from runs to files, as `write_training_files` and `finetune` take them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any, get_args

from langsmith_finetune.command.options import values
from langsmith_finetune.examples.source import NoteKind


def add_step_options(parser: ArgumentParser, *, validation_size: float) -> None:
    """The flags of the steps.

    Args:
        parser: The subcommand's.
        validation_size: The share to hold out by default.
    """
    steps = parser.add_argument_group("what is made of them")
    steps.add_argument(
        "--train-on", choices=("all", "last"), default="all", help="which answers of a run (default: all)"
    )
    steps.add_argument(
        "--skip-note",
        dest="skip_notes",
        action="append",
        choices=get_args(NoteKind),
        metavar="KIND",
        default=[],
        help="leave out runs with such a note, as tools_missing",
    )
    steps.add_argument("--keep-reasoning", action="store_true", help="keep the model's thinking")
    steps.add_argument(
        "--fold",
        type=values.fold,
        default="trace",
        metavar="{trace,thread,no}",
        help="merge the calls of an agent, so that each answer is trained once (default: trace)",
    )
    steps.add_argument(
        "--keep-duplicates", dest="drop_duplicates", action="store_false", help="keep what is there twice"
    )
    steps.add_argument("--redact", action="store_true", help="take private values out")
    steps.add_argument(
        "--validation-size",
        type=float,
        default=validation_size,
        metavar="SHARE",
        help="the share of threads to hold out (default: %(default)s)",
    )
    steps.add_argument("--seed", type=int, metavar="N", help="for what is held out, and for the training")


def steps_of(args: Namespace) -> dict[str, Any]:
    """The steps, but for `seed`."""
    names = (
        "train_on",
        "skip_notes",
        "keep_reasoning",
        "fold",
        "drop_duplicates",
        "redact",
        "validation_size",
    )
    return {name: getattr(args, name) for name in names}
