"""What all providers do alike: check the names of parameters, and cancel a job that has ended meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_type_hints

from langsmith_finetune._foundation.forms import form_of
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.values import ENDED, JobInfo


def check_names(name: str, given: Mapping[str, Any], kind: type, known: Iterable[str] | None = None) -> None:
    """See that a provider knows every parameter, and that each is of the form that it says.

    Args:
        name: The provider's name.
        given: The parameters that are asked for.
        kind: The TypedDict of those that it takes.
        known: Their names, where it takes some of them only.

    Raises:
        TypeError: One is of another form.
        ValueError: One is unknown.
    """
    annotations = get_type_hints(kind)
    known = list(annotations) if known is None else list(known)
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(
            f"{name}: parameters: unknown name {', '.join(map(repr, unknown))}; it takes {', '.join(known)}"
        )
    for each, value in given.items():
        if each in annotations:
            form_of(each, annotations[each]).taken(f"{name}: parameters: {each}", value)


def ended_meanwhile(refused: ProviderError, look: Callable[[], JobInfo]) -> JobInfo:
    """The job that could not be cancelled because it had ended.

    Args:
        refused: Why the cancel was refused.
        look: Asks where the job stands.

    Raises:
        ProviderError: The refusal, where the job has not ended.
    """
    if status_of(refused) not in {400, 409, 412, 422}:
        raise refused
    job = look()
    if job.status not in ENDED:
        raise refused
    return job
