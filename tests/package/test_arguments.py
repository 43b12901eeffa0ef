"""What is said to one thing where many are wanted, and to other mistakes of that kind, alike everywhere."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langsmith.schemas import Run

from langsmith_finetune import (
    InvalidExampleError,
    LangSmithRunChatLoader,
    PreferenceExample,
    TrainingExample,
    check,
    convert_messages_for_finetuning,
    examples_from_runs,
    run_files,
    save_runs,
    select_runs,
    training_examples,
    write_jsonl,
)
from langsmith_finetune.cost import count_tokens
from langsmith_finetune.dataset import (
    describe_examples,
    describe_runs,
    drop_duplicates,
    examples_from_hf,
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
    write_shards,
)
from langsmith_finetune.runs import RunSource
from langsmith_finetune.targets import examples_for_target, fix_examples
from tests.support.payloads import wrap_openai_run

HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
EXAMPLE = TrainingExample(line=HELLO)
PREFERENCE = PreferenceExample(
    line={"input": {"messages": HELLO["messages"][:1]}, "preferred_output": [], "non_preferred_output": []}
)
RUN = wrap_openai_run(HELLO) | {"id": str(uuid.UUID(int=1)), "trace_id": str(uuid.UUID(int=1))}
RUN_OBJECT = Run(**{"name": "x", "start_time": "2026-11-01T00:00:00", "dotted_order": "x"} | RUN)
SESSION = {"messages": [HumanMessage("Hi"), AIMessage("Hello!")]}

OF_RUNS = {
    "examples_from_runs": (examples_from_runs, "runs"),
    "describe_runs": (describe_runs, "runs"),
    "save_runs": (lambda runs: save_runs(runs, "nowhere.jsonl"), "runs"),
    "candidates": (lambda runs: next(preferences_from_candidates(runs, lambda *_: 1.0)), "runs"),
    "corrections": (lambda runs: next(preferences_from_corrections(runs, [])), "runs"),
    "edits": (lambda runs: next(preferences_from_edits(runs, [])), "runs"),
}
OF_EXAMPLES = {
    "fold_traces": (fold_traces, "training examples"),
    "drop_duplicates": (drop_duplicates, "training examples"),
    "fit_length": (lambda examples: fit_length(examples, 10, len), "training examples"),
    "redact": (redact, "examples"),
    "train_validation_split": (train_validation_split, "examples"),
    "scores": (lambda examples: next(preferences_from_scores(examples, "k")), "training examples"),
    "experiments": (lambda examples: next(preferences_from_experiments(examples, "k")), "training examples"),
    "write_jsonl": (lambda examples: write_jsonl(examples, "nowhere.jsonl"), "examples or lines"),
    "to_hf_dataset": (to_hf_dataset, "examples or lines"),
    "describe_examples": (describe_examples, "examples or lines"),
    "count_tokens": (count_tokens, "examples or lines"),
    "fix_examples": (lambda examples: next(fix_examples(examples, "openai")), "examples or lines"),
    "examples_for_target": (lambda examples: examples_for_target(examples, "trl"), "examples or lines"),
    "check": (lambda examples: check(examples, "openai"), "examples or lines"),
}


def refused(call, given) -> str:
    with pytest.raises(TypeError) as caught:
        call(given)
    return str(caught.value)


@pytest.mark.parametrize("name", OF_RUNS)
def test_one_run_or_a_path_is_no_iterable_of_runs(name):
    call, of = OF_RUNS[name]
    must = f"runs must be an iterable of {of}, not"
    assert refused(call, RUN) == f"{must} a single dict: runs=[run]"
    assert refused(call, RUN_OBJECT) == f"{must} a single Run: runs=[run]"
    assert refused(call, SimpleNamespace(run_type="llm")) == f"{must} a single SimpleNamespace: runs=[run]"
    assert refused(call, "runs.jsonl") == f"{must} str: run_files(path) reads the runs of files"
    assert refused(call, Path("runs.jsonl")) == f"{must} PosixPath: run_files(path) reads the runs of files"
    assert refused(call, uuid.UUID(int=1)) == f"{must} UUID"
    assert refused(call, None) == f"{must} None"
    assert refused(call, 5) == f"{must} int"


@pytest.mark.parametrize("name", OF_EXAMPLES)
def test_one_example_or_none_is_no_iterable_of_examples(name):
    call, of = OF_EXAMPLES[name]
    must = f"examples must be an iterable of {of}, not"
    if name != "count_tokens":  # which takes one, too
        assert refused(call, EXAMPLE) == f"{must} a single TrainingExample: examples=[example]"
        assert refused(call, HELLO) == f"{must} a single dict: examples=[example]"
    assert refused(call, None) == f"{must} None"
    if name in ("write_jsonl", "count_tokens", "fix_examples"):  # the others take a path
        hint = "read_jsonl(path) reads the lines of a training file"
        assert refused(call, "train.jsonl") == f"{must} str: {hint}"


def test_an_async_iterable_is_told_where_it_goes():
    async def runs():
        yield RUN

    assert refused(examples_from_runs, runs()) == (
        "runs must be an iterable of runs, not an async one: collect it first, or use "
        "LangSmithRunChatLoader's alazy_load()"
    )


@pytest.mark.parametrize("run_id", [str(uuid.UUID(int=1)), uuid.UUID(int=1)])
def test_ids_are_told_who_fetches_them(run_id):
    with pytest.raises(TypeError) as caught:
        list(examples_from_runs([run_id]))
    assert str(caught.value) == (
        "examples_from_runs takes runs, not ids: LangSmithRunChatLoader fetches runs by their ids. "
        'JSON text must be bytes: open(path, "rb")'
    )


def test_other_runs_of_a_trace_must_be_many_too():
    must = "trace_runs must be an iterable of runs, not a single dict: trace_runs=[trace_run]"
    for call in (examples_from_runs, LangSmithRunChatLoader):
        with pytest.raises(TypeError) as caught:
            call([RUN], trace_runs=RUN)
        assert str(caught.value) == must


def test_feedback_and_dataset_examples_must_be_many():
    with pytest.raises(
        TypeError, match=r"^feedback must be an iterable of feedback, not a single dict: feedback="
    ):
        next(preferences_from_corrections([RUN], {"run_id": "x"}))
    with pytest.raises(
        TypeError, match=r"^examples must be an iterable of dataset examples, not a single dict"
    ):
        next(preferences_from_edits([RUN], {"id": "x"}))


def test_paths_must_be_paths(tmp_path):
    for call in (lambda given: next(run_files(given)), lambda given: write_shards(given, tmp_path / "out")):
        assert refused(call, None) == "paths must be an iterable of paths, not None"
        assert refused(call, [5]) == "paths must hold paths, not int"


@pytest.mark.parametrize("convert", [training_examples, convert_messages_for_finetuning])
def test_one_session_is_no_iterable_of_sessions(convert):
    must = "sessions must be an iterable of chat sessions, not"
    assert refused(convert, SESSION) == f"{must} a single dict: sessions=[session]"
    assert refused(convert, HumanMessage("Hi")) == f"{must} a single HumanMessage: sessions=[session]"
    assert refused(convert, None) == f"{must} None"
    assert refused(convert, "chat.txt") == f"{must} str"


@pytest.mark.parametrize("given", [HumanMessage("Hi"), ("user", "Hi"), "Hi", 5])
def test_messages_given_as_sessions_are_told_what_a_session_is(given):
    with pytest.raises(TypeError) as caught:
        convert_messages_for_finetuning([given])
    assert str(caught.value) == (
        f"session 0 is not a chat session, a dict with messages, but of type {type(given).__name__}. Runs go "
        "through LangSmithRunChatLoader, or straight into examples_from_runs; a single session into a list"
    )


@pytest.mark.parametrize(
    "session",
    [
        {"messages": [("user", "Hi"), ("assistant", "Hello!")]},
        {"messages": [("human", "Hi"), ("ai", "Hello!")]},
        {"messages": [["user", "Hi"], AIMessage("Hello!")]},
        {"messages": HELLO["messages"]},
        {"messages": (HumanMessage("Hi"), {"role": "assistant", "content": "Hello!"})},
        [HumanMessage("Hi"), AIMessage("Hello!")],
        [("user", "Hi"), ("assistant", "Hello!")],
        HELLO["messages"],
    ],
)
def test_sessions_of_pairs_dicts_and_bare_lists_are_taken(session):
    assert [example.line for example in training_examples([session])] == [HELLO]
    assert convert_messages_for_finetuning([session]) == [HELLO["messages"]]


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (None, "session 0: messages: must be a list, found nothing"),
        ("Hi", "session 0: messages: must be a list, found a value of type str"),
        (["Hi"], "session 0: messages[0]: must be an object, found a value of type str"),
        ([("user", "Hi", "there")], "session 0: messages[0]: must be a message, or a role and its content, found a value"),
        (
            [("user", "Hi"), {"role": "assistant", "content": "Hello!", "weight": 0}],
            "session 0: messages[1]: holds keys that a chat message does not have",
        ),
        ([("user", "Hi")], "session 0: messages: has no assistant message, so there is nothing to learn"),
    ],
)  # fmt: skip
def test_messages_that_are_none_are_skipped_by_place(messages, why):
    skipped = []
    assert list(training_examples([{"messages": messages}], on_skip=skipped.append)) == []
    [error] = skipped
    assert str(error).startswith(why)


def test_a_source_that_is_none_is_told():
    with pytest.raises(TypeError) as caught:
        next(training_examples([SESSION | {"source": "run 7"}]))
    assert str(caught.value) == "session 0: source must be a RunSource, not str"


STEPS = {
    "fold_traces": fold_traces,
    "drop_duplicates": drop_duplicates,
    "fit_length": lambda examples: fit_length(examples, 10, len),
    "labels_from_scores": lambda examples: labels_from_scores(examples, "k"),
    "preferences_from_scores": lambda examples: preferences_from_scores(examples, "k"),
    "preferences_from_experiments": lambda examples: preferences_from_experiments(examples, "k"),
}
OF_ANY_KIND = {"redact": redact, "train_validation_split": lambda given: train_validation_split(given)[0]}


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_told_what_is_no_training_example(step):
    with pytest.raises(TypeError) as caught:
        list(STEPS[step]([EXAMPLE, 5]))
    assert str(caught.value) == f"{step} takes TrainingExample, but example 1 is a int"
    for preference in (PREFERENCE, PREFERENCE.line):
        with pytest.raises(TypeError) as caught:
            list(STEPS[step]([preference]))
        assert str(caught.value) == f"{step} takes TrainingExample, but example 0 is a PreferenceExample"


@pytest.mark.parametrize("step", STEPS | OF_ANY_KIND)
def test_a_run_for_an_example_is_told_what_makes_one(step):
    with pytest.raises(TypeError) as caught:
        list((STEPS | OF_ANY_KIND)[step]([RUN]))
    assert str(caught.value) == "example 0 is a run: examples_from_runs(runs) makes examples of runs"


@pytest.mark.parametrize("step", OF_ANY_KIND)
def test_a_step_for_all_kinds_is_told_what_is_none(step):
    with pytest.raises(TypeError) as caught:
        list(OF_ANY_KIND[step]([RUN_OBJECT]))
    assert (
        str(caught.value)
        == f"{step} takes TrainingExample or PreferenceExample or LabelExample, but example 0 is a Run"
    )
    with pytest.raises(TypeError) as caught:
        list(OF_ANY_KIND[step]([TrainingExample(line=HELLO, source="run 7")]))
    assert str(caught.value) == f"{step}: the source of example 0 must be a RunSource, not str"


def test_a_dict_of_splits_is_no_dataset():
    with pytest.raises(TypeError) as caught:
        next(examples_from_hf({"train": []}))
    assert str(caught.value) == "dataset must be a Dataset, not dict"


@pytest.mark.parametrize("option", ["tags", "models", "names", "fields", "agents", "nodes"])
def test_conditions_must_be_texts(option):
    form = "a list of texts, such as [" if option == "fields" else "text, or a list of texts, such as ["
    for given, found in ((5, "not 5"), ([5], "not one with 5 in it"), ({"a": 1}, "not dict")):
        with pytest.raises(TypeError) as caught:
            select_runs(project_name="p", **{option: given})
        assert str(caught.value).startswith(f"{option} must be {form}")
        assert str(caught.value).endswith(found)


LINES = {
    "messages: is null, not a list of messages": {"text": "Hi"},
    "messages: is a list, not a list of messages": {"messages": []},
    "messages[0]: is a str, not a message": {"messages": ["Hi"]},
    "messages[0].role: is null, not a role": {"messages": [{"content": "Hi"}]},
    "messages[0].content: is a int, not text, a list of parts or null": {"messages": [{"role": "user", "content": 5}]},
    "messages[0].content[0]: is a str, not a part with a type": {"messages": [{"role": "user", "content": ["Hi"]}]},
    "messages[0].content[0].text: is null, not text": {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
    "messages[0].name: is a int, not text": {"messages": [{"role": "user", "content": "Hi", "name": 5}]},
    "messages[0].tool_calls: is null, not a list": {"messages": [{"role": "assistant", "tool_calls": None}]},
    "messages[0].tool_calls[0].function: is null, not an object": {
        "messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]
    },
    "messages[0].tool_calls[0].function.arguments: is null, not there": {
        "messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}]
    },
    "tools[0].function: is null, not an object": HELLO | {"tools": [{"name": "f"}]},
    "messages[0].tool_calls[0].id: is a int, not text": {
        "messages": [{"role": "assistant", "tool_calls": [{"id": 5, "function": {"name": "f", "arguments": {}}}]}]
    },
}  # fmt: skip


@pytest.mark.parametrize("fault", LINES)
def test_a_line_of_another_form_is_refused_by_example_and_field(fault):
    line = LINES[fault]
    example = TrainingExample(line=line, source=RunSource(run_id="r-1", trace_id="t"))
    said = f"r-1: {fault}. Fix the line or leave it out; check(lines, target) says more"
    for step in (
        fold_traces, drop_duplicates, redact, lambda given: train_validation_split(given)[0], lambda given: fit_length(given, 10, len),
        lambda given: preferences_from_scores(given, "k"), lambda given: [describe_examples(given)],
    ):  # fmt: skip
        with pytest.raises(InvalidExampleError) as caught:
            list(step([example]))
        assert str(caught.value) == said
    for call in (lambda: count_tokens(line), lambda: to_hf_dataset([example])):
        with pytest.raises(InvalidExampleError, match="Fix the line or leave it out"):
            call()


def test_a_line_of_the_other_kind_is_refused_by_its_field():
    fix = "Fix the line or leave it out; check(lines, target) says more"
    for example, said in (
        (TrainingExample(line=PREFERENCE.line), "messages: is null, not a list of messages"),
        (PreferenceExample(line=HELLO), "input: is null, not an object with messages"),
        (PreferenceExample(line={"input": "Hi"}), "input: is a str, not an object with messages"),
    ):
        for step in (redact, lambda given: train_validation_split(given)[0]):
            with pytest.raises(InvalidExampleError) as caught:
                list(step([example]))
            assert str(caught.value) == f"example 0: {said}. {fix}"
