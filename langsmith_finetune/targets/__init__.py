"""Where a training file may go: the rules of each target, the check, and the rows it reads.

    report = check("train.jsonl", "openai")                      # every line that the target would refuse, and why
    report = check("train.jsonl", "openai", fix=True, fixed_path="fixed.jsonl")
    rows = [to_target(line, "gemini") for line in read_jsonl("train.jsonl")]
    lines = split_line(line, "trl").lines                        # of a folded line, as few as the target takes

Nothing is imported before a name is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langsmith_finetune._foundation.doors import door

if TYPE_CHECKING:
    from langsmith_finetune.targets.checking import check, fix_examples
    from langsmith_finetune.targets.for_target import LineChange, SplitReport, examples_for_target
    from langsmith_finetune.targets.registry import TARGETS, from_target, to_target
    from langsmith_finetune.targets.report import CheckReport
    from langsmith_finetune.targets.rules import Problem, RuleName, Target, TargetRules
    from langsmith_finetune.targets.splitting import SplitLine, split_line
else:
    __getattr__, __dir__ = door(
        __name__,
        {
            "langsmith_finetune.targets.checking": ["check", "fix_examples"],
            "langsmith_finetune.targets.for_target": ["LineChange", "SplitReport", "examples_for_target"],
            "langsmith_finetune.targets.registry": ["TARGETS", "from_target", "to_target"],
            "langsmith_finetune.targets.report": ["CheckReport"],
            "langsmith_finetune.targets.rules": ["Problem", "RuleName", "Target", "TargetRules"],
            "langsmith_finetune.targets.splitting": ["SplitLine", "split_line"],
        },
    )

__all__ = [
    "TARGETS",
    "CheckReport",
    "LineChange",
    "Problem",
    "RuleName",
    "SplitLine",
    "SplitReport",
    "Target",
    "TargetRules",
    "check",
    "examples_for_target",
    "fix_examples",
    "from_target",
    "split_line",
    "to_target",
]
