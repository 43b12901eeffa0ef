"""Texts of arguments are read and written in C, to what Python's own reader and writer make of them."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from langsmith_finetune._foundation.json_text import compact_json, object_and_text, object_of, pure_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


@given(VALUES)
@example([1e-5, 0.0001, 1e16, 1e15, 5e-324, 1.7976931348623157e308, -1e-05, 123456789.123e-9])
def test_text_is_that_of_pythons_encoder(value):
    assert pure_json(value) == compact_json(value)


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4), st.booleans())
def test_object_is_that_of_pythons_decoder(value, escaped):
    text = json.dumps(value, ensure_ascii=escaped)
    assert repr(object_of(text)) == repr(json.loads(text))
    assert object_and_text(text) == (value, compact_json(value))


@pytest.mark.parametrize(
    "text",
    ["", "1", "[]", "{", '{"a": NaN}', '{"a": Infinity}', '{"a": 1e400}', "{" * 70, '{"a":' * 65 + "1" + "}" * 65, "null"],
)  # fmt: skip
def test_what_is_no_json_object_is_none(text):
    assert object_of(text) is None
    assert object_and_text(text) is None


@pytest.mark.parametrize(
    "text", ['{"a": "\\ud83d"}', '{"a": 1E5, "b": -0.0, "c": 1e16}', '{"a": 1, "a": 2}', ' {"a":1} ']
)
def test_odd_objects_are_read_as_json_reads_them(text):
    assert repr(object_of(text)) == repr(json.loads(text))
    assert object_and_text(text) == (json.loads(text), compact_json(json.loads(text)))
