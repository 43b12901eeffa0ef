"""A line's bytes as an object, with a problem for each reason why they are none."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from langsmith_finetune.targets.describe import KNOWN
from langsmith_finetune.targets.problems import Problems
from langsmith_finetune.targets.rules import RuleName


def decoded(data: bytes, problems: Problems) -> Mapping[str, Any] | None:
    """The object that a line is, or None.

    Args:
        data: The line, without a byte order mark.
        problems: Takes what is wrong, with keys that stand more than once.
    """
    try:
        line = json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        found = f"holds a byte that is not UTF-8, byte {error.start + 1} of the line"
        problems.say("encoding", "", found, "Save the file as UTF-8")
    except json.JSONDecodeError as error:
        # The decoder's own words hold nothing of the line.
        found = f"is not JSON at column {error.colno}: {error.msg}"
        problems.say("json", "", found, "Write the file with write_jsonl(examples, path)")
    except _NotJsonError:
        fix = "Write null, or leave the value out"
        problems.say("json", "", "holds NaN or an infinity, which JSON does not have", fix)
    except RecursionError:
        problems.say("json", "", "is nested deeper than Python can follow", "Leave the line out")
    except ValueError:
        problems.say("json", "", "holds an integer of more digits than Python reads", "Leave the line out")
    else:
        if isinstance(line, dict):
            for field, key in _repeated(line, ""):
                found = f"holds {problems.key(key)} more than once"
                problems.say("duplicate_key", field, found, "Keep one of them")
            return line
        rule: RuleName = "array" if isinstance(line, list) else "json"
        problems.say(rule, "", f"is {problems.what(line)}, not an object", "Write one object a line")
    return None


class _NotJsonError(Exception):
    pass


def _refuse_constant(_: str) -> NoReturn:
    raise _NotJsonError


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
