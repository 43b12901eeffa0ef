"""What an evaluation asks and costs: estimated before, counted after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langsmith_finetune._foundation.counted import counted
from langsmith_finetune._foundation.html import card, paragraphs
from langsmith_finetune._printable import printable_line
from langsmith_finetune.cost.tokens import token_counter
from langsmith_finetune.evaluation.answers import Answer
from langsmith_finetune.evaluation.cases import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUsage:
    """What one model is asked, and what that costs.

    Args:
        model: Its name.
        questions: How many it is asked.
        input_tokens: Tokens of the requests; None where the host told none.
        output_tokens: Tokens of the answers.
        usd: In US dollars; 0 for a model in this process, None where no price was given.
        errors: How many answers are errors.
    """

    model: str
    questions: int
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    errors: int = 0

    def __str__(self) -> str:
        tokens = "tokens not told"
        if self.input_tokens is not None:
            tokens = f"{self.input_tokens:,} tokens in, {self.output_tokens or 0:,} out"
        usd = "no price known" if self.usd is None else "free" if self.usd == 0 else f"${self.usd:,.2f}"
        return printable_line(f"{self.model}: {counted(self.questions, 'question')}, {tokens}, {usd}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationPlan:
    """What `evaluate` would ask. Tokens are estimated.

    Args:
        models: A row for each model; what is answered already is not asked again.
        cases: How many cases there are.
        conversations: How many conversations they are from.
    """

    models: tuple[ModelUsage, ...]
    cases: int
    conversations: int

    @property
    def usd(self) -> float | None:
        """All of it in US dollars; None where the price of a model that is asked is not known."""
        prices = [usage.usd for usage in self.models if usage.questions]
        return None if None in prices else float(sum(price or 0 for price in prices))

    def __str__(self) -> str:
        head = f"{counted(self.cases, 'answer')} in {counted(self.conversations, 'conversation')}"
        return "\n".join([head, *(f"about {usage}" for usage in self.models)])

    def _repr_html_(self) -> str:
        head, *lines = str(self).splitlines()
        return card(head, paragraphs(lines))


Price = tuple[float, float]
"""US dollars for a million tokens in, and for a million out."""


def estimated_usage(name: str, cases: Sequence[Case], *, is_local: bool, price: Price | None) -> ModelUsage:
    """What asking these cases would take, by an estimate of their tokens."""
    count = token_counter()
    asked = sum(count({"messages": case.messages, "tools": case.tools}) for case in cases)
    said = sum(count({"messages": [case.expected]}) for case in cases)
    return ModelUsage(
        model=name,
        questions=len(cases),
        input_tokens=asked,
        output_tokens=said,
        usd=_usd(asked, said, is_local=is_local, price=price),
    )


def counted_usage(
    name: str, cases: Sequence[Case], answers: Sequence[Answer], *, is_local: bool, price: Price | None
) -> ModelUsage:
    """What asking took, as the host counted; a question that occurs twice was asked once."""
    once: Mapping[str, Answer] = {case.key: answer for case, answer in zip(cases, answers, strict=True)}
    told = [answer for answer in once.values() if answer.input_tokens is not None]
    asked = sum(answer.input_tokens or 0 for answer in told)
    said = sum(answer.output_tokens or 0 for answer in told)
    return ModelUsage(
        model=name,
        questions=len(once),
        input_tokens=asked if told else None,
        output_tokens=said if told else None,
        usd=_usd(asked, said, is_local=is_local, price=price if told else None),
        errors=sum(answer.error is not None for answer in once.values()),
    )


def _usd(asked: int, said: int, *, is_local: bool, price: Price | None) -> float | None:
    if is_local:
        return 0.0
    return None if price is None else (asked * price[0] + said * price[1]) / 1e6
