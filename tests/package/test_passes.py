"""Every lazy function that is public: each loop over what it returns starts again, with reports begun afresh."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage

import langsmith_finetune
from langsmith_finetune import (
    LangSmithDatasetChatLoader,
    LangSmithRunChatLoader,
    TrainingExample,
    examples_from_runs,
    read_jsonl,
    run_files,
    save_runs,
    training_examples,
    write_jsonl,
)
from langsmith_finetune.dataset import (
    DatasetReport,
    drop_duplicates,
    examples_from_hf,
    examples_of_file,
    fit_length,
    fold_traces,
    labels_from_scores,
    preferences_from_candidates,
    preferences_from_corrections,
    preferences_from_edits,
    preferences_from_experiments,
    preferences_from_scores,
    redact,
    to_hf_dataset,
    train_validation_split,
)
from langsmith_finetune.runs import RunSource
from langsmith_finetune.runs.files.run_file import RunFile
from langsmith_finetune.targets import examples_for_target, fix_examples
from tests.support.payloads import wrap_openai_run

HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
BYE = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Bye!"}]}
RUNS = [wrap_openai_run(line) | {"id": f"run {n}", "trace_id": f"{n}"} for n, line in enumerate((HELLO, BYE))]
SESSIONS = [{"messages": [HumanMessage("Hi"), AIMessage("Hello!")]}]
EXAMPLES = [
    TrainingExample(
        line=line,
        source=RunSource(run_id=f"run {n}", trace_id=f"{n}", example_id="e", project_id=f"p{n}", scores={"score": float(n)}),
    )
    for n, line in enumerate((HELLO, BYE))
]  # fmt: skip
TWO_ANSWERS = wrap_openai_run(HELLO)
TWO_ANSWERS["outputs"]["choices"] += wrap_openai_run(BYE)["outputs"]["choices"]
FEEDBACK = [{"run_id": "run 0", "correction": "Better", "created_at": "2026-11-22"}]
EDITS = [{"id": "x", "source_run_id": "run 0", "outputs": {"output": "Better"}}]


class DatasetClient:
    def read_dataset_openai_finetuning(self, *, dataset_name):
        return [HELLO, {"messages": "?"}]


# By name: what makes it of a source, the source, and the argument's name.
OVER_A_SOURCE: dict[str, tuple[Any, list[Any], str]] = {
    "training_examples": (training_examples, SESSIONS, "sessions"),
    "examples_from_runs": (examples_from_runs, RUNS, "runs"),
    "fold_traces": (fold_traces, EXAMPLES, "examples"),
    "drop_duplicates": (drop_duplicates, EXAMPLES, "examples"),
    "redact": (redact, EXAMPLES, "examples"),
    "fit_length": (lambda given, **more: fit_length(given, 9, len, **more), EXAMPLES, "examples"),
    "train_validation_split": (
        lambda given, **more: train_validation_split(given, validation_size=0, **more)[0], EXAMPLES, "examples"
    ),
    "preferences_from_scores": (
        lambda given, **more: preferences_from_scores(given, "score", **more), EXAMPLES, "examples"
    ),
    "preferences_from_experiments": (
        lambda given, **more: preferences_from_experiments(given, "score", **more), EXAMPLES, "examples"
    ),
    "preferences_from_candidates": (
        lambda given, **more: preferences_from_candidates(given, lambda _, answer: len(answer["content"]), **more),
        [TWO_ANSWERS], "runs",
    ),
    "preferences_from_corrections": (
        lambda given, **more: preferences_from_corrections(given, FEEDBACK, **more), RUNS, "runs"
    ),
    "preferences_from_edits": (lambda given, **more: preferences_from_edits(given, EDITS, **more), RUNS, "runs"),
    "labels_from_scores": (lambda given, **more: labels_from_scores(given, "score", **more), EXAMPLES, "examples"),
    "examples_for_target": (lambda given: examples_for_target(given, "openai"), EXAMPLES, "examples"),
    "fix_examples": (lambda given: fix_examples(given, "openai"), EXAMPLES, "examples"),
    "lazy_load": (lambda given: LangSmithRunChatLoader(given).lazy_load(), RUNS, "runs"),
}  # fmt: skip
WITH_REPORT = sorted(
    OVER_A_SOURCE.keys()
    - {"training_examples", "examples_from_runs", "examples_for_target", "fix_examples", "lazy_load"}
)
OF_FILES = ("run_files", "read_jsonl", "examples_of_file", "examples_from_hf")


def test_every_lazy_function_of_a_door_is_tried_here():
    rooms = [
        f"langsmith_finetune.{found.name}" for found in pkgutil.iter_modules(langsmith_finetune.__path__)
    ]
    lazy = set()
    for room in ["langsmith_finetune", *rooms]:
        module = importlib.import_module(room)
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if inspect.isfunction(thing) and not inspect.isgeneratorfunction(inspect.unwrap(thing)):
                returned = str(inspect.signature(thing).return_annotation)
                lazy |= {name} if "Iterator[" in returned else set()
            elif inspect.isfunction(thing):
                assert name == "fake_clock"  # a context manager
    assert lazy == {*OVER_A_SOURCE, *OF_FILES} - {"lazy_load"}


@pytest.mark.parametrize("name", OVER_A_SOURCE)
def test_what_a_lazy_function_returns_starts_again(name):
    make, source, _ = OVER_A_SOURCE[name]
    lazy = make(source)
    assert isinstance(lazy, Iterator)
    first = [*lazy]
    assert first
    for _ in lazy:
        break
    assert [*lazy] == first
    assert [next(lazy), *lazy] == first


@pytest.mark.parametrize("name", OVER_A_SOURCE)
def test_over_a_generator_a_second_pass_says_what_to_do(name):
    make, source, argument = OVER_A_SOURCE[name]
    lazy = make(item for item in source)
    assert [*lazy] == [*make(source)]
    for _ in range(2):
        with pytest.raises(RuntimeError) as caught:
            list(lazy)
        assert str(caught.value).startswith(
            f"{argument} is a generator, which gives its items only once, and was gone through before: make it again"
        )


@pytest.mark.parametrize("name", OVER_A_SOURCE)
def test_a_generator_that_has_ended_is_refused_where_it_is_given(name):
    make, _, argument = OVER_A_SOURCE[name]
    ended = (item for item in ())
    list(ended)
    with pytest.raises(RuntimeError, match=f"^{argument} is a generator, which gives its items only once"):
        make(ended)


@pytest.mark.parametrize("name", WITH_REPORT)
def test_a_report_is_of_the_pass_that_began_last(name):
    make, source, _ = OVER_A_SOURCE[name]
    report, once = DatasetReport(), DatasetReport()
    lazy = make(source, report=report)
    for _ in lazy:
        break
    for _ in range(3):
        list(lazy)
    list(make(source, report=once))
    assert str(report) == str(once)
    assert {step: [*changes] for step, changes in report.changes.items()} == {
        step: [*changes] for step, changes in once.changes.items()
    }


def test_other_sources_of_a_step_are_held_to_the_same():
    for make, argument in (
        (lambda: preferences_from_corrections(RUNS, iter(FEEDBACK)), "feedback"),
        (lambda: preferences_from_edits(RUNS, iter(EDITS)), "examples"),
    ):
        pairs = make()
        assert len([*pairs]) == 1
        with pytest.raises(
            RuntimeError, match=f"^{argument} is a list_iterator, which gives its items only once"
        ):
            list(pairs)


def test_lines_tables_and_paths_start_again_as_examples_do(tmp_path):
    pandas = pytest.importorskip("pandas")
    written = write_jsonl(EXAMPLES, tmp_path / "train.jsonl")
    for given in (
        [HELLO, BYE],
        pandas.DataFrame([HELLO, BYE]),
        written,
        str(written.path),
        read_jsonl(written.path),
    ):
        kept = drop_duplicates(given)
        assert [example.line for example in kept] == [example.line for example in kept] == [HELLO, BYE]
        assert [next(kept), *kept] == [*kept]
    kept = redact(iter([HELLO, BYE]))
    assert len([*kept]) == 2
    with pytest.raises(RuntimeError, match=r"^examples is a list_iterator, which gives its items only once"):
        list(kept)


def test_a_step_over_what_is_empty_says_what_it_was_given_and_once(tmp_path, caplog):
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert [*redact(fold_traces(empty))] == [*drop_duplicates(read_jsonl(empty))] == []
    assert caplog.messages == ["read_jsonl gives nothing: empty.jsonl holds no lines"] * 2
    caplog.clear()
    assert [*redact(iter(()))] == []
    [message] = caplog.messages
    assert message.startswith(
        "redact gives nothing: examples, a tuple_iterator, holds nothing; it gives its items only once"
    )


def test_a_dataset_loader_over_examples_starts_again(caplog):
    examples = [{"id": "e1", "inputs": {"messages": HELLO["messages"][:1]}, "outputs": {"answer": "Hello!"}}]
    loader = LangSmithDatasetChatLoader(examples=examples)
    sessions = loader.lazy_load()
    assert len([*sessions]) == len([*sessions]) == len(loader.load()) == 1
    once = LangSmithDatasetChatLoader(examples=iter(examples))
    assert len(once.load()) == 1
    for again in (once.load, lambda: next(once.lazy_load())):
        with pytest.raises(
            RuntimeError, match=r"^examples is a list_iterator, which gives its items only once"
        ):
            again()
    ended = (example for example in examples)
    assert len([*ended]) == 1
    with pytest.raises(RuntimeError, match=r"^examples is a generator, which gives its items only once"):
        LangSmithDatasetChatLoader(examples=ended)
    assert LangSmithDatasetChatLoader(examples=[]).load() == []
    assert LangSmithDatasetChatLoader(examples=[{"id": "e2", "inputs": {}, "outputs": {}}]).load() == []
    assert caplog.messages == [
        "LangSmithDatasetChatLoader gives nothing: examples, a list, holds nothing",
        "LangSmithDatasetChatLoader: none of 1 examples is a chat. The first: the inputs of the example hold no list of "
        'messages, but nothing; write them as {"messages": [...]}',
    ]
    assert repr(loader) == "<LangSmithDatasetChatLoader of examples: 0 skipped in the last load>"


def test_what_reads_files_starts_again(tmp_path):
    pytest.importorskip("datasets")
    save_runs(RUNS, tmp_path / "runs.jsonl")
    write_jsonl(EXAMPLES, tmp_path / "train.jsonl")
    skipped = []
    for lazy in (
        run_files(tmp_path / "runs.jsonl"),
        run_files([tmp_path / "runs.jsonl"]),
        read_jsonl(tmp_path / "train.jsonl"),
        examples_of_file(RunFile(str(tmp_path / "runs.jsonl")), skipped.append),
        examples_from_hf(to_hf_dataset(EXAMPLES)),
    ):
        assert isinstance(lazy, Iterator)
        first = [*lazy]
        assert len(first) == 2
        assert [*lazy] == first
        assert [next(lazy), *lazy] == first
    paths = run_files(iter([tmp_path / "runs.jsonl"]))
    assert len([*paths]) == 2
    with pytest.raises(RuntimeError, match=r"^paths is a list_iterator, which gives its items only once"):
        list(paths)


def test_the_steps_from_runs_to_lines_start_again_as_one(tmp_path):
    save_runs(RUNS, tmp_path / "runs.jsonl")
    report = DatasetReport()
    loader = LangSmithRunChatLoader(run_files(tmp_path / "runs.jsonl"))
    examples = fold_traces(training_examples(loader.lazy_load()), report=report)
    examples = redact(drop_duplicates(examples, report=report), report=report)
    train, validation = train_validation_split(examples, validation_size=0.5, report=report)
    told = []
    for _ in range(3):
        written = (
            write_jsonl(train, tmp_path / "train.jsonl").count,
            write_jsonl(validation, tmp_path / "v.jsonl").count,
        )
        told.append((sum(written), str(report), loader.skipped.total))
    assert told[0] == told[1] == told[2]
    assert told[0][0] == 2


async def test_loaders_start_again_with_skipped_and_notes_afresh():
    noted = wrap_openai_run(HELLO)
    noted["inputs"]["tool_choice"] = "required"
    runs = LangSmithRunChatLoader([noted, {"id": "bad", "run_type": "chain"}])
    dataset = LangSmithDatasetChatLoader(dataset_name="chats", client=DatasetClient())
    for loader in (runs, dataset):
        sessions, asynchronous = loader.lazy_load(), loader.alazy_load()
        assert isinstance(asynchronous, AsyncIterator)
        for _ in range(2):
            assert len([*sessions]) == 1
            assert loader.skipped.total == 1
            assert len([session async for session in asynchronous]) == 1
            assert loader.skipped.total == 1
        async for _ in asynchronous:
            break
        assert len([session async for session in asynchronous]) == 1
    assert runs.notes.counts == {"tool_choice": 1}
    one, other = iter(runs.lazy_load()), iter(runs.lazy_load())
    assert [len([*one]), len([*other])] == [1, 1]
    assert runs.skipped.total == 1


async def test_a_loader_over_a_generator_refuses_every_later_load():
    async def once():
        yield RUNS[0]

    loader = LangSmithRunChatLoader(run for run in RUNS)
    assert len(loader.load()) == 2
    for again in (loader.load, lambda: next(loader.lazy_load())):
        with pytest.raises(RuntimeError, match=r"^runs is a generator, which gives its items only once"):
            again()
    with pytest.raises(RuntimeError, match=r"^runs is a generator"):
        LangSmithRunChatLoader(loader.runs)
    loader.runs = RUNS
    assert len(loader.load()) == len(loader.load()) == 2
    asynchronous = LangSmithRunChatLoader(once())
    assert len([session async for session in asynchronous.alazy_load()]) == 1
    for _ in range(2):
        with pytest.raises(
            RuntimeError, match=r"^runs is an async_generator, which gives its items only once"
        ):
            await anext(asynchronous.alazy_load())


def test_a_file_is_not_emptied_by_a_generator_that_has_ended(tmp_path):
    path = tmp_path / "train.jsonl"
    examples = (example for example in EXAMPLES)
    write_jsonl(examples, path)
    with pytest.raises(RuntimeError, match=r"^examples is a generator, which gives its items only once"):
        write_jsonl(examples, path)
    assert len([*read_jsonl(path)]) == 2
