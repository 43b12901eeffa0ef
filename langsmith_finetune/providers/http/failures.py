"""What a failed request means: may it be sent again, and may it have been carried out all the same.

Every provider asks here, whichever library sends its requests. `temporary` is true where the same request may be sent
again by itself; `ambiguous` where something that is paid for may exist although no answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from langsmith_finetune._foundation.masking import fault_of, host_words
from langsmith_finetune._foundation.retry import retry_after_seconds
from langsmith_finetune.errors import ProviderError
from langsmith_finetune.providers.http.refusal import HttpRefusal
from langsmith_finetune.providers.http.transport import AnswerRefusedError

# By name, because a client may run on httpx2 or on the older httpx.
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
_NEVER_SENDABLE = frozenset({"UnsupportedProtocol", "LocalProtocolError", "InvalidURL"})
_TIMED_OUT = frozenset({"TimeoutException", "APITimeoutError"})


def connection_error(name: str, error: BaseException, where: str, *, creates: bool) -> ProviderError:
    """The error for a request to which no answer came.

    Args:
        name: The provider's name.
        error: What httpx or httpx2 raised.
        where: The host, or what else was asked.
        creates: The request makes something that is paid for.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    timed_out, sent = bool(kinds & _TIMED_OUT), not kinds & _NEVER_SENT
    if kinds & _NEVER_SENDABLE:
        failure = ProviderError(name, f"cannot send to {where}: {host_words(str(error))}")
    elif isinstance(error, AnswerRefusedError):
        failure = ProviderError(name, f"the answer of {where} {host_words(str(error))}", ambiguous=creates)
    else:
        failure = ProviderError(
            name,
            f"{'no answer in time' if timed_out else 'the connection failed'} ({type(error).__name__}) at {where}",
            # After a time-out the host may still be at work on it: sent again it could be paid for twice.
            temporary=not (timed_out and sent and creates),
            ambiguous=creates and sent,
        )
    failure.__cause__ = fault_of(error)
    return failure


def refusal(
    name: str,
    code: int,
    reason: str,
    headers: Mapping[str, str],
    *,
    creates: bool,
    temporary: bool | None = None,
    ids: Mapping[str, str] | None = None,
) -> ProviderError:
    """The error for a host's refusal.

    Args:
        name: The provider's name.
        code: The HTTP status.
        reason: What the host says, as it says it.
        headers: Those of the answer, for `retry-after`.
        creates: The request makes something that is paid for.
        temporary: Whether it may be sent again, where the host tells by more than the status.
        ids: The ids that came with it, by their names.
    """
    failure = ProviderError(
        name,
        f"HTTP {code}: {host_words(reason)}",
        temporary=passes(code) if temporary is None else temporary,
        ambiguous=creates and (code == 408 or code >= 500),
        retry_after_seconds=retry_after_seconds(headers),
    )
    failure.__cause__ = HttpRefusal(code, ids)
    return failure


def passes(code: int) -> bool:
    """True for an HTTP status that the same request may not meet again."""
    return code in {408, 425, 429} or (code >= 500 and code != 501)


def odd_answer(name: str, what: str, *, creates: bool) -> ProviderError:
    """The error for a host that says yes in a way that cannot be read: what was asked for may be there.

    Args:
        name: The provider's name.
        what: What is wrong; completes "the answer ...".
        creates: The request makes something that is paid for.
    """
    return ProviderError(name, f"the answer {what}", temporary=not creates, ambiguous=creates)
