"""Payloads of every shape, damaged at random: each is read or refused, and nothing else happens."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from langsmith_finetune import (
    LangSmithRunChatLoader,
    RunNotUsableError,
    examples_from_runs,
    training_examples,
)
from langsmith_finetune.dialects.read import conversation_from_run, read_full
from tests.support.corpus import everything
from tests.support.strategies import scaled

CORPUS = everything()
PLACES = ("inputs", "outputs", "extra", "events", "attachments")
CANARY = "canary\N{SNOWMAN}"
CONTENT = (CANARY, "Weather in Paris", "You are terse", "sunny", "get_weather", "iVBORw0")
KEYS = [
    "content", "role", "type", "tool_calls", "id", "name", "messages", "input", "output", "kwargs", "text", "parts",
    "args", "arguments", "function", "tools", "function_call", "message", "choices", "generations", "image_url",
    "source", "system", "config", "prompt", "refusal", "tool_call_id", "call_id", "index", "extras", "data", "file",
]  # fmt: skip
WORDS = [
    "assistant", "user", "system", "tool", "function", "model", "text", "tool_use", "tool_result", "tool-call",
    "tool-result", "tool_call", "function_call", "function_call_output", "reasoning", "message", "constructor", "ai",
    "human", "image", "image_url", "file", "refusal", "input_image", "document", "media", "input_audio", "", "auto",
]  # fmt: skip

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([10**400, 2**63, 1e308, float("nan"), float("inf")])
    | st.sampled_from(WORDS)
    | st.sampled_from([CANARY, "\ud800", "{" * 300, "[" * 100_000, '{"a": NaN}', "9" * 5000, "\x00"])
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
python_values = st.sampled_from([
    lambda: b"bytes", lambda: {1, 2}, object, lambda: {1: "a"}, lambda: {None: None}, tuple, lambda: ("a",),
    lambda: 1j, lambda: range(3), lambda: Exception,
]).map(lambda make: make())  # fmt: skip


def _nodes(top: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) below a value, each container once: it may be in a knot already."""
    found, seen, waiting = [], set(), [top]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or not isinstance(value, (dict, list)):
            continue
        seen.add(id(value))
        items = list(value.items() if isinstance(value, dict) else enumerate(value))
        found += [(value, key) for key, _ in items]
        waiting += [inner for _, inner in items]
    return found


@st.composite
def damaged_runs(
    draw: st.DrawFn, values: st.SearchStrategy[Any] = json_values | python_values
) -> dict[str, Any]:
    """A captured run with up to four nodes replaced, deleted, doubled, moved, or tied into a knot."""
    run = copy.deepcopy(draw(st.sampled_from(CORPUS)))
    damages = []
    for _ in range(draw(st.integers(1, 4))):
        within_reach = (
            run if draw(st.integers(0, 4)) == 0 else {key: run[key] for key in PLACES if key in run}
        )
        nodes = _nodes(within_reach)
        node, other = (nodes[draw(st.integers(0, len(nodes) - 1))] for _ in range(2))
        damages.append((node, other, draw(st.integers(0, 6)), draw(values), draw(st.sampled_from(KEYS))))
        if draw(st.booleans()):
            _damage(*damages.pop())
    for damage in damages:
        _damage(*damage)
    return run


def _damage(node: tuple[Any, Any], other_node: tuple[Any, Any], how: int, value: Any, new_key: str) -> None:
    (container, key), (other, other_key) = node, other_node
    try:
        match how:
            case 0 | 1:
                container[key] = value
            case 2:
                del container[key]
            case 3:
                container[key] = [container[key], container[key]]
            case 4:
                container[key] = other[other_key]  # may tie a knot: what holds it may be what it holds
            case 5 if isinstance(container, dict):
                container[new_key] = container[key]
            case 6 if isinstance(container, list):
                container.insert(0, value)
    except (KeyError, IndexError):
        pass  # an earlier damage took it away


def check(run: dict[str, Any]) -> str:
    """Read it both ways. Returns what became of it."""
    loader = LangSmithRunChatLoader([run])
    lines = [example.line for example in training_examples(loader.lazy_load(), on_skip=lambda _: None)]
    if loader.skipped:
        with pytest.raises(RunNotUsableError) as refused:
            conversation_from_run(run)
        error = refused.value
        assert not lines
        assert error.reason == loader.skipped[0].reason
        assert not any(text in error.detail for text in CONTENT), error.detail
        assert "reading it raised" not in error.detail, error.detail
        return error.reason
    conversation, source = conversation_from_run(run)
    assert (conversation, source) == read_full(run)
    assert not any(text in note.detail for text in CONTENT for note in source.notes)
    assert conversation.messages[-1]["role"] == "assistant"
    (bulk,) = examples_from_runs([run])
    assert lines == [bulk.line]
    assert json.loads(json.dumps(bulk.line)) == bulk.line
    return "read"


@pytest.mark.slow
@settings(max_examples=scaled(300))
@given(damaged_runs())
@example({**CORPUS[0], "inputs": "\ud800"})  # rows of an export whose text UTF-8 cannot say
@example({**CORPUS[0], "inputs": '{"messages": "\ud800"}', "outputs": "{}"})
def test_a_damaged_payload_is_read_or_refused_and_nothing_else(run):
    check(run)
