"""Shows where a job stands: status, step, losses, time left, tokens and cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from langsmith_finetune._foundation.clock import clock
from langsmith_finetune._foundation.curve import curve
from langsmith_finetune._foundation.display import new_display
from langsmith_finetune._foundation.html import NOTHING, Html
from langsmith_finetune._foundation.shown import Display, Shown
from langsmith_finetune.providers.values import ENDED

if TYPE_CHECKING:
    from types import TracebackType

    from langsmith_finetune.providers.values import JobEvent, JobInfo

_SMALL_BYTES = 8 << 20

_NOT_SHOWN = frozenset({"learning_rate"})


class JobProgress:
    """Shows a job while somebody waits for it.

    Args:
        enabled: Show it at all.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self._display: Display = new_display(enabled=enabled)
        self._shown = Shown(title="")
        self._metrics: Mapping[str, float] = {}
        self._step: int | None = None
        self._total: int | None = None
        self._curves: dict[str, dict[int, float]] = {}
        self._first: tuple[int, float] | None = None

    @property
    def draws(self) -> bool:
        """There is room for a curve of the losses."""
        return self._display.draws

    def learn(self, events: Iterable[JobEvent]) -> None:
        """Take in the losses of events, for the curve."""
        for event in events:
            self._take(event.step, event.metrics)

    def show(self, job: JobInfo, *, tokens: int | None = None, usd: float | None = None) -> None:
        """Bring it up to date.

        Args:
            job: Where it stands.
            tokens: Tokens trained on so far.
            usd: What they cost, in US dollars.
        """
        self._metrics = job.metrics or self._metrics
        self._total = job.total_steps or self._total
        if job.step is not None and (
            self._step is None or job.step > self._step
        ):  # it never counts backwards
            self._step = job.step
        if job.status == "succeeded":
            self._step = self._total or self._step
        self._take(job.step, job.metrics)
        facts = _facts(self._step, self._total, self._metrics, self._seconds_left(job), tokens, usd)
        shown = shown_of(job)
        drawing = self._drawing() if self.draws else NOTHING
        self.put(replace(shown, done=self._step, total=self._total, facts=facts, drawing=drawing))

    def note(self, text: str) -> None:
        """Say something beside what is shown, until the next `show`."""
        self.put(replace(self._shown, note=text))

    def say(self, text: str) -> None:
        """Say something on a line of its own, which stays."""
        self._display.say(text)

    def put(self, shown: Shown) -> None:
        """Show something, in place of what is shown."""
        self._shown = shown
        self._display.show(shown, now=True)

    def _take(self, step: int | None, metrics: Mapping[str, float]) -> None:
        if step is not None:
            for name, value in metrics.items():
                if "loss" in name:
                    self._curves.setdefault(name, {})[step] = value

    def _drawing(self) -> Html:
        return curve({_words(name): sorted(points.items()) for name, points in self._curves.items()})

    def _seconds_left(self, job: JobInfo) -> float | None:
        """Until the end: as the provider expects it, or at the pace of the steps seen so far."""
        if job.status != "running":
            return None
        if job.estimated_finish is not None:
            return (job.estimated_finish - datetime.now(UTC)).total_seconds()
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
        self._display.close()


class UploadProgress:
    """Shows the bytes of uploads. Small files, which are there at once, are not shown.

    Args:
        enabled: Show it at all.
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = enabled
        self._display: Display | None = None
        self._size: int | None = None

    def __call__(self, sent: int, size: int) -> None:
        """Bring it up to date.

        Args:
            sent: Bytes sent so far; it may go back, where a part is sent again.
            size: All of them.
        """
        if not self._enabled or size < _SMALL_BYTES:
            return
        if self._display is None or self._size != size:
            self.close()
            self._display, self._size = new_display(), size
        count = f"{sent / 1e6:,.1f} of {size / 1e6:,.1f} MB"
        status = "sent" if sent == size else ""
        self._display.show(Shown(title="upload", count=count, status=status, done=sent, total=size))

    def close(self) -> None:
        """Leave it as it is."""
        if self._display is not None:
            self._display.close()


def shown_of(job: JobInfo) -> Shown:
    """A job as it is shown, by what it says itself."""
    return Shown(
        title=job.id,
        status=phase_of(job),
        done=job.step,
        total=job.total_steps,
        facts=_facts(job.step, job.total_steps, job.metrics, None, job.trained_tokens, job.cost_usd),
        note=job.error or "" if job.status in ENDED else "",
        ended=job.status in ENDED,
    )


def phase_of(job: JobInfo) -> str:
    """What happens to a job now: the provider's own words where they are words (`loading the model`), else the status."""
    return job.provider_status if " " in job.provider_status and job.status not in ENDED else job.status


def _facts(  # noqa: PLR0917 - one for each fact
    step: int | None,
    total: int | None,
    metrics: Mapping[str, float],
    seconds_left: float | None,
    tokens: int | None,
    usd: float | None,
) -> dict[str, str]:
    facts = {}
    if step is not None:
        facts["step"] = f"{step:,}" + (f" of {total:,}" if total is not None else "")
    numbers = {_words(name): f"{value:.4g}" for name, value in metrics.items() if name not in _NOT_SHOWN}
    facts |= {name: value for name, value in numbers.items() if "loss" in name}
    if seconds_left is not None and seconds_left >= 1:
        facts["left"] = _duration(seconds_left)
    if usd is not None:
        facts["cost"] = f"${usd:,.2f}"
    if tokens is not None:
        facts["tokens"] = f"{tokens:,}"
    facts |= numbers  # a narrow terminal cuts off what is last
    return facts


def _words(name: str) -> str:
    return name.replace("_", " ")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"
