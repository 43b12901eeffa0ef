"""What went wrong when a model was asked: will it pass, is it this question's, or the whole model's."""

from __future__ import annotations

from typing import Literal, TypeAlias

from langsmith_finetune._foundation.masking import host_words
from langsmith_finetune._foundation.retry import retry_after_seconds
from langsmith_finetune.errors import ProviderError


class CannotBeAskedError(TypeError):
    """A model that cannot be asked what the held-out lines ask."""


Fault: TypeAlias = Literal["temporary", "answer", "model"]
"""`temporary`: the same question may be answered later. `answer`: this question fails, and that counts. `model`: every
question would fail, so that nothing is learned by going on."""

_TEMPORARY = frozenset({408, 409, 425, 429})
_OF_THE_MODEL = frozenset({401, 402, 403, 404})
_NETWORK = frozenset({"APIConnectionError", "TransportError", "TimeoutException"})
"""Of the OpenAI and Anthropic clients, httpx and httpx2, by name: their packages need not be there."""


def fault_in(error: BaseException, *, has_answered: bool = False) -> Fault:
    """What kind of fault an error is.

    Args:
        error: What was raised.
        has_answered: The model has answered other questions, so that it is not forbidden as a whole.
    """
    status = _status_of(error)
    if status == 403 and has_answered:  # some hosts forbid a question by its content
        return "answer"
    has_no_quota = getattr(error, "code", None) == "insufficient_quota"  # sent as 429, and it does not pass
    if (
        isinstance(error, ImportError | MemoryError | CannotBeAskedError)
        or status in _OF_THE_MODEL
        or has_no_quota
    ):
        return "model"
    names = {kind.__name__ for kind in type(error).__mro__}
    is_temporary = (
        (isinstance(error, ProviderError) and error.temporary)
        or (status is not None and (status in _TEMPORARY or status >= 500))
        or isinstance(error, TimeoutError | ConnectionError)
        or bool(names & _NETWORK)
    )
    return "temporary" if is_temporary else "answer"


def words_of(error: BaseException) -> str:
    """The error's class and its words, without keys and without what they quote."""
    return f"{type(error).__name__}: {host_words(str(error), longest=300)}".removesuffix(": ")


def seconds_asked_for(error: BaseException) -> float | None:
    """How long the host asks to wait, in seconds, if it says."""
    if isinstance(error, ProviderError):
        return error.retry_after_seconds
    headers = getattr(getattr(error, "response", None), "headers", None)
    try:
        return None if headers is None else retry_after_seconds(headers)
    except (AttributeError, TypeError):
        return None


def _status_of(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None)
        if type(status) is int:
            return status
    return None
