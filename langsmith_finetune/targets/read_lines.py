"""Reads a training file line by line: each line's number, bytes and object, or what is wrong with it.

Every reader of a training file uses it (`read_jsonl`, `check`, the upload, the local trainer), so a file is
refused by all of them or by none, in the same words:

    with path.open("rb") as file:
        for line in read_lines(file):        # says what is wrong, and goes on: for check
            line.number, line.data, line.value, line.faults

    for number, data, value in sound_lines(path):   # raises InvalidExampleError at the first fault
        ...

A blank line, `NaN`, a byte that is not UTF-8, a repeated key, an array, deep nesting and integers of more
digits than Python reads are faults. A byte order mark and blank lines at the end are read over, Windows line
ends and a last line without one are no faults, and an empty file has no lines.
"""

from __future__ import annotations

import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import msgspec

from langsmith_finetune._foundation.json_line import DEEPEST, NOT_FINITE, TOO_DEEP, TOO_LONG
from langsmith_finetune._foundation.safe_words import KNOWN, described, key_described
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets.rules import RuleName

NO_EXAMPLES = "holds no examples"
WRITE_JSONL = "Write the file with write_jsonl(examples, path)"

_SPACE = b" \t\r\n"


class Fault(NamedTuple):
    """What is wrong with a line, or with the file as a whole.

    Args:
        rule: The rule that it breaks.
        found: What was found: types, positions, and names from a known list.
        how_to_fix: What to do about it.
        field: The field, as a path.
        is_fatal: False for what a reader reads over: a byte order mark, blank lines at the end.
    """

    rule: RuleName
    found: str
    how_to_fix: str
    field: str = ""
    is_fatal: bool = True


class FileLine(NamedTuple):
    """A line of a training file.

    Args:
        number: From 1; None for what is wrong with the file as a whole.
        data: The bytes with their line end, without a byte order mark.
        value: The object; None where the line holds none.
        faults: What is wrong with it.
    """

    number: int | None
    data: bytes
    value: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()


def read_lines(lines: Iterable[bytes], *, show_content: bool = False) -> Iterator[FileLine]:
    r"""Read lines one by one. Faults are returned with their line, and reading goes on where it can.

    Args:
        lines: A file that is open in binary mode, or its lines.
        show_content: Name keys and values in faults, which may be somebody's data.

    Example:
        >>> [found] = read_lines([b'{"messages": NaN}\n'])
        >>> found.number, found.faults[0].found
        (1, 'holds NaN or an infinity, which JSON does not have')
    """
    blank = range(0)  # lines without one behind them that holds something
    is_first = True
    for number, raw in enumerate(lines, start=1):
        data = raw
        if number == 1:
            if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
                yield _about_the_file(Fault("encoding", "is UTF-16", "Save it as UTF-8"))
                return
            if data.startswith(BOM_UTF8):
                data = data.removeprefix(BOM_UTF8)
                yield _about_the_file(_BYTE_ORDER_MARK)
        text = data.strip(_SPACE)
        if not text:
            blank = range(blank.start or number, number + 1)
            continue
        for empty in blank:
            yield FileLine(empty, b"", None, (_EMPTY,))
        blank = range(0)
        value, faults = _decoded(text, data, show_content=show_content)
        if is_first and text.startswith(b"[") and faults[0].rule != "array":
            yield _about_the_file(_ARRAY)
            return
        is_first = False
        yield FileLine(number, data if data.endswith(b"\n") else data + b"\n", value, faults)
    for empty in blank:
        yield FileLine(empty, b"", None, (_EMPTY._replace(is_fatal=False),))


def sound_lines(path: Path, name: str | None = None) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """Read a file's lines as number, bytes and object.

    Args:
        path: The file.
        name: What to call it in errors; by default its own name.

    Raises:
        InvalidExampleError: A line has a fault; names file and line.
    """
    with path.open("rb") as file:
        yield from sound(file, name or path.name)


