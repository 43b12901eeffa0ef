"""Our drop-ins beside langchain-community's own functions, on every input that those handle.

Where the two differ, the difference is one of `DIFFERENCES`, with its reason; `docs/migrating.md` shows the table.
"""

from __future__ import annotations

import copy
import importlib
import json
import warnings
from contextlib import ExitStack

import langsmith
import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langsmith.schemas import Run

from langsmith_finetune import (
    InvalidExampleError,
    LangSmithDatasetChatLoader,
    LangSmithRunChatLoader,
    check,
    convert_messages_for_finetuning,
)
from tests.support import corpus, golden, payloads, wire
from tests.support.chat_exports import EXPORTS, telegram
from tests.support.paths import ROOT
from tests.support.standins.langsmith import KEY, PROJECT_ID, LangSmith

with warnings.catch_warnings():
    # It says on import that it is not maintained any more: that is why there is a drop-in.
    warnings.filterwarnings("ignore", "`langchain-community` is being sunset", DeprecationWarning)
    from langchain_community.adapters import openai as community
    from langchain_community.chat_loaders import langsmith as community_loaders
    from langchain_community.chat_loaders.utils import (
        map_ai_messages,
        map_ai_messages_in_session,
        merge_chat_runs,
        merge_chat_runs_in_session,
    )

pytestmark = [
    # Its loader revives whatever a payload names, and does not say what it would allow.
    pytest.mark.filterwarnings("ignore:The default value of `allowed_objects` will change"),
]

DIFFERENCES = {
    "calls": (
        'tool calls that LangChain has parsed: `"content": ""`, or the producer\'s own blocks',
        "`tool_calls`, with ids and arguments",
        "without them a model learns to say nothing",
    ),
    "arguments": (
        "the text of arguments as it stands in `additional_kwargs`",
        "the same JSON without spaces, and no keys beside it such as `index`",
        "one form for all producers; hosts refuse other keys",
    ),
    "functions": (
        "`function_call` and messages of the role `function`",
        "`tool_calls` and messages of the role `tool`, with an id made from the place",
        "hosts take no new jobs for the models that knew functions",
    ),
    "blocks": (
        "content in blocks of the producer's own: thinking, pieces of text, lone texts",
        "the text, as the host of the answer showed it; several parts stay parts",
        "no host trains on other blocks; thinking is kept on request",
    ),
    "names": (
        "`name=` of a message is left out, that in `additional_kwargs` is kept",
        "both are kept",
        "a name was part of what the model read",
    ),
    "refusals": ('a refusal becomes `"content": ""`', "`refusal`", "hosts train on it as such"),
    "context": (
        "Azure's `context` of an answer is kept in the message",
        "left out",
        "hosts refuse the key",
    ),
    "assistants": (
        "a session whose only answer is a `ChatMessage` of the role `assistant` is left out",
        "kept",
        "it has an answer",
    ),
    "roles": (
        "a `ChatMessage` of a role that no host knows is written as it is",
        "refused, with the session and the message",
        "the host would refuse the file, later",
    ),
    "pieces": (
        "a Telegram message with links or bold words is written in pieces that no host knows",
        "refused, with the session and the message; `merge_chat_runs` makes text of it before",
        "the host would refuse the file, later",
    ),
    "sent": (
        "messages as they were given to the chat model",
        "as the model sent them: put together, in its order, without what it leaves out",
        "that is what the model read",
    ),
    "refused": (
        'a run that failed, or whose answer is not whole, gives an answer of `""` or of blocks',
        "in `loader.skipped` with its reason",
        "there is nothing to learn from it",
    ),
}
"""What langchain-community does, what this library does, and why."""


# --- how the two are compared ------------------------------------------------------------------------------


def calls_of(message):
    calls = message.get("tool_calls") or []
    if function := message.get("function_call"):
        calls = [{"id": None, "function": function}]
    return [(call["function"]["name"], parsed(call["function"]["arguments"])) for call in calls]


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def text_of(content):
    """What blocks say in text, as far as anybody could see."""
    if not isinstance(content, list):
        return content
    said = [block if isinstance(block, str) else block.get("text") for block in content]
    return "".join(text for text in said if text)


