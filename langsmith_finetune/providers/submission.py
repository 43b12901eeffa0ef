"""What all providers do alike: check the names of parameters, and cancel a job that has ended meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.refusal import status_of
from langsmith_finetune.providers.values import ENDED, JobInfo


def check_names(name: str, given: Iterable[str], known: Iterable[str]) -> None:
    """See that a provider knows every parameter.

    Args:
        name: The provider's name.
        given: The names of the parameters that are asked for.
        known: Those that it takes.

    Raises:
        ValueError: One is unknown.
    """
    known = list(known)
    if unknown := sorted(set(given) - set(known)):
        raise ValueError(
            f"{name}: parameters: unknown name {', '.join(map(repr, unknown))}; it takes {', '.join(known)}"
        )


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
