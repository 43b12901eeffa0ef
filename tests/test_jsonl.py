"""Training files: whole or absent, exact, and clear about a bad line."""

from __future__ import annotations

import hashlib
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import InvalidExampleError, TrainingExample, read_jsonl, write_jsonl
from tests.strategies import conversations
from tests.test_shapes import CALL, HELLO


@given(st.lists(conversations(), max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("jsonl") / "train.jsonl"
    written = write_jsonl(lines, path)
    assert list(read_jsonl(path)) == lines
    data = path.read_bytes()
    assert (written.count, written.bytes) == (len(lines), len(data))
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    assert write_jsonl(lines, path).sha256 == written.sha256


def test_text_is_written_as_utf8_one_line_an_example(tmp_path):
    line = {"messages": [{"role": "assistant", "content": "你好\u2028🌧️\n"}]}
    write_jsonl([TrainingExample(line=line), line], tmp_path / "train.jsonl")
    data = (tmp_path / "train.jsonl").read_bytes()
    assert data.count(b"\n") == 2
    assert "你好\u2028🌧️\\n".encode() in data
    assert list(read_jsonl(tmp_path / "train.jsonl")) == [line, line]


def test_half_a_surrogate_pair_survives(tmp_path):
    line = {"messages": [{"role": "assistant", "content": "cut \ud83c"}]}
    write_jsonl([line], tmp_path / "train.jsonl")
    assert list(read_jsonl(tmp_path / "train.jsonl")) == [line]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "train.jsonl"
    write_jsonl([HELLO], path)

    def interrupted():
        yield CALL
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_jsonl(interrupted(), path)
    assert list(read_jsonl(path)) == [HELLO]
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_its_owner_s_alone(tmp_path):
    path = write_jsonl([HELLO], tmp_path / "train.jsonl").path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_byte_order_mark_and_trailing_blank_lines_are_accepted(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(HELLO).encode() + b"\r\n\n  \n")
    assert list(read_jsonl(path)) == [HELLO]


BAD = {
    "no JSON": (b'{"messages": [}', "train.jsonl:2: the line is not JSON at column 15. Write the file with write_jsonl(examples, path)"),
    "NaN": (b'{"messages": NaN}', "train.jsonl:2: the line is not JSON. Write the file with write_jsonl(examples, path)"),
    "no UTF-8": (b'{"messages": "\xff"}', "train.jsonl:2: the line is not JSON. Write the file with write_jsonl(examples, path)"),
    "a list": (b"[]", "train.jsonl:2: the line is a JSON list, not an object. Write one object a line"),
    "no messages": (b'{"prompt": "secret"}', 'train.jsonl:2: messages: is not a list of message objects. Write {"messages": [...]} on each line'),
    "odd messages": (b'{"messages": ["secret"]}', 'train.jsonl:2: messages: is not a list of message objects. Write {"messages": [...]} on each line'),
    "a gap": (b"\n" + json.dumps(HELLO).encode(), "train.jsonl:2: the line is empty. Remove it"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "text"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_by_file_and_number(tmp_path, line, text):
    path = tmp_path / "train.jsonl"
    path.write_bytes(json.dumps(HELLO).encode() + b"\n" + line + b"\n")
    with pytest.raises(InvalidExampleError) as caught:
        list(read_jsonl(path))
    assert str(caught.value) == text
    assert "secret" not in text


def test_a_line_that_is_no_json_is_not_written(tmp_path):
    line = {"messages": [{"role": "user", "content": {1, 2}}]}
    with pytest.raises(InvalidExampleError) as caught:
        write_jsonl([HELLO, line], tmp_path / "train.jsonl")
    assert str(caught.value) == (
        "train.jsonl:2: the line is not JSON (TypeError). Use text, numbers, lists and dicts only"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_single_example_is_no_iterable_of_examples(tmp_path):
    with pytest.raises(TypeError) as caught:
        write_jsonl(HELLO, tmp_path / "train.jsonl")
    assert str(caught.value) == "examples must be an iterable of examples or lines, not a single dict"


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write_jsonl([HELLO], tmp_path / "nowhere" / "train.jsonl")
    assert str(caught.value) == f"there is no folder {str(tmp_path / 'nowhere')!r} to write train.jsonl into"
