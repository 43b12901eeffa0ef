"""What each dialect says that others do not; and what is refused or noted because a line cannot say it."""

from __future__ import annotations

import copy
from typing import get_args

import pytest

from langsmith_finetune import LangSmithRunChatLoader, RunNotUsableError, examples_from_runs
from langsmith_finetune.dialects.read import conversation_from_run
from langsmith_finetune.errors import RunReason
from langsmith_finetune.examples.source import NoteKind
from tests.support.corpus import captured, traces
from tests.support.payloads import (
    langchain_run,
    openai_agents_run,
    responses_run,
    vercel_run,
    wrap_anthropic_run,
    wrap_gemini_run,
    wrap_openai_run,
)

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Weather.", "parameters": {"type": "object"}},
}
HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
CALLED = {
    "messages": [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1"},
        {"role": "assistant", "content": "Sunny."},
    ],
    "tools": [WEATHER],
}


def read(run):
    """(messages, kinds of notes), or the refusal."""
    loader = LangSmithRunChatLoader([run])
    loader.load()
    if loader.skipped:
        return loader.skipped[0]
    (example,) = examples_from_runs([run])
    return example.line["messages"], set(loader.notes.counts)


def changed(run, path, value):
    """A copy with the value at the path."""
    run = copy.deepcopy(run)
    *way, last = path
    place = run
    for key in way:
        place = place[key]
    place[last] = value
    return run


def asked(run, *messages):
    return changed(run, ["inputs", "messages"], list(messages))


REASONED, ANTHROPIC, GEMINI = responses_run(HELLO), wrap_anthropic_run(HELLO), wrap_gemini_run(HELLO)
RESPONSES = changed(REASONED, ["outputs", "output"], REASONED["outputs"]["output"][1:])
VERCEL, AGENTS = vercel_run(HELLO), openai_agents_run(HELLO, streamed=True)
WRAPPED, LANGCHAIN = wrap_openai_run(HELLO), langchain_run(HELLO)
NO_FORM = "which a training line has no form for"
KEPT = "the call went on from previous_response_id, a conversation or a prompt that the provider keeps"
ANSWER = ["outputs", "generations", 0, 0, "message", "kwargs"]

