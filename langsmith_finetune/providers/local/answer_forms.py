"""Finds how a chat template writes answers, so that they can be read back: by answers whose every field is a mark.

TRL knows a dozen templates to the byte. Most others write calls in a form that one look at a marked call tells: JSON with
name and arguments, a name before JSON, or tags. What is found is tried on the marked answers before it is used.
Source: https://huggingface.co/docs/transformers/chat_response_parsing
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.sequences import RefusedError, Sequencer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ASKED, _TEXT, _THOUGHT, _RESULT = "qzasked", "qztext", "qzthought", "qzresult"
_IDS = ("qz1aacall", "qz2bbcall")
"""Nine letters, which every template takes as they are."""

_NAMES = ("qzname_one", "qzname_two")
_ARGUMENTS: tuple[dict[str, Any], ...] = (
    {"qzkey_a": 'qz "v\u00e4lue"\nof', "qzkey_b": 17},
    {"qzkey_c": "qzother"},
)
_PLAIN: tuple[dict[str, Any], ...] = (
    {"qzkey_a": "qzvalue_a", "qzkey_b": "qzvalue_b"},
    {"qzkey_c": "qzvalue_c"},
)
"""Arguments without a character that any form writes otherwise than it is."""

_TOKEN = re.compile(r"<[^<>\s]+>|\[/?[A-Z_]+\]")
"""What most templates use for special tokens and tags."""

_SPECIAL = re.compile(r"<[|\uff5c][^<>]*[|\uff5c]>|\[/?[A-Z_]+\]")
"""What no template uses for anything but special tokens."""

_BEHIND = "after_calls"
"""The field of a response template that takes what stands once behind all calls; it never holds anything."""

_PIECE = re.compile(r"<[^<>]*>|\[/?[A-Z_]+\]|\d+|\w+|\s+|.", re.DOTALL)
"""What is never cut in two."""

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": "Does it.",
            "parameters": {
                "type": "object",
                "properties": {
                    key: {"type": "integer" if isinstance(value, int) else "string"}
                    for key, value in arguments.items()
                },
            },
        },
    }
    for name, arguments in zip(_NAMES, _ARGUMENTS, strict=True)
]


def call_of(number: int, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A marked call."""
    function = {"name": _NAMES[number], "arguments": dict(arguments)}
    return {"id": _IDS[number], "type": "function", "function": function}


@dataclass(frozen=True, slots=True)
class Written:
    """How a template writes an answer.

    Args:
        prompt: The text that the model is asked with.
        answer: What it is to write.
    """

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """How a template writes calls whose arguments are JSON.

    Args:
        first: What stands before the first call's arguments.
        between: What stands between the arguments of two calls; None where only one can be written.
        last: What stands behind the last one's.
        name: Stands for the name of a tool in these.
        ids: Stand for ids of calls.
    """

    first: str
    between: str | None
    last: str
    name: str = _NAMES[0]
    ids: tuple[str, ...] = _IDS

    def before_name(self) -> str:
        """What stands before the first call's name."""
        return self.first[: self.first.rindex(self.name)]


def parted(text: str) -> list[str]:
    """A text in pieces that are never cut: special tokens, tags, words, spaces, characters."""
    return _PIECE.findall(text)


