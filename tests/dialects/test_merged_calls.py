"""What a stream has done to the calls of an answer before it was posted is seen, or mended."""

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
from langsmith_finetune.dialects.losses.merged_calls import holds_several_objects
from langsmith_finetune.dialects.read import conversation_from_run
from tests.support import older
from tests.support.payloads import langchain_run, wrap_openai_run

REQUIRED = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPTIONAL = {"type": "object", "properties": {"city": {"type": "string"}}}
NAMES = ("get_weather", "get_time", "ping")
TWO = '{"city":"Paris"}{"city":"Rome"}'


def line(name: str, arguments: str, call_id: str = "call_a", schema: Any = OPTIONAL) -> dict[str, Any]:
    call = {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}
    tools = [{"type": "function", "function": {"name": one, "parameters": schema}} for one in NAMES]
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    return {"messages": messages, "tools": tools}


def openai_stream(of: dict[str, Any]) -> dict[str, Any]:
    run = wrap_openai_run(of)
    run["inputs"]["stream"] = True
    run["outputs"]["object"] = "chat.completion.chunk"
    return run


def langchain_stream(of: dict[str, Any]) -> dict[str, Any]:
    """As langchain-core merges chunks of one index: the parsed call holds the first of two objects alone."""
    run = langchain_run(of)
    generation = run["outputs"]["generations"][0][0]
    fields = generation["message"]["kwargs"]
    call = of["messages"][-1]["tool_calls"][0]
    name, arguments, call_id = call["function"]["name"], call["function"]["arguments"], call["id"]
    generation["type"] = "ChatGenerationChunk"
    generation["message"]["id"][-1] = "AIMessageChunk"
    first = json.JSONDecoder().raw_decode(arguments)[0] if arguments else {}
    fields["tool_calls"] = [{"name": name, "args": first, "id": call_id, "type": "tool_call"}]
    fields["tool_call_chunks"] = [{"name": name, "args": arguments, "id": call_id, "index": 0}]
    fields.pop("invalid_tool_calls", None)
    return run


def anthropic_stream(of: dict[str, Any]) -> dict[str, Any]:
    """As `wrap_anthropic` posts it today: text, and calls in OpenAI's form."""
    tools = [
        {"name": tool["function"]["name"], "input_schema": tool["function"]["parameters"]}
        for tool in of["tools"]
    ]
    inputs = {"messages": of["messages"][:-1], "tools": tools, "stream": True}
    outputs = {"role": "assistant", "content": "", "tool_calls": of["messages"][-1]["tool_calls"]}
    return {
        "id": "r",
        "run_type": "llm",
        "status": "success",
        "inputs": inputs,
        "outputs": outputs,
        "extra": {},
    }


def trajectory(of: dict[str, Any]) -> dict[str, Any]:
    messages = of["messages"]
    answer = {"role": "tool", "tool_call_id": messages[-1]["tool_calls"][0]["id"], "content": "sunny"}
    said = [messages[-1], answer, {"role": "assistant", "content": "Sunny."}]
    inputs = {"messages": messages[:-1], "tools": of["tools"]}
    outputs = {"messages": said}
    return {
        "id": "r",
        "run_type": "llm",
        "status": "success",
        "inputs": inputs,
        "outputs": outputs,
        "extra": {},
    }


STREAMS = [openai_stream, langchain_stream, anthropic_stream, trajectory]
JOINED = [
    ("get_weather", TWO, "call_a"),
    ("get_weather", '{"city":"Paris"} \n {"city":', "call_a"),
    ("get_weatherget_weather", "{}", "call_a"),
    ("get_weatherget_time", '{"city":"Paris"}', "call_a"),
    ("pingpingping", "{}", "call_a"),
    ("unknownunknown", "{}", "call_a"),
    ("get_weather", '{"city":"Paris"}', "call_abcdefcall_ghijkl"),
    ("get_weather", '{"city":"Paris"}', "toolu_01abcdtoolu_01efgh"),
]


@pytest.mark.parametrize(("name", "arguments", "call_id"), JOINED)
@pytest.mark.parametrize("make", STREAMS)
def test_calls_joined_into_one_are_lost_at_the_source(make, name, arguments, call_id):
    if make is langchain_stream and arguments.endswith(":"):
        pytest.skip("no such chunk has parsed calls")
    run = make(line(name, arguments, call_id))
    loader = LangSmithRunChatLoader([run])
    assert list(training_examples(loader.lazy_load())) == []
    skipped: list[RunNotUsableError] = []
    assert list(examples_from_runs([run], on_skip=skipped.append)) == []
    for error in (loader.skipped[0], skipped[0]):
        assert error.reason == "lost_at_source"
        assert error.detail.startswith("the calls of the stream were joined: one of them has the")


