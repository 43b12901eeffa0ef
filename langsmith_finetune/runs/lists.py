"""Yields runs from a list: an annotation queue, a dataset, an experiment, ids of traces or of threads.

A list mostly names roots of traces; what a model saw and said is in the llm runs below them, and those are
what is given. A run that is an llm run itself stands for itself.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import langsmith

from langsmith_finetune._foundation.arguments import an_id, check_many, checked
from langsmith_finetune._foundation.passes import Source
from langsmith_finetune._foundation.watched import Step
from langsmith_finetune._printable import logger_of, printable_line
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.runs.fields import ids_above
from langsmith_finetune.runs.langsmith.by_id import IdLookup
from langsmith_finetune.runs.langsmith.projects import ExampleSources, QueueItems
from langsmith_finetune.runs.langsmith.query import checked_limit, selection_of
from langsmith_finetune.runs.langsmith.read_apis import PAGE_SIZE
from langsmith_finetune.runs.langsmith.selection import Selection
from langsmith_finetune.runs.langsmith.selection_state import SelectionState
from langsmith_finetune.runs.langsmith.threads import ThreadRuns
from langsmith_finetune.runs.langsmith.traces import TraceIds, trace_ids
from langsmith_finetune.runs.langsmith.transport import RequestPlan, aconnected, aexecute, connected, execute
from langsmith_finetune.runs.langsmith.window_reader import place_of
from langsmith_finetune.runs.role_filter import several

if TYPE_CHECKING:
    from langsmith.types import Run

logger = logger_of(__name__)

ReviewStatus: TypeAlias = Literal["archived", "needs_my_review", "needs_others_review"]
Client: TypeAlias = "langsmith.Client | langsmith.AsyncLangsmith | langsmith.Langsmith"


@checked(queue_id=an_id)
def runs_from_annotation_queue(
    client: Client | None = None,
    *,
    queue_name: str | None = None,
    queue_id: str | uuid.UUID | None = None,
    status: ReviewStatus | None = "archived",
    limit: int | None = None,
) -> ListedRuns:
    """Yield the llm runs of the runs in an annotation queue, in the queue's order.

    Args:
        client: As for `select_runs`.
        queue_name: The queue's name; or give `queue_id`.
        queue_id: The queue's id.
        status: Which runs: "archived" are those that have been reviewed as the queue requires. None: all.
        limit: At most so many llm runs. Default: all.

    Yields:
        Runs in the form of LangSmith's v2 API, each once; within a trace, the oldest first.

    Raises:
        ValueError: If not exactly one of `queue_name` and `queue_id` is given, or `limit` is below 1.
        langsmith.utils.LangSmithNotFoundError: If there is no such queue.

    Example:
        >>> from langsmith_finetune.runs import runs_from_annotation_queue
        >>> runs = runs_from_annotation_queue(queue_name="good answers")  # nothing is requested yet
    """
    return _queue(client, queue_name, queue_id, status, limit)


@checked(dataset_id=an_id)
def runs_from_dataset(
    client: Client | None = None,
    *,
    dataset_name: str | None = None,
    dataset_id: str | uuid.UUID | None = None,
    splits: Iterable[str] | None = None,
    limit: int | None = None,
) -> ListedRuns:
    """Yield the llm runs of the runs that a dataset's examples were made from.

    An example without a source run has none to give. A source run that LangSmith no longer keeps is missing,
    and a warning says how many are; the examples themselves are read by `LangSmithDatasetChatLoader`.

    Args:
        client: As for `select_runs`.
        dataset_name: The dataset's name; or give `dataset_id`.
        dataset_id: The dataset's id.
        splits: Only examples of these splits.
        limit: At most so many llm runs. Default: all.

    Yields:
        Runs in the form of LangSmith's v2 API, each once, in the order of the examples' ids.

    Raises:
        ValueError: If not exactly one of `dataset_name` and `dataset_id` is given, or `limit` is below 1.
        langsmith.utils.LangSmithNotFoundError: If there is no such dataset.

    Example:
        >>> from langsmith_finetune.runs import runs_from_dataset
        >>> runs = runs_from_dataset(dataset_name="support", splits=["train"])  # nothing is requested yet
    """
    return _dataset(client, dataset_name, dataset_id, splits, limit)


@checked(experiment_id=an_id)
def runs_from_experiment(
    client: Client | None = None,
    *,
    experiment_name: str | None = None,
    experiment_id: str | uuid.UUID | None = None,
    feedback: Mapping[str, float | str] | None = None,
    root_error: bool | None = False,
    limit: int | None = None,
    fields: Iterable[str] | None = None,
    resume: SelectionState | Mapping[str, Any] | None = None,
) -> Selection:
    """Yield the llm runs of an experiment, each with the dataset example that it was made for.

    LangSmith notes the example on the root of a trace; here its llm runs have it too.

    Args:
        client: As for `select_runs`.
        experiment_name: The experiment's name; or give `experiment_id`.
        experiment_id: The experiment's id.
        feedback: By key, the score that an evaluator gave, or a comparison with one: `{"correct": 1}`.
        root_error: As for `select_runs`.
        limit: At most so many runs. Default: all.
        fields: As for `select_runs`.
        resume: As for `select_runs`.

    Returns:
        An iterator as of `select_runs`.

    Raises:
        ValueError: If not exactly one of `experiment_name` and `experiment_id` is given.
        langsmith.utils.LangSmithNotFoundError: At the first run, if there is no such experiment.

    Example:
        >>> from langsmith_finetune.runs import runs_from_experiment
        >>> runs = runs_from_experiment(experiment_name="gpt-4o-1a2b3c", feedback={"correct": 1})
    """
    name, project_id = _one_of("experiment", experiment_name, experiment_id)
    return Selection(
        client,
        *selection_of(
            project_name=name,
            project_id=project_id,
            feedback=feedback,
            root_error=root_error,
            limit=limit,
            fields=fields,
            resume=resume,
            example_of_root=True,
        ),
    )


@checked()
def runs_of_traces(
    ids: Iterable[Any], client: Client | None = None, *, limit: int | None = None
) -> ListedRuns:
    """Yield the llm runs of traces, in the order of the traces; in each, the oldest first.

    The id of a trace is that of its root run. A run's id of any kind will do: what is given are the llm runs below it,
    or the llm run itself.

    Args:
        ids: Ids (text or UUID), or runs, such as roots that you read by `client.traces.query`. A list is read again
            with each pass.
        client: As for `select_runs`.
        limit: At most so many llm runs. Default: all.

    Yields:
        Runs in the form of LangSmith's v2 API that did not fail, each once. A warning says how many of the ids are not
        in LangSmith.

    Raises:
        TypeError: `ids` is a single one.
        ValueError: `limit` is below 1, or an id is no UUID; of a one-shot iterable, when it is read.

    Example:
        >>> from langsmith_finetune.runs import runs_of_traces
        >>> runs = runs_of_traces(["1f0f2f3e-5a63-4b0d-8f5c-0d7f0f0d2a3b"])  # nothing is requested yet
    """
    check_many("ids", ids, "ids of traces, or runs")
    checked_limit(limit)
    for _ in trace_ids(ids) if isinstance(ids, Collection) else ():
        pass  # each is one
    given = Source("ids", ids)
    return ListedRuns(client, lambda: _LlmRuns(TraceIds(given), "list", limit, listed="ids"), "traces")


@checked(project_id=an_id)
def runs_of_threads(
    ids: Iterable[Any],
    client: Client | None = None,
    *,
    project_name: str | None = None,
    project_id: str | uuid.UUID | None = None,
    limit: int | None = None,
) -> ListedRuns:
    """Yield the llm runs of threads, which are conversations of several traces, thread by thread, the oldest first.

    Args:
        ids: Ids of threads, as the application gave them (`thread_id`, `session_id` or `conversation_id` in the
            metadata). A list is read again with each pass.
        client: As for `select_runs`.
        project_name: The project that the threads are in; or give `project_id`.
        project_id: The project's id.
        limit: At most so many llm runs. Default: all.

    Yields:
        Runs in the form of LangSmith's v2 API that did not fail, each once. A warning names threads that have none.

    Raises:
        TypeError: `ids` is a single one.
        ValueError: If not exactly one of `project_name` and `project_id` is given, or `limit` is below 1.
        langsmith.utils.LangSmithNotFoundError: At the first run, if there is no such project.

    Example:
        >>> from langsmith_finetune.runs import runs_of_threads
        >>> runs = runs_of_threads(["thread-17", "thread-18"], project_name="support-bot")  # nothing is requested yet
    """
    project = _one_of("project", project_name, project_id)
    check_many("ids", ids, "ids of threads")
    checked_limit(limit)
    given = Source("ids", ids)
    return ListedRuns(
        client,
        lambda: ThreadRuns(given, *project, limit),
        f"threads of the project {project_name or project_id}",
    )


def _queue(
    client: Client | None,
    name: str | None,
    queue_id: str | uuid.UUID | None,
    status: ReviewStatus | None,
    limit: int | None,
) -> ListedRuns:
    statuses = ["archived", "needs_my_review", "needs_others_review"] if status is None else [status]
    given = _one_of("queue", name, queue_id)
    checked_limit(limit)
    what = "annotation queue"
    return ListedRuns(
        client, lambda: _LlmRuns(QueueItems(*given, statuses), what, limit), f"{what} {name or queue_id}"
    )


def _dataset(
    client: Client | None,
    name: str | None,
    dataset_id: str | uuid.UUID | None,
    splits: Iterable[str] | None,
    limit: int | None,
) -> ListedRuns:
    given = _one_of("dataset", name, dataset_id)
    kept = None if splits is None else several("splits", splits)
    checked_limit(limit)
    what = "dataset"
    return ListedRuns(
        client, lambda: _LlmRuns(ExampleSources(*given, kept), what, limit), f"{what} {name or dataset_id}"
    )


def _one_of(what: str, name: str | None, given_id: str | uuid.UUID | None) -> tuple[str | None, str | None]:
    if (name is None) == (given_id is None):
        raise ValueError(f"say which {what}: give either {what}_name or {what}_id")
    return name, str(given_id) if given_id else None


class _Listed(Protocol):
    """One pass over a list."""

    def more(self) -> RequestPlan[list[Run] | None]:
        """The next runs; None at the end."""
        ...

    def tell_what_is_missing(self) -> None:
        """Warn of what was listed and is not there."""
        ...


class _LlmRuns:
    """The llm runs of listed runs, a page of the list at a time."""

    def __init__(
        self,
        items: QueueItems | ExampleSources | TraceIds,
        what: str,
        limit: int | None,
        *,
        listed: str = "",
    ) -> None:
        self._items, self._what = items, what
        self._things = listed or f"runs of the {what}"
        self._left = checked_limit(limit)
        self._lookup = IdLookup()
        self._listed, self._missing = 0, 0
        self._given: set[str | None] = set()

    def more(self) -> RequestPlan[list[Run] | None]:
        """The next runs; None at the end."""
        if self._left is not None and self._left <= len(self._given):
            return None
        ids = yield from self._items.more()
        if ids is None:
            return None
        found: dict[str, Run] = {}
        wanted = list(dict.fromkeys(ids))
        for at in range(0, len(wanted), PAGE_SIZE):
            answered = yield from self._lookup.find(wanted[at : at + PAGE_SIZE])
            found |= {run.id or "": run for run in self._readable(answered.values())}
        self._listed += len(wanted)
        self._missing += sum(run_id not in found for run_id in wanted)
        others = [found[run_id] for run_id in wanted if run_id in found and found[run_id].run_type != "LLM"]
        below: dict[str, list[Run]] = {}
        for llm_run in self._readable((yield from self._lookup.llm_runs_of(others))):
            for above in ids_above(llm_run):
                below.setdefault(above, []).append(llm_run)
        new = {
            llm_run.id: llm_run
            for listed in wanted
            for llm_run in self._of(found.get(listed), sorted(below.get(listed, []), key=place_of))
        }
        runs = list(new.values())[: None if self._left is None else self._left - len(self._given)]
        self._given.update(run.id for run in runs)
        yield from self._lookup.add_feedback(runs)
        return runs

    def _readable(self, runs: Iterable[Run | RunNotUsableError]) -> Iterator[Run]:
        for run_or_why in runs:
            if isinstance(run_or_why, RunNotUsableError):
                logger.warning("left out of the %s: %s", self._what, run_or_why)
            else:
                yield run_or_why

    def _of(self, listed: Run | None, below: list[Run]) -> Iterator[Run]:
        return (
            llm_run
            for llm_run in ([listed] if listed and listed.run_type == "LLM" else below)
            if llm_run.id not in self._given
        )

    def tell_what_is_missing(self) -> None:
        """Warn of listed runs that are not there any more, and of a list that gave nothing."""
        if self._missing:
            logger.warning(
                "%d of %d %s are not in LangSmith any more, or not in this workspace: it keeps runs for 14 days, or for 400",
                self._missing, self._listed, self._things,
            )  # fmt: skip
        if not self._listed:
            logger.warning("%s", self._items.emptiness)
        elif not self._given and self._missing < self._listed:
            logger.warning(
                "none of %d %s is an llm run that did not fail, or has one below it",
                self._listed - self._missing, self._things,
            )  # fmt: skip


class ListedRuns:
    """The runs of a list. Iterate with `for` or with `async for`; each pass reads the list again."""

    explains_itself = True
    """It logs why it is empty."""

    def __init__(self, client: Client | None, begin: Callable[[], _Listed], what: str) -> None:
        self._client, self._begin, self._what = client, begin, what

    def __repr__(self) -> str:
        return printable_line(f"<ListedRuns of {self._what}>")

    def __iter__(self) -> Generator[Run]:
        listed = self._begin()
        with Step(f"runs of {self._what}") as step, connected(self._client) as api:
            while (runs := execute(api, listed.more())) is not None:
                for found in runs:
                    step.add()
                    yield found
        listed.tell_what_is_missing()

    async def __aiter__(self) -> AsyncGenerator[Run]:
        listed = self._begin()
        with Step(f"runs of {self._what}") as step:
            async with aconnected(self._client) as api:
                while (runs := await aexecute(api, listed.more())) is not None:
                    for found in runs:
                        step.add()
                        yield found
        listed.tell_what_is_missing()
