"""The settings of `evaluate`, for its twins, and as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, NOT_NEGATIVE, checked_fields
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


def _a_confidence(value: Any) -> str | None:
    return None if 0.5 <= value < 1 else "between 0.5 and 1, such as 0.95"


@checked_fields(
    max_usd=NOT_NEGATIVE,
    max_concurrency=AT_LEAST_ONE,
    batch_size=AT_LEAST_ONE,
    confidence=_a_confidence,
    seed=NOT_NEGATIVE,
)
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
        if isinstance(self.metrics, str):
            raise TypeError('metrics must be a list of metrics, such as ["calls_match"], not one text')
        self._check_prices()

    def _check_prices(self) -> None:
        for name, price in (self.usd_per_million_tokens or {}).items():
            if not _is_price(price):
                raise TypeError(
                    f"usd_per_million_tokens[{name!r}] must be two numbers, for a million tokens in and for a million "
                    "out, such as (0.4, 1.6)"
                )
        if unknown := (self.usd_per_million_tokens or {}).keys() - {*self.models, "judge"}:
            raise ValueError(
                f"usd_per_million_tokens names {', '.join(map(repr, sorted(unknown)))}, which is no model here: "
                f"one of {', '.join(map(repr, self.models))}, or 'judge'"
            )

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


def _is_price(given: Any) -> bool:
    return (
        isinstance(given, (tuple, list))
        and len(given) == 2
        and all(isinstance(one, (int, float)) and not isinstance(one, bool) and one >= 0 for one in given)
    )


def signature_of(function: Callable[..., Any]) -> Callable[[Twin], Twin]:
    """Let `help()` and a notebook show a function's arguments for its twin, which takes the same.

    Args:
        function: The function.
    """

    def mark(twin: Twin) -> Twin:
        twin.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return twin

    return mark
