"""Ask several models the questions of a held-out file, and say which answers better."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Any

from langsmith_finetune.command import exits
from langsmith_finetune.command.options import values
from langsmith_finetune.command.options.consent import require_yes
from langsmith_finetune.command.options.model import model_of
from langsmith_finetune.command.output import Output

HELP = "which of several models answers held-out questions better"


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("file", metavar="FILE", help="lines that no model was trained on")
    parser.add_argument(
        "--model",
        dest="models",
        action="append",
        type=values.named,
        required=True,
        metavar="NAME=MODEL",
        help="a job's name or id, a model folder, or openai:MODEL; the others are compared with the first",
    )
    parser.add_argument(
        "--metric", dest="metrics", action="append", metavar="NAME", help="such as calls_match"
    )
    parser.add_argument("--judge", metavar="MODEL", help="a model that says which of two answers is better")
    parser.add_argument("--answers", type=_answers, default="all", metavar="all|last|N", help="of each line")
    parser.add_argument("--results", metavar="FOLDER", help="keeps the answers (default: beside the file)")
    parser.add_argument(
        "--price",
        dest="usd_per_million_tokens",
        action="append",
        type=_price,
        default=[],
        metavar="NAME=IN,OUT",
        help="US dollars for a million tokens in, and for a million out",
    )
    parser.add_argument("--max-usd", type=float, metavar="USD", help="ask nothing if it would cost more")
    parser.add_argument("--yes", action="store_true", help="ask hosts without confirming what it costs")
    parser.add_argument("--dry-run", action="store_true", help="say what would be asked, and ask nothing")
    parser.add_argument(
        "--better-by",
        type=float,
        metavar="POINTS",
        help="end with exit code 7 unless the last model is better than the first by more than so many points",
    )
    parser.add_argument("--markdown", action="store_true", help="print Markdown, for a pull request")


def run(args: Namespace, out: Output) -> int:
    """`evaluate`."""
    from langsmith_finetune.evaluation import evaluate, plan_evaluation  # noqa: PLC0415

    models = {name: model_of(text) for name, text in args.models}
    settings: dict[str, Any] = {
        "metrics": args.metrics,
        "judge": None if args.judge is None else model_of(args.judge),
        "answers": args.answers,
        "results": args.results,
        "usd_per_million_tokens": values.together(args.usd_per_million_tokens),
        "max_usd": args.max_usd,
        "progress": out.shows_progress,
    }
    plan = plan_evaluation(models, args.file, **settings)
    if args.dry_run:
        out.product(str(plan), {"usd": plan.usd, "cases": plan.cases, "conversations": plan.conversations})
        return exits.DONE
    out.note(str(plan))
    if plan.usd != 0 and args.max_usd is None and not args.yes:
        refused = "not confirmed, so nothing was asked"
        require_yes(
            out,
            "Ask these questions?",
            refused=refused,
            unasked=f"{refused}: hosts charge for answers. --yes confirms, --max-usd bounds it, --dry-run only shows",
        )
    result = evaluate(models, args.file, **settings)
    out.product(result.to_markdown() if args.markdown else str(result), result.to_dict())
    if args.better_by is not None:
        first, last = args.models[0][0], args.models[-1][0]
        metric = args.metrics[0] if args.metrics else None
        try:
            result.assert_better(first, last, metric=metric, by=args.better_by / 100)
        except AssertionError as error:
            raise exits.StopError(exits.NOT_BETTER, str(error)) from None
    return exits.DONE


def _answers(text: str) -> str | int:
    if text in {"all", "last"}:
        return text
    try:
        return int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not all, last, or a number") from None


def _price(text: str) -> tuple[str, tuple[float, float]]:
    name, price = values.named(text)
    try:
        asked, said = price.split(",")
        return name, (float(asked), float(said))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not of the form NAME=IN,OUT, such as after=0.4,1.6") from None
