"""Merges the calls of one agent trace into one example (also called prefix merging)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal, cast

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._printable import logger_of
from langsmith_finetune.chat_format import TrainingLine, TrainingMessage
from langsmith_finetune.dataset.given import Examples, ExampleSource
from langsmith_finetune.dataset.report import DatasetReport
from langsmith_finetune.dataset.steps import StepPass, in_passes
from langsmith_finetune.examples.example import TrainingExample, replace
from langsmith_finetune.examples.sound import name_of
from langsmith_finetune.examples.source import RunSource

logger = logger_of(__name__)


@checked()
def fold_traces(
    examples: Examples,
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

    Calls are merged only where nothing but the end differs: messages, tool calls' ids, tools. The names of
    assistants may differ: LangChain gives an agent's name to an answer once it is recorded, so that only its
    copies in later prompts have it. An example holds each message as its last call sent it.

    Calls of one agent at one node of a graph are merged with each other alone, whatever those of its
    sub-agents begin with. Branches and summarized histories stay examples of their own, too; what branches
    share is trained in the first of them to come. Examples without a trace, or that do not end with an
    answer, pass unchanged.

    `write_jsonl(..., target=)` splits a folded line where the target has no weights, or none for such a line.

    Args:
        examples: In any order.
        across: `"thread"` also merges the turns of a conversation, each a trace of its own; and so what an
            agent said each time that it was called.
        grouped: The examples of a trace (or thread) follow one another, so that one at a time is held in
            memory. Without it everything is read before anything is yielded, and memory grows with the
            folded lines: what calls share is held once.
        report: Filled with what was merged into what.

    Raises:
        ValueError: `across` is neither.

    Example:
        >>> from langsmith_finetune.runs import RunSource
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
    source = ExampleSource(examples, "training examples")
    return in_passes("fold_traces", source, report, lambda this: _fold(source, across, grouped, this))


def _fold(
    source: Iterable[TrainingExample],
    across: str,
    grouped: bool,  # noqa: FBT001 - private
    this: StepPass,
) -> Iterator[TrainingExample]:
    parts: dict[Hashable, _Part] = {}
    held: Hashable = None
    unchanged = 0
    for index, example in enumerate(this.reading_examples(source)):
        group = _group(example, across)
        if group is None or example.line["messages"][-1]["role"] != "assistant":
            this.add("passed unchanged", name_of(example, index))
            unchanged += 1
            yield example
            continue
        if grouped and group != held:
            for part in parts.values():
                yield from part.folded(this)
            parts.clear()
        held = group
        parts.setdefault((group, _role(example, across)), _Part()).add(example)
    for part in parts.values():
        yield from part.folded(this)
    if unchanged == this.read > 1:
        logger.warning(
            "fold_traces merged none of %d examples: none says which trace it is of and ends with an answer. Examples "
            "of runs know their trace; lines of a file do not",
            unchanged,
        )


def _group(example: TrainingExample, across: str) -> Hashable | None:
    """The trace or thread that a call belongs to."""
    source = example.source
    if source is None:
        return None
    if across == "thread" and source.thread_id is not None:
        return ("thread", source.project_id, source.thread_id)
    return None if source.trace_id is None else ("trace", source.trace_id)


def _role(example: TrainingExample, across: str) -> Hashable:
    """Whose call it is. Each run of a graph inside of another has an id; over a thread, its nodes' names count."""
    source = cast("RunSource", example.source)
    namespace = source.namespace or ""
    if across == "thread":
        namespace = "|".join(step.partition(":")[0] for step in namespace.split("|"))
    return (source.agent, source.node, source.agent_type or "root", namespace)


@dataclass(slots=True)
class _Place:
    """A message, and the messages that calls went on with from there."""

    message: Mapping[str, Any]
    """Without the name of an assistant."""
    following: dict[Any, list[_Place]] = field(default_factory=dict)
    """By their text, so that a thousand branches are not compared one by one."""
    answer: bool = False
    """A call ended here, and its answer is to be trained."""
    runs: list[RunSource] = field(default_factory=list)
    example: TrainingExample | None = None
    """The first example to end here, without its messages."""
    untrained: frozenset[int] = frozenset()
    """Where that example said `weight: 0`."""
    named: Mapping[int, TrainingMessage] = field(default_factory=dict)
    """The assistant messages of that example that have a name, by their places."""

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


class _Part:
    """What one agent said in a trace as a tree: a path for each call, the same as far as they are the same."""

    def __init__(self) -> None:
        self._root = _Place({})

    def add(self, example: TrainingExample) -> None:
        messages = example.line["messages"]
        settings = TrainingLine(**{**example.line, "messages": []})
        place, untrained, named = self._root.then(settings), set(), {}
        for index, message in enumerate(messages):
            place.example, place.named = None, {}  # the longer call stands for one that ended here
            bare = _without("weight", message)
            if message["role"] == "assistant" and "name" in message:
                named[index] = bare
                bare = _without("name", bare)
            place = place.then(bare)
            if message.get("weight") == 0:
                untrained.add(index)
            # One that was folded before has answers of several calls.
            elif index + 1 == len(messages) or (example.merged and message["role"] == "assistant"):
                place.answer = True
        if example.source is not None:
            place.runs += (*example.merged, example.source)
        if place.example is None and not place.following:
            place.example = replace(example, line=settings)
            place.untrained, place.named = frozenset(untrained), named

    def folded(self, this: StepPass) -> Iterator[TrainingExample]:
        """An example for each path to an end."""
        path: list[_Place] = []
        waiting = [(place, 0) for place in reversed([*self._root.all_following()])]
        while waiting:
            place, depth = waiting.pop()
            path[depth:] = [place]
            if place.example is None:
                waiting += [(other, depth + 1) for other in reversed([*place.all_following()])]
            else:
                yield _told(place.example, path[1:], this)


def _told(example: TrainingExample, path: list[_Place], this: StepPass) -> TrainingExample:
    """The example of a path, with what became of it in its changes and in the report."""
    messages: list[TrainingMessage] = []
    runs: list[RunSource] = []
    muted, end = 0, path[-1]
    for index, place in enumerate(path):
        message = end.named.get(index) or cast("TrainingMessage", place.message)
        if message["role"] == "assistant" and not place.answer:
            muted += index not in end.untrained
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
            this.add("merged", run.run_id, kept=name)
    if muted:
        changes.append(f"weight 0 for {muted} assistant messages of the history")
        this.add("with untrained history", name, detail=str(muted))
    line = TrainingLine(**{**example.line, "messages": messages})
    return replace(example, line=line, merged=merged, changes=(*example.changes, *changes))


def _without(key: str, message: TrainingMessage) -> TrainingMessage:
    if key not in message:
        return message
    return cast("TrainingMessage", {name: value for name, value in message.items() if name != key})
