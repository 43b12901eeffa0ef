"""OpenAI's chat form as typed dicts: the one form of messages and tools inside the library.

Source: the chat completions API, https://platform.openai.com/docs/api-reference/chat/create, and the
guides on supervised fine-tuning and on direct preference optimization.
"""

from __future__ import annotations

from collections.abc import Mapping
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


class TrainingMessage(TypedDict, total=False):
    """A message of a training line; `role` and `content` are always there."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Content
    name: str
    tool_calls: list[ToolCall]
    tool_call_id: str
    refusal: str
    reasoning_content: str
    """The model's thinking, where it was asked for; hosts that do not train on it refuse the key."""
    weight: Literal[0, 1]
    """On assistant messages: 0 is context only. Without it the message is trained."""


class TrainingLine(TypedDict, total=False):
    """A line of a training file; `messages` is always there.

    Source: OpenAI's format for supervised fine-tuning, which Azure, Together, Fireworks, Nebius and others
    read too, https://platform.openai.com/docs/guides/supervised-fine-tuning
    """

    messages: list[TrainingMessage]
    tools: list[Tool]
    parallel_tool_calls: bool


class PreferenceInput(TypedDict, total=False):
    """What went to the model; `messages` is always there."""

    messages: list[TrainingMessage]
    tools: list[Tool]
    parallel_tool_calls: bool


class PreferenceLine(TypedDict):
    """A line of a preference file: one prompt, an answer that is preferred and one that is not.

    Source: OpenAI's format for direct preference optimization, which Azure, Together and Fireworks read too,
    https://platform.openai.com/docs/guides/direct-preference-optimization
    """

    input: PreferenceInput
    preferred_output: list[TrainingMessage]
    non_preferred_output: list[TrainingMessage]


class LabelLine(TypedDict, total=False):
    """A line of a file of labels: one prompt, one answer, and whether it is good; `tools` may be left out.

    Source: TRL's unpaired preferences, https://huggingface.co/docs/trl/dataset_formats#unpaired-preference
    """

    prompt: list[TrainingMessage]
    completion: list[TrainingMessage]
    label: bool
    tools: list[Tool]
    parallel_tool_calls: bool


LineKind: TypeAlias = Literal["training", "preference", "label"]
"""What a line teaches: an answer, a better and a worse answer, an answer that is good or bad."""

ANSWERS: Mapping[LineKind, tuple[str, ...]] = {
    "training": (),
    "preference": ("preferred_output", "non_preferred_output"),
    "label": ("completion",),
}
"""The keys of a line that hold nothing but an answer."""


def kind_of_line(line: Mapping[str, Any]) -> LineKind:
    """What a line is meant to teach, sound or not.

    By value: a table that holds several kinds has null in place of what a line lacks.
    """
    if any(line.get(key) is not None for key in ("input", *ANSWERS["preference"])):
        return "preference"
    return "label" if any(line.get(key) is not None for key in ("label", "completion")) else "training"


def request_of_line(line: Mapping[str, Any]) -> Mapping[str, Any]:
    """What went to the model, with its messages and tools; of a training line, the line itself."""
    kind = kind_of_line(line)
    if kind == "preference":
        given: Mapping[str, Any] = line["input"]
        return given
    if kind == "label":
        offered = {key: line[key] for key in ("tools", "parallel_tool_calls") if key in line}
        return {"messages": line["prompt"], **offered}
    return line


def nameless(message: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a message to compare, without the name of an assistant.

    LangChain gives an agent's name to an answer once its run is recorded, so that only copies of it have one.
    """
    is_named = message["role"] == "assistant" and "name" in message
    return {key: value for key, value in message.items() if not (is_named and key == "name")}
