"""`finetune`: runs -> files -> job -> model, in one call that can be made again."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable
from typing import Any, Unpack

from langsmith_finetune._foundation.arguments import NOT_NEGATIVE, checked
from langsmith_finetune.jobs.model import FineTunedModel
from langsmith_finetune.pipeline.begin import begun_job
from langsmith_finetune.pipeline.options import FinetuneOptions, with_options_of


@checked(timeout=NOT_NEGATIVE)
@with_options_of(begun_job)
def finetune(
    runs: Iterable[Any] | None = None,
    *,
    timeout: float | None = None,
    progress: bool = True,
    **options: Unpack[FinetuneOptions],
) -> FineTunedModel:
    """Fine-tune a model on a project's runs: select, prepare, write, train, wait. Run it again, and it goes on.

    It is these public steps::

        runs = select_runs(project_name="support-bot", feedback={"user_score": 1})
        files = write_training_files(runs, "support-bot.jsonl", validation_size=0.1, target=provider.rules)
        job = FineTuneJob.create(
            files.training.path,
            validation_file=files.validation and files.validation.path,
            model=model,
            provider=provider,
            name="support-bot",
        )
        return job.wait()

    The job has a name, yours or one made of the project and of all that was asked for. While a job of that name lives,
    the same call returns to it: nothing is selected, sent or paid for again, whatever new runs the project has by
    then. If it was stopped or has failed, the same file is trained on again. Give another `name` to train on newer
    runs. The files lie in `folder`, named likewise, each with its ledger.

    Args:
        runs: Runs from elsewhere, such as `run_files(...)`; then give a `name`, and no conditions.
        model: The model to start from, as for `FineTuneJob.create`.
        provider: Who trains.
        name: What to call the job. A name stands for one set of conditions and settings.
        folder: Where the files go; it must exist.
        train_on: As for `write_training_files`, as are all up to `validation_size`.
        skip_notes: Kinds of notes that are reason enough to skip a run.
        keep_reasoning: Keep the model's thinking.
        fold: Merge the calls of an agent.
        drop_duplicates: Leave out duplicates.
        redact: Take private values out.
        validation_size: The share of threads to hold out and to measure on.
        parameters: As for `FineTuneJob.create`, as are the next three.
        suffix: Goes into the tuned model's name.
        seed: For the provider's random choices, for what is held out, and for `sample`.
        max_cost_usd: Refuse a job that would cost more, or whose cost is not known.
        on_files: Called with the files, once they are written.
        on_plan: Called with the plan of the job before it is created. What it raises ends the call with nothing
            sent, so it can ask first.
        on_job: Called with the job, once there is one.
        timeout: Give up waiting after this many seconds; the job itself goes on.
        progress: Show a line while a large file is sent, and while the job runs.
        **options: `journal` as for `FineTuneJob.create`, and the conditions of `select_runs`: `project_name`,
            `feedback`, `tags`, `start_time`, `limit` and the others.

    Returns:
        The tuned model; `chat_model()` is the LangChain model.

    Raises:
        InvalidExampleError: No example is left to train on; says what became of the runs.
        JobFailedError: The job failed or was cancelled; carries the provider's reason.
        JobTimeoutError: `timeout` has passed.
        ProviderError: The provider refused, or cannot be reached.
        TypeError: There is no such condition, or the provider is none.
        ValueError: A setting makes no sense, the name stands for something else, or the job would cost too much.

    Example:
        >>> from langsmith_finetune import finetune
        >>> from langsmith_finetune.providers.local import LocalProvider
        >>> model = finetune(
        ...     project_name="support-bot", feedback={"user_score": 1},
        ...     model="Qwen/Qwen3-0.6B", provider=LocalProvider(),
        ... )  # doctest: +SKIP
        >>> model.chat_model(temperature=0).invoke("Where is my order?")  # doctest: +SKIP
    """
    inspect.signature(finetune).bind(runs, **options)  # names what is missing, and what there is not
    return begun_job(runs, progress=progress, **options).wait(timeout, progress=progress)


@checked(timeout=NOT_NEGATIVE)
@with_options_of(begun_job)
async def afinetune(
    runs: Iterable[Any] | None = None,
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the same arguments as `finetune`
    progress: bool = True,
    **options: Unpack[FinetuneOptions],
) -> FineTunedModel:
    """`finetune` without blocking the event loop. Takes the same arguments."""
    inspect.signature(afinetune).bind(runs, **options)
    job = await asyncio.to_thread(lambda: begun_job(runs, progress=progress, **options))
    return await job.await_(timeout, progress=progress)
