"""The rules of a target as data: what a line and a file may contain, with the source of each rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from langsmith_finetune._foundation.arguments import checked_fields
from langsmith_finetune._printable import printable

Target: TypeAlias = Literal[
    "openai",
    "azure",
    "together",
    "fireworks",
    "nebius",
    "crusoe",
    "local",
    "huggingface",
    "trl",
    "gemini",
    "bedrock",
]

RuleName: TypeAlias = Literal[
    "arguments",
    "array",
    "byte_order_mark",
    "call_id",
    "content",
    "duplicate_key",
    "empty_content",
    "empty_line",
    "encoding",
    "file_size",
    "forbidden_word",
    "function_name",
    "image",
    "image_count",
    "image_place",
    "image_size",
    "json",
    "last_message",
    "legacy_function",
    "line_key",
    "media",
    "message_key",
    "messages",
    "mixed_content",
    "mixed_kinds",
    "name",
    "nothing_trained",
    "order",
    "orphan_answer",
    "preference",
    "refusal",
    "role",
    "row",
    "special_token",
    "surrogate",
    "system_place",
    "too_few",
    "too_long",
    "too_many",
    "tools",
    "type",
    "unanswered_call",
    "undefined_tool",
    "weight",
]

WHY: dict[RuleName, str] = {
    "arguments": "the arguments of a call are the JSON text of an object",
    "array": "a training file holds one JSON object a line, not an array",
    "byte_order_mark": "the file does not start with a byte order mark",
    "call_id": "each call of a message has an id of its own, in the form that the target takes",
    "content": "a message has content: text or a list of parts, and null only beside tool calls",
    "duplicate_key": "a key stands once in an object; readers keep the first, the last or none",
    "empty_content": "a message says something",
    "empty_line": "each line holds an example",
    "encoding": "a training file is UTF-8",
    "file_size": "a file has at most the size that the target takes",
    "forbidden_word": "a text does not hold the words by which the target marks turns and media",
    "function_name": "the name of a function has the form that the target takes",
    "image": "an image is given in the way, and of a type, that the target takes",
    "image_count": "an example holds at most the number of images that the target takes",
    "image_place": "images stand where the target reads them: in user messages, and not in preference lines",
    "image_size": "an image has at most the size that the target takes",
    "json": "each line is one JSON object",
    "last_message": "the last message is the assistant's: what comes after it teaches nothing",
    "legacy_function": "calls are tool_calls and tools; functions are the form of models that are gone",
    "line_key": "a line has no keys but those of the format",
    "media": "no guide says that audio or file parts are trained on",
    "message_key": "a message, call or part has no keys but those of the format",
    "messages": "an example holds a list of messages",
    "mixed_content": "the contents of an example are all text or all lists of parts",
    "mixed_kinds": "the lines of a file are all of one kind",
    "name": "the name of a speaker has the form that the target takes",
    "nothing_trained": "an example has an assistant message to learn",
    "order": "messages follow one another in the order that the target takes",
    "orphan_answer": "a tool message answers, once, a call of the assistant message before it",
    "preference": "a preference line holds a prompt, a preferred answer and one that is not preferred",
    "refusal": "a refusal is not trained on as such",
    "role": "a role is one that the target knows",
    "row": "a row in the target's own shape is as the target reads it",
    "special_token": "a text holds no control token of a tokenizer",
    "surrogate": "a text holds whole characters: half of a surrogate pair is none",
    "system_place": "system messages come first",
    "too_few": "a file has at least the number of examples that the target asks for",
    "too_long": "an example has at most the tokens that the target takes; the rest is cut off, answer first",
    "too_many": "a file has at most the number of examples that the target takes",
    "tools": "tools are functions with a name and a parameters object, where the target takes tools",
    "type": "a field has the type that the format says",
    "unanswered_call": "a call is answered before the conversation goes on; only the last message may be one",
    "undefined_tool": "a call names a tool that the line defines",
    "weight": "weights are 0 or 1, on assistant messages, where the target has weights",
}
"""What each rule says."""

JSON_LINES = "https://jsonlines.org"
OPENAI_TOKENS = "https://github.com/openai/tiktoken"
SOURCES: dict[RuleName, str] = {
    "array": JSON_LINES,
    "byte_order_mark": JSON_LINES,
    "duplicate_key": "https://www.rfc-editor.org/rfc/rfc8259#section-4",
    "empty_line": JSON_LINES,
    "encoding": JSON_LINES,
    "json": JSON_LINES,
    "special_token": OPENAI_TOKENS,
    "surrogate": "https://www.rfc-editor.org/rfc/rfc8259#section-8.2",
}
"""Whose rule it is, where it is not the target's own."""

Line: TypeAlias = Mapping[str, Any]


def _as_it_is(line: Line) -> dict[str, Any]:
    return dict(line)


