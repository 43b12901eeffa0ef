"""An evaluation as LangSmith experiments, one for each model. The only part of the room that sends anything, when asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from langsmith import Client
from langsmith import evaluate as run_experiment
from langsmith.schemas import Example, Run

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.html import card, facts, link
from langsmith_finetune._printable import logger_of, printable_line
from langsmith_finetune.evaluation.answers import Answer
from langsmith_finetune.evaluation.cases import Case, asked_of, digest
from langsmith_finetune.evaluation.metrics import JUDGE
from langsmith_finetune.evaluation.report import as_told
from langsmith_finetune.evaluation.result import Evaluation

logger = logger_of(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LangSmithExperiments:
    """Where an evaluation is to be seen in LangSmith.

    Args:
        dataset_id: The dataset of the cases.
        experiments: The name of the experiment of each model.
        url: The page that compares the experiments; None where LangSmith names none.
    """

    dataset_id: str
    experiments: Mapping[str, str]
    url: str | None

    def __str__(self) -> str:
        made = ", ".join(f"{model} is {name}" for model, name in self.experiments.items())
        return printable_line(f"{made}: {self.url or 'LangSmith names no page'}")

    def _repr_html_(self) -> str:
        page = "" if self.url is None else link(printable_line(self.url), "compare them in LangSmith")
        return card("experiments", facts(self.experiments), page)


@checked()
def upload_to_langsmith(
    result: Evaluation,
    dataset_name: str,
    *,
    client: Client | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> LangSmithExperiments:
    """Write an evaluation to LangSmith: its cases as a dataset, and each model's answers and scores as an experiment.

    This sends prompts and answers. No model is asked again. Cases that the dataset has already are not added twice, so
    a later evaluation of the same file is compared with this one there.

    Args:
        result: The evaluation.
        dataset_name: The dataset, made if there is none of this name.
        client: The client; by default one with the settings of the environment.
        metadata: What to say of the experiments besides; the job and the model of a `FineTunedModel` are said anyway.

    Returns:
        The dataset, the experiments, and the page that compares them.
    """
    client = client or Client()
    examples = _examples(result, dataset_name, client)
    names, ids, url = {}, [], None
    for model in result.models:
        made = run_experiment(
            _target(result.answers[model], result.cases),
            data=[*examples.values()],
            evaluators=[_scores(result, model, list(examples))],
            client=client,
            experiment_prefix=model,
            metadata={
                **(metadata or {}),
                **result.origins.get(model, {}),
                "evaluated_by": "langsmith-finetune",
            },
            max_concurrency=0,
            disable_evaluator_tracing=True,
        )
        names[model] = made.experiment_name
        ids.append(str(made.experiment_id))
        url = made.url
    client.flush()
    dataset_id = str(next(iter(examples.values())).dataset_id)
    compared = None if url is None else f"{url.partition('?')[0]}?selectedSessions={'%2C'.join(ids)}"
    return LangSmithExperiments(dataset_id=dataset_id, experiments=names, url=compared)


def _examples(result: Evaluation, dataset_name: str, client: Client) -> dict[int, Example]:
    """The example of each case by the case's place; what the dataset has already is not made again."""
    if client.has_dataset(dataset_name=dataset_name):
        dataset = client.read_dataset(dataset_name=dataset_name)
    else:
        dataset = client.create_dataset(dataset_name, description="Held-out answers, by langsmith-finetune")
    ids = [_example_id(dataset.id, case) for case in result.cases]
    there = {example.id for example in client.list_examples(dataset_id=dataset.id)}
    found: dict[int, Example] = {}
    new: dict[UUID, dict[str, Any]] = {}
    seen: set[UUID] = set()
    for place, (example_id, case) in enumerate(zip(ids, result.cases, strict=True)):
        if example_id in seen:
            continue  # the same question with the same answer
        seen.add(example_id)
        recorded = {"message": dict(case.expected)}
        fields: dict[str, Any] = {
            "inputs": asked_of(case.messages, case.tools, case.parallel_tool_calls),
            "metadata": {"case": case.where, "conversation": case.conversation}
            | {kind: ", ".join(names) for kind, names in case.groups.items()}
            | ({"source_run_id": case.run_id} if case.run_id else {}),
        }
        found[place] = Example(
            id=example_id, dataset_id=dataset.id, modified_at=datetime.now(UTC), outputs=recorded, **fields
        )
        if example_id not in there:
            new[example_id] = {"id": example_id, "reference_outputs": recorded, **fields}
    if new:
        client.create_examples(dataset_id=dataset.id, examples=list(new.values()))
    logger.info("%s: %d examples, %d of them new", dataset_name, len(found), len(new))
    return found


def _example_id(dataset_id: UUID, case: Case) -> UUID:
    return uuid5(NAMESPACE_URL, f"{dataset_id} {case.key} {digest(case.expected)}")


def _target(answers: Sequence[Answer], cases: Sequence[Case]) -> Any:
    """What gives LangSmith the answers that were kept. It never raises: LangSmith scores what raised as nothing."""
    kept = {case.key: answer for case, answer in zip(cases, answers, strict=True)}

    def target(inputs: dict[str, Any]) -> dict[str, Any]:
        answer = kept[digest(inputs)]
        return {"error": answer.error} if answer.message is None else {"message": dict(answer.message)}

    return target


def _scores(result: Evaluation, model: str, places: Sequence[int]) -> Any:
    """What gives LangSmith the scores of an example."""
    by_case = {(result.cases[place].key, digest(result.cases[place].expected)): place for place in places}

    def scores(run: Run, example: Example) -> dict[str, Any]:  # noqa: ARG001 - LangSmith goes by the names
        expected = (example.outputs or {})["message"]
        place = by_case[digest(example.inputs), digest(expected)]
        found = [
            {"key": metric.name, "score": as_told(metric, given[model][place])}
            for metric in result.metrics
            if (given := result.scores.get(metric.name)) is not None and given[model][place] is not None
        ]
        if model in result.preferences and result.preferences[model][place] is not None:
            found.append({"key": JUDGE.name, "score": result.preferences[model][place]})
        return {"results": found}

    return scores
