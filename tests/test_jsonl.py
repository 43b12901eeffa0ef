"""Training files: whole or absent, exact, and clear about a bad line."""

from __future__ import annotations

import hashlib
import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import (
    InvalidExampleError,
    PreferenceExample,
    TrainingExample,
    check,
    examples_from_runs,
    read_jsonl,
    write_jsonl,
)
from langsmith_finetune.ledger import Ledger
from langsmith_finetune.runs import RunSource
from langsmith_finetune.targets import TARGETS, to_target
from tests.support.messages import CALL, HELLO
from tests.support.strategies import conversations


@pytest.mark.slow
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


def test_interrupted_write_leaves_the_old_file_alone(tmp_path):
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
    "no JSON": (b'{"messages": [}', "train.jsonl:2: is not JSON at column 15: Expecting value. Write the file with write_jsonl(examples, path)"),
    "NaN": (b'{"messages": NaN}', "train.jsonl:2: holds NaN or an infinity, which JSON does not have. Write null, or leave the value out"),
    "no UTF-8": (b'{"messages": "\xff"}', "train.jsonl:2: holds a byte that is not UTF-8, byte 15 of the line. Save the file as UTF-8"),
    "a list": (b"[]", "train.jsonl:2: is an empty list, not an object. Write one object per line"),
    "no messages": (b'{"prompt": "secret"}', 'train.jsonl:2: messages: is not a list of message objects. Write {"messages": [...]} on each line'),
    "odd messages": (b'{"messages": ["secret"]}', 'train.jsonl:2: messages: is not a list of message objects. Write {"messages": [...]} on each line'),
    "a gap": (b"\n" + json.dumps(HELLO).encode(), "train.jsonl:2: is empty. Remove it, or call check(..., fix=True)"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "text"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_by_file_and_number(tmp_path, line, text):
    path = tmp_path / "train.jsonl"
    path.write_bytes(json.dumps(HELLO).encode() + b"\n" + line + b"\n")
    with pytest.raises(InvalidExampleError) as caught:
        list(read_jsonl(path))
    assert str(caught.value) == text
    assert "secret" not in text


PAIR = {
    "input": {"messages": HELLO["messages"][:1]},
    "preferred_output": HELLO["messages"][1:],
    "non_preferred_output": [{"role": "assistant", "content": "No."}],
}


def test_preferences_are_written_and_read_back(tmp_path):
    path = write_jsonl([PreferenceExample(line=PAIR), PAIR], tmp_path / "pairs.jsonl").path
    assert list(read_jsonl(path)) == [PAIR, PAIR]


FORM = 'Write {"input": {"messages": [...]}, "preferred_output": [...], "non_preferred_output": [...]}'
BAD_PAIRS = {
    "no input": ([PAIR | {"input": None}], f"1: input.messages: is not a list of message objects. {FORM}"),
    "no prompt": ([PAIR | {"input": {}}], f"1: input.messages: is not a list of message objects. {FORM}"),
    "no answer": (
        [PAIR | {"preferred_output": []}],
        f"1: preferred_output: is not a list of message objects. {FORM}",
    ),
    "one side": (
        [{k: v for k, v in PAIR.items() if k != "non_preferred_output"}],
        f"1: non_preferred_output: is not a list of message objects. {FORM}",
    ),
    "both kinds": (
        [HELLO, PAIR],
        "2: the line is a preference, but the first is a line to train on. Write each kind into a file of its own",
    ),
    "both kinds, the other way": (
        [PAIR, HELLO],
        "2: the line is a line to train on, but the first is a preference. Write each kind into a file of its own",
    ),
}


@pytest.mark.parametrize(("lines", "text"), BAD_PAIRS.values(), ids=BAD_PAIRS)
def test_a_bad_preference_is_named_on_both_ways(tmp_path, lines, text):
    with pytest.raises(InvalidExampleError) as caught:
        write_jsonl(lines, tmp_path / "pairs.jsonl")
    assert str(caught.value) == f"pairs.jsonl:{text}"
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(InvalidExampleError) as caught:
        list(read_jsonl(tmp_path / "pairs.jsonl"))
    assert str(caught.value) == f"pairs.jsonl:{text}"


def test_a_file_is_written_in_its_target_s_form(tmp_path):
    path = tmp_path / "train.jsonl"
    line = HELLO | {"parallel_tool_calls": False}
    write_jsonl([line], path, target="gemini")
    assert json.loads(path.read_bytes())["contents"][-1]["role"] == "model"
    plain = write_jsonl([HELLO], path)
    azure = write_jsonl([HELLO], tmp_path / "azure.jsonl", target="azure")
    data = azure.path.read_bytes()
    assert data == b"\xef\xbb\xbf" + path.read_bytes()
    assert (azure.bytes, azure.sha256) == (plain.bytes + 3, hashlib.sha256(data).hexdigest())
    assert list(read_jsonl(azure.path)) == [HELLO]


def test_what_a_target_refuses_is_not_written(tmp_path):
    bad = {"messages": [{"role": "user", "content": "Hi"}]}
    with pytest.raises(InvalidExampleError, match=r"^train\.jsonl:2: "):
        write_jsonl([HELLO, bad], tmp_path / "train.jsonl", target="openai")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="nowhere"):
        write_jsonl([HELLO], tmp_path / "train.jsonl", target="nowhere")


