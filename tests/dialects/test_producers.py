"""One conversation as every producer writes it: the same line each time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langsmith_finetune import examples_from_runs
from tests.scripts.producers_table import PAGE, PRODUCERS, page
from tests.support.corpus import captured, producers
from tests.support.payloads import (
    openai_agents_run,
    otel_run,
    responses_run,
    vercel_run,
    wrap_anthropic_run,
    wrap_gemini_run,
)
from tests.support.reading import both, lines_of
from tests.support.strategies import conversations, objects, texts, without
from tests.support.wire import cases, comparable


@given(conversations())
def test_responses(line):
    line = without(line, "name")
    assert lines_of(responses_run(line)) == line


@pytest.mark.slow
@given(conversations(), st.booleans())
def test_openai_agents_post_no_tools(line, streamed):
    line = without(line, "tools")
    assert lines_of(openai_agents_run(line, streamed=streamed)) == line


@given(conversations(arguments_are=objects))
def test_wrap_anthropic(line):
    line = without(line, "name", "detail", "strict")
    line["messages"] = [
        m | {"content": m["content"] or None} if "tool_calls" in m else m for m in line["messages"]
    ]
    assert comparable(**both(lines_of(wrap_anthropic_run(line)))) == comparable(**both(line))


@given(conversations(arguments_are=st.dictionaries(texts, st.integers(-(2**63), 2**63 - 1) | texts)))
def test_wrap_gemini(line):  # whose wrapper posts no answer at all where an integer goes beyond 64 bits
    line = gemini_can_say(line)
    found = lines_of(wrap_gemini_run(line))
    assert comparable(**both(found), made_ids=True) == comparable(**both(line), made_ids=True)


@given(conversations(arguments_are=objects))
def test_vercel(line):
    line = without(line, "name")
    assert lines_of(vercel_run(line)) == line


@given(conversations(arguments_are=objects))
def test_opentelemetry(line):
    line = without(line, "name", "detail")
    assert lines_of(otel_run(line)) == line


def gemini_can_say(line):
    """Images as data; texts of one message joined; an answer for each call, as Gemini asks."""
    line = without(line, "name", "detail", "strict")
    for tool in line.get("tools", ()):
        properties = tool["function"]["parameters"]["properties"]
        tool["function"]["parameters"] = {
            "type": "object",
            "properties": {name: {"type": "string"} for name in properties},
        }
    messages = []
    for index, message in enumerate(line["messages"]):
        content = message["content"]
        if isinstance(content, list):
            for part in content:
                if part["type"] == "image_url":
                    part["image_url"]["url"] = "data:image/png;base64,iVBORw0KGgo="
            if all(part["type"] == "text" for part in content):
                content = "\n".join(part["text"] for part in content)
        messages.append(message | {"content": content})
        answered = index + 1 < len(line["messages"]) and line["messages"][index + 1]["role"] == "tool"
        if "tool_calls" in message and not answered and index + 1 < len(line["messages"]):
            messages += [
                {"role": "tool", "content": "ok", "tool_call_id": call["id"]}
                for call in message["tool_calls"]
            ]
    return line | {"messages": messages}


# The same call, traced by each of these: `name[1]` is the second turn.
SAME = [
    "jslc_plain jsai_plain jswo_plain lc_plain lc_async lc_n2 lc_responses legacy_plain wa_plain wa_stream wg_plain "
    "wg_stream wo_plain wo_raw wo_responses_stream",
    "jslc_stream jsai_stream lc_stream lc_responses_stream wo_stream",
    "lc_agent lc_tools_roundtrip lc_chat_lcv1_tools lc_responses_v1 lc_responses_lcv1 wo_tools wo_tools_stream "
    "wo_tools_roundtrip wo_responses_tools",
    "lc_agent[1] lc_tools_roundtrip[1] wo_tools_roundtrip[1] wo_responses_tools[1]",
    "lc_tools lc_tools_stream",
    "jswo_tools jswo_stream jswo_responses litellm otel_ls otel_traceloop",
    "jslc_structured jsai_object lc_structured wo_json_schema wo_parse wo_responses_parse",
    "lc_anthropic_tools wa_tools wa_stream_ctx",
    "lc_anthropic_tools[1] wa_tools[1]",
    "lc_functions legacy_functions wo_functions",
    "jsai_tools jsai_responses_tools",
    "jsai_tools[1] jsai_responses_tools[1]",
    "agents_chat[1] otel_traceloop[1]",
    "fmt_role_content fmt_tuple fmt_str fmt_processed fmt_stream_reduced fmt_stream_plain fmt_pydantic",
]


@pytest.mark.parametrize("names", SAME)
def test_same_call_gives_same_line_for_every_producer(names):
    lines = captured_lines()
    first, *others = names.split()
    for other in others:
        assert lines[other] == lines[first], other


def captured_lines():
    lines, turns = {}, Counter()
    for producer in producers():
        for case, run in captured(producer):
            name = f"{case}[{turns[case]}]" if turns[case] else case
            turns[case] += 1
            for example in examples_from_runs([run], on_skip=lambda _: None):
                lines[name] = example.line
    return lines


def test_the_table_of_producers_says_what_becomes_of_their_runs():
    # Mend it with `python -m tests.scripts.producers_table`.
    assert PAGE.read_text(encoding="utf-8") == page()
    assert {file for _, files, _ in PRODUCERS.values() for file in files} == set(producers())
    prefixes = tuple(prefix for _, _, some in PRODUCERS.values() for prefix in some)
    assert all(name.startswith(prefixes) for name, _, _ in cases(""))
