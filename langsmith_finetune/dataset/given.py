"""Takes what is given for examples: examples, bare lines, or the path of a file of lines."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from langsmith_finetune._foundation.arguments import many
from langsmith_finetune._foundation.passes import Source
from langsmith_finetune.chat_format import LineKind, kind_of_line
from langsmith_finetune.examples.example import LabelExample, PreferenceExample, TrainingExample
from langsmith_finetune.examples.sound import refuse_other_things
from langsmith_finetune.jsonl import read_jsonl

Examples: TypeAlias = Iterable[TrainingExample | Mapping[str, Any]] | str | os.PathLike[str]
"""Training examples, bare lines, or the path of a training file."""

_MAKES: dict[LineKind, Any] = {
    "training": TrainingExample,
    "preference": PreferenceExample,
    "label": LabelExample,
}


class ExampleSource(Source[Any]):
    """The examples that a step is to work on. A bare line is an example that knows of no run.

    Args:
        given: Examples, lines, a table of lines, or the path of a training file.
        of: What an error calls them: `"training examples"`.

    Raises:
        FileNotFoundError: There is no such file.
        TypeError: It is none of these; or, when it is read, what it holds is not.
    """

    def __init__(self, given: Any, of: str) -> None:
        if isinstance(given, (str, os.PathLike)):
            path = Path(given)
            if not path.is_file():
                raise FileNotFoundError(f"examples: there is no file {str(path)!r}")
            given = read_jsonl(path)
        super().__init__("examples", many("examples", given, of))

    def __iter__(self) -> Iterator[Any]:
        items = super().__iter__()
        return (
            # A Mapping of another's class may raise anything, and is told of where it is used.
            example_given(f"example {index}", each) if issubclass(type(each), dict) else each
            for index, each in enumerate(items)
        )


def example_given(name: str, given: Any) -> Any:
    """An example, made of a line where one was given.

    Args:
        name: What an error calls it: `"example 3"`.
        given: An example, a line, or anything else, which is left as it is.

    Raises:
        TypeError: It is a run or a chat session.
    """
    if not issubclass(type(given), dict):
        return given
    refuse_other_things(name, given)
    # By the methods of dict alone: those of a subclass may raise anything.
    line: dict[str, Any] = given if type(given) is dict else dict(dict.items(given))
    return _MAKES[kind_of_line(line)](line=line)
