"""Converts training examples to a Hugging Face dataset and back, without loss.

Arrow gives every object of a column the same keys. The usual way into a dataset therefore invents nulls: a
message without calls gets `tool_calls: null`, a call's argument `city` turns up in the calls of all other tools.
Here each message is a column value of its own (`datasets.Json`), tools are JSON text, which TRL takes as well as a
list, and arguments stay the text that they are.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from msgspec import to_builtins

from langsmith_finetune._foundation.arguments import checked
from langsmith_finetune._foundation.extras import missing, without_tqdm_warning
from langsmith_finetune._foundation.json_text import json_bytes
from langsmith_finetune._foundation.passes import Passes
from langsmith_finetune._foundation.safe_words import KNOWN, described
from langsmith_finetune._printable import logger_of
from langsmith_finetune.chat_format import kind_of_line, request_of_line
from langsmith_finetune.dataset.given import ExampleSource
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import AnyExample, LabelExample, PreferenceExample, TrainingExample
from langsmith_finetune.examples.sound import check_form, is_example, line_of
from langsmith_finetune.examples.source import Note, RunSource
from langsmith_finetune.targets.schemas import holds_nothing

if TYPE_CHECKING:
    from datasets import Dataset

logger = logger_of(__name__)

_PROMPT = ("messages", "tools", "parallel_tool_calls")
_PREFERENCE = ("input", "preferred_output", "non_preferred_output")
_LABEL = ("prompt", "completion", "label")
_SOURCES = ("source", "rejected_source", "merged", "changes")


@checked()
def to_hf_dataset(examples: Iterable[AnyExample | Mapping[str, Any]]) -> Dataset:
    """Make a Hugging Face dataset of examples or bare lines: one row per line, in memory.

    Columns: `messages`, `tools` (JSON text) and `parallel_tool_calls`; or `input`, `preferred_output` and
    `non_preferred_output`; or `prompt`, `completion`, `label`, `tools` and `parallel_tool_calls`; and `source` (JSON text), where examples say where they came from. For a trainer
    that takes the arguments of calls as objects, as TRL does, write the file for it instead:
    `write_jsonl(examples, path, target="trl")`.

    Args:
        examples: Examples or lines, all of one kind: to train on, preferences, or labels.

    Raises:
        ImportError: `datasets` is not installed.
        InvalidExampleError: A line has keys that no such line has, or is not what the first one is.

    Example:
        >>> line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
        >>> dataset = to_hf_dataset([line])  # doctest: +SKIP
        >>> next(examples_from_hf(dataset)).line == line  # doctest: +SKIP
        True
    """
    source = ExampleSource(examples, "examples or lines")
    datasets = _datasets()
    rows = [_row(f"example {index}", example) for index, example in enumerate(source)]
    if not rows:
        logger.warning("to_hf_dataset makes a dataset without rows: %s", source.emptiness)
    messages = datasets.List(datasets.Json())
    prompt = {
        "messages": messages,
        "tools": datasets.Value("string"),
        "parallel_tool_calls": datasets.Value("bool"),
    }
    first = set(rows[0]) - {"source"} if rows else set(_PROMPT)
    for index, row in enumerate(rows):
        if set(row) - {"source"} != first:
            fix = "Make a dataset of each kind"
            raise InvalidExampleError(f"example {index}", "", "is of another kind than the first", fix)
    columns: dict[str, Any] = prompt
    if "input" in first:
        columns = {"input": prompt} | dict.fromkeys(_PREFERENCE[1:], messages)
    elif "label" in first:
        columns = dict.fromkeys(_LABEL[:2], messages) | {"label": datasets.Value("bool")} | prompt
        del columns["messages"]
    columns["source"] = datasets.Value("string")
    table = {name: [row[name] for row in rows] for name in columns}
    return cast("Dataset", datasets.Dataset.from_dict(table, features=datasets.Features(columns)))


@checked()
def examples_from_hf(dataset: Dataset) -> Iterator[AnyExample]:
    """The examples of a Hugging Face dataset, one at a time: the same that `to_hf_dataset` was given.

    Reads other datasets with a column `messages` too. Where Arrow holds their messages as structs, keys of a
    message, its parts and its calls that are null are left out, since nobody can tell which of them Arrow filled in.

    Args:
        dataset: With the columns that `to_hf_dataset` makes, or with `messages` alone.

    Raises:
        InvalidExampleError: The dataset has none of these columns.
        TypeError: It is none: a dict of several, for example.
    """
    names = getattr(dataset, "column_names", None)
    if not isinstance(names, list):  # as a dict of splits has them
        raise TypeError(f"dataset must be a datasets.Dataset, not {type(dataset).__name__}")
    if "messages" not in names and not any(set(kind) <= set(names) for kind in (_PREFERENCE, _LABEL)):
        raise InvalidExampleError(
            "the dataset",
            "",
            f"has the columns {', '.join(names)}",
            "Give it a column messages, or input, preferred_output and non_preferred_output, or prompt, completion "
            "and label",
        )
    return Passes(lambda: _read(dataset))


def _read(dataset: Dataset) -> Generator[AnyExample, None, None]:
    # As Arrow holds it: datasets' own decoder rounds numbers and drops halves of surrogate pairs.
    index = -1
    for batch in dataset.with_format("arrow").iter(batch_size=1000):
        for row in batch.to_pylist():
            index += 1
            yield _example_at(f"row {index}", row)
    if index < 0:
        logger.warning("examples_from_hf gives nothing: the dataset has no rows")


def _example_at(where: str, row: Mapping[str, Any]) -> AnyExample:
    try:
        example = _example(row)
    except Exception as error:  # noqa: BLE001 - columns of others can hold anything
        fix = "Make the dataset with to_hf_dataset(examples), or with messages as structs"
        raise InvalidExampleError(where, "", f"reading it raised {type(error).__name__}", fix) from None
    line_of(where, example)
    return example


def _row(where: str, example: AnyExample | Mapping[str, Any]) -> dict[str, Any]:
    line = check_form(where, line_of(where, example))
    kind = kind_of_line(line)
    known = {"training": _PROMPT, "preference": _PREFERENCE, "label": (*_LABEL, *_PROMPT[1:])}[kind]
    prompt = request_of_line(line)
    if unknown := sorted({*line} - {*known} | {*prompt} - {*_PROMPT, *known}):
        fix = "Leave it out: what is beside the line belongs into source"
        key = unknown[0] if unknown[0] in KNOWN else "a key"  # another may be somebody's data
        raise InvalidExampleError(where, key, "is no key of such a line", fix)
    parallel = prompt.get("parallel_tool_calls")
    if not isinstance(parallel, bool | None):
        found = f"is {described(parallel)}, not true or false"
        raise InvalidExampleError(where, "parallel_tool_calls", found, "Leave it out")
    row: dict[str, Any] = {
        "messages": _texts(prompt["messages"]),
        "tools": _text(prompt["tools"]) if "tools" in prompt else None,
        "parallel_tool_calls": parallel,
    }
    if kind == "preference":
        row = {"input": row} | {key: _texts(line[key]) for key in _PREFERENCE[1:]}
    elif kind == "label":
        del row["messages"]
        row |= {
            "prompt": _texts(line["prompt"]),
            "completion": _texts(line["completion"]),
            "label": line["label"],
        }
    row["source"] = None
    if is_example(example):
        sources = {key: value for key in _SOURCES if (value := getattr(example, key, None))}
        row["source"] = _text(to_builtins(sources)) if sources else None
    return row


def _texts(messages: Any) -> list[str]:
    return [_text(message) for message in messages]


def _text(value: Any) -> str:
    return json_bytes(value).decode()


def _example(row: Mapping[str, Any]) -> AnyExample:
    sources = json.loads(row.get("source") or "{}")
    changes = tuple(sources.get("changes", ()))
    source = _source(sources.get("source"))
    if "messages" in row:
        merged = tuple(found for entry in sources.get("merged", ()) if (found := _source(entry)))
        return TrainingExample(line=cast("Any", _prompt(row)), source=source, merged=merged, changes=changes)
    if "label" in row:
        line = _prompt({**row, "messages": row["prompt"]})
        line = {
            "prompt": line.pop("messages"),
            "completion": _messages(row["completion"]),
            "label": row["label"],
        } | line
        return LabelExample(line=cast("Any", line), source=source, changes=changes)
    line = {"input": _prompt(row["input"])} | {key: _messages(row[key]) for key in _PREFERENCE[1:]}
    rejected = _source(sources.get("rejected_source"))
    return PreferenceExample(line=cast("Any", line), source=source, rejected_source=rejected, changes=changes)


def _prompt(row: Mapping[str, Any]) -> dict[str, Any]:
    line: dict[str, Any] = {"messages": _messages(row["messages"])}
    if (tools := row.get("tools")) is not None:
        line["tools"] = json.loads(tools) if isinstance(tools, str) else tools
    if (parallel := row.get("parallel_tool_calls")) is not None:
        line["parallel_tool_calls"] = parallel
    return line


def _messages(messages: Iterable[Any]) -> list[dict[str, Any]]:
    found = []
    for message in messages:
        read = message
        while isinstance(read, str):  # twice where datasets could not read the text and quoted it
            read = json.loads(read)
        if read is message:  # an Arrow struct, with a null for every key that some other message has
            read = {
                key: _without_nulls(value)
                for key, value in message.items()
                if key == "content" or not holds_nothing(value)
            }
        found.append({**read})
    return found


def _without_nulls(value: Any) -> Any:
    """Parts and calls without the keys that Arrow filled in; what a model wrote as arguments stays."""
    if isinstance(value, Mapping):
        return {
            key: inner if key == "arguments" else _without_nulls(inner)
            for key, inner in value.items()
            if not holds_nothing(inner)
        }
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _source(entry: Mapping[str, Any] | None) -> RunSource | None:
    if entry is None:
        return None
    notes = tuple(Note(**note) for note in entry["notes"])
    return RunSource(**{**entry, "notes": notes})


def _datasets() -> Any:
    try:
        without_tqdm_warning()
        import datasets  # noqa: PLC0415
    except ImportError as error:
        raise missing("a Hugging Face dataset", "datasets", "datasets") from error
    return datasets
