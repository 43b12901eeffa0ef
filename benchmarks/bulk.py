"""LangSmith's bulk export to training files: runs per second, and memory, beside the alternatives in one run.

    pip install "langsmith-finetune[bulk]" langchain-community pandas
    python -m benchmarks.bulk

Parquet files are made of a captured run, as `convert.py` makes its runs, to the schema of the export. The floor
is pyarrow reading the same columns and doing nothing with them. What people do is pandas, json.loads for each
cell, and langchain_community; that crashes on LangChain's own, nested form, so it gets the flat one only.
Each figure is the best of several rounds, each in a fresh process: CPU seconds, but for two processes, whose gain is
in the time that passes. Memory is its growth over the imports.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import results

ROOT = Path(__file__).parents[1]


def make_export(folder: Path, *, runs: int, files: int, nested: bool) -> None:
    """Files of an export, a row group each."""
    from benchmarks.convert import a_run  # noqa: PLC0415 - the processes that are measured need neither
    from tests.support import bulk_export  # noqa: PLC0415

    rnd = random.Random(0)  # noqa: S311 - the same files each time
    words = ["".join(rnd.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(20_000)]
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for file in range(files):
        rows = []
        for number in range(file * runs // files, (file + 1) * runs // files):
            run = a_run(number, turns=2)
            for message in run["inputs"]["messages"]:
                if message["kwargs"]["content"].startswith("Question"):  # alike, they would compress away
                    message["kwargs"]["content"] = " ".join(rnd.choices(words, k=40))
            if nested:
                run["inputs"]["messages"] = [run["inputs"]["messages"]]
                run["outputs"]["generations"] = [run["outputs"]["generations"]]
            start = noon + timedelta(seconds=number)
            times = {"start_time": start, "end_time": start + timedelta(seconds=1)}
            rows.append({**run, **times, "status": "success", "session_id": "p1"})
        bulk_export.write(folder / f"{file}.parquet", rows, rows_per_group=len(rows))


def floor(export: str, _: str) -> int:
    """Pyarrow alone, over the same columns."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    from langsmith_finetune.runs.files.run_file import FIELDS  # noqa: PLC0415

    count = 0
    for path in sorted(Path(export).iterdir()):
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            columns = [name for name in file.schema_arrow.names if name in FIELDS]
            count += sum(batch.num_rows for batch in file.iter_batches(1000, columns=columns))
    return count


def ours(export: str, out: str) -> int:
    """The few lines of a script."""
    from langsmith_finetune import examples_from_runs, write_jsonl  # noqa: PLC0415
    from langsmith_finetune.runs.files.read import run_files  # noqa: PLC0415

    runs = run_files(export, run_type="llm", status="success", decode=False)
    return write_jsonl(examples_from_runs(runs), f"{out}/train.jsonl").count


def decoded(export: str, out: str) -> int:
    """The same, of payloads that were decoded first, as the runs may be looked into."""
    from langsmith_finetune import examples_from_runs, write_jsonl  # noqa: PLC0415
    from langsmith_finetune.runs.files.read import run_files  # noqa: PLC0415

    runs = run_files(export, run_type="llm", status="success")
    return write_jsonl(examples_from_runs(runs), f"{out}/train.jsonl").count


def reading(export: str, _: str) -> int:
    """Our reader, without the conversion."""
    from langsmith_finetune.runs.files.read import run_files  # noqa: PLC0415

    return sum(1 for _ in run_files(export, run_type="llm", status="success", decode=False))


def one_process(export: str, out: str) -> int:
    """A shard for each file, with what was left out listed."""
    from langsmith_finetune.dataset.shards import write_shards  # noqa: PLC0415

    return write_shards(export, out).count


def two_processes(export: str, out: str) -> int:
    """The same by two processes."""
    from langsmith_finetune.dataset.shards import write_shards  # noqa: PLC0415

    with ProcessPoolExecutor(2) as pool:
        return write_shards(export, out, map=pool.map).count


def pandas_and_community(export: str, out: str) -> int:
    """What people do."""
    import pandas as pd  # noqa: PLC0415
    from langsmith.schemas import Run  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from langchain_community.adapters.openai import (  # noqa: PLC0415
            convert_messages_for_finetuning as convert,
        )
        from langchain_community.chat_loaders.langsmith import LangSmithRunChatLoader  # noqa: PLC0415

        count = 0
        with Path(out, "train.jsonl").open("w", encoding="utf-8") as file:
            for path in sorted(Path(export).iterdir()):
                frame = pd.read_parquet(path)
                frame = frame[(frame["run_type"] == "llm") & (frame["status"] == "success")]
                runs = [
                    Run(
                        id=row["id"],
                        name=row["name"],
                        run_type="llm",
                        start_time=row["start_time"],
                        trace_id=row["trace_id"],
                        inputs=json.loads(row["inputs"]),
                        outputs=json.loads(row["outputs"]),
                        extra=json.loads(row["extra"]),
                    )
                    for row in frame.to_dict("records")
                ]
                for dialog in convert(LangSmithRunChatLoader(runs=runs, client=object()).lazy_load()):  # type: ignore[arg-type]
                    file.write(json.dumps({"messages": dialog}) + "\n")
                    count += 1
        return count


