"""A list of tools is read once, and each run that offers it gets a copy of its own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from langsmith_finetune._foundation.known_tools import Kept
from langsmith_finetune.dialects import tools
from langsmith_finetune.dialects.notes import Notes, Unreadable
from langsmith_finetune.dialects.read import conversation_from_run
from langsmith_finetune.dialects.tools import tools_from
from tests.support.payloads import wrap_openai_run

HELLO = {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(tools, "_KNOWN", Kept())


def offering(default: Any) -> list[dict[str, Any]]:
    schema = {"type": "object", "properties": {"a": {"default": default}}}
    return [{"type": "function", "function": {"name": "f", "parameters": schema}}]


def default_of(found: Any) -> Any:
    return found[0]["function"]["parameters"]["properties"]["a"]["default"]


def test_tools_read_again_are_equal_and_not_the_same_objects():
    first, second, third = (tools_from("tools", offering([1, {"b": "ü"}]), Notes()) for _ in range(3))
    assert first == second == third == offering([1, {"b": "ü"}])
    default_of(first).append("changed")
    default_of(second).append("changed")
    assert third == tools_from("tools", offering([1, {"b": "ü"}]), Notes()) == offering([1, {"b": "ü"}])


@pytest.mark.parametrize(
    "values", [(1, 1.0, True), (0, False, 0.0, -0.0), (None, ""), (2**80, float(2**80)), ("1", 1)]
)
def test_tools_with_values_that_python_holds_equal_stay_apart(values):
    for value in values * 2:
        assert repr(default_of(tools_from("tools", offering(value), Notes()))) == repr(value)


def test_tools_without_json_are_refused_after_equal_ones():
    tools_from("tools", offering(None), Notes())
    for value in (float("nan"), {1: 2}, b"x", {"x"}, object()):
        for _ in range(2):
            with pytest.raises(Unreadable, match="must be JSON"):
                tools_from("tools", offering(value), Notes())


def test_notes_are_taken_of_every_run_that_offers_the_tools():
    offered = [*offering(1), {"type": "web_search"}]
    offered[0]["function"]["colour"] = "red"
    run = json.dumps(wrap_openai_run(HELLO | {"tools": offered})).encode()
    first, second = conversation_from_run(run), conversation_from_run(run)
    assert first == second
    assert {note.kind for note in second[1].notes} == {"keys_dropped", "server_tool_dropped"}


def test_tools_cost_as_much_of_what_a_run_may_hold_each_time():
    for _ in range(2):
        notes = Notes()
        notes.spend(999_995)
        with pytest.raises(Unreadable, match="1,000,000 values"):
            tools_from("tools", offering("x"), notes)


@pytest.mark.slow
def test_only_so_many_tools_are_known_and_none_of_any_size():
    for number in range(200):
        tools_from("tools", offering(number), Notes())
    tools_from("tools", offering("x" * 100_000), Notes())
    many: Any = ["x"]
    for _ in range(14):
        many = [many, many]
    tools_from("tools", offering(many), Notes())
    assert 0 < len(tools._KNOWN) <= tools._KNOWN.most
    assert all(len(key[1]) + len(written) <= 100_000 for key, (written, _) in tools._KNOWN.items())
