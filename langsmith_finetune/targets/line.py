"""Finds every problem of one line, in one pass."""

from __future__ import annotations

from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune._foundation.surrogates import HALF, WHOLE, halves
from langsmith_finetune.targets.conversation import LEGACY, Conversation
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.rules import Line, Problem, TargetRules

OUTPUTS = ("preferred_output", "non_preferred_output")
_PREFERENCE = frozenset({"input", *OUTPUTS})


def line_problems(
    line: Line, rules: TargetRules, *, number: int | None = None, show_content: bool = False
) -> list[Problem]:
    """What a target would say to a line of the OpenAI format.

    Args:
        line: A supervised line, or a preference line.
        rules: The target's.
        number: The line's number, from 1.
        show_content: Say what was found in full words, which may be somebody's data.
    """
    problems = Problems(rules, number=number, show_content=show_content)
    if is_preference(line):
        _preference(line, problems)
    else:
        problems.keys("", line, rules.line_keys | LEGACY, "line_key")
        if "weight" in rules.line_keys and not isinstance(line.get("weight", 1.0), int | float):
            problems.say("type", "weight", f"is {problems.what(line['weight'])}", "Write a number")
        Conversation(problems, supervised=True).read(line, "")
    for field in halves(line):
        problems.say("surrogate", field, HALF, WHOLE)
    return problems.found


def is_preference(line: Line) -> bool:
    """True if a line is meant as one of a preference file."""
    return not _PREFERENCE.isdisjoint(line) and any(line.get(key) is not None for key in _PREFERENCE)


def _preference(line: Line, problems: Problems) -> None:
    rules, given = problems.rules, line.get("input")
    problems.keys("", line, _PREFERENCE, "line_key")
    conversation = Conversation(problems, supervised=False)
    if isinstance(given, OBJECT):
        problems.keys("input", given, rules.line_keys - {"weight"} | LEGACY, "line_key")
        conversation.read(given, "input.")
        messages = given.get("messages")
        last = messages[-1] if isinstance(messages, list) and messages else None
        if isinstance(last, OBJECT) and last.get("role") == "assistant":
            fix = "End the input with what the answers answer"
            problems.say("preference", "input.messages", "end with an assistant message", fix)
    else:
        fix = 'Write {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}'
        problems.say("preference", "input", f"is {problems.what(given)}, not an object with messages", fix)
    for key in OUTPUTS:
        _output(line.get(key), key, conversation, problems)
    preferred, other = (line.get(key) for key in OUTPUTS)
    if preferred == other and isinstance(preferred, list):
        fix = "Leave the line out: there is nothing to prefer"
        problems.say("preference", OUTPUTS[1], "is the same as preferred_output", fix, warn=True)


def _output(answer: Any, key: str, conversation: Conversation, problems: Problems) -> None:
    several = problems.rules.outputs == "several"
    if not isinstance(answer, list) or not answer or (len(answer) > 1 and not several):
        wanted = "a list of assistant and tool messages" if several else "a list of one assistant message"
        problems.say("preference", key, f"is {problems.what(answer)}, not {wanted}", f"Write {wanted}")
        return
    roles = [message.get("role") if isinstance(message, OBJECT) else None for message in answer]
    if "assistant" not in roles or not {"assistant", "tool"}.issuperset(roles):
        fix = "Write the answer alone, and what came before it into input"
        problems.say("preference", key, "does not hold the assistant's answer alone", fix)
        return
    conversation.messages(answer, key, before="user")
