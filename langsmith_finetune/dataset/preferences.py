"""Makes preference pairs: two answers to one prompt, of which one is preferred."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from langsmith_finetune._foundation.arguments import NOT_NEGATIVE, checked, many, returned
from langsmith_finetune._foundation.json_text import OBJECT, short_text
from langsmith_finetune._foundation.passes import Source
from langsmith_finetune.chat_format import PreferenceInput, TrainingMessage
from langsmith_finetune.convert import example_of_run
from langsmith_finetune.dataset.corrections import (
    NOT_AMONG_THEM,
    CorrectedRuns,
    Correction,
    correction_from,
    later,
)
from langsmith_finetune.dataset.given import Examples, ExampleSource
from langsmith_finetune.dataset.pairs import BestAndWorst, input_of, pair_of, prompt_of, without_weight
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.scores import scored
from langsmith_finetune.dataset.steps import StepPass, in_passes
from langsmith_finetune.errors import RunNotUsableError
from langsmith_finetune.examples.example import PreferenceExample, TrainingExample, replace
from langsmith_finetune.examples.sound import name_of
from langsmith_finetune.runs.fields import getter, time_text
from langsmith_finetune.runs.unparsed import opened


@checked(margin=NOT_NEGATIVE)
def preferences_from_scores(
    examples: Examples,
    score: str,
    *,
    margin: float = 0.0,
    report: DatasetReport | None = None,
) -> Iterator[PreferenceExample]:
    """Of several answers to the same prompt, as retries and regenerations give: the best against the worst.

    Two prompts are the same if their messages and tools are; ids of tool calls and the names of assistants
    may differ.

    Args:
        examples: Training examples; two of each prompt are held in memory, and nothing is yielded before
            all are read.
        score: The key of the feedback score; examples without it make no pair.
        margin: The scores must differ by more than this.
        report: Filled with what made no pair, and why.

    Example:
        >>> from langsmith_finetune.runs import RunSource
        >>> question = {"role": "user", "content": "Capital of France?"}
        >>> def answered(text, grade):
        ...     messages = [question, {"role": "assistant", "content": text}]
        ...     source = RunSource(run_id=text, scores={"correct": grade})
        ...     return TrainingExample(line={"messages": messages}, source=source)
        >>> [pair] = preferences_from_scores([answered("Lyon", 0.0), answered("Paris", 1.0)], "correct")
        >>> pair.line["preferred_output"], pair.rejected_source.run_id
        ([{'role': 'assistant', 'content': 'Paris'}], 'Lyon')
    """
    source = ExampleSource(examples, "training examples")

    def pairs(this: StepPass) -> Iterator[PreferenceExample]:
        this.remedy = (
            "A pair is two answers with different scores to one prompt, as retries and regenerations give; "
            "labels_from_scores learns from answers one by one"
        )
        prompts: dict[Hashable, BestAndWorst] = {}
        for value, example in scored(source, score, this):
            prompts.setdefault(prompt_of(example), BestAndWorst()).add(value, example)
        for found in prompts.values():
            yield from found.pairs(margin, this)

    return in_passes("preferences_from_scores", source, report, pairs)


@checked(margin=NOT_NEGATIVE)
def preferences_from_experiments(
    examples: Examples,
    score: str,
    *,
    margin: float = 0.0,
    report: DatasetReport | None = None,
) -> Iterator[PreferenceExample]:
    """Of the answers that experiments gave to one example of a dataset: the best against the worst.

    Only answers of different experiments (projects) make a pair, and only to the same prompt: where
    the experiments differ in it, the report counts the dataset's examples that were left out.

    Args:
        examples: Training examples of the experiments' runs, held in memory until all are read.
        score: As for `preferences_from_scores`.
        margin: As for `preferences_from_scores`.
        report: Filled with what made no pair, and why.
    """
    source = ExampleSource(examples, "training examples")

    def pairs(this: StepPass) -> Iterator[PreferenceExample]:
        this.remedy = (
            "A pair is two answers with different scores that different experiments gave to one example of a dataset: "
            "give the runs of all of them, as runs_from_experiment reads them"
        )
        asked: dict[str, dict[Hashable, dict[str | None, tuple[float, TrainingExample]]]] = {}
        for value, example in scored(source, score, this):
            if example.source is None or example.source.example_id is None:
                this.add("of no dataset example", name_of(example, 0))
                continue
            answers = asked.setdefault(example.source.example_id, {}).setdefault(prompt_of(example), {})
            if example.source.project_id not in answers or value > answers[example.source.project_id][0]:
                answers[example.source.project_id] = (value, example)
        for example_id, prompts in asked.items():
            if len(prompts) > 1 and all(len(answers) == 1 for answers in prompts.values()):
                this.add("prompts differ", example_id)
            for answers in prompts.values():
                found = BestAndWorst()
                for value, example in answers.values():
                    found.add(value, example)
                yield from found.pairs(margin, this)

    return in_passes("preferences_from_experiments", source, report, pairs)


@checked(margin=NOT_NEGATIVE)
def preferences_from_candidates(
    runs: Iterable[Any],
    judge: Callable[[PreferenceInput, TrainingMessage], float],
    *,
    margin: float = 0.0,
    report: DatasetReport | None = None,
) -> Iterator[PreferenceExample]:
    """Of the several answers that one call asked for (`n`): the one judged best against the worst.

    Args:
        runs: LangSmith llm runs, as for `examples_from_runs`; one at a time is held in memory.
        judge: Scores an answer to an input. LangSmith's feedback is about a run, not a candidate.
        margin: The scores must differ by more than this.
        report: Filled with what made no pair, and why.
    """
    source = Source("runs", many("runs", runs, "runs"))

    def pairs(this: StepPass) -> Iterator[PreferenceExample]:
        this.remedy = "A pair is two answers of one call that asked for several (n=2 or more) and that judge tells apart"
        for run in this.reading(source):
            found = BestAndWorst()
            candidates: list[dict[str, Any]] = []
            with suppress(Exception):  # one that cannot be read has no two answers to compare
                run = opened(run)  # noqa: PLW2901 - its JSON text read
                candidates = list(_candidates(run))
            if len(candidates) < 2:
                this.leave_out("without a second answer")
                continue
            for example in _examples([_Answered(run, outputs) for outputs in candidates], this):
                answer = without_weight(example.line["messages"][-1])
                found.add(returned("judge", judge(input_of(example), answer), float), example)
            # Both are of one run, so there is no other one to name.
            yield from (replace(pair, rejected_source=None) for pair in found.pairs(margin, this))

    return in_passes("preferences_from_candidates", source, report, pairs)


@checked()
def preferences_from_corrections(
    runs: Iterable[Any], feedback: Iterable[Any] = (), *, report: DatasetReport | None = None
) -> Iterator[PreferenceExample]:
    """What a model answered, against what people corrected it to.

    A correction of the root of a trace, which users see, goes to the llm run that gave the answer: the last call of
    the root agent. Where that is not clear, the report says so, and there is no pair. If the run itself was corrected
    too, that counts.

    Args:
        runs: LangSmith llm runs, as for `examples_from_runs`; one at a time is held in memory, and all of a trace
            whose root `feedback` corrects. Those of `select_runs` bring their corrections along.
        feedback: From langsmith's `Client.list_feedback`, held in memory where it has a `correction`: the
            answer's text, or outputs in any form that a run may have. The last one about a run counts.
            Corrections of a score, as LangSmith's evaluators get them, are no answers.
        report: Filled with what made no pair, and why.

    Returns:
        Pairs whose `changes` say who corrected the run (the id), and when.
    """
    source = Source("runs", many("runs", runs, "runs"))
    given = Source("feedback", many("feedback", feedback, "feedback"))

    def pairs(this: StepPass) -> Iterator[PreferenceExample]:
        this.remedy = _REMEDY
        corrections = CorrectedRuns(_corrections(given, this), this)
        uncorrected = 0
        for run in this.reading(source):
            if correction := corrections.of(run):
                yield from _corrected(run, correction.outputs, correction.change, this)
            else:
                uncorrected += 1
        for run, correction in corrections.at_the_end():
            uncorrected -= 1
            yield from _corrected(run, correction.outputs, correction.change, this)
        if uncorrected:
            this.leave_out("runs that nobody corrected", uncorrected)

    return in_passes("preferences_from_corrections", source, report, pairs)


_REMEDY = "A pair is the answer of a run, and another one that was said to be better"


def _corrections(feedback: Iterable[Any], this: StepPass) -> dict[str, Correction]:
    """The corrections among feedback, by what they correct."""
    said: dict[str, Correction] = {}
    count = 0
    for count, item in enumerate(feedback, start=1):
        with _reading(f"feedback {count - 1}", this):
            found = correction_from(item)
            if found is not None:
                said[found.run_id] = later(found, said.get(found.run_id))
    if count and not said:
        this.remedy = (
            f"None of {count} feedback corrects an answer: a correction is text, or outputs of a run"
        )
    return said


@checked()
def preferences_from_edits(
    runs: Iterable[Any], examples: Iterable[Any], *, report: DatasetReport | None = None
) -> Iterator[PreferenceExample]:
    """What a model answered, against what reviewers of an annotation queue edited it to.

    A reviewer's edit is kept as an example of a dataset, which names the run that it comes from.

    Args:
        runs: LangSmith llm runs, as for `examples_from_runs`; one at a time is held in memory.
        examples: From langsmith's `Client.list_examples`, held in memory where they name their run. Those
            with the run's own answer make no pair.
        report: Filled with what made no pair, and why.

    Returns:
        Pairs whose `changes` say which dataset example the edit is, and of when.
    """
    source = Source("runs", many("runs", runs, "runs"))
    given = Source("examples", many("examples", examples, "dataset examples"))

    def pairs(this: StepPass) -> Iterator[PreferenceExample]:
        this.remedy = _REMEDY
        said = _edits(given, this)
        missing = dict.fromkeys(said)
        for run in this.reading(source):
            run_id = _id_of(run)
            if run_id in said:
                missing.pop(run_id, None)
                yield from _corrected(run, *said[run_id][1:], this)
            else:
                this.leave_out("runs that nobody corrected")
        for run_id in missing:
            this.add(NOT_AMONG_THEM, run_id)

    return in_passes("preferences_from_edits", source, report, pairs)


def _edits(examples: Iterable[Any], this: StepPass) -> dict[str, tuple[str, Any, str]]:
    """The edits among dataset examples, by the id of their run: when, the outputs, and what to tell."""
    said: dict[str, tuple[str, Any, str]] = {}
    count = 0
    for count, example in enumerate(examples, start=1):
        with _reading(f"dataset example {count - 1}", this):
            get = getter(example)
            run_id = short_text(get("source_run_id"))
            if run_id is None or not get("outputs"):
                continue
            when = time_text(get("modified_at") or get("created_at")) or ""
            if run_id not in said or when >= said[run_id][0]:
                change = f"edited as dataset example {short_text(get('id'))} at {when or 'an unknown time'}"
                said[run_id] = (when, get("outputs"), change)
    if not said:
        this.remedy = f"None of {count} dataset examples names the run that it comes from (source_run_id) and has outputs"
    return said


@contextmanager
def _reading(name: str, this: StepPass) -> Iterator[None]:
    """Objects that are no JSON can raise anything; one that does is reported, and the next one read."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        this.add("not usable", name, detail=f"reading it raised {type(error).__name__}")


