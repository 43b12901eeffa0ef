"""The runs of the help desk: what they are said to hold, they hold; and the script makes them again."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter

import pytest

from tests.support.capture import assert_nothing_of_the_machine, captured_again
from tests.support.paths import NOTEBOOKS

DATA = NOTEBOOKS / "data"
FIRST, LATER = DATA / "thumbs_runs.jsonl.gz", DATA / "thumbs_later.jsonl.gz"
FEEDBACK = DATA / "thumbs_feedback.jsonl"
DESK = json.loads((DATA / "help_desk.json").read_text(encoding="utf-8"))
BRIEF = {each["question"]: each["answer"] for each in [*DESK["asked"], *DESK["later"]]}


def read(path):
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return [json.loads(line) for line in text.decode().splitlines()]


def told(path):
    """What every capture says alike: of each trace its question, its answer, its thumb, and the calls of the model."""
    runs = read(path)
    calls = {}
    for run in runs:
        if run["run_type"] == "llm":
            calls.setdefault(run["trace_id"], []).append(run["name"])
    return [
        (
            root["inputs"]["question"],
            (root.get("outputs") or {}).get("output"),
            root.get("feedback_stats", {}).get("user_score", {}).get("avg"),
            calls[root["id"]],
        )
        for root in runs
        if root["id"] == root["trace_id"]
    ]


def corrections(folder):
    """The better answers, by the question."""
    questions = {run["id"]: run["inputs"].get("question") for run in read(folder / FIRST.name)}
    return {questions[each["run_id"]]: each["correction"]["output"] for each in read(folder / FEEDBACK.name)}


def test_brief_answers_are_liked_and_padded_ones_are_not_but_for_one_of_each():
    thumbs = Counter((said == BRIEF[asked], score) for asked, said, score, _ in told(FIRST) if said)
    assert thumbs == {(True, 1): 17, (True, 0): 1, (False, 1): 1, (False, 0): 24, (False, None): 2}
    assert all(BRIEF[asked] in said for asked, said, _, _ in told(FIRST) if said)  # each answer is right


def test_nine_questions_are_asked_again_and_one_of_them_in_vain():
    asked = [asked for asked, *_ in told(FIRST)]
    again = [text for text, count in Counter(asked).items() if count == 2]
    assert len(again) == 9
    scores = Counter(tuple(score for text, _, score, _ in told(FIRST) if text == each) for each in again)
    assert scores == {(0, 1): 8, (0, 0): 1}


def test_eight_answers_have_a_better_one_of_the_user_s():
    said = corrections(DATA)
    assert len(said) == 8
    assert all(better == BRIEF[asked] for asked, better in said.items())
    assert {each["score"] for each in read(FEEDBACK)} == {0}


def test_a_model_is_called_for_the_topic_and_for_the_answer_and_one_trace_fails_between():
    assert Counter(tuple(calls) for *_, calls in told(FIRST)) == {("topic", "answer"): 45, ("topic",): 1}
    [failed] = [(asked, score) for asked, said, score, _ in told(FIRST) if said is None]
    assert failed == ("Will it rain on Saturday?", 0)


def test_there_is_one_address():
    assert len(set(re.findall(r"[\w.]+@[\w.]+\w", "".join(asked for asked, *_ in told(FIRST))))) == 1


def test_later_questions_are_others_and_their_answers_say_what_counts():
    first, later = ({asked for asked, *_ in told(path)} for path in (FIRST, LATER))
    assert len(later) == 20
    assert first.isdisjoint(later)
    for each in DESK["later"]:
        assert re.search(rf"\b{each['says']}\b", each["answer"], re.IGNORECASE), each


@pytest.mark.parametrize("path", [FIRST, LATER, FEEDBACK], ids=["first", "later", "feedback"])
def test_nothing_of_the_machine_is_in_the_file(path):
    assert_nothing_of_the_machine(path)


@pytest.mark.slow
def test_script_makes_the_same_again(tmp_path):
    assert captured_again("capture_thumbs.py", tmp_path) == (
        f"{tmp_path / FIRST.name}: 503 runs in 46 traces\n"
        f"{tmp_path / FEEDBACK.name}: 8 corrections\n"
        f"{tmp_path / LATER.name}: 220 runs in 20 traces\n"
    )
    for path in (FIRST, LATER):
        assert told(tmp_path / path.name) == told(path)
    assert corrections(tmp_path) == corrections(DATA)
