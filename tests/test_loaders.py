"""The loaders: lazy, unstoppable by a bad run, and plain LangChain at the other end."""

from __future__ import annotations

import gc
import itertools
import pickle
import uuid
import weakref
from typing import get_args

import langsmith
import pytest
from langchain_core.chat_loaders import BaseChatLoader
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langsmith.schemas import Example
from langsmith.types import Run as V2Run
from langsmith.utils import LangSmithNotFoundError

from langsmith_finetune import (
    LangSmithDatasetChatLoader,
    LangSmithRunChatLoader,
    convert_messages_for_finetuning,
    examples_from_runs,
    training_examples,
)
from langsmith_finetune.dialects import read as shapes
from langsmith_finetune.dialects.dispatch import reader_of
from langsmith_finetune.errors import RunReason
from langsmith_finetune.runs.remedies import REMEDIES, why_none
from tests.support.messages import CALL, HELLO, WEATHER
from tests.support.payloads import langchain_run, wrap_openai_run
from tests.support.standins.langsmith import KEY, LangSmith


def test_session_holds_messages_with_calls_and_tools():
    answered = {
        **CALL,
        "messages": [
            *CALL["messages"],
            {"role": "tool", "content": "sunny", "tool_call_id": "call_1"},
            {"role": "assistant", "content": "It is sunny."},
        ],
    }
    loader = LangSmithRunChatLoader(runs=[langchain_run(answered)])
    assert isinstance(loader, BaseChatLoader)
    (session,) = loader.load()
    human, call, tool, answer = session["messages"]
    assert isinstance(human, HumanMessage)
    assert isinstance(call, AIMessage)
    assert call.tool_calls == [
        {"name": "get_weather", "args": {"city": "Paris"}, "id": "call_1", "type": "tool_call"}
    ]
    assert isinstance(tool, ToolMessage)
    assert tool.tool_call_id == "call_1"
    assert answer.content == "It is sunny."
    assert session["tools"] == [WEATHER]
    assert "functions" not in session


def test_arguments_without_an_object_are_invalid_calls():
    line = {
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": str(i), "type": "function", "function": {"name": "f", "arguments": text}}
                    for i, text in enumerate(["{", "{}", "[1]"])
                ],
            },
        ]
    }
    (session,) = LangSmithRunChatLoader(runs=[wrap_openai_run(line)]).load()
    answer = session["messages"][-1]
    assert [call["args"] for call in answer.tool_calls] == [{}]
    assert [call["args"] for call in answer.invalid_tool_calls] == ["{", "[1]"]
    assert next(training_examples([session])).line == line


def test_a_bad_run_never_ends_the_stream():
    runs = [wrap_openai_run(HELLO), {"id": "bad", "run_type": "llm"}, object(), wrap_openai_run(HELLO)]
    told = []
    loader = LangSmithRunChatLoader(runs=runs, on_skip=told.append)
    assert len(list(loader.lazy_load())) == 2
    assert [error.run_id for error in loader.skipped] == ["bad", ""]
    assert told == list(loader.skipped)
    assert loader.skipped.counts == {"pending": 1, "not_llm": 1}
    assert repr(loader.skipped) == "<2 in all: {'pending': 1, 'not_llm': 1}>"


def test_each_load_counts_afresh():
    loader = LangSmithRunChatLoader(runs=[{"id": "bad", "run_type": "chain"}])
    for _ in range(2):
        assert list(loader.lazy_load()) == []
        assert loader.skipped.total == 1


def test_skipped_runs_are_all_counted_and_a_thousand_kept():
    loader = LangSmithRunChatLoader(runs=({"id": str(i), "run_type": "chain"} for i in range(1200)))
    assert list(loader.lazy_load()) == []
    assert (len(loader.skipped), loader.skipped.total) == (1000, 1200)


@pytest.mark.slow
def test_loader_reads_an_endless_stream_lazily():
    class Run(dict):
        pass

    def endless():
        while True:
            run = Run(wrap_openai_run(HELLO))
            seen.append(weakref.ref(run))
            yield run

    seen: list[weakref.ref[Run]] = []
    for _ in itertools.islice(LangSmithRunChatLoader(runs=endless()).lazy_load(), 100):
        pass
    gc.collect()
    assert len(seen) == 100
    assert sum(ref() is not None for ref in seen) <= 1


