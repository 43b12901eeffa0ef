"""An example is made once: its line may be read as late as one likes, and is its owner's alone."""

from __future__ import annotations

import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings

from langsmith_finetune import InvalidExampleError, TrainingExample, examples_from_runs, write_jsonl
from langsmith_finetune._foundation.line_bytes import line_json
from langsmith_finetune.dataset import replace
from langsmith_finetune.examples.example import unseen_line
from langsmith_finetune.examples.source import RunSource
from tests.support.corpus import everything
from tests.support.payloads import langchain_run, wrap_openai_run
from tests.support.strategies import conversations, scaled

TOOL = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
}
MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
LINE = {"messages": MESSAGES, "tools": [TOOL]}


def read() -> TrainingExample:
    [example] = examples_from_runs([wrap_openai_run(LINE)])
    assert unseen_line(example) is not None
    return example


def test_line_is_made_when_somebody_looks():
    example = read()
    assert example.line == LINE
    assert unseen_line(example) is None
    assert example.line is example.line


def test_tools_of_two_lines_are_not_the_same_objects():
    one, other = read(), read()
    one.line["tools"][0]["function"]["name"] = "changed"
    assert other.line == read().line == LINE


def test_change_of_a_line_is_what_is_written():
    example = read()
    before = example.to_json()
    example.line["messages"][0]["content"] = "Ho"
    assert example.to_json() == before.replace(b"Hi", b"Ho") == line_json(example.line)


@pytest.mark.slow
@settings(max_examples=scaled(100))
@given(line=conversations())
def test_line_that_nobody_saw_is_written_as_one_that_was_seen(line):
    for run in (wrap_openai_run(line), langchain_run(line)):
        for train_on in ("all", "last"):
            for form in (run, json.dumps(run).encode()):
                unseen, seen = (list(examples_from_runs([form], train_on=train_on)) for _ in range(2))
                assert [one.to_json() for one in unseen] == [line_json(one.line) for one in seen]


def test_captured_runs_are_written_as_their_lines(tmp_path):
    runs = everything()
    unseen = write_jsonl(examples_from_runs(runs, on_skip=lambda _: None), tmp_path / "a.jsonl")
    seen = [example for example in examples_from_runs(runs, on_skip=lambda _: None) if example.line]
    assert write_jsonl(seen, tmp_path / "b.jsonl").sha256 == unseen.sha256
    ledgers = [(tmp_path / f"{name}.ledger.jsonl").read_text(encoding="utf-8") for name in "ab"]
    assert ledgers[0] == ledgers[1].replace("b.jsonl", "a.jsonl")


def test_half_of_a_surrogate_pair_is_written_as_an_escape():
    run = wrap_openai_run(
        {"messages": [{"role": "user", "content": "\ud800 ü"}, MESSAGES[1]], "tools": [TOOL]}
    )
    [example] = examples_from_runs([run])
    data = example.to_json()
    assert rb"\ud800 \u00fc" in data
    assert data == line_json(example.line)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one)), replace]
)
def test_copy_is_equal_and_keeps_its_source(copied):
    example = read()
    assert copied(example) == example
    assert copied(example).source == example.source == read().source


def test_replace_changes_one_field_of_a_copy():
    example = read()
    other = replace(example, source=RunSource(run_id="other"), changes=("looked at",))
    assert (other.line, other.source.run_id, other.changes) == (LINE, "other", ("looked at",))
    assert example.changes == ()
    with pytest.raises(TypeError, match="color"):
        replace(example, color="red")


def test_fields_cannot_be_set():
    for field in ("line", "source", "merged", "changes"):
        with pytest.raises(AttributeError, match=field):
            setattr(read(), field, None)


def test_examples_differ_where_any_field_does():
    example = TrainingExample(line={"messages": MESSAGES})
    assert example == TrainingExample(line={"messages": copy.deepcopy(MESSAGES)})
    assert example != replace(example, changes=("x",))
    assert example != {"messages": MESSAGES}
    with pytest.raises(TypeError, match="unhashable"):
        hash(example)


def test_repr_is_a_line_and_text_a_chat_with_what_was_changed():
    example = replace(read(), changes=("x",))
    assert repr(example).startswith("<TrainingExample of run ")
    assert "\n" not in repr(example)
    assert str(example).splitlines()[2:4] == ["  user: Hi", "  assistant: Hello!"]
    assert "  [changed: x]" in str(example).splitlines()


def test_threads_that_look_at_once_get_the_same_line():
    examples = [read() for _ in range(50)]
    with ThreadPoolExecutor(4) as pool:
        lines = list(pool.map(lambda place: examples[place % 50].line, range(400)))
    assert all(line is examples[place % 50].line for place, line in enumerate(lines))


def test_single_example_is_refused_where_many_are_taken(tmp_path):
    with pytest.raises(TypeError, match=r"a single TrainingExample: examples=\[example\]"):
        write_jsonl(read(), tmp_path / "train.jsonl")


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_line_without_a_form_in_json_is_refused_by_its_place(value):
    example = read()
    example.line["tools"][0]["function"]["parameters"]["default"] = value
    with pytest.raises(InvalidExampleError, match=r"the line: tools\[0\]\.function\.parameters\.\?: "):
        example.to_json()


@pytest.mark.slow
def test_line_that_holds_itself_or_one_value_in_many_places_is_refused():
    shared = ["x"]
    for _ in range(60):
        shared = [shared, shared]
    for value in (shared, MESSAGES):
        example = read()
        example.line["tools"][0]["function"]["parameters"]["default"] = (
            value if value is shared else example.line
        )
        with pytest.raises(InvalidExampleError, match="the line: "):
            example.to_json()
