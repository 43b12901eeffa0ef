"""What JavaScript's SDK and wrappers post that Python's do not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from langsmith_finetune import RunNotUsableError
from langsmith_finetune.shapes import conversation_from_run
from tests.wire import cases

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
