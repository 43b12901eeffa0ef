"""Carries out an evaluation: asks the models and the judge, scores, and writes the figures down."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langsmith import tracing_context

from langsmith_finetune._foundation.display import progress_shown
from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._printable import logger_of
from langsmith_finetune.evaluation.answers import Answer
from langsmith_finetune.evaluation.asking import ask_all, unanswered
from langsmith_finetune.evaluation.calls import require_jsonschema
from langsmith_finetune.evaluation.cases import Case, cases_of
from langsmith_finetune.evaluation.judge import (
    JudgeAgreement,
    agreements,
    needs_no_judge,
    pair_question,
    preference,
    recorded_question,
    vote_in,
)
from langsmith_finetune.evaluation.metrics import (
    BUILT_IN,
    JUDGE,
    PERPLEXITY,
    Metric,
    check_names,
    metric_of,
)
from langsmith_finetune.evaluation.models import Asked, asked_model, local_chat_of
from langsmith_finetune.evaluation.options import Request
from langsmith_finetune.evaluation.perplexity import log_perplexities
from langsmith_finetune.evaluation.plan import (
    EvaluationPlan,
    ModelUsage,
    counted_usage,
    estimated_usage,
)
from langsmith_finetune.evaluation.result import Evaluation
from langsmith_finetune.evaluation.results_folder import KeptRows, file_name, results_folder
from langsmith_finetune.evaluation.statistics import require_scipy
from langsmith_finetune.ledger.ledger import Ledger
from langsmith_finetune.ledger.rows import closing_of, ledger_path

logger = logger_of(__name__)


def _prepared(request: Request) -> tuple[list[Asked], list[Case]]:
    """The models and the cases, once it is seen that all can be done."""
    require_scipy()
    require_jsonschema()
    asked = [
        asked_model(name, model, batch_size=request.batch_size) for name, model in request.models.items()
    ]
    return asked, cases_of(request.heldout, answers=request.answers, groups=request.groups)


@contextmanager
def _folder(request: Request) -> Iterator[Path | None]:
    """The folder that keeps the answers, held by this evaluation; None where they are not kept."""
    if request.folder is None:
        yield None
        return
    with results_folder(request.folder) as folder:
        yield folder


def _kept(folder: Path | None, model: Asked, kind: str) -> KeptRows:
    return KeptRows(None if folder is None else folder / file_name(model.name, model.digest, kind))


def _plan(
    request: Request, asked: Sequence[Asked], cases: Sequence[Case], folder: Path | None
) -> EvaluationPlan:
    usages = [
        estimated_usage(
            model.name,
            unanswered(cases, _kept(folder, model, "answers")),
            is_local=model.is_local,
            price=request.price_of(model.name),
        )
        for model in asked
    ]
    if judge := request.judge_of_all:
        model = asked_model("judge", judge.model, batch_size=request.batch_size)
        recorded = [Answer(message=case.expected) for case in cases]
        questions = [
            pair_question(judge, case, answer, answer) for case, answer in zip(cases, recorded, strict=True)
        ]
        questions *= 2 * (len(asked) - 1)
        questions += [recorded_question(judge, case) for case in cases if case.scores]
        left = questions[len(_kept(folder, model, "votes")) :]
        usages.append(
            estimated_usage(model.name, left, is_local=model.is_local, price=request.price_of(model.name))
        )
    return EvaluationPlan(
        models=tuple(usages),
        cases=len(cases),
        conversations=len({case.conversation for case in cases}),
    )


def planned(request: Request) -> EvaluationPlan:
    """What an evaluation would ask. Makes no folder."""
    asked, cases = _prepared(request)
    folder = request.folder
    return _plan(request, asked, cases, folder if folder is not None and folder.is_dir() else None)


def evaluated(request: Request, stopped: threading.Event) -> Evaluation:
    """Carry out an evaluation.

    Args:
        request: What is asked for.
        stopped: Once it is set, nothing more is asked.
    """
    metrics = [metric_of(each) for each in (BUILT_IN if request.metrics is None else request.metrics)]
    check_names(metrics)
    asked, cases = _prepared(request)
    with progress_shown(request.progress), _folder(request) as folder:
        plan = _plan(request, asked, cases, folder)
        logger.info("%s", str(plan).replace("\n", "; "))
        _refuse_price(plan, request.max_usd)
        run = _Run(request, cases, folder, stopped)
        result = run.result(asked, metrics)
        if folder is not None:
            with atomic_write(folder / "result.json") as file:
                text = json.dumps(result.to_dict(), ensure_ascii=False, indent=1)
                file.write(text.encode("utf-8", "backslashreplace") + b"\n")
        return result


def _refuse_price(plan: EvaluationPlan, max_usd: float | None) -> None:
    if max_usd is None:
        return
    if plan.usd is None:
        names = ", ".join(usage.model for usage in plan.models if usage.usd is None and usage.questions)
        raise ValueError(
            f"max_usd is given, and no price is known for {names}: give "
            "usd_per_million_tokens={name: (in, out)}, or leave max_usd out"
        )
    if plan.usd > max_usd:
        raise ValueError(f"this would cost about ${plan.usd:,.2f}, more than max_usd=${max_usd:,.2f}: {plan}")


class _Run:
    """One evaluation under way.

    Args:
        request: What is asked for.
        cases: The cases.
        folder: The folder that keeps the answers.
        stopped: Once it is set, nothing more is asked.
    """

    def __init__(
        self, request: Request, cases: Sequence[Case], folder: Path | None, stopped: threading.Event
    ) -> None:
        self._request, self._cases, self._folder, self._stopped = request, cases, folder, stopped
        self._usage: list[ModelUsage] = []
        self._notes: list[str] = _trained_on(request.heldout)

    def result(self, asked: Sequence[Asked], metrics: Sequence[Metric]) -> Evaluation:
        """Ask all models and then the judge, and score."""
        answers: dict[str, list[Answer]] = {}
        surprises: dict[str, list[float | None]] = {}
        for model in asked:
            answers[model.name] = self._ask(model, self._cases)
            if PERPLEXITY in metrics:
                surprises[model.name] = self._surprises(model)
            model.release()
        scores = {
            metric.name: {
                name: surprises[name] if metric is PERPLEXITY else self._scores(metric, given)
                for name, given in answers.items()
            }
            for metric in metrics
        }
        measured = [metric for metric in metrics if _applies(scores[metric.name])]
        preferences, agreement = self._judged(asked, answers)
        if preferences:
            measured.append(JUDGE)
        if not measured:
            raise ValueError("none of the metrics applies to any of these cases; give others by metrics=")
        return Evaluation(
            models=tuple(answers),
            cases=tuple(self._cases),
            answers=answers,
            scores={metric.name: scores[metric.name] for metric in measured if metric is not JUDGE},
            metrics=tuple(measured),
            preferences=preferences,
            judge_agreement=agreement,
            usage=tuple(self._usage),
            notes=tuple(self._notes),
            origins={model.name: model.origin for model in asked},
            folder=self._folder,
            confidence=self._request.confidence,
            seed=self._request.seed,
        )

    def _ask(self, model: Asked, cases: Sequence[Case], kind: str = "answers") -> list[Answer]:
        answers = ask_all(
            model,
            cases,
            _kept(self._folder, model, kind),
            max_concurrency=self._request.max_concurrency,
            stopped=self._stopped,
        )
        price = self._request.price_of(model.name)
        usage = counted_usage(model.name, cases, answers, is_local=model.is_local, price=price)
        self._usage.append(usage)
        return answers

    def _scores(self, metric: Metric, answers: Sequence[Answer]) -> list[float | None]:
        with tracing_context(enabled=False):  # a scorer may be traced
            return [metric.of(case, answer) for case, answer in zip(self._cases, answers, strict=True)]

    def _surprises(self, model: Asked) -> list[float | None]:
        chat = local_chat_of(model)
        if chat is None:
            self._notes.append(f"perplexity is measured of local models, and {model.name} is none")
            return [None] * len(self._cases)
        return log_perplexities(
            chat, self._cases, _kept(self._folder, model, "perplexity"), stopped=self._stopped
        )

    def _judged(
        self, asked: Sequence[Asked], answers: Mapping[str, Sequence[Answer]]
    ) -> tuple[dict[str, list[float | None]], tuple[JudgeAgreement, ...]]:
        """The judge's preferences over the first model, and how the judge agrees with people."""
        judge = self._request.judge_of_all
        if judge is None:
            return {}, ()
        model = asked_model("judge", judge.model, batch_size=self._request.batch_size)
        first, *others = (each.name for each in asked)
        pairs = [(name, place) for name in others for place in range(len(self._cases))]
        votes: dict[tuple[str, int, bool], str | None] = {}
        questions: list[tuple[tuple[str, int, bool] | None, Case]] = []
        for name, place in pairs:
            case, one, other = self._cases[place], answers[first][place], answers[name][place]
            for is_forwards, pair in ((True, (one, other)), (False, (other, one))):
                if (known := needs_no_judge(*pair)) is not None:
                    votes[name, place, is_forwards] = known
                else:
                    questions.append(((name, place, is_forwards), pair_question(judge, case, *pair)))
        scored = [case for case in self._cases if case.scores]
        questions += [(None, recorded_question(judge, case)) for case in scored]
        said = self._ask(model, [question for _, question in questions], "votes") if questions else []
        votes |= {key: vote_in(answer) for (key, _), answer in zip(questions, said, strict=True) if key}
        unclear = sum(vote not in ("first", "second", "tie") for vote in votes.values())
        if unclear:
            self._notes.append(
                f"{unclear} of {len(votes)} votes of the judge name no winner, so their pairs do not count"
            )
        preferences: dict[str, list[float | None]] = {name: [] for name in others}
        for name, place in pairs:
            both = votes[name, place, True], votes[name, place, False]
            preferences[name].append(preference(*both))
        return preferences, agreements(scored, said[len(said) - len(scored) :])


def _trained_on(heldout: Any) -> list[str]:
    """A note if a job was trained on the very lines that it is measured by, as far as the ledger beside them tells."""
    if not isinstance(heldout, str | Path) or not ledger_path(Path(heldout)).exists():
        return []
    path = Path(heldout)
    sha256 = closing_of(ledger_path(path))["sha256"]
    jobs = [
        job["job_id"]
        for job in Ledger(path).jobs()
        if job["role"] == "training" and job["file_sha256"] == sha256
    ]
    return [
        f"{path.name} was trained on by job {job}: what its model does here says little of other lines"
        for job in jobs
    ]


def _applies(scores: Mapping[str, Sequence[float | None]]) -> bool:
    return any(score is not None for each in scores.values() for score in each)
