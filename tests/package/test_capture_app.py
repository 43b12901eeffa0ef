"""The runs of the walkthrough's application: what they are said to hold, they hold; and the script makes them again."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest

from langsmith_finetune import examples_from_runs, run_files
from tests.support.capture import assert_nothing_of_the_machine, captured_again
from tests.support.paths import NOTEBOOKS

DATA = NOTEBOOKS / "data"
APP, HELD_OUT = DATA / "app_runs.jsonl.gz", DATA / "heldout_runs.jsonl.gz"
SEEDS = [question["zh"] for question in json.loads((DATA / "questions.json").read_text(encoding="utf-8"))]


def read(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).decode().splitlines()]


def roots(path):
    return [run for run in read(path) if run["id"] == run["trace_id"]]


def asked(root):
    inputs = root["inputs"]
    return inputs["input"] if "input" in inputs else inputs["messages"][0][1]


def score(root):
    return root.get("feedback_stats", {}).get("user_score", {}).get("avg")


def told(path):
    """What every capture says alike: of each trace its question, its ratings, its end and the kinds of its runs."""
    kinds = {}
    for run in read(path):
        kinds.setdefault(run["trace_id"], []).append((run["run_type"], run["name"]))
    return [
        {
            "asked": asked(root),
            "score": score(root),
            "failed": bool(root.get("error")),
            "user": root["extra"]["metadata"]["user_id"],
            "runs": kinds[root["id"]],
        }
        for root in roots(path)
    ]


def test_seeds_are_among_the_questions_and_the_first_is_asked_twice():
    questions = [asked(root) for root in roots(APP)]
    assert questions[:20] == SEEDS
    assert [text for text, count in Counter(questions).items() if count > 1] == [SEEDS[0]]


def test_answers_are_rated_and_the_wrong_ones_are_not_liked():
    assert Counter(map(score, roots(APP))) == {1: 106, 0: 4, None: 4}
    [failed] = [root for root in roots(APP) if root.get("error")]
    assert (asked(failed), score(failed)) == ("2 的 10 次方等于多少？", None)


def test_agents_make_two_calls_and_one_has_a_middleware():
    by_trace = Counter()
    for example in examples_from_runs(run_files(APP, run_type="llm")):
        by_trace[example.source.trace_id, example.source.agent_type] += 1
    assert Counter(count for (_, kind), count in by_trace.items() if kind == "root") == {2: 24}
    assert [count for (_, kind), count in by_trace.items() if kind == "middleware"] == [2]


def test_there_is_one_address_and_four_users():
    assert len(set(re.findall(r"[\w.]+@[\w.]+\w", "".join(map(asked, roots(APP)))))) == 1
    assert {root["extra"]["metadata"]["user_id"] for root in roots(APP)} == {"ada", "bob", "chen", "dana"}


def test_held_out_questions_have_wordings_and_numbers_of_their_own():
    learned, held_out = list(map(asked, roots(APP))), list(map(asked, roots(HELD_OUT)))
    assert len(held_out) == len(set(held_out)) == 20

    def wording(text):
        return re.sub(r"\d+", "N", text)

    assert not {*map(wording, learned)} & {*map(wording, held_out)}
    assert len({*map(wording, held_out)}) == 20

    def numbers(text):
        return tuple(re.findall(r"\d+", text))

    assert not {*map(numbers, learned)} & {*map(numbers, held_out)}


@pytest.mark.parametrize("path", [APP, HELD_OUT], ids=["app", "held out"])
def test_nothing_of_the_machine_is_in_the_file(path):
    assert_nothing_of_the_machine(path)


@pytest.mark.slow
def test_script_makes_the_same_again(tmp_path):
    assert captured_again("capture_app.py", tmp_path) == (
        f"{tmp_path / APP.name}: 627 runs in 114 traces, 1 of them failed\n"
        f"{tmp_path / HELD_OUT.name}: 100 runs in 20 traces, 0 of them failed\n"
    )
    for path in (APP, HELD_OUT):
        assert told(tmp_path / path.name) == told(path)
