"""`evaluate`: held-out questions to several models, and which of them answers better."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune.evaluation.cases import Answers, Case
from langsmith_finetune.evaluation.judge import Judge
from langsmith_finetune.evaluation.metrics import Metric, Scorer
from langsmith_finetune.evaluation.models import Model
from langsmith_finetune.evaluation.options import EvaluateOptions, Request, signature_of
from langsmith_finetune.evaluation.plan import EvaluationPlan, Price
from langsmith_finetune.evaluation.result import Evaluation
from langsmith_finetune.evaluation.running import evaluated, planned


@checked()
def evaluate(
    models: Mapping[str, Model],
    heldout: str | Path | Iterable[Any],
    *,
    metrics: Sequence[str | Metric | Scorer] | None = None,
    judge: Judge | Model | None = None,
    answers: Answers = "all",
    groups: Callable[[Case], Mapping[str, str | Sequence[str]]] | None = None,
    results: str | Path | None = None,
    usd_per_million_tokens: Mapping[str, Price] | None = None,
    max_usd: float | None = None,
    max_concurrency: int = 8,
    batch_size: int = 16,
    confidence: float = 0.95,
    seed: int = 0,
    progress: bool = True,
) -> Evaluation:
    """Ask every model the held-out questions, and say which answers better.

    Each recorded answer that training would learn is asked for again, after exactly what came before it and with the
    tools of that call. Nothing leaves for LangSmith, whatever keys and tracing variables are set. Each answer is kept
    in a folder as it comes: call it again after a kill, and only what is missing is asked.

    Args:
        models: The models by the names that the report shall have; the others are compared with the first. Chat models
            of LangChain's, what `job.wait()` returned, model folders, providers' models (`"openai:gpt-4.1-mini"`), or functions
            of the messages and, if they take two arguments, the tools.
        heldout: A file of lines that no model was trained on, or lines or examples themselves.
        metrics: Names of built-in metrics, functions of case and answer, or `Metric`s; by default every built-in one
            that applies. `"perplexity"` is for local models.
        judge: A chat model that says which of two answers is better, or a `Judge` with a rubric of yours.
        answers: Which answers of a line are asked for: `"all"`, `"last"`, or at most so many, spread evenly.
        groups: Further groups of a case, by kind: `lambda case: {"tag": tags[case.run_id]}`.
        results: The folder that keeps the answers; by default `heldout.evaluation` beside `heldout.jsonl`. Answers to
            lines that are no file are kept only where this is given.
        usd_per_million_tokens: What hosts ask, by model: US dollars for a million tokens in, and for a million out.
            The judge's name is `"judge"`.
        max_usd: Ask nothing if the estimate is above this, in US dollars, or if a price is not known.
        max_concurrency: Questions that wait for a host's answers at a time. A `rate_limiter=` of the chat model holds
            too, and where a host asks to wait, all wait.
        batch_size: Prompts of a local model that go through it together.
        confidence: How often the intervals hold the true difference.
        seed: Of the resampling of conversations.
        progress: Show a bar.

    Returns:
        The evaluation. `print` it for the verdicts.

    Raises:
        ImportError: A package is missing; names the extra.
        InvalidExampleError: A held-out line is not sound; names file and line.
        ProviderError: A model can answer no question at all, such as with a wrong key.
        TypeError: What was given is no model, or no metric.
        ValueError: A setting is out of its range, or it would cost more than `max_usd`.

    Example:
        >>> lines = [{"messages": [
        ...     {"role": "user", "content": f"{n} + {n}?"}, {"role": "assistant", "content": f"{n + n}"}
        ... ]} for n in range(30)]
        >>> result = evaluate(
        ...     {"before": lambda messages: "I do not know", "after": lambda messages: str(2 * int(messages[-1].content.split()[0]))},
        ...     lines, metrics=["exact_match"], progress=False)
        >>> print(result)
        exact_match: after is better than before by 100 points (95 % interval 88 to 100, n = 30 answers in 30 conversations)
        >>> result.assert_better("before", "after", metric="exact_match")
    """
    request = Request(
        models=models,
        heldout=heldout,
        metrics=metrics,
        judge=judge,
        answers=answers,
        groups=groups,
        results=results,
        usd_per_million_tokens=usd_per_million_tokens,
        max_usd=max_usd,
        max_concurrency=max_concurrency,
        batch_size=batch_size,
        confidence=confidence,
        seed=seed,
        progress=progress,
    )
    return evaluated(request, threading.Event())


@signature_of(evaluate)
async def aevaluate(
    models: Mapping[str, Model], heldout: str | Path | Iterable[Any], **settings: Unpack[EvaluateOptions]
) -> Evaluation:
    """`evaluate` without blocking the event loop: the questions are asked in threads.

    If it is cancelled, no further question is asked, and what was answered is kept.

    Args:
        models: As for `evaluate`.
        heldout: As for `evaluate`.
        **settings: The settings of `evaluate`.
    """
    request = Request(models=models, heldout=heldout, **settings)
    stopped = threading.Event()
    try:
        return await asyncio.to_thread(evaluated, request, stopped)
    except asyncio.CancelledError:
        stopped.set()
        raise


@signature_of(evaluate)
def plan_evaluation(
    models: Mapping[str, Model], heldout: str | Path | Iterable[Any], **settings: Unpack[EvaluateOptions]
) -> EvaluationPlan:
    """What `evaluate` would ask, and about how much that would cost. Asks nothing.

    Args:
        models: As for `evaluate`.
        heldout: As for `evaluate`.
        **settings: The settings of `evaluate`.

    Example:
        >>> lines = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}]
        >>> print(plan_evaluation({"mine": lambda messages: "Hello!"}, lines, usd_per_million_tokens={"mine": (0.4, 1.6)}))
        1 answer in 1 conversation
        about mine: 1 question, 5 tokens in, 6 out, $0.00
    """
    request = Request(models=models, heldout=heldout, **settings)
    return planned(request)
