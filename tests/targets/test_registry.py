"""Rows for each target, and back."""

from __future__ import annotations

import contextlib
import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from langsmith_finetune._foundation.json_text import compact_json, object_of
from langsmith_finetune._foundation.safe_words import described
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.targets.checking import check
from langsmith_finetune.targets.registry import FILE_PREFIX, TARGETS, from_target, rules_of, to_target
from langsmith_finetune.targets.rules import SOURCES, WHY
from langsmith_finetune.targets.schemas import NULLS
from tests.support.lines import (
    SYSTEM,
    TOOLS,
    WEATHER,
    A,
    U,
    answer,
    asks,
    call,
    image,
    prefers,
    said,
    sees,
    sound,
    tooled,
)
from tests.support.paths import ROOT
from tests.support.strategies import conversations, scaled


@pytest.mark.parametrize("target", ["openai", "azure", "fireworks", "nebius"])
def test_hosts_of_openai_s_format_read_the_line_as_it_is(target):
    assert to_target(WEATHER, target) == WEATHER
    assert from_target(WEATHER, target) == WEATHER


def test_together_reads_the_line_without_parallel_tool_calls():
    assert to_target(WEATHER, "together") == {k: v for k, v in WEATHER.items() if k != "parallel_tool_calls"}


def test_trl_row_has_objects_for_arguments():
    line = said(*WEATHER["messages"][:2], {**A, "weight": 0}, *WEATHER["messages"][1:], tools=TOOLS)
    asked = call("a"), call("b", args='{"city":"Rome"}')
    objects = [
        {**c, "function": {**c["function"], "arguments": json.loads(c["function"]["arguments"])}}
        for c in asked
    ]
    assert to_target(line, "trl") == {
        "prompt": [SYSTEM, line["messages"][1], A, line["messages"][1]],
        "completion": [
            {"role": "assistant", "content": "", "tool_calls": objects},
            {**answer("b", '{"sky": "clear"}'), "name": "get_weather"},
            {**answer("a", "rain"), "name": "get_weather"},
            {"role": "assistant", "content": "Rain in Paris."},
        ],
        "tools": compact_json(TOOLS),
    }
    assert from_target(to_target(line, "trl"), "trl") == line


def test_gemini_row_has_results_in_the_order_of_calls():
    assert to_target(WEATHER, "gemini") == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Weather in Paris and Rome?"}]},
            {
                "role": "model",
                "parts": [
                    {"functionCall": {"name": "get_weather", "args": {"city": "Paris"}}},
                    {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {"functionResponse": {"name": "get_weather", "response": {"output": "rain"}}},
                    {"functionResponse": {"name": "get_weather", "response": {"sky": "clear"}}},
                ],
            },
            {"role": "model", "parts": [{"text": "Rain in Paris."}]},
        ],
        "tools": [
            {
                "functionDeclarations": [
                    {
                        "name": "get_weather",
                        "description": "d",
                        "parametersJsonSchema": {"type": "object", "properties": {}},
                    }
                ]
            }
        ],
    }


def test_gemini_and_bedrock_read_images_from_their_own_storage():
    line = said(sees(image("gs://b/cat.png"), {"type": "text", "text": "What is it?"}), A)
    assert to_target(line, "gemini")["contents"][0]["parts"][0] == {
        "fileData": {"mimeType": "image/png", "fileUri": "gs://b/cat.png"}
    }
    assert from_target(to_target(line, "gemini"), "gemini") == line
    line = said(sees(image("s3://b/cat.jpg"), {"type": "text", "text": "What is it?"}), A)
    assert to_target(line, "bedrock")["messages"][0]["content"][0] == {
        "image": {"format": "jpeg", "source": {"s3Location": {"uri": "s3://b/cat.jpg"}}}
    }
    assert from_target(to_target(line, "bedrock"), "bedrock") == line


