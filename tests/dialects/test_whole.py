"""Runs that hold their call whole in a form of their own are read exactly, by both doors."""

from __future__ import annotations

import base64
import copy

import pytest

from langsmith_finetune._foundation.json_schema import json_schema
from langsmith_finetune.dialects.read import conversation_from_run
from tests.support.payloads import langchain_run, wrap_anthropic_run, wrap_openai_run
from tests.support.reading import by_bulk, by_loader

DOORS = [by_loader, by_bulk]
HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather.", "parameters": PARAMETERS},
}
CALLED = {
    "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Oslo"}'}},
            {"id": "c2", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'}},
        ]},
        {"role": "tool", "content": "rain", "tool_call_id": "c1"},
        {"role": "tool", "content": "sun", "tool_call_id": "c2"},
        {"role": "assistant", "content": "Rain and sun."},
    ],
    "tools": [WEATHER],
}  # fmt: skip
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xfb\xff").decode()
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}


def run_of(inputs, outputs, **extra):
    return wrap_openai_run(HELLO) | {"inputs": inputs, "outputs": outputs, "extra": extra, "events": []}


def only_line(door, run):
    lines, reasons, notes = door(copy.deepcopy(run))
    assert reasons == []
    return lines[0], set(notes)


# -- calls without ids, and with nulls between them ----------------------------------------------------------


def without_ids(line):
    line = copy.deepcopy(line)
    for message in line["messages"]:
        message.pop("tool_call_id", None)
        for call in message.get("tool_calls", ()):
            del call["id"]
    return line


@pytest.mark.parametrize("door", DOORS)
def test_calls_without_ids_are_linked_in_order_and_by_name(door):
    run = run_of({"messages": without_ids(CALLED)["messages"][:-1]}, {})
    run["outputs"] = {"message": CALLED["messages"][-1], "done": True, "done_reason": "stop"}
    line, notes = only_line(door, run)
    calls = line["messages"][1]["tool_calls"]
    assert [call["id"] for call in calls] == ["call_0", "call_1"]
    assert [message["tool_call_id"] for message in line["messages"][2:4]] == ["call_0", "call_1"]
    assert notes == {"ids_made", "tools_missing"}


@pytest.mark.parametrize("door", DOORS)
def test_answers_that_name_their_tool_go_to_its_call(door):
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"function": {"name": name, "arguments": {}}} for name in ("first", "second")
        ]},
        {"role": "tool", "tool_name": "second", "content": "2"},
        {"role": "tool", "tool_name": "first", "content": "1"},
    ]  # fmt: skip
    line, _ = only_line(door, run_of({"messages": messages}, {"message": HELLO["messages"][1], "done": True}))
    assert [message["tool_call_id"] for message in line["messages"][2:4]] == ["call_1", "call_0"]
    assert all("name" not in message for message in line["messages"])


@pytest.mark.parametrize("door", DOORS)
def test_langchain_calls_without_ids_get_some(door):
    run = langchain_run(CALLED)
    for message in run["inputs"]["messages"][0]:
        fields = message["kwargs"]
        for call in fields.get("tool_calls", ()):
            call["id"] = None
        if "tool_call_id" in fields:
            fields["tool_call_id"] = ""
    line, notes = only_line(door, run)
    assert [call["id"] for call in line["messages"][1]["tool_calls"]] == ["call_0", "call_1"]
    assert [message["tool_call_id"] for message in line["messages"][2:4]] == ["call_0", "call_1"]
    assert notes == {"ids_made"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("producer", [wrap_openai_run, langchain_run])
def test_nulls_among_calls_are_no_calls(producer, door):
    line = {**CALLED, "messages": CALLED["messages"][:2]}
    run = producer(line)
    answer = run["outputs"].get("choices", run["outputs"].get("generations"))[0]
    message = answer["message"] if isinstance(answer, dict) else answer[0]["message"]["kwargs"]
    message["tool_calls"].insert(0, None)
    assert only_line(door, run) == (line, set())


# -- Bedrock, Gemini and Ollama by their own clients ---------------------------------------------------------

CONVERSE = run_of(
    {
        "modelId": "anthropic.claude",
        "system": [{"text": "Be brief."}, {"cachePoint": {"type": "default"}}],
        "messages": [
            {"role": "user", "content": [
                {"text": "Weather?"},
                {"image": {"format": "png", "source": {"bytes": PNG}}},
                {"guardContent": {"text": {"text": " Now.", "qualifiers": ["query"]}}},
                {"cachePoint": {"type": "default"}},
            ]},
            {"role": "assistant", "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
                {"toolUse": {"toolUseId": "c1", "name": "get_weather", "input": {"city": "Oslo"}}},
            ]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "c1", "content": [{"json": {"sky": ["rain", None]}}], "status": "success"}},
            ]},
        ],
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "get_weather", "description": "Weather.", "inputSchema": {"json": PARAMETERS}}},
                {"cachePoint": {"type": "default"}},
            ],
            "toolChoice": {"auto": {}},
        },
    },
    {
        "output": {"message": {"role": "assistant", "content": [{"text": "Rain."}]}},
        "stopReason": "end_turn", "usage": {"inputTokens": 1}, "metrics": {"latencyMs": 1},
    },
)  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_converse_of_bedrock_is_read_whole(door):
    line, notes = only_line(door, CONVERSE)
    assert line == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "Weather?"}, IMAGE, {"type": "text", "text": " Now."}
            ]},
            {"role": "assistant", "content": None, "tool_calls": CALLED["messages"][1]["tool_calls"][:1]},
            {"role": "tool", "content": '{"sky":["rain",null]}', "tool_call_id": "c1"},
            {"role": "assistant", "content": "Rain."},
        ],
        "tools": [WEATHER],
    }  # fmt: skip
    assert notes == {"reasoning_dropped"}


