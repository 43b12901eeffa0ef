"""Training files: JSON lines, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples import TrainingExample, TrainingLine
from langsmith_finetune.shapes.canonical import compact_json


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """What `write_jsonl` wrote.

    Args:
        path: The file.
        count: Lines in it.
        bytes: Its size, in bytes.
        sha256: The SHA-256 of its bytes, in hexadecimal.
    """

    path: Path
    count: int
    bytes: int
    sha256: str


def write_jsonl(examples: Iterable[TrainingExample | Mapping[str, Any]], path: str | Path) -> WrittenFile:
    """Write a training file, one line at a time, in constant memory.

    The file appears under its name only when it is whole; an interruption leaves an older file as it was.
    It is readable by its owner alone, since it holds what people said. Text is UTF-8, not escaped. The same
    examples give the same bytes.

    Args:
        examples: Training examples or bare lines.
        path: Where to write; an existing file is replaced.

    Returns:
        The path, the number of lines and bytes, and the SHA-256.

    Raises:
        FileNotFoundError: There is no such folder.
        InvalidExampleError: A line is not JSON, or holds no messages.
        TypeError: A single example was given.

    Example:
        >>> import tempfile
        >>> line = {"messages": [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "Hi"}]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     written = write_jsonl([line], folder + "/train.jsonl")
        >>> written.count, written.bytes
        (1, 86)
    """
    if isinstance(examples, (str, bytes, Mapping, TrainingExample)):
        raise TypeError(
            f"examples must be an iterable of examples or lines, not a single {type(examples).__name__}"
        )
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to write {path.name} into")
    digest, count, size = hashlib.sha256(), 0, 0
    # mkstemp makes the file readable and writable for its owner alone.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for example in examples:
                line = example.line if isinstance(example, TrainingExample) else example
                data = _encode(f"{path.name}:{count + 1}", line)
                file.write(data)
                digest.update(data)
                count, size = count + 1, size + len(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - on the handle's own path
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return WrittenFile(path=path, count=count, bytes=size, sha256=digest.hexdigest())


def read_jsonl(path: str | Path) -> Iterator[TrainingLine]:
    """Read a training file, one line at a time.

    A byte order mark, Windows line ends and empty lines at the end are accepted. Numbers keep their value;
    integers may be of any size.

    Args:
        path: A file of JSON lines.

    Raises:
        InvalidExampleError: A line is not a JSON object with messages; names file and line.
    """
    path = Path(path)
    blank = 0
    # Bytes, since text mode would also end lines at the likes of U+2028 once somebody calls splitlines.
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            where = f"{path.name}:{number}"
            text = data.removeprefix(b"\xef\xbb\xbf") if number == 1 else data
            if not text.strip():
                blank = blank or number
                continue
            if blank:
                raise InvalidExampleError(f"{path.name}:{blank}", "", "the line is empty", "Remove it")
            yield _decode(where, text)


def _encode(where: str, line: Mapping[str, Any]) -> bytes:
    _check(where, line)
    try:
        text = compact_json(line)
    except (TypeError, ValueError) as error:
        raise InvalidExampleError(
            where,
            "",
            f"the line is not JSON ({type(error).__name__})",
            "Use text, numbers, lists and dicts only",
        ) from error
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:
        # Half of a surrogate pair, as a token limit leaves it: only an escape can say it.
        return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def _decode(where: str, data: bytes) -> TrainingLine:
    try:
        line = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        # The decoder's own text is safe to repeat (it holds no content) and says the column.
        at = f" at column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InvalidExampleError(
            where, "", f"the line is not JSON{at}", "Write the file with write_jsonl(examples, path)"
        ) from None
    _check(where, line)
    return cast("TrainingLine", line)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check(where: str, line: Any) -> None:
    if not isinstance(line, Mapping):
        raise InvalidExampleError(
            where, "", f"the line is a JSON {type(line).__name__}, not an object", "Write one object a line"
        )
    messages = line.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(m, Mapping) for m in messages):
        raise InvalidExampleError(
            where, "messages", "is not a list of message objects", 'Write {"messages": [...]} on each line'
        )
