"""Sessions, from any loader and as the user left them, to training lines."""

from __future__ import annotations

import json
import logging
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langsmith_finetune import (
    LangSmithRunChatLoader,
    convert_messages_for_finetuning,
    examples_from_runs,
    training_examples,
)
from tests.support.messages import CALL, HELLO
from tests.support.payloads import langchain_run, wrap_openai_run
from tests.support.strategies import conversations


def line_of(*messages, **session):
    (example,) = training_examples([{"messages": messages, **session}])
    return example.line


def test_the_old_tutorial_s_lines_run_unchanged():
    llm_runs = [langchain_run(HELLO), wrap_openai_run(HELLO)]
    my_file = BytesIO()

    loader = LangSmithRunChatLoader(runs=llm_runs)
    chat_sessions = loader.lazy_load()
    training_data = convert_messages_for_finetuning(chat_sessions)
    for dialog in training_data:
        my_file.write((json.dumps({"messages": dialog}) + "\n").encode("utf-8"))

    assert [json.loads(line) for line in my_file.getvalue().splitlines()] == [HELLO, HELLO]


def test_drop_in_keeps_calls_and_warns_once_of_lost_tools(caplog):
    sessions = LangSmithRunChatLoader(runs=[langchain_run(CALL), wrap_openai_run(CALL)]).lazy_load()
    dialogs = convert_messages_for_finetuning(sessions)
    assert dialogs == [CALL["messages"]] * 2
    assert caplog.messages == [
        "2 sessions carry tool definitions, which a list of messages cannot: "
        "write_jsonl(training_examples(sessions), path) keeps them"
    ]


def test_drop_in_leaves_out_sessions_without_an_answer():
    assert convert_messages_for_finetuning([{"messages": [HumanMessage("Hi")], "functions": None}]) == []


def test_edited_messages_are_read_as_they_stand():
    (session,) = LangSmithRunChatLoader(runs=[langchain_run(CALL)]).load()
    session["messages"][-1].tool_calls[0]["args"]["city"] = "Rome"
    session["messages"] = [SystemMessage("Be terse."), *session["messages"]]
    (example,) = training_examples([session])
    assert [message["role"] for message in example.line["messages"]] == ["system", "user", "assistant"]
    assert example.line["messages"][-1]["tool_calls"][0]["function"]["arguments"] == '{"city":"Rome"}'