UNUSABLE = {
    "a provider's tool in Responses": (
        changed(RESPONSES, ["outputs", "output"], [{"type": "web_search_call", "id": "ws_1"}]),
        "not_expressible",
        f"outputs.output[0] is a web_search_call item, {NO_FORM}",
    ),
    "a provider's tool of Anthropic's": (
        changed(ANTHROPIC, ["outputs", "content"], [{"type": "server_tool_use", "id": "s", "name": "web_search"}]),
        "not_expressible",
        f"outputs.content[0] is a server_tool_use block, {NO_FORM}",
    ),
    "a provider's tool in LangChain": (
        changed(LANGCHAIN, [*ANSWER, "additional_kwargs"], {"tool_outputs": [{"type": "web_search_call"}]}),
        "not_expressible",
        "outputs.generations[0][0].message.additional_kwargs.tool_outputs holds what tools at the provider found",
    ),
    "a provider's tool in the AI SDK": (
        asked(VERCEL, {"role": "assistant", "content": [{"type": "tool-call", "providerExecuted": True}]}),
        "not_expressible",
        "inputs.messages[0].content[0] is a call of a tool that ran at the provider",
    ),
    "a custom tool": (
        asked(WRAPPED, {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]}),
        "not_expressible",
        "inputs.messages[0].tool_calls[0] calls a custom tool, which takes text, not arguments",
    ),
    "an image by file id in Responses": (
        changed(RESPONSES, ["inputs", "input"], [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]),
        "not_expressible",
        "inputs.input[0].content[0] is an image by file id, which a chat message cannot name",
    ),
    "an image by file id of Anthropic's": (
        asked(ANTHROPIC, {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}),
        "not_expressible",
        "inputs.messages[0].content[0] is an image by file id, which a chat message cannot name",
    ),
    "a document as text": (
        asked(ANTHROPIC, {"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "x"}}]}),
        "not_expressible",
        "inputs.messages[0].content[0] is a file by address or as text, which a chat message cannot hold",
    ),
    "a video of Google's": (
        changed(LANGCHAIN, ["inputs", "messages", 0, 0, "kwargs", "content"], [{"type": "media", "mime_type": "video/mp4"}]),
        "not_expressible",
        "inputs.messages[0][0].content[0] is a media block that is no image, nor audio or a PDF with its data",
    ),
    "other media of OpenTelemetry": (
        asked(WRAPPED, {"role": "user", "parts": [{"type": "uri", "modality": "video", "uri": "x"}]}),
        "not_expressible",
        "inputs.messages[0].parts[0] is media of a kind that a chat message has no part for",
    ),
    "a previous response": (changed(RESPONSES, ["inputs", "previous_response_id"], "resp_0"), "kept_elsewhere", KEPT),
    "a conversation": (changed(RESPONSES, ["inputs", "conversation"], {"id": "conv_0"}), "kept_elsewhere", KEPT),
    "a stored prompt": (changed(RESPONSES, ["inputs", "prompt"], {"id": "pmpt_0"}), "kept_elsewhere", KEPT),
    "a previous response of an agent's": (
        changed(AGENTS, ["extra", "metadata", "previous_response_id"], "resp_0"),
        "kept_elsewhere",
        KEPT,
    ),
    "a stored prompt of an agent's": (
        changed(AGENTS, ["extra", "metadata", "prompt"], {"id": "pmpt_0"}),
        "kept_elsewhere",
        KEPT,
    ),
    "a previous response in LangChain": (
        changed(LANGCHAIN, ["extra", "invocation_params", "previous_response_id"], "resp_0"),
        "kept_elsewhere",
        KEPT,
    ),
    "a previous response in the AI SDK": (
        changed(VERCEL, ["inputs", "providerOptions"], {"openai": {"previousResponseId": "resp_0"}}),
        "kept_elsewhere",
        KEPT,
    ),
    "cached content": (changed(GEMINI, ["inputs", "config", "cached_content"], "c"), "kept_elsewhere", KEPT),
    "an item by reference": (
        changed(RESPONSES, ["inputs", "input"], [{"type": "item_reference", "id": "msg_0"}]),
        "kept_elsewhere",
        "inputs.input[0] refers to an item that the provider keeps",
    ),
    "an emptied message of wrap_gemini's": (
        asked(GEMINI, {"role": "model", "content": ""}),
        "lost_at_source",
        "inputs.messages[0] was posted without its parts, as wrap_gemini does",
    ),
    "a stream of wrap_gemini's with tools": (
        changed(
            changed(GEMINI, ["inputs", "config", "tools"], [{"function_declarations": []}]), ["outputs"], {"content": ""}
        ),
        "lost_at_source",
        "wrap_gemini posts the text of a stream alone; tools were offered",
    ),
    "thoughts in the answer of wrap_gemini's": (
        changed(
            changed(GEMINI, ["inputs", "config", "thinking_config"], {"include_thoughts": True}),
            ["outputs", "content"],
            [{"type": "text", "text": "Hm."}, {"type": "text", "text": "Hello!"}],
        ),
        "lost_at_source",
        "wrap_gemini mixes the thoughts that were asked for into the answer",
    ),
    "a Python function as Gemini's tool": (
        changed(GEMINI, ["inputs", "config", "tools"], ["<function f>"]),
        "lost_at_source",
        "inputs.config.tools[0] is a Python function, called unseen by the SDK",
    ),
    "LiteLLM without messages": (
        changed(WRAPPED, ["outputs", "choices", 0, "message", "content"], "redacted-by-litellm"),
        "hidden",
        "LiteLLM was told to leave messages out of its logs",
    ),
    "a failed response": (
        changed(RESPONSES, ["outputs", "status"], "failed"),
        "failed",
        "outputs.status says that the call failed",
    ),
    "no output": (changed(WRAPPED, ["outputs"], {"output": None}), "empty_output", "outputs.output is null"),
    "no item": (
        changed(RESPONSES, ["outputs", "output"], [{"type": "reasoning"}]),
        "empty_output",
        "outputs.output holds no message and no call",
    ),
    "no message": (changed(WRAPPED, ["outputs"], {"messages": []}), "empty_output", "outputs.messages is an empty list"),
    "an answer with a user's turn": (
        changed(RESPONSES, ["outputs", "output"], [{"type": "message", "role": "user", "content": "Hi"}]),
        "malformed",
        "outputs.output holds more than what the model said",
    ),
    "two answers in a row": (
        changed(WRAPPED, ["outputs"], {"messages": [HELLO["messages"][1], HELLO["messages"][1]]}),
        "malformed",
        "outputs.messages has two assistant messages in a row; cannot tell which is the answer",
    ),
    "an answer that ends with a tool": (
        changed(WRAPPED, ["outputs"], {"messages": CALLED["messages"][1:3]}),
        "malformed",
        'the role of the last of outputs.messages must be "assistant", found "tool"',
    ),
    "calls told twice, and otherwise": (
        asked(VERCEL, {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "a", "toolName": "f"}], "tool_calls": [CALL]}),
        "malformed",
        "inputs.messages[0] has other calls in its content than in tool_calls",
    ),
    "a user's call": (
        asked(ANTHROPIC, {"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}),
        "malformed",
        "inputs.messages[0] calls a tool, which only an assistant message does",
    ),
    "a message that says nothing where it should": (
        asked(WRAPPED, {"role": "user", "text": "Hi"}),
        "malformed",
        "inputs.messages[0].content must be text or parts, found nothing",
    ),
    "a user's call in OpenAI's form": (
        asked(WRAPPED, {"role": "user", "content": "Hi", "tool_calls": [CALL]}),
        "malformed",
        "inputs.messages[0] calls a tool, which only an assistant message does",
    ),
    "an answer to nothing": (
        asked(GEMINI, {"role": "user", "content": [{"type": "function_response", "function_response": {"name": "f", "response": {}}}]}),
        "malformed",
        "inputs.messages[0].content[0] answers a call that nobody made",
    ),
    "a list of unknown things": (
        changed(WRAPPED, ["outputs"], {"output": ["Sun", "ny."]}),  # pieces of a stream? candidates?
        "unknown_shape",
        "outputs.output is a list of nothing that a model is known to answer",
    ),
    "a prompt": (
        changed(changed(WRAPPED, ["inputs"], {"prompt": "Hi"}), ["outputs"], {"output": "Hello!"}),
        "completion_model",
        "inputs.prompt holds text, not messages",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("run", "reason", "detail"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_a_line_cannot_say_is_refused_with_its_reason(run, reason, detail):
    error = read(run)
    assert isinstance(error, RunNotUsableError)
    assert (error.reason, error.detail) == (reason, detail)


def test_the_reasons_of_this_file_are_all_reached():
    reached = {reason for _, reason, _ in UNUSABLE.values()}
    assert {"not_expressible", "kept_elsewhere", "lost_at_source"} <= reached <= set(get_args(RunReason))


NOTED = {
    "an answer cut off in Responses": (changed(RESPONSES, ["outputs", "status"], "incomplete"), "answer_cut_off"),
    "an answer cut off by Anthropic": (changed(ANTHROPIC, ["outputs", "stop_reason"], "max_tokens"), "answer_cut_off"),
    "an answer cut off by Gemini": (changed(GEMINI, ["outputs", "finish_reason"], "MAX_TOKENS"), "answer_cut_off"),
    "an answer cut off in the AI SDK": (
        changed(VERCEL, ["outputs", "finishReason"], {"unified": "length"}),
        "answer_cut_off",
    ),
    "an answer of ChatAnthropic cut off": (
        changed(LANGCHAIN, [*ANSWER, "response_metadata"], {"stop_reason": "max_tokens"}),
        "answer_cut_off",
    ),
    "attachments": (changed(WRAPPED, ["attachments"], {"image": ["image/png", "..."]}), "attachments"),
    "a hosted file": (
        changed(RESPONSES, ["inputs", "input"], [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]),
        "hosted_file",
    ),
    "a call without an id": (
        asked(GEMINI, {"role": "model", "content": [{"type": "function_call", "function_call": {"name": "f", "arguments": {}}}]}),
        "ids_made",
    ),
    "a failed tool": (
        asked(ANTHROPIC, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x", "is_error": True}]}),
        "keys_dropped",
    ),
    "several candidates of Gemini's": (
        changed(GEMINI, ["inputs", "config", "candidate_count"], 2),
        "other_candidates",
    ),
    "several choices of OpenTelemetry": (
        changed(WRAPPED, ["outputs"], {"messages": [HELLO["messages"][1] | {"finish_reason": "stop"}] * 2}),
        "other_candidates",
    ),
    "a thought of Gemini's, marked": (
        changed(
            GEMINI,
            ["outputs", "content"],
            [{"type": "text", "text": "Hm.", "thought": True}, {"type": "text", "text": "Hello!"}],
        ),
        "reasoning_dropped",
    ),
    "an anonymizer's mark": (asked(WRAPPED, {"role": "user", "content": "I am [redacted]"}), "redacted"),
    "a secret in a call": (
        asked(WRAPPED, CALLED["messages"][1] | {"tool_calls": [changed(CALL, ["function", "arguments"], "[SECRET_DETECTED]")]}),
        "redacted",
    ),
    "a text format": (
        changed(RESPONSES, ["inputs", "text"], {"format": {"type": "json_schema"}}),
        "response_format",
    ),
    "a format of Gemini's": (
        changed(GEMINI, ["inputs", "config", "response_mime_type"], "application/json"),
        "response_format",
    ),
    "a format of Anthropic's": (changed(ANTHROPIC, ["inputs", "output_format"], {"type": "x"}), "response_format"),
    "an agent's output type": (
        changed(AGENTS, ["extra", "metadata", "output_type"], "Weather"),
        "response_format",
    ),
    "a tool of Google's": (
        changed(GEMINI, ["inputs", "config", "tools"], [{"google_search": {}}]),
        "server_tool_dropped",
    ),
    "servers of tools": (changed(ANTHROPIC, ["inputs", "mcp_servers"], [{"name": "x"}]), "server_tool_dropped"),
    "a tool choice of Gemini's": (
        changed(GEMINI, ["inputs", "config", "tool_config"], {"function_calling_config": {"mode": "ANY"}}),
        "tool_choice",
    ),
    "a tool choice of Anthropic's": (changed(ANTHROPIC, ["inputs", "tool_choice"], {"type": "any"}), "tool_choice"),
    "a tool choice in the AI SDK": (changed(VERCEL, ["inputs", "toolChoice"], {"type": "required"}), "tool_choice"),
    "a tool choice of an agent's": (
        changed(AGENTS, ["extra", "invocation_params", "model_config"], {"tool_choice": "required"}),
        "tool_choice",
    ),
    "a call without tools": (asked(ANTHROPIC, *CALLED["messages"][:3]), "tools_missing"),
}  # fmt: skip


@pytest.mark.parametrize(("run", "kind"), NOTED.values(), ids=NOTED)
def test_what_a_line_leaves_out_is_noted(run, kind):
    _, kinds = read(run)
    if kind != "tools_missing":
        kinds -= {"tools_missing"}  # these runs have none
    assert kinds == {kind}


def test_note_kinds_are_closed_and_each_is_reached():
    elsewhere = {
        "answer_in_request", "answer_repeated", "arguments_missing", "found_in_trace", "history_missing",
        "other_inputs", "reasoning_mixed", "system_missing", "compaction_call", "middleware_call", "title_call",
        "numbers_rounded", "text_missing", "unsent",
        "calls_missing", "schema_changed", "turns_joined",
    }  # fmt: skip
    assert {kind for _, kind in NOTED.values()} | elsewhere == set(get_args(NoteKind))


def test_a_run_with_a_note_that_the_caller_refuses_is_refused():
    run = asked(WRAPPED, {"role": "user", "content": "I am [redacted]"})
    conversation_from_run(run, skip_notes={"reasoning_dropped"})
    with pytest.raises(RunNotUsableError) as refused:
        conversation_from_run(run, skip_notes={"redacted"})
    assert refused.value.reason == "unwanted_note"
    assert refused.value.detail == "it has notes that skip_notes= names: redacted"


def test_claude_agent_finds_system_prompt_in_its_trace():
    trace = traces("claude_agent_sdk", "claude_agent")
    run = next(run for run in trace if run["run_type"] == "llm")
    conversation, source = conversation_from_run(run, trace_runs=trace)
    assert conversation.messages[0] == {"role": "system", "content": "You are terse."}
    assert {note.kind for note in source.notes} == {
        "found_in_trace",
        "history_missing",
        "reasoning_dropped",
        "tools_missing",
    }


def test_tools_are_found_in_the_trace_but_names_alone_are_none():
    root = {"id": "root", "run_type": "chain", "inputs": {"tools": [WEATHER]}}
    agent = {
        "id": "agent",
        "parent_run_id": "root",
        "extra": {"invocation_params": {"tools": ["get_weather"]}},
    }
    run = openai_agents_run(CALLED) | {"parent_run_id": "agent"}
    conversation, source = conversation_from_run(run, trace_runs=[root, agent])
    assert conversation.tools == [WEATHER]
    assert [note.kind for note in source.notes] == ["found_in_trace"]
    _, source = conversation_from_run(run, trace_runs=[agent])
    assert [note.kind for note in source.notes] == ["tools_missing"]


def test_a_trace_that_runs_in_a_circle_ends():
    one = {"id": "one", "parent_run_id": "two"}
    two = {"id": "two", "parent_run_id": "one"}
    _, source = conversation_from_run(
        openai_agents_run(HELLO) | {"parent_run_id": "one"}, trace_runs=[one, two]
    )
    assert [note.kind for note in source.notes] == ["tools_missing"]


def test_what_was_said_in_one_go_is_one_message():
    call = {"type": "function_call", "call_id": "call_1", "name": "get_weather", "arguments": "{}"}
    texts = [
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": t}]}
        for t in "ab"
    ]
    (_, answer), _ = read(changed(RESPONSES, ["outputs", "output"], [texts[0], call, texts[1]]))
    assert answer["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert answer["tool_calls"] == [CALL]
    history = [
        {"role": "user", "content": "Hi"},
        call,
        texts[0],
        {"type": "function_call_output", "call_id": "call_1", "output": "x"},
    ]
    messages, _ = read(changed(RESPONSES, ["inputs", "input"], history))
    assert messages[1] == {"role": "assistant", "content": "a", "tool_calls": [CALL]}


def test_a_refusal_in_responses_is_a_refusal_in_chat():
    said = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}
    (_, answer), _ = read(changed(RESPONSES, ["outputs", "output"], [said]))
    assert answer == {"role": "assistant", "content": None, "refusal": "No."}


def test_a_default_that_an_answer_repeats_is_no_setting():
    (run,) = [run for _, run in captured("openai_agents") if "tools" in run["extra"]["invocation_params"]][:1]
    (example,) = examples_from_runs([run])
    assert "parallel_tool_calls" not in example.line
    run = changed(run, ["extra", "invocation_params", "parallel_tool_calls"], False)
    (example,) = examples_from_runs([run])
    assert example.line["parallel_tool_calls"] is False


def test_anthropic_s_way_to_forbid_parallel_calls_is_openai_s():
    run = wrap_anthropic_run(CALLED)
    run["inputs"]["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
    (example,) = examples_from_runs([run])
    assert example.line["parallel_tool_calls"] is False
    assert example.source.notes == ()


def test_tool_results_and_user_text_keep_their_order():
    results = [
        {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "sunny"}]},
        {"type": "text", "text": "And tomorrow?"},
    ]
    run = wrap_anthropic_run(CALLED)
    run["inputs"]["messages"][-1]["content"] = results
    messages, _ = read(run)
    assert messages[2:4] == [
        {"role": "tool", "content": "sunny", "tool_call_id": "call_1"},
        {"role": "user", "content": "And tomorrow?"},
    ]


def test_a_system_prompt_beside_the_messages_comes_first():
    run = changed(ANTHROPIC, ["inputs", "system"], [{"type": "text", "text": "Be terse."}])
    messages, _ = read(run)
    assert messages[0] == {"role": "system", "content": "Be terse."}


def test_gemini_s_schemas_become_json_schema():
    declared = {
        "name": "f",
        "parameters": {
            "type": "OBJECT",
            "properties": {"type": {"type": "STRING", "max_length": 3}, "list": {"type": "ARRAY", "items": {"any_of": [{"type": "NUMBER"}]}}},
        },
    }  # fmt: skip
    run = changed(GEMINI, ["inputs", "config", "tools"], [{"function_declarations": [declared]}])
    (example,) = examples_from_runs([run])
    assert example.line["tools"][0]["function"]["parameters"] == {
        "type": "object",
        "properties": {
            "type": {"type": "string", "maxLength": 3},
            "list": {"type": "array", "items": {"anyOf": [{"type": "number"}]}},
        },
    }


def test_gemini_s_answer_gets_an_id_that_no_call_before_it_has():
    line = {"messages": [*CALLED["messages"][:3], CALLED["messages"][1]], "tools": [WEATHER]}
    run = wrap_gemini_run(line)
    assert run["outputs"]["tool_calls"][0]["id"] == "call_0"  # the wrapper's
    messages, kinds = read(run)
    assert [call["id"] for message in messages for call in message.get("tool_calls", ())] == [
        "call_0",
        "call_1",
    ]
    assert kinds == {"ids_made"}


def test_system_instruction_in_config_means_gemini():
    run = changed(wrap_gemini_run(HELLO), ["extra"], {"metadata": {}})
    run["inputs"]["config"] = {
        "systemInstruction": {"parts": [{"text": "Be terse."}]}
    }  # as JavaScript spells it
    messages, _ = read(run)
    assert messages[0] == {"role": "system", "content": "Be terse."}


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"type": "text", "value": "sunny"}, "sunny"),
        ({"type": "error-text", "value": "no"}, "no"),
        ({"type": "json", "value": {"a": [1, "ü"]}}, '{"a":[1,"ü"]}'),
        ({"type": "content", "value": [{"type": "text", "text": "x"}]}, '[{"type":"text","text":"x"}]'),
        ({"type": "execution-denied"}, "Tool execution denied."),
        ({"type": "execution-denied", "reason": "no"}, "no"),
    ],
)
def test_ai_sdk_tool_outputs_are_read_as_sent(output, text):
    block = {"type": "tool-result", "toolCallId": "call_1", "toolName": "f", "output": output}
    messages, _ = read(asked(VERCEL, {"role": "tool", "content": [block]}))
    assert messages[0] == {"role": "tool", "content": text, "tool_call_id": "call_1"}


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (
            "https://example.com/a.png",
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        ),
        (
            "data:audio/wav;base64,AAAA",
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        ),
        (
            "data:application/pdf;base64,AAAA",
            {
                "type": "file",
                "file": {"filename": "part-0.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            },
        ),
    ],
)
def test_the_ai_sdk_s_files_are_what_its_provider_sends(data, part):
    content = [{"type": "file", "file": {"file_data": data}}, {"type": "text", "text": "See"}]
    messages, _ = read(asked(VERCEL, {"role": "user", "content": content}))
    assert messages[0]["content"] == [part, {"type": "text", "text": "See"}]


