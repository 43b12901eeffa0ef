"""Is it better? Held-out questions to several models, and an honest answer.

    result = evaluate({"before": base_model, "after": tuned_model}, "heldout.jsonl")
    print(result)                                 # which is better, by how much, and how sure that is
    print(result.show_cases())                    # the worst differences first
    result.assert_better("before", "after")       # a gate

Needs `pip install "langsmith-finetune[evaluation]"`. Importing this loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.evaluation.answers import Answer, Call
    from langsmith_finetune.evaluation.cases import Case, cases_of
    from langsmith_finetune.evaluation.comparison import Comparison
    from langsmith_finetune.evaluation.evaluating import aevaluate, evaluate, plan_evaluation
    from langsmith_finetune.evaluation.experiments import LangSmithExperiments, upload_to_langsmith
    from langsmith_finetune.evaluation.judge import Judge, JudgeAgreement
    from langsmith_finetune.evaluation.metrics import Metric, regex_match, trajectory_match
    from langsmith_finetune.evaluation.plan import EvaluationPlan, ModelUsage
    from langsmith_finetune.evaluation.result import Evaluation
    from langsmith_finetune.evaluation.statistics import (
        Difference,
        answers_needed,
        exact_mcnemar,
        paired_difference,
    )
    from langsmith_finetune.evaluation.views import Best, CaseDifference, CaseView, Groups
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.evaluation.answers": ["Answer", "Call"],
            "langsmith_finetune.evaluation.cases": ["Case", "cases_of"],
            "langsmith_finetune.evaluation.comparison": ["Comparison"],
            "langsmith_finetune.evaluation.evaluating": ["aevaluate", "evaluate", "plan_evaluation"],
            "langsmith_finetune.evaluation.experiments": ["LangSmithExperiments", "upload_to_langsmith"],
            "langsmith_finetune.evaluation.judge": ["Judge", "JudgeAgreement"],
            "langsmith_finetune.evaluation.metrics": ["Metric", "regex_match", "trajectory_match"],
            "langsmith_finetune.evaluation.plan": ["EvaluationPlan", "ModelUsage"],
            "langsmith_finetune.evaluation.result": ["Evaluation"],
            "langsmith_finetune.evaluation.statistics": [
                "Difference",
                "answers_needed",
                "exact_mcnemar",
                "paired_difference",
            ],
            "langsmith_finetune.evaluation.views": ["Best", "CaseDifference", "CaseView", "Groups"],
        },
    )

__all__ = [
    "Answer",
    "Best",
    "Call",
    "Case",
    "CaseDifference",
    "CaseView",
    "Comparison",
    "Difference",
    "Evaluation",
    "EvaluationPlan",
    "Groups",
    "Judge",
    "JudgeAgreement",
    "LangSmithExperiments",
    "Metric",
    "ModelUsage",
    "aevaluate",
    "answers_needed",
    "cases_of",
    "evaluate",
    "exact_mcnemar",
    "paired_difference",
    "plan_evaluation",
    "regex_match",
    "trajectory_match",
    "upload_to_langsmith",
]
