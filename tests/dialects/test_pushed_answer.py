"""Inputs that hold the answer are cut back to what was asked; a model that repeats itself is left in peace."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from langsmith_finetune import (
    LangSmithRunChatLoader,
    RunNotUsableError,
    examples_from_runs,
    training_examples,
)
from langsmith_finetune.dialects.fast_path import read_fast
from langsmith_finetune.dialects.read import conversation_from_run
from tests.support import wire
from tests.support.payloads import (
    langchain_run,
    responses_run,
    vercel_run,
    wrap_anthropic_run,
    wrap_openai_run,
)

QUESTION = {"role": "user", "content": "Weather in Paris?"}
SYSTEM = {"role": "system", "content": "Be brief."}
MORE = {"role": "user", "content": "And tomorrow?"}
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "d",
            "parameters": {"type": "object", "properties": {}},
        },
    }
]
MAKERS = [wrap_openai_run, langchain_run, wrap_anthropic_run, responses_run, vercel_run]


def said(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def called(call_id: str, city: str = "Paris") -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": json.dumps({"city": city}, separators=(",", ":"))}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call_id, "type": "function", "function": function}],
    }


def answered(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "content": "sunny", "tool_call_id": call_id}


def line(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": list(messages), "tools": TOOLS}


def both_doors(run: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    loader = LangSmithRunChatLoader([run])
    (example,) = training_examples(loader.lazy_load())
    notes: list[Any] = []
    (bulk,) = examples_from_runs([run], on_note=notes.append)
    assert bulk.line == example.line
    assert [note.kind for note in notes] == [note.kind for note in loader.notes]
    kinds = [note.kind for note in notes if note.kind != "reasoning_dropped"]  # the makers add some
    return example.line["messages"], kinds


CALL = called("call_5304091362c52468")
ANSWER = answered("call_5304091362c52468")


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (said("Sunny."), []),
        (CALL, []),
        (CALL, [ANSWER]),
        (CALL, [ANSWER, said("Sunny.")]),
        (CALL, [ANSWER, said("Sunny."), MORE]),
        (called("call_0"), [answered("call_0")]),
        (called("call_0"), []),
    ],
)
def test_inputs_that_hold_the_answer_are_cut_back(make, answer, after):
    messages, notes = both_doors(make(line(SYSTEM, QUESTION, answer, *after, answer)))
    assert messages == [SYSTEM, QUESTION, answer]
    assert notes == ["answer_in_request"]


def test_pushed_run_of_javascript_is_cut_back_to_the_wire():
    _, run, sent = wire.cases("jswo_pushed")[0]
    conversation, source = conversation_from_run(run)
    assert wire.comparable(conversation.messages, conversation.tools) == wire.sent_and_received(sent)
    assert [note.detail for note in source.notes] == ["the last 2 of the inputs' messages were cut off"]


GENUINE = [
    (QUESTION, called("call_a11111"), answered("call_a11111"), said("Sunny."), MORE, called("call_b22222")),
    (QUESTION, called("call_1"), answered("call_1"), called("call_2")),
    (QUESTION, called("call_a11111"), answered("call_a11111"), called("call_b22222", "Rome")),
]
REPEATED = [
    (QUESTION, said("Hello!"), MORE, said("Hello!")),
    (QUESTION, said("positive"), MORE, said("negative"), QUESTION, said("positive")),
    (QUESTION, called("call_0"), answered("call_0"), said("Sunny."), MORE, called("call_0")),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("messages", GENUINE)
def test_model_that_calls_the_same_again_is_left_alone(make, messages):
    assert both_doors(make(line(*messages))) == (list(messages), [])


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("messages", REPEATED)
def test_model_that_repeats_itself_is_noted_and_not_cut(make, messages):
    run = make(line(*messages))
    assert both_doors(run) == (list(messages), ["answer_repeated"])
    with pytest.raises(RunNotUsableError, match="unwanted_note"):
        conversation_from_run(run, skip_notes={"answer_repeated"})


def test_repeated_answer_is_not_read_the_quick_way():
    run = langchain_run({"messages": [QUESTION, said("Hello!"), MORE, said("Hello!")]})
    assert read_fast(run) is None
    assert read_fast(langchain_run({"messages": [said("Hi!"), QUESTION, said("Hello!")]})) is not None


def test_id_of_a_message_proves_that_the_inputs_hold_it():
    run = langchain_run(line(QUESTION, said("Hello!"), MORE, said("Hello!")))
    batch = run["inputs"]["messages"][0]
    batch[1]["kwargs"]["id"] = "lc_run--01a21cef-0"
    run["outputs"]["generations"][0][0]["message"]["kwargs"]["id"] = "lc_run--01a21cef-0"
    assert both_doors(run) == ([QUESTION, said("Hello!")], ["answer_in_request"])
    batch[1:1] = copy.deepcopy(batch[1:3])
    with pytest.raises(RunNotUsableError, match=r"lost_at_source.*at one of several places"):
        conversation_from_run(run)


def test_id_of_an_item_of_responses_proves_it_too():
    run = responses_run(line(QUESTION, said("Hello!"), MORE, said("Hello!")))
    asked = run["inputs"]["input"] if run["inputs"]["input"][0].get("role") else run["inputs"]["input"][1:]
    asked[1] |= {"type": "message", "id": "msg_0123456789"}
    run["outputs"]["output"][-1] |= {"type": "message", "id": "msg_0123456789"}
    assert both_doors(run) == ([QUESTION, said("Hello!")], ["answer_in_request"])


def test_inputs_that_hold_nothing_but_the_answer_are_refused():
    for asked in ([], [SYSTEM]):
        with pytest.raises(RunNotUsableError, match=r"lost_at_source.*nothing that was asked before it"):
            conversation_from_run(wrap_openai_run(line(*asked, CALL, ANSWER, CALL)))


def test_trajectory_that_the_inputs_hold_is_cut_back_whole():
    run = wrap_openai_run(line(QUESTION, CALL, ANSWER, said("Sunny."), said("x")))
    run["outputs"] = {"messages": [CALL, ANSWER, said("Sunny.")]}
    assert both_doors(run) == ([QUESTION, CALL, ANSWER, said("Sunny.")], ["answer_in_request"])