WHOLE = [
    ("get_weather", '{"city":"Paris"}', "call_a"),
    ("get_weather", '{"text":"{\\"a\\":1}{\\"b\\":2}"}', "call_a"),
    ("get_weather", '{"city":{"a":{}}}', "call_1"),
    ("get_weather_now", '{"city":"Paris"}', "call_call"),
    ("nono", '{"city":"Paris"}', "1f0d3c52-5f0e-4f6c-9a51-3d6f0a2b7c10"),
]


@pytest.mark.parametrize(("name", "arguments", "call_id"), WHOLE)
@pytest.mark.parametrize("make", STREAMS)
def test_whole_call_of_a_stream_is_kept(make, name, arguments, call_id):
    expected = line(name, arguments, call_id)
    conversation, source = conversation_from_run(make(expected))
    (call,) = conversation.messages[1]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == json.loads(arguments)
    assert (call["id"], call["function"]["name"], source.notes) == (call_id, name, ())


@pytest.mark.parametrize(
    "arguments", ['{"city":"Paris"', '{"city":"Paris"}}', "[1][2]", "{'a':1}{'b':2}", '{"a":1} x {']
)
def test_arguments_that_are_merely_no_json_stay_as_written(arguments):
    assert not holds_several_objects(arguments)
    conversation, _ = conversation_from_run(openai_stream(line("get_weather", arguments)))
    assert conversation.messages[1]["tool_calls"][0]["function"]["arguments"] == arguments


def test_what_a_server_sent_in_one_piece_is_what_the_model_said():
    run = wrap_openai_run(line("get_weatherget_weather", TWO))
    run["outputs"]["object"] = "chat.completion"
    assert conversation_from_run(run)[0].messages[1]["tool_calls"][0]["function"]["arguments"] == TWO
    run["first_token_time"] = "2026-11-27T12:00:00Z"
    with pytest.raises(RunNotUsableError, match="lost_at_source"):
        conversation_from_run(run)


def test_langchain_answer_in_one_piece_is_what_was_said():
    run = langchain_run(line("get_weather", TWO))
    run["events"] = [{"name": "start"}, {"name": "end"}]
    assert conversation_from_run(run)[0].messages[1]["tool_calls"][0]["function"]["arguments"] == TWO
    for sign in ("event", "class"):
        streamed = copy.deepcopy(run)
        if sign == "event":
            streamed["events"].insert(1, {"name": "new_token"})
        else:
            streamed["outputs"]["generations"][0][0]["message"]["id"][-1] = "AIMessageChunk"
        with pytest.raises(RunNotUsableError, match="lost_at_source"):
            conversation_from_run(streamed)


def test_joined_call_in_the_history_was_sent_so_and_stays():
    joined = line("get_weatherget_weather", TWO)
    answer = {"role": "tool", "tool_call_id": "call_a", "content": "no such tool"}
    joined["messages"] += [answer, {"role": "assistant", "content": "Sorry."}]
    conversation, source = conversation_from_run(openai_stream(joined))
    assert conversation.messages == joined["messages"]
    assert source.notes == ()


@pytest.mark.parametrize("name", ["wrap_openai_stream_same_index", "wrap_openai_0_1_stream_same_index"])
def test_stream_joined_by_an_older_wrapper_is_lost_at_source(name):
    with pytest.raises(RunNotUsableError, match=r"lost_at_source.*the arguments of two"):
        conversation_from_run(older.run(name))


def chunks(*pieces: dict[str, Any]) -> dict[str, Any]:
    """A stream that a traced function returned as it came."""
    output = [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"tool_calls": [piece]}}]}
        for piece in pieces
    ]
    inputs = {"messages": [{"role": "user", "content": "?"}], "tools": line("x", "")["tools"]}
    return {
        "id": "r",
        "run_type": "llm",
        "status": "success",
        "inputs": inputs,
        "outputs": {"output": output},
    }


def piece(call_id: Any, name: Any, arguments: str, index: Any = 0) -> dict[str, Any]:
    return {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}


PARIS, ROME = '{"city":"Paris"}', '{"city":"Rome"}'
TWO_CALLS = [("a", "get_weather", PARIS), ("b", "get_weather", ROME)]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        ([piece("a", "get_weather", PARIS), piece("b", "get_weather", ROME)], TWO_CALLS),
        ([piece("a", "get_weather", PARIS, None), piece("b", "get_weather", ROME, None)], TWO_CALLS),
        ([piece("a", "get_weather", '{"city"'), piece(None, None, ':"Paris"}'), piece("b", "get_weather", ROME)], TWO_CALLS),
        ([piece("a", "get_weather", ""), piece("b", "get_weather", ROME)], [("a", "get_weather", ""), TWO_CALLS[1]]),
        ([piece("b", "get_weather", ROME, 2), piece("a", "get_weather", PARIS, 1)], TWO_CALLS),
        ([piece("a", "get_", '{"city"'), piece("a", "weather", ':"Paris"}')], TWO_CALLS[:1]),
        ([piece("a", "get_weather", '{"city"'), piece("a", "get_weather", ':"Paris"}')], TWO_CALLS[:1]),
        ([piece("a", "get_weather", '{"city"'), piece("z", None, ':"Paris"}')], TWO_CALLS[:1]),
    ],
)  # fmt: skip
def test_calls_of_raw_chunks_are_told_apart_by_id_and_name(pieces, calls):
    conversation, source = conversation_from_run(chunks(*pieces))
    found = conversation.messages[-1]["tool_calls"]
    assert [(call["id"], call["function"]["name"], call["function"]["arguments"]) for call in found] == calls
    assert source.notes == ()


