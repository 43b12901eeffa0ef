"""Folding and near duplicates, side by side in one run with what one would write by hand.

    pip install rensa datasketch psutil
    python benchmarks/dataset.py

Each figure is one process on one core, the best of several rounds; how many examples are
left is told beside it: MinHash estimates, and drop_duplicates asks that questions and answers each be alike. Memory is
what the process grows by.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from langsmith_finetune import TrainingExample
from langsmith_finetune.dataset.dedupe import DuplicateIndex, drop_duplicates
from langsmith_finetune.dataset.fold import fold_traces
from langsmith_finetune.runs import RunSource

ROUNDS = 3


def agents(traces: int, calls: int) -> list[TrainingExample]:
    """Agents of so many calls, each a little longer than the one before; shuffled, as LangSmith gives runs."""
    found = []
    for trace in range(traces):
        messages: list[Any] = [
            {"role": "system", "content": f"You are agent {trace}. " * 40},
            {"role": "user", "content": "Find my order, please. " * 10},
        ]
        for number in range(calls):
            call = {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a":1}'},
            }
            messages = [*messages, {"role": "assistant", "content": None, "tool_calls": [call]}]
            source = RunSource(run_id=f"{trace}.{number}", trace_id=f"{trace}")
            # Read from a file or an answer, two calls share no objects.
            found.append(TrainingExample(line=json.loads(json.dumps({"messages": messages})), source=source))
            answer = {"role": "tool", "tool_call_id": f"call_{number}", "content": f"order {number} " * 30}
            messages = [*messages, answer]
    random.Random(1).shuffle(found)  # noqa: S311 - no secret
    return found


def fold_by_hand(examples: list[TrainingExample]) -> int:
    """Group by trace, and compare each list of messages with all longer ones."""
    traces: dict[str, list[Any]] = {}
    for example in examples:
        if example.source is not None:
            traces.setdefault(example.source.trace_id or "", []).append(example.line["messages"])
    return sum(
        not any(len(one) < len(other) and other[: len(one)] == one for other in lists)
        for lists in traces.values()
        for one in lists
    )


def chats(count: int, words: int) -> list[TrainingExample]:
    """Questions and answers; every tenth is an earlier one with one word in fifty changed."""
    chance = random.Random(1)  # noqa: S311 - no secret
    found: list[TrainingExample] = []
    for number in range(count):
        if number % 10 == 9:
            texts = [m["content"] for m in chance.choice(found).line["messages"]]
            texts = [
                " ".join("new" if chance.random() < 0.02 else word for word in str(text).split())
                for text in texts
            ]
        else:
            texts = [" ".join(f"w{chance.randrange(20_000)}" for _ in range(words)) for _ in range(2)]
        found.append(
            TrainingExample(
                line={
                    "messages": [
                        {"role": "user", "content": texts[0]},
                        {"role": "assistant", "content": texts[1]},
                    ]
                },
                source=RunSource(run_id=f"{number}"),
            )
        )
    return found


def triples(example: TrainingExample) -> set[str]:
    """What both alternatives compare: the triples of words of all that was said."""
    words = " ".join(str(message["content"]) for message in example.line["messages"]).split()
    return {" ".join(words[at : at + 3]) for at in range(len(words) - 2)}


def by_comparing_all(examples: list[TrainingExample]) -> int:
    """Each with each, exactly."""
    kept: list[set[str]] = []
    for example in examples:
        one = triples(example)
        if not any(len(one & other) >= 0.8 * len(one | other) for other in kept):
            kept.append(one)
    return len(kept)


def with_datasketch(examples: list[TrainingExample]) -> int:
    """The older library of the two."""
    from datasketch import MinHash, MinHashLSH  # noqa: PLC0415

    bands, kept = MinHashLSH(threshold=0.8, num_perm=128), 0
    for example in examples:
        signature = MinHash(num_perm=128, seed=1)
        signature.update_batch([triple.encode() for triple in triples(example)])
        if not bands.query(signature):
            bands.insert(str(kept), signature)
            kept += 1
    return kept


def ours(examples: list[TrainingExample]) -> int:
    """In one pass."""
    return sum(1 for _ in drop_duplicates(examples, similarity=0.8, keep="first"))


def measured(work: Callable[[Any], int], examples: list[TrainingExample]) -> tuple[float, int]:
    """Examples per second, the best of several rounds, and what came out."""
    best, done = float("inf"), 0
    for _ in range(ROUNDS):
        gc.collect()
        started = time.perf_counter()
        done = work(examples)
        best = min(best, time.perf_counter() - started)
    return len(examples) / best, done


def table(
    title: str, rows: Iterator[tuple[str, Callable[[Any], int]]], examples: list[TrainingExample]
) -> None:
    """Measure each, and print."""
    print(f"\n{title}: examples per second, and how many are left")
    for name, work in rows:
        speed, done = measured(work, examples)
        print(f"  {name:<28} {speed:>10,.0f} {done:>8,}")


def memory_megabytes() -> float:
    """What the process holds."""
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=3000)
    options = parser.parse_args()
    for calls in (5, 30):
        examples = agents(options.examples // calls, calls)
        rows = {
            "fold_traces": lambda e: sum(1 for _ in fold_traces(e)),
            "by hand, the longest only": fold_by_hand,
        }
        table(f"Folding agents of {calls} calls", iter(rows.items()), examples)
        assert fold_by_hand(examples) == sum(1 for _ in fold_traces(examples))
    examples = chats(options.examples, 150)
    near = {"drop_duplicates": ours, "datasketch": with_datasketch, "each with each": by_comparing_all}
    table("Near duplicates of 300 words", iter(near.items()), examples)
    seen, before = DuplicateIndex(0.8), memory_megabytes()
    for number in range(10 * options.examples):
        line = examples[number % options.examples].line
        other: Any = {"messages": [*line["messages"], {"role": "user", "content": f"{number}"}]}
        seen.add(f"{number}", seen.features(other))
    grown = (memory_megabytes() - before) * 1000 / (10 * options.examples)
    print(f"  drop_duplicates holds {grown:.1f} KB an example in memory")


if __name__ == "__main__":
    main()