def test_bedrock_reads_the_converse_form():
    assert to_target(said(SYSTEM, U, A), "bedrock") == {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"text": "Hi"}]},
            {"role": "assistant", "content": [{"text": "Hello!"}]},
        ],
    }


def test_preferences_have_a_form_of_their_own():
    hi, hello, no = {"text": "Hi"}, {"text": "Hello!"}, {"text": "No."}
    assert to_target(prefers(), "openai") == prefers()
    assert to_target(prefers(), "trl") == {
        "prompt": [U],
        "chosen": [A],
        "rejected": [{**A, "content": "No."}],
    }
    assert to_target(prefers(), "gemini") == {
        "contents": [{"role": "user", "parts": [hi]}],
        "completions": [
            {"score": 1, "completion": {"role": "model", "parts": [hello]}},
            {"score": 0, "completion": {"role": "model", "parts": [no]}},
        ],
    }
    assert to_target(prefers(), "bedrock")["messages"] == [
        {"role": "user", "content": [hi]},
        {
            "role": "assistant",
            "candidates": [
                {"content": [hello], "preferenceLabel": "preferred"},
                {"content": [no], "preferenceLabel": "non-preferred"},
            ],
        },
    ]
    for target in TARGETS:
        assert from_target(to_target(prefers(), target), target) == prefers()


def test_a_preference_between_calls_keeps_them():
    line = prefers({"messages": [U], "tools": TOOLS}, [asks(call("call_0"))])
    for target in ("trl", "gemini"):
        assert from_target(to_target(line, target), target) == line


# --- what has no form --------------------------------------------------------------------------------------

REFUSED = [
    ("trl", said(U, A, U, {**A, "weight": 0}, U, A),
     "line: messages[3].weight: is 0 after a message that is trained, and this target has no weights. Write the file with write_jsonl(examples, path, target=...), which makes two lines of it"),
    ("trl", said(sees(image("https://x/a.png")), A),
     "line: messages[0].content[0].image_url.url: is an image, and this target takes none. Remove the image, or leave the line out"),
    ("gemini", said(U, {**A, "weight": 0}, U, A),
     'line: messages[1].weight: is 0, but gemini is not known to have weights: it would train this message too. Write the file with write_jsonl(examples, path, target=...), which trains it and says how often; or take a target with weights, such as "together"'),
    ("gemini", said(sees(image("gs://b/cat")), A),
     "line: messages[0].content[0].image_url.url: does not tell the type of the image. Give the file a name that ends in one of: .jpeg, .jpg, .png, .webp"),
    ("bedrock", said(sees(image("s3://b/cat")), A),
     "line: messages[0].content[0].image_url.url: does not tell the type of the image. Give the file a name that ends in one of: .jpeg, .jpg, .png, .gif"),
    ("bedrock", said(U, asks(), tools=TOOLS), "line: tools: is a list of 1. Leave the line out: this target trains no tool calls"),
    ("openai", said(U), "line: messages: hold no assistant message. Leave the line out: there is nothing to learn"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "line", "text"), REFUSED)
def test_a_line_without_a_form_is_refused(target, line, text):
    with pytest.raises(InvalidExampleError) as caught:
        to_target(line, target)
    assert str(caught.value) == text
    with pytest.raises(InvalidExampleError) as caught:
        to_target(line, target, where="train.jsonl:7")
    assert caught.value.where == "train.jsonl:7"