class AnswerForms:
    """What a chat template writes for answers of each kind.

    Args:
        tokenizer: The model's, with its chat template.
        adaptation: How conversations are changed for the template.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, adaptation: Adaptation) -> None:
        self._sequencer = Sequencer(tokenizer, adaptation)
        self.eos = str(tokenizer.eos_token or "")
        said = self.written({"content": _TEXT})
        token = _TOKEN.search(said.answer.partition(_TEXT)[2]) if said else None
        self._ends = {end for end in (self.eos, token and token.group()) if end}

    def written(
        self, answer: Mapping[str, Any], *, before: Sequence[Mapping[str, Any]] = ()
    ) -> Written | None:
        """How the template writes an answer; None where it cannot."""
        asked = [{"role": "user", "content": _ASKED}, *before, {"role": "assistant", "content": "", **answer}]
        # Some templates are for conversations with tools alone.
        for tools in (TOOLS,) if answer.get("tool_calls") or before else ((), TOOLS):
            try:
                prompt, text, _ = self._sequencer.split(asked, tools)
            except RefusedError:
                continue
            return Written(prompt, text)
        return None

    def calls(self, *arguments: Mapping[str, Any], text: str = "") -> Written | None:
        """How the template writes so many calls."""
        calls = [call_of(number, given) for number, given in enumerate(arguments)]
        return self.written({"tool_calls": calls, "content": text})

    def response_template(self) -> dict[str, Any] | None:
        """How answers are read back; None where their calls are written in no form that is known, or they have none."""
        fields: dict[str, Any] = {}
        said, one = self.written({"content": _TEXT}), self.calls(_PLAIN[0])
        if said is None or _TEXT not in said.answer or one is None:
            return None
        lead, _, end = said.answer.partition(_TEXT)
        end = end.strip() or self.eos
        is_common = one.answer.startswith(lead)
        if thought := self._thought():
            fields["reasoning_content"] = thought
        elif lead.strip() and is_common:  # the end of a thought that the prompt began
            close = _pattern(lead.strip())
            fields["reasoning_content"] = {
                "open_pattern": rf"(?=[\s\S]*?{close})", "close_pattern": rf"{close}\s*", "content": "text",
            }  # fmt: skip
        two = self.calls(*_PLAIN)
        both = two.answer if two and all(name in two.answer for name in _NAMES) else ""
        anchor = self._anchor(said)
        for calls in _forms(one.answer.removeprefix(lead), both.removeprefix(lead), end):
            around = calls.pop(_BEHIND, None)
            fields["tool_calls"] = calls
            fields.pop(_BEHIND, None)
            if around:  # what stands once behind all calls is no text
                fields[_BEHIND] = {"open_pattern": around, "close_pattern": r"\s*", "content": "text"}
            fields["content"] = {
                **({"open_pattern": _pattern(lead.strip())} if lead.strip() and not is_common else {}),
                **({"close_pattern": _cut(end)} if end else {}),
                "content": "text",
            }
            found = {"defaults": {"role": "assistant"}, "fields": fields} | anchor
            if self._reads(found):
                return found
        return next((found for found in _known() if self._reads(found, streamed=False)), None)

    def call_form(self) -> CallForm | None:
        """How calls are written; None where their arguments are no JSON, or the name stands behind them."""
        said, one, two = self.written({"content": _TEXT}), self.calls(_PLAIN[0]), self.calls(*_PLAIN)
        if said is None or one is None:
            return None
        end = said.answer.partition(_TEXT)[2].strip() or self.eos
        found = next(((a, b) for a, b, value in _values(one.answer) if value == _PLAIN[0]), None)
        if found is None or _NAMES[0] not in one.answer[: found[0]]:
            return None
        first, rest = one.answer[: found[0]], one.answer[found[1] :]
        last = (rest.partition(end)[0] if end else rest).rstrip()
        between = None
        if two is not None:
            again = next((at for at, _, value in _values(two.answer) if value == _PLAIN[1]), None)
            between = two.answer[found[1] : again].replace(_NAMES[1], _NAMES[0]) if again else None
        token = _TOKEN.search(last)
        # Behind the first token of the end the model may stop.
        kept = last[: token.end()] if token is not None else last
        return CallForm(first=first, between=between if between and _NAMES[0] in between else None, last=kept)

    def _anchor(self, said: Written) -> dict[str, Any]:
        """Where an answer begins, after a question and after a tool's result."""
        starts = [said.prompt.rpartition(_ASKED)[2]]
        call = {"role": "assistant", "content": "", "tool_calls": [call_of(0, _PLAIN[0])]}
        result = {"role": "tool", "content": _RESULT, "tool_call_id": _IDS[0], "name": _NAMES[0]}
        after = self.written({"content": _TEXT}, before=[call, result])
        if after is not None and _RESULT in after.prompt:
            starts.append(after.prompt.rpartition(_RESULT)[2])
        common = starts[0]
        for start in starts[1:]:
            common = _common_end(common, start)
        # A few characters that both have by chance mark nothing.
        wanted = [common] if len(starts) == 1 or len(common.strip()) > 3 else starts
        return {
            "start_anchor_pattern": "|".join(_pattern(one.lstrip()) for one in wanted if one.strip()) or "^"
        }

    def _thought(self) -> dict[str, Any] | None:
        """How reasoning is written, if the template shows any."""
        thinks = self.written({"content": _TEXT, "reasoning_content": _THOUGHT})
        if thinks is None or _THOUGHT not in thinks.answer or _TEXT not in thinks.answer:
            return None
        begin, _, rest = thinks.answer.partition(_THOUGHT)
        close = rest.partition(_TEXT)[0].strip()
        if not close:
            return None
        opening = (
            {"open": begin.strip()} if begin.strip() else {"open_pattern": rf"(?=[\s\S]*?{re.escape(close)})"}
        )
        return {**opening, "close_pattern": rf"{re.escape(close)}\s*", "content": "text"}

    def _reads(self, template: dict[str, Any], *, streamed: bool = True) -> bool:
        """True if what the template writes is read back as what it was, and if it comes in single characters too."""
        cases: list[tuple[Written | None, list[dict[str, Any]], str]] = [
            (self.written({"content": _TEXT}), [], _TEXT),
            (self.calls(_PLAIN[0]), [call_of(0, _PLAIN[0])], ""),
            (self.calls(_ARGUMENTS[0]), [call_of(0, _ARGUMENTS[0])], ""),
        ]
        both = self.calls(*_ARGUMENTS)
        if both is not None and all(name in both.answer for name in _NAMES):
            cases.append((both, [call_of(n, given) for n, given in enumerate(_ARGUMENTS)], ""))
        beside = self.calls(_ARGUMENTS[0], text=_TEXT)
        if beside is not None and _TEXT in beside.answer:
            cases.append((beside, [call_of(0, _ARGUMENTS[0])], _TEXT))
        return all(
            written is not None and _is_read(template, written.prompt, pieces, calls, text)
            for written, calls, text in cases
            for answer in self._as_generated(written)
            for pieces in ([answer], answer)[: 2 if streamed else 1]
        )

    def _as_generated(self, written: Written | None) -> Iterator[str]:
        """The answer whole, and up to the token at which a model stops."""
        if written is None:
            yield ""
            return
        yield written.answer
        last = max((written.answer.rfind(mark) for mark in (_TEXT, "qzvalue", "qzother", "qz ")), default=0)
        found = [at for end in self._ends if (at := written.answer.find(end, last)) >= 0]
        if found:
            yield written.answer[: min(found)]


