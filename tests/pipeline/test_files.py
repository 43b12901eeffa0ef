"""Runs -> files, in the usual order of the steps."""

from __future__ import annotations

import json

import pytest

from langsmith_finetune import InvalidExampleError, examples_from_runs, read_jsonl, run_files, write_jsonl
from langsmith_finetune.dataset import drop_duplicates, fold_traces, redact, train_validation_split
from langsmith_finetune.pipeline import write_training_files
from langsmith_finetune.targets import examples_for_target
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
    train, validation = train_validation_split(examples, validation_size=0.3, seed=4)
    for side, name in ((train, "by-hand.jsonl"), (validation, "by-hand.validation.jsonl")):
        write_jsonl(examples_for_target(side, "openai"), tmp_path / name, target="openai")

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
    assert "1 left out, wholly or in part, since the target would refuse them: messages[].content[]" in str(
        files
    )


def two_turns():
    """Two runs, of which the second goes on from the first."""
    asked = [{"role": "user", "content": "Hi"}]
    first, second = llm_runs(1)[0], llm_runs(1)[0]
    first["inputs"]["messages"] = asked
    said = first["outputs"]["choices"][0]["message"]
    second["id"] = "01a20272-c025-4739-87fb-a057d0d29999"
    second["inputs"]["messages"] = [*asked, said, {"role": "user", "content": "And?"}]
    return first, second


@pytest.mark.parametrize("target", ["openai", "nebius", "trl"])
def test_calls_of_an_agent_are_one_line_for_every_target(target, tmp_path):
    files = write_training_files(two_turns(), tmp_path / "train.jsonl", target=target)
    assert files.training.count == files.training.split.written == 1
    assert files.training.split.says() == ""
    assert "weight" not in (tmp_path / "train.jsonl").read_text()


def test_what_a_target_without_weights_trains_beside_the_answers_is_told(tmp_path, caplog):
    first, second = two_turns()
    second["inputs"]["messages"][1] = {"role": "assistant", "content": "Said by nobody here."}
    second["trace_id"] = first["trace_id"]
    told = "1 assistant message of the context in 1 line trained too, since nebius has no weights"
    for target, lines, trained in (("openai", 1, 0), ("nebius", 1, 1)):
        files = write_training_files([second], tmp_path / f"{target}.jsonl", target=target, train_on="last")
        assert (files.training.count, files.training.split.trained_context) == (lines, trained)
        assert files.to_dict()["training"]["split"]["trained_context"] == trained
        assert (told in str(files)) is bool(trained)
    assert caplog.messages == [f"nebius.jsonl: {told}"]
    [line] = read_jsonl(tmp_path / "nebius.jsonl")
    assert not any("weight" in message for message in line["messages"])


def test_lines_of_one_example_are_on_one_side_and_in_the_ledger(tmp_path):
    first, second = two_turns()
    third = json.loads(json.dumps(second, default=str)) | {"id": "01a20272-c025-4739-87fb-a057d0d29998"}
    third["inputs"]["messages"] += [
        {"role": "assistant", "content": "Said by nobody here."},
        {"role": "user", "content": "More?"},
    ]
    files = write_training_files([first, third], tmp_path / "train.jsonl", target="trl", validation_size=1e-9)
    assert files.validation is None
    assert (files.training.count, files.training.split.split) == (2, 1)
    assert "train.jsonl: 1 line split, 2 lines from 1" in str(files)


def test_a_target_that_refuses_every_example_gets_no_file(tmp_path):
    path = tmp_path / "train.jsonl"
    write_training_files(llm_runs(), path)
    before = path.read_bytes()
    runs = llm_runs(2)
    for run in runs:
        picture = {"type": "image_url", "image_url": {"url": "https://example.com/x.png"}}
        run["inputs"]["messages"] = [{"role": "user", "content": [picture]}]
    with pytest.raises(InvalidExampleError) as caught:
        write_training_files(runs, path, target="local")
    assert "left out, wholly or in part, since the target would refuse them" in str(caught.value)
    assert f"The first that the target would refuse: {runs[0]['id']}" in str(caught.value)
    assert path.read_bytes() == before


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
            "(0 runs read; fold_traces: 0 in, 0 out; drop_duplicates: 0 in, 0 out). Give other runs, or fewer conditions",
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


def test_a_file_without_runs_is_told_once(tmp_path, caplog):
    (tmp_path / "runs.jsonl").write_text("")
    with pytest.raises(InvalidExampleError):
        write_training_files(run_files(tmp_path / "runs.jsonl"), tmp_path / "train.jsonl")
    assert caplog.messages == ["run_files gives nothing of 1 files: the files hold no runs"]


@pytest.mark.parametrize("size", [1, -0.1])
def test_share_to_hold_out_must_leave_something(size, tmp_path):
    with pytest.raises(ValueError) as caught:
        write_training_files([], tmp_path / "train.jsonl", validation_size=size)
    assert (
        str(caught.value) == f"validation_size must be a share from 0 to below 1, such as 0.1, not {size!r}"
    )


def test_single_run_is_refused(tmp_path):
    with pytest.raises(TypeError, match="runs must be an iterable of runs, not a single dict"):
        write_training_files(llm_runs(1)[0], tmp_path / "train.jsonl")