def test_outputs_repeating_inputs_do_not_double_history():
    run = changed(WRAPPED, ["outputs"], {"messages": HELLO["messages"]})
    assert read(run)[0] == HELLO["messages"]


def test_a_trajectory_is_kept_whole():
    run = wrap_openai_run(CALLED)
    run["inputs"]["messages"] = CALLED["messages"][:1]
    run["outputs"] = {"messages": CALLED["messages"][1:]}
    assert read(run)[0] == CALLED["messages"]


@pytest.mark.parametrize(
    "outputs",
    [
        {"message": {"type": "ai", "content": "Hello!"}},
        {"message": {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "AIMessage"], "kwargs": {"content": "Hello!"}}},
        {"output": {"role": "assistant", "content": "Hello!"}},
        {"output": [{"role": "assistant", "content": "Hello!"}]},
        {"output": ["ai", "Hello!"]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hello!"}]},
        {"tool_calls": None, "content": "Hello!"},
    ],
)  # fmt: skip
def test_an_answer_is_read_in_every_documented_form(outputs):
    assert read(changed(WRAPPED, ["outputs"], outputs)) == (HELLO["messages"], set())


@pytest.mark.parametrize("extra", [None, {}, {"metadata": {}}])
def test_langchain_run_without_settings_notes_missing_tools(extra):
    _, source = conversation_from_run(LANGCHAIN | {"extra": extra})
    (note,) = source.notes
    assert note.kind == "tools_missing"
    assert note.detail == "the run came without its settings, where LangChain's tracer posts the tools"


