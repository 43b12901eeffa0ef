"""Every measured figure of the README and the documentation is one of benchmarks/results.json, and each says the same."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from argparse import Namespace

import pytest

from benchmarks import pages, results, walkthrough
from tests.support.paths import ROOT

BENCHMARKS = ROOT / "benchmarks"
RESULTS = results.load()
USUAL = Namespace(usual=True)


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("page", pages.PAGES, ids=names(pages.PAGES))
def test_a_page_says_what_was_measured(page):
    wrong = pages.wrong(names([page])[0], page.read_text(encoding="utf-8"), RESULTS)
    assert wrong == [], "\n".join(wrong)


# What looks measured: an amount of time, memory or money, a ratio, a speed. A binding behind it, or a table between two
# comments, takes it away; so do code and what is shown of its output.
NUMBER = r"(?:\d[\d.,]*|half an?|a third|two|three|four|five|six|seven|eight|nine|ten|forty)"
UNIT = (
    r"(?:µs|ms|s|h|min|x|×|%|percent|[kKMGT]i?B|bytes|points|(?:CPU |core[- ])?(?:milli|micro)?(?:second|minute|hour)s?"
    r"|(?:runs|lines|examples|tokens|requests|answers) (?:a|per) (?:second|minute)|times (?:as|the|faster|slower|longer))"
)
MEASURED = re.compile(rf"(?<![\w.$/-]){NUMBER}[ -]?{UNIT}(?![\w/=])")
A_95_PERCENT_INTERVAL = re.compile(r"\b9[59] % interval")

NOT_MEASURED = {
    "limits that hosts publish, which tests/providers/test_rules.py compares with the code": [
        ("docs/checking.md", "10 or more, 8 GB"), ("docs/checking.md", "10 or more, 512 MB"),
        ("docs/checking.md", "1 or more, 50 GB"), ("docs/checking.md", "1 or more, 5 GB"),
        ("docs/checking.md", "1 or more, 3 GB"), ("docs/checking.md", "1 to 1,000,000, 1 GB"),
        ("docs/providers.md", "| 10 | 8 GB |"), ("docs/providers.md", "| 10 | 512 MB |"),
        ("docs/providers.md", "| 1 | 5 GB |"), ("docs/providers.md", "| 1 | 3 GB |"), ("docs/providers.md", "| 1 | 50 GB |"),
    ],
    "what LangSmith and others say of themselves": [
        ("README.md", "is about 200 MB"),
        ("README.md", "Qwen3-0.6B comes from the Hugging Face Hub, 1.2 GB or more"),
        ("docs/scaling.md", "15 run queries in 10 seconds"), ("docs/scaling.md", "stay within 8 MB"),
        ("docs/scaling.md", "within 72 hours an export"), ("docs/selecting.md", "the last 24 hours"),
        ("docs/selecting.md", "stays within 8 MB"), ("docs/selecting.md", "in any 10 seconds"),
    ],
    "arithmetic, from what stands beside it": [
        ("docs/hardware.md", "|---|---:|---:|---:|---:|---:|"), ("docs/hardware.md", "two moments in float32 | 16 |"), ("docs/hardware.md", "all four in it | 8 |"),
        ("docs/hardware.md", "the adapter beside it | 2 |"), ("docs/hardware.md", "QLoRA: frozen in 4 bits"),
        ("docs/hardware.md", "two bytes a weight"), ("docs/hardware.md", "12 bytes a trained weight"),
        ("docs/local.md", "below 0.4 % of a weight"),
        ("docs/scaling.md", "at 150 runs a second"), ("docs/selecting.md", "up to 150 runs a second"),
        ("docs/scaling.md", "at 20 KB, where the connection carries 12 MB a second"),
        ("docs/scaling.md", "1 KB a run, compressed"), ("docs/scaling.md", "ten machines, in 20 minutes"),
    ],
    "settings and sizes that the code has": [
        ("docs/checking.md", "10 of 10 MB"), ("docs/counting.md", "a token for each 4 bytes"),
        ("docs/counting.md", "The estimate of 4 bytes a token"), ("docs/counting.md", "at most 3 percent too low"),
        ("docs/dataset.md", "have 90 % in common"), ("docs/files.md", "more than 256 MB"),
        ("docs/jobs.md", "ten minutes after it was asked for"), ("docs/jobs.md", "silent for six hours"),
        ("docs/local.md", "every five minutes"), ("docs/selecting.md", "the last five minutes"),
        ("docs/reliability.md", "with 7 seconds"), ("docs/reliability.md", "590 seconds"),
        ("docs/reliability.md", "it is returned to; waited for, for ten minutes"), ("docs/reliability.md", "64 MiB"),
        ("docs/reliability.md", "more than ten minutes after its creation"),
    ],
    "what a picture tells, which tests/package/test_verdict_picture.py compares with the results": [
        ("README.md", "](docs/verdict.svg)"), ("docs/index.md", "](verdict.svg)"),
    ],
    "what a reader asks for": [
        ("docs/evaluation.md", "would show 10 points"), ("docs/evaluation.md", "lies above 5 points"),
        ("docs/migrating.md", "# From langchain-community in five minutes"),
        ("docs/write_a_provider.md", "in about ten seconds"),
    ],
}  # fmt: skip
"""What is no figure of ours, by the reason: pages, and words of the line."""


def without_bound(text):
    """A page without what is bound to the results, and without code, line by line as it was."""

    def blank(found):
        return "\n" * found[0].count("\n")

    text = pages.BLOCK.sub(blank, text)
    text = re.sub(r"^```.*?^```", blank, text, flags=re.DOTALL | re.MULTILINE)
    return A_95_PERCENT_INTERVAL.sub("", re.sub(r"`[^`\n]*`", "", pages.FIGURE.sub("", text)))


def looks_measured(page):
    """The lines with something in them that looks measured and is not bound: number, what it is, the line as it stands."""
    text = page.read_text(encoding="utf-8")
    lines = zip(without_bound(text).splitlines(), text.splitlines(), strict=True)
    return [
        (number, found[0], line)
        for number, (rest, line) in enumerate(lines, 1)
        if (found := MEASURED.search(rest)) or (found := re.search(r"---:", rest))
    ]


@pytest.mark.parametrize("page", pages.PAGES, ids=names(pages.PAGES))
def test_a_page_has_no_figure_that_is_bound_to_nothing(page):
    [name] = names([page])
    known = [words for of in NOT_MEASURED.values() for place, words in of if place == name]
    unbound = [
        f"{name}:{number}: {what!r} is no figure of benchmarks/results.json. Bind it, as benchmarks/pages.py says, or name "
        "the reason in NOT_MEASURED"
        for number, what, line in looks_measured(page)
        if not any(words in line for words in known)
    ]
    assert unbound == [], "\n".join(unbound)


def test_what_is_said_to_be_no_figure_of_ours_still_stands_there():
    for of in NOT_MEASURED.values():
        for place, words in of:
            assert any(words in line for _, _, line in looks_measured(ROOT / place)), (place, words)


@pytest.mark.parametrize(
    "text",
    [
        "takes some 255 CPU seconds", "140 MB on disk", "signatures about forty times as fast", "about half a minute",
        "1.02 times the CPU time", "30,000 runs a second", "costs 1 to 50 microseconds more", "an accuracy of 85 %",
        "better by 85 points", "two to four times as long", "107 s from", "3.5x", "**21 ms**", "| a | 18 KB |",
        "33 seconds on one core", "ten core-hours",
    ],
)  # fmt: skip
def test_what_looks_measured_is_seen(text):
    assert MEASURED.search(without_bound(text))


@pytest.mark.parametrize(
    "text",
    [
        "twenty runs", "version 2.13", "a 95 % interval", "takes 255<!-- walkthrough.whole_cpu_seconds --> CPU seconds",
        "```\n30 MB\n```", "`--limit 10 MB`", "asked four times", "<!-- figures: bulk -->\n| 30 MB |\n<!-- end of figures -->",
    ],
)  # fmt: skip
def test_what_is_bound_or_not_measured_is_let_through(text):
    assert not MEASURED.search(without_bound(text))


FOUND = {"a": {"figures": {"whole_cpu_seconds": 254.6, "held_percent": 96.44, "x_ratio": 1.0}}}


def test_a_page_that_says_another_number_is_named_with_its_line_and_what_was_measured():
    text = "# Title\n\nIt takes 240<!-- a.whole_cpu_seconds --> CPU seconds, and holds 96.4<!-- a.held_percent --> %.\n"
    assert pages.wrong("docs/x.md", text, FOUND) == [
        "docs/x.md:3 says\n"
        "  It takes 240<!-- a.whole_cpu_seconds --> CPU seconds, and holds 96.4<!-- a.held_percent --> %.\n"
        "where benchmarks/results.json says\n"
        "  It takes 250<!-- a.whole_cpu_seconds --> CPU seconds, and holds 96.4<!-- a.held_percent --> %.\n"
        "make figures writes it there."
    ]
    assert pages.wrong("docs/x.md", pages.rewritten(text, FOUND), FOUND) == []


def test_a_table_is_written_anew_and_a_figure_that_was_not_measured_leaves_its_cell_empty(monkeypatch):
    table = pages.rows(
        "| | s | % |", ("a.{}_cpu_seconds", "a.{}_percent"), {"one": "whole", "two": "held", "no": "x"}
    )
    monkeypatch.setitem(pages.TABLES, "mine", table)
    text = "before\n<!-- figures: mine -->\nold\n<!-- end of figures -->\nafter\n"
    written = pages.rewritten(text, FOUND)
    assert written == (
        "before\n<!-- figures: mine -->\n\n"
        "| | s | % |\n|---|---:|---:|\n| one | 250 | |\n| two | | 96.4 |\n"
        "\n<!-- end of figures -->\nafter\n"
    )
    assert pages.rewritten(written, FOUND) == written
    assert pages.wrong("x.md", written.replace("250", "251"), FOUND)[0].startswith(
        "x.md:6 says\n  | one | 251 | |\n"
    )
    assert "Not measured." in pages.rewritten(text, {})


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("cpu_seconds", 254.6, "250"), ("cpu_seconds", 9.96, "10"), ("times", 2.0, "2.0"), ("times", 0.847, "0.85"),
        ("runs_per_second", 30_412, "30,000"), ("per_thousand", 10.83, "10.8"), ("per_thousand", 1.2, "1.20"),
        ("cpu_ratio", 1.0, "1.00"), ("held_percent", 96.4, "96.4"), ("verdict_points", 85, "85"),
        ("kills_count", 1216, "1,216"), ("grown_megabytes", 0, "0"),
    ],
)  # fmt: skip
def test_a_figure_is_rounded_by_its_unit(name, value, text):
    assert pages.told(name, value) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("3<!-- a.gone_count -->", "benchmarks/results.json has no figure a.gone_count"),
        ("<!-- figures: gone -->\n<!-- end of figures -->", "benchmarks/pages.py has no table gone"),
    ],
)
def test_a_figure_or_table_that_there_is_not_is_named(text, said):
    with pytest.raises(pages.NoSuchFigureError) as caught:
        pages.rewritten(text, FOUND)
    assert str(caught.value) == said


def test_a_figure_without_a_unit_is_named():
    with pytest.raises(pages.NoSuchFigureError) as caught:
        pages.told("speed", 1.0)
    assert str(caught.value).startswith("speed ends in no unit: microseconds, ")


def test_every_figure_of_the_results_ends_in_a_unit():
    for part in RESULTS.values():
        assert all(pages.told(name, value) for name, value in part["figures"].items())


def test_a_benchmark_writes_its_part_and_leaves_the_others(tmp_path):
    path = tmp_path / "results.json"
    results.record("one", {"a_seconds": 1 / 3}, USUAL, path=path)
    results.record("two", {"b_seconds": 2}, USUAL, packages=("langsmith",), path=path)
    results.record("one", {"c_seconds": 123_456}, USUAL, path=path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["one"]["figures"] == {"c_seconds": 123_500}
    assert found["two"]["figures"] == {"b_seconds": 2}
    assert set(found["two"]["versions"]) == {"python", "langsmith-finetune", "langsmith"}
    assert " cores of " in found["two"]["machine"]
    assert list(tmp_path.iterdir()) == [path]


def test_other_sizes_than_the_usual_ones_are_not_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["convert.py", "--runs", "5"])
    sizes = results.sizes("What it does.", runs=500, rounds=5)
    assert (sizes.runs, sizes.rounds, sizes.usual) == (5, 5, False)
    results.record("convert", {"a_seconds": 1}, sizes, path=tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []
    assert (
        capsys.readouterr().out == "\nNot recorded: the figures of the pages are those of the usual sizes.\n"
    )


VERDICT = (
    "calls_match: 10.0 % (n = 20 answers in 20 conversations)\n"
    "calls_match: after is better than before by 75 points (95 % interval 50 to 90, n = 20 answers in 20 conversations)\n"
)


def test_the_verdict_of_the_walkthrough_is_taken_from_its_last_line():
    assert walkthrough.figures_of(VERDICT) == {
        "verdict_points": 75, "low_points": 50, "high_points": 90,
        "asked_count": 20, "right_before_count": 2, "right_after_count": 17,
    }  # fmt: skip


def test_a_walkthrough_that_ends_otherwise_is_no_figure():
    with pytest.raises(ValueError) as caught:
        walkthrough.figures_of("no difference can be shown\n")
    assert (
        str(caught.value) == "the walkthrough ends otherwise than the pages tell: no difference can be shown"
    )


def scripts():
    return {
        path.stem for path in BENCHMARKS.glob("*.py") if "results.record(" in path.read_text(encoding="utf-8")
    }


def test_every_script_is_in_the_table_and_in_make_bench_or_says_why_not():
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)\.py` \|", pages.BLOCK.sub("", page), re.MULTILINE))
    (bench,) = re.findall(r"^bench: ONLY := ([\w ]+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert named == scripts() == {*bench.split(), "gpu"}
    assert re.search(r"^\| `gpu\.py` \|.*`make bench` does not ask for", page, re.MULTILINE)
    assert scripts() - {"gpu"} <= set(RESULTS) <= scripts()


SMALL = {
    "convert": "--runs 3 --rounds 1 --stream 5",
    "check": "--lines 20",
    "dataset": "--examples 60",
    "intervals": "--comparisons 2",
    "selecting": "--few 20 --many 20",
    "bulk": "--runs 40 --files 2 --rounds 1",
    "importing": "--rounds 1",
    "local": "--rounds 1",
    "gpu": "--small 1",
    "killing": "--rounds 1",
}
"""A size of each that has one. The walkthrough is run by its own test; `disk` and `tables` only add up."""


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_benchmark_runs(name):
    if name == "dataset":
        pytest.importorskip("datasketch", reason="make bench installs it")
    before = results.RESULTS.read_bytes()
    command = [sys.executable, "-m", f"benchmarks.{name}", *SMALL[name].split()]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert results.RESULTS.read_bytes() == before


def test_each_script_that_has_a_size_is_run_by_the_tests():
    assert set(SMALL) == scripts() - {"walkthrough", "disk", "tables"}
