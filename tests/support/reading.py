"""What both doors, the loader and the bulk conversion, make of a run."""

from __future__ import annotations

from typing import Any

from langsmith_finetune import LangSmithRunChatLoader, examples_from_runs, training_examples


def lines_of(run):
    """The run's line, which both doors agree on."""
    loader = LangSmithRunChatLoader([run])
    examples = list(training_examples(loader.lazy_load()))
    assert examples, list(loader.skipped)
    (example,) = examples
    (bulk,) = examples_from_runs([run])
    assert example.line == bulk.line
    return example.line


def both(line):
    return {"messages": line["messages"], "tools": line.get("tools")}


def by_loader(run: dict[str, Any]):
    loader = LangSmithRunChatLoader(runs=[run])
    lines = [example.line for example in training_examples(loader.lazy_load())]
    return lines, [error.reason for error in loader.skipped], [note.kind for note in loader.notes]


def by_bulk(run: dict[str, Any]):
    skipped, notes = [], []
    lines = [e.line for e in examples_from_runs([run], on_skip=skipped.append, on_note=notes.append)]
    return lines, [error.reason for error in skipped], [note.kind for note in notes]
