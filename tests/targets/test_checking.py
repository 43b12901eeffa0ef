"""Checks: every fault of every line is named, by field, with what was found and how to fix it."""

from __future__ import annotations

import json
import re
import sys
import tracemalloc
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given

from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.examples.example import PreferenceExample, TrainingExample
from langsmith_finetune.examples.source import RunSource
from langsmith_finetune.targets.checking import check, fix_examples
from langsmith_finetune.targets.registry import TARGETS, to_target
from langsmith_finetune.targets.rules import WHY
from tests.support.lines import (
    BROKEN,
    NINE,
    PNG,
    A,
    U,
    answer,
    asks,
    call,
    image,
    prefers,
    said,
    sees,
    tooled,
)
from tests.support.paths import SHARED
from tests.support.strategies import conversations


@pytest.mark.parametrize(
    ("target", "line", "texts"), [row[1:] for row in BROKEN], ids=[f"{row[0]}, {row[1]}" for row in BROKEN]
)
def test_each_fault_is_named_and_nothing_of_the_line_is_said(target, line, texts):
    report = check([line], target, ignore=("too_few",))
    assert [str(problem).removeprefix("line 1: ") for problem in report.problems] == texts
    assert report.ok == (not any("(error: " in text for text in texts))
    assert "secret" not in str(report) + report.to_json() + report._repr_html_() + repr(report)
    for problem in report.problems:
        assert problem.why == WHY[problem.rule]
        assert problem.source.startswith("https://")


@pytest.mark.parametrize("line", [row[2] for row in BROKEN], ids=[f"{row[0]}, {row[1]}" for row in BROKEN])
@pytest.mark.parametrize("target", TARGETS)
def test_no_line_breaks_the_check_of_any_target(target, line):
    before = json.dumps(line)
    check([line], target)
    check([line], target, fix=True)
    assert json.dumps(line) == before


@given(conversations())
def test_conversations_pass_but_for_what_is_odd_in_them(line):
    report = check([line] * 10, "openai")
    # Hypothesis makes calls without answers, arguments that are no JSON, blanks, <|0|>, and calls of no tool.
    assert report.errors.keys() <= {"unanswered_call", "special_token"}
    assert report.warnings.keys() <= {"arguments", "empty_content", "undefined_tool", "tools"}


def test_every_rule_of_a_line_is_broken_somewhere_in_this_table():
    named = {rule for rule in WHY if any(f": {rule})" in text for row in BROKEN for text in row[3])}
    of_files = {"array", "byte_order_mark", "duplicate_key", "empty_line", "encoding", "file_size", "json",
                "mixed_kinds", "row", "too_few", "too_long", "too_many"}  # fmt: skip
    assert named == WHY.keys() - of_files


GOOD = json.dumps(said(U, A)).encode()

