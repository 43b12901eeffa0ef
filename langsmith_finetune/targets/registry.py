"""All targets by name, and conversion to and from their rows.

    line = {"messages": [...], "tools": [...]}       what this library writes
    row = to_target(line, "gemini")                  what the target reads
    line = from_target(row, "gemini")                and back

`check` in `langsmith_finetune.targets.checking` applies the rules to whole files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.json_line import json_line
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import AnyExample
from langsmith_finetune.examples.sound import line_of, refuse_other_things
from langsmith_finetune.targets.azure import AZURE
from langsmith_finetune.targets.bedrock import BEDROCK
from langsmith_finetune.targets.crusoe import CRUSOE
from langsmith_finetune.targets.fireworks import FIREWORKS
from langsmith_finetune.targets.fix import fixed
from langsmith_finetune.targets.gemini import GEMINI
from langsmith_finetune.targets.line import line_problems
from langsmith_finetune.targets.local import HUGGINGFACE, LOCAL
from langsmith_finetune.targets.nebius import NEBIUS
from langsmith_finetune.targets.openai import OPENAI
from langsmith_finetune.targets.rules import Problem, RuleName, Target, TargetRules
from langsmith_finetune.targets.together import TOGETHER
from langsmith_finetune.targets.trl import TRL

TARGETS: dict[Target, TargetRules] = {
    "openai": OPENAI,
    "azure": AZURE,
    "together": TOGETHER,
    "fireworks": FIREWORKS,
    "nebius": NEBIUS,
    "crusoe": CRUSOE,
    "local": LOCAL,
    "huggingface": HUGGINGFACE,
    "trl": TRL,
    "gemini": GEMINI,
    "bedrock": BEDROCK,
}
"""The rules of each target."""

FILE_PREFIX: dict[str, bytes] = {name: rules.file_prefix for name, rules in TARGETS.items()}
"""Bytes that a target's file begins with: Azure's guide asks for a byte order mark."""

TEXT_RULES: frozenset[RuleName] = frozenset({"special_token", "forbidden_word", "image_size"})
"""What a target refuses of a line that it can read all the same: `check` tells, the converter passes it on."""


def rules_of(target: Target | TargetRules) -> TargetRules:
    """The rules of a target, by its name; rules of your own are returned as they are.

    Raises:
        ValueError: There is no such target.
    """
    if isinstance(target, TargetRules):
        return target
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, or TargetRules, not {target!r}")
    return TARGETS[target]


@checked()
def to_target(
    line: Mapping[str, Any] | AnyExample, target: Target | TargetRules, *, where: str = "line"
) -> dict[str, Any]:
    """A training line as the row that a target reads. Pure: the line stays as it is.

    What is safe to fix is fixed first, as `check(..., fix=True)` does.

    Args:
        line: A line of the OpenAI format, supervised or preference; or an example, for its line.
        target: The target.
        where: What to call the line in errors: `"train.jsonl:17"`.

    Returns:
        The row. A file for Azure begins with `FILE_PREFIX["azure"]`.

    Raises:
        InvalidExampleError: The target has no form for the line, or would refuse it; names the first problem.
        TypeError: It is a run or a chat session.
        ValueError: There is no such target.

    Example:
        >>> line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
        >>> to_target(line, "gemini")["contents"][1]
        {'role': 'model', 'parts': [{'text': 'Hello!'}]}
    """
    rules = rules_of(target)
    refuse_other_things(where, line)
    return row_of(line, rules, where)


def row_of(line: Mapping[str, Any] | AnyExample, rules: TargetRules, where: str) -> dict[str, Any]:
    """`to_target`, for the loops that call it once a line."""
    line, _ = fixed(line_of(where, line), rules)
    for problem in line_problems(line, rules):
        if problem.severity == "error" and problem.rule not in TEXT_RULES:
            raise InvalidExampleError(where, problem.field, problem.found, problem.how_to_fix)
    return rules.to_row(line)


@checked()
def from_target(
    row: Mapping[str, Any], target: Target | TargetRules, *, where: str = "row"
) -> dict[str, Any]:
    """A target's row as a training line of the OpenAI format.

    For those of the OpenAI format nothing changes. For TRL, Gemini and Bedrock, what `to_target` gave
    comes back the same, but for what the target has no place for: see each target's module.

    Args:
        row: A row in the target's own shape.
        target: The target.
        where: What to call the row in errors.

    Raises:
        InvalidExampleError: The row is not as the target reads it.
        ValueError: There is no such target.

    Example:
        >>> row = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
        >>> from_target(row, "gemini")
        {'messages': [{'role': 'user', 'content': 'Hi'}]}
    """
    return line_from(row, rules_of(target), where)


def line_from(row: Mapping[str, Any], rules: TargetRules, where: str) -> dict[str, Any]:
    """`from_target`, for the loops that call it once a row."""
    row = json_line(where, row)
    try:
        return rules.from_row(row)
    except InvalidExampleError as error:
        raise InvalidExampleError(where, error.field, error.reason, error.how_to_fix) from None


__all__ = [
    "FILE_PREFIX",
    "TARGETS",
    "Problem",
    "RuleName",
    "Target",
    "TargetRules",
    "from_target",
    "rules_of",
    "to_target",
]
