"""The options of `FineTuneJob.create` and `attach`, for their async twins."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Required, TypedDict, TypeVar

from langsmith_finetune.jobs.journal import Journal
from langsmith_finetune.providers.base import Provider
from langsmith_finetune.providers.values import Method

Twin = TypeVar("Twin", bound=Callable[..., Any])


class CreateOptions(TypedDict, total=False):
    """What `FineTuneJob.create` takes beside the training file; documented there."""

    model: Required[str | Path]
    provider: Required[Provider]
    method: Method
    parameters: Mapping[str, Any] | None
    validation_file: str | Path | None
    suffix: str | None
    seed: int | None
    name: str | None
    check: bool
    max_cost_usd: float | None
    force_new: bool
    progress: bool
    journal: Journal | str | Path | None


class AttachOptions(TypedDict, total=False):
    """What `FineTuneJob.attach` takes beside the id; documented there."""

    provider: Required[Provider]
    journal: Journal | str | Path | None


def signature_of(method: Any) -> Callable[[Twin], Twin]:
    """Let `help()` and a notebook show a method's arguments for its async twin, which takes the same.

    Args:
        method: A classmethod.
    """

    def mark(twin: Twin) -> Twin:
        twin.__signature__ = inspect.signature(method.__func__)  # type: ignore[attr-defined]
        return twin

    return mark
