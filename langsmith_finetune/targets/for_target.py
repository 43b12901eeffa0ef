"""Turns examples into those that a target takes, and tells what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, checked, many
from langsmith_finetune._foundation.counted import counted
from langsmith_finetune._foundation.passes import Passes, Source
from langsmith_finetune._foundation.tally import Tally
from langsmith_finetune._printable import logger_of, printable
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import AnyExample, replace
from langsmith_finetune.examples.sound import is_example, line_of, name_of, refuse_other_things
from langsmith_finetune.targets.registry import RuleName, Target, TargetRules, rules_of
from langsmith_finetune.targets.splitting import Context, SplitLine, Splitter

logger = logger_of(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """What became of one line, where it is not one line that trains what it says. Holds no content.

    Args:
        where: The run, or `"example 17"`; of a file, `"train.jsonl:17"`.
        lines: How many lines it became.
        trained_context: Assistant messages of its context that these lines train.
        lost: Its answers that none of these lines holds.
        rule: The rule of the target for which they are lost; `"json"` where the line cannot be read.
        why: What the target would say to the first of them.
    """

    where: str
    lines: int
    trained_context: int
    lost: int
    rule: RuleName | None = None
    why: str = ""

    def __str__(self) -> str:
        said = [f"{self.lines} lines"] if self.lines > 1 else []
        if self.trained_context:
            said.append(f"context trained: {self.trained_context}")
        if self.why:
            said.append(f"answers lost: {self.lost} ({self.why})" if self.lines else f"left out ({self.why})")
        return printable(f"{self.where}: {', '.join(said)}")


class SplitReport:
    """How often a target needed another form of a line: split, with context trained, or refused.

    Counts are of all lines of the last pass; of `changes`, the first 1,000 are kept. Prints as text.

    Args:
        target: The target's name.
    """

    def __init__(self, target: str = "") -> None:
        self.begin(target)

    def begin(self, target: str) -> None:
        """Count afresh, for another pass."""
        self.target = target
        self.read = 0
        """Lines that were given."""
        self.written = 0
        """Lines that came of them."""
        self.split = 0
        """Lines that became several."""
        self.trained_context = 0
        """Assistant messages that are context, and are trained all the same."""
        self.with_context = 0
        """Lines that hold such messages."""
        self.lost = 0
        """Answers that the target has no form for."""
        self.left_out = 0
        """Lines of which nothing came."""
        self.reasons: Counter[RuleName] = Counter()
        """Lines that lost answers, or were left out, by the rule of the target."""
        self.changes: Tally[LineChange] = Tally(_kind_of)

    def add(self, where: str, split: SplitLine, error: InvalidExampleError | None = None) -> None:
        """Count what became of a line, and keep it if there is something to tell.

        Args:
            where: What to call the line.
            split: What became of it.
            error: What is lost of it.
        """
        self.read += 1
        self.written += len(split.lines)
        self.split += len(split.lines) > 1
        self.trained_context += split.trained_context
        self.with_context += split.trained_context > 0
        self.lost += split.lost
        self.left_out += not split.lines
        if error is not None or len(split.lines) > 1 or split.trained_context:
            why = "" if error is None else f"{error.field}: {error.reason}".removeprefix(": ")
            rule: RuleName | None = None if error is None else "json"
            if split.problem is not None:
                rule = split.problem.rule
            if rule is not None:
                self.reasons[rule] += 1
            self.changes.add(
                LineChange(
                    where=where,
                    lines=len(split.lines),
                    trained_context=split.trained_context,
                    lost=split.lost,
                    rule=rule,
                    why=why,
                )
            )

    def says(self) -> str:
        """What there is to tell, in one line; empty where every line is taken as it is."""
        told = []
        if self.split:
            told.append(f"{counted(self.split, 'line')} split, {self.written:,} lines from {self.read:,}")
        if self.trained_context:
            messages = counted(self.trained_context, "assistant message")
            told.append(
                f"{messages} of the context in {counted(self.with_context, 'line')} trained too, since {self.target} "
                "has no weights"
            )
        if self.lost:
            told.append(f"{counted(self.lost, 'answer')} lost, which {self.target} has no form for")
        if self.left_out:
            told.append(f"{counted(self.left_out, 'line')} left out")
        if self.reasons:
            told.append("for " + ", ".join(f"{rule} {count:,}" for rule, count in self.reasons.most_common()))
        return "; ".join(told)

    def __str__(self) -> str:
        head = f"for {self.target}: {self.read:,} in, {self.written:,} out"
        said = self.says()
        shown = [str(change) for change in self.changes[:20]]
        if self.changes.total > len(shown):
            shown.append(f"... and {self.changes.total - len(shown):,} more")
        return printable("\n".join([f"{head}; {said}" if said else head, *shown]))

    def __repr__(self) -> str:
        return f"<SplitReport {str(self).partition(chr(10))[0]}>"


def _kind_of(change: LineChange) -> str:
    return change.rule or ("split" if change.lines > 1 else "context trained")


def report_or_raise(
    report: SplitReport,
    where: str,
    split: SplitLine,
    error: InvalidExampleError | None,
    on_skip: Callable[[InvalidExampleError], None] | None,
) -> None:
    """Count what became of a line.

    Args:
        report: Takes it.
        where: What to call the line.
        split: What became of it.
        error: What is lost of it.
        on_skip: Called with the error; without it, the error is raised.
    """
    if error is not None and on_skip is None:
        raise error
    report.add(where, split, error)
    if error is not None and on_skip is not None:
        on_skip(error)


def told(example: AnyExample, split: SplitLine, target: str) -> Iterator[AnyExample]:
    """An example for each line that came of one, with what was done in its `changes`."""
    for number, line in enumerate(split.lines, start=1):
        changes = []
        if len(split.lines) > 1:
            changes.append(f"line {number} of {len(split.lines)} for {target}")
        if split.trained_context:
            changes.append(
                f"trains {counted(split.trained_context, 'assistant message')} of the context for {target}"
            )
        if line is example.line and not changes:
            yield example
        else:
            yield replace(example, line=cast("Any", line), changes=(*example.changes, *changes))


@checked(max_tokens=AT_LEAST_ONE)
def examples_for_target(
    examples: Iterable[AnyExample | Mapping[str, Any]],
    target: Target | TargetRules,
    *,
    context: Context = "train",
    tokens: Callable[[Mapping[str, Any]], int] | None = None,
    max_tokens: int | None = None,
    on_skip: Callable[[InvalidExampleError], None] | None = None,
    report: SplitReport | None = None,
) -> Iterator[Any]:
    """The examples as the fewest that a target takes, each line of which passes `check`; see `split_line`.

    What was fixed and how a line was split is in the `changes` of each. All that come of a folded example keep its
    runs, so that erasing a run removes every line that may hold what it said.

    Args:
        examples: Examples of any kind, or bare lines.
        target: Where they are to go.
        context: `"train"` lets a target without weights train context too, and counts it. `"refuse"` leaves
            out answers that it would train only together with their context.
        tokens: Counts the tokens of a line, as for `check`.
        max_tokens: Tokens an example may have; by default the target's own limit.
        on_skip: Called for each example that loses answers, with the reason; the lines of its other answers are
            kept. Without it, the error is raised.
        report: Filled with how often a line was split, context trained, and an answer lost.

    Raises:
        InvalidExampleError: An example is not JSON, or the target has no form for an answer, and `on_skip` is not given.
        TypeError: A single example was given, or runs or chat sessions.
        ValueError: There is no such target; `context` is neither; `tokens` is given and there is no limit.

    Example:
        >>> from langsmith_finetune import TrainingExample
        >>> shown = [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4", "weight": 0}]
        >>> asked = [{"role": "user", "content": "3+3?"}, {"role": "assistant", "content": "6"}]
        >>> report = SplitReport()
        >>> examples = [TrainingExample(line={"messages": [*shown, *asked]})]
        >>> [example] = examples_for_target(examples, "bedrock", report=report)
        >>> example.changes
        ('trains 1 assistant message of the context for bedrock',)
        >>> print(report)
        for bedrock: 1 in, 1 out; 1 assistant message of the context in 1 line trained too, since bedrock has no weights
        example 0: context trained: 1
    """
    source = Source("examples", many("examples", examples, "examples or lines"))
    rules = rules_of(target)
    splitter = Splitter(rules, context=context, tokens=tokens, max_tokens=max_tokens)
    given = report if report is not None else SplitReport()
    return Passes(lambda: _for_target(source, splitter, on_skip, given))


def _for_target(
    examples: Source[AnyExample | Mapping[str, Any]],
    splitter: Splitter,
    on_skip: Callable[[InvalidExampleError], None] | None,
    report: SplitReport,
) -> Generator[Any, None, None]:
    report.begin(splitter.rules.name)
    for index, example in enumerate(examples):
        where = name_of(example, index)
        refuse_other_things(where, example)
        try:
            split = splitter.mended(line_of(where, example))
            error = split.error(where)
        except InvalidExampleError as found:  # no JSON
            split, error = SplitLine(lines=()), found
        report_or_raise(report, where, split, error, on_skip)
        if is_example(example):
            mended = (
                replace(example, changes=(*example.changes, *split.changes)) if split.changes else example
            )
            yield from told(mended, split, splitter.rules.name)
        else:
            yield from split.lines
    if not report.written and not (report.read == 0 and examples.explains_itself):
        why = f"none of {counted(report.read, 'line')} is taken" if report.read else examples.emptiness
        logger.warning("examples_for_target gives nothing for %s: %s", report.target, why)