@pytest.mark.parametrize(
    ("path", "value", "kind"),
    [
        (("outputs", "stopReason"), "guardrail_intervened", "answer_cut_off"),
        (("inputs", "toolConfig", "toolChoice"), {"any": {}}, "tool_choice"),
        (("inputs", "toolConfig", "toolChoice"), {"tool": {"name": "get_weather"}}, "tool_choice"),
    ],
)
def test_converse_settings_that_a_line_cannot_say_are_noted(path, value, kind):
    assert set(by_bulk(changed(CONVERSE, path, value))[2]) == {kind, "reasoning_dropped"}


def changed(run, path, value):
    run = copy.deepcopy(run)
    *way, last = path
    place = run
    for key in way:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[key]
    place[last] = value
    return run


BLOCK = ("inputs", "messages", 0, "content", 1)


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://a/b"}}}}, "kept_elsewhere"),
        (
            {"document": {"format": "txt", "name": "d", "source": {"text": "x"}}},
            "not_expressible",
        ),
        ({"video": {"format": "mp4", "source": {"bytes": PNG}}}, "malformed"),
        (
            {"toolUse": {"toolUseId": "s", "name": "n", "input": {}, "type": "server_tool_use"}},
            "not_expressible",
        ),
    ],
)
def test_blocks_of_bedrock_that_no_message_holds_are_refused(block, reason):
    lines, reasons, _ = by_bulk(changed(CONVERSE, BLOCK, block))
    assert (lines, reasons) == ([], [reason])


@pytest.mark.parametrize("block", [
    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
    {"type": "reasoning_content", "reasoning_content": {"text": "Hm.", "signature": "s"}},
    {"type": "reasoning_content", "reasoningText": {"text": "Hm.", "signature": "s"}},
    {"type": "thinking", "thinking": "Hm.", "signature": "s"},
])  # fmt: skip
def test_thinking_of_bedrock_is_kept_on_request(block):
    said = {"role": "assistant", "content": [block, {"text": "Rain."}]}
    run = changed(CONVERSE, ("outputs", "output", "message"), said)
    conversation, _ = conversation_from_run(run, keep_reasoning=True)
    assert conversation.messages[-1] == {"role": "assistant", "content": "Rain.", "reasoning_content": "Hm."}


def test_documents_of_bedrock_are_files():
    block = {"document": {"format": "pdf", "name": "Report", "source": {"bytes": PNG}}}
    line, _ = only_line(by_bulk, changed(CONVERSE, BLOCK, block))
    data = f"data:application/pdf;base64,{PNG}"
    file = {"type": "file", "file": {"filename": "Report.pdf", "file_data": data}}
    assert line["messages"][1]["content"][1] == file


@pytest.mark.parametrize(
    "data",
    [
        PNG,
        PNG.translate(str.maketrans("+/", "-_")),
        {
            "lc": 1,
            "type": "not_implemented",
            "id": ["builtins", "bytes"],
            "repr": repr(base64.b64decode(PNG)),
        },
        repr(base64.b64decode(PNG)),
        list(base64.b64decode(PNG)),
        {"type": "Buffer", "data": list(base64.b64decode(PNG))},
        {str(index): byte for index, byte in enumerate(base64.b64decode(PNG))},
    ],
    ids=["base64", "URL-safe", "LangChain", "repr", "list", "Buffer", "Uint8Array"],
)
def test_bytes_are_recovered_from_whatever_they_became(data):
    line, _ = only_line(by_bulk, changed(CONVERSE, (*BLOCK, "image", "source", "bytes"), data))
    assert line["messages"][1]["content"][1] == IMAGE


