"""How an evaluation is shown: as text, as a table, in a notebook, in Markdown, as JSON. No text of a model becomes markup."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.html import card, paragraphs, table
from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune._printable import printable, printable_line
from langsmith_finetune.evaluation.answers import text_of
from langsmith_finetune.evaluation.comparison import Comparison, points
from langsmith_finetune.evaluation.metrics import JUDGE, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from langsmith_finetune.evaluation.answers import Answer
    from langsmith_finetune.evaluation.result import Evaluation
    from langsmith_finetune.evaluation.views import CaseDifference, CaseView

_SHOWN = 400
"""Characters of a text that a view of cases shows."""


def as_text(result: Evaluation) -> str:
    """The verdicts, a line for each metric, and what to know beside them."""
    return printable("\n".join([*_verdicts(result), *_remarks(result)]))


def _verdicts(result: Evaluation) -> list[str]:
    if result.comparisons:
        return [str(comparison) for comparison in result.comparisons]
    count = f"n = {len(result.cases):,} answers in {_conversations(result):,} conversations"
    return [f"{row[0]}: {row[1]} ({count})" for row in _table(result)[1:]]


def _remarks(result: Evaluation) -> list[str]:
    errors = [
        f"{usage.model}: {usage.errors} of {usage.questions} answers are errors, which count as failures"
        for usage in result.usage
        if usage.errors
    ]
    return [*errors, *map(str, result.judge_agreement), *result.notes]


def _conversations(result: Evaluation) -> int:
    return len({case.conversation for case in result.cases})


# --- the table -------------------------------------------------------------------------------------------------


def _table(result: Evaluation) -> list[list[str]]:
    """A row for each metric: each model's figure, and of every other model its difference from the first."""
    head = ["metric", *result.models]
    if len(result.models) == 2:
        head += [
            "difference",
            "95 % interval" if result.confidence == 0.95 else "interval",
            "p (McNemar)",
            "n",
        ]
    rows = [head]
    for metric in result.metrics:
        found = [one for one in result.comparisons if one.metric == metric.name]
        if metric.name == JUDGE.name:
            figures = ["" for _ in result.models]
            if len(found) == 1:
                figures = [_figure(metric, found[0].before_mean), _figure(metric, found[0].after_mean)]
        else:
            figures = [_figure(metric, result.mean(name, metric.name)) for name in result.models]
        rows.append(
            [metric.name, *figures, *(_of_comparison(found) if len(head) > len(result.models) + 1 else [])]
        )
    return rows


def _figure(metric: Metric, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f} %" if metric.unit == "share" else f"{value:.4g}"


def _of_comparison(found: Sequence[Comparison]) -> list[str]:
    if not found:
        return ["-"] * 4
    (one,) = found
    p_value = "-" if one.p_value is None else f"{one.p_value:.2g}"
    if one.unit == "share":
        difference, low, high = points(one.difference, one.low, one.high)
    elif one.unit == "log_ratio":
        difference, low, high = (f"x {math.exp(each):.3g}" for each in (one.difference, one.low, one.high))
    else:
        difference, low, high = (f"{each:.3g}" for each in (one.difference, one.low, one.high))
    return [difference, f"{low} to {high}", p_value, f"{one.n}"]


def as_markdown(result: Evaluation, *, cases: int) -> str:
    """Verdicts and table, and cases if they are asked for."""
    rows = [[_in_markdown(cell) for cell in row] for row in _table(result)]
    rows.insert(1, ["---"] * len(rows[0]))
    lines = [f"- {_in_markdown(line)}" for line in [*_verdicts(result), *_remarks(result)]]
    lines += ["", *(f"| {' | '.join(row)} |" for row in rows)]
    usage = [f"- {_in_markdown(str(one))}" for one in result.usage]
    lines += ["", *usage] if usage else []
    if cases:
        view = result.show_cases(cases)
        for row in view.rows:
            lines += ["", f"**{_in_markdown(row.case.where)}**", ""]
            lines += [f"- {_in_markdown(name)}: {_as_code(text)}" for name, text in _parts(view, row)]
    return "\n".join(lines) + "\n"


def _in_markdown(text: str) -> str:
    """Text that stays text in Markdown, on one line."""
    plain = html.escape(printable_line(text), quote=False)
    return re.sub(r"[\\`*\[\]|~#!@]|(?<!\w)_|_(?!\w)", r"\\\g<0>", plain)


