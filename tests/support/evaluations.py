"""Held-out lines and models for the tests of evaluation: sums, and who can do them."""

from __future__ import annotations

import json
import re

from langchain_core.messages import AIMessage

ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"type": "number"}, "note": {"type": "string"}},
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}


def call(name="add", *, call_id="call_1", **arguments):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def asks(text):
    return {"role": "user", "content": text}


def says(text):
    return {"role": "assistant", "content": text}


def calls(*made):
    return {"role": "assistant", "content": None, "tool_calls": list(made)}


def sum_line(a, b):
    """A question that is answered with a call."""
    return {"messages": [asks(f"{a} + {b}?"), calls(call(a=a, b=b))], "tools": [ADD]}


def sum_lines(count):
    return [sum_line(number, number + 1) for number in range(count)]


def text_line(number):
    return {"messages": [asks(f"Double {number}."), says(f"It is {2 * number}.")]}


def text_lines(count):
    return [text_line(number) for number in range(count)]


def numbers_in(messages):
    return [int(found) for found in re.findall(r"\d+", messages[-1].content)]


def adds(messages, tools):
    """A model that answers each sum with the right call."""
    a, b = numbers_in(messages)
    return AIMessage(
        "", tool_calls=[{"name": "add", "args": {"a": a, "b": b}, "id": "x", "type": "tool_call"}]
    )


def adds_half(messages, tools):
    """A model that fails on every second sum."""
    a, _ = numbers_in(messages)
    return adds(messages, tools) if a % 2 else AIMessage("I cannot.")


def doubles(messages):
    return f"It is {2 * numbers_in(messages)[0]}."


def shrugs(messages):
    return "I do not know."


def written(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