@pytest.mark.parametrize("data", [repr(base64.b64decode(PNG))[:-5], "not base64!", 7, [1, 256]])
def test_bytes_that_cannot_be_recovered_refuse_the_run(data):
    lines, reasons, _ = by_bulk(changed(CONVERSE, (*BLOCK, "image", "source", "bytes"), data))
    assert lines == []
    assert reasons[0] in ("lost_at_source", "malformed")


GEMINI_SCHEMA = {
    "type": "OBJECT",
    "properties": {
        "city": {"type": "STRING", "enum": ["OBJECT", "STRING"]},
        "type": {"type": "ARRAY", "items": {"any_of": [{"type": "INTEGER"}, {"type": "NUMBER"}]}},
    },
    "required": ["city"],
}
JSON_SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "enum": ["OBJECT", "STRING"]},
        "type": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "number"}]}},
    },
    "required": ["city"],
}


def test_names_of_types_are_lowered_and_no_others():
    assert json_schema(GEMINI_SCHEMA) == JSON_SCHEMA
    plain = {"type": "object", "properties": {"any_of": {"type": "string", "default": "OBJECT"}}}
    assert json_schema(plain) == plain


def genai_run(*, camel):
    call, answer, data = ("functionCall", "functionResponse", "inlineData") if camel else (
        "function_call", "function_response", "inline_data"
    )  # fmt: skip
    mime_type, declarations = (
        ("mimeType", "functionDeclarations") if camel else ("mime_type", "function_declarations")
    )
    system, finish = (
        ("systemInstruction", "finishReason") if camel else ("system_instruction", "finish_reason")
    )
    nulls = {"thought": None, "text": None, data: None}
    contents = [
        {"role": "user", "parts": [{"text": "Weather?"}, {data: {"data": PNG, mime_type: "image/png"}}]},
        {
            "role": "model",
            "parts": [nulls | {call: {"id": None, "name": "get_weather", "args": {"city": "Oslo"}}}],
        },
        {"role": "user", "parts": [{answer: {"name": "get_weather", "response": {"output": "rain"}}}]},
    ]
    declared = {"name": "get_weather", "description": "Weather.", "parameters": GEMINI_SCHEMA}
    config = {system: "Be brief.", "tools": [{declarations: [declared]}]}
    candidate = {"content": {"role": "model", "parts": [{"text": "Rain."}]}, finish: "STOP", "index": 0}
    return run_of({"model": "gemini", "contents": contents, "config": config}, {"candidates": [candidate]})


@pytest.mark.parametrize("camel", [False, True], ids=["Python", "JavaScript"])
@pytest.mark.parametrize("door", DOORS)
def test_googles_own_sdk_is_read_whole(door, camel):
    line, notes = only_line(door, genai_run(camel=camel))
    call = copy.deepcopy(CALLED["messages"][1]["tool_calls"][0]) | {"id": "call_0"}
    assert line == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}, IMAGE]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "rain", "tool_call_id": "call_0"},
            {"role": "assistant", "content": "Rain."},
        ],
        "tools": [{"type": "function", "function": {**WEATHER["function"], "parameters": JSON_SCHEMA}}],
    }
    assert notes == {"ids_made"}


def test_pieces_of_geminis_stream_make_one_answer():
    pieces = [{"text": "Hm.", "thought": True}, {"text": "Ra"}, {"text": "in."}]
    chunks = [{"candidates": [{"content": {"parts": [piece]}}]} for piece in pieces]
    chunks[-1]["candidates"][0]["finish_reason"] = "MAX_TOKENS"
    run = run_of({"contents": "Weather?"}, {"output": chunks})
    line, notes = only_line(by_bulk, run)
    assert line["messages"][-1] == {"role": "assistant", "content": "Rain."}
    assert notes == {"reasoning_dropped", "answer_cut_off"}


@pytest.mark.parametrize("image", [PNG, {"value": PNG}])
def test_images_of_ollama_stand_after_the_text(image):
    asked = {"role": "user", "content": "What?", "images": [image]}
    run = run_of({"messages": [asked]}, {"message": HELLO["messages"][1], "done": True})
    line, notes = only_line(by_bulk, run)
    assert line["messages"][0]["content"] == [{"type": "text", "text": "What?"}, IMAGE]
    assert notes == set()


