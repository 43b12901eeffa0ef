"""OpenAI's chat form as typed dicts: the one form of messages and tools inside the library.

Source: the chat completions API, https://platform.openai.com/docs/api-reference/chat/create, and the
guides on supervised fine-tuning and on direct preference optimization.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict


class FunctionCall(TypedDict):
    """A function's name and its arguments as JSON text: compact where it is an object, else untouched."""

    name: str
    arguments: str


class ToolCall(TypedDict):
    """One call that the model made."""

    id: str
    type: Literal["function"]
    function: FunctionCall


Content: TypeAlias = str | list[dict[str, Any]] | None
"""Text, or parts of kind text, image_url, input_audio, file and refusal."""


class Message(TypedDict, total=False):
    """One message. `content` is always there; null only beside calls or a refusal."""

    role: str
    content: Content
    name: str
    tool_calls: list[ToolCall]
    tool_call_id: str
    function_call: FunctionCall
    refusal: str
    reasoning_content: str


class Function(TypedDict, total=False):
    """What a model is told about a function it may call."""

    name: str
    description: str
    parameters: dict[str, Any]
    strict: bool


class Tool(TypedDict):
    """A function, as a tool."""

    type: Literal["function"]
    function: Function
