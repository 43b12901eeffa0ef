"""A training file is read in one way through every door: the same lines, the same refusals, the same words."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from codecs import BOM_UTF8, BOM_UTF16_LE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import InvalidExampleError, read_jsonl, write_jsonl
from langsmith_finetune._foundation.json_line import DEEPEST
from langsmith_finetune._foundation.surrogates import halves
from langsmith_finetune.jobs.digests import sha256_and_first_line
from langsmith_finetune.providers.fireworks import FireworksProvider
from langsmith_finetune.providers.local.rows import rows_of_file
from langsmith_finetune.providers.preparation import prepared_files
from langsmith_finetune.providers.values import JobRequest
from langsmith_finetune.targets.checking import check
from langsmith_finetune.targets.read_lines import read_lines, sound_lines
from langsmith_finetune.targets.registry import to_target


def line_of(content="Hello!"):
    return {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}]}


GOOD = json.dumps(line_of()).encode()
FIX = "Remove it, or call check(..., fix=True)"
WRITE = "Write the file with write_jsonl(examples, path)"
DEEP = f"is nested deeper than {DEEPEST} levels. Leave the line out"


def nested(levels):
    return b'{"messages": [], "a": ' + b'{"a": ' * levels + b"1" + b"}" * levels + b"}"


REFUSED = {
    "a blank line in the middle": (GOOD + b"\n\n" + GOOD, f":2: is empty. {FIX}"),
    "a blank line at the start": (b" \r\n" + GOOD, f":1: is empty. {FIX}"),
    "NaN": (GOOD + b'\n{"messages": NaN}', ":2: holds NaN or an infinity, which JSON does not have. Write null, or leave the value out"),
    "an infinity": (b'{"messages": [-Infinity]}', ":1: holds NaN or an infinity, which JSON does not have. Write null, or leave the value out"),
    "a number beyond floats": (b'{"messages": [1e400]}', ":1: holds NaN or an infinity, which JSON does not have. Write null, or leave the value out"),
    "a byte that is not UTF-8": (GOOD + b"\n" + GOOD.replace(b"Hi", b"H\xff"), ":2: holds a byte that is not UTF-8, byte 45 of the line. Save the file as UTF-8"),
    "half of a pair in three bytes": (GOOD.replace(b"Hi", b"\xed\xa0\xbd"), ":1: holds a byte that is not UTF-8, byte 44 of the line. Save the file as UTF-8"),
    "UTF-16": (BOM_UTF16_LE + GOOD.decode().encode("utf-16-le"), ": is UTF-16. Save it as UTF-8"),
    "no JSON": (GOOD + b'\n{"messages": [}', f":2: is not JSON at column 15: Expecting value. {WRITE}"),
    "a line that ends early": (GOOD + b"\n" + GOOD[:-4], f":2: is not JSON at column 83: Unterminated string starting at. {WRITE}"),
    "a zero byte": (GOOD + b"\n\x00", f":2: is not JSON at column 1: Expecting value. {WRITE}"),
    "two files put together": (GOOD + b"\n" + BOM_UTF8 + GOOD, ":2: begins with a byte order mark. Remove it"),
    "an array of lines": (b"[\n" + GOOD + b",\n" + GOOD + b"\n]", ': begins with [, as a JSON array does. Write the examples with write_jsonl(json.load(open("train.json")), "train.jsonl")'),
    "an array in one line": (b"[" + GOOD + b"," + GOOD + b"]", ":1: is a list of 2, not an object. Write one object per line"),
    "a list in a later line": (GOOD + b"\n[]", ":2: is an empty list, not an object. Write one object per line"),
    "a number": (b"5", ":1: is an integer, not an object. Write one object per line"),
    "a key twice": (GOOD + b"\n" + GOOD.replace(b'"content": "Hi"', b'"content": "Hi", "content": "Ho"'), ':2: messages[0]: holds the key "content" more than once. Keep one of them'),
    "somebody's key twice": (b'{"messages": [], "secret": {"secret1": 1, "secret1": 1}}', ":1: ?: holds a key of 7 characters more than once. Keep one of them"),
    "200,000 levels": (GOOD + b"\n" + nested(200_000), f":2: {DEEP}"),
    "200,000 lists": (GOOD + b"\n" + b"[" * 200_000 + b"]" * 200_000, f":2: {DEEP}"),
    "one level too many": (nested(DEEPEST), f":1: {DEEP}"),
    "an integer of 5,000 digits": (b'{"messages": ' + b"1" * 5000 + b"}", ":1: holds an integer of more digits than Python reads. Leave the line out"),
}  # fmt: skip

TAKEN = {
    "blank lines at the end": GOOD + b"\n" + GOOD + b"\n\n \t\n\r\n",
    "a byte order mark": BOM_UTF8 + GOOD + b"\n" + GOOD + b"\n",
    "Windows line ends": GOOD + b"\r\n" + GOOD + b"\r\n",
    "no line end at the end": GOOD + b"\n" + GOOD,
    "spaces around": b"  " + GOOD + b" \n\t" + GOOD + b"\n",
    "escapes": GOOD + b"\n" + GOOD.replace(b"Hello", b"H\\u0065llo"),
}


def by_read_jsonl(path):
    return [*read_jsonl(path)]


def by_check(path):
    report = check(path, "fireworks", ignore=["too_few"])
    for problem in report.problems:
        if problem.severity == "error":
            where = path.name if problem.line is None else f"{path.name}:{problem.line}"
            raise InvalidExampleError(where, problem.field, problem.found, problem.how_to_fix)
    return report.lines


def by_upload(path):
    request = JobRequest(
        training_file=path, training_sha256=hashlib.sha256(path.read_bytes()).hexdigest(), model="m"
    )
    with prepared_files(FireworksProvider("made-up"), request) as (file,):
        return file.content.read_bytes()


def by_local_trainer(path):
    return [*rows_of_file(path, path.name)]


DOORS = {"read_jsonl": by_read_jsonl, "check": by_check, "upload": by_upload, "local": by_local_trainer}


@pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)
@pytest.mark.parametrize(("data", "text"), REFUSED.values(), ids=REFUSED)
def test_every_door_refuses_a_file_in_the_same_words(tmp_path, data, text, door):
    path = tmp_path / "train.jsonl"
    path.write_bytes(data)
    with pytest.raises(InvalidExampleError) as caught:
        door(path)
    assert str(caught.value) == f"train.jsonl{text}"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("data", "text"), REFUSED.values(), ids=REFUSED)
def test_a_job_refuses_a_first_line_in_the_same_words(tmp_path, data, text):
    path = tmp_path / "train.jsonl"
    path.write_bytes(data)
    if text.startswith(":2"):
        assert sha256_and_first_line(path)[1] == line_of()
        return
    with pytest.raises(InvalidExampleError) as caught:
        sha256_and_first_line(path)
    assert str(caught.value) == f"train.jsonl{text}"


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN)
def test_every_door_reads_the_same_lines(tmp_path, data):
    path = tmp_path / "train.jsonl"
    path.write_bytes(data)
    assert by_read_jsonl(path) == [line_of()] * 2
    assert by_check(path) == 2
    assert [json.loads(line) for line in by_upload(path).decode("utf-8-sig").splitlines() if line.strip()] == [line_of()] * 2  # fmt: skip
    assert [row.where for row in by_local_trainer(path)] == ["train.jsonl:1", "train.jsonl:2"]
    assert sha256_and_first_line(path) == (hashlib.sha256(data).hexdigest(), line_of())


@pytest.mark.parametrize("data", [b"", BOM_UTF8, b"\n \n"], ids=["no bytes", "a byte order mark", "blank"])
def test_a_file_without_lines_is_refused_where_lines_are_needed(tmp_path, data):
    path = tmp_path / "train.jsonl"
    path.write_bytes(data)
    assert by_read_jsonl(path) == []
    [problem] = [p for p in check(path, "trl").problems if p.severity == "error"]
    assert str(problem) == f"the file: holds no examples (error: too_few). {WRITE}"
    with pytest.raises(InvalidExampleError) as caught:
        sha256_and_first_line(path)
    assert str(caught.value) == f"train.jsonl: holds no examples. {WRITE}"


HALF = "holds half of a surrogate pair, which is no character. Write the character whole, or leave the line out: no tokenizer has a token for half of one"
CALLED = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "\\ud83d"}'}}
HALVES = {
    "a content": (line_of("cut \ud83d"), "messages[1].content"),
    "a low half": (line_of("\ude00 cut"), "messages[1].content"),
    "a part": (line_of([{"type": "text", "text": "cut \ud83d"}]), "messages[1].content[0].text"),
    "a description": (line_of() | {"tools": [{"type": "function", "function": {"name": "f", "description": "\ud83d"}}]}, "tools[0].function.description"),
    "a property": (line_of() | {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"\ud83d": {}}}}}]}, "tools[0].function.parameters.?.?"),
    "arguments": ({"messages": [line_of()["messages"][0], {"role": "assistant", "content": None, "tool_calls": [CALLED]}], "tools": [{"type": "function", "function": {"name": "f"}}]}, "messages[1].tool_calls[0].function.arguments"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "field"), HALVES.values(), ids=HALVES)
def test_half_a_surrogate_pair_is_found_before_a_model_is_loaded(tmp_path, line, field):
    path = write_jsonl([line_of(), line], tmp_path / "train.jsonl").path
    assert by_read_jsonl(path) == [line_of(), line]
    for door in (by_check, by_upload, by_local_trainer):
        with pytest.raises(InvalidExampleError) as caught:
            door(path)
        assert str(caught.value) == f"train.jsonl:2: {field}: {HALF}"
    for target in ("trl", "gemini", "together", "nebius"):
        assert check([line], target).errors["surrogate"] == 1
        with pytest.raises(InvalidExampleError):
            to_target(line, target)
    for target in ("openai", "azure"):  # tiktoken reads another character in its place
        assert check([line] * 10, target).warnings["surrogate"] == 10
        assert check([line] * 10, target).errors == {}
        assert to_target(line, target) == line


def test_a_whole_pair_and_the_replacement_character_are_text():
    assert [*halves(json.loads('["\\ud83d\\ude00", "\\ufffd"]'))] == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), json_values, max_size=4), st.booleans(), st.booleans())
def test_the_fast_way_and_the_slow_way_read_the_same(value, ascii_only, compact):
    text = json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":") if compact else None)
    [found] = read_lines([text.encode()])
    if "NaN" in text.replace('"NaN"', "") and found.value is None:
        assert found.faults[0].rule == "json"
    elif found.value is None:
        assert "Infinity" in text
    else:
        assert (found.value, found.faults) == (json.loads(text), ())
        assert json.dumps(found.value) == json.dumps(value)


@given(
    st.lists(
        st.tuples(st.text('ab\\":,é', max_size=3), st.text('ab\\":,é', max_size=3)), min_size=2, max_size=5
    )
)
def test_a_repeated_key_is_never_passed_over(pairs):
    text = (
        "{"
        + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{json.dumps(value)}" for key, value in pairs)
        + "}"
    )
    [found] = read_lines([text.encode()])
    assert found.value == dict(pairs)
    assert bool(found.faults) == (len(dict(pairs)) < len(pairs))


def test_a_file_is_read_in_the_memory_of_its_longest_line(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes((GOOD + b"\n") * 20_000 + b"\n" * 20_000)
    tracemalloc.start()
    assert sum(1 for _ in sound_lines(path)) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400_000
