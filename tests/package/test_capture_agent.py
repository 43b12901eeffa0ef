"""The runs of the shop's support desk: what they are said to hold, they hold; and the script makes them again."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest

from langsmith_finetune import examples_from_runs, run_files
from langsmith_finetune.dataset import fold_traces
from tests.support.capture import assert_nothing_of_the_machine, captured_again
from tests.support.paths import NOTEBOOKS

DATA = NOTEBOOKS / "data"
FIRST, LATER = DATA / "agent_runs.jsonl.gz", DATA / "agent_heldout_runs.jsonl.gz"
GREETING = "How can I help?"


def read(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def told(path):
    """What every capture says alike: of each trace its messages, its rating, and the kinds of its runs."""
    traces = {}
    for run in read(path):
        if run["id"] == run["trace_id"]:
            score = run.get("feedback_stats", {}).get("user_score", {}).get("avg")
            traces[run["id"]] = (run["inputs"]["messages"], score, [])
        traces[run["trace_id"]][2].append((run["run_type"], run["name"], run.get("error")))
    return list(traces.values())


def conversations(path):
    runs = run_files(path, run_type="llm", agents="support")
    return list(fold_traces(examples_from_runs(runs)))


def called(example):
    calls = [call for message in example.line["messages"] for call in message.get("tool_calls", [])]
    return [call["function"]["name"] for call in calls]


def question(example):
    return next(message["content"] for message in example.line["messages"] if message["role"] == "user")


def test_four_conversations_refund_before_they_look_and_are_not_liked():
    kinds = Counter((tuple(called(one)), one.source.score("user_score")) for one in conversations(FIRST))
    assert kinds == {
        (("find_order",), 1): 12,
        (("find_order", "refund"), 1): 8,
        (("read_rules",), 1): 12,
        (("refund",), 0): 4,
    }


def test_triage_sees_every_question_and_the_agent_those_that_are_not_for_a_person():
    runs = [example.source for example in examples_from_runs(run_files(FIRST, run_type="llm"))]
    by_node = {node: {run.trace_id for run in runs if run.node == node} for node in ("triage", "model")}
    assert len(by_node["triage"]) == 40
    assert len(by_node["model"]) == 36
    assert {run.agent for run in runs if run.node == "model"} == {"support"}


def test_eight_begin_with_a_greeting_that_no_model_made():
    starts = [messages[0][1] for messages, _, _ in told(FIRST)]
    assert starts.count(GREETING) == 8


def test_held_out_questions_have_wordings_and_numbers_of_their_own():
    learned, held_out = [list(map(question, conversations(path))) for path in (FIRST, LATER)]
    assert len(held_out) == len(set(held_out)) == 10

    def wordings(texts):
        return {re.sub(r"\d+", "N", text) for text in texts}

    def numbers(texts):
        return set(re.findall(r"\d+", "".join(texts)))

    assert not wordings(learned) & wordings(held_out)
    assert not numbers(learned) & numbers(held_out)


@pytest.mark.parametrize("path", [FIRST, LATER], ids=["first", "later"])
def test_nothing_of_the_machine_is_in_the_file(path):
    assert_nothing_of_the_machine(path)


@pytest.mark.slow
def test_script_makes_the_same_again(tmp_path):
    assert captured_again("capture_agent.py", tmp_path) == (
        f"{tmp_path / FIRST.name}: 440 runs in 40 traces, 0 of them failed\n"
        f"{tmp_path / LATER.name}: 118 runs in 10 traces, 0 of them failed\n"
    )
    for path in (FIRST, LATER):
        assert told(tmp_path / path.name) == told(path)
