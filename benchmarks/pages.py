"""The figures of the pages, which are those of `results.json`: `python -m benchmarks.pages` writes them anew.

A figure in a sentence has its name behind it, in a comment that no reader sees:

    The walkthrough takes 255<!-- walkthrough.whole_cpu_seconds --> CPU seconds.

A table stands between two comments, `<!-- figures: intervals -->` and `<!-- end of figures -->`, and is one of `TABLES`.
The last word of a figure's name is its unit, and `told` alone says how it is rounded.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks import results

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FIGURE = re.compile(r"(?P<told>-?\d[\d.,]*)(?P<mark><!--\s(?P<name>\w+\.\w+)\s-->)")
BLOCK = re.compile(
    r"(?P<begin><!-- figures: (?P<name>\w+) -->\n)(?P<table>.*?)(?P<end><!-- end of figures -->)", re.DOTALL
)
TWO_DIGITS = "microseconds milliseconds seconds minutes hours days bytes kilobytes megabytes gigabytes times second dollars"
DIGITS = dict.fromkeys(TWO_DIGITS.split(), 2) | {"thousand": 3}
"""How many digits count, by unit. `second` and `thousand` are of what there is in one, as `runs_per_second`."""
PLACES = {"ratio": 2, "percent": 1, "points": 0, "count": 0}
"""How many stand behind the point, whatever the size."""


class NoSuchFigureError(ValueError):
    """A page names a figure that the results do not have, or a table that there is not."""


def told(name: str, value: float) -> str:
    """A figure as the pages tell it: `1,500` of 1512 bytes, `1.02` of a ratio, `37` of a count.

    Raises:
        NoSuchFigureError: The name does not end in a unit.
    """
    unit = name.rpartition("_")[2]
    if unit in PLACES:
        return f"{value:,.{PLACES[unit]}f}"
    if unit not in DIGITS:
        raise NoSuchFigureError(f"{name} ends in no unit: {', '.join([*DIGITS, *PLACES])}")
    if not value:
        return "0"
    power = math.floor(math.log10(abs(float(f"{value:.{DIGITS[unit] - 1}e}"))))
    places = DIGITS[unit] - 1 - power
    return f"{round(value, places):,.{max(places, 0)}f}"


def rewritten(text: str, found: Mapping[str, Any]) -> str:
    """A page with every figure as the results say it.

    Raises:
        NoSuchFigureError: It names a figure or a table that there is not.
    """
    figures = {
        f"{benchmark}.{name}": value
        for benchmark, part in found.items()
        for name, value in part["figures"].items()
    }

    def figure(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in figures:
            raise NoSuchFigureError(f"benchmarks/results.json has no figure {name}")
        return told(name, figures[name]) + match["mark"]

    def block(match: re.Match[str]) -> str:
        if match["name"] not in TABLES:
            raise NoSuchFigureError(f"benchmarks/pages.py has no table {match['name']}")
        lines = TABLES[match["name"]](found, figures)
        return "\n".join([match["begin"], *lines, "", match["end"]])

    return FIGURE.sub(figure, BLOCK.sub(block, text))


def wrong(page: str, text: str, found: Mapping[str, Any]) -> list[str]:
    """The lines of a page that say another figure than the results, each with its place and what they say.

    Raises:
        NoSuchFigureError: As for `rewritten`.
    """
    lines = zip_longest(text.splitlines(), rewritten(text, found).splitlines(), fillvalue="")
    return [
        f"{page}:{number} says\n  {line}\nwhere benchmarks/results.json says\n  {right}\nmake figures writes it there."
        for number, (line, right) in enumerate(lines, 1)
        if line != right
    ]


def rows(head: str, columns: tuple[str, ...], keys: Mapping[str, str]) -> Table:
    """A table of figures.

    Args:
        head: Its first line.
        columns: The name of each column's figure, `{}` being the key of the row.
        keys: The key of each row, under what its first cells say. A figure that there is not leaves its cell empty, and a
            row without any stays away.
    """

    def table(_: Mapping[str, Any], figures: Mapping[str, float]) -> list[str]:
        words = head.count("|") - 1 - len(columns)
        made = []
        for said, key in keys.items():
            names = [column.format(key) for column in columns]
            cells = [told(name, figures[name]) if name in figures else "" for name in names]
            if any(cells):
                made.append(f"| {said} | {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
        line = "|" + "---|" * words + "---:|" * len(columns)
        return [head, line, *made] if made else ["Not measured."]

    return table


def machines(found: Mapping[str, Any], _: Mapping[str, float]) -> list[str]:
    """When each benchmark ran last, on what."""
    lines = ["| Script | Date | Machine | Versions | CPU seconds |", "|---|---|---|---|---:|"]
    for name, part in found.items():
        versions = ", ".join(f"{package} {number}" for package, number in part["versions"].items())
        lines.append(
            f"| `{name}.py` | {part['date']} | {part['machine']} | {versions} | {part['cpu_seconds']:,} |"
        )
    return lines


Table = Callable[[Mapping[str, Any], Mapping[str, float]], list[str]]
_CASES = {
    "texts, 5 messages": "5_messages_texts_only",
    "3 messages, 1 tool": "3_messages_1_tool",
    "5 messages, 1 tool": "5_messages_1_tool",
    "21 messages, 8 tools": "21_messages_8_tools",
    "9 messages, 8 tools, 25 KB": "9_messages_8_tools_25_kb",
}
_TRAFFIC = {
    "one run every 40 seconds": "steady",
    "most of them about noon, over a month": "by_day",
    "twenty bursts of three seconds, in a month": "bursty",
    "all in five seconds": "all_in_five_seconds",
    "sparse, over a year": "sparse_over_a_year",
    "fifty moments, many runs at each": "same_start_times",
}
TABLES: dict[str, Table] = {
    "convert": rows(
        "| from | | langchain-community | drop-in | `examples_from_runs` | loop by hand (orjson) |",
        tuple(f"convert.{{}}_{way}_microseconds" for way in ("community", "drop_in", "bulk", "by_hand")),
        {
            f"{told_form} | {told_case}": f"{case}_{form}"
            for told_form, form in {
                "run objects": "objects",
                "parsed dicts": "dicts",
                "JSON text": "text",
            }.items()
            for told_case, case in _CASES.items()
        },
    ),
    "selecting": rows(
        "| Traffic | v1, requests a thousand runs (least: 10) | v2 (least: 1) | v2, runs in no order |",
        tuple(f"selecting.{{}}_{way}_per_thousand" for way in ("v1_newest", "v2_newest", "v2_unordered")),
        _TRAFFIC,
    ),
    "bulk": rows(
        "| | Runs a CPU second | Grows over the imports by, MB |",
        ("bulk.{}_runs_per_second", "bulk.{}_megabytes"),
        {
            "pyarrow reads the same columns and does nothing (the floor)": "floor",
            "`run_files(..., decode=False)`, no conversion": "reading",
            "`examples_from_runs` and `write_jsonl` after it": "ours",
            "the same as shards, one process": "one_process",
            "the same as shards, 2 processes: runs a second that passes": "two_processes",
            "pandas, `json.loads`, langchain-community (flat runs only; crashes on LangChain's own form)": "pandas",
        },
    ),
    "intervals": rows(
        "| conversations | answers in each | held, % |",
        ("intervals.{}_percent",),
        {
            "20 | 1 to 3": "20_conversations_1_to_3",
            "20 | 1 to 6": "20_conversations_1_to_6",
            "40 | 1": "40_conversations_1_to_1",
            "40 | 1 to 3": "40_conversations_1_to_3",
            "60 | 1 to 2": "60_conversations_1_to_2",
            "60 | 1 to 8": "60_conversations_1_to_8",
        },
    ),
    "killing": rows(
        "| how far the journal had come when the process was killed | kills |",
        ("killing.{}_count",),
        {
            "nothing written yet: reading, hashing, checking, pricing": "nothing",
            "intended: uploading, waiting for the file": "intended",
            "being created": "creating",
            "created, waited for": "created",
            "ended, about to be deployed; being deployed": "deploying",
            "deployed, waited for and called": "deployed",
            "together": "kills",
        },
    ),
    "gpu": rows(
        "| Qwen3 of 0.6 B weights, on a GPU | tokens a second | a bare TRL script | memory, GB | of the peak, % |",
        (
            "gpu.{}_tokens_per_second",
            "gpu.{}_bare_tokens_per_second",
            "gpu.{}_gigabytes",
            "gpu.{}_of_peak_percent",
        ),
        {"every weight": "whole", "LoRA": "lora"},
    ),
    "importing": rows(
        "| | CPU milliseconds |",
        ("importing.{}_milliseconds",),
        {
            "LangChain's messages and chat loaders": "langchain",
            "`import langsmith_finetune`": "langsmith_finetune",
            "`from langsmith_finetune import select_runs`": "select_runs",
            "`from langsmith_finetune import examples_from_runs`": "examples_from_runs",
            "`from langsmith_finetune import LangSmithRunChatLoader`": "langsmithrunchatloader",
            "`from langsmith_finetune import FineTuneJob`": "finetunejob",
        },
    ),
    "machines": machines,
}


def main() -> None:
    """Write the pages anew, and name those that changed."""
    found = results.load()
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        try:
            after = rewritten(before, found)
        except NoSuchFigureError as error:
            sys.exit(f"{page.relative_to(ROOT)}: {error}")
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
