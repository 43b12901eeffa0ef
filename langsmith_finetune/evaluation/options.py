"""The settings of `evaluate`, for its twins, and as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from langsmith_finetune.evaluation.cases import Answers, Case
from langsmith_finetune.evaluation.judge import Judge
from langsmith_finetune.evaluation.metrics import Metric, Scorer
from langsmith_finetune.evaluation.models import Model
from langsmith_finetune.evaluation.plan import Price

Twin = TypeVar("Twin", bound=Callable[..., Any])


class EvaluateOptions(TypedDict, total=False):
    """What `evaluate` takes beside the models and the held-out lines; documented there."""

    metrics: Sequence[str | Metric | Scorer] | None
    judge: Judge | Model | None
    answers: Answers
    groups: Callable[[Case], Mapping[str, str | Sequence[str]]] | None
    results: str | Path | None
    usd_per_million_tokens: Mapping[str, Price] | None
    max_usd: float | None
    max_concurrency: int
    batch_size: int
    confidence: float
    seed: int
    progress: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An evaluation that is asked for; every field is documented at `evaluate`."""

    models: Mapping[str, Model]
    heldout: str | Path | Iterable[Any]
    metrics: Sequence[str | Metric | Scorer] | None = None
    judge: Judge | Model | None = None
    answers: Answers = "all"
    groups: Callable[[Case], Mapping[str, str | Sequence[str]]] | None = None
    results: str | Path | None = None
    usd_per_million_tokens: Mapping[str, Price] | None = None
    max_usd: float | None = None
    max_concurrency: int = 8
    batch_size: int = 16
    confidence: float = 0.95
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.models, Mapping) or not self.models:
            raise TypeError(
                'models must name at least one model: {"before": base_model, "after": tuned_model}'
            )
        for name in self.models:
            if not isinstance(name, str) or not name:
                raise TypeError(f"the names of models must be text, not {type(name).__name__}")
        for setting in ("max_concurrency", "batch_size"):
            value = getattr(self, setting)
            if type(value) is not int or value < 1:
                raise ValueError(f"{setting} must be a number from 1, not {value!r}")
        if not 0.5 <= self.confidence < 1:
            raise ValueError(f"confidence must be between 0.5 and 1, such as 0.95, not {self.confidence!r}")
        if type(self.seed) is not int or self.seed < 0:
            raise ValueError(f"seed must be a whole number from 0, not {self.seed!r}")

    @property
    def judge_of_all(self) -> Judge | None:
        """The judge, if there is one."""
        if self.judge is None or isinstance(self.judge, Judge):
            return self.judge
        return Judge(model=self.judge)

    @property
    def folder(self) -> Path | None:
        """The folder that keeps the answers; None where they are not kept."""
        if self.results is not None:
            return Path(self.results)
        if not isinstance(self.heldout, str | Path):
            return None
        path = Path(self.heldout)
        return path.with_name(f"{path.stem}.evaluation")

    def price_of(self, name: str) -> Price | None:
        """What a model's host asks, where the user says it."""
        return (self.usd_per_million_tokens or {}).get(name)


def signature_of(function: Callable[..., Any]) -> Callable[[Twin], Twin]:
    """Let `help()` and a notebook show a function's arguments for its twin, which takes the same.

    Args:
        function: The function.
    """

    def mark(twin: Twin) -> Twin:
        twin.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return twin

    return mark
