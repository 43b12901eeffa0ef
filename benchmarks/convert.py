"""Runs to training lines, side by side in one run: ours, langchain-community, and a loop written by hand.

    pip install langchain-community orjson
    python -m benchmarks.convert

All read the same captured runs in the one form that langchain-community reads: LangChain's, flat; texts with longer
and longer histories, and runs with tools (`tool_runs.py`). langchain-community leaves the tools and the calls out.
The loop by hand knows this form and nothing else, and checks nothing; it is what speed costs in generality. Each
figure is CPU time, the median of rounds in which all take turns. Memory is the growth of the process over the first runs.
"""

from __future__ import annotations

import gc
import json
import logging
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

from benchmarks import results
from benchmarks.tool_runs import CASES, runs_of
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


WAYS: dict[str, tuple[Work, str, str]] = {
    # what is told, the work, of which form of the runs, and the name of its figure
    "community (Run objects)": (community, "objects", "community"),
    "drop-in (Run objects)": (drop_in, "objects", "drop_in"),
    "drop-in (dicts)": (drop_in, "dicts", "drop_in"),
    "bulk (dicts)": (bulk, "dicts", "bulk"),
    "bulk, lines (dicts)": (bulk_lines, "dicts", "lines"),
    "by hand, orjson (dicts)": (by_hand, "dicts", "by_hand"),
    "community (JSON text)": (community_from_text, "text", "community"),
    "bulk (JSON text)": (bulk, "text", "bulk"),
    "bulk, lines (JSON text)": (bulk_lines, "text", "lines"),
    "by hand, orjson (JSON text)": (by_hand, "text", "by_hand"),
}


def compare(title: str, made: list[dict[str, Any]], rounds: int) -> dict[str, float]:
    """Convert some runs in every way, print what each takes, and return it: microseconds of each form and way."""
    dicts = json.loads(json.dumps(made))  # in one go, as from a page of the API
    texts = [json.dumps(run, separators=(",", ":"), ensure_ascii=False).encode() for run in dicts]
    objects = [Run(**run) for run in json.loads(json.dumps(made))]
    forms = {"objects": objects, "dicts": dicts, "text": texts}
    print(f"\n{title}, {sum(map(len, texts)) / len(texts) / 1000:.1f} KB each")
    print(f"  {'':<27} {'us a run':>9} {'runs/s':>9}   x community   x by hand")
    taken = microseconds({name: (work, forms[form]) for name, (work, form, _) in WAYS.items()}, rounds)
    found = {f"{form}_{way}": taken[name] for name, (_, form, way) in WAYS.items()}
    for name, (_, form, _) in WAYS.items():
        own = taken[name]
        base = found["text_community" if form == "text" else "objects_community"] / own
        hand = found["text_by_hand" if form == "text" else "dicts_by_hand"] / own
        print(f"  {name:<27} {own:>9.1f} {1e6 / own:>9,.0f}   {base:>11.1f}   {hand:>9.2f}")
    return found


def times_of_readers(count: int, rounds: int) -> float:
    """How many times as long a run takes that the quick way leaves to the readers: Anthropic's, beside OpenAI's."""
    case = "5 messages, 1 tool"
    ways = {
        name: (bulk, json.loads(json.dumps(runs_of(name, case, count))))
        for name in ("wrap_anthropic", "wrap_openai")
    }
    found = microseconds(ways, rounds)
    return found["wrap_anthropic"] / found["wrap_openai"]


def peak_megabytes() -> float:
    """The most memory the process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def streamed_megabytes(count: int) -> float:
    """What memory a process takes for so many runs with tools as their text comes in, over what the first 1,000 took."""
    texts = [json.dumps(flat(run)).encode() for run in runs_of("LangChain", "5 messages, 1 tool", 1000)]
    list(bulk(texts))
    before = peak_megabytes()
    done = sum(1 for _ in bulk(texts[number % 1000] for number in range(count)))  # type: ignore[arg-type]
    assert done == count
    return peak_megabytes() - before


def main() -> None:
    """Measure, print a table, and record."""
    sizes = results.sizes(__doc__, runs=500, rounds=5, stream=1_000_000)
    logging.getLogger("langsmith_finetune").setLevel(logging.ERROR)  # lists of messages carry no tools
    figures = {"streamed_megabytes": streamed_megabytes(sizes.stream)}  # first, while the process is small
    print(f"{sizes.stream:,} runs streamed: {figures['streamed_megabytes']:.1f} MB over the first 1,000")
    cases = {
        f"{2 * turns + 1} messages, texts only": [a_run(number, turns) for number in range(sizes.runs)]
        for turns in (1, 2, 10)
    } | {case: [flat(run) for run in runs_of("LangChain", case, sizes.runs)] for case in CASES}
    looked_at = []
    for title, made in cases.items():
        name = title.lower().replace(",", "").replace(" ", "_")
        found = compare(title, made, sizes.rounds)
        figures |= {f"{name}_{way}_microseconds": taken for way, taken in found.items()}
        looked_at += [found[f"{form}_lines"] - found[f"{form}_bulk"] for form in ("dicts", "text")]
    figures["looked_at_most_microseconds"] = max(looked_at)
    for tools, text in (
        ("5_messages_1_tool", "5_messages_texts_only"),
        ("21_messages_8_tools", "21_messages_texts_only"),
    ):
        figures[f"{tools}_of_text_times"] = (
            figures[f"{tools}_text_bulk_microseconds"] / figures[f"{text}_text_bulk_microseconds"]
        )
    figures["readers_times"] = times_of_readers(sizes.runs, sizes.rounds)
    print(f"\nAnthropic's runs take {figures['readers_times']:.1f} times as long as OpenAI's")
    results.record("convert", figures, sizes, packages=("langchain-community", "orjson"))


if __name__ == "__main__":
    main()