def test_legacy_exchange_becomes_tools_with_matching_ids():
    function = {"name": "f", "arguments": '{"a": 1}'}
    line = line_of(
        HumanMessage("Go"),
        AIMessage("", additional_kwargs={"function_call": function}),
        FunctionMessage("done", name="f"),
        AIMessage("", additional_kwargs={"function_call": function}),
        FunctionMessage("done again", name="f"),
        AIMessage("All done."),
        functions=[{"name": "f", "parameters": {"type": "object"}}],
    )
    calls = [call["id"] for message in line["messages"] for call in message.get("tool_calls", ())]
    answers = [message["tool_call_id"] for message in line["messages"] if message["role"] == "tool"]
    assert calls == answers == ["call_1", "call_3"]
    assert line["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    ]


@given(conversations())
def test_train_on_last_gives_the_history_no_weight(line):
    sessions = LangSmithRunChatLoader(runs=[wrap_openai_run(line)]).lazy_load()
    (example,) = training_examples(sessions, train_on="last")
    turns = [message for message in example.line["messages"] if message["role"] == "assistant"]
    assert [turn.get("weight") for turn in turns] == [0] * (len(turns) - 1) + [None]
    for message in turns:
        message.pop("weight", None)
    assert example.line == line


@given(conversations())
def test_an_example_made_into_a_run_again_is_the_same_example(line):
    (once,) = training_examples(LangSmithRunChatLoader(runs=[wrap_openai_run(line)]).lazy_load())
    (twice,) = training_examples(LangSmithRunChatLoader(runs=[langchain_run(once.line)]).lazy_load())
    assert once.line == twice.line == line


def test_chat_messages_and_null_functions_are_taken():
    line = line_of(ChatMessage("Hi", role="user"), AIMessage("Hello!"), functions=None)
    assert line == HELLO


def test_sessions_that_cannot_be_examples_are_told_or_counted(caplog):
    sessions = [
        {"messages": [HumanMessage("Hi")]},
        {"messages": [RemoveMessage(id="1"), AIMessage("Hi")]},
        {"messages": [ToolMessage("42", tool_call_id=""), AIMessage("Hi")]},
        {"messages": [HumanMessage("Hi"), AIMessage("Hello!")]},
    ]
    told = []
    assert len(list(training_examples(sessions, on_skip=told.append))) == 1
    assert [str(error) for error in told] == [
        "session 0: messages: has no assistant message, so there is nothing to learn. Leave the session out",
        "session 1: messages[0]: is a RemoveMessage, which no chat format has. Fix the session or leave it out",
        "session 2: messages[0]: answers a call that nobody made. Fix the session or leave it out",
    ]
    with caplog.at_level(logging.WARNING):
        assert len(list(training_examples(sessions))) == 1
    assert caplog.messages == [
        "3 sessions were left out of the examples; on_skip= gives each with its reason"
    ]


def test_calls_without_ids_get_ids_from_their_place():
    calls = [{"name": name, "args": {}, "id": None} for name in ("f", "g")]
    line = line_of(
        HumanMessage("Hi"),
        AIMessage("", tool_calls=calls),
        ToolMessage("1", tool_call_id=""),
        ToolMessage("2", tool_call_id=""),
        AIMessage("Done"),
    )
    assert [call["id"] for call in line["messages"][1]["tool_calls"]] == ["call_0", "call_1"]
    assert [message["tool_call_id"] for message in line["messages"][2:4]] == ["call_0", "call_1"]


def test_a_tool_s_answer_keeps_its_call_id():
    line = line_of(
        AIMessage("", tool_calls=[{"name": "f", "args": {"中": "文"}, "id": "a"}]),
        ToolMessage("42", tool_call_id="a"),
        AIMessage("It is 42."),
    )
    assert line["messages"][0]["tool_calls"][0]["function"]["arguments"] == '{"中":"文"}'
    assert line["messages"][1] == {"role": "tool", "content": "42", "tool_call_id": "a"}


def test_examples_come_one_at_a_time():
    def sessions():
        yield {"messages": [AIMessage("one")]}
        pytest.fail("the second session was asked for")

    assert next(training_examples(sessions())).line["messages"][0]["content"] == "one"


@pytest.mark.slow
@given(st.lists(conversations(), max_size=3), st.sampled_from(["all", "last"]))
def test_both_doors_give_the_same_examples(lines, train_on):
    runs = [make(line) for line in lines for make in (wrap_openai_run, langchain_run)]
    loader = LangSmithRunChatLoader(runs=runs)
    assert list(examples_from_runs(runs, train_on=train_on)) == list(
        training_examples(loader.lazy_load(), train_on=train_on)
    )


def test_the_bulk_door_tells_or_counts_what_it_leaves_out(caplog):
    noted = wrap_openai_run(HELLO)
    noted["inputs"]["tool_choice"] = "required"
    runs = [noted, {"id": "bad", "run_type": "chain"}]
    skipped, notes = [], []
    assert len(list(examples_from_runs(runs, on_skip=skipped.append, on_note=notes.append))) == 1
    assert [error.reason for error in skipped] == ["not_llm"]
    assert [note.kind for note in notes] == ["tool_choice"]
    assert caplog.messages == []
    assert len(list(examples_from_runs(runs))) == 1
    assert caplog.messages == ["1 runs could not be used; on_skip= gives each with its reason"]


def test_runs_given_as_sessions_are_told_the_right_door():
    with pytest.raises(TypeError) as caught:
        next(training_examples([wrap_openai_run(HELLO)]))
    assert str(caught.value) == (
        "session 0 is not a chat session, a dict with messages, but one without. Runs go through "
        "LangSmithRunChatLoader, or straight into examples_from_runs; a single session into a list"
    )


@pytest.mark.parametrize("examples", [training_examples, examples_from_runs])
def test_an_unknown_policy_is_refused(examples):
    with pytest.raises(ValueError, match="train_on must be 'all' or 'last', not 'first'"):
        next(examples([], train_on="first"))
