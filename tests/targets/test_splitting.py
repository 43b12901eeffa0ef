"""Folded lines for each target: no answer lost, each trained once where there are weights, in as few lines as can be."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langsmith_finetune import LabelExample, PreferenceExample, TrainingExample, examples_from_runs
from langsmith_finetune.dataset import DatasetReport, fold_traces
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets import (
    TARGETS,
    LineChange,
    SplitReport,
    check,
    examples_for_target,
    from_target,
    split_line,
    splitting,
    to_target,
)
from langsmith_finetune.targets.fix import fixed
from langsmith_finetune.targets.line import line_problems
from tests.support import corpus
from tests.support.lines import SYSTEM, TOOLS, A, U, answer, asks, call, image, prefers, said, sees

WITHOUT = {**A, "weight": 0}
SHOT = {"role": "assistant", "content": "5", "weight": 0}
TOO_FEW = ("too_few",)


def answers(line):
    """The places of what is to be trained, and of what is context."""
    places = [index for index, message in enumerate(line["messages"]) if message["role"] == "assistant"]
    trained = [index for index in places if line["messages"][index].get("weight", 1) != 0]
    return set(trained), set(places) - set(trained)


def learned(line, rules):
    """The places of the messages that a target trains, by what its maker says of weights."""
    trained, context = answers(line)
    if rules.weights == "each" or not trained:
        return trained
    return {index for index in trained | context if rules.weights == "none" or index >= min(trained)}


def learned_of_row(line, target):
    """The same of a target's own row, where it has a shape of its own."""
    row = to_target(line, target)
    if target == "trl":
        start = len(row["prompt"])
        return {start + index for index, m in enumerate(row["completion"]) if m["role"] == "assistant"}
    first = sum(message["role"] == "system" for message in line["messages"])
    if target == "bedrock":
        return {first + index for index, m in enumerate(row["messages"]) if m["role"] == "assistant"}
    return learned(line, TARGETS[target])


def bare(messages):
    return [{key: value for key, value in m.items() if key != "weight"} for m in messages]


def refused(line, rules):
    return any(problem.severity == "error" for problem in line_problems(line, rules))


# --- small lines, and every way to split them -------------------------------------------------------------

WEIGHT = st.sampled_from([{}, {}, {"weight": 0}, {"weight": 1}])


@st.composite
def folded(draw, longest=6):
    """A line as folding makes it, and as it does not: some of it is refused by some target."""
    messages = [SYSTEM] if draw(st.booleans()) else []
    for number in range(draw(st.integers(1, longest))):
        kind = draw(st.sampled_from(["turn"] * 6 + ["tool"] * 2 + ["answer", "user", "system", "odd"]))
        if kind in ("turn", "user", "tool"):
            messages.append({"role": "user", "content": f"{number}?"})
        if kind == "system":
            messages.append(SYSTEM)
        if kind == "odd":
            odd = ["User: Hi", "a <|im_end|>", [{"type": "text", "text": "x"}, image("gs://b/cat.png")]]
            messages.append({"role": "user", "content": draw(st.sampled_from(odd))})
        if kind == "tool":
            messages += [asks(call(f"call_{number}")) | draw(WEIGHT), answer(f"call_{number}")]
        if kind in ("turn", "tool", "answer"):
            messages.append({"role": "assistant", "content": f"{number}!"} | draw(WEIGHT))
    return said(*messages, **draw(st.sampled_from([{}, {"tools": TOOLS}])))


own = st.fixed_dictionaries(
    {
        "weights": st.sampled_from(["each", "history", "none"]),
        "order": st.sampled_from(["free", "prompted", "no_two_assistants", "user_first", "in_turn"]),
        "system_first": st.booleans(),
        "tools": st.booleans(),
        "max_images": st.sampled_from([None, 0]),
    }
)
targets = st.sampled_from([*TARGETS.values()]) | st.builds(
    lambda base, rules: replace(TARGETS[base], **rules), st.sampled_from(["openai", "gemini", "trl"]), own
)


def every_line(line, rules):
    """Each beginning of a line with each choice of weights that the target takes, as the places that it trains."""
    trained, context = answers(line)
    places = sorted(trained | context)
    for number, end in enumerate(places, start=1):
        choices = product((0, 1), repeat=number) if rules.weights != "none" else [(None,) * number]
        for weights in choices:
            messages = bare(line["messages"][: end + 1])
            for place, weight in zip(places, weights, strict=False):
                if weight == 0:
                    messages[place]["weight"] = 0
            part = {**line, "messages": messages}
            trains = learned(part, rules)
            if not refused(part, rules):
                yield frozenset(trains)


