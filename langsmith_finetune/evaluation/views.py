"""Parts of an evaluation to be read: cases, groups, the best of several."""

from __future__ import annotations

from dataclasses import dataclass

from langsmith_finetune._foundation.html import card, paragraphs, table
from langsmith_finetune._printable import printable_line
from langsmith_finetune.evaluation.answers import Answer
from langsmith_finetune.evaluation.cases import Case
from langsmith_finetune.evaluation.comparison import Comparison
from langsmith_finetune.evaluation.report import cases_as_html, cases_as_text


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDifference:
    """A case as two models answered it.

    Args:
        case: The case.
        before: The one model's answer.
        after: The other's.
        before_score: The one's score.
        after_score: The other's.
    """

    case: Case
    before: Answer
    after: Answer
    before_score: float
    after_score: float


class Groups(dict[str, Comparison]):
    """The comparison of each group of cases by the group's name; `print` it for a line each."""

    def __str__(self) -> str:
        return "\n".join(f"{printable_line(name)}: {found.verdict}" for name, found in self.items())

    def _repr_html_(self) -> str:
        return card("", table((name, found.verdict) for name, found in self.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best of several models.

    Args:
        model: Its name.
        metric: By which figure.
        against: It, compared with each of the others.
    """

    model: str
    metric: str
    against: tuple[Comparison, ...]

    @property
    def is_shown(self) -> bool:
        """True if it is shown to be better than every other."""
        return all(one.better == self.model for one in self.against)

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        head, *verdicts = self._lines()
        return card(head, paragraphs(verdicts))

    def _lines(self) -> list[str]:
        head = printable_line(f"best by {self.metric}: {self.model}")
        return [head, *(one.verdict for one in self.against)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """Cases as two models answered them; shows itself as text and in a notebook.

    Args:
        metric: By which figure they are ordered.
        before: The one model.
        after: The other.
        rows: The cases.
    """

    metric: str
    before: str
    after: str
    rows: tuple[CaseDifference, ...]

    def __str__(self) -> str:
        return cases_as_text(self)

    def _repr_html_(self) -> str:
        return cases_as_html(self)
