"""Tools that many lines offer are kept once, told apart exactly, and nobody's change reaches another."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from langsmith_finetune._foundation.known_tools import LONGEST, Kept, KnownTools, exact_key
from langsmith_finetune._foundation.line_bytes import line_json
from tests.support.strategies import values

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"default": ["ü"]}}}


@given(one=values, other=values)
def test_keys_are_equal_only_for_equal_values_of_equal_types(one, other):
    if (key := exact_key(one)) is not None and key == exact_key(other):
        assert repr(one) == repr(other)


@pytest.mark.parametrize(
    "values", [(1, 1.0), (1, True), (0.0, -0.0), ("1", 1), ([], ()), ({"a": 1}, {"a": True})]
)
def test_key_tells_values_apart_that_python_holds_equal(values):
    assert exact_key(values[0]) != exact_key(values[1])


def test_key_of_a_value_that_holds_itself_is_short():
    itself: list[object] = []
    itself.append(itself)
    shared: list[object] = [1]
    for _ in range(100):
        shared = [shared, shared]
    assert len(exact_key(itself)) < 100
    assert len(exact_key(shared)) < 10_000


@pytest.mark.parametrize("value", [object(), "x" * (LONGEST + 1), {"a": [print]}])
def test_key_of_objects_and_of_large_values_is_none(value):
    assert exact_key(value) is None


def test_kept_values_stay_few():
    kept: Kept[int, int] = Kept(most=3)
    for number in range(10):
        assert kept.keep(number, number) == number
        assert len(kept) <= 3


def test_known_tools_are_copied_and_written_as_they_were():
    tools = [json.loads(json.dumps(TOOL))]
    known = KnownTools(tools)
    tools[0]["function"]["name"] = "changed"
    first, second = known.copy(), known.copy()
    first[0]["function"]["parameters"]["default"].append("changed")
    assert second == [TOOL]
    assert known.names == {"look_up"}
    assert b'{"tools":' + known.json + b"}" == line_json({"tools": [TOOL]})
