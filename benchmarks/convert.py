"""Runs to training lines, side by side in one run: ours, langchain-community, and a loop written by hand.

    pip install langchain-community orjson
    python benchmarks/convert.py

All read the same captured run in the one form that langchain-community reads: LangChain's, flat, without
tool calls; with longer and longer histories.
The loop by hand knows that form and nothing else; it is what speed costs in generality. Each figure is the
best of several rounds in one process on one core. Memory is the growth of the process over the imports.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from langsmith.schemas import Run

from langsmith_finetune import (
    LangSmithRunChatLoader,
    convert_messages_for_finetuning,
    examples_from_runs,
)
from langsmith_finetune.shapes.canonical import line_json

ROUNDS = 5


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
_ROLES = {"HumanMessage": "user", "AIMessage": "assistant", "SystemMessage": "system"}


def by_hand(runs: list[Any]) -> Iterator[bytes]:
    """The shortest loop that turns this one form into lines."""
    import orjson  # noqa: PLC0415

    for found in runs:
        run = orjson.loads(found) if isinstance(found, bytes) else found
        messages = [*run["inputs"]["messages"], run["outputs"]["generations"][0]["message"]]
        line = [{"role": _ROLES[m["id"][-1]], "content": m["kwargs"]["content"]} for m in messages]
        yield orjson.dumps({"messages": line})


def community(runs: list[Any]) -> Iterator[str]:
    """The ancestor: loader, adapter, and the tutorial's json.dumps."""
    import warnings  # noqa: PLC0415

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
        yield line_json(example.line)


def runs_per_second(work: Callable[[list[Any]], Iterator[Any]], runs: list[Any]) -> float:
    """The best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()  # others may use the machine too
        done = sum(1 for _ in work(runs))
        best = min(best, time.process_time() - started)
        assert done == len(runs), f"{work.__name__} made {done} lines of {len(runs)} runs"
    return len(runs) / best


def peak_megabytes() -> float:
    """The most memory the process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def stream(count: int) -> None:
    """Convert a million runs that are made as they are read, and print what memory that took."""
    before = peak_megabytes()
    started = time.perf_counter()
    done = sum(1 for _ in bulk(a_run(number % 1000, 2) for number in range(count)))  # type: ignore[arg-type]
    seconds = time.perf_counter() - started
    print(f"{done:,} runs streamed in {seconds:.0f} s, {peak_megabytes() - before:.1f} MB over the import")


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument(
        "--stream", type=int, default=0, help="stream so many runs and say what memory it took"
    )
    options = parser.parse_args()
    if options.stream:
        stream(options.stream)
        return
    for turns in (1, 2, 10):
        made = [a_run(number, turns) for number in range(options.runs)]
        dicts = json.loads(json.dumps(made))  # in one go, as from a page of the API
        objects = [Run(**run) for run in dicts]
        texts = [json.dumps(run, separators=(",", ":")).encode() for run in dicts]
        size = sum(map(len, texts)) / len(texts) / 1000
        print(f"\n{2 * turns + 1} messages a run, {size:.1f} KB each: runs per second")
        base = runs_per_second(community, objects)
        hand = runs_per_second(by_hand, dicts)
        for name, speed in (
            ("langchain-community", base),
            ("drop-in (Run objects)", runs_per_second(drop_in, objects)),
            ("bulk (dicts)", runs_per_second(bulk, dicts)),
            ("by hand, orjson (dicts)", hand),
            ("community (JSON text)", runs_per_second(community_from_text, texts)),
            ("bulk (JSON text)", runs_per_second(bulk, texts)),
            ("by hand, orjson (JSON text)", runs_per_second(by_hand, texts)),
        ):
            print(
                f"  {name:<27} {speed:>9,.0f}   {speed / base:>5.1f} x community   {speed / hand:>5.2f} x by hand"
            )


if __name__ == "__main__":
    main()
