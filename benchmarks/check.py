"""Checking a training file, side by side in one run: ours, JSON Schema, and json.loads alone.

    pip install jsonschema fastjsonschema
    python -m benchmarks.check

All read the same file of chats with tool calls. `json.loads` is the floor: it decodes the lines and looks at
nothing. The schema is a small one of OpenAI's line written down here; it tells less than our check does, and lets most
broken lines through. Each figure is CPU time, the best of several
rounds in one process. Memory is the growth of the process over the imports, which must not depend
on the number of lines.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import results
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
    """Lines a CPU second, in the best round."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        assert run(path) == lines
        times.append(time.process_time() - started)
    return lines / min(times)


def main() -> None:
    """Write a file, let each read it, and record."""
    sizes = results.sizes(__doc__, lines=20_000)
    # Loaded here, so that their memory is not counted as anybody's growth.
    import fastjsonschema  # noqa: PLC0415
    import jsonschema  # noqa: PLC0415

    runs: dict[str, tuple[str, Callable[[Path], int]]] = {
        "json_loads": ("json.loads alone", by_json),
        "check": ("check", by_check),
        "jsonschema": ("jsonschema", by_schema(jsonschema.Draft202012Validator(SCHEMA).is_valid)),
        "fastjsonschema": ("fastjsonschema, compiled", by_schema(fastjsonschema.compile(SCHEMA))),
    }
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number in range(sizes.lines):
                file.write(json.dumps(a_line(number), ensure_ascii=False) + "\n")
        figures["line_kilobytes"] = path.stat().st_size / sizes.lines / 1000
        print(f"{sizes.lines:,} lines of {figures['line_kilobytes']:.1f} KB")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name, (told, run) in runs.items():
            speed = best(run, path, sizes.lines)
            figures[f"{name}_of_a_million_cpu_seconds"] = 1e6 / speed
            print(f"{told:26} {speed:10,.0f} lines/s {1e6 / speed:8.1f} s a million", flush=True)
            if run is by_check:
                grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
                figures["check_megabytes"] = grown
                print(f"{'':26} {grown:10.1f} MB more memory")
    results.record("check", figures, sizes, packages=("jsonschema", "fastjsonschema"))


if __name__ == "__main__":
    main()
