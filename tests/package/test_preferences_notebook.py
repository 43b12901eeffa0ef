"""The notebook on preferences, executed from top to bottom as a newcomer does."""

from __future__ import annotations

import re

import pytest

from tests.support.run_notebook import run_notebook, skip_without_smollm2


def assert_the_steps_are_told(said):
    for step in (
        "91 llm runs, 45 of them gave the answer",
        "redact: 45 in, 45 out; 1 redacted",
        "labels_from_scores: 45 in, 43 out; 2 without the score",
        "18 liked, such as",
        "25 not liked, such as",
        "preferences_from_corrections: 45 in, 8 out; 37 runs that nobody corrected",
        "preferences_from_scores: 45 in, 8 out; 2 without the score, "
        "25 prompts with one answer, 1 prompts whose answers have scores too close",
        "corrected by api at ",
        "labels.jsonl for openai: 43 lines, 43 with errors",
        "labels.jsonl for local: 43 lines, 0 with errors",
        "pairs.jsonl for openai: 16 lines, 0 with errors",
        "pairs.jsonl for local: 16 lines, 0 with errors",
        "What do you charge for a lamp? -> ",
    ):
        assert step in said, step


def verdicts_of(said):
    """The last two lines: that of KTO, and that of DPO."""
    return said.strip().splitlines()[-2:]


BETTER = r"is_brief: (\w+) is better than before by (\d+) points \(95 % interval (\d+) to (\d+), n = 20 answers in 20 conversations\)"


@pytest.mark.slow
def test_both_methods_make_a_model_that_answers_as_users_like_it(tmp_path):
    skip_without_smollm2()
    said = run_notebook("preferences.ipynb", tmp_path)
    assert_the_steps_are_told(said)
    assert "SmolLM2-135M-Instruct" in said
    for method, verdict in zip(("kto", "dpo"), verdicts_of(said), strict=True):
        found = re.fullmatch(BETTER, verdict)
        assert found, verdict
        points, low, high = map(int, found.groups()[1:])
        assert found[1] == method
        assert 0 < low <= points <= high <= 100
        assert re.search(rf"^says_what_counts: .*\b{method}\b.* \(95 % interval ", said, re.MULTILINE)


@pytest.mark.slow
def test_without_the_pretrained_model_it_says_so_and_claims_nothing(tmp_path):
    said = run_notebook("preferences.ipynb", tmp_path, WALKTHROUGH_MODEL="tiny")
    assert_the_steps_are_told(said)
    assert "going on with a model from nothing, which knows no language" in said
    for verdict in verdicts_of(said):
        assert verdict.startswith("is_brief: no difference can be shown between before and ")
