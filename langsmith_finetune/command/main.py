"""`langsmith-finetune`: reads the command line, runs a subcommand, and turns what it raises into an exit code."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, NoReturn

from langsmith_finetune._printable import printable_line
from langsmith_finetune.command import (
    check,
    describe,
    evaluate,
    exits,
    export,
    fix,
    jobs,
    plan,
    serve,
    train,
)
from langsmith_finetune.command.errors import code_of, line_of
from langsmith_finetune.command.output import Output

COMMANDS = (describe, export, check, fix, plan, train, evaluate, serve, jobs)
"""The subcommands, in the order of the path. Each is a module with `HELP`, `add_arguments` and `run`."""

_DESCRIPTION = "From LangSmith runs to a fine-tuned model."
_EPILOG = """\
Keys come from the environment alone: LANGSMITH_API_KEY, OPENAI_API_KEY, TOGETHER_API_KEY and so on.

exit codes: 0 done; 1 an error, in one line on stderr; 2 a wrong command line; 3 the target would refuse the file;
4 the price was not confirmed; 5 the job failed; 6 the job still runs; 7 the model
is not better; 130 interrupted
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code.

    Args:
        argv: The arguments, without the program's name; by default those of the process.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal or a pipe may not take every character
    args = command_line().parse_args(argv)
    out = Output(as_json=args.json)
    with _warnings_as_lines(out):
        try:
            code: int = args.run(args, out)
            sys.stdout.flush()
        except exits.StopError as stop:
            if stop.text:
                out.note(stop.text)
            return stop.code
        except KeyboardInterrupt:
            out.note("interrupted")
            return exits.INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
            return exits.BROKEN_PIPE
        except Exception as error:  # noqa: BLE001 - a traceback is for --debug
            if args.debug:
                out.note(traceback.format_exc())
            out.note(f"error: {line_of(error, vars(args))}")
            return code_of(error)
        return code


class _Parser(argparse.ArgumentParser):
    """Without abbreviations, which change when a flag is added, and without escape sequences in what it says."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong in one line, and where help is."""
        Output().note(f"error: {printable_line(message)} (see {self.prog} --help)")
        raise SystemExit(exits.USAGE)


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print it, and end."""
        Output().product(f"{parser.prog} {version('langsmith-finetune')}", None)
        raise SystemExit(exits.DONE)


def command_line() -> argparse.ArgumentParser:
    """The parser, with every subcommand."""
    parser = _Parser(
        prog="langsmith-finetune",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    shared = _Parser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print one JSON document on stdout")
    shared.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2]
        own = commands.add_parser(name, help=command.HELP, description=command.__doc__, parents=[shared])
        own.set_defaults(run=command.run)
        command.add_arguments(own)
    return parser


@contextmanager
def _warnings_as_lines(out: Output) -> Iterator[None]:
    """Show a warning as one line, without the place in the code."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_: out.note(f"warning: {printable_line(str(message))}")
        yield