def turns(*answers):
    """A conversation, of which answers in brackets are context."""
    messages = []
    for text in answers:
        said = {"role": "assistant", "content": text.strip("()")}
        messages += [{"role": "user", "content": "?"}, said | ({"weight": 0} if text[0] == "(" else {})]
    return {"messages": messages}


def folded(name, *answers, **more):
    return TrainingExample(line=turns(*answers), source=RunSource(run_id=name), **more)


def test_a_folded_file_is_split_where_the_target_needs_it(tmp_path, caplog):
    examples = [
        folded("1", "a", "(b)", "c", merged=(RunSource(run_id="0"),), changes=("folded 2 calls into one",)),
        folded("2", "d"),
    ]
    written = write_jsonl(examples, tmp_path / "train.jsonl", target="trl")
    rows = [json.loads(line) for line in written.path.read_text().splitlines()]
    assert [[m["content"] for m in row["completion"]] for row in rows] == [["a"], ["c"], ["d"]]
    assert (written.count, str(written.split)) == (
        3,
        "for trl: 2 in, 3 out; 1 line split, 3 lines from 2\ntrain.jsonl:1: 2 lines",
    )
    assert caplog.messages == []
    # Each line is from the runs of the folded one, and erasing one of them erases them all.
    sources = [[source["run"] for source in Ledger.sources_of(written.path, number)] for number in (1, 2, 3)]
    assert sources == [["1", "0"], ["1", "0"], ["2"]]
    rows = [json.loads(row) for row in written.ledger.read_bytes().splitlines()]
    assert [row.get("changes") for row in rows[:3]] == [
        ["folded 2 calls into one", "line 1 of 2 for trl"],
        ["folded 2 calls into one", "line 2 of 2 for trl"],
        None,
    ]
    assert Ledger.erase(written.path, run_ids=["0"]).removed == (1, 2)