def test_the_chunks_of_a_stream_that_nobody_joined_are_joined():
    call = [{"index": 0, "id": "call_1", "function": {"name": "get_weather", "arguments": ""}}]
    deltas = [{"role": "assistant", "content": "Let"}, {"content": " me."}, {"tool_calls": call}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in ("{", "}")]
    chunks = [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta}]} for delta in deltas
    ]
    chunks[-1]["choices"].append({"index": 1, "delta": {"content": "Or so."}})
    messages, kinds = read(changed(WRAPPED, ["outputs"], {"output": [*chunks, {"choices": []}]}))
    assert messages[1:] == [{"role": "assistant", "content": "Let me.", "tool_calls": [CALL]}]
    assert kinds == {"other_candidates", "tools_missing"}


def test_bare_single_message_of_an_agent_is_read():
    run = changed(openai_agents_run(HELLO), ["inputs"], HELLO["messages"][0])
    assert read(run) == (HELLO["messages"], {"tools_missing"})


def test_langchain_instructions_are_the_system_prompt():
    messages, _ = read(changed(LANGCHAIN, ["extra", "invocation_params", "instructions"], "Be terse."))
    assert messages[0] == {"role": "system", "content": "Be terse."}


def test_integers_of_any_size_come_through_every_dialect():
    number = 12345678901234567890123456789
    line = changed(CALLED, ["messages", 1, "tool_calls", 0, "function", "arguments"], f'{{"n":{number}}}')
    for run in (responses_run(line), openai_agents_run(line), wrap_anthropic_run(line), vercel_run(line)):
        messages, _ = read(run)
        assert messages[1]["tool_calls"][0]["function"]["arguments"] == f'{{"n":{number}}}'