def differences(theirs, ours):
    """The names of the differences between two messages; fails on any that is not listed."""
    theirs, ours, found = dict(theirs), dict(ours), set()
    if theirs["role"] == "function":
        assert ours.pop("tool_call_id").startswith("call_")
        theirs["role"] = "tool"
        found.add("functions")
    if "name" in ours and "name" not in theirs:
        assert ours.pop("name")
        found.add("names")
    if "context" in theirs:
        del theirs["context"]
        found.add("context")
    if "refusal" in ours:
        assert ours.pop("refusal")
        found.add("refusals")
    theirs_calls, ours_calls = calls_of(theirs), calls_of(ours)
    if ours_calls and not theirs_calls:
        found.add("calls")
    elif theirs_calls != ours_calls:
        raise AssertionError(f"calls differ: {theirs} {ours}")
    elif "function_call" in theirs:
        found.add("functions")
    elif theirs.get("tool_calls") and theirs["tool_calls"] != ours["tool_calls"]:
        assert [call["id"] for call in theirs["tool_calls"]] == [call["id"] for call in ours["tool_calls"]]
        found.add("arguments")
    for message in (theirs, ours):
        for key in ("function_call", "tool_calls"):
            message.pop(key, None)
    before, after = theirs.pop("content"), ours.pop("content")
    if before != after and isinstance(before, list):
        assert (text_of(before) or None) == (text_of(after) or None)
        found.add("blocks")
    elif before != after:
        assert (before or None, after or None) == (None, None)
        assert found & {"calls", "functions", "refusals", "context"}
    assert theirs == ours
    return found


def all_differences(theirs, ours):
    """The same of lists of dialogs."""
    assert [len(dialog) for dialog in theirs] == [len(dialog) for dialog in ours]
    return {
        name
        for before, after in zip(theirs, ours, strict=True)
        for one, other in zip(before, after, strict=True)
        for name in differences(one, other)
    }


# --- runs --------------------------------------------------------------------------------------------------


def flat(run):
    """A run of LangChain's in the one form that langchain-community reads."""
    run = copy.deepcopy(run)
    run["inputs"] = {**run["inputs"], "messages": run["inputs"]["messages"][0]}
    run["outputs"] = {**run["outputs"], "generations": run["outputs"]["generations"][0]}
    return run


SENT = ("jslc_names", "jslc_ollama_parts", "jslc_one_system", "jslc_texts_unsent")
"""Scenarios whose requests LangChain wrote otherwise than they were given to it: see `tests.dialects.test_wire`."""


def flat_runs():
    """Every captured run of LangChain's, and some made for the purpose."""
    found = {f"wire/{name}": run for name, run, _ in wire.cases("lc_", "jslc_") if not name.startswith(SENT)}
    for producer in corpus.producers():
        if "langchain" in producer:
            for number, (case, run) in enumerate(corpus.captured(producer)):
                found[f"{producer}/{case}[{number}]"] = run
    nested = {
        name: flat(run)
        for name, run in found.items()
        if isinstance((run.get("inputs") or {}).get("messages"), list)
        and isinstance((run.get("outputs") or {}).get("generations"), list)
    }
    made = {f"made/{name}": payloads.langchain_run(line, nested=False) for name, line in golden.LINES.items()}
    return nested | made


RUNS = flat_runs()


def as_read(run):
    """As langsmith's client gives it."""
    fields = ("id", "name", "run_type", "inputs", "outputs", "extra", "error", "start_time", "end_time")
    known = {field: run.get(field) for field in fields}
    return Run(**known, trace_id=run.get("trace_id", run["id"]), dotted_order="x")


def theirs_of(run):
    """Their sessions of a run; none where they fail, as they do with objects that LangChain could not dump."""
    try:
        return list(community_loaders.LangSmithRunChatLoader([run], client=object()).lazy_load())
    except NotImplementedError:
        return []


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "The default value of `allowed_objects` will change")
    HANDLED = [name for name, run in RUNS.items() if theirs_of(as_read(run))]


def test_there_are_runs_to_compare():
    assert len(HANDLED) >= 60


EXACT = {"jslc_plain", "jslc_stream", "lc_plain", "lc_async", "lc_stream", "lc_multimodal", "legacy_plain"}


@pytest.mark.parametrize("name", HANDLED)
def test_a_flat_run_gives_what_it_gave(name):
    run = as_read(RUNS[name])
    theirs = theirs_of(run)
    loader = LangSmithRunChatLoader([run])
    ours = list(loader.lazy_load())
    functions = [session.get("functions") for session in theirs]
    before = community.convert_messages_for_finetuning(theirs)
    if not ours:
        (skipped,) = loader.skipped
        assert skipped.reason == "failed" or not check([{"messages": before[0]}], "openai").ok
        return
    after = convert_messages_for_finetuning(ours)
    found = all_differences(before, after)
    if name.split("/")[1].partition("[")[0] in EXACT:
        assert after == before
    assert after == before or found
    # A session of theirs, converted by ours: people change one import at a time.
    assert all_differences(before, convert_messages_for_finetuning(theirs)) <= found | {"names"}
    assert [session.get("functions") for session in ours] == functions