def test_context_that_a_target_trains_is_told(tmp_path, caplog):
    written = write_jsonl(
        [folded("1", "(a)", "b"), folded("2", "c", "(d)")], tmp_path / "train.jsonl", target="gemini"
    )
    rows = [json.loads(line)["contents"] for line in written.path.read_text().splitlines()]
    assert [[content["parts"][0]["text"] for content in row] for row in rows] == [
        ["?", "a", "?", "b"],
        ["?", "c"],
    ]
    told = "1 assistant message of the context in 1 line trained too, since gemini has no weights"
    assert (written.split.trained_context, caplog.messages) == (1, [f"train.jsonl: {told}"])
    assert str(written.split) == f"for gemini: 2 in, 2 out; {told}\ntrain.jsonl:1: context trained: 1"
    row = json.loads(written.ledger.read_bytes().splitlines()[0])
    assert row["changes"] == ["trains 1 assistant message of the context for gemini"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_takes_the_file_of_a_folded_line(tmp_path, target):
    examples = [folded(str(n), "(a)", "b", "(c)", "(d)", "e", "f", "(g)") for n in range(10)]
    written = write_jsonl(examples, tmp_path / "train.jsonl", target=target)
    report = check(written.path, target)
    assert (report.errors, report.warnings.keys() - {"byte_order_mark"}) == ({}, set())
    assert written.count == (20 if target == "trl" else 10)
    assert TARGETS[target].weights != "none" or written.split.trained_context == 30


def test_what_a_target_has_no_form_for_is_left_out_by_name(tmp_path, caplog):
    in_a_row = turns("a", "b")
    del in_a_row["messages"][2]
    lines = [in_a_row, {"messages": [{"role": "user", "content": {1}}]}, turns("(c)"), turns("d")]
    with pytest.raises(InvalidExampleError) as caught:
        write_jsonl(lines, tmp_path / "train.jsonl", target="bedrock")
    first = (
        "train.jsonl:1: messages[2]: is a second assistant message in a row; 1 answer has no line for this target. Join "
        "the two"
    )
    assert str(caught.value) == first
    assert list(tmp_path.iterdir()) == []
    skipped = []
    written = write_jsonl(lines, tmp_path / "train.jsonl", target="bedrock", on_skip=skipped.append)
    assert (str(skipped[0]), [error.where for error in skipped]) == (
        first,
        [f"train.jsonl:{n}" for n in (1, 2, 3)],
    )
    assert (written.count, written.split.lost, written.split.left_out) == (2, 1, 2)
    assert caplog.messages == [
        "train.jsonl: 1 answer lost, which bedrock has no form for; 2 lines left out; for order 1, json 1, nothing_trained 1"
    ]
    with pytest.raises(ValueError) as caught:
        write_jsonl(lines, tmp_path / "train.jsonl", on_skip=skipped.append)
    assert str(caught.value) == "on_skip= needs target="


@pytest.mark.parametrize("target", TARGETS)
def test_rows_of_a_target_are_written_as_they_are(tmp_path, target):
    rows = [to_target(turns("(a)", "b") if TARGETS[target].weights != "none" else turns("a"), target)] * 10
    rows += [to_target(PAIR, target)] * 10 if target in ("gemini", "bedrock") else []
    for number, of_a_kind in enumerate([rows[:10], rows[10:]]):
        written = write_jsonl(of_a_kind, tmp_path / f"{number}.jsonl", target=target)
        text = written.path.read_bytes().removeprefix(TARGETS[target].file_prefix)
        assert [json.loads(line) for line in text.splitlines()] == of_a_kind
        assert not of_a_kind or check(written.path, target).ok


def test_rows_of_trl_of_each_kind_are_written_as_they_are(tmp_path):
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    label = {
        "prompt": HELLO["messages"][:1],
        "completion": HELLO["messages"][1:],
        "label": True,
        "tools": [tool],
    }
    for line in (PAIR, label):
        row = to_target(line, "trl")
        path = write_jsonl([row, line], tmp_path / "rows.jsonl", target="trl").path
        assert [json.loads(text) for text in path.read_bytes().splitlines()] == [row, row]
        assert check(path, "trl").ok


CALLED = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
LABELLED = {
    "prompt": HELLO["messages"][:1],
    "completion": [{"role": "assistant", "content": None, "tool_calls": [CALLED]}],
    "label": False,
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
}


@pytest.mark.parametrize("target", TARGETS)
def test_rows_of_a_target_are_read_back(tmp_path, target):
    for line in [HELLO, PAIR, *[LABELLED] * TARGETS[target].labels]:
        written = write_jsonl([line], tmp_path / "rows.jsonl", target=target)
        assert list(read_jsonl(written, target=target)) == [line]


@pytest.mark.parametrize("kind", [HELLO, PAIR, LABELLED], ids=["training", "preference", "label"])
def test_a_row_with_nulls_for_the_keys_of_others_is_read_as_what_it_is(tmp_path, kind):
    path = tmp_path / "table.jsonl"
    keys = dict.fromkeys(["prompt", "completion", "chosen", "rejected", "label", "tools"])
    path.write_text(json.dumps(keys | to_target(kind, "trl")))
    assert list(read_jsonl(path, target="trl")) == [kind]
    assert check(path, "trl").ok


def test_a_line_with_nulls_for_the_keys_of_rows_stays_a_line(tmp_path):
    line = {**HELLO, "prompt": None, "completion": None, "label": None}
    assert list(read_jsonl(write_jsonl([line], tmp_path / "train.jsonl"))) == [line]
    [row] = read_jsonl(write_jsonl([line], tmp_path / "rows.jsonl", target="trl"), target="trl")
    assert row == HELLO
    assert check([line], "trl").ok


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("trl", HELLO),
        ("trl", PAIR),
        ("trl", LABELLED),
        ("gemini", HELLO),
        ("gemini", PAIR),
        ("bedrock", HELLO),
    ],
)
def test_a_row_where_a_line_is_wanted_is_named_with_its_remedy(tmp_path, target, line):
    rows = write_jsonl([line], tmp_path / "rows.jsonl", target=target)
    [row] = [json.loads(text) for text in rows.path.read_text().splitlines()]
    remedy = f'Read it with from_target(row, "{target}"), or a file with read_jsonl(path, target="{target}")'
    for where, use in (
        ("rows.jsonl", lambda: list(read_jsonl(rows))),
        ("train.jsonl", lambda: write_jsonl([row], tmp_path / "train.jsonl")),
    ):
        with pytest.raises(InvalidExampleError) as caught:
            use()
        assert str(caught.value) == f"{where}:1: is a row of {target}, not a line. {remedy}"