FILES = [
    ("nine lines", "openai", [GOOD] * 9,
     ["the file: holds 9 examples (error: too_few). Add examples: openai takes no file of fewer than 10"]),
    ("no lines", "trl", [],
     ["the file: holds no examples (error: too_few). Write the file with write_jsonl(examples, path)"]),
    ("an array of lines", "openai", [b"[", GOOD + b",", GOOD, b"]"],
     ['the file: begins with [, as a JSON array does (error: array). Write the examples with write_jsonl(json.load(open("train.json")), "train.jsonl")',
      "the file: holds no examples (error: too_few). Write the file with write_jsonl(examples, path)"]),
    ("an array in one line", "trl", [b"[" + GOOD + b"," + GOOD + b"]"],
     ["line 1: is a list of 2, not an object (error: array). Write one object per line"]),
    ("a number", "trl", [b"5", GOOD], ["line 1: is an integer, not an object (error: json). Write one object per line"]),
    ("a byte order mark", "together", [b"\xef\xbb\xbf" + GOOD],
     ["the file: begins with a byte order mark (error: byte_order_mark). Save it without, or call check(..., fix=True)"]),
    ("a byte order mark", "trl", [b"\xef\xbb\xbf" + GOOD],
     ["the file: begins with a byte order mark (warning: byte_order_mark). Save it without, or call check(..., fix=True)"]),
    ("UTF-16", "trl", [("\ufeff" + GOOD.decode()).encode("utf-16-le")],
     ["the file: is UTF-16 (error: encoding). Save it as UTF-8",
      "the file: holds no examples (error: too_few). Write the file with write_jsonl(examples, path)"]),
    ("no UTF-8", "trl", [GOOD, b'{"messages": "\xff"}', GOOD],
     ["line 2: holds a byte that is not UTF-8, byte 15 of the line (error: encoding). Save the file as UTF-8"]),
    ("empty lines", "trl", [GOOD, b"", b" ", GOOD],
     ["line 2: is empty (error: empty_line). Remove it, or call check(..., fix=True)",
      "line 3: is empty (error: empty_line). Remove it, or call check(..., fix=True)"]),
    ("an empty line at the end", "trl", [GOOD, b""],
     ["line 2: is empty (warning: empty_line). Remove it, or call check(..., fix=True)"]),
    ("an empty line at the end", "together", [GOOD, b""],
     ["line 2: is empty (error: empty_line). Remove it, or call check(..., fix=True)"]),
    ("two lines that are no JSON", "trl", [b'{"messages": [}', GOOD, b"secret"],
     ["line 1: is not JSON at column 15: Expecting value (error: json). Write the file with write_jsonl(examples, path)",
      "line 3: is not JSON at column 1: Expecting value (error: json). Write the file with write_jsonl(examples, path)"]),
    ("NaN", "trl", [b'{"messages": NaN}'],
     ["line 1: holds NaN or an infinity, which JSON does not have (error: json). Write null, or leave the value out"]),
    ("too deep", "trl", [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
     ['the file: begins with [, as a JSON array does (error: array). Write the examples with write_jsonl(json.load(open("train.json")), "train.jsonl")',
      "the file: holds no examples (error: too_few). Write the file with write_jsonl(examples, path)"]),
    ("too deep, later", "trl", [GOOD, b'{"a":' * 100_000 + b"1" + b"}" * 100_000],
     ["line 2: is nested deeper than 100 levels (error: json). Leave the line out"]),
    ("a long integer", "trl", [GOOD, b'{"messages": ' + b"1" * 5000 + b"}"],
     ["line 2: holds an integer of more digits than Python reads (error: json). Leave the line out"]),
    ("a key twice", "trl", [GOOD, GOOD.replace(b'"content": "Hi"', b'"content": "Hi", "content": "Ho"')],
     ['line 2: messages[0]: holds the key "content" more than once (error: duplicate_key). Keep one of them']),
    ("somebody's key twice", "trl", [b'{"messages": [], "secret": {"secret1": {"secret2": 1, "secret2": 1}}}'],
     ["line 1: ?.?: holds a key of 7 characters more than once (error: duplicate_key). Keep one of them",
      "line 1: a key of 6 characters is not the format's (warning: line_key). Remove it; data worth keeping belongs in the ledger",
      'line 1: messages: is an empty list, not a list of messages (error: messages). Write {"messages": [...]} on each line']),
    ("two kinds", "trl", [GOOD, json.dumps(prefers()).encode()],
     ["line 2: is a preference line in a file that begins with a supervised line (error: mixed_kinds). Write a file of each kind"]),
    ("a row that is none", "gemini", [b'{"contents": "secret"}'],
     ['line 1: contents: is not a list (error: row). Write rows with to_target(line, "gemini")']),
]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "lines", "texts"), [row[1:] for row in FILES], ids=[f"{row[0]}-{row[1]}" for row in FILES]
)
def test_each_fault_of_a_file_is_named(tmp_path, target, lines, texts):
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    report = check(path, target)
    assert [str(problem) for problem in report.problems] == texts
    assert "secret" not in str(report)


