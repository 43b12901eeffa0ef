"""Train a model on the runs of a project, or on a training file, and wait for it.

The same command again returns to the same job: nothing is paid for twice. It may be stopped at any time.
"""

from __future__ import annotations

import dataclasses
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from langsmith_finetune.command import exits
from langsmith_finetune.command.options.job import (
    add_file_options,
    add_job_options,
    confirm,
    plan_document,
    settings_of,
)
from langsmith_finetune.command.options.provider import code_for
from langsmith_finetune.command.options.runs import add_run_options, conditions_of, runs_of
from langsmith_finetune.command.options.steps import add_step_options, steps_of
from langsmith_finetune.command.output import Output
from langsmith_finetune.errors import NotSupportedError

if TYPE_CHECKING:
    from langsmith_finetune.jobs import FineTunedModel, FineTuneJob, JobPlan
    from langsmith_finetune.pipeline import TrainingFiles

HELP = "the whole path: runs or a file -> a tuned model"


def add_arguments(parser: ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="a training file, in place of runs")
    parser.add_argument("--name", metavar="NAME", help="what to call the job; the same name returns to it")
    parser.add_argument("--folder", default=".", metavar="DIR", help="where the files go (default: here)")
    parser.add_argument("--yes", action="store_true", help="do not ask before a job that costs money")
    parser.add_argument(
        "--dry-run", action="store_true", help="write the files, show the plan, and send nothing"
    )
    parser.add_argument("--max-cost-usd", type=float, metavar="USD", help="refuse a job that would cost more")
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="stop waiting; the job itself goes on"
    )
    add_job_options(parser)
    add_file_options(parser)
    add_run_options(parser, required=False)
    add_step_options(parser, validation_size=0.1)


def run(args: Namespace, out: Output) -> int:
    """`finetune`; with a file, `FineTuneJob.create(...).wait()`."""
    sources = [args.file, args.project_name, args.project_id, args.runs]
    if sum(source is not None for source in sources) != 1:
        raise exits.StopError(exits.USAGE, "error: give one of FILE, --project, --project-id, --runs")
    training = _Training(args, out)
    try:
        model = training.from_runs() if args.file is None else training.from_file()
    except KeyboardInterrupt:
        out.note(training.how_to_go_on())
        return exits.INTERRUPTED
    document = {
        "model": model.id,
        "base_model": model.base_model,
        "provider": model.provider.name,
        "job": training.job and dataclasses.asdict(training.job.info),
    }
    out.product(model.id, document)
    deployed = ".deploy(...)" if model.provider.result == "deployable" else ""
    model_of = f"FineTuneJob.attach({model.job_id!r}, provider={code_for(model.provider)}).wait(){deployed}"
    out.note(f"in Python: {model_of}.chat_model()")
    return exits.DONE


class _Training:
    """One run of the command."""

    def __init__(self, args: Namespace, out: Output) -> None:
        self.args, self.out = args, out
        self.settings = settings_of(args)
        self.provider = self.settings["provider"]
        self.waiting: dict[str, Any] = {"timeout": args.timeout, "progress": out.shows_progress}
        self.job: FineTuneJob | None = None

    def from_runs(self) -> FineTunedModel:
        from langsmith_finetune.pipeline import finetune  # noqa: PLC0415

        args = self.args
        runs: Any = {"runs": runs_of(args)} if args.runs is not None else conditions_of(args)
        return finetune(
            **runs,
            **self.settings,
            **steps_of(args),
            **self.waiting,
            name=args.name,
            folder=args.folder,
            max_cost_usd=args.max_cost_usd,
            on_files=self.show_files,
            on_plan=self.show_plan,
            on_job=self.show_job,
        )

    def from_file(self) -> FineTunedModel:
        from langsmith_finetune.jobs import FineTuneJob  # noqa: PLC0415

        args = self.args
        settings = {**self.settings, "method": args.method, "validation_file": args.validation_file}
        most = args.max_cost_usd
        try:
            self.show_plan(FineTuneJob.plan(args.file, **settings))
        except NotSupportedError:
            if args.dry_run:
                raise
            # `create` says the same, unless the job was made while it could be: that one is returned, and none is paid for.
            most = 0.0
        job = FineTuneJob.create(
            args.file,
            **settings,
            name=args.name,
            max_cost_usd=most,
            progress=self.out.shows_progress,
        )
        self.show_job(job)
        return job.wait(**self.waiting)

    def show_files(self, files: TrainingFiles) -> None:
        self.out.note(str(files))

    def show_plan(self, plan: JobPlan) -> None:
        if self.args.dry_run:
            self.out.product(str(plan), plan_document(plan))
            raise exits.StopError(exits.DONE)
        self.out.note(str(plan))
        confirm(plan, self.provider, self.out, yes=self.args.yes)

    def show_job(self, job: FineTuneJob) -> None:
        self.job = job
        if self.args.dry_run:
            raise exits.StopError(
                exits.DONE, f"job {job.id} ({job.status}) is there: the command returns to it"
            )
        self.out.note(f"job {job.id}: {job.status}")

    def how_to_go_on(self) -> str:
        if self.job is None:
            return "interrupted. The same command goes on where this one stopped"
        return (
            f"interrupted; job {self.job.id} goes on. The same command returns to it, and "
            f"langsmith-finetune jobs cancel {self.job.id} stops it"
        )