def test_a_line_with_keys_of_rows_stays_a_line(tmp_path):
    line = {**HELLO, "prompt": "p-17", "contents": 3}
    assert list(read_jsonl(write_jsonl([line], tmp_path / "train.jsonl"))) == [line]


def test_a_row_that_its_target_does_not_read_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"prompt": "Hi", "completion": "Hello!", "label": None}))
    with pytest.raises(InvalidExampleError) as caught:
        list(read_jsonl(path, target="trl"))
    assert str(caught.value) == (
        'rows.jsonl:1: prompt: is not a list of messages. Write rows with to_target(line, "trl")'
    )


def test_a_row_that_is_none_of_its_target_s_is_named(tmp_path):
    with pytest.raises(InvalidExampleError) as caught:
        write_jsonl([{"contents": "secret"}], tmp_path / "train.jsonl", target="gemini")
    assert str(caught.value) == (
        'train.jsonl:1: contents: is not a list. Write rows with to_target(line, "gemini")'
    )


def test_a_line_that_is_no_json_is_not_written(tmp_path):
    line = {"messages": [{"role": "user", "content": {1, 2}}]}
    with pytest.raises(InvalidExampleError) as caught:
        write_jsonl([HELLO, line], tmp_path / "train.jsonl")
    assert str(caught.value) == (
        "train.jsonl:2: messages[0].content: is of type set, which JSON does not have. "
        "Use text, numbers, lists and dicts only"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_single_example_is_no_iterable_of_examples(tmp_path):
    with pytest.raises(TypeError) as caught:
        write_jsonl(HELLO, tmp_path / "train.jsonl")
    assert str(caught.value) == (
        "examples must be an iterable of examples or lines, not a single dict: examples=[example]"
    )


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        write_jsonl([HELLO], tmp_path / "nowhere" / "train.jsonl")
    assert str(caught.value) == f"there is no folder {str(tmp_path / 'nowhere')!r} to write train.jsonl into"


def test_a_file_of_no_lines_is_told(tmp_path, caplog):
    path = tmp_path / "train.jsonl"
    nothing = map(dict, [HELLO])
    list(nothing)
    for examples in ([], nothing, examples_from_runs([{"id": "a", "run_type": "chain"}])):
        assert write_jsonl(examples, path).count == 0
    assert list(read_jsonl(path)) == []
    assert [message for message in caplog.messages if "jsonl " in message] == [
        "write_jsonl wrote 0 lines into train.jsonl: examples, a list, holds nothing",
        "write_jsonl wrote 0 lines into train.jsonl: examples, a map, holds nothing; it gives its items only once, and may have "
        "been gone through before",
        "write_jsonl wrote 0 lines into train.jsonl: nothing came of the steps before",
        "read_jsonl gives nothing: train.jsonl holds no lines",
    ]
    caplog.clear()
    write_jsonl([HELLO], path)
    assert list(read_jsonl(path)) == [HELLO]
    assert caplog.messages == []