def test_a_file_may_be_too_large_or_have_too_many_lines(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes((GOOD + b"\n") * 3)
    rules = replace(TARGETS["trl"], max_bytes=100, max_examples=2)
    size = path.stat().st_size
    assert [str(problem) for problem in check(path, rules).problems] == [
        f"the file: has {size} bytes (error: file_size). Keep at most 100, or split the file",
        "the file: holds 3 examples (error: too_many). Keep at most 2",
    ]


def test_a_line_that_is_too_long_is_named(tmp_path):
    lines = [said(U, A), said(U, {**A, "content": "word " * 20}), said("broken")]
    report = check(
        lines, "trl", tokens=lambda line: len(line["messages"][-1]["content"].split()), max_tokens=5
    )
    assert [str(problem) for problem in report.problems][:1] == [
        "line 2: has 20 tokens (error: too_long). Trim the oldest turns to 5 tokens, or leave the line out"
    ]
    assert report.errors["too_long"] == 1
    report = check([said(U, A)] * 10, "openai", tokens=lambda _: 65_537)
    assert report.errors == {"too_long": 10}
    with pytest.raises(ValueError) as caught:
        check(lines, "trl", tokens=len)
    assert str(caught.value) == "trl has one limit per model: pass max_tokens= with tokens="


@pytest.mark.parametrize(("target", "limit"), [("openai", 65_536), ("azure", 65_536), ("gemini", 131_072)])
def test_estimated_length_in_doubt_is_a_warning(target, limit, monkeypatch):
    monkeypatch.setitem(sys.modules, "tiktoken", None)  # as where it is not installed
    lines = [said(U, {**A, "content": "abcd" * int(limit * share)}) for share in (0.9, 1.1, 2.1)]
    report = check(lines, target, ignore=("too_few",))
    assert [(problem.line, problem.severity) for problem in report.problems] == [(2, "warning"), (3, "error")]
    count = re.search(r"has about ([\d,]+) tokens", str(report.problems[0]))[1]
    assert int(count.replace(",", "")) == pytest.approx(limit * 1.1, rel=0.01)
    assert (
        f"Trim the oldest turns to {limit:,} tokens, or leave the line out" in report.problems[1].how_to_fix
    )


def test_all_is_counted_beyond_what_is_kept():
    seen = []
    report = check([said(U)] * 50, "openai", keep=3, on_problem=seen.append)
    assert report.errors == {"nothing_trained": 50}
    assert (report.lines, report.bad_lines, len(report.problems), len(seen)) == (50, 50, 3, 50)
    assert str(report).splitlines() == [
        "examples for openai: 50 lines, 50 with errors",
        "errors: nothing_trained 50",
        "line 1: messages: hold no assistant message (error: nothing_trained). "
        "Leave the line out: there is nothing to learn",
        "... and 49 more errors of the rule nothing_trained, in lines 2, 3 and others",
    ]


def test_a_file_is_read_in_the_memory_of_a_line(tmp_path):
    path = tmp_path / "train.jsonl"
    path.write_bytes(
        b"".join(json.dumps(said(U, {**A, "content": "x" * 2000})).encode() + b"\n" for _ in range(2000))
    )
    check(path, "openai")  # whatever is kept for good is kept now
    tracemalloc.start()
    try:
        assert check(path, "openai", fix=True, fixed_path=tmp_path / "fixed.jsonl").lines == 2000
        assert tracemalloc.get_traced_memory()[1] < 500_000 < path.stat().st_size / 8
    finally:
        tracemalloc.stop()


def test_the_report_is_text_table_and_json():
    report = check(
        [said(U, {**A, "index": 1}), said({"role": "<b>", "content": "x"}, A)], "openai", show_content=True
    )
    page = report._repr_html_()
    assert page.count("<tr>") == 4
    assert "is &#x27;&lt;b&gt;&#x27;" in page
    assert "<b>" not in page
    found = json.loads(report.to_json())
    assert (found["ok"], found["errors"], found["fixed_path"]) == (
        False,
        {"message_key": 1, "role": 1, "too_few": 1},
        None,
    )
    assert found["problems"][0]["source"] == "https://cookbook.openai.com/examples/chat_finetuning_data_prep"


def test_what_was_found_is_said_in_full_on_request():
    report = check([said({"role": "secret", "content": 1.5}, A, secret_key=1)], "openai", show_content=True)
    assert "is 'secret'" in str(report)
    assert 'the key "secret_key"' in str(report)


def test_rules_may_be_left_out():
    assert check([said(U, A)], "openai", ignore=["too_few"]).ok
    with pytest.raises(ValueError) as caught:
        check([], "openai", ignore=["to_few"])
    assert str(caught.value) == (
        "ignore must be a list of names such as 'arguments', not 'to_few': did you mean 'too_few'?"
    )


def test_a_target_that_is_none_is_refused():
    with pytest.raises(ValueError) as caught:
        check([], "mistral")
    assert str(caught.value) == (
        "target must be 'openai', 'azure', 'together', 'fireworks', 'nebius', 'crusoe', 'local', 'huggingface', "
        "'trl', 'gemini', 'bedrock' or a TargetRules, not 'mistral'"
    )


def test_a_single_example_is_no_iterable():
    with pytest.raises(TypeError) as caught:
        check(said(U, A), "openai")
    assert str(caught.value) == (
        "examples must be an iterable of examples or lines, not a single dict: examples=[example]"
    )


# --- mending -----------------------------------------------------------------------------------------------

MENDED = [
    ("developer", "openai", said({"role": "developer", "content": "x"}, U, A),
     said({"role": "system", "content": "x"}, U, A), ("developer made system",)),
    ("an index in calls", "openai", tooled(U, asks(call(index=0), call("call_2", index=1))),
     tooled(U, asks(call(), call("call_2"))), ("index dropped (2)",)),
    ("keys that SDKs leave", "openai",
     said(U, {**A, "refusal": None, "audio": None, "annotations": [], "parsed": {}, "function_call": None, "tool_calls": None}),
     said(U, A), ("annotations dropped", "audio dropped", "function_call dropped", "parsed dropped", "refusal dropped", "tool_calls dropped")),
    ("reasoning goes", "openai", said(U, {**A, "reasoning_content": "x"}), said(U, A), ("reasoning_content dropped",)),
    ("reasoning stays", "together", said(U, {**A, "reasoning_content": "x"}), said(U, {**A, "reasoning_content": "x"}), ()),
    ("cache_control", "openai", said(sees({"type": "text", "text": "x", "cache_control": {}}), A),
     said(sees({"type": "text", "text": "x"}), A), ("cache_control dropped",)),
    ("a refusal", "openai", said(U, {"role": "assistant", "content": None, "refusal": "no"}),
     said(U, {"role": "assistant", "content": "no"}), ("refusal made content",)),
    ("a refusal part", "openai", said(U, sees({"type": "refusal", "refusal": "no"}, role="assistant")),
     said(U, sees({"type": "text", "text": "no"}, role="assistant")), ("refusal made content",)),
    ("settings", "together", said(U, A, parallel_tool_calls=False, response_format={}),
     said(U, A), ("parallel_tool_calls dropped", "response_format dropped")),
    ("settings of an input", "together", prefers({"messages": [U], "parallel_tool_calls": False}),
     prefers({"messages": [U]}), ("parallel_tool_calls dropped",)),
    ("an index in an output", "openai", prefers(p=[{**A, "index": 0}]), prefers(), ("index dropped",)),
    ("weights", "openai", said({**U, "weight": 1}, {**A, "weight": True}, U, {**A, "weight": 0.0}, U, {**A, "weight": None}),
     said(U, {**A, "weight": 1}, U, {**A, "weight": 0}, U, A), ("weight dropped (2)", "weight made an integer (2)")),
    ("weight 1 means nothing", "gemini", said(U, {**A, "weight": 1}), said(U, A), ("weight dropped",)),
    ("a name", "openai", said({**U, "name": "John Doe"}, A), said(U, A), ("name dropped",)),
    ("arguments", "openai", tooled(U, asks(call(args={"city": "Köln"}), call("call_2", args=""))),
     tooled(U, asks(call(args='{"city":"Köln"}'), call("call_2", args="{}"))), ("arguments made JSON text (2)",)),
    ("argument objects", "trl", tooled(U, asks(call(args={"a": 1}))), tooled(U, asks(call(args={"a": 1}))), ()),
    ("a tool that said nothing", "openai", tooled(U, asks(), answer(content=None), A),
     tooled(U, asks(), answer(content=""), A), ("null content made empty text",)),
    ("missing types", "openai", said(U, asks({"id": "c", "function": {"name": "f", "arguments": "{}"}}), tools=[{"function": {"name": "f"}}]),
     said(U, asks(call("c", "f", "{}")), tools=[{"type": "function", "function": {"name": "f"}}]), ("type function added (2)",)),
    ("functions", "openai",
     said(U, {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
          {"role": "function", "name": "f", "content": "x"}, A, functions=[{"name": "f"}]),
     said(U, asks(call("call_1", "f", "{}")), {"role": "tool", "name": "f", "content": "x", "tool_call_id": "call_1"}, A,
          tools=[{"type": "function", "function": {"name": "f"}}]),
     ("functions made tools", "function_call made tool_calls", "function made tool")),
    ("no tools", "openai", said(U, A, tools=[]), said(U, A), ("tools dropped",)),
    ("after the answer", "openai", tooled(U, asks(), answer(), U), tooled(U, asks()), ("message after the last answer dropped (2)",)),
    ("ids of nine", NINE, tooled(U, asks(call("call_1")), answer("call_1"), A),
     tooled(U, asks(call("74196fe72")), answer("74196fe72"), A), ("id made of 9 letters and digits (2)",)),
    ("ids of nine as they are", NINE, tooled(U, asks(call("abcDEF123"))), tooled(U, asks(call("abcDEF123"))), ()),
    ("text beside parts", "together", said(sees(image(PNG)), A),
     said(sees(image(PNG)), sees({"type": "text", "text": "Hello!"}, role="assistant")), ("text made a part",)),
    ("nulls of Arrow in messages", "openai",
     tooled({**U, "tool_calls": None, "tool_call_id": None, "name": None, "secret": None}, asks() | {"tool_call_id": None}, answer() | {"tool_calls": None}, A),
     tooled(U, asks(), answer(), A), ("name dropped", "key that holds nothing dropped", "tool_call_id dropped (2)", "tool_calls dropped (2)")),
    ("structs of nulls", "openai", said(U, {**A, "function_call": {"name": None, "arguments": None}, "audio": {"id": None}}),
     said(U, A), ("audio dropped", "function_call dropped")),
    ("nulls of Arrow in parts", "openai",
     said(sees({"type": "text", "text": "x", "image_url": None}, {**image(PNG), "text": None}, None), A),
     said(sees({"type": "text", "text": "x"}, image(PNG)), A), ("part that holds nothing dropped", "image_url dropped", "text dropped")),
    ("an image's detail that is null", "openai", said(sees({"type": "image_url", "image_url": {"url": PNG, "detail": None}}), A),
     said(sees(image(PNG)), A), ("detail dropped",)),
    ("nulls of Arrow in calls", "openai", tooled(U, asks(None, call(custom=None, index=None))), tooled(U, asks(call())),
     ("call that holds nothing dropped", "custom dropped", "index dropped")),
    ("nulls of Arrow in a line", "openai", said(U, A, tools=None, functions=None, input=None, preferred_output=None, parallel_tool_calls=None),
     said(U, A), ("functions dropped", "input dropped", "parallel_tool_calls dropped", "preferred_output dropped", "tools dropped")),
    ("nulls of Arrow in a preference", "openai", {**prefers(), "messages": None, "tools": None, "input": {"messages": [{**U, "name": None}], "tools": None}},
     prefers({"messages": [U]}), ("messages dropped", "tools dropped (2)", "name dropped")),
    ("nulls of Arrow in tools", "openai",
     said(U, A, tools=[{"type": "function", "custom": None, "function": {"name": "f", "strict": None, "parameters": {"type": "object", "properties": {
         "a": {"type": "string", "enum": None, "default": None, "items": {"type": None}}, "b": None, "c": {"type": None, "enum": None}}}}}]),
     said(U, A, tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string", "default": None}}}}}]),
     ("custom dropped", "strict dropped", "null in a schema dropped (4)")),
    ("types of Google's", "openai",
     said(U, A, tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "OBJECT", "properties": {
         "type": {"type_": "STRING", "enum": ["OBJECT"], "default": "STRING"}, "a": {"type": "ARRAY", "items": {"type_": 6, "anyOf": [{"type": "String"}]}}, "b": {"type": ["STRING", "null"]}}}}}]),
     said(U, A, tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
         "type": {"type": "string", "enum": ["OBJECT"], "default": "STRING"}, "a": {"type": "array", "items": {"type": "object", "anyOf": [{"type": "string"}]}}, "b": {"type": ["string", "null"]}}}}}]),
     ("schema types written as JSON Schema's (8)",)),
    ("calls without ids", "openai", tooled(U, asks(call(""), call(None)), {**answer(""), "content": "1"}, answer(None), A),
     tooled(U, asks(call("call_1_0"), call("call_1_1")), {**answer("call_1_0"), "content": "1"}, answer("call_1_1"), A), ("id made (2)",)),
    ("an answer without an id", "openai", tooled(U, asks(), answer(None), A), tooled(U, asks(), answer(), A), ("id made",)),
    ("answers paired by name", "openai",
     said(U, asks(call("", "f"), call("", "g")), {**answer(""), "name": "g", "content": "of g"}, {**answer(""), "name": "f"}, A, tools=[{"type": "function", "function": {"name": n}} for n in "fg"]),
     said(U, asks(call("call_1_0", "f"), call("call_1_1", "g")), {**answer("call_1_1"), "name": "g", "content": "of g"}, {**answer("call_1_0"), "name": "f"}, A, tools=[{"type": "function", "function": {"name": n}} for n in "fg"]),
     ("id made (2)",)),
    ("empty texts", "openai", said({**U, "id": "", "name": "", "tool_call_id": ""}, {**A, "refusal": ""}), said(U, A),
     ("id dropped", "name dropped", "tool_call_id dropped", "refusal dropped")),
    ("nothing to mend", "openai", said("odd", {"role": 5, "tool_calls": ["odd", {"function": "odd"}], "content": ["odd"]}, tools=["odd"], functions="odd"),
     said("odd", {"role": 5, "tool_calls": ["odd", {"function": "odd"}], "content": ["odd"]}, tools=["odd"], functions="odd"), ()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "line", "mended", "changes"), [row[1:] for row in MENDED], ids=[row[0] for row in MENDED]
)
def test_what_is_safe_is_mended_and_told(target, line, mended, changes):
    before = json.dumps(line)
    example = (
        PreferenceExample(line=line) if "input" in line else TrainingExample(line=line, changes=("merged",))
    )
    [after] = fix_examples([example], target)
    assert after.line == mended
    assert after.changes == (*example.changes, *changes)
    assert [*fix_examples([line], target)] == [mended]
    assert json.dumps(line) == before
    [again] = fix_examples([after], target)
    assert again.changes == after.changes  # mended once, mended for good
    report = check([line], target, fix=True)
    assert report.fixed == (((1, changes),) if changes else ())
    assert report.changes == Counter(change.split(" (")[0] for change in changes)
    assert report.fixed_lines == len(report.fixed)


