"""The library says what it said when `make golden` was last run."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.golden import GOLDEN, difference, golden

CHANGED = (
    "what the library says has changed: run `make golden`, read `git diff`, and commit it if that is meant"
)


@pytest.mark.slow
def test_every_case_says_what_the_golden_file_says():
    found, kept = golden(), GOLDEN.read_bytes().decode()
    if found != kept:
        pytest.fail(f"{CHANGED}\n{difference(found, kept)}", pytrace=False)


def test_a_change_is_shown_below_the_name_of_its_case():
    kept = "# head\n\n== a\nmessages[0] 1\nnote x\n\n== b\nmessages[0] 2\n"
    found = kept.replace("messages[0] 2", "messages[0] 3")
    assert difference(found, kept) == "== b\n-messages[0] 2\n+messages[0] 3"


def test_the_golden_file_is_small_and_tells_of_no_machine():
    kept = GOLDEN.read_bytes()
    assert len(kept) < 1_500_000
    assert b"/tmp/" not in kept
    assert b"raised RecursionError" not in kept


@pytest.mark.slow
def test_the_golden_file_does_not_depend_on_the_order_of_sets():
    found = []
    for seed in ("1", "2"):
        code = "import hashlib; from tests.support.golden import golden; print(hashlib.sha256(golden().encode()).hexdigest())"
        command, here = [sys.executable, "-c", code], GOLDEN.parents[3]
        done = subprocess.run(
            command,
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(done.stdout)
    assert found[0] == found[1]
