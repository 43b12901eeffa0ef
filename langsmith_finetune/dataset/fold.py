"""The calls of one agent, told once: conversations that go on from each other become one example."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Literal, cast

from langsmith_finetune.dataset.report import Change, DatasetReport, name_of
from langsmith_finetune.examples import TrainingExample, TrainingLine, TrainingMessage
from langsmith_finetune.shapes.run import RunSource

_STEP = "fold_traces"


def fold_traces(
    examples: Iterable[TrainingExample],
    *,
    across: Literal["trace", "thread"] = "trace",
    grouped: bool = False,
    report: DatasetReport | None = None,
) -> Iterator[TrainingExample]:
    """Merge the calls of a trace that go on from each other, so that each answer is trained exactly once.

    An agent's n calls share a growing beginning. As n lines, its first answer would be trained n times. Here
    the longest call stands for those it goes on from; each answer of a call keeps its weight, and every other
    assistant message gets `weight: 0`. What no call among the examples said is context: examples in a prompt,
    earlier turns that were not selected, and copies of answers in a history that was changed.

    Calls are merged only where nothing but the end differs: messages, tool calls' ids, tools. Sub-agents,
    branches and summarized histories stay examples of their own; what branches share is trained in the first
    of them to come. Examples without a trace, or that do not end with an answer, pass unchanged.

    Args:
        examples: In any order.
        across: `"thread"` also merges the turns of a conversation, each a trace of its own.
        grouped: The examples of a trace (or thread) follow one another, so that one at a time is held in
            memory. Without it everything is read before anything is yielded, and memory grows with the
            folded lines: what calls share is held once.
        report: Filled with what was merged into what.

    Raises:
        ValueError: `across` is neither.

    Example:
        >>> from langsmith_finetune import RunSource
        >>> hi = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
        >>> bye = [*hi, {"role": "user", "content": "Bye"}, {"role": "assistant", "content": "See you."}]
        >>> calls = [
        ...     TrainingExample(line={"messages": m}, source=RunSource(run_id=name, trace_id="t"))
        ...     for name, m in (("first", hi), ("second", bye))
        ... ]
        >>> [example] = fold_traces(calls)
        >>> example.line["messages"] == bye, example.source.run_id, [run.run_id for run in example.merged]
        (True, 'second', ['first'])
    """
    if across not in ("trace", "thread"):
        raise ValueError(f"across must be 'trace' or 'thread', not {across!r}")
    report = report if report is not None else DatasetReport()
    return report.writing(_STEP, _fold(report.reading(_STEP, examples), across, grouped, report))


def _fold(
    examples: Iterable[TrainingExample],
    across: str,
    grouped: bool,  # noqa: FBT001 - private
    report: DatasetReport,
) -> Iterator[TrainingExample]:
    traces: dict[Hashable, _Trace] = {}
    for index, example in enumerate(examples):
        key = _key(example, across)
        if key is None or example.line["messages"][-1]["role"] != "assistant":
            report.add(Change(step=_STEP, what="passed unchanged", example=name_of(example, index)))
            yield example
            continue
        if grouped and key not in traces:
            for trace in traces.values():
                yield from trace.folded(report)
            traces.clear()
        traces.setdefault(key, _Trace()).add(example)
    for trace in traces.values():
        yield from trace.folded(report)


def _key(example: TrainingExample, across: str) -> Hashable | None:
    source = example.source
    if source is None:
        return None
    if across == "thread" and source.thread_id is not None:
        return ("thread", source.project_id, source.thread_id)
    return None if source.trace_id is None else ("trace", source.trace_id)


@dataclass(slots=True)
class _Place:
    """A message, and the messages that calls went on with from there."""

    message: Mapping[str, Any]
    following: dict[Any, list[_Place]] = field(default_factory=dict)
    """By their text, so that a thousand branches are not compared one by one."""
    answer: bool = False
    """A call ended here, and its answer is to be trained."""
    runs: list[RunSource] = field(default_factory=list)
    example: TrainingExample | None = None
    """The first example to end here, without its messages."""
    untrained: frozenset[int] = frozenset()
    """Where that example said `weight: 0`."""

    def then(self, message: Mapping[str, Any]) -> _Place:
        """The place of this message after all up to here."""
        text = message.get("content")
        alike = self.following.setdefault(text if isinstance(text, str) else None, [])
        for place in alike:
            if place.message == message:
                return place
        alike.append(_Place(message))
        return alike[-1]

    def all_following(self) -> Iterator[_Place]:
        """In the order in which they came, but for those with the same text."""
        return chain.from_iterable(self.following.values())


class _Trace:
    """The conversations of one trace as a tree: a path for each, the same as far as they are the same."""

    def __init__(self) -> None:
        self._root = _Place({})

    def add(self, example: TrainingExample) -> None:
        messages = example.line["messages"]
        settings = TrainingLine(**{**example.line, "messages": []})
        place, untrained = self._root.then(settings), set()
        for index, message in enumerate(messages):
            place = place.then(_unweighted(message))
            if message.get("weight") == 0:
                untrained.add(index)
            # One that was folded before has answers of several calls.
            elif index + 1 == len(messages) or (example.merged and message["role"] == "assistant"):
                place.answer = True
        if example.source is not None:
            place.runs += (*example.merged, example.source)
        if place.example is None:
            place.example = replace(example, line=settings)
            place.untrained = frozenset(untrained)

    def folded(self, report: DatasetReport) -> Iterator[TrainingExample]:
        """An example for each path to an end."""
        path: list[_Place] = []
        waiting = [(place, 0) for place in reversed([*self._root.all_following()])]
        while waiting:
            place, depth = waiting.pop()
            path[depth:] = [place]
            if place.following or place.example is None:
                waiting += [(other, depth + 1) for other in reversed([*place.all_following()])]
            else:
                yield _told(place.example, path[1:], place.untrained, report)


def _told(
    example: TrainingExample, path: list[_Place], untrained: frozenset[int], report: DatasetReport
) -> TrainingExample:
    """The example of a path, with what became of it in its changes and in the report."""
    messages: list[TrainingMessage] = []
    runs: list[RunSource] = []
    muted = 0
    for index, place in enumerate(path):
        message = cast("TrainingMessage", place.message)
        if message["role"] == "assistant" and not place.answer:
            muted += index not in untrained
            message = {**message, "weight": 0}
        messages.append(message)
        runs += place.runs
        # Trained and told of in this example; for those that share it, it is history.
        place.answer, place.runs = False, []
    name, merged = name_of(example, 0), tuple(run for run in runs if run is not example.source)
    changes = []
    if len(merged) > len(example.merged):
        changes.append(f"folded {len(merged) + 1} calls into one")
        for run in merged:
            report.add(Change(step=_STEP, what="merged", example=run.run_id, kept=name))
    if muted:
        changes.append(f"weight 0 for {muted} assistant messages of the history")
        report.add(Change(step=_STEP, what="with untrained history", example=name, detail=str(muted)))
    line = TrainingLine(**{**example.line, "messages": messages})
    return replace(example, line=line, merged=merged, changes=(*example.changes, *changes))


def _unweighted(message: TrainingMessage) -> Mapping[str, Any]:
    return (
        {key: value for key, value in message.items() if key != "weight"} if "weight" in message else message
    )