def test_the_same_runs_are_left_out_as_before():
    run = RUNS["wire/lc_plain[0]"]
    runs = [
        as_read(run | change) for change in ({"run_type": "chain"}, {"outputs": None}, {"inputs": {}}, {})
    ]
    theirs = community_loaders.LangSmithRunChatLoader(runs, client=object())
    ours = LangSmithRunChatLoader(runs)
    assert len(list(theirs.lazy_load())) == len(list(ours.lazy_load())) == 1
    assert [error.reason for error in ours.skipped] == ["not_llm", "empty_output", "hidden"]


@pytest.fixture
def connect():
    """Makes langsmith's client, at a LangSmith with what is given."""
    with ExitStack() as stack:

        def connect(**there):
            server = stack.enter_context(LangSmith(**there))
            client = langsmith.Client(api_url=server.url, api_key=KEY, auto_batch_tracing=False)
            stack.callback(client.close)
            return client

        yield connect


@pytest.mark.filterwarnings(r"ignore:read_run\(\) is deprecated")  # theirs asks for each run by itself
def test_runs_by_id_are_read_by_the_same_client(connect):
    run = RUNS["wire/lc_plain[0]"] | {"session_id": PROJECT_ID, "parent_run_id": None, "tags": []}
    client = connect(runs=[run], v1=True)
    theirs = community_loaders.LangSmithRunChatLoader([run["id"]], client=client).load()
    ours = LangSmithRunChatLoader([run["id"]], client).load()
    assert len(ours) == 1
    assert convert_messages_for_finetuning(ours) == community.convert_messages_for_finetuning(theirs)


# --- datasets ----------------------------------------------------------------------------------------------

TOOL_CALL = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
LINES = [
    {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]},
    {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "W?"},
            {"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]},
            {"role": "tool", "content": "r", "tool_call_id": "call_0", "name": "f"},
            {"role": "assistant", "content": "k"},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "W?"},
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "content": "r", "name": "f"},
            {"role": "assistant", "content": ""},
        ],
        "functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}],
    },
    {"messages": [{"role": "user", "content": "nobody answers"}]},
]


@pytest.mark.parametrize(
    ("line", "expected"), list(zip(LINES, [set(), set(), {"functions"}, set()], strict=True))
)
def test_a_chat_dataset_gives_what_it_gave(connect, line, expected):
    settings = {"dataset_name": "chats", "client": connect(datasets={"chats": [line]})}
    theirs = community_loaders.LangSmithDatasetChatLoader(**settings).load()
    ours = LangSmithDatasetChatLoader(**settings).load()
    before = community.convert_messages_for_finetuning(theirs)
    assert all_differences(before, convert_messages_for_finetuning(ours)) == expected
    assert all_differences(before, convert_messages_for_finetuning(theirs)) == expected
    assert [session.get("functions") for session in ours] == [line.get("functions")]


# --- exports of chat programs ------------------------------------------------------------------------------


def sessions_of(name, folder):
    module, loader, make, sender = EXPORTS[name]
    kind = getattr(importlib.import_module(f"langchain_community.chat_loaders.{module}"), loader)
    return kind(str(make(folder))).load(), sender


STEPS = {
    "as they are": lambda sessions, sender: sessions,
    "merged": lambda sessions, sender: list(merge_chat_runs(sessions)),
    "mapped": lambda sessions, sender: list(map_ai_messages(sessions, sender)),
    "merged and mapped": lambda sessions, sender: list(map_ai_messages(merge_chat_runs(sessions), sender)),
    "mapped and merged": lambda sessions, sender: list(merge_chat_runs(map_ai_messages(sessions, sender))),
    "one by one": lambda sessions, sender: [
        merge_chat_runs_in_session(map_ai_messages_in_session(session, sender)) for session in sessions
    ],
}


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_gives_what_it_gave(tmp_path, name, steps):
    sessions, sender = sessions_of(name, tmp_path)
    sessions = STEPS[steps](sessions, sender)
    before = community.convert_messages_for_finetuning(copy.deepcopy(sessions))
    assert convert_messages_for_finetuning(sessions) == before
    assert bool(before) == (steps not in ("as they are", "merged"))  # who says nothing teaches nothing


def test_the_exports_hold_what_people_write(tmp_path):
    texts = []
    for number, name in enumerate(EXPORTS):
        (tmp_path / str(number)).mkdir()
        sessions, sender = sessions_of(name, tmp_path / str(number))
        senders = [m.additional_kwargs["sender"] for session in sessions for m in session["messages"]]
        assert sender in senders
        texts += [message.content for session in sessions for message in session["messages"]]
    assert any("你好" in text for text in texts)
    assert "" in texts


