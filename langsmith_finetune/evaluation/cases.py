"""Held-out lines as questions: what a model is asked, and what was answered when it was recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from langsmith_finetune._foundation.arguments import check_many, checked
from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.chat_format import Message, Tool, kind_of_line, nameless, request_of_line
from langsmith_finetune.dataset.describe import script_of
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.sound import check_form, is_example, line_of
from langsmith_finetune.ledger.rows import hashed, ledger_path, lines_of
from langsmith_finetune.providers.local.rows import is_learned
from langsmith_finetune.targets.read_lines import sound_lines

Answers: TypeAlias = Literal["all", "last"] | int
"""Which answers of a line are asked for: every trained one, the last, or at most so many, spread evenly."""

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_ROLE = "is none of system, developer, user, assistant, tool"
_MAKE = "Make lines with training_examples(sessions)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded answer, and what the model was given before it.

    Args:
        where: The line and the message: `"heldout.jsonl:17 messages[4]"`.
        key: The SHA-256 of what the model is asked. Cases that ask the same have the same.
        messages: Everything before the answer, in OpenAI's form.
        tools: The tools that were offered.
        parallel_tool_calls: Whether several calls at once were allowed, where the line says so.
        expected: The recorded answer.
        conversation: Names the conversation. Answers of one conversation are not independent of each other.
        groups: What the case belongs to, by kind: `tool`, `language`, and where they are known `node` and `agent`.
        scores: Feedback on the recorded answer, by key.
        run_id: The run that it is from, where that is known.
    """

    where: str
    key: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...]
    parallel_tool_calls: bool | None
    expected: Message
    conversation: str
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    run_id: str | None = None

    @property
    def expects_calls(self) -> bool:
        """True if the recorded answer calls tools."""
        return bool(self.expected.get("tool_calls"))


@checked()
def cases_of(
    heldout: str | Path | Iterable[Any],
    *,
    answers: Answers = "all",
    groups: Callable[[Case], Mapping[str, str | Sequence[str]]] | None = None,
) -> list[Case]:
    """The cases of a held-out file, in its order.

    The same messages are asked for as training would learn: assistant messages whose weight is not 0. Of a preference
    it is the preferred answer, of a line with a label the good one; lines with a bad answer ask for nothing.

    Args:
        heldout: A file of lines, or lines or examples themselves. Beside a file its ledger is read, if there is one,
            for conversations, agents, nodes and feedback.
        answers: Which answers of a line: `"all"`, `"last"`, or at most so many, spread evenly.
        groups: Further groups of a case, by kind: `lambda case: {"tag": tags[case.run_id]}`.

    Raises:
        InvalidExampleError: A line is not sound, or there is no case at all; names file and line.
        ValueError: `answers` is none of these.

    Example:
        >>> line = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
        >>> [case] = cases_of([line])
        >>> case.expected["content"], case.where
        ('Hello', 'example 1 messages[1]')
    """
    if answers not in ("all", "last") and (type(answers) is not int or answers < 1):
        raise ValueError(f"answers must be 'all', 'last' or a number from 1, not {answers!r}")
    found: list[Case] = []
    name = "the held-out lines"
    if isinstance(heldout, str | Path):
        path = Path(heldout)
        name, lines = path.name, _lines_of_file(path)
    else:
        check_many("heldout", heldout, "lines or examples")
        lines = _lines_given(heldout)
    for where, line, source in lines:
        found += _of_line(where, line, source, answers)
    if not found:
        raise InvalidExampleError(name, "", "holds no answer to ask for", "Give lines that can be trained on")
    return [_grouped(case, groups) for case in found] if groups else found


@dataclass(frozen=True, slots=True)
class _Source:
    """What is known of the run behind a line."""

    run_id: str | None = None
    conversation: str | None = None
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


def _lines_of_file(path: Path) -> Iterator[tuple[str, dict[str, Any], _Source]]:
    sources = [_of_row(row) for _, _, row in lines_of(path)] if ledger_path(path).exists() else []
    for number, _, line in sound_lines(path):
        yield f"{path.name}:{number}", line, sources[number - 1] if number <= len(sources) else _Source()


def _of_row(row: Mapping[str, Any]) -> _Source:
    """What a ledger's row tells of the first run behind its line."""
    own = next((source for source in row["sources"] if source.get("role") != "rejected"), None)
    if own is None:
        return _Source()
    return _Source(
        run_id=own["run"],
        conversation=own.get("thread_sha256") or hashed(own.get("trace")),
        groups=_groups_of(own.get),
        scores=own.get("scores") or {},
    )


def _lines_given(given: Iterable[Any]) -> Iterator[tuple[str, dict[str, Any], _Source]]:
    for index, example in enumerate(given, start=1):
        where = f"example {index}"
        known = example.source if is_example(example) else None
        source = _Source()
        line = line_of(where, example)
        if known is not None:
            source = _Source(
                run_id=str(known.run_id),
                conversation=hashed(known.thread_id) or hashed(known.trace_id),
                groups=_groups_of(partial(getattr, known)),
                scores=known.scores,
            )
        yield where, line, source


def _groups_of(get: Callable[[str], Any]) -> dict[str, tuple[str, ...]]:
    return {kind: (value,) for kind in ("node", "agent") if isinstance(value := get(kind), str)}