def _known() -> list[dict[str, Any]]:
    """The forms that TRL knows, for templates that write as one of them does but for other things."""
    from trl import chat_template_utils as known

    names = sorted(
        name for name in vars(known) if name.endswith("_template") and not name.endswith("_chat_template")
    )
    return [value for name in names if isinstance(value := getattr(known, name), dict)]


def _is_read(
    template: dict[str, Any], prompt: str, pieces: Iterable[str], calls: list[dict[str, Any]], text: str
) -> bool:
    from transformers.utils.chat_parsing import ResponseParser

    try:
        parser = ResponseParser(template, prefix=prompt, tools=TOOLS)
        for piece in pieces:
            parser.feed(piece)
        message, _ = parser.finalize()
    except Exception:  # noqa: BLE001 - a pattern that fits nothing may fail in any way
        return False
    found = [call["function"] for call in _flat(message.get("tool_calls") or [])]
    for function in found:
        if isinstance(function.get("arguments"), str):
            try:
                function["arguments"] = json.loads(function["arguments"])
            except ValueError:
                return False
    wanted = [call["function"] for call in calls]
    return found == wanted and (message.get("content") or "").strip() == text


def _flat(calls: list[Any]) -> list[Any]:
    """The calls, where a form has them in one list."""
    return [one for call in calls for one in (call if isinstance(call, list) else [call])]