PARQUET = "langsmith_finetune.runs.files.parquet"
WORK: dict[str, tuple[str, Callable[[str, str], int], list[str]]] = {
    # the name of its figures, what is told, the work, and what it imports
    "floor": ("pyarrow alone (the floor)", floor, ["pyarrow.parquet"]),
    "reading": ("ours, reading only", reading, [PARQUET]),
    "decoded": ("ours, payloads decoded first", decoded, [PARQUET]),
    "ours": ("ours", ours, [PARQUET]),
    "one_process": ("ours, shards, 1 process", one_process, [PARQUET]),
    "two_processes": ("ours, shards, 2 processes", two_processes, [PARQUET]),
    "pandas": (
        "pandas + community",
        pandas_and_community,
        ["pandas", "pyarrow.parquet", "langsmith.schemas"],
    ),
}


def measure(name: str, export: str) -> None:
    """Do the work in this process, and print runs, CPU seconds, seconds and megabytes."""
    _, work, imports = WORK[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for module in (*imports, "langsmith_finetune"):
            __import__(module)
        if work is pandas_and_community:
            __import__("langchain_community.chat_loaders.langsmith")
    before, used = megabytes("VmRSS"), results.cpu_seconds()
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        count = work(export, out)
        seconds = time.perf_counter() - started
    print(json.dumps([count, results.cpu_seconds() - used, seconds, megabytes("VmHWM") - before]))


def megabytes(field: str) -> float:
    """What memory this process has (VmRSS) or had at most (VmHWM).

    Not from getrusage(), whose peak a process inherits from the one that started it.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    return next(int(line.split()[1]) for line in status.open() if line.startswith(field)) / 1024


def best(name: str, export: str, rounds: int, runs: int) -> tuple[float, float]:
    """Runs a second in the best of several rounds, and the megabytes that it grew by."""
    found = []
    for _ in range(rounds):
        command = [sys.executable, "-m", "benchmarks.bulk", "--measure", name, export]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603
        count, used, seconds, grown = json.loads(said.splitlines()[-1])
        assert count == runs, f"{name} made {count} lines of {runs} runs"
        found.append((seconds if name == "two_processes" else used, grown))
    taken, grown = min(found)
    return runs / taken, grown


def main() -> None:
    """Make the files, measure each way in processes of its own, print tables, and record."""
    if sys.argv[1:2] == ["--measure"]:
        measure(*sys.argv[2:])
        return
    sizes = results.sizes(__doc__, runs=200_000, files=8, rounds=2)
    figures: dict[str, float] = {"runs_count": sizes.runs}
    for nested in (True, False):
        ways = {name: told for name, (told, *_) in WORK.items() if (name == "pandas") is not nested}
        runs = sizes.runs if nested else sizes.runs // 10  # the slowest alone
        with tempfile.TemporaryDirectory() as export:
            make_export(Path(export), runs=runs, files=sizes.files, nested=nested)
            size = sum(path.stat().st_size for path in Path(export).iterdir()) / 1e6
            form = "nested, as LangChain posts it" if nested else "flat, as langchain_community needs it"
            print(f"\n{runs:,} runs of 5 messages, {form}; {size:.0f} MB of Parquet")
            if nested:
                figures["export_megabytes"] = size
            for name, told in ways.items():
                speed, grown = best(name, export, sizes.rounds, runs)
                figures |= {f"{name}_runs_per_second": speed, f"{name}_megabytes": grown}
                print(f"  {told:<28} {speed:>9,.0f} runs/s   {grown:>6.0f} MB", flush=True)
    del figures["two_processes_megabytes"]  # theirs is not ours
    del figures["pandas_megabytes"]  # a whole file, so it says how large the files are
    seconds = 1 / figures["ours_runs_per_second"]
    figures["of_a_million_cpu_seconds"] = 1e6 * seconds
    figures["of_10_million_minutes"] = 1e7 * seconds / 60
    figures["of_a_billion_hours"] = 1e9 * seconds / 3600
    figures["of_a_billion_dollars"] = 0.05 * figures["of_a_billion_hours"]
    figures["two_processes_times"] = (
        figures["two_processes_runs_per_second"] / figures["one_process_runs_per_second"]
    )
    figures["of_pandas_times"] = figures["ours_runs_per_second"] / figures["pandas_runs_per_second"]
    results.record("bulk", figures, sizes, packages=("pyarrow", "pandas", "langchain-community"))


if __name__ == "__main__":
    main()