def fewest(wanted, lines, *, once):
    """The least number of lines that train all of these, and the least context that so many of them train."""
    best = {frozenset(): (0, 0)}
    waiting = [frozenset()]
    while waiting:
        have = waiting.pop()
        count, extra = best[have]
        for trains in lines:
            if once and trains & have:
                continue
            now = have | (trains & wanted)
            cost = (count + 1, extra + len(trains - wanted))
            if now != have and cost < best.get(now, (99, 99)):
                best[now] = cost
                waiting.append(now)
    return best[frozenset(wanted)]


@given(folded(), targets, st.sampled_from(["train", "train", "refuse"]))
@example(said(U, A, U, SHOT, U, A), TARGETS["trl"], "train")
@example(said(A, U, A), TARGETS["local"], "train")
@example(said(U, SHOT, U, A, U, SHOT), TARGETS["bedrock"], "train")
@example(said(U, A, U, A, U, SHOT, U, A), TARGETS["gemini"], "refuse")
def test_a_line_is_split_into_the_fewest_that_the_target_takes(line, rules, context_is):
    before = copy.deepcopy(line)
    split = split_line(line, rules, context=context_is)
    assert line == before
    once = rules.weights != "none"
    fixed_line, _ = fixed(line, rules)
    trained, context = answers(fixed_line)
    possible = set(every_line(fixed_line, rules))
    if once or context_is == "refuse":
        possible = {trains for trains in possible if trains <= trained}
    takeable = set().union(*possible) & trained

    trains = [learned(found, rules) for found in split.lines]
    assert set().union(*trains) & trained == takeable  # no answer is lost that any line could hold
    assert split.lost == len(trained - takeable)
    assert (split.problem is None) == (trained == takeable and bool(split.lines))
    count, extra = fewest(takeable, possible, once=once)
    assert len(split.lines) == count
    assert split.trained_context == sum(len(found & context) for found in trains) == extra
    if once:  # each once, and nothing else
        assert sum(map(len, trains)) == len(takeable)
    for found in split.lines:
        assert bare(found["messages"]) == bare(fixed_line["messages"][: len(found["messages"])])
        assert {**found, "messages": []} == {**fixed_line, "messages": []}


@pytest.mark.slow
@given(folded(8), st.sampled_from(sorted(TARGETS)))
def test_every_line_passes_the_check_and_its_row_trains_what_it_says(line, target):
    split = split_line(line, target)
    assert check(split.lines, target, ignore=TOO_FEW).ok or not split.lines
    trained, _ = answers(fixed(line, TARGETS[target])[0])
    rows = [learned_of_row(found, target) for found in split.lines]
    assert len(set().union(*rows) & trained) + split.lost == len(trained)
    if TARGETS[target].weights != "none":
        assert sum(map(len, rows)) == len(trained) - split.lost
    for found in split.lines:  # and is taken as it is from then on
        again = split_line(found, target)
        assert (again.lines, again.lost, again.trained_context) == ((found,), 0, 0)
        if target in ("trl", "gemini", "bedrock"):
            back = from_target(to_target(found, target), target)
            assert learned(back, TARGETS[target]) == learned(found, TARGETS[target])


@given(st.lists(folded(), max_size=4), st.sampled_from(sorted(TARGETS)))
def test_a_report_counts_what_became_of_the_lines(lines, target):
    report, skipped = SplitReport(), []
    found = list(examples_for_target(lines, target, on_skip=skipped.append, report=report))
    splits = [split_line(line, target) for line in lines]
    assert found == [line for split in splits for line in split.lines]
    assert (report.read, report.written) == (len(lines), len(found))
    assert report.trained_context == sum(split.trained_context for split in splits)
    assert report.lost == sum(split.lost for split in splits)
    assert len(skipped) == sum(split.problem is not None for split in splits)
    assert report.split == sum(len(split.lines) > 1 for split in splits)
    assert report.left_out == sum(not split.lines for split in splits)