def test_images_of_ollama_by_path_are_lost():
    asked = {"role": "user", "content": "What?", "images": ["./cat.png"]}
    run = run_of({"messages": [asked]}, {"message": HELLO["messages"][1], "done": True})
    assert by_loader(run)[1] == ["lost_at_source"]


def test_thinking_of_ollama_is_kept_on_request_and_else_noted():
    said = {"role": "assistant", "content": "Hello!", "thinking": "Hm."}
    run = run_of({"messages": HELLO["messages"][:1]}, {"message": said, "done": True})
    assert by_bulk(run)[2] == ["reasoning_dropped"]
    conversation, source = conversation_from_run(run, keep_reasoning=True)
    assert conversation.messages[-1]["reasoning_content"] == "Hm."
    assert source.notes == ()


def test_stream_of_ollama_that_was_left_is_cut_off():
    pieces = [{"message": {"role": "assistant", "content": text}, "done": False} for text in ("Hel", "lo")]
    run = run_of({"messages": HELLO["messages"][:1]}, {"output": pieces})
    line, notes = only_line(by_bulk, run)
    assert (line["messages"][-1]["content"], notes) == ("Hello", {"answer_cut_off"})


def anthropic_events(*, to_the_end=True):
    deltas = [
        (0, {"type": "thinking_delta", "thinking": "Hm."}), (0, {"type": "signature_delta", "signature": "s"}),
        (1, {"type": "text_delta", "text": "Let me "}), (1, {"type": "text_delta", "text": "see."}),
        (2, {"type": "input_json_delta", "partial_json": '{"city": '}),
        (2, {"type": "input_json_delta", "partial_json": '"Oslo"}'}),
    ]  # fmt: skip
    begun = [
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}},
    ]
    events = [{"type": "message_start", "message": {"role": "assistant", "content": []}}, {"type": "ping"}]
    for index, block in enumerate(begun):
        events.append({"type": "content_block_start", "index": index, "content_block": block})
        events += [
            {"type": "content_block_delta", "index": index, "delta": d} for i, d in deltas if i == index
        ]
        events.append({"type": "content_block_stop", "index": index})
    end = [{"type": "message_delta", "delta": {"stop_reason": "tool_use"}}, {"type": "message_stop"}]
    return events + (end if to_the_end else [])


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("key", ["output", "outputs"])
def test_events_of_anthropics_stream_make_one_answer(key, door):
    tool = {"name": "get_weather", "description": "Weather.", "input_schema": PARAMETERS}
    run = run_of({"messages": CALLED["messages"][:1], "tools": [tool]}, {key: anthropic_events()})
    line, notes = only_line(door, run)
    answer = CALLED["messages"][1] | {"content": "Let me see."}
    assert line["messages"][-1] == answer | {"tool_calls": answer["tool_calls"][:1]}
    assert notes == {"reasoning_dropped"}
    run["outputs"] = {key: anthropic_events(to_the_end=False)}
    assert "answer_cut_off" in only_line(door, run)[1]


def test_call_of_a_stream_without_a_word_has_no_arguments():
    run = run_of({"messages": CALLED["messages"][:1]}, {"output": [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockStart": {"start": {"toolUse": {"toolUseId": "c1", "name": "now"}}, "contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "tool_use"}},
    ]})  # fmt: skip
    line, _ = only_line(by_bulk, run)
    assert line["messages"][-1]["tool_calls"][0]["function"] == {"name": "now", "arguments": "{}"}