# --- forms -------------------------------------------------------------------------------------------------


def _forms(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """The ways to read calls that an answer of one and of two calls may be written in, the likeliest first."""
    yield from _json_with_name(one, two, end)
    yield from _name_before_json(one, two, end)
    yield from _python_calls(one, end)
    yield from _tags(one, two, end)


def _json_with_name(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """`<tool_call>{"name": ..., "arguments": ...}</tool_call>`, and lists of such objects."""
    for begin, stop, value in _values(one):
        calls = value if isinstance(value, list) else [value]
        path = _path_of(calls[0], _NAMES[0]) if calls and isinstance(calls[0], dict) else None
        given = _path_of(calls[0], _PLAIN[0]) if path else None
        if path is None or given is None:
            continue
        is_list = isinstance(value, list)
        between = None
        if two and not is_list:
            again = next((at for at, _, other in _values(two) if _NAMES[1] in json.dumps(other)), None)
            if again is None:
                continue
            between = two[stop:again]
        of = "" if is_list else "content."  # the keys of each object of a list are at hand by themselves
        key = re.escape(path.split(".")[0])
        yield {
            **_framed(one[:begin], _until(one[stop:], end), between, end, ahead=rf"(?={{\s*\"{key}\"\s*:)"),
            "content": "json",
            "transform": {
                "type": "function",
                "function": {"name": f"{{{of}{path}}}", "arguments": f"{{{of}{given}}}"},
            },
            **({"transform_each": True} if is_list else {}),
        }


def _name_before_json(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """`[TOOL_CALLS]name[ARGS]{...}`, `<function=name>{...}</function>` and the like."""
    for begin, stop, value in _values(one):
        if value != _PLAIN[0] or _NAMES[0] not in one[:begin]:
            continue
        between = None
        if two:
            again = next((at for at, _, other in _values(two) if other == _PLAIN[1]), None)
            if again is None:
                continue
            between = two[stop:again]
        yield {
            **_framed(one[:begin], _until(one[stop:], end), between, end),
            "content": "json",
            "transform": _NAMED,
        }


def _python_calls(one: str, end: str) -> Iterator[dict[str, Any]]:
    """`[name(key="value")]`."""
    at = one.find(f"[{_NAMES[0]}(")
    stop = one.find(")]", at) + 2
    if at >= 0 and stop >= 2:
        function = {"name": "{name}", "arguments": "{arguments}"}
        yield {
            **_framed(one[:at], _until(one[stop:], end), None, end, ahead=r"(?=\[\w+\()"),
            "content": "python-call-list",
            "transform_each": True,
            "transform": {"type": "function", "function": function},
        }


def _tags(one: str, two: str, end: str) -> Iterator[dict[str, Any]]:
    """`<function=name><parameter=key>value</parameter></function>` and the like."""
    keys, values = list(_PLAIN[0]), list(_PLAIN[0].values())
    at = [one.rfind(_NAMES[0]), *(one.find(mark) for mark in (keys[0], values[0], keys[1], values[1]))]
    if -1 in at or at != sorted(at):
        return
    unit = one[at[2] + len(values[0]) : at[3]]  # from the end of a value to the next key
    middle = one[at[1] + len(keys[0]) : at[2]]
    head = one[at[0] + len(_NAMES[0]) : at[1]]
    lead = _common_end(head, unit)
    tail = unit[: len(unit) - len(lead)]
    after = one[at[4] + len(values[1]) :]
    if not lead.strip() or not middle.strip() or not after.startswith(tail.rstrip()):
        return
    rest = after[len(tail.rstrip()) :]
    between = None
    if two:
        last = two.find(values[1]) + len(values[1]) + len(tail.rstrip())
        key = two.find(next(iter(_PLAIN[1])), last)
        if _NAMES[1] not in two[last:key]:
            return
        between = two[last : key - len(lead)]
    value = rf"(?P<value>.*?)\s*{_pattern(tail.strip())}" if tail.strip() else r"(?P<value>.*?)\s*$"
    yield {
        **_framed(one[: at[1] - len(lead)], _until(rest, end), between, end),
        "content": "xml-inline",
        "content_args": {
            "tag_pattern": rf"{_pattern(lead.strip())}\s*(?P<key>\S+?){_pattern(middle.strip())}\s*{value}",
            "value_parser": {"name": "text"},
        },
        "transform": _NAMED,
    }


_NAMED = {"type": "function", "function": {"name": "{name}", "arguments": "{content}"}}
"""A call whose name stands before its arguments."""


def _values(text: str) -> Iterator[tuple[int, int, Any]]:
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
        between = between.replace(_NAMES[1], _NAMES[0]).replace(_IDS[1], _IDS[0]).lstrip()
        opening = _common_end(first, between)
        around, inner = first[: len(first) - len(opening)], between[: len(between) - len(opening)]
        close = _common_start(inner, last)
        once, once_again = inner[len(close) :].strip(), last[len(close) :].strip()
    opens = (rf"(?:{_pattern(around.strip())}\s*)?" if around.strip() else "") + _pattern(opening.strip())
    if _NAMES[0] in opening:
        opens = _with_name(opens)
    behind = ""
    if close.strip():
        closes = _cut(close.strip())
        if once and once_again:  # a comma or the end of all: one of both is there
            closes += rf"(?:{_cut(once)}|{_cut(once_again)})"
        else:
            behind = _cut(once or once_again) if once or once_again else ""
    elif once or once_again:
        closes = "|".join(_cut(text) for text in (once, once_again) if text)
        closes = rf"(?:{closes})"
    else:  # nothing does: the next call does, or the end
        following = [_pattern(text) for text in (first.partition(_NAMES[0])[0].strip(), end) if text]
        closes = rf"(?={'|'.join(following)})" if following else "$"
    found = {"open_pattern": opens or ahead, "close_pattern": rf"\s*{closes}", "repeats": True}
    return found | ({_BEHIND: behind} if behind else {})


def _cut(text: str) -> str:
    """The pattern of what ends something, up to its first special token: there a model may stop."""
    token = _SPECIAL.search(text)
    return rf"{_pattern(text if token is None else text[: token.end()])}\s*"


def _with_name(opening: str) -> str:
    """The pattern of what stands before the arguments, with the name where it stands last."""
    before, _, after = opening.rpartition(re.escape(_NAMES[0]))
    return before.replace(re.escape(_NAMES[0]), r"[\w.-]+") + r"(?P<name>[\w.-]+?)" + (after or r"(?![\w.-])")


def _until(text: str, end: str) -> str:
    """What stands before the end of an answer."""
    return (text.partition(end)[0] if end else text).strip()


def _pattern(text: str) -> str:
    """A pattern for a text, in which ids are any id, numbers any number and spaces any spaces."""
    pieces = re.split(rf"({'|'.join(map(re.escape, (*_IDS, *_NAMES)))}|\d+|\s+)", text)
    made = []
    for piece in pieces:
        if piece in _IDS:
            made.append(r"[\w.:-]+")
        elif piece.isdigit():
            made.append(r"\d+")
        else:
            made.append(r"\s*" if piece.isspace() else re.escape(piece))
    return "".join(made)


def _common_start(one: str, other: str) -> str:
    pairs = zip(_PIECE.findall(one), _PIECE.findall(other), strict=False)
    return "".join(a for a, _ in takewhile(_is_same, pairs))


def _common_end(one: str, other: str) -> str:
    pairs = zip(_PIECE.findall(one)[::-1], _PIECE.findall(other)[::-1], strict=False)
    return "".join([a for a, _ in takewhile(_is_same, pairs)][::-1])


def _is_same(pair: tuple[str, str]) -> bool:
    return pair[0] == pair[1] or all(piece.isdigit() for piece in pair)