@given(folded(), st.sampled_from(sorted(TARGETS)), st.integers(1, 12))
def test_a_length_is_kept_and_what_is_longer_is_lost(line, target, most):
    def count(part):
        return len(part["messages"])

    split = split_line(line, target, tokens=count, max_tokens=most)
    unlimited = split_line(line, target)
    assert all(count(found) <= most for found in split.lines)
    trained, _ = answers(fixed(line, TARGETS[target])[0])
    fitting = [
        index
        for found in unlimited.lines
        for index in learned(found, TARGETS[target]) & trained
        if index < most
    ]
    held = [index for found in split.lines for index in learned(found, TARGETS[target]) & trained]
    assert sorted(held) == sorted(fitting)
    assert check(split.lines, target, tokens=count, max_tokens=most, ignore=TOO_FEW).ok or not split.lines


def test_what_is_surely_too_long_is_lost_and_what_may_be_is_kept():
    def line(words):
        return said(U, A, {**U, "content": "word " * words}, A)

    split = split_line(line(250_000), "gemini")  # more than twice the limit, by a token for 4 bytes
    assert (split.lines, split.lost, split.problem.rule) == ((said(U, A),), 1, "too_long")
    assert str(split.error("a")).startswith("a: has about 312,5")
    assert split_line(line(150_000), "gemini").lost == 0
    assert check([line(150_000)], "gemini").warnings == {"too_long": 1}


# --- what a person meets -----------------------------------------------------------------------------------


def test_a_line_that_is_taken_comes_back_alone():
    line = said(SYSTEM, U, A, U, WITHOUT, U, A)
    for target in ("openai", "azure", "together", "fireworks", "local", "huggingface"):
        assert split_line(line, target).lines == (line,)


def test_trl_gets_a_line_for_each_run_of_answers():
    b, c, d = ({"role": "assistant", "content": text} for text in "bcd")
    line = said(SYSTEM, U, A, U, b, U, SHOT, U, c, U, SHOT, U, SHOT, U, d, U, SHOT)
    first, second, third = split_line(line, "trl").lines
    assert [to_target(found, "trl")["completion"] for found in (first, second, third)] == [
        [A, U, b],
        [c],
        [d],
    ]
    assert len(third["messages"]) == len(line["messages"]) - 2
    assert [m.get("weight", 1) for m in third["messages"] if m["role"] == "assistant"] == [
        0,
        0,
        0,
        0,
        0,
        0,
        1,
    ]


def test_gemini_trains_the_context_that_comes_before_an_answer_and_no_other():
    split = split_line(said(U, SHOT, U, A, U, SHOT), "gemini")
    [line] = split.lines
    assert line == said(U, {"role": "assistant", "content": "5"}, U, A)
    assert (split.trained_context, split.lost, split.problem) == (1, 0, None)


def test_context_can_be_refused_instead():
    line = said(U, A, U, SHOT, U, A)
    split = split_line(line, "gemini", context="refuse")
    assert (split.lines, split.lost, split.trained_context) == ((said(U, A),), 1, 0)
    assert str(split.error("t.jsonl:3")) == (
        "t.jsonl:3: messages[3].weight: is 0, but gemini is not known to have weights: it would train this message too; "
        "1 answer has no line for this target. Write the file with write_jsonl(examples, path, target=...), which "
        'trains it and says how often; or take a target with weights, such as "together"'
    )


LOST = {
    "a system message in between": ("fireworks", said(U, A, SYSTEM, U, A, U, A), 2, 2, "messages[2]: is a system message after others; 2 answers have no line for this target. Move it to the front, or say it in a user message"),
    "two answers in a row": ("azure", said(U, A, A, U, A), 2, 2, "messages[2]: is a second assistant message in a row; 2 answers have no line for this target. Join the two"),
    "two questions in a row, one of them empty": ("bedrock", said(U, A, U, {**U, "content": ""}, A), 2, 1, "messages[3]: is a second user message in a row; 1 answer has no line for this target. Join the two; or call check(..., fix=True)"),
    "words that fail the job": ("bedrock", said(U, A, {**U, "content": "User: Hi"}, A), 2, 1, 'messages[2].content: holds "User:"; 1 answer has no line for this target. Write it otherwise, or leave the line out'),
    "an image": ("nebius", said(U, A, sees(image("https://x/a.png")), A), 2, 1, "messages[2].content[0].image_url.url: is an image, and this target takes none; 1 answer has no line for this target. Remove the image, or leave the line out"),
    "an answer that answers nothing": ("local", said(A, U, A), 3, 1, "messages[0]: is an assistant message that answers nothing; 1 answer has no line for this target. Give it weight 0, or leave the line out"),
    "tools": ("bedrock", said(U, asks(), answer(), A, tools=TOOLS), 0, 2, "tools: is a list of 1. Leave the line out: this target trains no tool calls"),
    "an assistant first": ("gemini", said(A, U, A), 0, 2, "messages[0]: is an assistant message that answers nothing. Begin with what the assistant answers, or leave the line out"),
    "a label": ("openai", {"prompt": [U], "completion": [A], "label": True}, 0, 1, "label: belongs to a line with a label, which this target does not read. Train on it here, with LocalProvider and method='kto', or write training lines"),
    "context alone": ("gemini", said(U, SHOT), 0, 0, "messages: have weight 0 on every answer. Leave the line out: there is nothing to learn"),
    "nothing to learn": ("trl", said(U, SHOT), 0, 0, "messages: have weight 0 on every answer. Leave the line out: there is nothing to learn"),
}  # fmt: skip