@pytest.mark.parametrize(
    ("target", "line"), [row[1:3] for row in MENDED[:-1]], ids=[row[0] for row in MENDED[:-1]]
)
def test_what_was_mended_passes(target, line):
    assert check([line] * 10, target, fix=True).errors == {}


def test_indistinguishable_calls_stay_without_ids():
    line = tooled(U, asks(call(""), call("")), answer(""), A)
    assert check([line], "openai", fix=True).changes == {}
    assert check([line], "openai", fix=True).errors["call_id"] == 2


def test_google_schema_keywords_become_json_schema():
    google = {
        "type": "OBJECT",
        "properties": {
            "any_of": {"type": "ARRAY", "min_items": 1, "items": {"any_of": [{"type": "STRING"}]}}
        },
    }
    tools = [{"type": "function", "function": {"name": "f", "parameters": google}}]
    [line] = fix_examples([said(U, A, tools=tools)], "openai")
    assert line["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {"any_of": {"type": "array", "minItems": 1, "items": {"anyOf": [{"type": "string"}]}}},
    }


SCHEMAS = [
    ({"type": "OBJECT"}, 'parameters.type: is a type as Google\'s Schema writes it (error: tools). Write "object"'),
    ({"properties": {"a": {"items": {"type": "STRING"}}}}, 'parameters.properties.?.items.type: is a type as Google\'s Schema writes it (error: tools). Write "string"'),
    ({"anyOf": [{"type_": "INTEGER"}]}, 'parameters.anyOf[0].type_: is a type as Google\'s Schema writes it (error: tools). Write "type"'),
    ({"type": "object", "properties": {"secret": None}}, "parameters.properties.?: is null, which says nothing (warning: tools). Remove the key"),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "text"), SCHEMAS)
