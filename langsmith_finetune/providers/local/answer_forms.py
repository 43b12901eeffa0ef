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
from typing import TYPE_CHECKING, Any

from langsmith_finetune.providers.local.adaptation import Adaptation
from langsmith_finetune.providers.local.call_forms import (
    BEHIND,
    IDS,
    NAMES,
    PLAIN,
    TOKEN,
    common_end,
    ending_of,
    forms_of_calls,
    json_values,
    pattern_of,
)
from langsmith_finetune.providers.local.sequences import RefusedError, Sequencer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ASKED, _TEXT, _THOUGHT, _RESULT = "qzasked", "qztext", "qzthought", "qzresult"
_ARGUMENTS: tuple[dict[str, Any], ...] = (
    {"qzkey_a": 'qz "v\u00e4lue"\nof', "qzkey_b": 17},
    {"qzkey_c": "qzother"},
)
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
    for name, arguments in zip(NAMES, _ARGUMENTS, strict=True)
]


def call_of(number: int, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A marked call."""
    function = {"name": NAMES[number], "arguments": dict(arguments)}
    return {"id": IDS[number], "type": "function", "function": function}


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
    name: str = NAMES[0]
    ids: tuple[str, ...] = IDS

    def before_name(self) -> str:
        """What stands before the first call's name."""
        return self.first[: self.first.rindex(self.name)]


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
        token = TOKEN.search(said.answer.partition(_TEXT)[2]) if said else None
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
        said, one = self.written({"content": _TEXT}), self.calls(PLAIN[0])
        if said is None or _TEXT not in said.answer or one is None:
            return None
        lead, _, end = said.answer.partition(_TEXT)
        end = end.strip() or self.eos
        is_common = one.answer.startswith(lead)
        if thought := self._thought():
            fields["reasoning_content"] = thought
        elif lead.strip() and is_common:  # the end of a thought that the prompt began
            close = pattern_of(lead.strip())
            fields["reasoning_content"] = {
                "open_pattern": rf"(?=[\s\S]*?{close})", "close_pattern": rf"{close}\s*", "content": "text",
            }  # fmt: skip
        two = self.calls(*PLAIN)
        both = two.answer if two and all(name in two.answer for name in NAMES) else ""
        anchor = self._anchor(said)
        for calls in forms_of_calls(one.answer.removeprefix(lead), both.removeprefix(lead), end):
            around = calls.pop(BEHIND, None)
            fields["tool_calls"] = calls
            fields.pop(BEHIND, None)
            if around:  # what stands once behind all calls is no text
                fields[BEHIND] = {"open_pattern": around, "close_pattern": r"\s*", "content": "text"}
            fields["content"] = {
                **({"open_pattern": pattern_of(lead.strip())} if lead.strip() and not is_common else {}),
                **({"close_pattern": ending_of(end)} if end else {}),
                "content": "text",
            }
            found = {"defaults": {"role": "assistant"}, "fields": fields} | anchor
            if self._reads(found):
                return found
        return next((found for found in _known() if self._reads(found, streamed=False)), None)

    def call_form(self) -> CallForm | None:
        """How calls are written; None where their arguments are no JSON, or the name stands behind them."""
        said, one, two = self.written({"content": _TEXT}), self.calls(PLAIN[0]), self.calls(*PLAIN)
        if said is None or one is None:
            return None
        end = said.answer.partition(_TEXT)[2].strip() or self.eos
        found = next(((a, b) for a, b, value in json_values(one.answer) if value == PLAIN[0]), None)
        if found is None or NAMES[0] not in one.answer[: found[0]]:
            return None
        first, rest = one.answer[: found[0]], one.answer[found[1] :]
        last = (rest.partition(end)[0] if end else rest).rstrip()
        between = None
        if two is not None:
            again = next((at for at, _, value in json_values(two.answer) if value == PLAIN[1]), None)
            between = two.answer[found[1] : again].replace(NAMES[1], NAMES[0]) if again else None
        token = TOKEN.search(last)
        # Behind the first token of the end the model may stop.
        kept = last[: token.end()] if token is not None else last
        return CallForm(first=first, between=between if between and NAMES[0] in between else None, last=kept)

    def _anchor(self, said: Written) -> dict[str, Any]:
        """Where an answer begins, after a question and after a tool's result."""
        starts = [said.prompt.rpartition(_ASKED)[2]]
        call = {"role": "assistant", "content": "", "tool_calls": [call_of(0, PLAIN[0])]}
        result = {"role": "tool", "content": _RESULT, "tool_call_id": IDS[0], "name": NAMES[0]}
        after = self.written({"content": _TEXT}, before=[call, result])
        if after is not None and _RESULT in after.prompt:
            starts.append(after.prompt.rpartition(_RESULT)[2])
        common = starts[0]
        for start in starts[1:]:
            common = common_end(common, start)
        # A few characters that both have by chance mark nothing.
        wanted = [common] if len(starts) == 1 or len(common.strip()) > 3 else starts
        return {
            "start_anchor_pattern": "|".join(pattern_of(one.lstrip()) for one in wanted if one.strip()) or "^"
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
            (self.calls(PLAIN[0]), [call_of(0, PLAIN[0])], ""),
            (self.calls(_ARGUMENTS[0]), [call_of(0, _ARGUMENTS[0])], ""),
        ]
        both = self.calls(*_ARGUMENTS)
        if both is not None and all(name in both.answer for name in NAMES):
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