# Hostile payloads.


def knot():
    tied = {"type": "object"}
    tied["properties"] = {"a": tied, "b": tied, "c": [tied, tied]}
    return tied


def bush(depth=50):
    twig = ["leaf"]
    for _ in range(depth):
        twig = [twig, twig]
    return {"a": twig}


class Raising(dict):
    def get(self, key, default=None):
        raise ValueError("a prompt")


def own_part():
    message = {"role": "user"}
    message["content"] = [message]
    return message


def own_list():
    messages = [{"role": "user", "content": "Hi"}]
    messages.append(messages)
    return messages


def with_parameters(parameters):
    return changed(wrap_openai_run(CALLED), ["inputs", "tools", 0, "function", "parameters"], parameters)


HOSTILE = {
    "a schema that holds itself": (lambda: with_parameters(knot()), "too_deep"),
    "a schema that is one twig in a thousand million places": (lambda: with_parameters(bush()), "too_large"),
    "a message that holds itself": (lambda: asked(WRAPPED, own_part()), "malformed"),
    "a list of messages that holds itself": (
        lambda: changed(WRAPPED, ["inputs", "messages"], own_list()),
        "malformed",
    ),
    "a long text in very many places": (lambda: asked(WRAPPED, *[{"role": "user", "content": "x" * 10**6}] * 1000), "too_large"),
    "a long name in very many places": (
        lambda: asked(WRAPPED, *[{"role": "user", "content": "x", "name": "x" * 10**6}] * 1000),
        "too_large",
    ),
    "many parts in very many places": (
        lambda: asked(WRAPPED, *[{"role": "user", "content": [{"type": "text", "text": "x"}] * 10**4}] * 1000),
        "too_large",
    ),
    "a stream's piece in very many places": (
        lambda: changed(WRAPPED, ["outputs"], {"output": ["x" * 10**6] * 10**6}) | {"events": [{"name": "new_token"}]},
        "too_large",
    ),
    "answers without ids to very many calls": (
        lambda: asked(
            ANTHROPIC,
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"c{i}", "name": "f"} for i in range(5000)]},
            {"role": "user", "content": [{"type": "tool_result"}] * 5000},
        ),
        "too_large",
    ),
    "an integer that Python does not write": (
        lambda: changed(langchain_run(CALLED), ["inputs", "messages", 0, 1, "kwargs", "tool_calls", 0, "args"], {"n": 10**5000}),
        "malformed",
    ),
    "a role of the wrong type": (lambda: asked(WRAPPED, {"role": ["user"], "content": "Hi"}), "malformed"),
    "a type of the wrong type": (lambda: asked(WRAPPED, {"role": "user", "content": [{"type": ["text"]}]}), "malformed"),
    "an object that raises": (lambda: changed(WRAPPED, ["inputs"], Raising(a=1)), "malformed"),
    "a run that raises": (Raising, "malformed"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("make", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_payload_is_refused_quickly(make, reason):
    with pytest.raises(RunNotUsableError) as refused:
        conversation_from_run(make())
    assert refused.value.reason == reason
    assert "a prompt" not in str(refused.value)


def test_raising_object_is_named_by_its_error_type_alone():
    with pytest.raises(RunNotUsableError, match=r"\(malformed\): reading it raised ValueError$"):
        conversation_from_run(Raising())


@pytest.mark.parametrize("run", [None, 5, [], "", object(), {}, {"id": 10**5000}, {"id": {"a": 1}}])
def test_what_is_no_run_is_refused(run):
    with pytest.raises(RunNotUsableError, match=r"run \(without id\) is not usable \(not_llm\)"):
        conversation_from_run(run)


@pytest.mark.parametrize("depth", [10, 65, 500, 5000, 200_000])
def test_arguments_nested_however_deep_come_through_both_doors(depth):
    text = '{"a":' * depth + "1" + "}" * depth
    run = wrap_openai_run(changed(CALLED, ["messages", 1, "tool_calls", 0, "function", "arguments"], text))
    messages, _ = read(run)
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == text
    assert len(LangSmithRunChatLoader([run]).load()) == 1