def test_indistinguishable_raw_chunks_are_lost_at_source():
    run = chunks(piece("a", "get_weather", PARIS), piece("a", None, ROME))
    with pytest.raises(RunNotUsableError, match="lost_at_source"):
        conversation_from_run(run)


def deltas(*found: dict[str, Any]) -> dict[str, Any]:
    run = chunks()
    run["outputs"]["output"] = [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]} for delta in found
    ]
    return run


def test_legacy_call_of_raw_chunks_is_kept():
    run = deltas(
        {"role": "assistant", "content": None, "function_call": {"name": "get_weather", "arguments": ""}},
        {"function_call": {"arguments": '{"city":'}},
        {"function_call": {"arguments": '"Paris"}'}},
    )
    call = {"name": "get_weather", "arguments": PARIS}
    assert conversation_from_run(run)[0].messages[-1] == {
        "role": "assistant",
        "content": None,
        "function_call": call,
    }


def test_raw_chunks_thinking_is_noted_or_kept():
    run = deltas(
        {"reasoning_content": "Hm, "}, {"reasoning_content": "well."}, {"content": "Hi", "audio": {"id": "a"}}
    )
    conversation, source = conversation_from_run(run)
    assert conversation.messages[-1] == {"role": "assistant", "content": "Hi"}
    assert {note.kind for note in source.notes} == {"reasoning_dropped", "keys_dropped"}
    conversation, _ = conversation_from_run(run, keep_reasoning=True)
    assert conversation.messages[-1]["reasoning_content"] == "Hm, well."


def test_what_the_provider_found_is_seen_in_raw_chunks():
    cited = [{"type": "url_citation", "url_citation": {"url": "https://example.org"}}]
    assert [
        note.kind for note in conversation_from_run(deltas({"content": "Hi", "annotations": cited}))[1].notes
    ] == ["server_tool_dropped"]
    with pytest.raises(RunNotUsableError, match="not_expressible"):
        conversation_from_run(deltas({"content": "Hi", "executed_tools": [{"type": "python"}]}))


@pytest.mark.parametrize("name", ["wrap_anthropic_stream", "wrap_anthropic_stream_helper"])
def test_stream_whose_arguments_an_older_wrapper_lost_is_refused(name):
    run = older.run(name)
    with pytest.raises(RunNotUsableError, match=r"lost_at_source.*without the arguments"):
        conversation_from_run(run)
    del run["events"]  # as LangSmith's API returns it, where nobody asks for them
    with pytest.raises(RunNotUsableError, match="lost_at_source"):
        conversation_from_run(run)
    run["events"] = []
    run["inputs"]["stream"] = False
    assert [note.kind for note in conversation_from_run(run)[1].notes] == ["arguments_missing"]


def test_lost_arguments_of_a_tool_that_requires_none_are_noted():
    run = older.run("wrap_anthropic_stream")
    del run["inputs"]["tools"][0]["input_schema"]["required"]
    assert [note.kind for note in conversation_from_run(run)[1].notes] == ["arguments_missing"]
    run["inputs"]["tools"][0]["input_schema"]["properties"] = {}
    assert conversation_from_run(run)[1].notes == ()


@pytest.mark.parametrize("arguments", ["", "{}", "{ }"])
@pytest.mark.parametrize("make", [openai_stream, langchain_stream, anthropic_stream])
def test_streamed_empty_arguments_are_lost_if_required(make, arguments):
    with pytest.raises(RunNotUsableError, match="lost_at_source"):
        conversation_from_run(make(line("get_weather", arguments, schema=REQUIRED)))
    assert conversation_from_run(make(line("get_weather", arguments)))[1].notes == ()


@pytest.mark.parametrize("make", [wrap_openai_run, langchain_run])
def test_whole_empty_arguments_are_noted_if_some_are_required(make):
    run = copy.deepcopy(make(line("get_weather", "{}", schema=REQUIRED)))
    notes: list[Any] = []
    (example,) = examples_from_runs([run], on_note=notes.append)
    assert example.line["messages"][1]["tool_calls"][0]["function"]["arguments"] == "{}"
    assert [note.kind for note in notes] == ["arguments_missing"]
    loader = LangSmithRunChatLoader([run])
    assert [one.line for one in training_examples(loader.lazy_load())] == [example.line]
    assert [note.kind for note in loader.notes] == ["arguments_missing"]
