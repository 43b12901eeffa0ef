"""Folding and near duplicates, side by side in one run with what one would write by hand.

    pip install rensa datasketch psutil
    python -m benchmarks.dataset

Each figure is CPU time, the best of several rounds; how many examples are
left is told beside it: MinHash estimates, and drop_duplicates asks that questions and answers each be alike. rensa and
datasketch are also compared by themselves: signatures of the same triples, and an index of these signatures. Memory is
what the process grows by.
"""

from __future__ import annotations

import gc
import json
import random
import time
import tracemalloc
import uuid
from collections.abc import Callable
from typing import Any

import psutil

from benchmarks import results
from langsmith_finetune import TrainingExample
from langsmith_finetune.dataset.dedupe import drop_duplicates
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
    """Examples per CPU second, the best of several rounds, and what came out."""
    best, done = float("inf"), 0
    for _ in range(ROUNDS):
        gc.collect()
        started = time.process_time()
        done = work(examples)
        best = min(best, time.process_time() - started)
    return len(examples) / best, done


def table(
    title: str, rows: dict[str, Callable[[Any], int]], examples: list[TrainingExample]
) -> dict[str, float]:
    """Measure each, print, and return examples per second."""
    print(f"\n{title}: examples per second, and how many are left")
    speeds = {}
    for name, work in rows.items():
        speeds[name], done = measured(work, examples)
        print(f"  {name:<28} {speeds[name]:>10,.0f} {done:>8,}", flush=True)
    return speeds


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds in the best of several rounds, and what came out."""
    best, done = float("inf"), None
    for _ in range(ROUNDS):
        started = time.process_time()
        done = work()
        best = min(best, time.process_time() - started)
    return best, done


def signed(texts: list[list[str]]) -> list[Any]:
    """Signatures by rensa."""
    from rensa import RMinHash  # noqa: PLC0415

    found = [RMinHash(128, 1) for _ in texts]
    for signature, text in zip(found, texts, strict=True):
        signature.update(text)
    return found


def signed_by_datasketch(texts: list[list[str]]) -> list[Any]:
    """Signatures by datasketch."""
    from datasketch import MinHash  # noqa: PLC0415

    found = [MinHash(num_perm=128, seed=1) for _ in texts]
    for signature, text in zip(found, texts, strict=True):
        signature.update_batch([triple.encode() for triple in text])
    return found


def asked_and_filled(bands: Any, signatures: list[Any]) -> None:
    """Ask an index for each signature, and put it in."""
    for number, signature in enumerate(signatures):
        bands.query(signature)
        bands.insert(number, signature)


def signatures_and_index(examples: list[TrainingExample]) -> tuple[float, float]:
    """How many times as fast rensa is as datasketch: at signatures, and at asking and filling an index."""
    from datasketch import MinHashLSH  # noqa: PLC0415
    from rensa import RMinHashLSH  # noqa: PLC0415

    texts = [list(triples(example)) for example in examples]
    own, signatures = cpu_seconds(lambda: signed(texts))
    other, their_signatures = cpu_seconds(lambda: signed_by_datasketch(texts))
    own_index, _ = cpu_seconds(lambda: asked_and_filled(RMinHashLSH(0.8, 128, 16), signatures))
    their_index, _ = cpu_seconds(
        lambda: asked_and_filled(MinHashLSH(num_perm=128, params=(16, 8)), their_signatures)
    )
    return other / own, their_index / own_index


def held_bytes(examples: list[TrainingExample], similarity: float | None) -> float:
    """What `drop_duplicates` holds in memory for each example of a list when it has seen them all.

    Python's own memory is counted exactly; rensa's is seen only from outside, as what the process grows by.
    """
    left = drop_duplicates(examples, similarity=similarity)
    if similarity is None:
        tracemalloc.start()
        next(left)
        held = float(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    else:
        gc.collect()
        before = psutil.Process().memory_info().rss
        next(left)
        held = float(psutil.Process().memory_info().rss - before)
    return held / len(examples)


def unlike(count: int) -> list[TrainingExample]:
    """Chats of 300 words that have none in common."""
    found = []
    for number in range(count):
        words = [f"w{300 * number + place}" for place in range(300)]
        turns: list[Any] = [
            {"role": "user", "content": " ".join(words[:150])},
            {"role": "assistant", "content": " ".join(words[150:])},
        ]
        found.append(
            TrainingExample(line={"messages": turns}, source=RunSource(run_id=str(uuid.UUID(int=number))))
        )
    return found


def main() -> None:
    """Measure, print the tables, and record."""
    sizes = results.sizes(__doc__, examples=3000)
    many = unlike(5 * sizes.examples)
    figures = {  # first, while the process is small
        "near_kilobytes": held_bytes(many, 0.9) / 1000,
        "exact_bytes": held_bytes(many, None),
    }
    print(f"drop_duplicates holds {figures['exact_bytes']:.0f} bytes an example,", end=" ")
    print(f"with similarity= {figures['near_kilobytes']:.1f} KB")
    for calls in (5, 30):
        examples = agents(sizes.examples // calls, calls)
        rows = {
            "fold_traces": lambda e: sum(1 for _ in fold_traces(e)),
            "by hand, the longest only": fold_by_hand,
        }
        own, hand = table(f"Folding agents of {calls} calls", rows, examples).values()
        assert fold_by_hand(examples) == sum(1 for _ in fold_traces(examples))
        figures[f"folding_{calls}_calls_examples_per_second"] = own
        figures[f"folding_{calls}_calls_of_hand_times"] = own / hand
    examples = chats(sizes.examples, 150)
    near = {"drop_duplicates": ours, "datasketch": with_datasketch, "each with each": by_comparing_all}
    own, datasketch, _ = table("Near duplicates of 300 words", near, examples).values()
    figures["near_examples_per_second"] = own
    figures["near_of_datasketch_times"] = own / datasketch
    signatures, index = signatures_and_index(examples)
    print(
        f"  rensa beside datasketch: signatures {signatures:.0f} times as fast, the index {index:.0f} times"
    )
    figures |= {"signatures_times": signatures, "index_times": index}
    results.record("dataset", figures, sizes, packages=("rensa", "datasketch"))


if __name__ == "__main__":
    main()
