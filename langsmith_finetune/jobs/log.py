"""A job's events as records, a table, a plot, and a folder of files."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.plot import Plot, new_figure
from langsmith_finetune._foundation.tables import data_frame
from langsmith_finetune.providers.values import JobEvent

if TYPE_CHECKING:
    import pandas as pd


def metrics_of(events: Iterable[JobEvent]) -> list[dict[str, float]]:
    """The numbers that events carry, one record per step, in the order of the steps."""
    records: dict[int, dict[str, float]] = {}
    for event in events:
        if event.step is not None and event.metrics:
            records.setdefault(event.step, {"step": event.step}).update(event.metrics)
    return [records[step] for step in sorted(records)]


def frame_of(records: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """The records as a table with one row per step.

    Raises:
        ImportError: pandas is not installed.
    """
    names = list(dict.fromkeys(["step", *(name for record in records for name in record)]))
    return data_frame(records, names).set_index("step")


def plot_of(records: Sequence[Mapping[str, float]], title: str) -> Plot:
    """The losses over the steps.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: There is no loss yet.
    """
    names = [name for name in dict.fromkeys(name for r in records for name in r) if "loss" in name]
    if not names:
        raise ValueError(f"{title} has not reported a loss yet; nothing to plot")
    figure = new_figure(6, 3.5)
    axes = figure.add_subplot()
    for name in names:
        points = [(record["step"], record[name]) for record in records if name in record]
        axes.plot(*zip(*points, strict=True), label=name, marker="o" if len(points) < 20 else None)
    axes.set(title=title.replace("$", r"\$"), xlabel="step", ylabel="loss")  # a dollar sign is no formula
    axes.legend()
    return Plot(figure)


def save_log(
    path: Path,
    *,
    job: Mapping[str, Any],
    events: Sequence[JobEvent],
    checkpoints: Sequence[Any],
    files: Iterator[tuple[str, Iterator[bytes]]],
) -> Path:
    """Write a folder that only its owner can read: `job.json`, `events.jsonl`, `metrics.jsonl`, and what there is.

    Args:
        path: The folder. Made if needed; files of these names are replaced.
        job: The job.
        events: What it reported.
        checkpoints: What can still be had of it.
        files: The provider's files of measurements, which go into `results/`.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(path / "job.json", [job], indent=1)
    _write(path / "events.jsonl", map(dataclasses.asdict, events))
    _write(path / "metrics.jsonl", metrics_of(events))
    if checkpoints:
        _write(path / "checkpoints.jsonl", map(dataclasses.asdict, checkpoints))
    for name, blocks in files:
        folder = path / "results"
        folder.mkdir(mode=0o700, exist_ok=True)
        with atomic_write(folder / _safe(name)) as file:
            for block in blocks:
                file.write(block)
    return path


def _write(path: Path, rows: Iterable[Mapping[str, Any]], *, indent: int | None = None) -> None:
    with atomic_write(path) as file:
        for row in rows:
            text = json.dumps(row, ensure_ascii=False, indent=indent, default=_plain)
            file.write(text.encode("utf-8", "backslashreplace") + b"\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return dict(value) if isinstance(value, Mapping) else str(value)


def _safe(name: str) -> str:
    """A file name of the provider's without any path in it."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", os.path.basename(name.replace("\\", "/")))[-100:]  # noqa: PTH119
    return plain.lstrip(".") or "result"