@pytest.mark.parametrize("event", [
    {"type": "content_block_delta", "index": 7, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    {"type": "content_block_delta", "index": "1", "delta": {"text": "x"}},
    {"contentBlockDelta": {"contentBlockIndex": 1, "delta": None}},
    "message_stop",
])  # fmt: skip
def test_events_that_make_no_message_refuse_the_run(event):
    run = run_of({"messages": CALLED["messages"][:1]}, {"output": [*anthropic_events(), event]})
    assert by_loader(run)[1] == by_bulk(run)[1] == ["malformed"]


# -- wrappers, exporters and platforms -----------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_pieces_beside_whole_anthropic_message_are_ignored(door):
    for line in (HELLO, {**CALLED, "messages": CALLED["messages"][:2]}):
        run = wrap_anthropic_run(line)
        run["outputs"] |= {"output": ["Hel", "lo!"], "stop_reason": "end_turn"}
        assert only_line(door, run) == (line, set())


@pytest.mark.parametrize("door", DOORS)
def test_one_message_and_one_choice_of_dify_are_read(door):
    usage = {"usage_metadata": {"input_tokens": 1}, "file_list": []}
    run = run_of(
        {"messages": {"role": "user", "content": "Hi", **usage}},
        {"choices": {"role": "ai", "content": "Hello!", **usage}},
    )
    assert only_line(door, run) == (HELLO, set())


@pytest.mark.parametrize("door", DOORS)
def test_workflow_node_of_dify_is_read(door):
    outputs = {"text": "Hello!", "usage": {"total_tokens": 2}, "finish_reason": "stop", "file_list": []}
    assert only_line(door, run_of({"messages": HELLO["messages"][:1]}, outputs)) == (HELLO, set())


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "said", ["Hello!", {"role": "assistant", "content": "Hello!"}, ["assistant", "Hello!"]]
)
def test_javascript_traced_function_is_read_by_its_result(said, door):
    assert only_line(door, run_of({"messages": HELLO["messages"][:1]}, {"outputs": said})) == (HELLO, set())


@pytest.mark.parametrize("operation", ["ai.generateText", "ai.streamText", "ai.generateObject"])
def test_run_around_the_calls_of_ai_sdk_4_is_no_call(operation):
    outputs = {"llm_output": {"type": "ai", "data": {"content": "Hello!"}}}
    run = run_of({"input": {"prompt": "Hi"}}, outputs, metadata={"ai.operationId": operation})
    assert by_loader(run)[1] == by_bulk(run)[1] == ["not_llm"]
    run["inputs"] = {"messages": [{"type": "human", "data": {"content": "Hi"}}]}
    run["extra"]["metadata"]["ai.operationId"] += ".doGenerate"
    assert only_line(by_bulk, run) == (HELLO, set())


@pytest.mark.parametrize("door", DOORS)
def test_tool_that_failed_in_ai_sdk_7_is_no_part_of_the_answer(door):
    call = {"type": "tool-call", "toolCallId": "c1", "toolName": "get_weather", "input": {"city": "Oslo"}}
    failed = {**call, "type": "tool-error", "error": {"message": "boom"}}
    run = run_of(
        {"messages": [{"role": "user", "content": "Weather?"}]},
        {"role": "assistant", "content": [call, failed], "finish_reason": "tool-calls"},
        metadata={"ls_integration": "vercel-ai-sdk-telemetry"},
        invocation_params={"instructions": "Be brief.", "tools": [WEATHER["function"]]},
    )
    line, notes = only_line(door, run)
    assert line["messages"][0] == {"role": "system", "content": "Be brief."}
    assert line["messages"][-1]["tool_calls"] == CALLED["messages"][1]["tool_calls"][:1]
    assert (line["tools"], notes) == ([WEATHER], set())


@pytest.mark.parametrize("key", ["parameters_json_schema", "parameters"])
def test_tools_of_googles_adk_keep_their_parameters(key):
    declared = {"name": "f", key: JSON_SCHEMA if key == "parameters_json_schema" else GEMINI_SCHEMA}
    outputs = HELLO["messages"][1]
    run = run_of({"messages": HELLO["messages"][:1]}, outputs)
    run["extra"] = {"invocation_params": {"tools": [{"type": "function", "function": declared}]}}
    line, notes = only_line(by_bulk, run)
    assert line["tools"][0]["function"] == {"name": "f", "parameters": JSON_SCHEMA}
    assert notes == set()


def test_tools_langchain_could_not_write_count_as_missing():
    run = langchain_run(HELLO)
    unwritten = {"lc": 1, "type": "not_implemented", "id": ["langchain", "tools", "DynamicStructuredTool"]}
    run["extra"]["options"] = {"tools": [unwritten]}
    assert only_line(by_bulk, run) == (HELLO, {"tools_missing"})


@pytest.mark.parametrize("output_type", ["str", "text", None])
def test_plain_text_of_an_agent_is_no_response_format(output_type):
    metadata = {"ls_integration": "openai-agents-sdk", "output_type": output_type}
    run = run_of(
        {"input": HELLO["messages"][:1]}, {"choices": [{"message": HELLO["messages"][1]}]}, metadata=metadata
    )
    assert by_loader(run)[2] == ["tools_missing"]


