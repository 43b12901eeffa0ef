"""Finds every problem of one line, in one pass."""

from __future__ import annotations

from typing import Any

from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune._foundation.surrogates import HALF, WHOLE, halves
from langsmith_finetune.chat_format import ANSWERS, kind_of_line
from langsmith_finetune.targets.conversation import LEGACY, Conversation
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.rules import Line, Problem, TargetRules

OUTPUTS = ANSWERS["preference"]
_LABEL = frozenset({"prompt", "completion", "label", "tools", "parallel_tool_calls"})
_PREFERENCE = frozenset({"input", *OUTPUTS})


def line_problems(
    line: Line, rules: TargetRules, *, number: int | None = None, show_content: bool = False
) -> list[Problem]:
    """What a target would say to a line of the OpenAI format.

    Args:
        line: A supervised line, a preference line or a line with a label.
        rules: The target's.
        number: The line's number, from 1.
        show_content: Say what was found in full words, which may be somebody's data.
    """
    problems = Problems(rules, number=number, show_content=show_content)
    kind = kind_of_line(line)
    if kind == "preference":
        _preference(line, problems)
    elif kind == "label":
        _label(line, problems)
    else:
        problems.keys("", line, rules.line_keys | LEGACY, "line_key")
        if "weight" in rules.line_keys and not isinstance(line.get("weight", 1.0), int | float):
            problems.say("type", "weight", f"is {problems.what(line['weight'])}", "Write a number")
        Conversation(problems, supervised=True).read(line, "")
    for field in halves(line):
        problems.say("surrogate", field, HALF, WHOLE)
    return problems.found


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


def _label(line: Line, problems: Problems) -> None:
    if not problems.rules.labels:
        fix = "Train on it here, with LocalProvider and method='kto', or write training lines"
        found = "belongs to a line with a label, which this target does not read"
        problems.say("line_key", "label", found, fix, is_fatal=True)
        return
    problems.keys("", line, _LABEL, "line_key")
    conversation = Conversation(problems, supervised=False)
    asked = {key: line[key] for key in ("tools", "parallel_tool_calls") if key in line}
    conversation.read(asked | {"messages": line.get("prompt")}, "")
    _output(line.get("completion"), "completion", conversation, problems)
    if not isinstance(line.get("label"), bool):
        fix = "Write true for a good answer, false for a bad one"
        problems.say("type", "label", f"is {problems.what(line.get('label'))}, not true or false", fix)


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
