"""Splits a line into the fewest that a target takes, with no answer lost that the target has a form for.

A folded line trains some of its assistant messages and holds others as context (`weight: 0`). What a target can
say of that is in its rules:

    weights="each"      the line as it is
    weights="history"   context only before what is trained: a line for each run of answers without context between
    weights="none"      everything is trained: one line, and the context in it is trained, too

Every line that holds an answer begins with all that came before that answer, or the model would learn to say it to
something else. So lines are beginnings of the line that was split, and each ends with an answer.

Why these are the fewest: with `"history"`, a line trains all assistant messages from its first trained one to its
end. Two answers with context between them are therefore never in one line, so that there is a line for each run at
least; and there are no more. With the others it is one line. Where there are no weights, it is the shortest that
holds the last answer, and whatever context comes before that is trained in any line with that answer.

Which answers have a form at all: a rule that the messages up to an answer break is broken by all that goes on from
there, too. So the answers that a target takes are those before some place. The one exception is an answer that answers
nothing: it can be context.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, checked
from langsmith_finetune._foundation.json_text import OBJECT
from langsmith_finetune.chat_format import kind_of_line
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import AnyExample
from langsmith_finetune.examples.sound import line_of, refuse_other_things
from langsmith_finetune.targets.fix import fixed
from langsmith_finetune.targets.length import Lengths
from langsmith_finetune.targets.line import OUTPUTS, line_problems
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.registry import Problem, Target, TargetRules, rules_of
from langsmith_finetune.targets.rules import Line

Context = Literal["train", "refuse"]
"""What to do where a target would train what is context: train it and count it, or leave out what needs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitLine:
    """What became of one line.

    Args:
        lines: The lines that the target takes, in order.
        trained_context: Assistant messages of weight 0 in these lines that are trained all the same, since the
            target has no weights.
        lost: Answers that the target has no form for, so that no line trains them.
        problem: What it would say to the first of them; None where nothing is lost.
        changes: What was fixed before, as `check(..., fix=True)` does.
    """

    lines: tuple[Mapping[str, Any], ...]
    trained_context: int = 0
    lost: int = 0
    problem: Problem | None = None
    changes: tuple[str, ...] = ()

    def error(self, where: str) -> InvalidExampleError | None:
        """What to raise or to report where something is lost.

        Args:
            where: What to call the line: `"train.jsonl:17"`.
        """
        if self.problem is None:
            return None
        found = self.problem.found
        if self.lines:
            answers = "1 answer has" if self.lost == 1 else f"{self.lost} answers have"
            found += f"; {answers} no line for this target"
        return InvalidExampleError(where, self.problem.field, found, self.problem.how_to_fix)


@checked(max_tokens=AT_LEAST_ONE)
def split_line(
    line: Mapping[str, Any] | AnyExample,
    target: Target | TargetRules,
    *,
    context: Context = "train",
    tokens: Callable[[Mapping[str, Any]], int] | None = None,
    max_tokens: int | None = None,
    where: str = "line",
) -> SplitLine:
    """A line as the fewest that a target takes; each of them passes `check`, and `to_target` makes it a row.

    Every answer that is to be trained is in one of them with all that came before it. Where the target has weights it
    is trained once, and nothing else is. Where it has none, context is trained, too, and counted. A line that the
    target takes as it is comes back alone. Pure: the line stays as it is.

    A preference of several messages, where the target takes answers of one, gets what both answers begin with as
    part of its input: their difference, which is what is learned, is the same. Lines with a label are never split.

    Args:
        line: A line of the OpenAI format, of any kind; or an example, for its line.
        target: The target.
        context: `"refuse"` leaves out answers that the target would train only together with their context.
        tokens: Counts the tokens of a line, as for `check`.
        max_tokens: Tokens a line may have; by default the target's own limit.
        where: What to call the line in errors.

    Raises:
        InvalidExampleError: The line is not JSON.
        TypeError: It is a run or a chat session.
        ValueError: There is no such target; `context` is neither; `tokens` is given and there is no limit.

    Example:
        >>> line = {"messages": [
        ...     {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"},
        ...     {"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "5", "weight": 0},
        ...     {"role": "user", "content": "No."}, {"role": "assistant", "content": "4"},
        ... ]}
        >>> [len(found["messages"]) for found in split_line(line, "trl").lines]
        [2, 6]
        >>> split = split_line(line, "gemini")
        >>> len(split.lines), split.trained_context
        (1, 1)
    """
    splitter = Splitter(rules_of(target), context=context, tokens=tokens, max_tokens=max_tokens)
    refuse_other_things(where, line)
    return splitter.mended(line_of(where, line))