def _of_line(where: str, line: dict[str, Any], source: _Source, answers: Answers) -> list[Case]:
    check_form(where, line)
    kind = kind_of_line(line)
    asked = request_of_line(line)
    messages: list[Message] = list(asked["messages"])
    _refuse_unaskable(where, asked)
    if kind == "training":
        places = [
            index
            for index, message in enumerate(messages)
            if message["role"] == "assistant" and is_learned(message, where, index)
        ]
        if places[:1] == [0]:
            fix = "Give it weight 0, or leave the line out"
            raise InvalidExampleError(where, "messages[0]", "is to be learned, but answers nothing", fix)
        pairs = [(f"messages[{at}]", messages[:at], messages[at]) for at in places]
    else:
        name = "preferred_output" if kind == "preference" else "completion"
        good = kind == "preference" or line["label"]
        first = next((said for said in line[name] if said["role"] == "assistant"), None)
        pairs = [(name, messages, first)] if good and first is not None else []
    tools = tuple(asked.get("tools") or ())
    parallel = asked.get("parallel_tool_calls")
    conversation = source.conversation or _conversation_of(messages, pairs)
    return [
        Case(
            where=f"{where} {place}",
            key=_key(before, tools, parallel),
            messages=tuple(map(_asked, before)),
            tools=tools,
            parallel_tool_calls=parallel if isinstance(parallel, bool) else None,
            expected=_asked(said),
            conversation=conversation,
            groups={
                **source.groups,
                "tool": _tools_called(said),
                "language": (script_of([*before, said]) or "(no letters)",),
            },
            scores=source.scores,
            run_id=source.run_id,
        )
        for place, before, said in _some_of(pairs, answers)
    ]


def _refuse_unaskable(where: str, asked: Mapping[str, Any]) -> None:
    """Refuse what no chat model can be asked; the reasons are those for which training refuses it."""
    if asked.get("functions"):
        fix = "Write them as tools, or call check(..., fix=True)"
        raise InvalidExampleError(where, "functions", "are tools of the legacy form", fix)
    for index, message in enumerate(asked["messages"]):
        at = f"messages[{index}]"
        if message["role"] not in _ROLES:
            raise InvalidExampleError(where, f"{at}.role", _ROLE, _MAKE)
        if message.get("function_call"):
            fix = f"{_MAKE}, which turns it into tool_calls"
            raise InvalidExampleError(
                where, f"{at}.function_call", "is a function call of the legacy form", fix
            )
        if message["role"] == "tool" and not isinstance(message.get("tool_call_id"), str):
            raise InvalidExampleError(where, f"{at}.tool_call_id", "is missing", _MAKE)
        for number, call in enumerate(message.get("tool_calls") or ()):
            if not isinstance(call.get("id"), str):
                raise InvalidExampleError(where, f"{at}.tool_calls[{number}].id", "is missing", _MAKE)


def _some_of(pairs: list[Any], answers: Answers) -> list[Any]:
    """All, the last, or so many from the first to the last in even steps."""
    if answers == "all" or not pairs:
        return pairs
    count = 1 if answers == "last" else int(answers)
    if count == 1:
        return pairs[-1:]
    if count >= len(pairs):
        return pairs
    step = (len(pairs) - 1) / (count - 1)
    return [pairs[round(number * step)] for number in range(count)]


def _asked(message: Mapping[str, Any]) -> Message:
    """A message without what steers training alone; arguments that are objects become their JSON text."""
    if calls := message.get("tool_calls"):
        message = {**message, "tool_calls": [_with_text(call) for call in calls]}
    return {key: value for key, value in {"content": None, **message}.items() if key != "weight"}  # type: ignore[return-value]


def _with_text(call: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = call["function"]["arguments"]
    if isinstance(arguments, str):
        return call
    return {**call, "function": {**call["function"], "arguments": compact_json(arguments)}}


def _key(before: Sequence[Message], tools: Sequence[Tool], parallel: Any) -> str:
    return digest(asked_of(list(map(_asked, before)), tools, parallel))


def asked_of(messages: Sequence[Message], tools: Sequence[Tool], parallel: Any) -> dict[str, Any]:
    """What a model is asked, as one value."""
    given: dict[str, Any] = {"messages": list(messages), "tools": list(tools)}
    return given if parallel is None else given | {"parallel_tool_calls": parallel}


def _conversation_of(messages: Sequence[Message], pairs: Sequence[Any]) -> str:
    """Names a conversation by its first exchange: lines that go on from one another share it."""
    begin = next((at for at, message in enumerate(messages) if message["role"] == "assistant"), None)
    first = messages if begin is None else messages[: begin + 1]
    if begin is None and pairs:
        first = [*messages, pairs[0][2]]
    return digest([nameless(_asked(message)) for message in first])


def digest(value: Any) -> str:
    """The SHA-256 of a JSON value."""
    return hashlib.sha256(compact_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def _tools_called(message: Mapping[str, Any]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(call["function"]["name"] for call in message.get("tool_calls") or ()))
    return names or ("(no call)",)


def _grouped(case: Case, groups: Callable[[Case], Mapping[str, str | Sequence[str]]]) -> Case:
    more = {
        kind: (values,) if isinstance(values, str) else tuple(map(str, values))
        for kind, values in groups(case).items()
    }
    return replace(case, groups={**case.groups, **more})
