import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import check
from langsmith_finetune.errors import InvalidExampleError
from langsmith_finetune.providers.local.rows import rows_of_file, rows_of_line
from tests.support.local_calculator import TOOL, call, lines

texts = st.text(min_size=1, max_size=20)
objects = st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts, max_size=3)
calls = st.builds(lambda name, args: call(name, json.dumps(args)), texts, objects)
assistants = st.builds(
    lambda content, tool_calls, weight: {
        "role": "assistant",
        "content": content,
        **({"tool_calls": tool_calls} if tool_calls else {}),
        **({} if weight is None else {"weight": weight}),
    },
    texts,
    st.lists(calls, max_size=2),
    st.sampled_from([None, 0, 1]),
)
others = st.builds(
    lambda role, text: {"role": role, "content": text}, st.sampled_from(["user", "system"]), texts
)
conversations = st.builds(
    lambda first, more: [first, *more], others, st.lists(others | assistants, max_size=7)
)


@given(conversations)
def test_each_trained_message_is_a_completion_once(messages):
    learned = [i for i, m in enumerate(messages) if m["role"] == "assistant" and m.get("weight", 1)]
    line = {"messages": messages}
    if not learned:
        with pytest.raises(InvalidExampleError, match="no assistant message to learn"):
            list(rows_of_line(line, "x:1"))
        return
    rows = list(rows_of_line(line, "x:1"))
    assert [row.field for row in rows] == [f"messages[{i}]" for i in learned]
    for row, index in zip(rows, learned, strict=True):
        for rendered, message in zip([*row.prompt, row.completion], messages[: index + 1], strict=True):
            assert (rendered["role"], rendered["content"]) == (message["role"], message["content"])
            assert "weight" not in rendered
            assert [c["function"] for c in rendered.get("tool_calls", [])] == [
                {**c["function"], "arguments": json.loads(c["function"]["arguments"])}
                for c in message.get("tool_calls", [])
            ]


def test_arguments_become_objects_and_empty_ones_an_empty_object():
    message = {
        "role": "assistant",
        "tool_calls": [call("f", '{"n": 12345678901234567890123}'), call("g", "")],
    }
    (row,) = rows_of_line({"messages": [USER, message], "tools": [TOOL]}, "x:1")
    assert [c["function"]["arguments"] for c in row.completion["tool_calls"]] == [
        {"n": 12345678901234567890123},
        {},
    ]
    assert row.completion["content"] == ""
    assert row.tools == [TOOL]


def test_a_tool_answer_carries_the_name_of_the_tool_it_answers():
    messages = [
        {
            "role": "developer",
            "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind."}],
        },
        {"role": "assistant", "content": None, "tool_calls": [call("look_up", "{}", "a")]},
        {"role": "tool", "tool_call_id": "a", "content": "found"},
        {"role": "assistant", "content": None, "refusal": "I will not say."},
    ]
    *_, last = rows_of_line({"messages": messages}, "x:1")
    assert last.prompt[0] == {"role": "system", "content": "Be kind."}
    assert last.prompt[2] == {"role": "tool", "content": "found", "tool_call_id": "a", "name": "look_up"}
    assert last.completion == {"role": "assistant", "content": "I will not say."}


USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "hello"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/secret.png"}}
MAKE = "Make lines with training_examples(sessions)"

