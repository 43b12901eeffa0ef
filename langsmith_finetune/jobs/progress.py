"""One line that shows where a job stands, in a terminal and in a notebook."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._printable import printable, printable_line

with warnings.catch_warnings():
    # In a notebook without ipywidgets tqdm draws its bar as text, which is fine, and warns, which is not.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

if TYPE_CHECKING:
    from types import TracebackType

    from langsmith_finetune.providers.values import JobInfo

_SMALL_BYTES = 8 << 20


class JobProgress:
    """A tqdm bar over a job's training steps.

    Args:
        enabled: Show it at all.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._metrics: Mapping[str, float] = {}
        self._first: tuple[int, float] | None = None
        self._bar: tqdm[Any] = tqdm(unit="step", disable=not enabled, leave=True)

    def show(self, job: JobInfo, *, tokens: int | None = None, usd: float | None = None) -> None:
        """Bring the line up to date.

        Args:
            job: Where it stands.
            tokens: Tokens trained on so far.
            usd: What they cost, in US dollars.
        """
        if job.total_steps is not None:
            self._bar.total = job.total_steps
        if job.step is not None and job.step >= self._bar.n:
            self._bar.n = job.step
        if job.status == "succeeded" and self._bar.total:
            self._bar.n = self._bar.total
        self._metrics = job.metrics or self._metrics
        says = {name: f"{value:.4g}" for name, value in self._metrics.items()}
        if (seconds := self._seconds_left(job)) is not None:
            says["left"] = _duration(seconds)
        if tokens is not None:
            says["tokens"] = f"{tokens:,}"
        if usd is not None:
            says["cost"] = f"${usd:,.2f}"
        self._bar.set_description_str(printable_line(f"{job.id}: {job.status}"), refresh=False)
        self._bar.set_postfix({printable_line(name): value for name, value in says.items()}, refresh=True)

    def note(self, text: str) -> None:
        """Say something in place of the numbers, until the next `show`."""
        self._bar.set_postfix_str(printable_line(text), refresh=True)

    def say(self, text: str) -> None:
        """Say something on a line of its own, which stays."""
        if self.enabled:
            self._bar.write(printable(text))

    def _seconds_left(self, job: JobInfo) -> float | None:
        """Until the end: as the provider expects it, or at the pace of the steps seen so far."""
        if job.status != "running":
            return None
        if job.estimated_finish is not None:
            return max(0.0, (job.estimated_finish - datetime.now(UTC)).total_seconds())
        if job.step is None or job.total_steps is None:
            return None
        now = clock().now()
        if self._first is None or job.step < self._first[0]:
            self._first = (job.step, now)
        steps = job.step - self._first[0]
        return (job.total_steps - job.step) * (now - self._first[1]) / steps if steps else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()


class UploadProgress:
    """A tqdm bar over the bytes of uploads. Small files, which are there at once, get none.

    Args:
        enabled: Show it at all.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._bar: tqdm[Any] | None = None

    def __call__(self, sent: int, size: int) -> None:
        """Bring the line up to date.

        Args:
            sent: Bytes sent so far.
            size: All of them.
        """
        if not self._enabled or size < _SMALL_BYTES:
            return
        if self._bar is None or self._bar.total != size:
            self.close()
            self._bar = tqdm(total=size, unit="B", unit_scale=True, desc="upload", leave=True)
        self._bar.n = sent  # it may go back, where a part is sent again
        self._bar.refresh() if sent == size else self._bar.update(0)

    def close(self) -> None:
        """Leave the line as it is."""
        if self._bar is not None:
            self._bar.close()


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    return f"{minutes}min" if minutes < 100 else f"{minutes // 60}h{minutes % 60:02}min"