def test_rich_text_of_telegram_wants_to_be_merged(tmp_path):
    module = importlib.import_module("langchain_community.chat_loaders.telegram")
    mapped = list(
        map_ai_messages(module.TelegramChatLoader(telegram(tmp_path, rich=True)).load(), "Ada Lovelace")
    )
    before = community.convert_messages_for_finetuning(copy.deepcopy(mapped))
    assert not check([{"messages": before[0]}], "openai").ok
    with pytest.raises(InvalidExampleError, match=r"^session 0: messages\[5\]\.content\[1\]\.type: "):
        convert_messages_for_finetuning(mapped)
    merged = list(merge_chat_runs(mapped))
    after = convert_messages_for_finetuning(copy.deepcopy(merged))
    assert after == community.convert_messages_for_finetuning(merged)
    assert after[0][-1]["content"] == "see https://example.com now!"


# --- sessions made by hand ---------------------------------------------------------------------------------

CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
Q, A = HumanMessage("q"), AIMessage("a")
SESSIONS = {
    "nothing": ([], set()),
    "no answer": ([Q], set()),
    "text": ([SystemMessage("s"), Q, A, HumanMessage(" b \n"), AIMessage("")], set()),
    "chat messages": ([ChatMessage(role="user", content="q"), ChatMessage(role="assistant", content="x"), A], set()),
    "a picture": ([HumanMessage([{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}},
                                 {"type": "text", "text": "?"}]), A], set()),
    "names in kwargs": ([HumanMessage("q", additional_kwargs={"name": "ada"}), A], set()),
    "names": ([HumanMessage("q", name="ada"), AIMessage("a", name="bot")], {"names"}),
    "parsed calls": (
        [Q, AIMessage("", tool_calls=[{"name": "f", "args": {"a": 1}, "id": "c"}]), ToolMessage("r", tool_call_id="c"), A],
        {"calls"},
    ),
    "raw calls": (
        [Q, AIMessage("", additional_kwargs={"tool_calls": [CALL]}), ToolMessage("r", tool_call_id="c"), A],
        {"arguments"},
    ),
    "functions": (
        [Q, AIMessage("", additional_kwargs={"function_call": CALL["function"]}), FunctionMessage("r", name="f"), A],
        {"functions"},
    ),
    "one block": ([HumanMessage([{"type": "text", "text": "q"}]), AIMessage([{"type": "text", "text": "a"}])], {"blocks"}),
    "thinking": ([Q, AIMessage([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}])], {"blocks"}),
    "a refusal": ([Q, AIMessage("", additional_kwargs={"refusal": "no"})], {"refusals"}),
    "a context": ([Q, AIMessage("", additional_kwargs={"context": {"m": 1}})], {"context"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_gives_what_it_gave(name):
    messages, expected = SESSIONS[name]
    before = community.convert_messages_for_finetuning([{"messages": copy.deepcopy(messages)}])
    after = convert_messages_for_finetuning([{"messages": messages}])
    assert all_differences(before, after) == expected
    assert (after == before) is not bool(expected)


def test_an_answer_of_a_chat_message_is_one():
    session = {"messages": [Q, ChatMessage(role="assistant", content="x")]}
    assert community.convert_messages_for_finetuning([session]) == []
    assert convert_messages_for_finetuning([session])[0][1] == {"role": "assistant", "content": "x"}


def test_a_role_that_no_host_knows_is_refused():
    session = {"messages": [ChatMessage(role="Ada", content="q"), A]}
    before = community.convert_messages_for_finetuning([session])
    assert not check([{"messages": before[0]}], "openai").ok
    with pytest.raises(InvalidExampleError, match=r"^session 0: messages\[0\]\.role: must be one of "):
        convert_messages_for_finetuning([session])


# --- the table ---------------------------------------------------------------------------------------------


def table():
    """The table of docs/migrating.md."""
    rows = ["| langchain-community | langsmith-finetune | why |", "|---|---|---|"]
    return "\n".join(
        [*rows, *(f"| {theirs} | {ours} | {why} |" for theirs, ours, why in DIFFERENCES.values())]
    )


def test_the_documented_differences_are_these():
    page = (ROOT / "docs" / "migrating.md").read_text(encoding="utf-8")
    assert table() in page, f"docs/migrating.md should have:\n\n{table()}"


def test_each_documented_difference_is_shown_by_a_test():
    shown = set().union(*(expected for _, expected in SESSIONS.values()))
    assert shown | {"assistants", "roles", "pieces", "refused", "sent"} == DIFFERENCES.keys()