@pytest.mark.parametrize("target", ["openai", "trl", "gemini", "together"])
def test_a_schema_that_is_none_of_json_schema_is_told(target, schema, text):
    line = said(U, A, tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}])
    problem = check([line], target, ignore=["too_few"]).problems[0]
    assert str(problem) == f"line 1: tools[0].function.{text}, or call check(..., fix=True)"
    assert check([line] * 10, target, fix=True).problems == ()
    assert "OBJECT" not in json.dumps(to_target(line, target))


@pytest.mark.parametrize(
    "value",
    [
        True,
        {"type": "string", "default": None},
        {"const": None},
        {"enum": ["OBJECT", None]},
        {"type": "money"},
        {},
    ],
)
def test_what_json_schema_may_say_stays(value):
    tools = [
        {
            "type": "function",
            "function": {"name": "f", "parameters": {"type": "object", "properties": {"type": value}}},
        }
    ]
    line = said(U, A, tools=tools)
    assert check([line] * 10, "openai", fix=True).changes == {}


def test_examples_that_would_be_refused_are_left_out_on_request():
    source = RunSource(run_id="run-7")
    refused: list[InvalidExampleError] = []
    examples = [said(U, A), said(U), TrainingExample(line=said("secret"), source=source)]
    assert [*fix_examples(examples, "openai", on_skip=refused.append)] == [said(U, A)]
    assert [str(error) for error in refused] == [
        "example 1: messages: hold no assistant message. Leave the line out: there is nothing to learn",
        "run-7: messages[0]: is text of 6 characters, not an object. Make lines with training_examples(sessions)",
    ]
    assert len([*fix_examples(examples, "openai")]) == 3


