"""Runs -> files, in the usual order of the steps."""

from __future__ import annotations

import json

import pytest

from langsmith_finetune import InvalidExampleError, examples_from_runs, read_jsonl, write_jsonl
from langsmith_finetune.dataset import drop_duplicates, fold_traces, redact, train_validation_split
from langsmith_finetune.pipeline import write_training_files
from langsmith_finetune.targets import fix_examples
from tests.support.rated_project import rated_runs


def llm_runs(count=30):
    return [run for run in rated_runs(count) if run["run_type"] == "llm"]


def test_files_are_those_of_the_steps_in_the_docstring(tmp_path):
    runs = llm_runs()
    runs[0]["inputs"]["messages"][0]["content"] = "My address is me@example.com"
    files = write_training_files(
        runs, tmp_path / "train.jsonl", redact=True, validation_size=0.3, seed=4, target="openai"
    )

    examples = redact(drop_duplicates(fold_traces(examples_from_runs(runs))))
    examples = fix_examples(examples, "openai")
    train, validation = train_validation_split(examples, validation_size=0.3, seed=4)
    write_jsonl(train, tmp_path / "by-hand.jsonl", target="openai")
    write_jsonl(validation, tmp_path / "by-hand.validation.jsonl", target="openai")

    assert files.training.path.read_bytes() == (tmp_path / "by-hand.jsonl").read_bytes()
    assert files.validation.path == tmp_path / "train.validation.jsonl"
    assert files.validation.path.read_bytes() == (tmp_path / "by-hand.validation.jsonl").read_bytes()
    assert "<EMAIL_1>" in files.training.path.read_text() + files.validation.path.read_text()
    assert files.training.count + files.validation.count == 30


def test_ledger_lies_beside_each_file(tmp_path):
    files = write_training_files(llm_runs(), tmp_path / "train.jsonl", validation_size=0.3)
    assert files.training.ledger == tmp_path / "train.ledger.jsonl"
    assert files.validation.ledger == tmp_path / "train.validation.ledger.jsonl"


def test_text_says_what_became_of_every_run(tmp_path):
    odd = {"id": "e7c1", "run_type": "chain"}
    files = write_training_files([*llm_runs(2), *llm_runs(2), odd], tmp_path / "train.jsonl")
    assert str(files) == (
        "5 runs read\n"
        "1 could not be used: not_llm 1\n"
        "fold_traces: 4 in, 2 out; 2 merged\n"
        "drop_duplicates: 2 in, 2 out\n"
        f"{tmp_path}/train.jsonl: 2 lines, {files.training.bytes} bytes; its ledger is train.ledger.jsonl"
    )
    found = json.loads(json.dumps(files.to_dict()))
    assert found["runs"] == 5
    assert found["skipped"] == {"not_llm": 1}
    assert found["steps"]["fold_traces"] == {"read": 4, "written": 2, "changes": {"merged": 2}}
    assert found["training"]["path"] == str(tmp_path / "train.jsonl")
    assert found["validation"] is None


def test_target_leaves_out_what_it_would_refuse_and_says_so(tmp_path):
    runs = llm_runs(12)
    runs[3]["inputs"]["messages"] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}},
            ],
        }
    ]
    files = write_training_files(runs, tmp_path / "train.jsonl", target="local")
    assert files.training.count == 11
    assert files.refused.total == 1
    assert "1 left out, since the target would refuse them: messages[].content[]" in str(files)


def test_target_without_weights_gets_a_line_for_each_call(tmp_path):
    asked = [{"role": "user", "content": "Hi"}]
    first, second = llm_runs(1)[0], llm_runs(1)[0]
    first["inputs"]["messages"] = asked
    said = first["outputs"]["choices"][0]["message"]
    second["id"] = "01a20272-c025-4739-87fb-a057d0d29999"
    second["inputs"]["messages"] = [*asked, said, {"role": "user", "content": "And?"}]
    for target, lines in (("openai", 1), ("nebius", 2)):
        files = write_training_files([first, second], tmp_path / f"{target}.jsonl", target=target)
        assert files.training.count == lines
    assert not any("weight" in m for line in read_jsonl(tmp_path / "nebius.jsonl") for m in line["messages"])


def test_validation_file_of_an_earlier_call_is_removed_where_nothing_is_held_out(tmp_path):
    path = tmp_path / "train.jsonl"
    assert write_training_files(llm_runs(), path, validation_size=0.3).validation is not None
    assert write_training_files(llm_runs(), path, validation_size=1e-9).validation is None
    assert sorted(each.name for each in tmp_path.iterdir()) == ["train.jsonl", "train.ledger.jsonl"]


@pytest.mark.parametrize(
    ("runs", "settings", "words"),
    [
        (
            [],
            {},
            "(0 runs read; fold_traces: 0 in, 0 out; drop_duplicates: 0 in, 0 out). Give fewer conditions",
        ),
        ([{"id": "a", "run_type": "chain"}], {}, "1 could not be used: not_llm 1"),
        (
            [{"id": "a", "run_type": "chain"}],
            {},
            "The first that could not be used: run a is not usable (not_llm)",
        ),
        (llm_runs(1), {"validation_size": 0.999999}, "Hold out less: validation_size=0 trains on all"),
    ],
)
def test_nothing_left_raises_with_the_reason_and_writes_nothing(runs, settings, words, tmp_path):
    with pytest.raises(InvalidExampleError) as caught:
        write_training_files(runs, tmp_path / "train.jsonl", **settings)
    assert str(caught.value).startswith("train.jsonl: no example is left to train on (")
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [1, -0.1, float("nan")])
def test_share_to_hold_out_must_leave_something(size, tmp_path):
    with pytest.raises(ValueError) as caught:
        write_training_files([], tmp_path / "train.jsonl", validation_size=size)
    assert (
        str(caught.value) == f"validation_size must be a share from 0 to below 1, such as 0.1, not {size!r}"
    )


def test_single_run_is_refused(tmp_path):
    with pytest.raises(TypeError, match="runs must be an iterable of runs, not a single dict"):
        write_training_files(llm_runs(1)[0], tmp_path / "train.jsonl")
