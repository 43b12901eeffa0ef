"""Which runs: of a project, by the conditions of `select_runs`, or from files."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

from langsmith_finetune.command.options import values
from langsmith_finetune.runs.roles import AgentType

if TYPE_CHECKING:
    from langsmith_finetune.pipeline.options import RunConditions

_OF_FILES = ("project_id", "agents", "nodes", "agent_types", "start_time", "end_time")


def add_run_options(parser: ArgumentParser, *, required: bool = True) -> None:
    """The flags that choose runs.

    Args:
        parser: The subcommand's.
        required: A source must be given.
    """
    source = parser.add_mutually_exclusive_group(required=required)
    source.add_argument("--project", dest="project_name", metavar="NAME", help="a LangSmith project")
    source.add_argument("--project-id", metavar="ID", help="the same by its id")
    source.add_argument(
        "--runs", nargs="+", metavar="FILE", help="files of runs, or folders: JSON lines, bulk exports"
    )
    given = parser.add_argument_group(
        "which runs", "All conditions must hold; several values of one are alternatives."
    )
    given.add_argument(
        "--feedback",
        action="append",
        type=values.feedback,
        metavar="KEY=SCORE",
        help="the root of the trace has this score; 'KEY>=SCORE' compares",
    )
    given.add_argument(
        "--tag", dest="tags", action="append", metavar="TAG", help="the run has all of these tags"
    )
    given.add_argument(
        "--run-model", dest="models", action="append", metavar="MODEL", help="this model answered"
    )
    given.add_argument(
        "--run-name", dest="names", action="append", metavar="NAME", help="the run has this name"
    )
    given.add_argument(
        "--agent", dest="agents", action="append", metavar="NAME", help="this agent made the call"
    )
    given.add_argument(
        "--node", dest="nodes", action="append", metavar="NAME", help="this node of a graph did"
    )
    given.add_argument(
        "--agent-type",
        dest="agent_types",
        action="append",
        choices=get_args(AgentType),
        help="what the call was for",
    )
    given.add_argument(
        "--since", dest="start_time", type=values.time, metavar="TIME", help="from here on, as 2026-11-01"
    )
    given.add_argument("--until", dest="end_time", type=values.time, metavar="TIME", help="up to before here")
    for name, of in (("root-error", "the trace as a whole"), ("error", "the run")):
        given.add_argument(
            f"--{name}",
            type=values.yes_no_any,
            metavar="{no,yes,any}",
            help=f"{of} failed (default: no)",
            default=False,
        )
    given.add_argument("--filter", metavar="TEXT", help="on the run, in LangSmith's filter language")
    given.add_argument("--trace-filter", metavar="TEXT", help="on the root of its trace")
    given.add_argument("--tree-filter", metavar="TEXT", help="on any run of its trace")
    given.add_argument("--sample", type=float, metavar="SHARE", help="keep this share of the runs, as 0.1")
    given.add_argument("--limit", type=int, metavar="N", help="at most so many runs")


def conditions_of(args: Namespace) -> RunConditions:
    """The conditions that were given, as `select_runs` and `finetune` take them."""
    given = {
        name: getattr(args, name)
        for name in (
            *("project_name", "project_id", "feedback", "tags", "models", "names", "agents", "nodes"),
            *(
                "agent_types",
                "start_time",
                "end_time",
                "filter",
                "trace_filter",
                "tree_filter",
                "sample",
                "limit",
            ),
        )
    }
    given["feedback"] = given["feedback"] and values.together(given["feedback"])
    found: Any = {name: value for name, value in given.items() if value is not None}
    for name in ("root_error", "error"):
        if getattr(args, name) is not False:
            found[name] = getattr(args, name)
    return found  # type: ignore[no-any-return]


def runs_of(args: Namespace) -> Iterable[Any]:
    """The runs: of the project, not asked for yet, or from the files.

    Raises:
        ValueError: A condition needs LangSmith, and files were given.
    """
    from langsmith_finetune.runs import run_files, select_runs  # noqa: PLC0415 - an HTTP client

    conditions: Any = conditions_of(args)
    if args.runs is None:
        return select_runs(**conditions)
    if unknown := sorted(set(conditions) - set(_OF_FILES)):
        raise ValueError(f"--runs takes no {'='.join(unknown[:1])}=: that is a condition of --project")
    return run_files(args.runs, run_type="llm", **conditions)