@checked_fields()
@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRules:
    """What one target takes. Make your own with `dataclasses.replace(TARGETS["openai"], ...)`.

    Args:
        name: The target's name.
        source: Where the target's maker describes the format.
        sources: Other pages, for single rules.
        warns: Rules that are only warned of: nobody documents a refusal, or the line works but is odd.
        ignores: Rules that this target does not have.
        line_keys: Keys of a supervised line, and of the `input` of a preference line.
        message_keys: Keys of an assistant message beside role, content, name, tool_calls and weight.
        weights: `"each"`: any assistant message may have weight 0. `"history"`: those before the first that
            is trained. `"none"`: there are no weights.
        order: `"free"`; what is learned answers something: `"prompted"`; `"no_two_assistants"` in a row; the
            user comes first: `"user_first"`; and then no two of user or of assistant in a row: `"in_turn"`.
        joins_users: What two user messages in a row say is one message of several parts there.
        system_first: System messages stand before all others.
        tools: Whether tools and calls may occur.
        max_tools: Functions a line may define.
        argument_objects: Whether arguments may be objects too.
        call_id: What the id of a call must match.
        function_name: What the name of a function must match.
        image_urls: How the address of an image may begin. Empty: no images.
        image_endings: How the address of an image may end, where nothing else tells its type.
        max_images: Images in one example.
        max_image_bytes: Size of one image, in bytes.
        uniform_content: Where one content of an example is a list, all are.
        outputs: Messages in each answer of a preference line.
        labels: Whether it reads lines with a label.
        preference_images: Whether preference lines may hold images.
        forbidden_words: Words that no text may hold.
        min_examples: Lines a file has at least.
        max_examples: Lines a file has at most.
        max_bytes: Size of a file, in bytes.
        max_tokens: Tokens of an example.
        file_prefix: Bytes that a file begins with.
        row_keys: Keys that tell a row in the target's own shape.
        to_row: From a line of the OpenAI format that keeps the rules.
        from_row: Back to the OpenAI format.
    """

    name: str
    source: str
    sources: Mapping[RuleName, str] = field(default_factory=dict)
    warns: frozenset[RuleName] = frozenset()
    ignores: frozenset[RuleName] = frozenset()
    line_keys: frozenset[str] = frozenset({"messages", "tools", "parallel_tool_calls"})
    message_keys: frozenset[str] = frozenset()
    weights: Literal["each", "history", "none"] = "each"
    order: Literal["free", "prompted", "no_two_assistants", "user_first", "in_turn"] = "free"
    joins_users: bool = False
    system_first: bool = False
    tools: bool = True
    max_tools: int | None = None
    argument_objects: bool = False
    call_id: str | None = None
    function_name: str = r"[a-zA-Z0-9_-]{1,64}"
    image_urls: tuple[str, ...] = ()
    image_endings: tuple[str, ...] = ("",)
    max_images: int | None = None
    max_image_bytes: int | None = None
    uniform_content: bool = False
    outputs: Literal["one", "several"] = "one"
    labels: bool = False
    preference_images: bool = False
    forbidden_words: tuple[str, ...] = ()
    min_examples: int = 1
    max_examples: int | None = None
    max_bytes: int | None = None
    max_tokens: int | None = None
    file_prefix: bytes = b""
    row_keys: frozenset[str] = frozenset()
    to_row: Callable[[Line], dict[str, Any]] = _as_it_is
    from_row: Callable[[Line], dict[str, Any]] = _as_it_is

    def is_row(self, line: Line) -> bool:
        """True if a line is in the target's own shape, by value, as tables are: a row of one kind has null for the keys of others.

        A line with a label has the keys of TRL's rows, and is one where its tools are text.
        """
        has_keys = any(line.get(key) is not None for key in self.row_keys)
        return has_keys and (line.get("label") is None or isinstance(line.get("tools"), str))

    def source_of(self, rule: RuleName) -> str:
        """The page that says so."""
        return self.sources.get(rule) or SOURCES.get(rule, self.source)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing in one line, or about the whole file, that breaks a rule of a target.

    Args:
        line: The line's number, from 1; None for the file as a whole.
        field: The field, as a path: `"messages[2].tool_calls[0].id"`; of lines in the target's own shape,
            after they were read as lines of the OpenAI format.
        rule: The rule's name.
        found: What was found there: types, lengths, and names from a known list.
        why: What the rule says.
        source: Whose rule it is.
        how_to_fix: What to do about it.
        severity: A warning is what nobody documents to be refused, or what teaches little.
    """

    line: int | None
    field: str
    rule: RuleName
    found: str
    why: str
    source: str
    how_to_fix: str
    severity: Literal["error", "warning"]

    def __str__(self) -> str:
        at = "the file" if self.line is None else f"line {self.line}"
        where = f"{at}: {self.field}" if self.field else at
        return printable(f"{where}: {self.found} ({self.severity}: {self.rule}). {self.how_to_fix}")
