"""Checks lines against a target's rules, offline: what it would refuse, why, and how to fix it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from langsmith_finetune._foundation.arguments import AT_LEAST_ONE, NOT_NEGATIVE, checked, many
from langsmith_finetune._foundation.files import atomic_write
from langsmith_finetune._foundation.passes import Passes, Source
from langsmith_finetune._foundation.watched import watched
from langsmith_finetune._printable import logger_of
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import replace as copied
from langsmith_finetune.examples.sound import is_example, line_of, name_of, refuse_other_things
from langsmith_finetune.targets.checker import KEPT, Checker, Example
from langsmith_finetune.targets.fix import fixed
from langsmith_finetune.targets.line import line_problems
from langsmith_finetune.targets.registry import Problem, RuleName, Target, TargetRules, rules_of
from langsmith_finetune.targets.report import CheckReport

logger = logger_of(__name__)


@checked(max_tokens=AT_LEAST_ONE, keep=NOT_NEGATIVE)
def check(
    path_or_examples: str | Path | Iterable[Example],
    target: Target | TargetRules,
    *,
    fix: bool = False,
    fixed_path: str | Path | None = None,
    tokens: Callable[[Mapping[str, Any]], int] | None = None,
    max_tokens: int | None = None,
    ignore: Collection[RuleName] = (),
    keep: int = KEPT,
    show_content: bool = False,
    on_problem: Callable[[Problem], None] | None = None,
) -> CheckReport:
    """Find everything in a training file that a target would refuse, without sending it anywhere.

    One pass, in memory bounded by the longest line and by `keep`. Lines of the OpenAI format are checked as
    they stand and for their way into the target's shape; rows in the target's own shape are read back first.
    A line with several faults has several problems.

    Args:
        path_or_examples: A training file, supervised or preference; or examples or bare lines.
        target: Where it is to go; or rules of your own, see `TargetRules`.
        fix: Fix what is safe to fix, and report what is left. `report.fixed` lists each fixed line.
        fixed_path: Where to write the fixed file, all lines in order; those that are no JSON as they are.
            An existing file is replaced, which may be the one that is checked.
        tokens: Counts the tokens of a line, such as `token_counter("gpt-4.1-mini")`. Without it, lengths are
            estimated where the target has a limit: an error at twice the limit, a warning from there down.
        max_tokens: Tokens an example may have; by default the target's own limit.
        ignore: Rules to leave out, such as `"too_few"` for a validation file.
        keep: Problems and fixed lines to keep one by one; the counts are exact beyond.
        show_content: Say what was found in full words. Without it, a report holds nothing of the examples.
        on_problem: Called with each problem, kept or not.

    Raises:
        ValueError: An option has no such value, or `tokens` is given and the target has no limit.
        TypeError: A single example was given, or runs or chat sessions.

    Example:
        >>> line = {"messages": [{"role": "developer", "content": "Hi"}, {"role": "assistant", "content": ""}]}
        >>> report = check([line] * 10, "openai")
        >>> report.ok, report.errors, report.warnings
        (False, {'role': 10}, {'empty_content': 10})
        >>> check([line] * 10, "openai", fix=True).changes
        {'developer made system': 10}
    """
    if fixed_path is not None and not fix:
        raise ValueError("fixed_path= needs fix=True")
    rules = rules_of(target)
    limit = rules.max_tokens if max_tokens is None else max_tokens
    if tokens is not None and limit is None:
        raise ValueError(f"{rules.name} has one limit per model: pass max_tokens= with tokens=")
    checker = Checker(
        replace(rules, ignores=rules.ignores | set(ignore), max_tokens=limit),
        fix=fix,
        tokens=tokens,
        keep=keep,
        show_content=show_content,
        on_problem=on_problem,
    )
    if isinstance(path_or_examples, (str, os.PathLike)):
        path = Path(path_or_examples)
        name, found = path.name, checker.read_file(path)
    else:
        examples = many("examples", path_or_examples, "examples or lines")
        name, found = "examples", checker.take_examples(examples)
    what = f"lines checked for {rules.name}"
    if fixed_path is None:
        for line in watched(what, found, goes_through=True):
            checker.line(*line)
    else:
        with atomic_write(Path(fixed_path)) as file:
            file.write(rules.file_prefix)
            for line in watched(what, found, goes_through=True):
                file.write(checker.line(*line))
    return checker.report(name, None if fixed_path is None else Path(fixed_path))


@checked()
def fix_examples(
    examples: Iterable[Example],
    target: Target | TargetRules,
    *,
    on_skip: Callable[[InvalidExampleError], None] | None = None,
) -> Iterator[Any]:
    """The examples with what is safe to fix fixed; `changes` of each says what was done.

    Args:
        examples: Examples, or bare lines.
        target: Where they are to go.
        on_skip: Called with the first error of each example that the target would refuse even so, which is
            left out then. Without it, all are kept.

    Example:
        >>> from langsmith_finetune import TrainingExample
        >>> line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
        >>> example = TrainingExample(line=line | {"parallel_tool_calls": False})
        >>> next(fix_examples([example], "together")).changes
        ('parallel_tool_calls dropped',)
    """
    source = Source("examples", many("examples", examples, "examples or lines"))
    rules = rules_of(target)
    return Passes(lambda: _fixed(source, rules, on_skip))


def _fixed(
    source: Source[Any], rules: TargetRules, on_skip: Callable[[InvalidExampleError], None] | None
) -> Generator[Any, None, None]:
    skipped = Counter[tuple[str, str]]()
    kept = 0
    for index, example in enumerate(source):
        where = name_of(example, index)
        refuse_other_things(where, example)
        try:
            line, changes = fixed(line_of(where, example), rules)
            if on_skip is not None:
                _refuse_errors(where, line, rules)
        except InvalidExampleError as error:
            if on_skip is None:
                raise
            skipped[error.reason, error.how_to_fix] += 1
            on_skip(error)
            continue
        kept += 1
        if is_example(example):
            yield copied(example, line=cast("Any", line), changes=(*example.changes, *changes))
        else:
            yield line
    if skipped and not kept:
        [((reason, how_to_fix), count)] = skipped.most_common(1)
        logger.warning(
            "fix_examples: %s would refuse all of %d examples. The commonest fault (%d): %s. %s",
            rules.name, skipped.total(), count, reason, how_to_fix,
        )  # fmt: skip
    elif not kept and not source.explains_itself:
        logger.warning("fix_examples gives nothing: %s", source.emptiness)


def _refuse_errors(where: str, line: Mapping[str, Any], rules: TargetRules) -> None:
    for problem in line_problems(line, rules):
        if problem.severity == "error":
            raise InvalidExampleError(where, problem.field, problem.found, problem.how_to_fix)
