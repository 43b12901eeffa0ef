"""Splits examples into train and validation by hashing their group."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar, cast
from uuid import UUID

from langsmith_finetune._foundation.arguments import checked, returned
from langsmith_finetune._foundation.passes import Passes, Source
from langsmith_finetune._printable import logger_of
from langsmith_finetune.chat_format import nameless, request_of_line
from langsmith_finetune.dataset.dedupe import DuplicateIndex, digest_of
from langsmith_finetune.dataset.given import ExampleSource, example_given
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.steps import StepPass
from langsmith_finetune.examples.example import AnyExample
from langsmith_finetune.examples.sound import name_of, sound_example

if TYPE_CHECKING:
    from langsmith_finetune.chat_format import TrainingLine

logger = logger_of(__name__)

_STEP = "train_validation_split"

Side: TypeAlias = Literal["train", "validation"]

Example = TypeVar("Example", bound=AnyExample)

GroupBy: TypeAlias = Literal["thread", "trace", "user", "example"] | Callable[[AnyExample], str]
"""What belongs together: a conversation, a trace, an end user, a dataset's example; or a function that names
the group. An example that lacks it goes by the next smaller thing that it has."""

_FIELDS = {
    "user": ("user_id", "thread_id", "trace_id", "run_id"),
    "thread": ("thread_id", "trace_id", "run_id"),
    "example": ("example_id", "trace_id", "run_id"),
    "trace": ("trace_id", "run_id"),
}


@checked()
def train_validation_split(
    examples: Iterable[Example | Mapping[str, Any]] | str | os.PathLike[str],
    *,
    validation_size: float = 0.1,
    group_by: GroupBy = "thread",
    seed: int | None = None,
    similarity: float | None = None,
    report: DatasetReport | None = None,
) -> tuple[Iterator[Example], Iterator[Example]]:
    """Divide examples into train and validation.

    Read either side first: what belongs to the other one is held in memory meanwhile, so reading train first
    holds the smaller one. A side that is read again reads the examples again, once for both. `split_side` is the
    rule.

    What the sides have in common is measured, not prevented: duplicates across them are in the report, and
    their number is logged, once both are read. `drop_duplicates` beforehand is the cure. A side that stays empty
    is logged too, unless `validation_size` asks for that.

    Args:
        examples: Training or preference examples.
        validation_size: The share of groups, between 0 and 1, that go to validation.
        group_by: What must not be divided.
        seed: Another number gives another split.
        similarity: Look for near duplicates across the sides too, as `drop_duplicates` does; needs the extra
            `dedupe`. Memory grows as there, by some hundred bytes an example without it.
        report: Filled with the duplicates across the sides.

    Returns:
        The train and the validation examples.

    Raises:
        ImportError: `similarity` is given and rensa is not installed; says how to install it.
        TypeError: `seed` is no whole number.
        ValueError: `validation_size`, `group_by` or `similarity` cannot be.

    Example:
        >>> from langsmith_finetune import TrainingExample
        >>> from langsmith_finetune.runs import RunSource
        >>> examples = [
        ...     TrainingExample(
        ...         line={"messages": [{"role": "assistant", "content": f"{turn}"}]},
        ...         source=RunSource(run_id=f"run {turn}", thread_id=f"thread {turn // 2}"),
        ...     )
        ...     for turn in range(12)
        ... ]
        >>> train, validation = train_validation_split(examples)
        >>> len(list(train)), [example.source.thread_id for example in validation]
        (10, ['thread 5', 'thread 5'])
    """
    _check(validation_size)
    DuplicateIndex(similarity)  # raises where there can be none
    rule = _Rule(validation_size, group_by, seed)
    source = ExampleSource(examples, "examples")
    sides = _Sides(source, rule, similarity, report if report is not None else DatasetReport())
    return Passes(lambda: sides.read("train")), Passes(lambda: sides.read("validation"))


@checked()
def split_side(
    example: AnyExample | Mapping[str, Any],
    *,
    validation_size: float = 0.1,
    group_by: GroupBy = "thread",
    seed: int | None = None,
) -> Side:
    """The side that an example belongs to: by the hash of its group, and of nothing else.

    So related examples are never divided, more data never moves an old example, a larger `validation_size` only
    moves examples out of train, and it is the same on every machine.

    Args:
        example: An example of any kind, or a line.
        validation_size: As for `train_validation_split`.
        group_by: As for `train_validation_split`.
        seed: As for `train_validation_split`.

    Raises:
        InvalidExampleError: The line of the example has another form than lines have.
        TypeError: It is no example.
        ValueError: `validation_size` or `group_by` cannot be.
    """
    _check(validation_size)
    return _side(
        sound_example("split_side", 0, example_given("the example", example), preferences=True),
        validation_size,
        group_by,
        seed,
    )


def _check(validation_size: float) -> None:
    if not 0 <= validation_size <= 1:
        raise ValueError(f"validation_size must be a share between 0 and 1, not {validation_size!r}")


def _side(example: AnyExample, validation_size: float, group_by: GroupBy, seed: int | None) -> Side:
    text = f"{'' if seed is None else seed}\0{_group(example, group_by)}"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return "validation" if int.from_bytes(digest[:8]) < validation_size * 2**64 else "train"


def _group(example: AnyExample, by: GroupBy) -> str:
    if callable(by):
        group: Any = by(example)
        return str(group) if isinstance(group, (int, UUID)) else returned("group_by", group, str)
    for field in _FIELDS[by]:
        if value := getattr(example.source, field, None):
            return str(value)
    line: Mapping[str, Any] = example.line  # from elsewhere: equal lines belong together
    if "messages" in line:
        line = {**line, "messages": [nameless(message) for message in line["messages"]]}
    return digest_of(line).hex()


@dataclass(frozen=True, slots=True)
class _Rule:
    """The settings of a split."""

    validation_size: float
    group_by: GroupBy
    seed: int | None

    def side(self, example: AnyExample) -> Side:
        return _side(example, self.validation_size, self.group_by, self.seed)

    def explain(self, empty: Side, count: int) -> None:
        """Log why a side is empty, where that was not asked for."""
        if self.validation_size == (1 if empty == "train" else 0):
            return
        by = self.group_by if isinstance(self.group_by, str) else "the function given"
        logger.warning(
            "train_validation_split: all %d examples went to %s and none to %s, which is %g of the groups by %s. With few "
            "groups that happens: give another validation_size= or seed=, or a smaller group_by=",
            count,
            "train" if empty == "validation" else "validation",
            empty,
            self.validation_size if empty == "validation" else 1 - self.validation_size,
            by,
        )


class _Sides(Generic[Example]):
    """The passes over the examples, each of which both sides share."""

    def __init__(
        self,
        source: Source[Example],
        rule: _Rule,
        similarity: float | None,
        report: DatasetReport,
    ) -> None:
        self._source, self._rule, self._similarity, self._report = source, rule, similarity, report
        self._latest: _SharedPass[Example] | None = None
        report.expect(_STEP)

    def read(self, side: Side) -> Generator[Example, None, None]:
        """A pass over one side: the latest one, if the other side alone has begun it."""
        if self._latest is None or side in self._latest.begun:
            examples = iter(self._source)
            if self._latest is not None:
                self._latest.withdraw()
            self._latest = _SharedPass(examples, self._source, self._rule, self._similarity, self._report)
        yield from self._latest.read(side)


class _SharedPass(Generic[Example]):
    """One pass over the examples, read from two ends."""

    def __init__(
        self,
        examples: Iterable[Example],
        source: Source[Example],
        rule: _Rule,
        similarity: float | None,
        report: DatasetReport,
    ) -> None:
        self._this = StepPass(_STEP, report)
        self._rest: Iterator[tuple[int, Example]] = enumerate(
            self._this.reading_examples(examples, preferences=True)
        )
        self._source, self._rule = source, rule
        self._waiting: dict[Side, deque[Example]] = {"train": deque(), "validation": deque()}
        self._seen: dict[Side, DuplicateIndex] = {
            "train": DuplicateIndex(similarity),
            "validation": DuplicateIndex(similarity),
        }
        self._counts: Counter[Side] = Counter()
        self._across = 0
        self._is_told = False
        self.begun: set[Side] = set()

    def withdraw(self) -> None:
        """Take this pass out of the report."""
        self._this.withdraw()

    def read(self, side: Side) -> Iterator[Example]:
        self.begun.add(side)
        while True:
            while self._waiting[side]:
                self._this.count_written()
                yield self._waiting[side].popleft()
            try:
                following = next(self._rest, None)
            except BaseException:
                self.begun = {"train", "validation"}  # neither side goes on from here
                raise
            if following is None:
                return self._tell()
            index, example = following
            found = self._rule.side(example)
            self._compare(name_of(example, index), example, found)
            self._counts[found] += 1
            self._waiting[found].append(example)

    def _compare(self, name: str, example: AnyExample, side: Side) -> None:
        features = self._seen[side].features(cast("TrainingLine", request_of_line(example.line)))
        match = self._seen["train" if side == "validation" else "validation"].match(features)
        if match is not None:
            self._across += 1
            detail = "" if match.likeness is None else f"{match.likeness:.2f} alike"
            what = "duplicate across" if match.likeness is None else "near duplicate across"
            self._this.add(what, name, kept=match.name, detail=detail)
        self._seen[side].add(name, features)

    def _tell(self) -> None:
        if self._is_told:
            return
        self._is_told = True
        if self._across:
            logger.warning(
                "%d examples of one side of the split have a duplicate on the other, so validation will look "
                "better than it is: drop_duplicates(examples) before the split, or split by a larger group",
                self._across,
            )
        if not self._counts:
            self._this.explain(self._source)
        elif len(self._counts) == 1:
            [(full, count)] = self._counts.items()
            self._rule.explain("validation" if full == "train" else "train", count)
