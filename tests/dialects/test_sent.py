"""What LangChain's chat models leave out of the messages that they are given, or send otherwise."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from langsmith_finetune import RunNotUsableError, examples_from_runs
from langsmith_finetune.dialects.read import conversation_from_run
from tests.support.wire import cases

CASES = {name: run for name, run, _ in cases("jslc_", "lc_")}


def changed(name: str, metadata: dict[str, Any], told: dict[str, Any] | None = None) -> dict[str, Any]:
    """A captured run with other metadata, and other words beside the answer."""
    run = copy.deepcopy(CASES[name])
    run["extra"]["metadata"] = {"ls_provider": run["extra"]["metadata"]["ls_provider"], **metadata}
    fields = run["outputs"]["generations"][0][0]["message"]["kwargs"]
    fields["response_metadata"] = {**fields["response_metadata"], **(told or {})}
    return run


def beside_calls(run: dict[str, Any]) -> Any:
    messages = conversation_from_run(run)[0].messages[:-1]
    return next(message["content"] for message in messages if "tool_calls" in message)


def kinds(run: dict[str, Any]) -> list[str]:
    return [note.kind for note in conversation_from_run(run)[1].notes]


@pytest.mark.parametrize(
    ("metadata", "told", "sent"),
    [
        ({}, {}, False),  # before 1.0
        ({"versions": {"@langchain/openai": "1.1.3"}}, {"model_provider": "openai"}, False),
        ({"versions": {"@langchain/openai": "1.2.0"}}, {"model_provider": "openai"}, True),
        ({"versions": {"@langchain/openai": "1.10.1"}}, {"model_provider": "openai"}, True),
        ({"versions": {"@langchain/openai": "2.0.0"}}, {"model_provider": "openai"}, True),
        ({"ls_integration": "langchain_chat_model"}, {"model_provider": "openai"}, True),
        ({"versions": "?", "ls_integration": "langchain_chat_model"}, {}, True),
    ],
)
def test_text_beside_calls_is_kept_where_langchain_js_sends_it(metadata, told, sent):
    run = changed("jslc_texts_unsent[0]", metadata, told)
    assert beside_calls(run) == ("Let me see." if sent else None)
    assert kinds(run) == []


def test_text_beside_calls_is_noted_without_a_version():
    run = changed("jslc_texts_unsent[0]", {}, {"model_provider": "openai"})
    notes: list[Any] = []
    (example,) = examples_from_runs([run], on_note=notes.append)
    assert [note.kind for note in notes] == ["unsent"]
    assert example.line["messages"][2]["content"] == "Let me see."
    with pytest.raises(RunNotUsableError, match="unsent"):
        conversation_from_run(run, skip_notes={"unsent"})


def test_text_beside_calls_is_kept_in_python():
    run = changed("jslc_texts_unsent[0]", {})
    run["extra"]["runtime"] = {"sdk": "langsmith-py"}
    assert beside_calls(run) == "Let me see."


def test_old_ollama_thoughts_joined_to_answer_are_noted():
    run = changed("jslc_unsent_calls[0]", {})
    assert kinds(run) == ["unsent"]
    run["extra"]["invocation_params"]["think"] = True
    assert kinds(run) == ["unsent", "reasoning_mixed"]
    run["outputs"]["generations"][0][0]["message"]["kwargs"]["response_metadata"]["model_provider"] = "ollama"
    assert kinds(run) == []


@pytest.mark.parametrize("provider", ["anthropic", "amazon_bedrock", "google_genai"])
def test_system_messages_are_parts_of_one_where_the_api_has_one(provider):
    run = copy.deepcopy(CASES["jslc_one_system[0]"])
    run["extra"]["metadata"]["ls_provider"] = provider
    system, *rest = conversation_from_run(run)[0].messages
    assert system["content"] == [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
    assert [message["role"] for message in rest] == ["user", "assistant"]
    run["extra"]["metadata"]["ls_provider"] = "openai"
    assert [message["content"] for message in conversation_from_run(run)[0].messages[:2]] == ["One.", "Two."]


def test_message_without_content_or_blocks_is_refused():
    run = copy.deepcopy(CASES["jslc_blocks[0]"])
    fields = run["inputs"]["messages"][0][0]["kwargs"]
    fields["contentBlocks"] = fields.pop("content_blocks")
    assert len(conversation_from_run(run)[0].messages[0]["content"]) == 2
    del fields["contentBlocks"]
    with pytest.raises(RunNotUsableError, match=r"malformed.*kwargs|content must be text or blocks"):
        conversation_from_run(run)


@pytest.mark.parametrize(
    ("written", "noted"),
    [
        (9007199254740993, False),  # JavaScript has no such number
        (9007199254740992, True),
        (-9007199254740996, True),
        (9007199254740991, False),  # exact
        (12345678901234567000, True),
        (12345678901234567168, False),  # the same number, as Python writes it
        (10**20, True),
        (10**300, False),
    ],
)
def test_integers_that_javascript_may_have_rounded_are_noted(written, noted):
    run = copy.deepcopy(CASES["jslc_rounded[0]"])
    message = run["outputs"]["generations"][0][0]["message"]
    message["kwargs"]["tool_calls"][0]["args"] = {"deep": [{"id": written}]}
    assert kinds(run) == (["numbers_rounded"] if noted else [])
    message["id"] = ["langchain", "schema", "messages", "AIMessage"]  # Python's
    assert kinds(run) == []


def test_integers_are_exact_where_arguments_stay_text():
    run = copy.deepcopy(CASES["jslc_rounded[0]"])
    fields = run["outputs"]["generations"][0][0]["message"]["kwargs"]
    call = fields["tool_calls"][0]
    text = '{"id":9007199254740992}'
    function = {"name": call["name"], "arguments": text}
    fields["additional_kwargs"]["tool_calls"] = [{"id": call["id"], "type": "function", "function": function}]
    assert kinds(run) == []


def test_streamed_pieces_join_but_not_with_whole_texts():
    run = copy.deepcopy(CASES["jslc_pieces[1]"])
    fields = run["outputs"]["generations"][0][0]["message"]["kwargs"]
    fields["content"] = [
        {"type": "text", "text": "4", "index": 0},
        {"type": "text", "text": "2", "index": 0},
        {"type": "text", "text": "!", "index": 1},
    ]
    parts = conversation_from_run(run)[0].messages[-1]["content"]
    assert [part["text"] for part in parts] == ["42", "!"]
    del fields["tool_call_chunks"]  # not of a stream
    parts = conversation_from_run(run)[0].messages[-1]["content"]
    assert [part["text"] for part in parts] == ["4", "2", "!"]


def test_old_gemini_system_joined_to_user_is_noted():
    run = copy.deepcopy(CASES["jslc_old_gemini[0]"])
    assert kinds(run) == ["turns_joined"]
    assert kinds(CASES["jslc_old_gemini[1]"]) == []  # of 2025
    run["outputs"]["llmOutput"] = {"tokenUsage": {}}
    assert kinds(run) == []
    del run["outputs"]["llmOutput"]
    run["inputs"]["messages"][0].pop(0)
    assert kinds(run) == []


def test_javascript_responses_blocks_are_json_text():
    run = copy.deepcopy(CASES["jslc_answers_json[0]"])
    answer = run["inputs"]["messages"][0][2]["kwargs"]
    answer["content"] = [{"type": "text", "text": "北京"}]
    assert conversation_from_run(run)[0].messages[2]["content"] == '[{"type":"text","text":"北京"}]'
    answer["content"] = "plain"
    assert conversation_from_run(run)[0].messages[2]["content"] == "plain"
    answer["content"] = [{"type": "text", "text": "a"}]
    run["extra"]["runtime"] = {"sdk": "langsmith-py"}
    assert conversation_from_run(run)[0].messages[2]["content"] == "a"
