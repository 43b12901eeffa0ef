"""Runs to training lines, side by side in one run: ours, langchain-community, and a loop written by hand.

    pip install langchain-community orjson
    python benchmarks/convert.py

All read the same captured runs in the one form that langchain-community reads: LangChain's, flat; texts with longer
and longer histories, and runs with tools (`tool_runs.py`). langchain-community leaves the tools and the calls out.
The loop by hand knows this form and nothing else, and checks nothing; it is what speed costs in generality. Each
figure is CPU time, the median of rounds in which all take turns. Memory is the growth of the process over the imports.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import sys
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from langsmith.schemas import Run
from tool_runs import CASES, runs_of

from langsmith_finetune import (
    LangSmithRunChatLoader,
    convert_messages_for_finetuning,
    examples_from_runs,
)
from langsmith_finetune._foundation.line_bytes import line_json

CAPTURED = Path(__file__).parents[1] / "tests" / "data" / "wire" / "lc_plain.json"


def a_run(number: int, turns: int) -> dict[str, Any]:
    """A run of about 4 KB: a captured one, made flat, with a history of its own messages."""
    run = json.loads(_CAPTURED)
    system, human = run["inputs"]["messages"][0]
    generation = run["outputs"]["generations"][0][0]
    answer = generation["message"]
    history = [system]
    for turn in range(turns):
        question = {**human["kwargs"], "content": f"Question {number}.{turn}: where is my order, 你好? " * 6}
        said = {**answer["kwargs"], "content": f"Order {number}.{turn} {answer['kwargs']['content']}"}
        history += [{**human, "kwargs": question}, {**answer, "kwargs": said}]
    run["id"] = run["trace_id"] = str(uuid.UUID(int=number))
    run["inputs"] = {"messages": history[:-1]}
    run["outputs"] = {**run["outputs"], "generations": [generation]}
    return run


_CAPTURED = json.dumps(json.loads(CAPTURED.read_text(encoding="utf-8"))["cases"][0]["run"])
_ROLES = {"HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system", "ToolMessage": "tool"}


def by_hand(runs: list[Any]) -> Iterator[bytes]:
    """The shortest loop that turns this one form into lines."""
    import orjson  # noqa: PLC0415

    for found in runs:
        run = orjson.loads(found) if isinstance(found, bytes) else found
        messages = [*run["inputs"]["messages"], run["outputs"]["generations"][0]["message"]]
        line: dict[str, Any] = {"messages": [_by_hand(m["id"][-1], m["kwargs"]) for m in messages]}
        if tools := run["extra"]["invocation_params"].get("tools"):
            line["tools"] = tools
        yield orjson.dumps(line)


def _by_hand(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    message = {"role": _ROLES[kind], "content": fields["content"]}
    if calls := fields.get("tool_calls"):
        message["tool_calls"] = [
            {
                "id": c["id"],
                "type": "function",
                "function": {"name": c["name"], "arguments": _compact(c["args"])},
            }
            for c in calls
        ]
    if kind == "ToolMessage":
        message["tool_call_id"] = fields["tool_call_id"]
    return message


def _compact(arguments: dict[str, Any]) -> str:
    import orjson  # noqa: PLC0415

    return orjson.dumps(arguments).decode()


def community(runs: list[Any]) -> Iterator[str]:
    """The ancestor: loader, adapter, and the tutorial's json.dumps."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_community.adapters.openai import (  # noqa: PLC0415
            convert_messages_for_finetuning as convert,
        )
        from langchain_community.chat_loaders.langsmith import (  # noqa: PLC0415
            LangSmithRunChatLoader as Loader,
        )

        for dialog in convert(Loader(runs=runs, client=object()).lazy_load()):  # type: ignore[arg-type]
            yield json.dumps({"messages": dialog})


def community_from_text(texts: list[bytes]) -> Iterator[str]:
    """The same from JSON text, which must be parsed and made into Run objects first."""
    yield from community([Run(**json.loads(text)) for text in texts])


def drop_in(runs: list[Any]) -> Iterator[str]:
    """The same lines of the tutorial, with our two imports."""
    for dialog in convert_messages_for_finetuning(LangSmithRunChatLoader(runs=runs).lazy_load()):
        yield json.dumps({"messages": dialog})