@pytest.mark.parametrize(("target", "line", "kept", "lost", "text"), LOST.values(), ids=LOST)
def test_what_a_target_has_no_form_for_is_lost_by_name_and_the_rest_kept(target, line, kept, lost, text):
    split = split_line(line, target)
    assert [len(found["messages"]) for found in split.lines] == ([kept] if kept else [])
    assert (split.lost, str(split.error("a.jsonl:9"))) == (lost, f"a.jsonl:9: {text}")
    with pytest.raises(InvalidExampleError) as caught:
        list(examples_for_target([line], target))
    assert str(caught.value) == f"example 0: {text}"


def test_an_answer_that_answers_nothing_is_context_of_the_others():
    [line] = split_line(said(A, U, A), "local").lines
    assert line == said(WITHOUT, U, A)


def test_two_questions_in_a_row_are_one_of_two_parts_where_the_target_has_parts():
    more = {"role": "user", "content": [{"type": "text", "text": "Still there?"}]}
    line = said(SYSTEM, {**U, "name": "ann"}, {**more, "name": "bob"}, A, U, more, U, A)
    split = split_line(line, "bedrock")
    text = [{"type": "text", "text": "Hi"}]
    [found] = split.lines
    assert found == said(
        SYSTEM,
        {"role": "user", "content": [*text, *more["content"]]},
        A,
        {"role": "user", "content": [*text, *more["content"], *text]},
        A,
    )
    assert split.changes == ("user message joined to the one before (3)",)
    assert to_target(found, "bedrock")["messages"][2]["content"] == [
        {"text": "Hi"},
        {"text": "Still there?"},
        {"text": "Hi"},
    ]
    plain = said(U, U, A)
    assert split_line(plain, "together").lines == (plain,)  # which only advises against it
    own = {"role": "user", "content": "Hi", "mine": 1}
    assert split_line(said(U, own, A), "bedrock").lost == 1


def test_what_both_answers_of_a_preference_begin_with_is_input_where_they_must_be_one_message():
    better, worse = ({"role": "assistant", "content": text} for text in ("Rain.", "Sun."))
    line = prefers(
        {"messages": [U], "tools": TOOLS},
        [asks(), answer(), better],
        [asks(), answer(), worse],
    )
    assert split_line(line, "azure").lines == (line,)
    [found] = split_line(line, "openai").lines
    assert found == prefers({"messages": [U, asks(), answer()], "tools": TOOLS}, [better], [worse])
    other = prefers({"messages": [U], "tools": TOOLS}, [asks(), answer(), better], [worse])
    assert (split_line(other, "openai").lines, split_line(other, "openai").lost) == ((), 1)


def test_settings_are_named():
    with pytest.raises(ValueError) as caught:
        split_line(said(U, A), "gemini", context="drop")
    assert str(caught.value) == "context must be 'train' or 'refuse', not 'drop'"
    with pytest.raises(ValueError) as caught:
        split_line(said(U, A), "local", tokens=len)
    assert str(caught.value) == "local has one limit per model: pass max_tokens= with tokens="
    with pytest.raises(ValueError, match=r"^target must be 'openai', .* or a TargetRules, not 'nowhere'$"):
        split_line(said(U, A), "nowhere")


def test_a_report_of_the_steps_is_none_of_splitting():
    with pytest.raises(TypeError) as caught:
        examples_for_target([said(U, A)], "trl", report=DatasetReport())
    assert str(caught.value) == "report must be a SplitReport, such as SplitReport(), not DatasetReport"


def test_a_report_can_be_sent_to_another_process():
    report = SplitReport()
    list(examples_for_target([said(U, A, U, SHOT, U, A)], "trl", report=report))
    assert str(pickle.loads(pickle.dumps(report))) == str(report)


