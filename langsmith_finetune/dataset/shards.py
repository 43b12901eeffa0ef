"""Turns files of runs into shards of training lines, one per file, with any `map` function."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.fields import ShowsFields
from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.json_text import json_bytes
from langsmith_finetune._foundation.scratch import scratch_folder
from langsmith_finetune._printable import logger_of
from langsmith_finetune.convert import examples_from_runs
from langsmith_finetune.errors import InvalidExampleError, RunNotUsableError
from langsmith_finetune.examples.example import TrainingExample
from langsmith_finetune.jsonl import WrittenFile, write_jsonl
from langsmith_finetune.runs.files.read import files_of, run_files
from langsmith_finetune.runs.files.run_file import Paths, RunFile
from langsmith_finetune.runs.remedies import why_none

logger = logger_of(__name__)

if TYPE_CHECKING:
    from langsmith_finetune.runs.files.read import FileSystem


class OnSkip(Protocol):
    """A function that is called with everything that is left out."""

    def __call__(self, error: InvalidExampleError | RunNotUsableError, /) -> None:
        """Take note of a run, a line or a file that is left out."""


@checked()
def examples_of_file(file: RunFile, on_skip: OnSkip, **conditions: Any) -> Iterator[TrainingExample]:
    """The examples of the llm runs in one file.

    Args:
        file: The file.
        on_skip: Called with everything that is left out.
        conditions: As for `run_files`.
    """
    runs = run_files(file, **{"run_type": "llm", "decode": False, **conditions}, on_skip=on_skip)
    return examples_from_runs(runs, on_skip=on_skip)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenShards(ShowsFields):
    """What `write_shards` wrote.

    Args:
        files: The shards, in the order of the files of runs.
        skipped: How many runs, lines or files were left out, by reason. `part-00000.skipped.jsonl` beside a
            shard lists each, with its id and without content.
    """

    files: tuple[WrittenFile, ...]
    skipped: Mapping[str, int]

    @property
    def count(self) -> int:
        """Lines in all shards."""
        return sum(file.count for file in self.files)

    def _facts(self) -> dict[str, Any]:
        skipped = ", ".join(f"{reason} {times:,}" for reason, times in self.skipped.items())
        return {"shards": f"{len(self.files):,}", "lines": f"{self.count:,}", "skipped": skipped}


@checked()
def write_shards(
    paths: Paths,
    folder: str | os.PathLike[str],
    examples: Callable[[RunFile, OnSkip], Iterable[TrainingExample]] = examples_of_file,
    *,
    filesystem: FileSystem | None = None,
    map: Callable[..., Iterable[Any]] = map,  # noqa: A002 - it is one
) -> WrittenShards:
    """Turn files of runs into training files: `part-00000.jsonl` and so on, a shard for each file.

    A shard is the same bytes whoever makes it, and appears whole or not at all: one whose maker died is
    simply made again. In the order of their names, the shards hold the lines that one machine would write.

    Args:
        paths: As for `run_files`.
        folder: Where to write: a folder that all who work can reach, or a URL such as `s3://bucket/prefix`.
        examples: What makes examples of one file: `functools.partial(examples_of_file, start_time=...)`, or
            a function of your own with further steps. It must be importable where the work is done.
        filesystem: What holds `paths`, as for `run_files`.
        map: Who does the work: Python's own `map`, that of a `ProcessPoolExecutor`, or
            `langsmith_finetune.dataset.on_ray.ray_map`.

    Example:
        >>> import tempfile
        >>> from langsmith_finetune import save_runs
        >>> run = {
        ...     "id": "d2a3", "run_type": "llm", "status": "success",
        ...     "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        ...     "outputs": {"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]},
        ... }
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     count = save_runs([run, {**run, "id": "e7c1", "outputs": {}}], folder + "/runs.jsonl")
        ...     written = write_shards(folder + "/runs.jsonl", folder + "/shards")
        >>> written.count, dict(written.skipped)
        (1, {'hidden': 1})
    """
    folder = os.fspath(folder)
    if "://" not in folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
    work = partial(_make_shard, folder=folder, examples=examples)
    done = list(map(work, list(enumerate(files_of(paths, filesystem)))))
    if "://" not in folder:
        for left_behind in Path(folder).glob(
            ".unfinished-*/"
        ):  # by makers of earlier versions that were killed
            shutil.rmtree(left_behind, ignore_errors=True)
    skipped = sum((reasons for _, reasons in done), Counter[str]())
    written = WrittenShards(files=tuple(file for file, _ in done), skipped=skipped)
    if not written.count:
        why = f": {why_none(skipped)}" if skipped else ", and left nothing out"
        logger.warning("write_shards wrote 0 lines into %d shards%s", len(written.files), why)
    return written


def _make_shard(
    item: tuple[int, RunFile],
    *,
    folder: str,
    examples: Callable[[RunFile, OnSkip], Iterable[TrainingExample]],
) -> tuple[WrittenFile, Counter[str]]:
    number, file = item
    reasons = Counter[str]()
    remote = "://" in folder
    with scratch_folder("shard-") if remote else nullcontext(folder) as here:
        path = Path(here, f"part-{number:05}.jsonl")
        with atomic_write(path.with_suffix(".skipped.jsonl")) as skipped:

            def skip(run: str, reason: str, detail: str) -> None:
                reasons[reason] += 1
                skipped.write(json_bytes({"run": run, "reason": reason, "detail": detail}) + b"\n")

            def on_skip(error: InvalidExampleError | RunNotUsableError) -> None:
                if isinstance(error, RunNotUsableError):
                    skip(error.run_id, error.reason, error.detail)
                else:
                    skip(error.where, "unreadable", f"{error.field} {error.reason}".strip())

            written = write_jsonl(examples(file, on_skip), path)
        place = Path(folder)
        if remote:
            from langsmith_finetune.runs.files.parquet import upload  # noqa: PLC0415 - needs pyarrow

            place = upload(sorted(Path(here).iterdir(), reverse=True), folder)  # the shard itself comes last
    ledger = written.ledger and place / written.ledger.name
    return replace(written, path=place / path.name, ledger=ledger), reasons