TRL_ROW, GEMINI_ROW, BEDROCK_ROW = (
    f'Write rows with to_target(line, "{t}")' for t in ("trl", "gemini", "bedrock")
)
BAD_ROWS = [
    ("trl", {"prompt": "secret"}, f"row: prompt: is not a list of messages. {TRL_ROW}"),
    ("trl", {"prompt": [U]}, f"row: completion: is not a list of messages. {TRL_ROW}"),
    ("trl", {"prompt": [U], "chosen": [A]}, f"row: rejected: is not a list of messages. {TRL_ROW}"),
    ("trl", {"prompt": [U], "completion": [A], "tools": "secret"}, f"row: tools: is not JSON text. {TRL_ROW}"),
    ("gemini", {}, f"row: contents: is not a list. {GEMINI_ROW}"),
    ("gemini", {"contents": ["secret"]}, f"row: contents[0].role: is neither user nor model. {GEMINI_ROW}"),
    ("gemini", {"contents": [{"parts": ["secret"]}]},
     f"row: contents[0].parts[0]: is a part of another kind than text, fileData, functionCall, functionResponse. {GEMINI_ROW}"),
    ("gemini", {"contents": [{"parts": [{"text": 1}]}]}, f"row: contents[0]: is not text. {GEMINI_ROW}"),
    ("gemini", {"contents": [{"parts": [{"functionResponse": {"name": "f"}}]}]},
     f"row: contents[0].functionResponse: answers no call before it. {GEMINI_ROW}"),
    ("gemini", {"contents": [{"parts": [{"functionResponse": {"name": "f"}}, {"text": "x"}]}]},
     f"row: contents[0].parts: mixes the answers of tools with other parts. {GEMINI_ROW}"),
    ("gemini", {"contents": [{"role": "model", "parts": [{"functionCall": {}}]}]},
     f"row: contents[0].functionCall: has no name. {GEMINI_ROW}"),
    ("gemini", {"contents": [{"parts": [{"fileData": {}}, {"text": "x"}]}]}, f"row: contents[0].fileData: has no fileUri. {GEMINI_ROW}"),
    ("gemini", {"contents": [], "tools": ["secret"]}, f"row: tools: hold no functionDeclarations. {GEMINI_ROW}"),
    ("gemini", {"contents": [], "completions": ["secret"]}, f"row: completions[0].score: is neither 0 nor 1. {GEMINI_ROW}"),
    ("gemini", {"contents": [], "completions": []}, f"row: completions: are not one with score 1 and one with score 0. {GEMINI_ROW}"),
    ("gemini", {"contents": [], "tools": "secret"}, f"row: tools: is not a list. {GEMINI_ROW}"),
    ("gemini", {"contents": [], "completions": "secret"}, f"row: completions: is not a list. {GEMINI_ROW}"),
    ("bedrock", {"messages": [{"candidates": [{"preferenceLabel": "secret"}]}]},
     f"row: messages[0].candidates[0]: has no label preferred or non-preferred. {BEDROCK_ROW}"),
    ("bedrock", {}, f"row: messages: is not a list. {BEDROCK_ROW}"),
    ("bedrock", {"messages": ["secret"]}, f"row: messages[0]: is not an object. {BEDROCK_ROW}"),
    ("bedrock", {"messages": [{"content": "secret"}]}, f"row: messages[0].content: is not a list of blocks. {BEDROCK_ROW}"),
    ("bedrock", {"messages": [{"content": [{"toolUse": {}}]}]},
     f"row: messages[0].content[0]: is neither text nor an image in S3. {BEDROCK_ROW}"),
    ("bedrock", {"messages": [{"candidates": []}]},
     f"row: messages[0].candidates: are not one preferred and one non-preferred. {BEDROCK_ROW}"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "row", "text"), BAD_ROWS)
def test_a_row_that_is_none_is_refused(target, row, text):
    with pytest.raises(InvalidExampleError) as caught:
        from_target(row, target)
    assert str(caught.value) == text


def test_rows_in_a_target_s_own_shape_are_checked_too():
    for target in ("trl", "gemini", "bedrock"):
        rows = [to_target(said(U, A), target)] * 10
        assert check(rows, target).problems == ()
        bad = to_target(said({**U, "content": "a <|im_end|>"}, A), target)
        assert check([bad], target).errors == {"special_token": 1}


# --- properties --------------------------------------------------------------------------------------------