def sound(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """`sound_lines` of a file that is open in binary mode."""
    for number, data, value, faults in read_lines(lines):
        for fault in faults:
            if fault.is_fatal:
                where = name if number is None else f"{name}:{number}"
                raise InvalidExampleError(where, fault.field, fault.found, fault.how_to_fix)
        if number is not None and value is not None:
            yield number, data, value


_EMPTY = Fault("empty_line", "is empty", "Remove it, or call check(..., fix=True)")
_BYTE_ORDER_MARK = Fault(
    "byte_order_mark",
    "begins with a byte order mark",
    "Save it without, or call check(..., fix=True)",
    is_fatal=False,
)
_ARRAY = Fault(
    "array",
    "begins with [, as a JSON array does",
    'Write the examples with write_jsonl(json.load(open("train.json")), "train.jsonl")',
)


def _about_the_file(fault: Fault) -> FileLine:
    return FileLine(None, b"", None, (fault,))


def _decoded(
    text: bytes, data: bytes, *, show_content: bool
) -> tuple[dict[str, Any] | None, tuple[Fault, ...]]:
    """A line's object, or its faults.

    msgspec reads a line six times as fast as `json`. Where writing the object gives the line's own tokens
    again, the line has no repeated key, which is all that msgspec would pass over.
    """
    try:
        value = msgspec.json.decode(text)
        if type(value) is dict and not _is_too_deep(text, value):
            tokens = msgspec.json.format(text, indent=-1)
            if msgspec.json.encode(value) == tokens:
                return value, ()
            if b"\\u" in tokens and _ASCII.encode(value).encode() == tokens:
                return value, ()
    except (ValueError, RecursionError):
        pass  # read it again, to say why
    return _decoded_slowly(data, show_content=show_content)


_ASCII = json.JSONEncoder(separators=(",", ":"))


def _decoded_slowly(data: bytes, *, show_content: bool) -> tuple[dict[str, Any] | None, tuple[Fault, ...]]:
    if data.startswith(BOM_UTF8):  # of the second of two files put together
        return None, (Fault("encoding", "begins with a byte order mark", "Remove it"),)
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        found = f"holds a byte that is not UTF-8, byte {error.start + 1} of the line"
        fault = Fault("encoding", found, "Save the file as UTF-8")
    except json.JSONDecodeError as error:
        # The decoder's own words hold nothing of the line.
        fault = Fault("json", f"is not JSON at column {error.colno}: {error.msg}", WRITE_JSONL)
    except _NotFiniteError:
        fault = Fault("json", *NOT_FINITE)
    except RecursionError:
        fault = Fault("json", *TOO_DEEP)
    except ValueError:
        fault = Fault("json", *TOO_LONG)
    else:
        return _object_of(data, value, show_content=show_content)
    return None, (fault,)


def _object_of(
    data: bytes, value: Any, *, show_content: bool
) -> tuple[dict[str, Any] | None, tuple[Fault, ...]]:
    if not isinstance(value, dict):
        rule: RuleName = "array" if isinstance(value, list) else "json"
        found = f"is {described(value, show_content=show_content)}, not an object"
        return None, (Fault(rule, found, "Write one object per line"),)
    if _is_too_deep(data, value):
        return None, (Fault("json", *TOO_DEEP),)
    return value, tuple(
        Fault(
            "duplicate_key",
            f"holds {key_described(key, show_content=show_content)} more than once",
            "Keep one of them",
            field,
        )
        for field, key in _repeated(value, "")
    )


def _is_too_deep(text: bytes, value: Any) -> bool:
    if text.count(b"{") + text.count(b"[") <= DEEPEST:
        return False
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


class _NotFiniteError(Exception):
    pass


def _no_constant(_: str) -> NoReturn:
    raise _NotFiniteError


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):  # 1e400 and the like
        raise _NotFiniteError
    return number


class _Repeated(dict[str, Any]):
    """An object that had a key more than once."""

    keys_repeated: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _Repeated(found)
    repeated.keys_repeated = tuple(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
    return repeated


def _repeated(value: Any, at: str) -> Iterator[tuple[str, str]]:
    """Where keys are repeated: the object's path, and the key."""
    if isinstance(value, dict):
        for key in value.keys_repeated if isinstance(value, _Repeated) else ():
            yield at, key
        for key, inner in value.items():
            name = key if key in KNOWN else "?"  # a name that nobody else uses may be somebody's data
            yield from _repeated(inner, f"{at}.{name}" if at else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _repeated(inner, f"{at}[{index}]")
