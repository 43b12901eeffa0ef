"""Runs that the real tracers make while the test runs, against the traffic of the same calls."""

from __future__ import annotations

import json
import warnings
from typing import Any

import httpx2
import langsmith
import openai
import pytest
from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tracers import LangChainTracer
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from tests.support.reading import both, lines_of
from tests.support.wire import comparable, sent_and_received

IMAGE = "data:image/png;base64,iVBORw0KGgo="
BIG = '{"n": 12345678901234567890123}'
PARAMETERS = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOL = {"name": "f", "description": "d", "parameters": PARAMETERS | {"additionalProperties": False}}


class City(BaseModel):
    """Where."""

    city: str


class Kept(langsmith.Client):
    """Keeps the runs that it would post."""

    def __init__(self) -> None:
        super().__init__(api_url="http://127.0.0.1:9", api_key="none", auto_batch_tracing=False)
        self.kept: dict[str, dict[str, Any]] = {}

    def create_run(self, name, inputs, run_type, **fields):
        self._keep(fields["id"], {**fields, "name": name, "inputs": inputs, "run_type": run_type})

    def update_run(self, run_id, **fields):
        self._keep(run_id, {key: value for key, value in fields.items() if value is not None})

    def _keep(self, run_id, fields):
        dumped = json.loads(langsmith.client._dumps_json(fields))
        self.kept.setdefault(str(run_id), {}).update(dumped | {"id": str(run_id)})


class Wire:
    """A provider that answers as told, and keeps what was said."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.said: list[dict[str, Any]] = []
        self.http = httpx2.Client(transport=httpx2.MockTransport(self._answer))

    def _answer(self, request):
        body, answer = json.loads(request.content), self.answers[len(self.said)]
        self.said.append(
            {"api": "responses" if "input" in body else "chat", "request": body, "response": answer}
        )
        if not body.get("stream"):
            return httpx2.Response(200, json=answer)
        lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(answer)]
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, text="".join(lines))


def response(*items):
    answer = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5"}
    echo = {
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "text": {"format": {"type": "text"}},
    }
    return answer | echo | {"output": list(items)}


def message(text):
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def call(number, arguments):
    ids = {"id": f"fc_{number}", "call_id": f"call_{number}"}
    return {"type": "function_call", "name": "f", "arguments": arguments, "status": "completed"} | ids


def completion(**said):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None} | said}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def events(answer):
    """The stream of an answer of the Responses API."""
    found = [{"type": "response.created", "response": answer | {"output": [], "status": "in_progress"}}]
    for index, item in enumerate(answer["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        empty = {"content": []} if item["type"] == "message" else {"arguments": ""}
        found.append({"type": "response.output_item.added", "item": item | empty, "output_index": index})
        if item["type"] == "message":
            (part,) = item["content"]
            at |= {"content_index": 0}
            found.append({"type": "response.content_part.added", "part": part | {"text": ""}, **at})
            pieces, kind, text = "response.output_text.delta", "text", part["text"]
        else:
            pieces, kind, text = "response.function_call_arguments.delta", "arguments", item["arguments"]
        found += [{"type": pieces, "delta": piece, "logprobs": [], **at} for piece in (text[:3], text[3:])]
        done = {"type": pieces.replace("delta", "done"), kind: text, "logprobs": [], "name": "f", **at}
        found += [done, {"type": "response.output_item.done", "item": item, "output_index": index}]
    found.append({"type": "response.completed", "response": answer})
    return [event | {"sequence_number": number} for number, event in enumerate(found)]


def check(kept, wire):
    runs = [run for run in kept.kept.values() if run["run_type"] == "llm"]
    assert len(runs) == len(wire.said)
    for run, said in zip(runs, wire.said, strict=True):
        assert comparable(**both(lines_of(run))) == sent_and_received(said)


@pytest.fixture
def kept():
    # Not by LANGSMITH_TRACING: langsmith reads it once a process.
    with langsmith.tracing_context(enabled=True):
        yield Kept()


def wrapped(kept, wire):
    with warnings.catch_warnings(action="ignore"):  # langsmith.wrappers warns of its move
        from langsmith.wrappers import wrap_openai
    client = openai.OpenAI(api_key="none", base_url="http://127.0.0.1:9/v1", http_client=wire.http)
    return wrap_openai(client, tracing_extra={"client": kept})


def test_wrap_openai_responses(kept):
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": []}
    wire = Wire(
        response(reasoning, message("Checking"), call(0, BIG), call(1, '{"n":2}')),
        response(message("ok 北京 \n")),
        response(message('{"city":"Paris"}')),
    )
    client = wrapped(kept, wire)
    image = {"type": "input_image", "image_url": IMAGE, "detail": "low"}
    asked = {"role": "user", "content": [{"type": "input_text", "text": "See"}, image]}
    tools = [{"type": "function", "strict": True, **TOOL}]
    first = client.responses.create(model="gpt-5", instructions="Be terse.", input=[asked], tools=tools)
    answers = [
        {"type": "function_call_output", "call_id": "call_0", "output": "a"},
        {
            "type": "function_call_output",
            "call_id": "call_1",
            "output": [{"type": "input_text", "text": "b"}],
        },
    ]
    list(
        client.responses.create(
            model="gpt-5", input=[asked, *first.output, *answers], tools=tools, stream=True
        )
    )
    client.responses.parse(model="gpt-5", input="Where?", text_format=City)
    check(kept, wire)


def test_wrap_openai_chat(kept):
    called = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": BIG}}
    wire = Wire(
        completion(tool_calls=[called]), completion(content="ok"), completion(content='{"city":"Paris"}')
    )
    client = wrapped(kept, wire)
    tools = [{"type": "function", "function": TOOL}]
    asked = [{"role": "developer", "content": "Be terse."}, {"role": "user", "content": "Hi", "name": "bob"}]
    first = client.chat.completions.create(model="m", messages=asked, tools=tools)
    answer = {"role": "tool", "tool_call_id": "call_0", "content": "sunny"}
    client.chat.completions.create(
        model="m", messages=[*asked, first.choices[0].message, answer], tools=tools
    )
    tool = openai.pydantic_function_tool(City)
    client.chat.completions.parse(model="m", messages=asked, response_format=City, tools=[tool])
    check(kept, wire)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("version", ["v0", "responses/v1", "v1"])
def test_langchain_over_responses(kept, version, streamed):
    wire = Wire(
        response(message("Checking 北"), call(0, BIG), call(1, '{"n":2}')), response(message("ok \n"))
    )
    model = ChatOpenAI(
        model="gpt-5",
        api_key="none",
        base_url="http://127.0.0.1:9/v1",
        use_responses_api=True,
        output_version=version,
        http_client=wire.http,
    ).bind_tools([TOOL], strict=True)
    config = {"callbacks": [LangChainTracer(client=kept)]}

    def answer_to(messages):
        if not streamed:
            return model.invoke(messages, config)
        first, *others = model.stream(messages, config)
        return sum(others, start=first)

    image = {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}}
    asked = [SystemMessage("Be terse."), HumanMessage([{"type": "text", "text": "See"}, image])]
    tools = [
        ToolMessage("a", tool_call_id="call_0"),
        ToolMessage([{"type": "text", "text": "b"}], tool_call_id="call_1"),
    ]
    answer_to([*asked, answer_to(asked), *tools])
    check(kept, wire)
