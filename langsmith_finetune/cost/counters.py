"""Counters of tokens: by characters, by tiktoken, by a chat template, by a function."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

from langsmith_finetune._foundation.arguments import returned
from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune.chat_format import ANSWERS, kind_of_line, request_of_line
from langsmith_finetune.chat_template import messages_for_template
from langsmith_finetune.errors import InvalidExampleError


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCount:
    """How many tokens a line has.

    Args:
        total: All of them: what a context window must hold, and what hosts bill once an epoch.
        trained: Those of the assistant messages that are learned; None where the counter cannot tell.
        exact: Whether `total` is what the target counts, so far as its maker documents; else an estimate.
        how: How it was counted, or why only estimated.
    """

    total: int
    trained: int | None
    exact: bool
    how: str

    def __add__(self, other: TokenCount) -> TokenCount:
        how = self.how if self.how == other.how or not self.exact else other.how
        return TokenCount(
            total=self.total + other.total,
            trained=None if self.trained is None or other.trained is None else self.trained + other.trained,
            exact=self.exact and other.exact,
            how=how,
        )


class TokenCounter(ABC):
    """Counts the tokens of lines. Call it with a line for their number, or ask `count` for all it knows.

    Made by `token_counter`. It can be given wherever a function from a line to a number is wanted.

    Args:
        how: How it counts.
    """

    def __init__(self, how: str) -> None:
        self.how = how

    def __call__(self, line: Mapping[str, Any]) -> int:
        """The tokens of a line, all of them."""
        return self.count(line).total

    @abstractmethod
    def count(self, line: Mapping[str, Any]) -> TokenCount:
        """The tokens of a line. A preference is two conversations: with the one answer, and with the other."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.how}>"


class ByFunction(TokenCounter):
    """A function of the caller's."""

    def __init__(self, function: Callable[[Mapping[str, Any]], int]) -> None:
        super().__init__("by the function given")
        self._function = function

    def count(self, line: Mapping[str, Any]) -> TokenCount:
        """What the function returns."""
        return TokenCount(
            total=returned("target", self._function(line), int), trained=None, exact=False, how=self.how
        )


class ByMessages(TokenCounter):
    """Counts conversations."""

    def count(self, line: Mapping[str, Any]) -> TokenCount:
        """The tokens of a line. A preference is two conversations, what precedes an answer is not learned."""
        asked = request_of_line(line)
        tools = asked.get("tools") or []
        counts = [
            self._count([*({**message, "weight": 0} for message in asked["messages"]), *line[key]], tools)
            for key in ANSWERS[kind_of_line(line)]
        ]
        return reduce(operator.add, counts) if counts else self._count(asked["messages"], tools)

    @abstractmethod
    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount: ...


class ByCharacters(ByMessages):
    """A rule of thumb: a token for each 4 bytes of UTF-8.

    Measured against o200k_base: English and Chinese within a tenth, Cyrillic and Arabic half as many again,
    JSON a third too few.
    """

    def __init__(self, how: str, tokens_of: Callable[[str], int] | None = None) -> None:
        super().__init__(how)
        self._tokens_of = tokens_of or _by_bytes

    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount:
        total = self._tokens_of(compact_json(tools)) if tools else 0
        trained = 0
        for message in messages:
            texts, images = _texts(message)
            size = sum(map(self._tokens_of, texts)) + images * _IMAGE_TOKENS
            total += size + _MESSAGE_TOKENS
            trained += (size + 1) * is_trained(message)
        return TokenCount(total=total, trained=trained, exact=False, how=self.how)


class Encoding(Protocol):
    """A tiktoken encoding."""

    name: str

    def encode_ordinary(self, text: str) -> list[int]:
        """The tokens of a text."""


