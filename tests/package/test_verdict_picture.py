"""The picture of the walkthrough's verdict: it says what the run left, and the pages say what it says."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.results import load
from tests.support.paths import NOTEBOOKS, ROOT
from tests.support.verdict_picture import PICTURE, losses_of, verdict_of

VERDICT = (
    "after is better than before by 50 points (95 % interval 25 to 75, n = 4 answers in 4 conversations)"
)
COMPARED = {
    "metric": "calls_match",
    "verdict": VERDICT,
    "n": 4,
    "difference": 0.5,
    "low": 0.25,
    "high": 0.75,
    "before_mean": 0.25,
    "after_mean": 0.75,
}


@pytest.fixture
def draw(monkeypatch):
    monkeypatch.syspath_prepend(NOTEBOOKS)
    from verdict_picture import verdict_picture

    return verdict_picture


@pytest.fixture
def runs(tmp_path):
    (tmp_path / "heldout.evaluation").mkdir()
    (tmp_path / "heldout.evaluation" / "result.json").write_text(json.dumps({"comparisons": [COMPARED]}))
    (tmp_path / "jobs" / "ft-1").mkdir(parents=True)
    metrics = [{}, {"train_loss": 2.0}, {"train_loss": 0.5}, {"valid_loss": 0.75}]
    events = [json.dumps({"step": step, "metrics": each}) for step, each in enumerate(metrics)]
    (tmp_path / "jobs" / "ft-1" / "events.jsonl").write_text("\n".join(events))
    return tmp_path


def test_it_says_what_the_run_left(draw, runs):
    path = runs / "verdict.svg"
    assert draw(runs, path) == f"calls_match: {VERDICT}"
    assert verdict_of(path) == f"calls_match: {VERDICT}"
    assert losses_of(path) == {"training loss": {1: 2.0, 2: 0.5}, "validation loss": {3: 0.75}}


def test_it_is_the_same_each_time_it_is_drawn(draw, runs):
    for name in ("once.svg", "again.svg"):
        draw(runs, runs / name)
    assert (runs / "once.svg").read_bytes() == (runs / "again.svg").read_bytes()


def test_without_a_finished_walkthrough_it_says_so(draw, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        draw(tmp_path, tmp_path / "verdict.svg")
    assert str(caught.value) == f"{tmp_path} holds no finished walkthrough, or several: make walkthrough"


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_pages_show_it_and_say_its_figures(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    ((alt, address),) = re.findall(r"!\[([^\]]*)\]\(([^)]*verdict\.svg)\)", text)
    assert (ROOT / page).parent / address == PICTURE
    losses = list(losses_of(PICTURE)["training loss"].values())
    assert alt == (
        f"Training loss falls from {losses[0]:.2f} to {losses[-1]:.2f} in {len(losses)} steps. {verdict_of(PICTURE)}"
    )


def test_it_says_what_the_results_have():
    found = load()["walkthrough"]["figures"]
    points, low, high, asked = (
        round(found[name]) for name in ("verdict_points", "low_points", "high_points", "asked_count")
    )
    assert f"by {points} points (95 % interval {low} to {high}, n = {asked} " in verdict_of(PICTURE)


def test_it_is_small_and_on_white_so_that_it_is_legible_in_the_dark():
    text = PICTURE.read_text(encoding="utf-8")
    assert len(text) < 60_000
    assert text.index('id="patch_1"') < text.index("fill: #ffffff") < text.index('id="axes_1"')
    assert "<dc:date>" not in text
