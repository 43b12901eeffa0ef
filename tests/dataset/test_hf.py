"""Hugging Face datasets: what goes in comes out, and no null is invented on the way."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langsmith_finetune import InvalidExampleError, PreferenceExample, TrainingExample
from langsmith_finetune.dataset.hf import examples_from_hf, to_hf_dataset
from langsmith_finetune.examples.example import replace
from langsmith_finetune.runs import Note, RunSource
from tests.support.messages import CALL, HELLO
from tests.support.strategies import conversations, scaled

datasets = pytest.importorskip("datasets")

SOURCE = RunSource(
    run_id="r1",
    user_id="ada",
    model="gpt-4.1",
    prompt_tokens=5,
    scores={"stars": 0.1 + 0.2},
    trace_scores={"liked": 1.0},
    notes=(Note(run_id="r1", kind="tool_choice", detail="d"),),
)
PAIR = {
    "input": {"messages": CALL["messages"][:1], "tools": CALL["tools"]},
    "preferred_output": CALL["messages"][1:2],
    "non_preferred_output": HELLO["messages"][1:],
}


def call(name, arguments):
    function = {"name": name, "arguments": arguments}
    made = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "function", "function": function}],
    }
    return {"messages": [{"role": "user", "content": "Do."}, made]}


@pytest.mark.slow
@settings(max_examples=scaled(40))
@given(lines=st.lists(conversations(), min_size=1, max_size=4))
def test_lines_survive_the_way_there_and_back(lines):
    assert [example.line for example in examples_from_hf(to_hf_dataset(lines))] == lines


def test_examples_keep_where_they_came_from():
    examples = [
        TrainingExample(line=HELLO, source=SOURCE, merged=(RunSource(run_id="r0"),), changes=("folded",)),
        TrainingExample(line=CALL),
    ]
    assert list(examples_from_hf(to_hf_dataset(examples))) == examples
    pairs = [
        PreferenceExample(line=PAIR, source=SOURCE, rejected_source=RunSource(run_id="r2"), changes=("x",))
    ]
    assert list(examples_from_hf(to_hf_dataset(pairs))) == pairs


def test_sources_that_know_no_scores_of_a_trace_are_read():
    """As earlier versions wrote them."""
    row = to_hf_dataset([TrainingExample(line=HELLO, source=SOURCE)]).to_list()
    assert '"trace_scores":{"liked":1.0},' in row[0]["source"]
    row[0]["source"] = row[0]["source"].replace('"trace_scores":{"liked":1.0},', "")
    [example] = examples_from_hf(datasets.Dataset.from_list(row))
    assert example.source == replace(SOURCE, trace_scores={})


@pytest.mark.parametrize("how", ["parquet", "disk", "json"])
def test_it_survives_being_saved(tmp_path, monkeypatch, how):
    datasets.disable_progress_bars()
    examples = [TrainingExample(line=HELLO, source=SOURCE), TrainingExample(line=CALL)]
    dataset = to_hf_dataset(examples)
    if how == "disk":
        dataset.save_to_disk(tmp_path / "saved")
        back = datasets.load_from_disk(tmp_path / "saved")
    else:
        getattr(dataset, f"to_{how}")(tmp_path / "saved")
        read = {"parquet": datasets.Dataset.from_parquet, "json": datasets.Dataset.from_json}[how]
        back = read(str(tmp_path / "saved"), features=dataset.features, cache_dir=str(tmp_path / "cache"))
    assert list(examples_from_hf(back)) == examples


def test_arguments_of_several_tools_get_no_arrow_nulls():
    lines = [call("weather", '{"city":"Paris"}'), call("add", '{"n":1,"m":null}')]
    dataset = to_hf_dataset(lines)
    assert dataset[0]["messages"] == lines[0]["messages"]  # as a trainer reads it, too
    assert [example.line for example in examples_from_hf(dataset)] == lines
    # What the usual way does to the same messages:
    usual = datasets.Dataset.from_list([{"messages": line["messages"]} for line in lines])
    assert usual[0]["messages"] != lines[0]["messages"]


def test_numbers_and_half_surrogate_pairs_survive():
    schema = {"type": "object", "properties": {}, "minimum": 0.1234567890123456789, "maximum": 10**30}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    line = {
        "messages": [{"role": "assistant", "content": "cut \ud83c"}],
        "tools": tools,
        "parallel_tool_calls": False,
    }
    assert next(examples_from_hf(to_hf_dataset([line]))).line == line
    odd = {"messages": [{"role": "assistant", "content": "x", "n": 10**30}]}
    assert next(examples_from_hf(to_hf_dataset([odd]))).line == odd


def test_foreign_dataset_is_read_without_arrow_nulls():
    dataset = datasets.Dataset.from_list(
        [{"messages": HELLO["messages"]}, {"messages": [{"role": "user", "content": None, "name": "ann"}]}]
    )
    first, second = (example.line["messages"] for example in examples_from_hf(dataset))
    assert first == HELLO["messages"]
    assert second == [{"role": "user", "content": None, "name": "ann"}]


def test_foreign_parts_and_calls_lose_arrow_nulls():
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "See"}, image]},
        *call("f", '{"n": null}')["messages"][1:],
    ]
    messages[1] = messages[1] | {"content": [{"type": "text", "text": "Well"}]}
    dataset = datasets.Dataset.from_list([{"messages": messages}])
    assert dataset.with_format("arrow")[0]["messages"].to_pylist()[0][0]["content"][0].keys() > {
        "type",
        "text",
    }
    [example] = examples_from_hf(dataset)
    assert example.line == {"messages": messages}


def test_no_examples_are_an_empty_dataset():
    dataset = to_hf_dataset([])
    assert (len(dataset), list(examples_from_hf(dataset))) == (0, [])


def test_other_columns_are_named():
    with pytest.raises(InvalidExampleError) as caught:
        next(examples_from_hf(datasets.Dataset.from_list([{"text": "secret", "label": 1}])))
    assert str(caught.value) == (
        "the dataset: has the columns text, label. Give it a column messages, or input, preferred_output and "
        "non_preferred_output, or prompt, completion and label"
    )


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([HELLO, PAIR], "example 1: is of another kind than the first. Make a dataset of each kind"),
        (
            [HELLO | {"run_id": "r1"}],
            "example 0: run_id: is no key of such a line. Leave it out: what is beside the line belongs into source",
        ),
        (
            [PAIR | {"input": PAIR["input"] | {"n": 1}}],
            "example 0: n: is no key of such a line. Leave it out: what is beside the line belongs into source",
        ),
    ],
    ids=["two kinds", "a further key", "a further key within"],
)
def test_what_would_be_lost_is_refused(lines, text):
    with pytest.raises(InvalidExampleError) as caught:
        to_hf_dataset(lines)
    assert str(caught.value) == text


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError) as caught:
        to_hf_dataset([HELLO])
    assert str(caught.value) == (
        'a Hugging Face dataset needs datasets: pip install "langsmith-finetune[datasets]"'
    )