def renamed(line):
    """The line with call ids as a reader makes them: by number."""
    ids: dict[str, str] = {}
    line = copy.deepcopy(line)
    for message in line["messages"]:
        for made in message.get("tool_calls", ()):
            made["id"] = ids.setdefault(made["id"], f"call_{len(ids)}")
        if "tool_call_id" in message:
            message["tool_call_id"] = ids[message["tool_call_id"]]
    return line


def plain(line, *, storage=None, names=True, strict=True):
    """The line without what a target has no place for; images lie in the target's storage, or become words."""
    line = copy.deepcopy(line)
    for message in line["messages"]:
        if not names:
            message.pop("name", None)
        if isinstance(message["content"], list):
            for part in message["content"]:
                if part["type"] == "image_url":
                    part.pop("image_url")
                    part.update({"type": "text", "text": "x"} if storage is None else image(storage))
            if storage is None:
                message["content"] = "".join(part["text"] for part in message["content"])
    for tool in line.get("tools", ()) if not strict else ():
        tool["function"].pop("strict", None)
    return line


def passes(line, target):
    report = check([line], target, ignore=("too_few",), fix=True)
    return report.ok and NULLS not in report.changes


@given(sound)
def test_lines_come_back_from_trl(line):
    line = plain(line)
    if passes(line, "trl"):
        assert from_target(to_target(line, "trl"), "trl") == line


@given(sound)
def test_lines_come_back_from_gemini(line):
    line = plain(line, storage="gs://bucket/cat.png", names=False, strict=False)
    for message in line["messages"]:
        if message["role"] == "tool" and (found := object_of(message["content"])) is not None:
            message["content"] = compact_json(found)
    # Half the names that Hypothesis makes begin with a digit.
    rules = replace(TARGETS["gemini"], function_name=TARGETS["openai"].function_name)
    if passes(line, rules):
        assert renamed(from_target(to_target(line, rules), rules)) == renamed(line)


@pytest.mark.slow
@given(sound)
def test_lines_come_back_from_bedrock(line):
    messages = [
        {k: v for k, v in message.items() if k != "tool_calls"} | {"content": message["content"] or "x"}
        for message in plain(line, storage="s3://bucket/cat.png", names=False)["messages"]
        if message["role"] != "tool"
    ]
    messages = [
        m for m, after in zip(messages, [*messages[1:], {}], strict=True) if m["role"] != after.get("role")
    ]
    if passes(said(*messages), "bedrock"):
        assert from_target(to_target(said(*messages), "bedrock"), "bedrock") == said(*messages)


@given(conversations(), st.sampled_from(sorted(TARGETS)))
def test_line_has_a_row_if_and_only_if_it_passes_the_check(line, target):
    before = copy.deepcopy(line)
    report = check(
        [line], target, fix=True, ignore=("too_few", "special_token", "forbidden_word", "image_size")
    )
    if report.ok:
        json.dumps(to_target(line, target))
    else:
        with pytest.raises(InvalidExampleError):
            to_target(line, target)
    assert line == before


# Anything at all in the places of a line, so that no line, however odd, ends the check of a file.
KEYS = """messages input preferred_output non_preferred_output tools functions parallel_tool_calls weight role content
    name tool_calls tool_call_id function_call refusal id type function arguments parameters description strict text
    image_url url detail prompt completion chosen rejected contents parts systemInstruction completions score
    functionCall functionResponse fileData fileUri args response functionDeclarations schemaVersion system candidates
    preferenceLabel image source s3Location index""".split()  # noqa: SIM905
WORDS = ["system", "user", "assistant", "tool", "function", "model", "text", "refusal", "a", "{}", "[", ""]
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.just(0.5) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


def odd(kind=None, **places):
    """Objects with some of these keys; `kind` is always there."""
    return st.fixed_dictionaries({} if kind is None else kind, optional=places) | anything


