"""One line that says where a job stands, in a terminal and in a notebook."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

with warnings.catch_warnings():
    # In a notebook without ipywidgets tqdm draws its bar as text, which is fine, and warns, which is not.
    warnings.simplefilter("ignore")
    from tqdm.auto import tqdm

if TYPE_CHECKING:
    from types import TracebackType

    from langsmith_finetune.providers.base import JobStatus


class JobProgress:
    """A tqdm bar over a job's training steps.

    Args:
        enabled: Show it at all.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._metrics: Mapping[str, float] = {}
        self._bar: tqdm[Any] = tqdm(unit="step", disable=not enabled, leave=True)

    def show(self, job: JobStatus) -> None:
        """Bring the line up to date."""
        if job.total_steps is not None:
            self._bar.total = job.total_steps
        if job.step is not None and job.step >= self._bar.n:
            self._bar.n = job.step
        if job.status == "succeeded" and self._bar.total:
            self._bar.n = self._bar.total
        self._metrics = job.metrics or self._metrics
        self._bar.set_description_str(f"{job.id}: {job.status}", refresh=False)
        self._bar.set_postfix({name: f"{value:.4g}" for name, value in self._metrics.items()}, refresh=True)

    def note(self, text: str) -> None:
        """Say something in place of the numbers, until the next `show`."""
        self._bar.set_postfix_str(text, refresh=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
