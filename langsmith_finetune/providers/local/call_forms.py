"""Finds the form of calls in two texts: an answer with one marked call, and an answer with two.

<tool_call>{"name": ..., "arguments": ...}</tool_call>       JSON with the name in it, also lists of it
[TOOL_CALLS]name[ARGS]{...}                                  a name before JSON
[name(key="value")]                                          Python's calls
<function=name><parameter=key>value</parameter></function>   tags
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

IDS = ("qz1aacall", "qz2bbcall")
"""Nine letters, which every template takes as they are."""

NAMES = ("qzname_one", "qzname_two")
PLAIN: tuple[dict[str, Any], ...] = (
    {"qzkey_a": "qzvalue_a", "qzkey_b": "qzvalue_b"},
    {"qzkey_c": "qzvalue_c"},
)
"""Arguments without a character that any form writes otherwise than it is."""

TOKEN = re.compile(r"<[^<>\s]+>|\[/?[A-Z_]+\]")
"""What most templates use for special tokens and tags."""

_SPECIAL = re.compile(r"<[|\uff5c][^<>]*[|\uff5c]>|\[/?[A-Z_]+\]")
"""What no template uses for anything but special tokens."""

BEHIND = "after_calls"
"""The field of a response template that takes what stands once behind all calls; it never holds anything."""

_PIECE = re.compile(r"<[^<>]*>|\[/?[A-Z_]+\]|\d+|\w+|\s+|.", re.DOTALL)
"""What is never cut in two."""


def parted(text: str) -> list[str]:
    """A text in pieces that are never cut: special tokens, tags, words, spaces, characters."""
    return _PIECE.findall(text)


def forms_of_calls(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """The ways to read calls that an answer of one and of two calls may be written in, the likeliest first."""
    yield from _json_with_name(one, two, end)
    yield from _name_before_json(one, two, end)
    yield from _python_calls(one, end)
    yield from _tags(one, two, end)


def _json_with_name(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """`<tool_call>{"name": ..., "arguments": ...}</tool_call>`, and lists of such objects."""
    for begin, stop, value in json_values(one):
        calls = value if isinstance(value, list) else [value]
        path = _path_of(calls[0], NAMES[0]) if calls and isinstance(calls[0], dict) else None
        given = _path_of(calls[0], PLAIN[0]) if path else None
        if path is None or given is None:
            continue
        is_list = isinstance(value, list)
        between = None
        if two and not is_list:
            again = next((at for at, _, other in json_values(two) if NAMES[1] in json.dumps(other)), None)
            if again is None:
                continue
            between = two[stop:again]
        of = "" if is_list else "content."  # the keys of each object of a list are at hand by themselves
        key = re.escape(path.split(".")[0])
        yield {
            **_framed(one[:begin], until(one[stop:], end), between, end, ahead=rf"(?={{\s*\"{key}\"\s*:)"),
            "content": "json",
            "transform": {
                "type": "function",
                "function": {"name": f"{{{of}{path}}}", "arguments": f"{{{of}{given}}}"},
            },
            **({"transform_each": True} if is_list else {}),
        }


def _name_before_json(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """`[TOOL_CALLS]name[ARGS]{...}`, `<function=name>{...}</function>` and the like."""
    for begin, stop, value in json_values(one):
        if value != PLAIN[0] or NAMES[0] not in one[:begin]:
            continue
        between = None
        if two:
            again = next((at for at, _, other in json_values(two) if other == PLAIN[1]), None)
            if again is None:
                continue
            between = two[stop:again]
        yield {
            **_framed(one[:begin], until(one[stop:], end), between, end),
            "content": "json",
            "transform": _NAMED,
        }


def _python_calls(one: str, end: str) -> Iterator[dict[str, Any]]:
    """`[name(key="value")]`."""
    at = one.find(f"[{NAMES[0]}(")
    stop = one.find(")]", at) + 2
    if at >= 0 and stop >= 2:
        function = {"name": "{name}", "arguments": "{arguments}"}
        yield {
            **_framed(one[:at], until(one[stop:], end), None, end, ahead=r"(?=\[\w+\()"),
            "content": "python-call-list",
            "transform_each": True,
            "transform": {"type": "function", "function": function},
        }


def _tags(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """`<function=name><parameter=key>value</parameter></function>` and the like."""
    keys, values = list(PLAIN[0]), list(PLAIN[0].values())
    at = [one.rfind(NAMES[0]), *(one.find(mark) for mark in (keys[0], values[0], keys[1], values[1]))]
    if -1 in at or at != sorted(at):
        return
    unit = one[at[2] + len(values[0]) : at[3]]  # from the end of a value to the next key
    middle = one[at[1] + len(keys[0]) : at[2]]
    head = one[at[0] + len(NAMES[0]) : at[1]]
    lead = common_end(head, unit)
    tail = unit[: len(unit) - len(lead)]
    after = one[at[4] + len(values[1]) :]
    if not lead.strip() or not middle.strip() or not after.startswith(tail.rstrip()):
        return
    rest = after[len(tail.rstrip()) :]
    between = None
    if two:
        last = two.find(values[1]) + len(values[1]) + len(tail.rstrip())
        key = two.find(next(iter(PLAIN[1])), last)
        if NAMES[1] not in two[last:key]:
            return
        between = two[last : key - len(lead)]
    value = rf"(?P<value>.*?)\s*{pattern_of(tail.strip())}" if tail.strip() else r"(?P<value>.*?)\s*$"
    yield {
        **_framed(one[: at[1] - len(lead)], until(rest, end), between, end),
        "content": "xml-inline",
        "content_args": {
            "tag_pattern": rf"{pattern_of(lead.strip())}\s*(?P<key>\S+?){pattern_of(middle.strip())}\s*{value}",
            "value_parser": {"name": "text"},
        },
        "transform": _NAMED,
    }


_NAMED = {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}}
"""A call whose name stands before its arguments."""


def json_values(text: str) -> Iterator[tuple[int, int, Any]]:
    """The JSON objects and lists in a text with where they stand, the outermost first."""
    decoder = json.JSONDecoder()
    for found in re.finditer(r"[\[{]", text):
        try:
            value, stop = decoder.raw_decode(text, found.start())
        except ValueError:
            continue
        yield found.start(), stop, value


def _path_of(value: Mapping[str, Any], wanted: Any) -> str | None:
    """The keys, with dots between, under which something stands; arguments may stand as JSON text."""
    for key, found in value.items():
        if found == wanted or (
            isinstance(found, str) and isinstance(wanted, dict) and _as_json(found) == wanted
        ):
            return key
        if isinstance(found, dict) and (rest := _path_of(found, wanted)):
            return f"{key}.{rest}"
    return None


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _framed(first: str, last: str, between: str | None, end: str, *, ahead: str = "") -> dict[str, Any]:
    """What opens and closes each of several calls.

    Args:
        first: What stands before the first call; it may hold something that stands once before all.
        last: What stands behind the last, likewise.
        between: What stands between two; None where all stand in one place, or only one can be written.
        end: What ends an answer.
        ahead: The pattern of a call that nothing opens.
    """
    opening, close, around, once, once_again = first, last, "", "", ""
    if between is not None:
        between = between.replace(NAMES[1], NAMES[0]).replace(IDS[1], IDS[0]).lstrip()
        opening = common_end(first, between)
        around, inner = first[: len(first) - len(opening)], between[: len(between) - len(opening)]
        close = _common_start(inner, last)
        once, once_again = inner[len(close) :].strip(), last[len(close) :].strip()
    opens = (rf"(?:{pattern_of(around.strip())}\s*)?" if around.strip() else "") + pattern_of(opening.strip())
    if NAMES[0] in opening:
        opens = _with_name(opens)
    behind = ""
    if close.strip():
        closes = ending_of(close.strip())
        if once and once_again:  # a comma or the end of all: one of both is there
            closes += rf"(?:{ending_of(once)}|{ending_of(once_again)})"
        else:
            behind = ending_of(once or once_again) if once or once_again else ""
    elif once or once_again:
        closes = "|".join(ending_of(text) for text in (once, once_again) if text)
        closes = rf"(?:{closes})"
    else:  # nothing does: the next call does, or the end
        following = [pattern_of(text) for text in (first.partition(NAMES[0])[0].strip(), end) if text]
        closes = rf"(?={'|'.join(following)})" if following else "$"
    found = {"open_pattern": opens or ahead, "close_pattern": rf"\s*{closes}", "repeats": True}
    return found | ({BEHIND: behind} if behind else {})


def ending_of(text: str) -> str:
    """The pattern of what ends something, up to its first special token: there a model may stop."""
    token = _SPECIAL.search(text)
    return rf"{pattern_of(text if token is None else text[: token.end()])}\s*"


def _with_name(opening: str) -> str:
    """The pattern of what stands before the arguments, with the name where it stands last."""
    before, _, after = opening.rpartition(re.escape(NAMES[0]))
    return before.replace(re.escape(NAMES[0]), r"[\w.-]+") + r"(?P<name>[\w.-]+?)" + (after or r"(?![\w.-])")


def until(text: str, end: str) -> str:
    """What stands before the end of an answer."""
    return (text.partition(end)[0] if end else text).strip()


def pattern_of(text: str) -> str:
    """A pattern for a text, in which ids are any id, numbers any number and spaces any spaces."""
    pieces = re.split(rf"({'|'.join(map(re.escape, (*IDS, *NAMES)))}|\d+|\s+)", text)
    made = []
    for piece in pieces:
        if piece in IDS:
            made.append(r"[\w.:-]+")
        elif piece.isdigit():
            made.append(r"\d+")
        else:
            made.append(r"\s*" if piece.isspace() else re.escape(piece))
    return "".join(made)


def _common_start(one: str, other: str) -> str:
    pairs = zip(_PIECE.findall(one), _PIECE.findall(other), strict=False)
    return "".join(a for a, _ in takewhile(_is_same, pairs))


def common_end(one: str, other: str) -> str:
    """What two texts end in, in whole pieces; numbers may differ."""
    pairs = zip(_PIECE.findall(one)[::-1], _PIECE.findall(other)[::-1], strict=False)
    return "".join([a for a, _ in takewhile(_is_same, pairs)][::-1])


def _is_same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1] or all(piece.isdigit() for piece in pair)