def test_that_every_example_would_be_refused_is_told_with_the_commonest_reason(caplog):
    examples = [said(U), said(U), said("secret")]
    assert [*fix_examples(examples, "openai", on_skip=lambda _: None)] == []
    assert [*fix_examples([], "openai")] == []
    assert caplog.messages == [
        "fix_examples: openai would refuse all of 3 examples. The commonest fault (2): hold no assistant message. Leave the line "
        "out: there is nothing to learn",
        "fix_examples gives nothing: examples, a list, holds nothing",
    ]


def test_fixed_file_keeps_bytes_of_sound_lines(tmp_path):
    path, fixed = tmp_path / "train.jsonl", tmp_path / "fixed.jsonl"
    odd = b'{ "messages":[{"role":"user","content":"H\\u00ef"},{"role":"assistant","content":"Ho"}]}'
    developer = json.dumps(said({"role": "developer", "content": "x"}, U, A)).encode()
    broken = b'{"messages": ['
    path.write_bytes(b"\xef\xbb\xbf" + odd + b"\r\n\n" + developer + b"\n" + broken + b"\n" + odd)
    report = check(path, "together", fix=True, fixed_path=fixed)
    assert report.fixed_path == fixed
    assert report.errors == {"json": 1}
    assert report.fixed == ((3, ("developer made system",)),)
    assert "fixed: developer made system 1" in str(report)
    system = json.dumps(said({"role": "system", "content": "x"}, U, A), separators=(",", ":")).encode()
    assert fixed.read_bytes() == odd + b"\r\n" + system + b"\n" + broken + b"\n" + odd + b"\n"
    assert json.loads(report.to_json())["fixed_path"] == str(fixed)
    again = check(fixed, "together", fix=True, fixed_path=fixed)
    assert (again.errors, again.fixed) == ({"json": 1}, ())


