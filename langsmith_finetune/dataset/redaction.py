"""Replaces private values by names that are the same throughout an example."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias, TypeVar, cast

from langsmith.anonymizer import create_anonymizer, create_secret_anonymizer

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune.dataset.given import ExampleSource
from langsmith_finetune.dataset.redacted_values import PLACEHOLDERS, Finder, RedactedValues
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.steps import StepPass, in_passes
from langsmith_finetune.examples.example import AnyExample, replace
from langsmith_finetune.examples.sound import name_of

Example = TypeVar("Example", bound=AnyExample)

Rule: TypeAlias = tuple[str, str | re.Pattern[str]]
"""A name and what it stands for: `("ORDER", r"ORD-\\d+")` makes `<ORDER_1>`, `<ORDER_2>`, ..."""

Redactor: TypeAlias = Callable[[str], Any] | Sequence[Rule] | Sequence[Mapping[str, Any]]
"""Rules; an anonymizer of langsmith's, or the rules for one; or any function from text to text."""

PERSONAL_RULES: tuple[Rule, ...] = (
    ("EMAIL", r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    ("IBAN", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    ("CARD", r"\b(?:\d{4}[ -]\d{4}[ -]\d{4}[ -]\d{4}|3\d{3}[ -]\d{6}[ -]\d{5}|[45]\d{15})\b"),
    ("PHONE", r"(?<![\w+])\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){5,12}(?!\w)"),
)
"""What has a form that text can be searched for. Names and addresses have none: give `redact` the function of
a library that finds them."""


# What nobody can read may hold anything; and langsmith's rules take a time that grows with its square.
_BLOBS: tuple[Rule, ...] = (("BLOB", r"[A-Za-z0-9_.+-]{2000,}"),)


@checked()
def redact(
    examples: Iterable[Example | Mapping[str, Any]] | str | os.PathLike[str],
    *redactors: Redactor,
    media: Literal["keep", "drop"] = "keep",
    tool_descriptions: bool = False,
    report: DatasetReport | None = None,
) -> Iterator[Example]:
    """Take private values out of texts, speakers' names and tool arguments.

    Within an example the same value has the same placeholder wherever it stands, so that the model still
    learns to copy it: `<EMAIL_1>` said by the user is `<EMAIL_1>` in the call. Marks of langsmith's
    anonymizers, such as `[SECRET_DETECTED]`, are numbered too (`<SECRET_DETECTED_1>`), and so is any other
    new word in `<>`, `[]` or `{{}}` that a function leaves. Whatever else a function writes stays as it is.

    Arguments stay valid JSON: their strings and keys are redacted one by one, a value also together with its
    key, as `password: ...`; numbers are never touched. Names of functions and ids of calls stay as they are.

    Args:
        examples: Training or preference examples.
        redactors: Used one after the other. Without any: unbroken runs of 2,000 letters and digits, as of
            Base64, become `<BLOB_1>`; then langsmith's rules for secrets; and then `PERSONAL_RULES`.
        media: `"drop"` puts `<IMAGE_1>` (or `FILE`, `AUDIO`) in the place of each; nothing looks into them,
            nor into their URLs.
        tool_descriptions: Redact the descriptions in tool definitions too.
        report: Filled with how many values of which rule each example lost, and nothing of the values.

    Raises:
        TypeError: A redactor is none, or returned something other than text.
        ValueError: `media` is neither.

    Example:
        >>> from langsmith_finetune import TrainingExample
        >>> line = {"messages": [
        ...     {"role": "user", "content": "Write to ann@example.com, not bob@example.com"},
        ...     {"role": "assistant", "content": "I wrote to ann@example.com."},
        ... ]}
        >>> [example] = redact([TrainingExample(line=line)])
        >>> [message["content"] for message in example.line["messages"]]
        ['Write to <EMAIL_1>, not <EMAIL_2>', 'I wrote to <EMAIL_1>.']
    """
    finders = [
        _finder(redactor) for redactor in redactors or (_BLOBS, create_secret_anonymizer(), PERSONAL_RULES)
    ]
    source = ExampleSource(examples, "examples")

    def redacted(this: StepPass) -> Iterator[Example]:
        return _redacted(source, finders, this, drop_media=media == "drop", tools=tool_descriptions)

    return in_passes("redact", source, report, redacted)


def _redacted(
    source: Iterable[Example],
    finders: list[Finder],
    this: StepPass,
    *,
    drop_media: bool,
    tools: bool,
) -> Iterator[Example]:
    for index, example in enumerate(this.reading_examples(source, preferences=True)):
        values = RedactedValues(finders, example.line, drop_media=drop_media)
        line: Any = values.line(example.line, tools=tools)
        if not values.counts:
            yield example
            continue
        change = ", ".join(f"{name} {count}" for name, count in values.counts.items())
        this.add("redacted", name_of(example, index), detail=change)
        yield replace(example, line=line, changes=(*example.changes, f"redacted {change}"))


def _finder(redactor: Redactor) -> Finder:
    """One form for all that may be given: text and the values so far, to text."""
    if callable(redactor):
        function = redactor
        return lambda text, values: _by_function(function, text, values)
    if isinstance(redactor, (list, tuple)) and redactor:
        if all(isinstance(rule, Mapping) for rule in redactor):
            return _finder(create_anonymizer([cast("Any", rule) for rule in redactor]))
        if all(isinstance(rule, tuple) and len(rule) == 2 for rule in redactor):
            rules = [_rule(name, pattern) for name, pattern in cast("Sequence[Rule]", redactor)]
            return lambda text, values: _by_rules(rules, text, values)
    raise TypeError(
        f"a redactor must be a function, a list of (name, regular expression), or rules for langsmith's "
        f"create_anonymizer, not {type(redactor).__name__}"
    )


def _rule(name: Any, pattern: Any) -> tuple[str, re.Pattern[str]]:
    try:
        compiled = re.compile(pattern)
        if isinstance(name, str) and isinstance(compiled.pattern, str):
            return name, compiled
    except (TypeError, re.error) as error:
        why = "" if isinstance(error, TypeError) else f": {error}"
        raise TypeError(f"a redactor's rule must be a name and a regular expression{why}") from None
    raise TypeError("a redactor's rule must be a name and a regular expression, both of text")


def _by_rules(rules: list[tuple[str, re.Pattern[str]]], text: str, values: RedactedValues) -> str:
    for name, pattern in rules:
        # Every second piece is a placeholder, and no text to search.
        pieces = PLACEHOLDERS.split(text)
        pieces[::2] = [pattern.sub(lambda found: values.name(name, found[0]), piece) for piece in pieces[::2]]  # noqa: B023
        text = "".join(pieces)
    return text


def _by_function(function: Callable[[str], Any], text: str, values: RedactedValues) -> str:
    if len(pieces := _unclosed_keys_apart(text)) > 1:
        return "".join(_by_function(function, piece, values) for piece in pieces)
    found = function(text)
    if not isinstance(found, str):
        raise TypeError(f"the redactor returned {type(found).__name__} for a text; it must return text")
    if found == text:
        return text
    before, after = Counter(_MARKS.findall(text)), Counter(_MARKS.findall(found))
    marks = sorted(after - before, key=len, reverse=True)
    if not marks:
        values.counts["by function"] += 1
        return found
    pieces = re.split("(" + "|".join(map(re.escape, marks)) + ")", found)
    originals = _between(pieces[::2], text)
    if originals is None:  # the function changed more than it marked
        values.counts["by function"] += 1
        return found
    for at, original in enumerate(originals):
        mark = pieces[2 * at + 1]
        if original != mark:
            label = re.sub(r"\W+", "_", mark.strip("<>[]{} ")).upper()
            pieces[2 * at + 1] = values.name(label, original, counted_as="by function")
    return "".join(pieces)


def _unclosed_keys_apart(text: str) -> list[str]:
    """The text, cut before each private key that begins in it and never ends, where there are many.

    Langsmith's rule for private keys looks for the end of each from its beginning on. Without an end it reads the
    rest of the text each time, which takes a time that grows with the square of the text's length.
    """
    closed = 0
    for end in _KEY_ENDS.finditer(text):
        closed = end.end()
    cuts = [begin.start() for begin in _KEY_BEGINS.finditer(text, closed)]
    if len(cuts) <= _FEW:
        return [text]
    return [text[start:end] for start, end in pairwise([0, *cuts[1:], len(text)])]


_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_KEY_ENDS = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----")
_FEW = 8


# A word or a few in brackets, but no placeholder that is numbered already.
_MARKS = re.compile(r"(?!<\w+_\d+>)(?:<[A-Za-z][\w -]*>|\[[A-Za-z][\w -]*\]|\{\{[A-Za-z][\w -]*\}\})")


def _between(kept: list[str], text: str) -> list[str] | None:
    """What stood in the text between the pieces that were kept of it; None where they are not in it."""
    first, *middle, last = kept
    if not text.startswith(first) or not text.endswith(last) or len(first) + len(last) > len(text):
        return None
    end, at = len(text) - len(last), len(first)
    found = []
    for piece in middle:
        next_at = text.find(piece, at + 1, end)
        if next_at < 0:
            return None
        found.append(text[at:next_at])
        at = next_at + len(piece)
    return [*found, text[at:end]]
