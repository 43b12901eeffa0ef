"""An example as a short chat: for a person to look at, in a notebook and in a shell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from langsmith_finetune._foundation.html import Html, card, concat, element
from langsmith_finetune._printable import printable, printable_line
from langsmith_finetune.chat_format import kind_of_line

if TYPE_CHECKING:
    from langsmith_finetune.examples.example import AnyExample

_FIRST, _LAST = 3, 5
"""Messages that are shown of a long conversation, from its beginning and its end."""

_LONGEST_TEXT = 600
_LONGEST_WORDS = 40
_QUIET = "opacity:.75"


@dataclass(frozen=True, slots=True)
class _Turn:
    """A message, or a heading between messages.

    Args:
        speaker: Whose message it is; empty for a heading.
        text: What it says.
    """

    speaker: str
    text: str


def chat_text(example: AnyExample) -> str:
    """The example as lines of text, safe for a terminal."""
    lines = [_title(example)]
    for turn in _turns(example.line):
        said = printable(turn.text).replace("\n", "\n    ")
        lines.append(f"  {printable_line(turn.speaker)}: {said}" if turn.speaker else f"  [{said}]")
    return "\n".join([*lines, *(f"  [{printable_line(note)}]" for note in _notes(example))])


def chat_html(example: AnyExample) -> Html:
    """The example as a card."""
    turns = [
        element(
            "div",
            concat([element("span", f"{turn.speaker} ", f"font-weight:600;{_QUIET}"), turn.text]),
            "margin:.25em 0;white-space:pre-wrap;overflow-wrap:anywhere",
        )
        if turn.speaker
        else element("div", turn.text, f"margin:.4em 0;{_QUIET}")
        for turn in _turns(example.line)
    ]
    return card(_title(example), *turns, *(element("div", note, _QUIET) for note in _notes(example)))


def one_line(example: AnyExample) -> str:
    """The example in a line: of which run, what was asked last, and what was answered."""
    line: Mapping[str, Any] = example.line
    messages = [message for _, shown in _parts(line) for message in shown]
    asked = [message for message in messages if message.get("role") == "user"][-1:]
    said = [message for message in messages if message.get("role") == "assistant"][-1:]
    words = " -> ".join(_clipped(_content(message), _LONGEST_WORDS) for message in [*asked, *said])
    return printable_line(f"<{_title(example)}: {words}>")


def _title(example: AnyExample) -> str:
    line: Mapping[str, Any] = example.line
    count = sum(len(messages) for _, messages in _parts(line))
    run = "" if example.source is None else f" of run {example.source.run_id}"
    return printable_line(f"{type(example).__name__}{run}, {count} message{'' if count == 1 else 's'}")


def _parts(line: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """The conversations of a line, each with its heading."""
    kind = kind_of_line(line)
    if kind == "preference":
        prompt = line.get("input")
        yield "", _messages(prompt.get("messages") if isinstance(prompt, Mapping) else None)
        yield "preferred", _messages(line.get("preferred_output"))
        yield "not preferred", _messages(line.get("non_preferred_output"))
    elif kind == "label":
        yield "", _messages(line.get("prompt"))
        yield "good" if line.get("label") is True else "bad", _messages(line.get("completion"))
    else:
        yield "", _messages(line.get("messages"))


def _messages(value: Any) -> list[Mapping[str, Any]]:
    """The messages, so far as they are some: whatever a line holds, it can be shown."""
    return [message for message in value if isinstance(message, Mapping)] if isinstance(value, list) else []


def _turns(line: Mapping[str, Any]) -> Iterator[_Turn]:
    tools = _tool_names(line)
    if tools:
        yield _Turn("", f"tools: {', '.join(tools)}")
    for heading, messages in _parts(line):
        if heading:
            yield _Turn("", heading)
        for index, message in enumerate(messages):
            left_out = len(messages) - _FIRST - _LAST
            if left_out > 1 and index == _FIRST:
                yield _Turn("", f"... {left_out:,} more messages ...")
            if left_out > 1 and _FIRST <= index < _FIRST + left_out:
                continue
            yield _Turn(_speaker(message), _clipped(_content(message), _LONGEST_TEXT))


def _speaker(message: Mapping[str, Any]) -> str:
    name = f" {message['name']}" if message.get("name") else ""
    context = " (context only)" if message.get("weight") == 0 and message.get("role") == "assistant" else ""
    return f"{message.get('role')}{name}{context}"


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    said = [_part(part) for part in parts if part is not None and part != ""]
    if thought := message.get("reasoning_content"):
        said.insert(0, f"[thinks] {thought}")
    if refusal := message.get("refusal"):
        said.append(f"[refuses] {refusal}")
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            said.append(f"[calls] {function.get('name')}({function.get('arguments')})")
    return "\n".join(said)


def _part(part: Any) -> str:
    if isinstance(part, Mapping):
        return str(part["text"]) if isinstance(part.get("text"), str) else f"[{part.get('type')}]"
    return str(part)


def _tool_names(line: Mapping[str, Any]) -> list[str]:
    given = line.get("input")
    tools = (given if isinstance(given, Mapping) else line).get("tools")
    functions = [tool.get("function") for tool in _messages(tools)]
    return [str(function.get("name")) for function in functions if isinstance(function, Mapping)]


def _clipped(text: str, longest: int) -> str:
    left_out = len(text) - longest
    return text if left_out <= 20 else f"{text[:longest]}... ({left_out:,} more characters)"


def _notes(example: AnyExample) -> Iterator[str]:
    source = example.source
    merged: Sequence[Any] = getattr(example, "merged", ())
    if merged:
        yield f"with the calls of {len(merged):,} more runs"
    if example.changes:
        yield f"changed: {', '.join(example.changes)}"
    if source is not None:
        if source.model:
            yield f"model: {source.model}"
        if source.scores:
            yield "scores: " + ", ".join(f"{key} {score:g}" for key, score in source.scores.items())
        if source.notes:
            yield f"notes: {', '.join(dict.fromkeys(note.kind for note in source.notes))}"