class ByTiktoken(ByMessages):
    """Counts by an encoding of tiktoken, as OpenAI bills."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__(f"tiktoken's {encoding.name}, with OpenAI's 3 tokens a message")
        self._encoding = encoding

    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount:
        tokens_of = self._tokens_of
        guessed = {"tools"} if tools else set()
        total = tokens_of(compact_json(tools)) if tools else 0
        trained = 0
        for message in messages:
            texts, images = _texts(message)
            size = sum(map(tokens_of, texts)) + images * _IMAGE_TOKENS
            total += 3 + tokens_of(message["role"]) + size
            if name := message.get("name"):
                total += 1 + tokens_of(name)
            trained += (size + 1) * is_trained(message)
            guessed |= {
                key for key in ("tool_calls", "tool_call_id", "reasoning_content") if message.get(key)
            }
            guessed |= {"images and files"} if images else set()
        how = self.how if not guessed else f"{self.how}; estimated for {', '.join(sorted(guessed))}"
        return TokenCount(total=total, trained=trained, exact=not guessed, how=how)

    def _tokens_of(self, text: str) -> int:
        return len(self._encoding.encode_ordinary(text))


class ByTemplate(ByMessages):
    """Renders a line as it is trained on, and counts that."""

    def __init__(self, tokenizer: Any, whose: str) -> None:
        super().__init__(f"{whose}, with its chat template")
        self._tokenizer = tokenizer
        self._fallback = ByCharacters(
            "", lambda text: len(tokenizer(text, add_special_tokens=False).input_ids)
        )

    def __call__(self, line: Mapping[str, Any]) -> int:
        """The number of tokens of a line."""
        if "messages" in line:  # without the tokens that are trained: those take a rendering each
            rendered = self._rendered(line["messages"])
            size = None if rendered is None else self._size(rendered, line.get("tools") or [])
            if size is not None:
                return size
        return self.count(line).total

    def _count(self, messages: list[Any], tools: list[Any]) -> TokenCount:
        rendered = self._rendered(messages)
        total = None if rendered is None else self._size(rendered, tools)
        if rendered is None or total is None:
            how = f"{self.how}; estimated, since the template does not take these messages"
            count = self._fallback.count({"messages": messages, "tools": tools})
            return TokenCount(total=count.total, trained=count.trained, exact=False, how=how)
        trained = 0
        for index, message in enumerate(messages):
            if index and is_trained(message):
                after = self._size(rendered[: index + 1], tools)
                before = self._size(rendered[:index], tools, add_generation_prompt=True)
                trained += max((after or 0) - (before or 0), 0)
        return TokenCount(total=total, trained=trained, exact=True, how=self.how)

    @staticmethod
    def _rendered(messages: list[Any]) -> list[dict[str, Any]] | None:
        try:
            return messages_for_template(messages, "the line")
        except InvalidExampleError:
            return None

    def _size(
        self, messages: list[dict[str, Any]], tools: list[Any], *, add_generation_prompt: bool = False
    ) -> int | None:
        from jinja2 import TemplateError  # noqa: PLC0415 - comes with the tokenizer

        try:
            ids = self._tokenizer.apply_chat_template(
                messages,
                tools=tools or None,
                tokenize=True,
                return_dict=False,
                add_generation_prompt=add_generation_prompt,
            )
        except (TemplateError, TypeError, ValueError):  # templates refuse in many ways
            return None
        return len(ids)


_MESSAGE_TOKENS = 4


_IMAGE_TOKENS = 765
"""A square image of 1024 pixels in high detail, for gpt-4o: https://developers.openai.com/api/docs/guides/images-vision"""


def _by_bytes(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // 4)


def _texts(message: Mapping[str, Any]) -> tuple[list[str], int]:
    """The texts of a message that a model reads, and the number of parts that are no text."""
    content = message.get("content")
    texts, others = [], 0
    for part in [content] if isinstance(content, str) else content or ():
        text = part if isinstance(part, str) else part.get(str(part.get("type")))
        if isinstance(text, str):
            texts.append(text)
        else:
            others += 1
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = function["arguments"]
        texts += [function["name"], arguments if isinstance(arguments, str) else compact_json(arguments)]
    texts += [message[key] for key in ("refusal", "reasoning_content") if message.get(key)]
    return texts, others


def is_trained(message: Mapping[str, Any]) -> bool:
    """True if the loss is taken on this message."""
    return message.get("role") == "assistant" and message.get("weight", 1) != 0
