"""Checking a training file, side by side in one run: ours, JSON Schema, and json.loads alone.

    pip install jsonschema fastjsonschema
    python benchmarks/check.py [--schema openai.json]

All read the same file of chats with tool calls. `json.loads` is the floor: it decodes the lines and looks at
nothing. The schema is a small one of OpenAI's line written down here, or OpenAI's published one from the file
given; it tells less than our check does, and lets most broken lines through. Each figure is the best of several
rounds in one process on one core. Memory is the growth of the process over the imports, which must not depend
on the number of lines.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langsmith_finetune.targets.checking import check

ROUNDS = 3

_TEXT = {"type": "string"}
_CALL = {
    "type": "object",
    "required": ["id", "type", "function"],
    "properties": {
        "id": _TEXT,
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "required": ["name", "arguments"],
            "properties": {"name": _TEXT, "arguments": _TEXT},
        },
    },
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["messages"],
    "additionalProperties": False,
    "properties": {
        "messages": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["role"],
                "properties": {
                    "role": {"enum": ["system", "user", "assistant", "tool"]},
                    "content": {"type": ["string", "array", "null"]},
                    "tool_calls": {"type": "array", "items": _CALL},
                    "weight": {"enum": [0, 1]},
                },
            },
        },
        "tools": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "function"],
                "properties": {"function": {"type": "object", "required": ["name"]}},
            },
        },
        "parallel_tool_calls": {"type": "boolean"},
    },
}


def a_line(number: int) -> dict[str, Any]:
    """A chat of about 1.5 KB with a tool call in its middle."""
    function = {"name": "find_order", "arguments": json.dumps({"order": f"A-{number}"})}
    parameters = {"type": "object", "properties": {"order": {"type": "string"}}}
    return {
        "messages": [
            {"role": "system", "content": "You help with orders. Be brief and polite. " * 5},
            {"role": "user", "content": f"Where is my order A-{number}? 你好 " * 8},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
            },
            {"role": "tool", "content": json.dumps({"status": "sent"}), "tool_call_id": "call_1"},
            {"role": "assistant", "content": "It is on its way and arrives tomorrow. " * 8},
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "find_order",
                    "description": "Look up an order by its number.",
                    "parameters": parameters,
                },
            }
        ],
    }


def by_check(path: Path) -> int:
    """Ours."""
    report = check(path, "openai")
    assert report.ok
    return report.lines


def by_json(path: Path) -> int:
    """The floor."""
    with path.open("rb") as file:
        return sum(1 for line in file if json.loads(line))


def by_schema(is_valid: Callable[[Any], object]) -> Callable[[Path], int]:
    """Decoding and a schema."""

    def run(path: Path) -> int:
        with path.open("rb") as file:
            return sum(1 for line in file if is_valid(json.loads(line)))

    return run


def best(run: Callable[[Path], int], path: Path, lines: int) -> float:
    """Lines a second, in the best round."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        assert run(path) == lines
        times.append(time.perf_counter() - started)
    return lines / min(times)


def main() -> None:
    """Write a file, and let each read it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--schema", type=Path, help="an OpenAPI description with FineTuneChatRequestInput")
    options = parser.parse_args()
    # Loaded here, so that their memory is not counted as anybody's growth.
    import fastjsonschema  # noqa: PLC0415
    import jsonschema  # noqa: PLC0415

    schema = SCHEMA
    if options.schema:
        described = json.loads(options.schema.read_text(encoding="utf-8"))
        schema = described | {"$ref": "#/components/schemas/FineTuneChatRequestInput"}
    runs: dict[str, Callable[[Path], int]] = {
        "json.loads alone": by_json,
        "check": by_check,
        "jsonschema": by_schema(jsonschema.Draft202012Validator(schema).is_valid),
    }
    if not options.schema:  # OpenAI's is beyond it
        runs["fastjsonschema, compiled"] = by_schema(fastjsonschema.compile(schema))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(options.lines):
                file.write(json.dumps(a_line(number), ensure_ascii=False) + "\n")
        size = path.stat().st_size / options.lines
        print(f"{options.lines:,} lines of {size:,.0f} bytes, Python {sys.version.split()[0]}")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name, run in runs.items():
            speed = best(run, path, options.lines)
            print(f"{name:26} {speed:10,.0f} lines/s {1e6 / speed:8.1f} s a million")
            if run is by_check:
                grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
                print(f"{'':26} {grown:10,} KiB more memory")


if __name__ == "__main__":
    main()
