"""Checks that the job, deployment or model in an answer is the one that was asked for."""

from __future__ import annotations

from typing import Protocol, TypeVar

from langsmith_finetune.errors import ProviderError


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


class _HasName(Protocol):
    name: str


Answer = TypeVar("Answer", bound=_HasId)


def expect_id(what: str, asked: str, answer: Answer, provider: _HasName) -> Answer:
    """The answer, if it is about what was asked for.

    Args:
        what: What was asked for: `"job"`.
        asked: Its id; hosts that have long names take the last part alone, and answer with all of them.
        answer: What came back.
        provider: Who answered.

    Raises:
        ProviderError: It is about something else.
    """
    if asked == answer.id or asked.rsplit("/", 1)[-1] == answer.id.rsplit("/", 1)[-1]:
        return answer
    raise ProviderError(
        provider.name,
        f"asked for {what} {asked}, it answered with {what} {answer.id}. Nothing was changed; ask again, and tell "
        "the provider if it stays so",
    )
