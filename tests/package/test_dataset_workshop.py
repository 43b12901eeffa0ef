"""The dataset workshop, executed from top to bottom: what its texts promise, its cells show."""

from __future__ import annotations

import re

import nbformat
import pytest

from tests.support.run_notebook import run_notebook

USERS = ("ada", "bob", "chen", "dana", "emil", "fay", "gus", "hana")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder in which the notebook ran, and what it printed."""
    folder = tmp_path_factory.mktemp("workshop")
    return folder, run_notebook("dataset_workshop.ipynb", folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [
        "usable: yes 76, lost_at_source 1, failed 1",
        "skip_notes must be a list of names such as 'answer_cut_off', not\n'answer_cutoff': did you mean",
        "has\nnotes that skip_notes= names: answer_cut_off",
        "was posted without its parts, as wrap_gemini does",
        "75 examples of 78 runs",
        "fold_traces: 75 in, 62 out; 13 merged, 1 with untrained history",
        "assistant 0  In part 3",
        "6 runs are in this line",
        "drop_duplicates: 62 in, 57 out; 5 duplicate",
        "drop_duplicates: 57 in, 55 out; 2 near duplicate",
        "55 examples before, 54 after",
        "+ Please mail the state of order 10417 to <EMAIL_1>",
        'call: send_mail {"to":"<EMAIL_1>",',
        "redact: 54 in, 54 out; 8 redacted",
        "Ann Miller  is not in the examples",
        "redact: 54 in, 54 out; 5 redacted",
        "messages: the example is 935 tokens long,\nand may be 900.",
        "fit_length: 54 in, 53 out; 1 trimmed, 1 dropped",
        "5 conversations are on both sides",
        "0 conversations are on both sides",
        "train_validation_split: 53 in, 53 out\n",
        "openai       takes every line",
        "together     line_key 3, mixed_content 2",
        "bedrock      weight 1, system_place 1, tools 11, image 2",
        "45 lines, 45 after the fix, 0 out\nexamples for together: 45 lines, 0 with errors",
        "43 lines are left for your own machine",
        "trl: 44 lines, 2 with lost answers",
        "gemini: 43 lines, 4 with lost answers",
        "bedrock: 40 lines, 7 with lost answers",
        "exact: False - estimated",
        "3,599 tokens without the lines that have photos",
        "your machine: free",
        "45 lines, 39 after; the same: True",
        "no file, job or model has seen any of them",
    ],
)
def test_step_is_told(ran, step):
    assert step in ran[1]


@pytest.mark.slow
def test_each_host_has_a_price_or_says_that_it_has_none(ran):
    told = re.findall(r"^(\w+): (about \$[\d.]+|no price is known for it today)", ran[1], re.MULTILINE)
    assert [host for host, _ in told] == ["openai", "together", "fireworks", "nebius"]
    assert dict(told)["nebius"] == "no price is known for it today"


@pytest.mark.slow
def test_every_line_of_the_files_is_of_one_user(ran):
    rows = re.findall(r"^(\w+) +(train|validation)\.jsonl +(\d+)$", ran[1], re.MULTILINE)
    assert {user for user, _, _ in rows} <= set(USERS)
    totals = {
        side: sum(int(count) for _, of, count in rows if of == side) for side in ("train", "validation")
    }
    assert totals == {"train": 45, "validation": 8}


@pytest.mark.slow
def test_files_hold_no_value_that_was_redacted_and_no_line_of_ada(ran):
    from langsmith_finetune.ledger import Ledger

    folder = ran[0] / "runs" / "desk"
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.jsonl"))
    assert not re.search(r"@example|\+44|\+49|4111 1111|DE89 3704|AKIA|Ann Miller|Mei Chen", text)
    assert Ledger(folder).seen(user_ids=["ada"]).files == ()


@pytest.mark.slow
def test_every_cell_shows_something(ran):
    executed = nbformat.read(ran[0] / "runs" / "dataset_workshop.ipynb", as_version=4)
    silent = [cell.source for cell in executed.cells if cell.cell_type == "code" and not cell.outputs]
    assert silent == []
    shown = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert sum("text/html" in output.get("data", {}) for output in shown) >= 12
