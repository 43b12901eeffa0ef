"""Arguments are equal by what they mean in JSON, and calls as a set."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune.evaluation.answers import Call, calls_of
from langsmith_finetune.evaluation.calls import canonical, holds_calls, is_valid, same_calls, same_names
from tests.support.evaluations import ADD, call, calls


def made(*texts, name="add"):
    return calls_of(calls(*({"function": {"name": name, "arguments": text}} for text in texts)))


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ('{"a": 1, "b": 2}', '{"b":2,"a":1}', True),
        ('{"a": 1}', '{"a": 1.0}', True),
        ('{"a": 1e2}', '{"a": 100}', True),
        ('{"a": 0}', '{"a": -0.0}', True),
        ('{"a": "é"}', '{"a": "\\u00e9"}', True),
        ('{"a": {"x": [1, {"y": 2.0}]}}', '{"a": {"x": [1.0, {"y": 2}]}}', True),
        ("", "{}", True),
        ('{"a": 1}', '{"a": "1"}', False),
        ('{"a": 1}', '{"a": true}', False),
        ('{"a": 0}', '{"a": false}', False),
        ('{"a": null}', "{}", False),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ('{"a": 9007199254740993}', '{"a": 9007199254740992}', False),
        ('{"a": 1}', '{"a": 1.5}', False),
        ('{"a": "x"}', '{"a": "X"}', False),
        ('{"a": 1', '{"a": 1}', False),
        ('{"a": 1', '{"a": 1', True),
        ("[1]", "[1]", True),
    ],
)
def test_arguments_are_equal_by_what_they_mean(one, other, equal):
    assert same_calls(made(one), made(other)) is equal


def test_calls_are_compared_as_a_set_with_repetition():
    a, b = '{"a": 1}', '{"a": 2}'
    assert same_calls(made(a, b), made(b, a))
    assert not same_calls(made(a, a), made(a))
    assert not same_calls(made(a), made(a, b))
    assert holds_calls(made(a), made(b, a))
    assert not holds_calls(made(a, a), made(a))
    assert same_names(made(a), made(b))
    assert not same_names(made(a), made(a, name="subtract"))


def test_arguments_nested_without_end_are_compared_as_text():
    deep = '{"a":' * 3000 + "1" + "}" * 3000
    assert same_calls(made(deep), made(deep))
    assert not same_calls(made(deep), made('{"a": 1}'))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def shuffled(value):
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in reversed(value)}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


@given(json_values)
def test_canonical_text_does_not_depend_on_order_or_on_writing(value):
    again = json.loads(json.dumps(shuffled(value)))
    assert canonical(value) == canonical(again)


@given(json_values, json_values)
def test_canonical_text_is_equal_only_for_equal_values(one, other):
    def typed(value):
        if isinstance(value, dict):
            return {key: typed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [typed(inner) for inner in value]
        return ("bool", value) if isinstance(value, bool) else value

    assert (canonical(one) == canonical(other)) == (typed(one) == typed(other))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('{"a": 1, "b": 2.5}', True),
        ('{"a": 1, "b": 2, "note": "x"}', True),
        ('{"a": "1", "b": 2}', False),
        ('{"a": true, "b": 2}', False),
        ('{"a": 1}', False),
        ('{"a": 1, "b": 2, "c": 3}', False),
        ("[1]", False),
        ('{"a": 1', False),
    ],
)
def test_arguments_are_valid_by_the_schema_of_the_tool(text, valid):
    [one] = made(text)
    assert is_valid(one, [ADD]) is valid


def test_a_call_of_a_tool_that_was_not_offered_is_not_valid():
    [one] = calls_of(calls(call("subtract", a=1, b=2)))
    assert is_valid(one, [ADD]) is False


@pytest.mark.parametrize(
    "parameters",
    [
        {"type": "nothing"},
        {"properties": {"a": {"$ref": "https://schemas.example/number.json"}}},
        {"properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"properties": {"a": {"$ref": "#/properties/a"}}},
    ],
)
def test_a_schema_that_is_none_decides_nothing_and_fetches_nothing(parameters):
    tool = {"type": "function", "function": {"name": "add", "parameters": parameters}}
    assert is_valid(Call(name="add", arguments={"a": 1}, text="{}"), [tool]) is None


def test_a_schema_of_geminis_is_read_and_a_tool_without_parameters_takes_any_object():
    gemini = {
        "type": "function",
        "function": {
            "name": "add",
            "parameters": {"type": "OBJECT", "properties": {"a": {"type": "NUMBER"}}},
        },
    }
    assert is_valid(Call(name="add", arguments={"a": "x"}, text=""), [gemini]) is False
    assert (
        is_valid(
            Call(name="add", arguments={"a": 1}, text=""), [{"type": "function", "function": {"name": "add"}}]
        )
        is True
    )