def _as_code(text: str) -> str:
    """Text of a model's as code, in which nothing is markup, a link or somebody's name."""
    plain = printable_line(text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", plain)), default=0))
    return f"{fence} {plain} {fence}"


def as_html(result: Evaluation) -> str:
    """Verdicts and table for a notebook."""
    head, *rows = _table(result)
    lines = [*_verdicts(result), *_remarks(result)]
    return card(" and ".join(result.models), paragraphs(lines), table(rows, head=head))


# --- cases -----------------------------------------------------------------------------------------------------


def cases_as_text(view: CaseView) -> str:
    """Each case on some lines."""
    blocks = []
    for row in view.rows:
        lines = [printable_line(row.case.where)]
        lines += [f"  {printable_line(name)}: {printable_line(text)}" for name, text in _parts(view, row)]
        blocks.append("\n".join(lines))
    return "\n".join(blocks) or "no case"


def cases_as_html(view: CaseView) -> str:
    """A table with a row for each case."""
    rows = [(row.case.where, *(text for _, text in _parts(view, row))) for row in view.rows]
    models = dict.fromkeys((view.before, view.after))  # one alone, where one was asked
    return card("", table(rows, head=("case", "asked", "recorded", *models)))


def _parts(view: CaseView, row: CaseDifference) -> Iterator[tuple[str, str]]:
    yield "asked", _cut(text_of(row.case.messages[-1]) if row.case.messages else "")
    yield "recorded", _cut(_said(row.case.expected))
    answers = {view.before: (row.before, row.before_score), view.after: (row.after, row.after_score)}
    for name, (answer, score) in answers.items():
        yield name, _cut(f"[{view.metric} {score:g}] {_shown(answer)}")


def _shown(answer: Answer) -> str:
    return f"error: {answer.error}" if answer.message is None else _said(answer.message)


def _said(message: Mapping[str, Any]) -> str:
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    return " ".join(
        filter(None, [text_of(message), *(f"{call['name']}({call['arguments']})" for call in calls)])
    )


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


# --- data ------------------------------------------------------------------------------------------------------


def rows_of(result: Evaluation) -> Iterator[dict[str, Any]]:
    """A row for each case and model."""
    for place, case in enumerate(result.cases):
        groups = {kind: ", ".join(names) for kind, names in case.groups.items()}
        for model in result.models:
            answer = result.answers[model][place]
            scores = {
                metric.name: as_told(metric, result.scores[metric.name][model][place])
                for metric in result.metrics
                if metric.name in result.scores
            }
            if model in result.preferences:
                scores[JUDGE.name] = result.preferences[model][place]
            yield {
                "case": case.where,
                "conversation": case.conversation,
                "model": model,
                **groups,
                **scores,
                "error": answer.error,
                "text": answer.text,
                "calls": compact_json([[call.name, call.text] for call in answer.calls]),
                "input_tokens": answer.input_tokens,
                "output_tokens": answer.output_tokens,
                "seconds": answer.seconds,
            }


def as_told(metric: Metric, score: float | None) -> float | None:
    """A score as reports tell it: of a perplexity, not its logarithm."""
    return math.exp(score) if score is not None and metric.unit == "log_ratio" else score


def as_dict(result: Evaluation) -> dict[str, Any]:
    """The figures, without prompts and answers."""
    return {
        "models": list(result.models),
        "origins": {name: dict(origin) for name, origin in result.origins.items()},
        "n": len(result.cases),
        "conversations": _conversations(result),
        "confidence": result.confidence,
        "metrics": {
            metric.name: {
                name: result.mean(name, metric.name) for name in result.models if metric.name != JUDGE.name
            }
            for metric in result.metrics
        },
        "comparisons": [_comparison(one) for one in result.comparisons],
        "judge_agreement": [
            {
                "feedback": one.feedback,
                "n": one.n,
                "agreement": one.agreement,
                "low": one.low,
                "high": one.high,
                "kappa": one.kappa,
            }
            for one in result.judge_agreement
        ],
        "usage": [
            {
                "model": one.model,
                "questions": one.questions,
                "input_tokens": one.input_tokens,
                "output_tokens": one.output_tokens,
                "usd": one.usd,
                "errors": one.errors,
            }
            for one in result.usage
        ],
        "notes": list(result.notes),
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    return {
        "metric": one.metric,
        "before": one.before,
        "after": one.after,
        "before_mean": one.before_mean,
        "after_mean": one.after_mean,
        "difference": one.difference,
        "low": one.low if math.isfinite(one.low) else None,
        "high": one.high if math.isfinite(one.high) else None,
        "n": one.n,
        "conversations": one.conversations,
        "only_after": one.only_after,
        "only_before": one.only_before,
        "p_value": one.p_value,
        "answers_needed": one.answers_needed,
        "better": one.better,
        "verdict": one.verdict,
    }