async def test_async_loading_takes_sync_and_async_iterables():
    async def runs():
        yield wrap_openai_run(HELLO)
        yield {"id": "bad", "run_type": "chain"}

    for source in (runs(), [wrap_openai_run(HELLO), {"id": "bad", "run_type": "chain"}]):
        loader = LangSmithRunChatLoader(runs=source)
        assert len([session async for session in loader.alazy_load()]) == 1
        assert loader.skipped[0].reason == "not_llm"


async def test_async_runs_at_the_sync_door_name_the_right_one():
    async def runs():
        yield wrap_openai_run(HELLO)

    with pytest.raises(TypeError, match=r"runs is an async iterable: use `async for session in loader"):
        LangSmithRunChatLoader(runs=runs()).load()


class ReadRunClient:
    """A client of somebody's own, as the ancestor's users pass them."""

    def read_run(self, run_id):
        return {**wrap_openai_run(HELLO), "id": str(run_id)}


async def test_ids_are_fetched_through_the_client():
    ids = ["d2a3c025-7739-47fb-a057-d0d225830001", uuid.UUID(int=7)]
    loader = LangSmithRunChatLoader(runs=ids, client=ReadRunClient())
    assert [session["source"].run_id for session in loader.lazy_load()] == [str(i) for i in ids]
    assert [session["source"].run_id async for session in loader.alazy_load()] == [str(i) for i in ids]


def test_no_client_is_made_unless_an_id_arrives(monkeypatch):
    monkeypatch.setattr("langsmith.Client.__init__", lambda *_, **__: pytest.fail("a client was made"))
    assert len(LangSmithRunChatLoader(runs=[wrap_openai_run(HELLO)]).load()) == 1


class DatasetClient:
    def read_dataset_openai_finetuning(self, *, dataset_name):
        assert dataset_name == "chats"
        return [HELLO, {"messages": "?"}, CALL, {**HELLO, "functions": [WEATHER["function"]]}]


async def test_a_chat_dataset_loads_with_its_tools_and_functions():
    loader = LangSmithDatasetChatLoader(dataset_name="chats", client=DatasetClient())
    hello, call, legacy = loader.load()
    assert [message.content for message in hello["messages"]] == ["Hi", "Hello!"]
    assert call["tools"] == [WEATHER]
    assert legacy["functions"] == [WEATHER["function"]]
    assert str(loader.skipped[0]) == (
        "run chats[1] is not usable (malformed): messages must be a list, found a value of type str"
    )
    assert [example.line for example in training_examples([hello, call])] == [HELLO, CALL]
    assert len([session async for session in loader.alazy_load()]) == 3


async def test_ids_among_runs_are_fetched_in_their_place():
    ids = [str(uuid.UUID(int=n)) for n in range(150)]
    runs = [*ids[:120], wrap_openai_run(HELLO), *ids[120:], "gone"]
    expected = [*ids[:120], wrap_openai_run(HELLO)["id"], *ids[120:]]

    class Client(ReadRunClient):
        def read_run(self, run_id):
            if run_id == "gone":
                raise LangSmithNotFoundError("no such run")
            return super().read_run(run_id)

    loader = LangSmithRunChatLoader(runs=runs, client=Client())
    assert [session["source"].run_id for session in loader.lazy_load()] == expected
    assert [error.reason for error in loader.skipped] == ["not_found"]
    assert [session["source"].run_id async for session in loader.alazy_load()] == expected
    assert [error.reason for error in loader.skipped] == ["not_found"]


def agent_trace():
    """Two calls of the Claude Agent SDK under the root run that alone has the system prompt and the tools."""
    root = {
        "id": "00000000-0000-4000-8000-000000000001",
        "trace_id": "00000000-0000-4000-8000-000000000001",
        "run_type": "chain",
        "inputs": {"system": "You are terse.", "tools": [WEATHER]},
    }
    call = {
        "id": "00000000-0000-4000-8000-000000000002",
        "trace_id": root["id"],
        "parent_run_id": root["id"],
        "run_type": "llm",
        "status": "success",
        "inputs": {"messages": [{"role": "user", "content": "Hi"}]},
        "outputs": {"role": "assistant", "content": [{"type": "text", "text": "Hello!"}]},
        "extra": {"metadata": {"ls_integration": "claude-agent-sdk"}},
    }
    return root, call


def test_missing_context_is_looked_up_in_the_trace():
    root, call = agent_trace()
    loader = LangSmithRunChatLoader(runs=[call], trace_runs=[root, call])
    (session,) = loader.load()
    assert session["messages"][0].content == "You are terse."
    assert session["tools"] == [WEATHER]
    assert [note.kind for note in loader.notes] == ["history_missing", "found_in_trace"]
    assert list(examples_from_runs([call], trace_runs=[root])) == list(training_examples([session]))


