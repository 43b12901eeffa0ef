"""`Evaluation`: what came of an evaluation, to be read, compared, gated, shown and kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, NOT_NEGATIVE, checked
from langsmith_finetune._foundation.extras import missing
from langsmith_finetune._printable import printable_line
from langsmith_finetune.evaluation.answers import Answer
from langsmith_finetune.evaluation.cases import Case
from langsmith_finetune.evaluation.comparison import Comparison, compared
from langsmith_finetune.evaluation.judge import JudgeAgreement
from langsmith_finetune.evaluation.metrics import JUDGE, Metric
from langsmith_finetune.evaluation.plan import ModelUsage
from langsmith_finetune.evaluation.plot import plot_of
from langsmith_finetune.evaluation.report import (
    as_dict,
    as_html,
    as_markdown,
    as_text,
    rows_of,
)
from langsmith_finetune.evaluation.views import Best, CaseDifference, CaseView, Groups

if TYPE_CHECKING:
    import pandas as pd

    from langsmith_finetune._foundation.plot import Plot


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """What came of an evaluation. Print it for the verdicts; a notebook shows them with the table.

    Args:
        models: The models' names; the first is what the others are compared with.
        cases: What was asked.
        answers: The answers of each model, case by case.
        scores: The scores by metric and model, case by case; None where a metric does not apply.
        metrics: The metrics that apply to any case.
        preferences: The judge's preference for each other model over the first, case by case: 1 better, 0 worse.
        judge_agreement: How the judge agrees with people, where the held-out runs have feedback.
        usage: What each model, and the judge, was asked, and what that cost.
        notes: What to know when reading it.
        origins: What is known of each model: of a `FineTunedModel` its provider, job and base.
        folder: The folder that keeps the answers; None if they were not kept.
        confidence: That of all intervals.
        seed: Of the resampling.
    """

    models: tuple[str, ...]
    cases: tuple[Case, ...]
    answers: Mapping[str, Sequence[Answer]]
    scores: Mapping[str, Mapping[str, Sequence[float | None]]]
    metrics: tuple[Metric, ...]
    preferences: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    judge_agreement: tuple[JudgeAgreement, ...] = ()
    usage: tuple[ModelUsage, ...] = ()
    notes: tuple[str, ...] = ()
    origins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    folder: Path | None = None
    confidence: float = 0.95
    seed: int = 0

    # --- comparing -----------------------------------------------------------------------------------------------

    @checked()
    def compare(
        self,
        before: str | None = None,
        after: str | None = None,
        *,
        metric: str | None = None,
        where: Callable[[Case], bool] | None = None,
        confidence: float | None = None,
    ) -> Comparison:
        """Compare two models by a metric, on the same cases.

        Args:
            before: The one model; by default the first.
            after: The other; by default the last.
            metric: The metric's name; by default the first that applies.
            where: Compare on these cases alone.
            confidence: That of the interval; by default that of the evaluation.

        Raises:
            ValueError: There is no such model or metric, or no case is left.
        """
        before, after = before or self.models[0], after or self.models[-1]
        found = self._metric(metric)
        scores, places = self._paired(found, before, after, where)
        if not places:
            raise ValueError(f"{found.name} applies to none of the cases of {before} and {after}")
        return compared(
            found,
            (before, after),
            scores,
            [self.cases[place].conversation for place in places],
            confidence=confidence or self.confidence,
            seed=self.seed,
        )

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Every other model compared with the first, by each metric."""
        first, *others = self.models
        return tuple(
            self.compare(first, other, metric=metric.name)
            for other in others
            for metric in self.metrics
            if self._paired(metric, first, other, None)[1]
        )

    @checked()
    def by_group(
        self, kind: str, before: str | None = None, after: str | None = None, *, metric: str | None = None
    ) -> Groups:
        """Compare two models on each group of cases, the largest group first.

        Args:
            kind: `"tool"`, `"language"`, `"node"`, `"agent"`, or a kind of your own (`groups=`).
            before: The one model; by default the first.
            after: The other; by default the last.
            metric: The metric's name; by default the first that applies.

        Raises:
            ValueError: No case has such a group.
        """
        names = [name for case in self.cases for name in case.groups.get(kind, ())]
        if not names:
            known = ", ".join(sorted({known for case in self.cases for known in case.groups})) or "none"
            raise ValueError(f"no case has a group of kind {kind!r}; known are {known}")
        before, after = before or self.models[0], after or self.models[-1]
        chosen = self._metric(metric)
        found = Groups()
        for name in sorted(set(names), key=lambda name: (-names.count(name), name)):

            def is_in(case: Case, name: str = name) -> bool:
                return name in case.groups.get(kind, ())

            if self._paired(chosen, before, after, is_in)[1]:
                found[name] = self.compare(before, after, metric=chosen.name, where=is_in)
        return found

    @checked()
    def assert_better(
        self,
        before: str | None = None,
        after: str | None = None,
        *,
        metric: str | None = None,
        by: float = 0.0,
    ) -> None:
        """A gate: pass only if a model is shown to be better, so that the whole interval lies above `by`.

        Args:
            before: The one model; by default the first.
            after: The one that must be better; by default the last.
            metric: The metric's name; by default the first that applies.
            by: How much better at least, as a share: 0.05 for 5 points.

        Raises:
            AssertionError: It is not shown; says the numbers.
            ValueError: There is no such model or metric, or `by` is no share.
        """
        if not -1 <= by <= 1:
            raise ValueError(f"by must be a share between -1 and 1, such as 0.05 for 5 points, not {by!r}")
        found = self.compare(before, after, metric=metric)
        gain = -found.high if found.lower_is_better else found.low
        if not gain > by:
            least = f" by more than {100 * by:g} points" if by else ""
            raise AssertionError(
                f"{found.after} is not shown to be better than {found.before}{least}. {found}"
            )

    @checked()
    def best(self, *, metric: str | None = None) -> Best:
        """The model with the best figure, and which others it is shown to be better than.

        With several models some win by luck. The intervals here are wider, so that all hold together in 95 % of
        evaluations; even so, measure the winner on held-out lines of its own before you quote its figure.

        Args:
            metric: The metric's name; by default the first that applies.

        Raises:
            ValueError: There is no such metric, or but one model.
        """
        chosen = self._metric(metric)
        if len(self.models) < 2:
            raise ValueError("there is only one model, so none is the best of several")
        if chosen.name == JUDGE.name:
            raise ValueError("the judge compares with the first model alone; choose by another metric")
        means = {name: self.mean(name, chosen.name) for name in self.models}
        known = {name: mean for name, mean in means.items() if mean is not None}
        winner = (min if chosen.lower_is_better else max)(known, key=known.__getitem__)
        confidence = 1 - (1 - self.confidence) / (len(known) - 1) if len(known) > 1 else self.confidence
        against = tuple(
            self.compare(other, winner, metric=chosen.name, confidence=confidence)
            for other in known
            if other != winner
        )
        return Best(model=winner, metric=chosen.name, against=against)

    @checked()
    def mean(self, model: str, metric: str | None = None) -> float | None:
        """The mean score of a model over the cases that a metric applies to; None where it applies to none.

        Of perplexity it is the geometric mean.

        Raises:
            ValueError: There is no such model or metric.
        """
        found = self._metric(metric)
        self._check_models(model)
        if found.name == JUDGE.name:
            return None
        scores = [score for score in self.scores[found.name][model] if score is not None]
        if not scores:
            return None
        mean = sum(scores) / len(scores)
        return math.exp(mean) if found.unit == "log_ratio" else mean

    @checked()
    def differences(
        self, before: str | None = None, after: str | None = None, *, metric: str | None = None
    ) -> list[CaseDifference]:
        """The cases that two models answered, those first on which the second does worst against the first.

        Args:
            before: The one model; by default the first.
            after: The other; by default the last.
            metric: The metric's name; by default the first that applies.
        """
        before, after = before or self.models[0], after or self.models[-1]
        found = self._metric(metric)
        (first, second), places = self._paired(found, before, after, None)
        sign = -1.0 if found.lower_is_better else 1.0
        rows = [
            CaseDifference(
                case=self.cases[place],
                before=self.answers[before][place],
                after=self.answers[after][place],
                before_score=one,
                after_score=other,
            )
            for place, one, other in zip(places, first, second, strict=True)
        ]
        return sorted(rows, key=lambda row: sign * (row.after_score - row.before_score))

    # --- showing -------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return as_text(self)

    def __repr__(self) -> str:
        return printable_line(f"<Evaluation of {', '.join(self.models)} on {len(self.cases)} answers>")

    def _repr_html_(self) -> str:
        return as_html(self)

    @checked(cases=NOT_NEGATIVE)
    def to_markdown(self, *, cases: int = 0) -> str:
        """The verdicts and the table in Markdown, as for a pull request.

        Args:
            cases: Show so many cases too, the worst differences first. They hold prompts and answers.
        """
        return as_markdown(self, cases=cases)

    @checked(count=AT_LEAST_ONE)
    def show_cases(self, count: int = 10, *, metric: str | None = None) -> CaseView:
        """The cases with the worst differences between the first and the last model, to be read.

        Args:
            count: How many.
            metric: The metric's name; by default the first that applies.
        """
        chosen = self._metric(metric).name
        return CaseView(
            metric=chosen,
            before=self.models[0],
            after=self.models[-1],
            rows=tuple(self.differences(metric=chosen)[:count]),
        )

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values, without prompts and answers. Equal answers give equal values."""
        return as_dict(self)

    def to_pandas(self) -> pd.DataFrame:
        """A table with a row for each case and model: the groups, the scores, the answer, tokens and seconds.

        Raises:
            ImportError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415
        except ImportError as error:
            raise missing("a table", "pandas", "notebook") from error
        return pd.DataFrame(list(rows_of(self)))

    def plot(self) -> Plot:
        """A plot of the differences with their intervals, one line for each metric; `plot.save(path)` writes it.

        Raises:
            ImportError: matplotlib is not installed.
        """
        return plot_of(self.comparisons)

    # --- finding -------------------------------------------------------------------------------------------------

    def _metric(self, name: str | None) -> Metric:
        if name is None:
            return self.metrics[0]
        found = next((metric for metric in self.metrics if metric.name == name), None)
        if found is None:
            known = ", ".join(metric.name for metric in self.metrics)
            raise ValueError(f"there is no figure {name!r} in this evaluation; there are {known}")
        return found

    def _check_models(self, *names: str) -> None:
        for name in names:
            if name not in self.models:
                raise ValueError(
                    f"there is no model {name!r} in this evaluation; there are {', '.join(self.models)}"
                )

    def _paired(
        self, metric: Metric, before: str, after: str, where: Callable[[Case], bool] | None
    ) -> tuple[tuple[list[float], list[float]], list[int]]:
        """The scores of two models on the cases that both have one for, and the cases' places."""
        self._check_models(before, after)
        if metric.name == JUDGE.name:
            first, second = self._judged(before, after)
        else:
            first, second = self.scores[metric.name][before], self.scores[metric.name][after]
        places = [
            place
            for place, (one, other) in enumerate(zip(first, second, strict=True))
            if one is not None and other is not None and (where is None or where(self.cases[place]))
        ]
        return ([float(first[at] or 0) for at in places], [float(second[at] or 0) for at in places]), places

    def _judged(self, before: str, after: str) -> tuple[Sequence[float | None], Sequence[float | None]]:
        base = self.models[0]
        if base not in (before, after) or before == after:
            raise ValueError(f"the judge compared each model with {base}, not {after} with {before}")
        preferred = self.preferences[after if before == base else before]
        other = [None if one is None else 1 - one for one in preferred]
        return (other, preferred) if before == base else (preferred, other)
