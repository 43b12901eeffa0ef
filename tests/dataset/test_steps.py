"""A step that gives nothing says why, and what to do."""

from __future__ import annotations

import pytest

from langsmith_finetune import TrainingExample
from langsmith_finetune.dataset import (
    DatasetReport,
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
from langsmith_finetune.dataset.split import split_side
from langsmith_finetune.runs import RunSource
from langsmith_finetune.runs.files.save import save_runs
from tests.support.messages import HELLO
from tests.support.payloads import wrap_openai_run

PAIR = (
    "A pair is two answers with different scores to one prompt, as retries and regenerations give; labels_from_scores "
    "learns from answers one by one"
)


def example(said="Hello!", asked="Hi", **source):
    line = {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
    return TrainingExample(line=line, source=RunSource(run_id=said, **source) if source else None)


def liked(said, score, asked="Hi", key="liked"):
    return example(said, asked, scores={key: score})


RUN = wrap_openai_run(HELLO) | {"id": "run 0"}

NOTHING = {
    "no scores at all": (
        lambda: labels_from_scores([example("a"), example("b")], "liked"),
        "labels_from_scores gives nothing of 2 that it read: without the score (2). No example has any score. "
        "Feedback of LangSmith's is in example.source.scores where the run has it",
    ),
    "prompts that nobody answered twice": (
        lambda: preferences_from_scores([liked("a", 1.0), liked("b", 0.0, "Other")], "liked"),
        f"preferences_from_scores gives nothing of 2 that it read: prompts with one answer (2). {PAIR}",
    ),
    "answers with the same score": (
        lambda: preferences_from_scores([liked("a", 1.0), liked("b", 1.0)], "liked"),
        f"preferences_from_scores gives nothing of 2 that it read: prompts whose answers have scores too close (1). {PAIR}",
    ),
    "the same answer": (
        lambda: preferences_from_scores([liked("a", 1.0), liked("a", 0.0)], "liked"),
        f"preferences_from_scores gives nothing of 2 that it read: prompts with the same answer again (1). {PAIR}",
    ),
    "answers of no experiment": (
        lambda: preferences_from_experiments([liked("a", 1.0), liked("b", 0.0)], "liked"),
        "preferences_from_experiments gives nothing of 2 that it read: of no dataset example (2). A pair is two answers with "
        "different scores that different experiments gave to one example of a dataset: give the runs of all of them, as "
        "runs_from_experiment reads them",
    ),
    "calls for one answer": (
        lambda: preferences_from_candidates([RUN], lambda *_: 1.0),
        "preferences_from_candidates gives nothing of 1 that it read: without a second answer (1). A pair is two answers of "
        "one call that asked for several (n=2 or more) and that judge tells apart",
    ),
    "no correction": (
        lambda: preferences_from_corrections([RUN], [{"run_id": "run 0", "correction": {"score": 1}}]),
        "preferences_from_corrections gives nothing of 1 that it read: runs that nobody corrected (1). None of 1 feedback "
        "corrects an answer: a correction is text, or outputs of a run",
    ),
    "a correction of another run": (
        lambda: preferences_from_corrections([RUN], [{"run_id": "run 7", "correction": "Better"}]),
        "preferences_from_corrections gives nothing of 1 that it read: its run is not among the runs (1), runs that nobody "
        "corrected (1). A pair is the answer of a run, and another one that was said to be better",
    ),
    "an edit that names no run": (
        lambda: preferences_from_edits([RUN], [{"outputs": {"output": "Better"}}]),
        "preferences_from_edits gives nothing of 1 that it read: runs that nobody corrected (1). None of 1 dataset examples "
        "names the run that it comes from (source_run_id) and has outputs",
    ),
    "all too long": (
        lambda: fit_length([example(), example()], 5, lambda _: 70, over_length="drop"),
        "fit_length gives nothing of 2 that it read: dropped (2). The shortest has 70 tokens, and max_tokens is 5; "
        'over_length="trim_oldest_turns" shortens those that have turns to spare',
    ),
    "an empty list": (lambda: redact([]), "redact gives nothing: examples, a list, holds nothing"),
    "a map gone through before": (
        lambda: redact(spent_map()),
        "redact gives nothing: examples, a map, holds nothing; it gives its items only once, and may have been gone through "
        "before",
    ),
}  # fmt: skip


def spent_map():
    found = map(str, [1])
    list(found)
    return found


@pytest.mark.parametrize(("make", "text"), NOTHING.values(), ids=NOTHING)
def test_a_step_that_gives_nothing_says_why(make, text, caplog):
    assert list(make()) == []
    assert caplog.messages == [text]


def test_what_follows_on_an_empty_step_says_nothing_of_its_own(caplog):
    pairs = redact(preferences_from_scores([liked("a", 1.0)], "liked"))
    assert list(pairs) == []
    assert [message.partition(" ")[0] for message in caplog.messages] == ["preferences_from_scores"]


def test_a_score_that_no_example_has_is_refused_with_the_commonest_that_there_are():
    examples = [liked("a", 1.0, key=f"k{n:02}") for n in range(12)] + [liked("b", 1.0, key="k11")]
    with pytest.raises(ValueError) as caught:
        list(labels_from_scores(examples, "liked"))
    assert str(caught.value) == (
        "labels_from_scores: none of 13 examples has the score 'liked'. There are 'k11' (2), 'k00' (1), 'k01' (1), 'k02' (1), "
        "'k03' (1), 'k04' (1), 'k05' (1), 'k06' (1), 'k07' (1), 'k08' (1) and 2 others"
    )


def test_a_score_that_names_nothing_safe_is_escaped():
    with pytest.raises(ValueError) as caught:
        list(labels_from_scores([liked("a", 1.0, key="\x1b[2J\nforged")], "\x1b[1m"))
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_something_is_no_reason_to_speak(caplog):
    report = DatasetReport()
    examples = [liked("a", 1.0), liked("b", 0.0), example("c", "Else")]
    assert len(list(preferences_from_scores(examples, "liked", report=report))) == 1
    assert len(list(drop_duplicates(examples, report=report))) == 3
    assert caplog.messages == []
    assert str(report).startswith("preferences_from_scores: 3 in, 1 out; 1 without the score\n")


@pytest.mark.parametrize(
    ("scores", "text"),
    [
        (
            (0.9, 1.0),
            "all 2 labels are true, and KTO learns from both: liked ranges from 0.9 to 1, and above= is 0.5",
        ),
        (
            (0.5, 0.0),
            "all 2 labels are false, and KTO learns from both: liked ranges from 0 to 0.5, and above= is 0.5",
        ),
        ((0.0, 1.0), None),
    ],
)
def test_labels_of_one_kind_alone_are_told(scores, text, caplog):
    list(labels_from_scores([liked("a", scores[0]), liked("b", scores[1])], "liked"))
    assert caplog.messages == ([f"labels_from_scores: {text}"] if text else [])


def test_best_where_no_example_has_a_score_is_the_newest_and_is_told(caplog):
    assert len(list(drop_duplicates([example("a"), example("a")], keep="best", score="liked"))) == 1
    assert caplog.messages == [
        "drop_duplicates keeps the newest. No example has any score. Feedback of LangSmith's is in example.source.scores where "
        "the run has it"
    ]


def test_a_fold_that_merges_nothing_for_want_of_traces_is_told(caplog):
    assert len(list(fold_traces([example("a"), example("b")]))) == 2
    assert caplog.messages == [
        "fold_traces merged none of 2 examples: none says which trace it is of and ends with an answer. Examples of runs "
        "know their trace; lines of a file do not"
    ]
    assert len(list(fold_traces([example("a", trace_id="1"), example("b", trace_id="2")]))) == 2
    assert len(caplog.messages) == 1


def test_a_side_that_ends_empty_is_told_unless_it_was_asked_for(caplog):
    [name] = [f"{n}" for n in range(9) if split_side(example(trace_id=f"{n}")) == "train"][:1]
    for _ in range(2):
        train, validation = train_validation_split([example("a", trace_id=name), example("b", trace_id=name)])
        assert (len(list(train)), len(list(validation))) == (2, 0)
    assert caplog.messages == 2 * [
        "train_validation_split: all 2 examples went to train and none to validation, which is 0.1 of the groups by thread. "
        "With few groups that happens: give another validation_size= or seed=, or a smaller group_by="
    ]
    caplog.clear()
    train, validation = train_validation_split([example("a")], validation_size=0)
    assert (len(list(train)), len(list(validation))) == (1, 0)
    train, validation = train_validation_split([example("a")], validation_size=1)
    assert (len(list(train)), len(list(validation))) == (0, 1)
    assert caplog.messages == []
    train, validation = train_validation_split([])
    assert [*train, *validation] == []
    assert caplog.messages == ["train_validation_split gives nothing: examples, a list, holds nothing"]


def test_a_side_read_after_the_other_one_failed_starts_again():
    def examples():
        yield from (example(f"{n}", trace_id=f"{n}") for n in range(20))
        if fails:
            raise OSError

    class Again:
        def __iter__(self):
            return examples()

    fails = [True]
    train, validation = train_validation_split(Again(), validation_size=0.5)
    with pytest.raises(OSError):
        list(train)
    fails.clear()
    assert len(list(validation)) + len(list(train)) == 20


def test_sides_pair_their_passes_and_a_spent_source_costs_no_side():
    train, validation = train_validation_split(
        iter([example(f"{n}", trace_id=f"{n}") for n in range(20)]), validation_size=0.5
    )
    first = list(validation)
    with pytest.raises(RuntimeError, match="examples is a list_iterator, which gives its items only once"):
        list(validation)
    assert len(first) + len(list(train)) == 20


def test_datasets_without_rows_are_told(caplog):
    pytest.importorskip("datasets")
    empty = to_hf_dataset([])
    assert list(examples_from_hf(empty)) == []
    assert caplog.messages == [
        "to_hf_dataset makes a dataset without rows: examples, a list, holds nothing",
        "examples_from_hf gives nothing: the dataset has no rows",
    ]


def test_shards_without_lines_are_told_together(tmp_path, caplog):
    save_runs([RUN | {"id": f"{n}", "outputs": {}} for n in range(3)], tmp_path / "runs.jsonl")
    written = write_shards(tmp_path / "runs.jsonl", tmp_path / "shards")
    assert (written.count, written.skipped) == (0, {"hidden": 3})
    assert caplog.messages[-1].startswith(
        "write_shards wrote 0 lines into 1 shards: hidden 3. Inputs or outputs were"
    )
