"""What LangChain's chat models change on the way to the wire, and what a producer's text does not tell."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from langsmith_finetune import RunNotUsableError, examples_from_runs
from langsmith_finetune._foundation.json_schema import json_schema
from langsmith_finetune.dialects.losses.lost_media import is_repr
from langsmith_finetune.dialects.read import conversation_from_run, read_full
from tests.support.payloads import langchain_run, wrap_openai_run
from tests.support.wire import cases

WIRE = {name: run for name, run, _ in cases("")}
TEXTS = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]


def asked(model: str, *messages: tuple[str, str]) -> dict[str, Any]:
    """A run of a chat model that says of itself what it is."""
    said = [{"role": role, "content": text} for role, text in messages]
    run = langchain_run({"messages": [*said, {"role": "assistant", "content": "Yes."}]})
    run["extra"] = {"invocation_params": {"_type": model}, "metadata": {}}
    return run


def request(run: dict[str, Any]) -> list[tuple[str, Any]]:
    quick, careful = conversation_from_run(run)[0], read_full(run)[0]
    assert quick == careful
    (example,) = examples_from_runs([run])
    assert example.line["messages"] == quick.messages
    return [(message["role"], message["content"]) for message in quick.messages[:-1]]


@pytest.mark.parametrize("model", ["anthropic-chat", "chat-google-generative-ai"])
def test_two_system_messages_are_the_parts_of_one(model):
    run = asked(model, ("system", "one"), ("system", "two"), ("user", "?"))
    assert request(run) == [("system", TEXTS), ("user", "?")]


def test_two_user_messages_to_anthropic_are_parts_of_one():
    assert request(asked("anthropic-chat", ("user", "one"), ("user", "two"))) == [("user", TEXTS)]


def test_bedrock_joins_messages_in_a_row_on_lines():
    run = asked(
        "amazon_bedrock_converse_chat", ("system", "a"), ("system", "b"), ("user", "c"), ("user", "d")
    )
    assert request(run) == [("system", "a\nb"), ("user", "c\nd")]


@pytest.mark.parametrize(
    "model", ["anthropic-chat", "amazon_bedrock_converse_chat", "chat-google-generative-ai"]
)
def test_the_system_prompt_comes_first(model):
    run = asked(model, ("user", "1"), ("assistant", "2"), ("system", "s"), ("user", "3"))
    assert request(run) == [("system", "s"), ("user", "1"), ("assistant", "2"), ("user", "3")]


@pytest.mark.parametrize("model", ["openai-chat", "chat-ollama", "groq-chat", "anthropic"])
def test_other_models_send_messages_one_by_one(model):
    messages = [("system", "one"), ("system", "two"), ("user", "a"), ("user", "b")]
    assert request(asked(model, *messages)) == messages


def test_the_run_is_left_as_it_was():
    for run in (WIRE["lc2026_mistral[2]"], WIRE["lc2026_ollama[2]"], WIRE["lc2026_anthropic[3]"]):
        before = copy.deepcopy(run)
        conversation_from_run(run)
        assert run == before


def test_json_of_a_tools_answer_that_is_none_is_refused():
    run = copy.deepcopy(WIRE["lc2026_deepseek[0]"])
    run["inputs"]["messages"][0][2]["kwargs"]["content"] = [{1, 2}]
    with pytest.raises(RunNotUsableError) as refused:
        conversation_from_run(run)
    assert refused.value.detail == "the content of a tool's answer is no JSON"


def test_ending_in_a_missing_call_is_noted():
    line = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "I look."}]}
    for word in ("tool_calls", "tool_use", "FinishReason.TOOL_CALLS", "tool_callstool_calls"):
        run = wrap_openai_run(line)
        run["outputs"]["choices"][0]["finish_reason"] = word
        for read in (conversation_from_run, read_full):
            assert [(note.kind, note.detail) for note in read(run)[1].notes] == [
                ("calls_missing", "the answer ended in a call of a tool, which the run does not hold")
            ]


@pytest.mark.parametrize(
    "text",
    [
        "<APIResponse [200 OK] type=<class 'openai.types.chat.chat_completion.ChatCompletion'>>",
        "<LegacyAPIResponse [200 OK] type=<class 'x.Y'>>",
        "<openai.Stream object at 0x7f48f2a36690>",
        "<coroutine object AsyncCompletions.create at 0x7f48f2a36690>",
        "<Response [200 OK]>",
    ],
)
def test_what_python_calls_an_object_is_no_answer(text):
    assert is_repr(text)
    run = {**WIRE["wa2025_helper[0]"], "outputs": {"output": text}}
    with pytest.raises(RunNotUsableError) as refused:
        conversation_from_run(run)
    assert refused.value.detail == "outputs.output is what Python calls an object, not what it holds"


@pytest.mark.parametrize(
    "text", ["<b>", "<response>yes</response>", "<p>an object at rest</p>", "< 3", "<div>\n</div>"]
)
def test_markup_is_an_answer(text):
    assert not is_repr(text)


def test_a_stream_left_early_is_noted_on_both_ways():
    run = WIRE["wo2024_chat[1]"]
    for read in (conversation_from_run, read_full):
        assert [note.kind for note in read(run)[1].notes] == ["answer_cut_off"]


def test_early_gemini_system_prompt_is_first_user_text():
    run = asked("chat-google-generative-ai", ("system", "one"), ("user", "two"))
    run["serialized"] = {"kwargs": {"convert_system_message_to_human": True}}
    assert request(run) == [("user", TEXTS)]
    run["serialized"]["kwargs"]["convert_system_message_to_human"] = False
    assert request(run) == [("system", "one"), ("user", "two")]


def test_protobuf_schema_loses_only_what_is_empty():
    empty = {
        "format_": "",
        "description": "",
        "nullable": False,
        "enum": [],
        "properties": {},
        "required": [],
    }
    inner = {
        **empty,
        "type_": 5,
        "items": {**empty, "type_": 1, "enum": ["a"]},
        "max_items": "3",
        "min_items": "0",
    }
    schema = {**empty, "type_": 6, "properties": {"type_": inner}, "required": ["type_"]}
    assert json_schema(schema) == {
        "type": "object",
        "properties": {
            "type_": {"type": "array", "items": {"type": "string", "enum": ["a"]}, "maxItems": 3},
        },
        "required": ["type_"],
    }


def test_several_types_of_a_property_stay_as_they_are_for_gemini():
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}}
    run = asked("chat-google-generative-ai", ("user", "?"))
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    run["extra"]["invocation_params"]["tools"] = [tool]
    conversation, source = conversation_from_run(run)
    assert conversation.tools == [tool]
    assert [note.kind for note in source.notes] == ["schema_changed"]


@pytest.mark.parametrize("block", [{"json": {"k": 1}}, {"type": "json", "json": {"k": 1}}])
def test_json_in_what_a_tool_answered_is_its_text(block):
    run = copy.deepcopy(WIRE["lc2026_deepseek[0]"])
    run["extra"]["invocation_params"]["_type"] = "amazon_bedrock_converse_chat"
    run["inputs"]["messages"][0][2]["kwargs"]["content"] = [{"type": "text", "text": "a"}, block]
    conversation, _ = conversation_from_run(run)
    assert conversation.messages[2]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": '{"k":1}'},
    ]


@pytest.mark.parametrize("told", [True, False])
def test_bedrock_is_sent_a_dot_for_no_text_since_langchain_aws_1(told):
    run = asked("amazon_bedrock_converse_chat", ("system", " "), ("user", ""))
    fields = run["outputs"]["generations"][0][0]["message"]["kwargs"]
    fields["response_metadata"] = {"model_provider": "bedrock_converse"} if told else {}
    assert request(run) == [("system", " "), ("user", "." if told else "")]


def test_cohere_is_sent_a_plan_beside_calls_without_text():
    run = copy.deepcopy(WIRE["lc2026_cohere[3]"])
    run["inputs"]["messages"][0][1]["kwargs"]["content"] = ""
    assert request(run)[1] == ("assistant", "I will assist you using the tools provided.")
    extra = run["outputs"]["generations"][0][0]["message"]["kwargs"]["additional_kwargs"]
    extra["generation_id"] = "g"  # the first API, which has no plans
    assert request(run)[1] == ("assistant", None)


def test_a_plan_that_is_not_what_the_answer_says_is_noted():
    run = copy.deepcopy(WIRE["lc2026_cohere[2]"])
    assert conversation_from_run(run)[1].notes == ()
    run["outputs"]["generations"][0][0]["message"]["kwargs"]["additional_kwargs"]["tool_plan"] = "Other."
    assert [note.kind for note in conversation_from_run(run)[1].notes] == ["keys_dropped"]


def test_provider_is_known_by_model_where_run_is_silent():
    names = {name: WIRE[name] for name in ("lc2024_may[0]", "lc2024_may[1]", "lc2024_may[2]")}
    for run in names.values():
        assert "ls_provider" not in run["extra"]["metadata"]
        messages = conversation_from_run(run)[0].messages
        assert all("name" not in message for message in messages)