def test_a_file_for_azure_begins_with_a_byte_order_mark(tmp_path):
    check([said(U, A)], "azure", fix=True, fixed_path=tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_bytes().startswith(b"\xef\xbb\xbf{")
    assert check(tmp_path / "a.jsonl", "azure", ignore=["too_few"]).problems == ()


def deep(levels):
    value = "x"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "value: holds NaN or an infinity, which JSON does not have (error: json). Write null, or leave the value out"),
        ({1, 2}, "value: is of type set, which JSON does not have (error: json). Use text, numbers, lists and dicts only"),
        (deep(5000), "is nested deeper than 100 levels (error: json). Leave the line out"),
    ],
)  # fmt: skip
def test_example_without_json_is_a_problem_not_an_exception(value, text):
    line = said(U, A) | {"value": value}
    for fix in (False, True):
        assert f"line 1: {text}" in [str(problem) for problem in check([line], "trl", fix=fix).problems]


def test_an_example_too_deep_has_no_row():
    with pytest.raises(InvalidExampleError) as caught:
        to_target(said(U, {**A, "content": deep(5000)}), "trl", where="run-7")
    assert "run-7: " in str(caught.value)


def test_half_a_surrogate_pair_survives_mending(tmp_path):
    check([said(U, {**A, "content": "cut \ud83c"})], "openai", fix=True, fixed_path=tmp_path / "a.jsonl")
    assert json.loads((tmp_path / "a.jsonl").read_bytes()) == said(U, {**A, "content": "cut \ud83c"})


def test_a_fixed_file_goes_with_fix(tmp_path):
    with pytest.raises(ValueError) as caught:
        check([], "openai", fixed_path=tmp_path / "a.jsonl")
    assert str(caught.value) == "fixed_path= needs fix=True"
    with pytest.raises(FileNotFoundError):
        check([], "openai", fix=True, fixed_path=tmp_path / "nowhere" / "a.jsonl")


# --- published files ---------------------------------------------------------------------------------------

PUBLISHED = SHARED / "recorded" / "training-files"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published files are not beside this checkout")
@pytest.mark.parametrize("name", ["azure-text", "azure-tool-calls", "azure-preference"])
@pytest.mark.parametrize("target", TARGETS)
def test_published_files_pass_and_come_out_as_they_went_in(tmp_path, name, target):
    path = PUBLISHED / f"{name}.jsonl"
    report = check(path, target, fix=True, fixed_path=tmp_path / "out.jsonl")
    assert report.warnings == {}
    assert report.fixed == ()
    # Amazon's trainer takes no tools.
    assert report.errors.keys() == ({"tools"} if (target, name) == ("bedrock", "azure-tool-calls") else set())
    assert (tmp_path / "out.jsonl").read_bytes() == TARGETS[target].file_prefix + path.read_bytes()
