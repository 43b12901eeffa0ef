"""Every error this library raises as its own.

FineTuneError
├ RunNotUsableError   (ValueError)           run_id, reason, detail
├ InvalidExampleError (ValueError)           where, field, reason, how_to_fix
├ ProviderError       (RuntimeError)         provider; the SDK's error is chained
├ NotSupportedError   (NotImplementedError)  provider, what
├ JobFailedError      (RuntimeError)         job
└ JobTimeoutError     (TimeoutError)         job; it may still be running

Catch `FineTuneError` for all of them, or the built-in class beside each. LangSmith's own errors pass
through untouched. All can be pickled. No text holds a word of a prompt, an answer or a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from langsmith_finetune._printable import printable

if TYPE_CHECKING:
    from langsmith_finetune.providers.values import JobInfo

RunReason: TypeAlias = Literal[
    "not_llm",
    "pending",
    "failed",
    "hidden",
    "empty_output",
    "completion_model",
    "unknown_shape",
    "malformed",
    "not_expressible",
    "kept_elsewhere",
    "lost_at_source",
    "too_deep",
    "too_large",
    "unwanted_note",
    "not_found",
]
"""Why a run cannot become a training example:

- `not_llm`: a chain, tool or retriever run; only llm runs hold what a model saw and said.
- `pending`: the run has not ended, so there is no answer yet.
- `failed`: the call ended in an error.
- `hidden`: inputs or outputs were emptied before they were posted (`LANGSMITH_HIDE_INPUTS`).
- `empty_output`: the run ended well but holds no answer.
- `completion_model`: a text completion, not a chat.
- `unknown_shape`: no reader knows this producer's payload.
- `malformed`: the producer is known, but a field is missing or of the wrong type.
- `not_expressible`: the call holds what a training line has no form for, such as a tool that ran at the
  provider.
- `kept_elsewhere`: part of what the model saw is kept at the provider (`previous_response_id`, a stored
  prompt, cached content), not in the run.
- `lost_at_source`: the producer posted the run without parts of the call, as `wrap_gemini` does with parts
  that are objects.
- `too_deep`: nested deeper than any real payload.
- `too_large`: contains more values than LangSmith accepts in one run (usually a payload that refers to itself).
- `unwanted_note`: the run has a note of a kind that `skip_notes=` names.
- `not_found`: LangSmith has no such run, or it has passed its retention.
"""


def _revive(cls: type[FineTuneError], args: tuple[Any, ...], state: dict[str, Any]) -> FineTuneError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class FineTuneError(Exception):
    """The root of every error below."""

    # The default would call __init__ with the finished text; ours take the parts.
    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return printable(super().__str__())


class RunNotUsableError(FineTuneError, ValueError):
    """A run cannot become a training example.

    Args:
        run_id: The run's id.
        reason: One of a closed list, see `RunReason`.
        detail: What was found where: field names, types and positions, never content.
    """

    def __init__(self, run_id: str, reason: RunReason, detail: str) -> None:
        super().__init__(f"run {run_id or '(without id)'} is not usable ({reason}): {detail}")
        self.run_id = run_id
        self.reason = reason
        self.detail = detail


class InvalidExampleError(FineTuneError, ValueError):
    """A training example, or a line of a file, is not what it must be.

    Args:
        where: `"train.jsonl:17"`, or a run id.
        field: The field, as a path: `"messages[2].tool_calls[0].id"`.
        reason: What was found there.
        how_to_fix: What to do about it.
    """

    def __init__(self, where: str, field: str, reason: str, how_to_fix: str) -> None:
        super().__init__(
            f"{where}: {field}: {reason}. {how_to_fix}" if field else f"{where}: {reason}. {how_to_fix}"
        )
        self.where = where
        self.field = field
        self.reason = reason
        self.how_to_fix = how_to_fix


class ProviderError(FineTuneError, RuntimeError):
    """A provider refused a request, or could not be reached.

    Args:
        provider: The provider's name.
        message: What it answered.
        temporary: The same request may succeed later (a rate limit, a server fault, a lost connection).
        ambiguous: The request may have been carried out although no proper answer came back.
        retry_after_seconds: How long the provider asked to wait, in seconds.
    """

    def __init__(
        self,
        provider: str,
        message: str,
        *,
        temporary: bool = False,
        ambiguous: bool = False,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{provider}: {message}")
        self.provider = provider
        self.message = message
        self.temporary = temporary
        self.ambiguous = ambiguous
        self.retry_after_seconds = retry_after_seconds


class NotSupportedError(FineTuneError, NotImplementedError):
    """A provider has no such thing.

    Args:
        provider: The provider's name.
        what: What was asked of it, and what to do instead.
    """

    def __init__(self, provider: str, what: str) -> None:
        super().__init__(f"{provider} does not support {what}")
        self.provider = provider
        self.what = what


def their_word(status: str, provider_status: str) -> str:
    """The provider's own word for a status, where it is another one.

    Args:
        status: Ours.
        provider_status: Theirs.
    """
    return (
        ""
        if provider_status.lower() in (status, status.replace("cancelled", "canceled"))
        else provider_status
    )


class JobFailedError(FineTuneError, RuntimeError):
    """A fine-tuning job ended without a model.

    Args:
        job: The last status seen; `job.error` is the provider's own message.
    """

    def __init__(self, job: JobInfo) -> None:
        why = job.error or "the provider gave no reason"
        ended: str = "was cancelled" if job.status == "cancelled" else job.status
        if theirs := their_word(job.status, job.provider_status):
            ended += f" ({theirs})"
        super().__init__(f"job {job.id} {ended}: {why}")
        self.job = job


class JobTimeoutError(FineTuneError, TimeoutError):
    """Waiting for a job took longer than the caller allowed. The job may still be running.

    Args:
        job: The last status seen.
        waited_seconds: How long was waited, in seconds.
    """

    def __init__(self, job: JobInfo, waited_seconds: float) -> None:
        theirs = their_word(job.status, job.provider_status)
        still = f"{job.status} ({theirs})" if theirs else job.status
        super().__init__(
            f"job {job.id} was still {still} after {waited_seconds:.0f} s; "
            f'it goes on: FineTuneJob.attach("{job.id}", provider=...).wait() returns to it'
        )
        self.job = job
        self.waited_seconds = waited_seconds