def _corrected(run: Any, outputs: Any, change: str, this: StepPass) -> Iterator[PreferenceExample]:
    """The pair of a run's own answer and a better one."""
    for example in _examples([run], this):
        run_id = name_of(example, 0)
        for better in _examples([_rerun(example, outputs, run_id)], this):
            # More than one message more is no correction of one answer.
            one = len(better.line["messages"]) == len(example.line["messages"])
            pair = pair_of(replace(better, source=example.source), example) if one else None
            if pair is None:
                this.add("no other answer", run_id)
            else:
                yield replace(pair, rejected_source=None, changes=(*pair.changes, change))


def _rerun(example: TrainingExample, outputs: Any, run_id: str) -> dict[str, Any]:
    """A run of the same call with other outputs, in the form of which all outputs can be."""
    inputs = {key: value for key, value in example.line.items() if key != "messages"}
    inputs["messages"] = example.line["messages"][:-1]
    outputs = {"output": outputs} if isinstance(outputs, str) else outputs
    return {"id": run_id, "run_type": "llm", "status": "success", "inputs": inputs, "outputs": outputs}


def _examples(runs: Iterable[Any], this: StepPass) -> Iterator[TrainingExample]:
    for run in runs:
        try:
            yield example_of_run(run)
        except RunNotUsableError as error:
            this.add("not usable", error.run_id, detail=error.reason)


def _candidates(run: Any) -> Iterator[dict[str, Any]]:
    """The outputs of a run, once for each of its answers."""
    outputs = getter(run)("outputs")
    if not isinstance(outputs, OBJECT):
        return
    for key in ("choices", "generations"):
        found = outputs.get(key)
        if not isinstance(found, list) or not found:
            continue
        nested = isinstance(found[0], list)  # a list for each prompt of a batch: LangChain's own form
        for answer in found[0] if nested else found:
            yield {**outputs, key: [[answer]] if nested else [answer]}


class _Answered:
    """A run as it stands, but for its outputs."""

    def __init__(self, run: Any, outputs: Mapping[str, Any]) -> None:
        self._get = getter(run)
        self.outputs = outputs

    def __getattr__(self, name: str) -> Any:
        return self._get(name, None)


def _id_of(run: Any) -> str:
    """The id of a run in any form that `examples_from_runs` takes; empty where it has none."""
    with suppress(Exception):
        return short_text(getter(opened(run))("id")) or ""
    return ""