def test_the_run_above_is_found_for_runs_of_the_v2_api_too():
    root, call = agent_trace()
    del call["parent_run_id"]
    stamp = "20261122T085121002087Z"
    call["dotted_order"] = f"{stamp}{root['id']}.{stamp}{call['id']}"
    runs = [V2Run.model_construct(**run) for run in (root, call)]
    loader = LangSmithRunChatLoader(runs=runs[1:], trace_runs=runs)
    (session,) = loader.load()
    assert session["tools"] == [WEATHER]


def test_unwanted_note_skips_a_run_through_both_doors():
    _, call = agent_trace()
    loader = LangSmithRunChatLoader(runs=[call], skip_notes={"tools_missing"})
    assert loader.load() == []
    skipped = []
    assert list(examples_from_runs([call], skip_notes={"tools_missing"}, on_skip=skipped.append)) == []
    assert [error.reason for error in (*loader.skipped, *skipped)] == ["unwanted_note"] * 2


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        (None, "runs must be an iterable of runs or ids, not None"),
        ("d2a3", "runs must be an iterable of runs or ids, not a single str: runs=[run]"),
        (uuid.UUID(int=1), "runs must be an iterable of runs or ids, not a single UUID: runs=[run]"),
        (wrap_openai_run(HELLO), "runs must be an iterable of runs or ids, not a single dict: runs=[run]"),
        (
            V2Run.model_construct(run_type="LLM"),
            "runs must be an iterable of runs or ids, not a single Run: runs=[run]",
        ),
    ],
)
def test_what_is_no_iterable_of_runs_is_refused_at_once(runs, text):
    with pytest.raises(TypeError) as caught:
        LangSmithRunChatLoader(runs=runs)
    assert str(caught.value) == text


async def test_parent_runs_are_fetched_once_on_request():
    root, call = agent_trace()
    stamp = "20261122T085121002087Z"
    call["dotted_order"] = f"{stamp}{root['id']}.{stamp}{call['id']}"
    fetched = []

    class Client:
        def read_run(self, run_id):
            fetched.append(run_id)
            return root

    whole = wrap_openai_run(HELLO)
    runs = [whole, call, {**call, "id": str(uuid.UUID(int=3))}]
    loader = LangSmithRunChatLoader(
        runs=runs, client=Client(), fetch_trace=True, skip_notes={"tools_missing"}
    )
    for is_async in (False, True):
        fetched.clear()
        sessions = [s async for s in loader.alazy_load()] if is_async else loader.load()
        assert [session.get("tools") for session in sessions] == [None, [WEATHER], [WEATHER]]
        assert loader.notes.counts == {"found_in_trace": 2, "history_missing": 2}
        assert fetched == [root["id"]]


async def test_fetching_the_runs_above_reads_each_run_once(monkeypatch):
    root, call = agent_trace()
    read = []

    class Client:
        def read_run(self, run_id):
            return root

    def spy(outputs):
        read.append(outputs)
        return reader_of(outputs)

    monkeypatch.setattr(shapes, "reader_of", spy)
    whole = wrap_openai_run({**HELLO, "tools": [WEATHER]})
    loader = LangSmithRunChatLoader([whole, call], Client(), fetch_trace=True)
    assert [session["tools"] for session in loader.load()] == [[WEATHER], [WEATHER]]
    assert len(read) == 2
    assert [session["tools"] async for session in loader.alazy_load()] == [[WEATHER], [WEATHER]]
    assert len(read) == 4


def test_fetched_run_that_is_refused_is_skipped_with_reason():
    root, call = agent_trace()

    class Client:
        def read_run(self, run_id):
            return {**root, "inputs": {"tools": 5, "system": {"type": "image"}}}

    loader = LangSmithRunChatLoader([call, call], Client(), fetch_trace=True)
    assert loader.load() == []
    assert loader.skipped.counts == {"malformed": 2}


def test_a_run_above_that_is_gone_leaves_the_note():
    _, call = agent_trace()

    class Client:
        def read_run(self, run_id):
            raise LangSmithNotFoundError("gone")

    loader = LangSmithRunChatLoader(runs=[call], client=Client(), fetch_trace=True)
    assert len(loader.load()) == 1
    assert set(loader.notes.counts) == {"history_missing", "system_missing", "tools_missing"}


