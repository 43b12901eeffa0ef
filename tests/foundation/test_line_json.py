"""A line is written in C where that gives the same bytes, and by Python's encoder where it would not."""

import json
from datetime import date
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune._foundation.json_text import compact_json
from langsmith_finetune._foundation.line_bytes import line_json


class Role(StrEnum):
    USER = "user"


class Text(str):
    __slots__ = ()


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)
CALLS = st.fixed_dictionaries(
    {"id": TEXTS, "type": st.just("function")},
    optional={"function": st.fixed_dictionaries({"name": TEXTS, "arguments": TEXTS}), "index": st.integers()},
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"])},
    optional={
        "content": st.none() | TEXTS | st.lists(VALUES, max_size=2),
        "tool_calls": st.lists(CALLS, max_size=2),
        "weight": st.sampled_from([0, 1, True, 0.5]),
        "name": TEXTS,
        "odd": VALUES,
    },
)
LINES = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGES, max_size=4)},
    optional={
        "tools": st.lists(VALUES, max_size=3),
        "parallel_tool_calls": st.booleans() | st.none(),
        "odd": VALUES,
    },
)


@given(LINES, st.permutations(["messages", "tools", "parallel_tool_calls", "odd"]))
def test_bytes_are_those_of_pythons_encoder(line, order):
    line = {key: line[key] for key in order if key in line}
    for _ in range(2):  # the second time, the tools are known
        assert line_json(line) == compact_json(line).encode()


SAID = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"minimum": 1}}}]


@pytest.mark.parametrize("value", [1.0, True, 1e16, 1e-7, 2**70, "1"])
def test_tools_that_are_nearly_the_same_are_told_apart(value):
    def line(minimum):
        return {"messages": SAID, "tools": [{"function": {"parameters": {"minimum": minimum}}}]}

    assert line_json(line(1)) == compact_json(line(1)).encode()
    assert line_json(line(value)) == compact_json(line(value)).encode()


@pytest.mark.parametrize(
    "odd",
    [{"a"}, b"a", date(2026, 1, 1), float("nan"), float("inf"), object(), 1j],
    ids=["set", "bytes", "date", "nan", "infinity", "object", "complex"],
)
@pytest.mark.parametrize("place", ["content", "weight", "tools", "arguments", "beside"])
def test_what_has_no_form_in_json_is_refused_wherever_it_stands(odd, place):
    message = dict(SAID[0])
    line = {"messages": [message], "tools": TOOLS}
    if place in ("content", "weight"):
        message[place] = odd
    elif place == "arguments":
        message["tool_calls"] = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": odd}}]
    else:
        line = {**line, "tools": [odd]} if place == "tools" else {**line, "beside": odd}
    with pytest.raises((TypeError, ValueError)):
        line_json(line)


def test_texts_of_other_types_are_written_as_texts():
    line = {"messages": [{"role": Role.USER, "content": Text("Hi"), "name": "a"}]}
    assert json.loads(line_json(line)) == {"messages": [{"role": "user", "content": "Hi", "name": "a"}]}


def test_half_a_surrogate_pair_is_escaped():
    for line in (
        {"messages": [{"role": "user", "content": "\ud83d"}]},
        {"messages": SAID, "tools": ["\ud83d"]},
    ):
        assert json.loads(line_json(line)) == line
        assert b"\\ud83d" in line_json(line)
