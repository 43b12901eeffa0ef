"""The model's thinking: left out and noted by default, kept with its message on request."""

from __future__ import annotations

import pytest

from langsmith_finetune import (
    LangSmithRunChatLoader,
    convert_messages_for_finetuning,
    examples_from_runs,
    training_examples,
)
from tests.support.corpus import everything
from tests.support.messages import HELLO
from tests.support.payloads import wrap_openai_run


def examples(runs, **settings):
    """Through both doors, which must agree."""
    loader = LangSmithRunChatLoader(runs, **settings)
    found = list(examples_from_runs(runs, on_skip=lambda _: None, **settings))
    assert list(training_examples(loader.lazy_load())) == found
    return found


def without(line):
    messages = [{k: v for k, v in m.items() if k != "reasoning_content"} for m in line["messages"]]
    return {**line, "messages": messages}


def thoughts(example):
    return [m["reasoning_content"] for m in example.line["messages"] if "reasoning_content" in m]


def thinking_runs():
    found = []
    for run in everything():
        loader = LangSmithRunChatLoader([run])
        loader.load()
        if "reasoning_dropped" in loader.notes.counts:
            found.append(run)
    return found


def test_captured_reasoning_is_kept_on_request_alone():
    runs = thinking_runs()
    assert len(runs) > 10
    for dropped, kept in zip(examples(runs), examples(runs, keep_reasoning=True), strict=True):
        assert thoughts(dropped) == []
        assert without(kept.line) == dropped.line
        left = {note.kind for note in kept.source.notes}
        assert thoughts(kept) or "reasoning_dropped" in left  # what is encrypted or empty is no text


@pytest.mark.parametrize(
    "answer",
    [
        {"content": "Hello!", "reasoning_content": "Greet."},
        {"content": "Hello!", "reasoning": "Greet.", "reasoning_content": "Greet."},
        {
            "content": [
                {"type": "thinking", "thinking": "Greet.", "signature": "s"},
                {"type": "text", "text": "Hello!"},
            ]
        },
        {"content": [{"type": "reasoning", "text": "Greet."}, {"type": "text", "text": "Hello!"}]},
    ],
)
def test_thinking_goes_with_the_answer_in_every_dialect(answer):
    run = wrap_openai_run(HELLO)
    run["outputs"]["choices"][0]["message"] = {"role": "assistant", **answer}
    (example,) = examples([run], keep_reasoning=True)
    assert example.line["messages"][-1] == {
        "role": "assistant",
        "content": "Hello!",
        "reasoning_content": "Greet.",
    }
    assert example.source.notes == ()


def test_thinking_of_the_responses_api_stays_with_its_turn():
    def item(text):
        return {"type": "reasoning", "summary": [{"type": "summary_text", "text": text}]}

    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    answer = {"type": "function_call_output", "call_id": "c", "output": "42"}
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "42."}]}
    run = wrap_openai_run(HELLO)
    run["inputs"] = {"input": [{"role": "user", "content": "?"}, item("Call f."), call, answer]}
    run["outputs"] = {"output": [item("Say it."), said]}
    (example,) = examples([run], keep_reasoning=True)
    assert [m.get("reasoning_content") for m in example.line["messages"]] == [
        None,
        "Call f.",
        None,
        "Say it.",
    ]


@pytest.mark.parametrize(
    "block", [{"type": "redacted_thinking", "data": "x"}, {"type": "reasoning", "summary": []}]
)
def test_thinking_that_is_no_text_is_noted_even_so(block):
    run = wrap_openai_run(HELLO)
    run["outputs"]["choices"][0]["message"]["content"] = [block, {"type": "text", "text": "Hello!"}]
    (example,) = examples([run], keep_reasoning=True)
    assert example.line == HELLO
    assert [note.kind for note in example.source.notes] == ["reasoning_dropped"]


def test_the_drop_in_never_writes_thinking():
    run = wrap_openai_run(HELLO)
    run["outputs"]["choices"][0]["message"]["reasoning_content"] = "Greet."
    sessions = LangSmithRunChatLoader([run], keep_reasoning=True).lazy_load()
    assert convert_messages_for_finetuning(sessions) == [HELLO["messages"]]