# -- what was lost, and what is not known --------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", ["[base64_data truncated: 12.50KB]", "iVBORw0KGgo...", "iVBOR…", "iVBO[cut]"]
)
@pytest.mark.parametrize("door", DOORS)
def test_image_that_was_cut_is_lost(data, door):
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    run = wrap_openai_run({"messages": [{"role": "user", "content": [image]}, HELLO["messages"][1]]})
    assert door(run)[1] == ["lost_at_source"]


@pytest.mark.parametrize("door", DOORS)
def test_image_that_was_cut_within_a_text_is_lost(door):
    text = "See data:image/png;base64,[base64_data truncated: 12.50KB]"
    for producer in (wrap_openai_run, langchain_run):
        run = producer({"messages": [{"role": "user", "content": text}, HELLO["messages"][1]]})
        assert door(run)[1] == ["lost_at_source"]


@pytest.mark.parametrize("part", ["{'type': 'image', 'data': 'iVBO', 'mime_type': 'image/png'}",
                                  "{'type': 'file', 'file_uri': 'gs://a', 'mime_type': 'image/png'}"])  # fmt: skip
def test_part_that_googles_adk_turned_into_words_is_lost(part):
    metadata = {"ls_integration": "google-adk"}
    run = run_of(
        {"messages": [{"role": "user", "content": f"What? {part}"}]}, HELLO["messages"][1], metadata=metadata
    )
    assert by_loader(run)[1] == by_bulk(run)[1] == ["lost_at_source"]
    run["extra"]["metadata"] = {}
    assert by_loader(run)[1] == by_bulk(run)[1] == []  # anybody else may write so


FIELDS = ("outputs", "generations", 0, 0, "message", "kwargs")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("run", "path"),
    [
        (langchain_run(HELLO), (*FIELDS, "additional_kwargs")),
        (langchain_run(HELLO), FIELDS),
        (wrap_openai_run(HELLO), ("outputs", "choices", 0, "message")),
        (wrap_openai_run(HELLO), ("outputs", "choices", 0)),
        (wrap_openai_run(HELLO), ("outputs",)),
        (wrap_anthropic_run(HELLO), ("outputs",)),
        (
            run_of({"messages": HELLO["messages"][:1]}, {"message": {**HELLO["messages"][1]}}),
            ("outputs", "message"),
        ),
    ],
)
@pytest.mark.parametrize("value", ["words", ["words"], {"said": "words"}])
def test_key_of_an_answer_that_nobody_knows_is_noted(run, path, value, door):
    assert only_line(door, changed(run, (*path, "novelty"), value)) == (HELLO, {"keys_dropped"})


@pytest.mark.parametrize("value", [None, "", [], {}, 0, 1.5, True])
def test_key_of_an_answer_that_says_nothing_is_not_noted(value):
    for run, path in ((langchain_run(HELLO), FIELDS), (wrap_openai_run(HELLO), ("outputs", "choices", 0))):
        assert only_line(by_bulk, changed(run, (*path, "novelty"), value)) == (HELLO, set())


SCHEMA = {"type": "json_schema", "schema": PARAMETERS}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("place", "settings"),
    [
        (
            "params",
            {"generationConfig": {"responseSchema": PARAMETERS, "responseMimeType": "application/json"}},
        ),
        ("params", {"response_mime_type": "application/json"}),
        ("params", {"response_json_schema": PARAMETERS}),
        ("params", {"output_config": {"format": SCHEMA, "effort": "low"}}),
        ("params", {"outputConfig": {"textFormat": {"type": "json_schema"}}}),
        ("params", {"format": "json"}),
        ("inputs", {"format": PARAMETERS}),
        ("inputs", {"output_format": SCHEMA}),
    ],
)
def test_format_that_an_answer_was_held_to_is_noted(place, settings, door):
    run = langchain_run(HELLO) if place == "params" else wrap_openai_run(HELLO)
    (run["extra"]["invocation_params"] if place == "params" else run["inputs"]).update(settings)
    assert only_line(door, run) == (HELLO, {"response_format"})


@pytest.mark.parametrize(
    "settings",
    [
        {"generationConfig": {"stopSequences": []}}, {"response_mime_type": "text/plain"}, {"output_config": None},
        {"output_config": {"effort": "low"}}, {"format": ""}, {"response_format": {"type": "text"}},
    ],
)  # fmt: skip
def test_settings_that_name_no_format_are_not_noted(settings):
    run = langchain_run(HELLO)
    run["extra"]["invocation_params"].update(settings)
    assert only_line(by_loader, run) == only_line(by_bulk, run) == (HELLO, set())
