"""Arguments that nobody gave, posted as the text of a placeholder, count as absent."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from langsmith_finetune import RunNotUsableError, examples_from_runs
from langsmith_finetune.dialects.read import conversation_from_run, read_full
from langsmith_finetune.runs import placeholders as given_module
from langsmith_finetune.runs.placeholders import given, is_placeholder
from tests.support import older
from tests.support.payloads import langchain_run, wrap_openai_run

OMIT = "<openai.Omit object at 0x7f48f2a36690>"
PLACEHOLDERS = [
    OMIT, "<anthropic.Omit object at 0x7f40504b2ad0>", "<anthropic.NotGiven object at 0x000001F2A0>", "NOT_GIVEN",
    "<openai._types.NotGiven object at 0x10e5c2b90>", "<openai.NOT_GIVEN>", "<class 'openai.NotGiven'>", "Omit()",
    "NotGiven", "NotGiven()", "openai.NOT_GIVEN", "<groq.Omit object at 0x7f40504b2ad0>", "Unset()",
    "<object object at 0x7f40504b2ad0>",
]  # fmt: skip
CLASSES = given_module._CLASSES.replace("(?:Type)?", "").split("|")
FORMS = [
    "<openai.{}>",
    "<class 'a.b.{}'>",
    "<{} object at 0x1F>",
    "<a.{}() object at 0x1f>",
    "a.b.{}",
    "a.{}()",
    "{}()",
]
REAL = [
    "",
    "auto",
    "Omit",
    "omit",
    "not given",
    "NOT_GIVEN.",
    "<b>",
    "<openai.OpenAI object at 0x7f40>",
    "say NOT_GIVEN",
]
HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
SETTINGS = [
    "tools", "tool_choice", "functions", "function_call", "response_format", "parallel_tool_calls", "n", "stop",
    "system", "instructions", "conversation", "previous_response_id", "prompt", "web_search_options", "model",
]  # fmt: skip


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_placeholder_of_any_sdk_is_known(text):
    assert is_placeholder(text)
    assert given({"a": text, "b": {"c": [{"d": text, "e": 1}]}}) == {"b": {"c": [{"e": 1}]}}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [*CLASSES, "PydanticUndefinedType"])
def test_placeholder_of_every_class_is_found_among_settings(name, form):
    text = form.format(name)
    assert given_module._PLACEHOLDER.fullmatch(text)
    assert given({"a": [1, {"b": text}, "x"], "c": None}) == {"a": [1, {}, "x"], "c": None}


@pytest.mark.parametrize("text", ["PydanticUndefined", "~?~unset~?~sentinel~?~", "<object object at 0xab>"])
def test_placeholder_without_a_class_is_found_in_settings(text):
    assert given({"a": {"b": text, "c": 1}}) == {"a": {"c": 1}}


@pytest.mark.parametrize("text", REAL)
def test_text_that_is_no_placeholder_stays(text):
    assert not is_placeholder(text)


def test_placeholder_as_langchain_tells_it_is_known():
    told = {"lc": 1, "type": "not_implemented", "id": ["openai", "NotGiven"], "repr": "NOT_GIVEN"}
    assert given({"stop": told}) == {}
    assert given({"client": told | {"id": ["openai", "OpenAI"], "repr": "x"}}) != {}


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
@pytest.mark.parametrize("make", [wrap_openai_run, langchain_run])
def test_placeholder_in_any_setting_is_absent(make, placeholder):
    plain = make(HELLO)
    expected = conversation_from_run(plain)[0]
    run = copy.deepcopy(plain)
    for place in (
        run["inputs"],
        *(run["extra"].setdefault(key, {}) for key in ("invocation_params", "options")),
    ):
        place.update(dict.fromkeys(SETTINGS, placeholder))
    run["extra"].setdefault("metadata", {}).update(ls_model_name=placeholder, user_id=placeholder)
    conversation, source = conversation_from_run(run)
    assert conversation == expected
    assert (source.notes, source.model, source.user_id) == ((), None, None)
    assert (conversation, source) == read_full(run) == conversation_from_run(json.dumps(run).encode())


def test_placeholder_in_a_message_or_a_tool_is_absent():
    run = wrap_openai_run(HELLO)
    run["inputs"]["messages"][0] |= {"name": OMIT, "cache_control": OMIT}
    run["outputs"]["choices"][0]["message"] |= {"refusal": OMIT, "tool_calls": OMIT, "audio": OMIT}
    run["inputs"]["tools"] = [
        {
            "type": "function",
            "function": {"name": "f", "description": OMIT, "parameters": OMIT, "strict": OMIT},
        }
    ]
    conversation, source = conversation_from_run(run)
    assert conversation.messages == HELLO["messages"]
    assert conversation.tools == [{"type": "function", "function": {"name": "f"}}]
    assert source.notes == ()


@pytest.mark.parametrize("text", PLACEHOLDERS)
@pytest.mark.parametrize("make", [wrap_openai_run, langchain_run])
def test_message_that_says_it_is_kept_word_for_word(make, text):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": text})}}
    line: dict[str, Any] = {
        "messages": [
            {"role": "user", "content": text},
            {"role": "assistant", "content": text, "tool_calls": [call]},
            {"role": "tool", "content": text, "tool_call_id": "c"},
            {"role": "assistant", "content": text},
        ]
    }
    schema = {"type": "object", "properties": {"a": {"type": "string", "default": text, "enum": [text]}}}
    line["tools"] = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    run = make(line)
    conversation, _ = read_full(run)
    assert [message["content"] for message in conversation.messages] == [text] * 4
    assert json.loads(conversation.messages[1]["tool_calls"][0]["function"]["arguments"]) == {"a": text}
    assert conversation.tools[0]["function"]["parameters"] == schema


def test_prompt_repeated_by_another_argument_is_a_placeholder():
    answer = {"output": [{"type": "message", "role": "assistant", "content": "Hm?"}]}
    run = {"id": "r", "run_type": "llm", "status": "success", "outputs": answer}
    run["inputs"] = {"model": "m", "input": "NOT_GIVEN"}
    assert conversation_from_run(run)[0].messages[0] == {"role": "user", "content": "NOT_GIVEN"}
    run["inputs"] |= {"tools": "NOT_GIVEN"}
    with pytest.raises(RunNotUsableError, match="unknown_shape"):
        conversation_from_run(run)


@pytest.mark.parametrize("placeholder", [OMIT, "NOT_GIVEN"])
def test_system_message_made_of_a_placeholder_is_absent(placeholder):
    run = wrap_openai_run({"messages": [{"role": "system", "content": placeholder}, *HELLO["messages"]]})
    for door in (run, json.dumps(run).encode()):
        assert conversation_from_run(door)[0].messages == HELLO["messages"]
        assert [example.line for example in examples_from_runs([door])] == [HELLO]


@pytest.mark.parametrize(
    "name", ["wrap_openai", "wrap_openai_responses", "wrap_openai_parse", "wrap_anthropic"]
)
def test_run_of_langsmith_0_3_with_sdks_of_2025_is_exact(name):
    conversation, source = conversation_from_run(older.run(name))
    said = "45/9?" if name != "wrap_openai_responses" else "hi"
    assert conversation.messages == [{"role": "user", "content": said}, {"role": "assistant", "content": "5"}]
    assert (conversation.tools, source.notes) == ([], ())


def test_value_without_placeholders_is_handed_on_and_not_copied():
    run = wrap_openai_run(HELLO)
    assert given(run) is run
    many: Any = [{"a": "b"}]
    for _ in range(60):
        many = [many, many]  # one value in very many places
    assert given(many) is many


def test_value_that_holds_itself_is_left_as_it_is():
    knot: dict[str, Any] = {"stop": "NOT_GIVEN"}
    knot["self"] = knot
    assert "stop" not in given(knot)
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    assert given(deep) is deep