class Splitter:
    """Splits lines for one target.

    Args:
        rules: The target's.
        context: As for `split_line`, and so the others.

    Raises:
        ValueError: `tokens` is given and there is no limit.
    """

    def __init__(
        self,
        rules: TargetRules,
        *,
        context: Context = "train",
        tokens: Callable[[Mapping[str, Any]], int] | None = None,
        max_tokens: int | None = None,
    ) -> None:
        rules = rules if max_tokens is None else replace(rules, max_tokens=max_tokens)
        if tokens is not None and rules.max_tokens is None:
            raise ValueError(f"{rules.name} has one limit per model: pass max_tokens= with tokens=")
        self.rules = rules
        self._lengths = Lengths(rules, tokens)
        self._drops_weights = rules.weights == "none" and context == "train"

    def mended(self, line: Line) -> SplitLine:
        """The line split, once what is safe to fix in it is fixed."""
        line, changes = fixed(line, self.rules)
        split = self.split(line)
        return replace(split, changes=changes) if changes else split

    def split(self, line: Line) -> SplitLine:
        """The line split as it stands."""
        kind = kind_of_line(line)
        if kind == "training" and self._drops_weights and _has_context(line):
            return self._parts(line)
        problem = self._refusal(line)
        if problem is None:
            return SplitLine(lines=(line,))
        if kind == "training":
            return self._parts(line)
        if kind == "preference" and self._refusal(other := self._of_one_answer(line)) is None:
            return SplitLine(lines=(other,))
        return SplitLine(lines=(), lost=1, problem=problem)

    def as_one(self, line: Line) -> Line:
        """The line as one that trains no answer less, whether or not the target takes it: to check it as a whole."""
        part = self._beginnings(line)
        return part.of(part.answers) if part.answers and self._drops_weights else line

    def _beginnings(self, line: Line) -> _Beginnings:
        return _Beginnings(line, mutes=self.rules.weights != "none", drops=self._drops_weights)

    def _parts(self, line: Line) -> SplitLine:
        """The line as beginnings of it. What it is refused for is found anew, for each answer."""
        part = self._beginnings(line)
        if not part.answers:
            errors = self._errors(line)
            # That there is nothing to learn says more than that context is weighted.
            problem = next((error for error in errors if error.rule != "weight"), next(iter(errors), None))
            return SplitLine(lines=() if problem else (line,), problem=problem)
        taken = self._taken(part)
        groups = part.runs(taken) if self.rules.weights == "history" else [taken] if taken else []
        left = sorted(set(part.answers).difference(taken))
        return SplitLine(
            lines=tuple(part.of(group) for group in groups),
            trained_context=part.context_before(taken[-1]) if taken and self._drops_weights else 0,
            lost=len(left),
            problem=self._refusal(part.of(left[:1])) or self._refusal(line) if left else None,
        )

    def _taken(self, part: _Beginnings) -> list[int]:
        """The answers that the target takes."""

        def is_refused(answer: int) -> bool:
            return self._refusal(part.of([answer])) is not None

        first, *later = part.answers
        # The first may be refused for its own sake, as one that answers nothing; the others only with what is before.
        end = len(later)
        if later and is_refused(later[-1]):
            end = bisect_left(later, x=True, key=is_refused)
        return [*([] if is_refused(first) else [first]), *later[:end]]

    def _refusal(self, line: Line) -> Problem | None:
        """The first thing for which the target would refuse a line."""
        return next(iter(self._errors(line)), None)

    def _errors(self, line: Line) -> list[Problem]:
        """All for which the target would refuse a line."""
        found = line_problems(line, self.rules)
        if self.rules.max_tokens is not None:
            too_long = Problems(self.rules, number=None, show_content=False)
            self._lengths.check(line, found, too_long)
            found += too_long.found
        return [problem for problem in found if problem.severity == "error"]

    def _of_one_answer(self, line: Line) -> Line:
        """A preference with what both answers begin with at the end of its input."""
        given, (one, other) = line.get("input"), (line.get(key) for key in OUTPUTS)
        if not (isinstance(given, OBJECT) and isinstance(given.get("messages"), list)):
            return line
        if not (isinstance(one, list) and isinstance(other, list)):
            return line
        same = 0
        while same < min(len(one), len(other)) - 1 and one[same] == other[same]:
            same += 1
        shared = {**given, "messages": [*given["messages"], *one[:same]]}
        return {**line, "input": shared, OUTPUTS[0]: one[same:], OUTPUTS[1]: other[same:]}


class _Beginnings:
    """The assistant messages of a line, and beginnings of the line that train some of them.

    Args:
        line: The line.
        mutes: Answers that are not to be trained get weight 0.
        drops: Weights are left out.
    """

    def __init__(self, line: Line, *, mutes: bool, drops: bool) -> None:
        self._line, self._mutes, self._drops = line, mutes, drops
        messages = line.get("messages")
        self._messages: list[Any] = messages if isinstance(messages, list) else []
        self._said = [index for index, message in enumerate(self._messages) if _is_said(message)]
        self.context = [index for index in self._said if _is_context(self._messages[index])]
        is_context = set(self.context)
        self.answers = [index for index in self._said if index not in is_context]

    def context_before(self, answer: int) -> int:
        """How many messages of context stand before an answer."""
        return sum(index < answer for index in self.context)

    def of(self, answers: Sequence[int]) -> Line:
        """The line up to the last of these answers, which trains them; where it can mute, no others."""
        trained = set(answers)
        messages = self._messages[: answers[-1] + 1]
        for index in self._said:
            if index > answers[-1]:
                break
            message = messages[index]
            if self._drops and _is_weight(message.get("weight")):
                messages[index] = {key: value for key, value in message.items() if key != "weight"}
            elif self._mutes and index not in trained and not _is_context(message):
                messages[index] = {**message, "weight": 0}
        return {**self._line, "messages": messages}

    def runs(self, answers: Sequence[int]) -> list[list[int]]:
        """These answers, together where no other assistant message stands between them."""
        wanted, runs = set(answers), list[list[int]]()
        before = False
        for index in self._said:
            if index in wanted:
                if not before:
                    runs.append([])
                runs[-1].append(index)
            before = index in wanted
        return runs


def _is_said(message: Any) -> bool:
    return isinstance(message, OBJECT) and message.get("role") == "assistant"


def _is_context(message: Any) -> bool:
    return _is_said(message) and _is_weight(message.get("weight")) and message["weight"] == 0


def _has_context(line: Line) -> bool:
    messages = line.get("messages")
    return isinstance(messages, list) and any(map(_is_context, messages))


def _is_weight(weight: Any) -> bool:
    """True if it is a weight that means something: another is an error, and no splitter's to drop."""
    return type(weight) is int and weight in (0, 1)
