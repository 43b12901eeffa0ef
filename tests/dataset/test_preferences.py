"""Preferences: both sides, from every place where LangSmith keeps them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from langsmith.schemas import Example, Feedback, FeedbackSourceBase

from langsmith_finetune import TrainingExample, examples_from_runs
from langsmith_finetune.dataset.preferences import (
    preferences_from_candidates,
    preferences_from_corrections,
    preferences_from_edits,
    preferences_from_experiments,
    preferences_from_scores,
)
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.runs import RunSource
from tests.support import corpus
from tests.support.payloads import (
    langchain_run,
    responses_run,
    vercel_run,
    wrap_anthropic_run,
    wrap_gemini_run,
    wrap_openai_run,
)
from tests.support.strategies import conversations

RUN = "01a20272-c025-7739-87fb-a057d0d22583"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "find",
            "description": "Find",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]
CALL = [{"id": "call_1", "type": "function", "function": {"name": "find", "arguments": "{}"}}]
LINE = {
    "messages": [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Ho"},
    ],
    "tools": TOOLS,
}
INPUT = {"messages": LINE["messages"][:-1], "tools": TOOLS}
WHEN = datetime(2026, 11, 22, 9, tzinfo=UTC)


def answered(said, run_id, *, asked="Hi", project=None, example=None, weights=False, **scores):
    history = [{"role": "user", "content": asked}, {"role": "assistant", "content": "Before"}]
    if weights:
        history[1]["weight"] = 0
    line = {"messages": [*history, {"role": "assistant", "content": said}]}
    source = RunSource(run_id=run_id, project_id=project, example_id=example, scores=scores)
    return TrainingExample(line=line, source=source)


def told(pairs):
    """(preferred, other) of each pair, as (text, run)."""
    return [
        (
            (p.line["preferred_output"][0]["content"], p.source.run_id),
            (p.line["non_preferred_output"][0]["content"], p.rejected_source and p.rejected_source.run_id),
        )
        for p in pairs
    ]


def feedback(correction, run_id=RUN, when=WHEN, **source):
    return Feedback(
        id=UUID(int=1), run_id=run_id, trace_id=run_id, key="note", created_at=when, modified_at=when,
        correction=correction, feedback_source=FeedbackSourceBase(type="app", **source),
    )  # fmt: skip


def edit(outputs, run_id=RUN, when=WHEN):
    return Example(id=UUID(int=7), inputs={}, outputs=outputs, source_run_id=run_id, modified_at=when)


def test_the_best_of_several_answers_goes_with_the_worst():
    examples = [
        answered("bad", "1", liked=0.0),
        answered("good", "2", liked=1.0),
        answered("middling", "3", liked=0.5),
        answered("good", "4", liked=1.0, weights=True),
        answered("as bad", "7", liked=0.0),
        answered("alone", "5", asked="Else", liked=0.0),
        answered("unknown", "6"),
    ]
    report = DatasetReport()
    pairs = list(preferences_from_scores(iter(examples), "liked", report=report))
    assert told(pairs) == [(("good", "2"), ("bad", "1"))]
    assert pairs[0].line == {
        "input": {"messages": examples[0].line["messages"][:-1]},
        "preferred_output": [{"role": "assistant", "content": "good"}],
        "non_preferred_output": [{"role": "assistant", "content": "bad"}],
    }
    said = "preferences_from_scores: 7 in, 1 out; 1 without the score, 1 prompts with one answer"
    assert str(report) == said
    assert report.to_pandas().to_dict("records") == [
        {
            "step": "preferences_from_scores",
            "in": 7,
            "out": 1,
            "without the score": 1,
            "prompts with one answer": 1,
        }
    ]
    assert "1 prompts with one answer" in report._repr_html_()
    assert not list(preferences_from_scores(examples, "liked", margin=1.0))


def test_what_makes_no_pair_is_counted_once_however_often_it_is_gone_through():
    report = DatasetReport()
    examples = [answered("a", "1", liked=0.0), answered("b", "2", asked="Else", liked=1.0)]
    pairs = preferences_from_scores(examples, "liked", report=report)
    for _ in range(2):
        assert not list(pairs)
    assert str(report) == "preferences_from_scores: 2 in, 0 out; 2 prompts with one answer"
    assert report.changes == {}


def test_weights_are_no_part_of_a_preference():
    examples = [answered("a", "1", liked=0.0, weights=True), answered("b", "2", liked=1.0)]
    [pair] = preferences_from_scores(examples, "liked")
    assert "weight" not in str(pair.line)


def test_prompts_are_equal_by_tools_not_by_call_ids():
    def example(call_id, said, score, **settings):
        call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        messages = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "1", "tool_call_id": call_id},
            {"role": "assistant", "content": said},
        ]
        source = RunSource(run_id=said, scores={"s": score})
        return TrainingExample(line={"messages": messages, **settings}, source=source)

    assert told(preferences_from_scores([example("a", "A", 0), example("b", "B", 1)], "s")) == [
        (("B", "B"), ("A", "A"))
    ]
    assert not list(preferences_from_scores([example("a", "A", 0), example("a", "B", 1, tools=TOOLS)], "s"))


@pytest.mark.parametrize("scores", [(1.0, 1.0), (0.0, 1.0)])
def test_the_same_answer_is_no_preference(scores):
    examples = [answered("same", "1", s=scores[0]), answered("same", "2", s=scores[1])]
    assert not list(preferences_from_scores(examples, "s"))


def test_experiments_are_paired_by_the_example_of_their_dataset():
    examples = [
        answered("old", "1", project="p1", example="e1", s=0.2),
        answered("new", "2", project="p2", example="e1", s=0.9),
        answered("once more", "3", project="p2", example="e1", s=0.0),
        answered("old", "4", project="p1", example="e2", asked="A", s=0.1),
        answered("new", "5", project="p2", example="e2", asked="B", s=0.9),
        answered("one", "6", project="p1", example="e3", asked="C", s=0.1),
        answered("two", "7", project="p1", example="e3", asked="C", s=0.9),
        answered("none", "8", project="p1", s=0.9),
    ]
    report = DatasetReport()
    assert told(preferences_from_experiments(examples, "s", report=report)) == [(("new", "2"), ("old", "1"))]
    assert [(c.what, c.example) for c in report.changes["preferences_from_experiments"]] == [
        ("of no dataset example", "8"),
        ("prompts differ", "e2"),
    ]


def candidates_run(make, texts):
    run = make(LINE)
    for key in ("choices", "generations"):
        if key in run["outputs"]:
            found = run["outputs"][key]
            nested = isinstance(found[0], list)
            [one] = found[0] if nested else found
            more = [_saying(one, text) for text in texts]
            run["outputs"][key] = [more] if nested else more
    return run


def _saying(answer, text):
    message = answer["message"]
    if "kwargs" in message:
        return {**answer, "message": {**message, "kwargs": {**message["kwargs"], "content": text}}}
    return {**answer, "message": {**message, "content": text}}


FORMS = {
    "wrap_openai": wrap_openai_run,
    "langchain": langchain_run,
    "langchain, flat": lambda line: langchain_run(line, nested=False),
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_candidates_of_one_call_pair_best_with_worst(make):
    def judge(prompt, answer):
        assert prompt == INPUT
        return len(answer["content"])

    runs = [candidates_run(make, ["long enough", "short", "the longest of all"]), make(LINE)]
    [pair] = preferences_from_candidates(runs, judge)
    assert told([pair]) == [(("the longest of all", RUN), ("short", None))]
    assert pair.line["input"] == INPUT
    assert pair.source.thread_id == "t-1"
    assert not pair.source.notes  # of `other_candidates` there is nothing to note
    assert not list(preferences_from_candidates(runs, judge, margin=100))


def test_captured_candidates_pair_unless_equal():
    different = {"f244e829-f65f-4c7d-93f3-bb12cbdf3fd5"}
    runs = corpus.everything()
    several = [
        example
        for example in examples_from_runs(runs, on_skip=lambda _: None)
        if any(note.kind == "other_candidates" for note in example.source.notes)
    ]
    seen = []

    def judge(_, answer):
        seen.append(answer)
        return len(seen)

    pairs = list(preferences_from_candidates(runs, judge))
    assert {pair.source.run_id for pair in pairs} == different
    (other,) = [pair.line["preferred_output"][0] for pair in pairs]
    firsts = [example.line["messages"][-1] for example in several for _ in range(2)]
    assert [one for one in zip(seen, firsts, strict=True) if one[0] != one[1]] == [(other, firsts[5])]
    assert len(several) == 4


PRODUCERS = {
    "wrap_openai": wrap_openai_run, "langchain": langchain_run, "responses": responses_run,
    "anthropic": wrap_anthropic_run, "gemini": wrap_gemini_run, "vercel": vercel_run,
}  # fmt: skip


@pytest.mark.parametrize("make", PRODUCERS.values(), ids=PRODUCERS)
def test_correction_is_preferred_for_every_producer(make):
    better = {**LINE, "messages": [*INPUT["messages"], {"role": "assistant", "content": "Better"}]}
    for correction in ("Better", make(better)["outputs"], {"role": "assistant", "content": "Better"}):
        [pair] = preferences_from_corrections([make(LINE)], [feedback(correction, user_id="u1")])
        assert pair.line == {
            "input": INPUT,
            "preferred_output": [{"role": "assistant", "content": "Better"}],
            "non_preferred_output": [{"role": "assistant", "content": "Ho"}],
        }
        assert (pair.source.run_id, pair.rejected_source) == (RUN, None)
        assert pair.changes == ("corrected by u1 at 2026-11-22T09:00:00+00:00",)


def test_a_call_can_be_corrected_to_and_from():
    call = {"role": "assistant", "content": None, "tool_calls": CALL}
    [pair] = preferences_from_corrections(
        [wrap_openai_run(LINE)], [feedback({"choices": [{"message": call}]})]
    )
    assert pair.line["preferred_output"] == [call]
    line = {**LINE, "messages": [*INPUT["messages"], call]}
    [pair] = preferences_from_corrections([langchain_run(line)], [feedback("Say it")])
    assert pair.line["preferred_output"] == [{"role": "assistant", "content": "Say it"}]
    assert pair.line["non_preferred_output"] == [call]


def test_the_last_correction_of_a_run_counts():
    later = datetime(2026, 11, 23, tzinfo=UTC)
    items = [feedback("last", when=later), feedback("first"), feedback(None, when=later)]
    [pair] = preferences_from_corrections([wrap_openai_run(LINE)], items)
    assert pair.line["preferred_output"][0]["content"] == "last"
    assert pair.changes == ("corrected by app at 2026-11-23T00:00:00+00:00",)


def test_feedback_may_be_dicts():
    item = {"run_id": RUN, "correction": "Better", "created_at": "2026-11-22"}
    [pair] = preferences_from_corrections([wrap_openai_run(LINE)], [item])
    assert pair.changes == ("corrected by somebody at 2026-11-22",)


NO_PAIR = {
    "the same answer": ("Ho", "no other answer"),
    "no form of an answer": ({"grade": "B"}, "not usable"),
    "several messages": ({"messages": [{"role": "assistant", "content": None, "tool_calls": CALL}, {"role": "tool", "content": "1", "tool_call_id": "call_1"}, {"role": "assistant", "content": "B"}]}, "no other answer"),
}  # fmt: skip


@pytest.mark.parametrize(("correction", "what"), NO_PAIR.values(), ids=NO_PAIR)
def test_what_is_no_other_answer_makes_no_pair_and_is_told(correction, what):
    report = DatasetReport()
    pairs = preferences_from_corrections([wrap_openai_run(LINE)], [feedback(correction)], report=report)
    assert list(pairs) == []
    assert [(c.what, c.example) for c in report.changes["preferences_from_corrections"]] == [(what, RUN)]


def test_corrections_of_scores_and_of_other_runs_make_no_pair():
    report = DatasetReport()
    other = "01a20272-ffff-7739-87fb-a057d0d22583"
    items = [feedback({"score": 1}), feedback("Better", run_id=other)]
    assert not list(preferences_from_corrections([wrap_openai_run(LINE)], items, report=report))
    [change] = report.changes["preferences_from_corrections"]
    assert (change.what, change.example) == ("its run is not among the runs", other)


ROOT = str(UUID(int=9))
AGENT = {"langgraph_node": "model"}


def below(make, run_id, second, *, said="Ho", metadata=AGENT, **fields):
    """An llm run of the trace that ROOT is the root of."""
    line = {**LINE, "messages": [*INPUT["messages"], {"role": "assistant", "content": said}]}
    run = make(line) | {"id": run_id, "trace_id": ROOT, "parent_run_id": ROOT}
    times = {"start_time": f"2026-11-22T08:00:{second:02}", "end_time": f"2026-11-22T08:00:{second + 1:02}"}
    run["extra"] = {**run["extra"], "metadata": {**run["extra"].get("metadata", {}), **metadata}}
    return run | times | fields


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_a_correction_of_the_root_goes_to_the_run_that_answered(make):
    tool = {**AGENT, "langgraph_checkpoint_ns": "tools:1|model:2"}
    runs = [below(make, "2", 5), below(make, "1", 1, said="Let me see"), below(make, "3", 9, metadata=tool)]
    report = DatasetReport()
    for some in (runs, iter(runs), runs[::-1]):
        [pair] = preferences_from_corrections(some, [feedback("Better", run_id=ROOT)], report=report)
        assert told([pair]) == [(("Better", "2"), ("Ho", None))]
    assert report.changes == {}
    assert str(report) == "preferences_from_corrections: 9 in, 3 out; 6 runs that nobody corrected"


def test_the_runs_own_correction_counts_before_that_of_its_root():
    later = datetime(2026, 11, 23, tzinfo=UTC)
    items = [feedback("Own"), feedback("Root's", run_id=ROOT, when=later)]
    [pair] = preferences_from_corrections([below(wrap_openai_run, RUN, 1)], items)
    assert pair.line["preferred_output"][0]["content"] == "Own"


def test_what_a_run_brings_along_and_what_is_given_are_one():
    brought = {"run_id": ROOT, "correction": "Brought", "modified_at": WHEN.isoformat(), "answered_by": ["1"]}
    runs = [
        below(wrap_openai_run, "1", 1, corrections=[brought]),
        below(wrap_openai_run, "2", 5, corrections=[brought]),
    ]
    for when, text in (
        (datetime(2026, 11, 21, tzinfo=UTC), "Brought"),
        (datetime(2026, 11, 23, tzinfo=UTC), "Given"),
    ):
        [pair] = preferences_from_corrections(runs, [feedback("Given", run_id=ROOT, when=when)])
        assert (pair.line["preferred_output"][0]["content"], pair.source.run_id) == (text, "1")


def test_where_several_may_have_answered_there_is_no_pair_but_a_report():
    runs = [below(wrap_openai_run, n, 1) for n in ("1", "2")]
    report = DatasetReport()
    assert not list(preferences_from_corrections(runs, [feedback("Better", run_id=ROOT)], report=report))
    [change] = report.changes["preferences_from_corrections"]
    assert (change.what, change.example, change.detail) == (
        "not clear which run answered",
        ROOT,
        "it may be 1 or 2",
    )
    assert "1 not clear which run answered" in str(report)


def test_the_root_among_the_runs_says_what_it_returned():
    root = {"id": ROOT, "trace_id": ROOT, "run_type": "chain", "outputs": {"answer": "Ho"}}
    runs = [
        below(wrap_openai_run, "1", 1, metadata={}),
        below(wrap_openai_run, "2", 5, said="A title", metadata={}),
    ]
    report = DatasetReport()
    [pair] = preferences_from_corrections([root, *runs], [feedback("Better", run_id=ROOT)], report=report)
    assert pair.source.run_id == "1"
    assert report.changes == {}


STRANGE = [7, "x", [7], [None], [{}], [{"correction": "x"}], [{"correction": "x", "run_id": [1]}],
           [{"correction": "x", "run_id": ROOT, "answered_by": [7]}], [{"correction": "x", "run_id": ROOT, "answered_by": "1"}],
           [{"correction": {"a": 1}, "run_id": "1", "feedback_source": 3}]]  # fmt: skip


@pytest.mark.parametrize("corrections", STRANGE)
def test_strange_corrections_of_a_run_raise_nothing(corrections):
    runs = [below(wrap_openai_run, "1", 1, corrections=corrections)]
    assert len(list(preferences_from_corrections(runs))) <= 1


def test_edits_of_annotation_queues_are_preferred():
    run = wrap_openai_run(LINE)
    outputs = {"choices": [{"message": {"role": "assistant", "content": "Edited"}}]}
    [pair] = preferences_from_edits(
        [run], [edit(outputs), edit({"output": "older"}, when=datetime(2026, 1, 1, tzinfo=UTC))]
    )
    assert told([pair]) == [(("Edited", RUN), ("Ho", None))]
    assert pair.changes == (f"edited as dataset example {UUID(int=7)} at 2026-11-22T09:00:00+00:00",)
    assert not list(preferences_from_edits([run], [edit(run["outputs"]), edit(outputs, run_id=None)]))


@pytest.mark.slow
@given(conversations())
def test_an_edit_to_the_same_outputs_is_never_a_preference(line):
    run = wrap_openai_run(line)
    assert not list(preferences_from_edits([run], [edit(run["outputs"])]))