@pytest.mark.parametrize("broken", [{"parent_run_id": None, "parent_run_ids": 5}, {"trace_id": "deep"}])
def test_a_run_whose_ids_are_no_ids_never_ends_the_stream(broken):
    root, call = agent_trace()
    deep = []
    for _ in range(100_000):
        deep = [deep]
    bad = {**call, **{key: deep if value == "deep" else value for key, value in broken.items()}}
    trace_runs = [{**root, "trace_id": deep}, root]
    loader = LangSmithRunChatLoader([bad, call], ReadRunClient(), trace_runs=trace_runs, fetch_trace=True)
    _, sound = loader.load()
    assert sound["tools"] == [WEATHER]
    assert len(list(examples_from_runs([bad, call], trace_runs=trace_runs))) == 2


@pytest.mark.parametrize(
    ("role", "kind"), [("user", HumanMessage), ("assistant", AIMessage), ("system", SystemMessage)]
)
def test_text_message_equals_that_of_langchain(role, kind):
    line = {"messages": [{"role": role, "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]}
    one, other = (LangSmithRunChatLoader([wrap_openai_run(line)]).load()[0]["messages"][0] for _ in range(2))
    made = kind("Hi")
    assert one == made
    assert (one.model_dump(), one.model_fields_set, repr(one)) == (
        made.model_dump(), made.model_fields_set, repr(made)
    )  # fmt: skip
    for key in ("__pydantic_extra__", "__pydantic_private__"):
        assert getattr(one, key) == getattr(made, key)
    assert pickle.loads(pickle.dumps(one)) == one.model_copy(deep=True) == made
    one.additional_kwargs["x"] = 1
    one.response_metadata["x"] = 1
    assert other == made  # nothing is shared between two


# --- datasets that are no chat datasets ---

ASKED, SAID = HELLO["messages"]
TOLD = {
    "a message": {"message": SAID},
    "the further messages": {"messages": [SAID]},
    "the whole conversation": {"messages": HELLO["messages"]},
    "the state of a graph": {"messages": [dumpd(HumanMessage("Hi", id="2")), dumpd(AIMessage("Hello!"))]},
    "a message of LangChain's": {"output": dumpd(AIMessage("Hello!"))},
    "an object of LangChain's": {"output": AIMessage("Hello!")},
    "text": {"output": "Hello!"},
    "an answer": {"answer": "Hello!"},
    "the outputs of a run": {"choices": [{"message": SAID}]},
    "a bare message": SAID,
}


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize(
    "asked", [ASKED, dumpd(HumanMessage("Hi", id="1")), ("user", "Hi"), HumanMessage("Hi")]
)
def test_an_example_with_messages_is_a_session(asked, told):
    example = {"id": "e1", "inputs": {"messages": [asked]}, "outputs": TOLD[told]}
    loader = LangSmithDatasetChatLoader(examples=[example])
    [made] = training_examples(loader.lazy_load())
    assert made.line == HELLO
    assert (made.source.run_id, made.source.example_id) == ("e1", "e1")


def test_an_example_keeps_its_tools_its_run_and_all_of_its_inputs():
    inputs = {"messages": CALL["messages"], "tools": CALL["tools"]}
    run_id = uuid.uuid4()
    example = Example(id=uuid.uuid4(), inputs=inputs, outputs=None, source_run_id=run_id)
    [made] = training_examples(LangSmithDatasetChatLoader(examples=[example]).load())
    assert made.line == CALL
    assert (made.source.run_id, made.source.example_id) == (str(run_id), str(example.id))


@pytest.mark.parametrize(
    ("inputs", "outputs", "why"),
    [
        (
            {"question": "Hi"},
            {"answer": "Hello!"},
            "the inputs of the example hold no list of messages, but question",
        ),
        (None, {"answer": "Hello!"}, "inputs and outputs must be objects"),
        ({"messages": [ASKED]}, {"score": 1}, "no reader knows outputs of this form"),
        ({"messages": ["Hi"]}, {"answer": "Hello!"}, "messages[0]"),
    ],
)
def test_an_example_that_holds_no_conversation_is_skipped_with_its_reason(inputs, outputs, why):
    loader = LangSmithDatasetChatLoader(examples=[{"id": "e1", "inputs": inputs, "outputs": outputs}])
    assert loader.load() == []
    assert why in str(loader.skipped[0])
    assert loader.skipped[0].run_id == "examples[0]"


@pytest.mark.parametrize("v2", [True, False])
def test_a_kv_dataset_is_read_by_its_examples(monkeypatch, v2):
    examples = [
        {"id": f"e{n}", "inputs": {"messages": [ASKED]}, "outputs": {"answer": f"{n}"}, "source_run_id": None}
        for n in range(130)
    ]
    with LangSmith(kv_examples={"pairs": examples}, v2=v2) as server:
        client = langsmith.Client(api_url=server.url, api_key=KEY)
        dataset = client.read_dataset(dataset_name="pairs")
        for given in ("pairs", dataset):
            sessions = LangSmithDatasetChatLoader(dataset_name=given, client=client).load()
            assert [session["messages"][-1].content for session in sessions] == [str(n) for n in range(130)]
            assert sessions[7]["source"].example_id == "e7"


def test_one_of_a_name_and_examples_says_what_to_load():
    for settings in ({}, {"dataset_name": "d", "examples": []}):
        with pytest.raises(ValueError, match=r"^say what to load: give either dataset_name or examples$"):
            LangSmithDatasetChatLoader(**settings)


# --- roots in place of llm runs ---


def test_a_root_is_told_what_gives_the_llm_runs_below_it():
    loader = LangSmithRunChatLoader([{"id": "r1", "run_type": "chain"}, {"id": "r2", "run_type": "x"}])
    assert loader.load() == []
    assert [str(error) for error in loader.skipped] == [
        "run r1 is not usable (not_llm): it is of the type chain; runs_of_traces(ids) gives the llm runs below it",
        "run r2 is not usable (not_llm): it is no llm run; runs_of_traces(ids) gives the llm runs below it",
    ]


CHAINS = [{"id": f"{n}", "run_type": "chain"} for n in range(3)]
NOT_LLM = (
    "none of 4 runs could be used: not_llm 3, pending 1. Only llm runs hold what a model saw and said, and a root is mostly a "
    'chain: select_runs(...) gives the llm runs of a project, and run_files(path, run_type="llm") those of a file'
)


async def test_a_loader_that_skipped_everything_says_the_commonest_reason_and_its_remedy(caplog):
    runs = [*CHAINS, {"id": "open", "run_type": "llm"}]
    loader = LangSmithRunChatLoader(runs)
    assert loader.load() == [session async for session in loader.alazy_load()] == []
    assert list(examples_from_runs(runs)) == list(examples_from_runs(runs, on_skip=lambda _: None)) == []
    assert (
        caplog.messages == [f"LangSmithRunChatLoader: {NOT_LLM}"] * 2 + [f"examples_from_runs: {NOT_LLM}"] * 2
    )


def test_every_reason_has_a_remedy():
    assert set(REMEDIES) == set(get_args(RunReason))
    for reason in REMEDIES:
        assert why_none({reason: 7}) == f"{reason} 7. {REMEDIES[reason]}"
    assert why_none({"of tomorrow": 7, "too_deep": 1}) == "of tomorrow 7, too_deep 1"


def test_nothing_at_all_is_told_once(caplog):
    assert list(training_examples(LangSmithRunChatLoader([]).lazy_load())) == []
    assert list(examples_from_runs(iter(()))) == []
    assert list(training_examples([])) == []
    assert convert_messages_for_finetuning([]) == []
    assert caplog.messages == [
        "LangSmithRunChatLoader gives nothing: runs, a list, holds nothing",
        "examples_from_runs gives nothing: runs, a tuple_iterator, holds nothing; it gives its items only once, and may have "
        "been gone through before",
        "training_examples gives nothing: sessions, a list, holds nothing",
        "convert_messages_for_finetuning gives nothing: sessions, a list, holds nothing",
    ]


def test_sessions_that_are_all_left_out_are_told_with_the_commonest_reason(caplog):
    sessions = [{"messages": [HumanMessage("Hi")]}] * 2 + [{"messages": [5]}]
    assert list(training_examples(sessions, on_skip=lambda _: None)) == []
    assert caplog.messages == [
        "training_examples: none of 3 sessions can be an example. Most often (2) it has no assistant message, so there is "
        "nothing to learn. Leave the session out"
    ]


async def test_a_dataset_of_which_nothing_is_a_chat_is_told(caplog):
    class Client:
        def read_dataset_openai_finetuning(self, *, dataset_name):
            return lines

    lines = [{"messages": "?"}, {"messages": 5}]
    loader = LangSmithDatasetChatLoader(dataset_name="chats\x1b[2J", client=Client())
    assert loader.load() == [session async for session in loader.alazy_load()] == []
    lines.clear()
    assert loader.load() == []
    assert caplog.messages == [
        "LangSmithDatasetChatLoader: none of 2 examples of 'chats\\x1b[2J' is a chat. The first: messages must be a list, "
        "found a value of type str"
    ] * 2 + ["LangSmithDatasetChatLoader gives nothing: the dataset 'chats\\x1b[2J' has no examples"]