def test_preferences_and_labels_pass_or_are_left_out_by_name():
    label = LabelExample(line={"prompt": [U], "completion": [A], "label": True})
    pair = PreferenceExample(line=prefers())
    skipped = []
    for target in TARGETS:
        assert list(examples_for_target([pair], target)) == [pair]
        taken = list(examples_for_target([label], target, on_skip=skipped.append))
        assert taken == ([label] if TARGETS[target].labels else [])
    assert len(skipped) == len(TARGETS) - 3
    assert {(error.field, error.reason) for error in skipped} == {
        ("label", "belongs to a line with a label, which this target does not read")
    }


def test_a_report_reads_as_what_happened():
    report, skipped = SplitReport(), []
    lines = [said(U, A), said(U, SHOT, U, A), said(U, A, U, A, A), said(A, U, A)]
    list(examples_for_target(lines, "bedrock", on_skip=skipped.append, report=report))
    assert str(report) == (
        "for bedrock: 4 in, 3 out; 1 assistant message of the context in 1 line trained too, since bedrock has no "
        "weights; 3 answers lost, which bedrock has no form for; 1 line left out; for order 2\n"
        "example 1: context trained: 1\n"
        "example 2: answers lost: 1 (messages[4]: is a second assistant message in a row; 1 answer has no line for "
        "this target)\n"
        "example 3: left out (messages[0]: is an assistant message that answers nothing)"
    )
    assert report.changes[0] == LineChange(where="example 1", lines=1, trained_context=1, lost=0)
    assert [error.where for error in skipped] == ["example 2", "example 3"]
    assert (report.reasons, report.changes.counts) == ({"order": 2}, {"context trained": 1, "order": 2})
    split = SplitReport()
    list(examples_for_target([said(U, A, U, SHOT, U, A)] * 30, "trl", report=split))
    assert str(split).splitlines()[:2] == [
        "for trl: 30 in, 60 out; 30 lines split, 60 lines from 30",
        "example 0: 2 lines",
    ]
    assert str(split).splitlines()[-1] == "... and 10 more"
    assert repr(split) == "<SplitReport for trl: 30 in, 60 out; 30 lines split, 60 lines from 30>"


def test_what_is_no_json_is_left_out_by_name():
    skipped, report = [], SplitReport()
    bad = TrainingExample(line=said({"role": "user", "content": {1}}, A))
    found = examples_for_target([bad, said(U, A)], "trl", on_skip=skipped.append, report=report)
    assert list(found) == [said(U, A)]
    assert str(report) == (
        "for trl: 2 in, 1 out; 1 line left out; for json 1\n"
        "example 0: left out (messages[0].content: is of type set, which JSON does not have)"
    )
    assert [error.where for error in skipped] == ["example 0"]


def test_examples_say_what_was_done_to_them():
    line = said(U, A, U, SHOT, U, A, parallel_tool_calls=False)
    examples = [TrainingExample(line=line, changes=("folded",))]
    one, two = examples_for_target(examples, "trl")
    assert one.changes == ("folded", "parallel_tool_calls dropped", "line 1 of 2 for trl")
    assert two.changes[-1] == "line 2 of 2 for trl"
    assert examples[0].line == line


@pytest.mark.slow
def test_captured_agents_end_in_files_that_every_target_takes():
    examples = list(examples_from_runs(corpus.everything(), on_skip=lambda _: None))
    folded_examples = list(fold_traces(examples))
    for target, rules in TARGETS.items():
        report, skipped = SplitReport(), []
        found = list(examples_for_target(folded_examples, target, on_skip=skipped.append, report=report))
        assert check(found, target, ignore=TOO_FEW).errors == {}
        trained = sum(len(answers(fixed(example.line, rules)[0])[0]) for example in folded_examples)
        assert (
            trained - report.lost
            == sum(len(learned(example.line, rules)) for example in found) - report.trained_context
        )
        # What is lost is lost for what the target has no form for, and never for a weight.
        assert not any("weight" in error.field for error in skipped)


def test_a_line_of_many_answers_is_checked_a_few_times(monkeypatch):
    checked = []
    monkeypatch.setattr(
        splitting, "line_problems", lambda line, rules: checked.append(line) or line_problems(line, rules)
    )
    turns = [turn for number in range(300) for turn in (U, {**A, "content": f"{number}"})]
    split = split_line(said(*turns, SYSTEM, U, A), "gemini")
    assert (len(split.lines), split.lost) == (1, 1)
    assert len(checked) < 15
