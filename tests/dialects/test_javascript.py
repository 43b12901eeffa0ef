"""What JavaScript's SDK and wrappers post that Python's do not."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from langsmith_finetune import RunNotUsableError
from langsmith_finetune.dialects.read import conversation_from_run
from tests.support.wire import cases

CASES = {name: run for name, run, _ in cases("jstr_", "jsai", "jswo_", "jswa_")}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def traced(*args: Any) -> dict[str, Any]:
    """A traced function of several arguments."""
    run = copy.deepcopy(CASES["jstr_arguments[0]"])
    run["inputs"] = {"args": list(args)}
    run["outputs"] = {"role": "assistant", "content": "ok"}
    return run


def test_arguments_without_names_are_told_by_what_they_are():
    asked = [{"role": "user", "content": "Hi"}]
    for args in ((asked, [TOOL]), ([TOOL], asked)):
        conversation, source = conversation_from_run(traced(*args))
        assert [message["content"] for message in conversation.messages] == ["Hi", "ok"]
        assert [tool["function"]["name"] for tool in conversation.tools] == ["look"]
        assert source.notes == ()
    _, source = conversation_from_run(traced("You are terse.", asked))
    assert [note.kind for note in source.notes] == ["other_inputs"]
    assert conversation_from_run(traced(asked, "gpt-4o", {"temperature": 0}))[1].notes == ()
    with pytest.raises(RunNotUsableError, match="unknown_shape"):
        conversation_from_run(traced("Hi", 1))


@pytest.mark.parametrize("kind", ["response.completed", "response.incomplete"])
def test_events_of_the_responses_api_are_read_by_their_last(kind):
    run = copy.deepcopy(CASES["jstr_events[0]"])
    run["outputs"]["outputs"][-1]["type"] = kind
    said = conversation_from_run(run)[0].messages[-1]["content"]
    assert said == run["outputs"]["outputs"][-1]["response"]["output"][0]["content"][0]["text"]


@pytest.mark.parametrize("change", ["left", "failed", "without its response"])
def test_events_of_the_responses_api_that_end_early_are_refused(change):
    run = copy.deepcopy(CASES["jstr_events[0]"])
    if change == "left":
        run["outputs"]["outputs"].pop()
    elif change == "failed":
        run["outputs"]["outputs"][-1]["type"] = "response.failed"
    else:
        del run["outputs"]["outputs"][-1]["response"]
    with pytest.raises(
        RunNotUsableError, match=r"lost_at_source.*left before the event that holds the response"
    ):
        conversation_from_run(run)


def test_bare_base64_is_an_image_only_where_it_begins_like_one():
    run = copy.deepcopy(CASES["jsai4_images[0]"])
    parts = run["inputs"]["messages"][0]["data"]["content"]
    image = next(part for part in parts if part["type"] == "image_url")
    jpeg = "/9j/4AAQSkZJRgABAQ=="
    for url, expected in ((jpeg, f"data:image/jpeg;base64,{jpeg}"), ("images/a.png", "images/a.png")):
        image["image_url"] = url
        found = conversation_from_run(run)[0].messages[0]["content"]
        assert [part["image_url"]["url"] for part in found if part["type"] == "image_url"] == [expected]


def test_mark_for_a_cache_is_left_out_without_a_note():
    run = copy.deepcopy(CASES["jswa_plain[0]"])
    assert "cache_control" in run["inputs"]["tools"][0]
    run["inputs"]["messages"][-1]["content"] = [
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    ]
    conversation, source = conversation_from_run(run)
    assert conversation.messages[-2]["content"] == "Hi"
    assert source.notes == ()


def of_google(schema: dict[str, Any]) -> Any:
    """What becomes of a tool's parameters, and the notes."""
    run = copy.deepcopy(CASES["jsai_google[0]"])
    run["inputs"]["tools"] = [{"type": "function", "name": "look", "inputSchema": schema}]
    conversation, source = conversation_from_run(run)
    return conversation.tools[0]["function"].get("parameters"), [note.kind for note in source.notes]


def test_parameters_are_as_the_ai_sdk_sends_them_to_google():
    plain = {"type": "string", "description": "The city.", "enum": ["a", "b"]}
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "city": {**plain, "default": "a"},
            "more": {"type": "array", "items": {"type": "integer", "minimum": 1}},
            "none": {"type": "object", "properties": {}, "additionalProperties": False},
            "told": {"type": "object", "description": "Nothing."},
            "any": {},
        },
        "required": ["city"],
        "additionalProperties": False,
    }
    properties = {
        "city": plain,
        "more": {"type": "array", "items": {"type": "integer"}},
        "none": {"type": "object"},
        "told": {"type": "object", "description": "Nothing."},
        "any": {},
    }
    assert of_google(schema) == ({"type": "object", "required": ["city"], "properties": properties}, [])
    assert of_google({"type": "object", "properties": {}}) == (None, [])


@pytest.mark.parametrize(
    "inner",
    [{"$ref": "#/$defs/x"}, {"anyOf": [{"type": "null"}]}, {"type": ["string", "null"]}, {"enum": [1]}, True],
)
def test_ai_sdk_parameters_that_differ_by_version_are_noted(inner):
    for schema in (
        {"type": "object", "properties": {"x": inner}},
        {"type": "object", "properties": {"x": {"items": inner}}},
    ):
        assert of_google(schema) == (schema, ["schema_changed"])


def test_ai_sdk_provider_is_known_by_answer_or_run_name():
    run = copy.deepcopy(CASES["jsai_providers[0]"])
    names = [m.get("name") for m in conversation_from_run(run)[0].messages if m["role"] == "tool"]
    assert names == ["get_weather", "get_weather"]
    run["name"] = "my model"
    assert not any("name" in message for message in conversation_from_run(run)[0].messages)
    run = copy.deepcopy(CASES["jsai_providers[1]"])
    run["name"] = "my model"
    assert [part["text"] for part in conversation_from_run(run)[0].messages[-1]["content"]] == ["one ", "two"]
    del run["outputs"]["providerMetadata"]
    assert conversation_from_run(run)[0].messages[-1]["content"] == "one two"


@pytest.mark.parametrize("value", [[], [{"type": "image-data", "data": "iVBO"}], "text", None])
def test_answers_of_tools_that_are_no_texts_or_media_stay_json(value):
    run = copy.deepcopy(CASES["jsai_providers[2]"])
    answer = next(m for m in run["inputs"]["messages"] if m["role"] == "tool")
    answer["content"][0]["output"] = {"type": "content", "value": value}
    content = next(m["content"] for m in conversation_from_run(run)[0].messages if m["role"] == "tool")
    assert content == json.dumps(value, separators=(",", ":"))


@pytest.mark.parametrize("image", [{"id": "file-1"}, {"url": "https://example.org/a.png"}])
def test_image_of_an_agents_by_file_id_is_refused(image):
    run = {
        "id": "r",
        "run_type": "llm",
        "outputs": {"output": [{"type": "message", "role": "assistant", "content": "ok"}]},
    }
    run["inputs"] = {"input": [{"role": "user", "content": [{"type": "input_image", "image": image}]}]}
    with pytest.raises(RunNotUsableError, match="is an image by file id"):
        conversation_from_run(run)
    run["inputs"]["input"][0]["content"] = [
        {"type": "input_file", "file": "data:application/pdf;base64,JVBERi0=", "filename": "a"}
    ]
    file = {"filename": "a", "file_data": "data:application/pdf;base64,JVBERi0="}
    content = [{"type": "file", "file": file}]
    assert conversation_from_run(run)[0].messages[0]["content"] == content