def bulk(runs: list[Any]) -> Iterator[bytes]:
    """Our way for many runs, and the bytes that write_jsonl writes."""
    for example in examples_from_runs(runs):
        yield example.to_json()


def bulk_lines(runs: list[Any]) -> Iterator[bytes]:
    """The same where somebody looks at each line: it is a dict, with tools of its own, before it is written."""
    for example in examples_from_runs(runs):
        yield line_json(example.line)


def microseconds(ways: dict[str, tuple[Work, list[Any]]], rounds: int) -> dict[str, float]:
    """CPU time of one run by each way: the median of rounds in which they take turns."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, runs) in ways.items():
            gc.collect()
            started = time.process_time()
            done = sum(1 for _ in work(runs))
            taken[name].append((time.process_time() - started) / len(runs) * 1e6)
            assert done == len(runs), f"{name} made {done} lines of {len(runs)} runs"
    return {name: statistics.median(found) for name, found in taken.items()}


Work = Callable[[list[Any]], Iterator[Any]]


def flat(run: dict[str, Any]) -> dict[str, Any]:
    """A run of LangChain's without the lists of batches, as langchain-community reads it."""
    inputs, outputs = run["inputs"], run["outputs"]
    return {
        **run,
        "inputs": {"messages": inputs["messages"][0]},
        "outputs": {**outputs, "generations": outputs["generations"][0]},
    }


def compare(title: str, made: list[dict[str, Any]], rounds: int) -> None:
    """Convert some runs in every way, and print what each takes."""
    dicts = json.loads(json.dumps(made))  # in one go, as from a page of the API
    texts = [json.dumps(run, separators=(",", ":"), ensure_ascii=False).encode() for run in dicts]
    objects = [Run(**run) for run in json.loads(json.dumps(made))]
    ways: dict[str, tuple[Work, list[Any]]] = {
        "community (Run objects)": (community, objects),
        "drop-in (Run objects)": (drop_in, objects),
        "drop-in (dicts)": (drop_in, dicts),
        "bulk (dicts)": (bulk, dicts),
        "bulk, lines (dicts)": (bulk_lines, dicts),
        "by hand, orjson (dicts)": (by_hand, dicts),
        "community (JSON text)": (community_from_text, texts),
        "bulk (JSON text)": (bulk, texts),
        "bulk, lines (JSON text)": (bulk_lines, texts),
        "by hand, orjson (JSON text)": (by_hand, texts),
    }
    print(f"\n{title}, {sum(map(len, texts)) / len(texts) / 1000:.1f} KB each")
    print(f"  {'':<27} {'us a run':>9} {'runs/s':>9}   x community   x by hand")
    found = microseconds(ways, rounds)
    for name, time_of_one in found.items():
        source = "(JSON text)" if "JSON" in name else "(Run objects)"
        base = found[f"community {source}"]
        hand = found["by hand, orjson (JSON text)" if "JSON" in name else "by hand, orjson (dicts)"]
        print(
            f"  {name:<27} {time_of_one:>9.1f} {1e6 / time_of_one:>9,.0f}   {base / time_of_one:>11.1f}"
            f"   {hand / time_of_one:>9.2f}"
        )


def peak_megabytes() -> float:
    """The most memory the process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def stream(count: int) -> None:
    """Convert so many runs with tools as their text comes in, and print what memory that took."""
    texts = [json.dumps(flat(run)).encode() for run in runs_of("LangChain", "5 messages, 1 tool", 1000)]
    list(bulk(texts[:1]))
    before = peak_megabytes()
    started = time.perf_counter()
    done = sum(1 for _ in bulk(texts[number % 1000] for number in range(count)))  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    print(f"{done:,} runs streamed in {seconds:.0f} s, {peak_megabytes() - before:.1f} MB over the first")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--stream", type=int, default=0, help="stream so many runs and say what memory it took"
    )
    options = parser.parse_args()
    if options.stream:
        stream(options.stream)
        return
    warnings.filterwarnings("ignore", message=".*carry tool definitions")
    for turns in (1, 2, 10):
        made = [a_run(number, turns) for number in range(options.runs)]
        compare(f"{2 * turns + 1} messages, texts only", made, options.rounds)
    for case in CASES:
        compare(case, [flat(run) for run in runs_of("LangChain", case, options.runs)], options.rounds)


if __name__ == "__main__":
    main()
