"""Conversations as a model provider could see them, for Hypothesis."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st


def scaled(examples: int) -> int:
    """How many examples a test of so many takes in this profile: more where the profile searches longer."""
    return max(1, examples * settings.default.max_examples // 100)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
words = texts.filter(bool)
names = st.from_regex(r"[a-zA-Z0-9_-]{1,16}", fullmatch=True)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=4)
# Models do write arguments that are no JSON object; they must come through as written.
broken_arguments = st.sampled_from(["", "[1]", "{", '{"a": NaN}', "null", '"text"', "{'a': 1}"])

image_parts = st.builds(
    lambda url, detail: {"type": "image_url", "image_url": {"url": url, **detail}},
    st.sampled_from(["https://example.com/cat.png", "data:image/png;base64,iVBORw0KGgo="]),
    st.sampled_from([{}, {"detail": "low"}]),
)
text_parts = st.builds(lambda text: {"type": "text", "text": text}, words)
user_contents = words | st.lists(text_parts | image_parts, min_size=2, max_size=3)

tools = st.builds(
    lambda name, description, properties, strict: {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {"type": "object", "properties": properties},
            **strict,
        },
    },
    names,
    words,
    st.dictionaries(names, st.just({"type": "string"}) | objects, max_size=3),
    st.sampled_from([{}, {"strict": True}, {"strict": False}]),
)


def arguments_text(arguments: Any) -> str:
    """The compact form in which a training line holds arguments."""
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


@st.composite
def conversations(draw: st.DrawFn, *, arguments_are: Any = objects | broken_arguments) -> dict[str, Any]:
    """`messages` and `tools` as a training line should hold them. Ends with an assistant message."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(words)})
    calls_so_far = 0
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(user_contents)})
        if draw(st.booleans()):
            messages[-1]["name"] = draw(names)
        if draw(st.booleans()):
            calls = []
            for arguments in draw(st.lists(arguments_are, min_size=1, max_size=3)):
                call = {"name": draw(names), "arguments": arguments_text(arguments)}
                calls.append({"id": f"call_{calls_so_far}", "type": "function", "function": call})
                calls_so_far += 1
            messages.append({"role": "assistant", "content": draw(words | st.none()), "tool_calls": calls})
            if draw(st.booleans()):
                messages += [
                    {"role": "tool", "content": draw(texts), "tool_call_id": call["id"]} for call in calls
                ]
                messages.append({"role": "assistant", "content": draw(words)})
        else:
            messages.append({"role": "assistant", "content": draw(words)})
    line: dict[str, Any] = {"messages": messages}
    offered = draw(st.lists(tools, max_size=2))
    if offered:
        line["tools"] = offered
    return line


def without(line: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A line without what a dialect cannot say: the names of speakers, details of images, strictness, tools."""
    messages = []
    for message in line["messages"]:
        said = {key: value for key, value in message.items() if key not in keys}
        if isinstance(said["content"], list):
            said["content"] = [_part_without(part, keys) for part in said["content"]]
        messages.append(said)
    tools = [
        {"type": "function", "function": {k: v for k, v in tool["function"].items() if k != "strict"}}
        if "strict" in keys
        else tool
        for tool in line.get("tools", ())
    ]
    return {"messages": messages, **({"tools": tools} if tools and "tools" not in keys else {})}


def _part_without(part: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    if part["type"] != "image_url":
        return part
    return {"type": "image_url", "image_url": {k: v for k, v in part["image_url"].items() if k not in keys}}