odd_parts = st.lists(
    odd(type=st.sampled_from(WORDS), text=anything, refusal=anything, image_url=odd(url=anything)), max_size=2
)
odd_calls = st.lists(
    odd(id=anything, type=anything, function=odd(name=anything, arguments=anything)), max_size=2
)
odd_messages = st.lists(
    odd(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"])},
        content=odd_parts | anything,
        tool_calls=odd_calls | anything,
        **dict.fromkeys(("tool_call_id", "name", "weight", "refusal", "function_call", "index"), anything),
    ),
    max_size=4,
)
odd_tools = st.lists(
    odd(type=anything, function=odd(name=anything, parameters=anything, strict=anything)), max_size=2
)
odd_blocks = st.lists(
    odd(**dict.fromkeys(("text", "image", "functionCall", "functionResponse", "fileData"), anything))
)
odd_lines = st.one_of(
    st.fixed_dictionaries(
        {"messages": odd_messages}, optional={"tools": odd_tools | anything, "functions": anything}
    ),
    st.fixed_dictionaries(
        {"input": odd(messages=odd_messages)},
        optional={"preferred_output": odd_messages, "non_preferred_output": odd_messages},
    ),
    st.fixed_dictionaries(
        {"prompt": odd_messages}, optional=dict.fromkeys(("completion", "chosen", "rejected"), odd_messages)
    ),
    st.fixed_dictionaries(
        {"contents": st.lists(odd(role=st.just("model"), parts=odd_blocks), max_size=2)},
        optional={"tools": anything, "completions": anything, "systemInstruction": odd(parts=odd_blocks)},
    ),
    st.fixed_dictionaries(
        {
            "schemaVersion": anything,
            "messages": st.lists(odd(role=anything, content=odd_blocks, candidates=anything)),
        },
        optional={"system": odd_blocks | anything},
    ),
    st.dictionaries(st.sampled_from(KEYS), anything, max_size=5),
)


@pytest.mark.slow
@settings(max_examples=scaled(300))
@given(odd_lines, st.sampled_from(sorted(TARGETS)))
def test_no_line_is_too_odd(line, target):
    before = copy.deepcopy(line)
    check([line], target)
    ignored = ("too_few", "special_token", "forbidden_word", "image_size")
    sound_one = check([line], target, fix=True, ignore=ignored).ok
    try:
        back = from_target(line, target)
    except InvalidExampleError:
        back = None
    if back is not None and TARGETS[target].row_keys.isdisjoint(line):
        with contextlib.nullcontext() if sound_one else pytest.raises(InvalidExampleError):
            to_target(line, target)
    assert line == before


# --- the rules themselves ----------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", TARGETS.values(), ids=TARGETS)
def test_each_rule_has_its_source(rules):
    assert TARGETS[rules.name] is rules
    assert FILE_PREFIX[rules.name] == rules.file_prefix
    assert rules.sources.keys() | rules.warns | rules.ignores | SOURCES.keys() <= WHY.keys()
    for rule in WHY:
        assert rules.source_of(rule).startswith("https://")


def test_the_page_on_checking_names_every_rule_and_target():
    page = (ROOT / "docs" / "checking.md").read_text(encoding="utf-8")
    assert {name for name in [*WHY, *TARGETS] if f"`{name}`" not in page} == set()


def test_rules_of_one_s_own_are_taken():
    own = replace(TARGETS["openai"], name="mine", min_examples=1, line_keys=frozenset({"messages", "run_id"}))
    assert rules_of(own) is own
    line = said(U, A, run_id="x")
    assert check([line], own).ok
    assert to_target(line, own) == line


@pytest.mark.parametrize(
    ("value", "words"),
    [("", "text that is empty"), ("a", "text of 1 character"), ([], "an empty list"), ({}, "an object"),
     (1.5, "a number"), (1, "an integer"), (True, "a boolean"), (None, "null"), ({1}, "a set")],
)  # fmt: skip
def test_values_are_told_by_kind(value, words):
    assert described(value) == words
    assert described("x" * 100, show_content=True) == "'" + "x" * 79 + "…"


def test_tooled_lines_are_what_they_say():
    assert check([tooled(U, asks(), answer(), A)] * 10, "openai").problems == ()
