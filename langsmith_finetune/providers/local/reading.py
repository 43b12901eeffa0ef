"""Reads an answer as it comes: characters of tokens, and fields of the text by the response template."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from transformers.utils.chat_parsing import ResponseParser
from transformers.utils.chat_parsing.content_parsers import parse_content

_WINDOW = 24
"""Tokens that may be half a character; more are shown as they are."""


def decoded(tokens: Iterable[int], decode: Callable[[Sequence[int]], str]) -> Iterator[str]:
    """The text of tokens as they come, never half a character.

    A few tokens are decoded anew with each one, because what a token reads depends on those before it: never all.

    Args:
        tokens: The tokens.
        decode: Gives the text of some.
    """
    window: list[int] = []
    shown = 0  # tokens of the window whose text was given already
    for token in tokens:
        window.append(token)
        before, text = decode(window[:shown]), decode(window)
        if text.endswith("\ufffd") and len(window) - shown < _WINDOW:
            continue
        if len(text) > len(before):
            yield text[len(before) :]
            window, shown = window[shown:], len(window) - shown
    rest = decode(window)
    if len(rest) > (given := len(decode(window[:shown]))):
        yield rest[given:]


def until_stop(texts: Iterable[str], stop: Sequence[str], stopped: Callable[[], None]) -> Iterator[str]:
    """A text up to the first of some texts.

    Args:
        texts: The text as it comes.
        stop: The texts that end it.
        stopped: Called where one does.
    """
    held = ""
    longest = max(map(len, stop), default=1)
    for text in texts:
        held += text
        found = [at for one in stop if (at := held.find(one)) >= 0]
        if found:
            stopped()
            yield held[: min(found)]
            return
        # What may be the beginning of a stop text is kept until it is known.
        safe = len(held) - longest + 1
        if safe > 0:
            yield held[:safe]
            held = held[safe:]
    if held:
        yield held


class AnswerReader:
    """Reads answers by a response template.

    Args:
        template: The tokenizer's own, or one that was found; None reads an answer as text.
        markup: The tokens that are no text.
    """

    def __init__(self, template: dict[str, Any] | None, markup: Sequence[str]) -> None:
        self.reads_calls = template is not None and "tool_calls" in template["fields"]
        self._template, self._transform, self._content = _without_transform(template)
        self._markup = markup

    def pieces(
        self, texts: Iterable[str], prompt: str, tools: list[dict[str, Any]]
    ) -> Iterator[tuple[str, Any]]:
        """The answer's fields: text of `content` in bits, `tool_calls` one by one.

        Args:
            texts: The text as it comes.
            prompt: What it answers.
            tools: What was offered; says of what kind the arguments are.
        """
        spaces: dict[str, str | None] = {}
        for event in self._events(texts, prompt, tools):
            field = event["field"]
            if event["type"] == "region_close" and field == "tool_calls":
                for call in self._calls(event["value"]):
                    yield field, call
            elif event["type"] == "region_chunk" and field != "tool_calls":
                text = event["text"]
                for token in self._markup:
                    text = text.replace(token, "")
                # Spaces at the ends belong to the form, not to the answer: those before are dropped,
                # those after are held back until more text shows that they were in the middle.
                before = spaces.get(field)
                body = text.lstrip() if before is None else before + text
                kept = body.rstrip()
                if kept:
                    yield field, kept
                if kept or before is not None:
                    spaces[field] = body[len(kept) :]

    def _events(
        self, texts: Iterable[str], prompt: str, tools: list[dict[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        if self._template is None:
            yield from ({"type": "region_chunk", "field": "content", "text": text} for text in texts)
            return
        parser = ResponseParser(self._template, prefix=prompt, tools=tools or None)
        yield from parser.initial_events
        for text in texts:
            yield from parser.feed(text)
        _, events = parser.finalize()
        yield from events

    def _calls(self, value: Any) -> Iterator[Any]:
        """The calls of a region: each with its function, which is text where it is none."""
        if self._transform is None:
            yield value
            return
        body = value["function"]
        if self._content is not None and isinstance(body, str):
            try:
                body = parse_content(body, *self._content)
            except ValueError:
                yield value
                return
        for one in body if isinstance(body, list) else [body]:
            found = {key: _at(one, path) for key, path in self._transform.items()}
            whole = None not in found.values()
            yield {
                "type": "function",
                "function": found if whole else one if isinstance(one, str) else json.dumps(one),
            }


def _without_transform(
    template: dict[str, Any] | None,
) -> tuple[dict[str, Any] | None, dict[str, str] | None, tuple[str, dict[str, Any]] | None]:
    """The template that gives each call as it stands, where its own would raise for a call that is broken.

    Returns:
        The template; where name and arguments stand in a call, and how its text is read, where that is done here.
    """
    if template is None:
        return None, None, None
    template = copy.deepcopy(template)
    calls = template["fields"].get("tool_calls")
    if calls is None:
        return template, None, None
    if calls.get("content") == "json":
        # What is not JSON comes out as the text it is, to be shown as an invalid call, instead of an error.
        calls["content_args"] = {**calls.get("content_args", {}), "allow_non_json": True}
    transform = calls.get("transform") or {}
    function = transform.get("function") if isinstance(transform, dict) else None
    is_each = calls.pop("transform_each", False)
    if not isinstance(function, dict) or not (is_each or str(function.get("name")).startswith("{content.")):
        return template, None, None
    paths = {key: str(path).strip("{}").removeprefix("content.") for key, path in function.items()}
    calls["transform"] = {"type": "function", "function": "{content}"}
    content = None
    if calls["content"] != "json":
        content = (calls["content"], calls.pop("content_args", {}))
        calls["content"] = "text"
    return template, paths, content


def _at(value: Any, path: str) -> Any:
    """What stands under keys with dots between; None where nothing does."""
    for key in path.split("."):
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value