BAD = {
    "no messages": ({}, f"t.jsonl:1: messages: is not a list of messages. {MAKE}"),
    "tools": ({"messages": [ANSWER], "tools": "[]"}, f"t.jsonl:1: tools: is not a list of tools. {MAKE}"),
    "role": (
        {"messages": [{"role": "oracle", "content": "secret"}]},
        f"t.jsonl:1: messages[0].role: is none of system, developer, user, assistant, tool. {MAKE}",
    ),
    "weight": (
        {"messages": [USER, ANSWER | {"weight": 0.5}]},
        "t.jsonl:1: messages[1].weight: is neither 0 nor 1. Give 0 to leave the message out",
    ),
    "nothing to learn": (
        {"messages": [USER, ANSWER | {"weight": 0}]},
        "t.jsonl:1: messages: has no assistant message to learn, or all have weight 0. "
        "Leave the line out, or drop the weight of the answer",
    ),
    "first message": (
        {"messages": [ANSWER]},
        "t.jsonl:1: messages[0]: is to be learned, but answers nothing. Give it weight 0, or leave the line out",
    ),
    "image": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "secret"}, IMAGE]}, ANSWER]},
        "t.jsonl:1: messages[0].content[1]: is an image_url, and local models read text only. "
        "Leave the line out, or train with a provider that takes such parts",
    ),
    "unknown part": (
        {"messages": [{"role": "user", "content": [{"type": "secret"}]}, ANSWER]},
        "t.jsonl:1: messages[0].content[0]: is a part of another kind than text, and local models read text "
        "only. Leave the line out, or train with a provider that takes such parts",
    ),
    "call without a name": (
        {"messages": [USER, {"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]}]},
        f"t.jsonl:1: messages[1].tool_calls[0].function.name: is missing. {MAKE}",
    ),
    "legacy call": (
        {"messages": [USER, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}]},
        "t.jsonl:1: messages[1].function_call: is a function call of the legacy form. "
        f"{MAKE}, which turns it into tool_calls",
    ),
}
for arguments in ('{"secret": ', "[1]", '{"secret": NaN}', 7):
    BAD[f"arguments {arguments}"] = (
        {"messages": [USER, {"role": "assistant", "tool_calls": [call("f", arguments)]}]},
        "t.jsonl:1: messages[1].tool_calls[0].function.arguments: is not JSON text of an object. Leave the line "
        "out, or correct the arguments: a model trained on them would learn to fail",
    )


@pytest.mark.parametrize(("line", "text"), BAD.values(), ids=BAD)
def test_untrainable_line_names_field_reason_and_fix(line, text):
    with pytest.raises(InvalidExampleError) as caught:
        list(rows_of_line(line, "t.jsonl:1"))
    assert str(caught.value) == text
    assert "secret" not in text


def test_bad_line_of_a_file_is_named_by_its_number(tmp_path: Path):
    path = tmp_path / "copy.jsonl"
    good = json.dumps(lines()[0], ensure_ascii=False)
    path.write_text(f"\ufeff{good}\n{good}\n[1]\n", encoding="utf-8")
    rows = rows_of_file(path, "train.jsonl")
    assert [next(rows).where, next(rows).where] == ["train.jsonl:1", "train.jsonl:2"]
    with pytest.raises(InvalidExampleError) as caught:
        next(rows)
    assert str(caught.value) == "train.jsonl:3: is a list of 1, not an object. Write one object per line"


def test_the_models_thinking_goes_to_the_template():
    line = {
        "messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello!", "reasoning_content": "Greet."},
        ]
    }
    (row,) = rows_of_line(line, "train.jsonl:1")
    assert row.completion == {"role": "assistant", "content": "Hello!", "reasoning_content": "Greet."}


def test_tools_of_the_legacy_form_are_refused_and_not_lost():
    line = {**lines()[0], "functions": [{"name": "f"}]}
    with pytest.raises(InvalidExampleError) as caught:
        list(rows_of_line(line, "t.jsonl:1"))
    assert str(caught.value) == (
        "t.jsonl:1: functions: are tools of the legacy form. Write them as tools, or call check(..., fix=True)"
    )


ODD = st.sampled_from(
    [None, 1, True, "", "text", [], ["text"], {}, {"type": "text"}, {"type": "text", "text": "t"}]
)
parts = st.lists(
    ODD | st.sampled_from([{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]), max_size=2
)
odd_messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "assistant", "developer", "tool"]) | ODD},
        optional={
            "content": texts | parts | ODD,
            "weight": st.sampled_from([0, 1]) | ODD,
            "tool_calls": st.lists(calls, min_size=1, max_size=2) | ODD,
            "function_call": ODD,
            "refusal": texts | ODD,
        },
    )
    | ODD,
    max_size=4,
)


@given(
    st.fixed_dictionaries(
        {"messages": odd_messages | conversations | ODD},
        optional={"tools": st.just([TOOL]) | ODD, "functions": ODD},
    )
)
def test_a_line_that_check_takes_for_local_can_be_trained_on(line):
    taken = check([line], "local").ok
    try:
        list(rows_of_line(line, "t.jsonl:1"))
    except InvalidExampleError:
        assert not taken
